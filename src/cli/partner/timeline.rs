//! How a list of dated tiers changes a partner's own (`Q8`, `Q9`).

use crate::domain::partner::{Partner, TierPeriod};
use crate::programme::TierId;
use jiff::Timestamp;

/// The tier in force already began at or after the end that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndsTooEarly {
    /// Which.
    pub tier: TierId,
    /// When it began.
    pub began: Timestamp,
}

/// What rows say together about the tiers of a partner: those that begin later lie over those that begin earlier.
pub(super) fn listed(partner: &Partner, mut rows: Vec<TierPeriod>) -> Vec<TierPeriod> {
    rows.sort_by_key(|row| row.from);
    let mut alone = Partner { tiers: Vec::new(), ..partner.clone() };
    for row in rows {
        alone.put_tier(row.tier, row.from, row.until);
    }
    alone.tiers
}

/// Puts a list over what a partner has. What the list says nothing about stays, and the same list twice is the same as once.
///
/// # Errors
/// An end before the beginning of the tier that it would end.
pub(super) fn overlay(partner: &mut Partner, list: Vec<TierPeriod>, now: Timestamp) -> Result<(), EndsTooEarly> {
    if partner.tiers.is_empty() {
        partner.tiers = list;
        return Ok(());
    }
    for TierPeriod { tier, from, until } in list {
        match from {
            None => undated(partner, tier, until, now)?,
            Some(from) => {
                // In force there already, and no end was given: another tier that follows without being on the list stays.
                let until = match period_at(partner, &tier, from) {
                    Some(_) => until.or_else(|| next_other(partner, &tier, from)),
                    None => until,
                };
                put(partner, &tier, Some(from), until);
            }
        }
    }
    Ok(())
}

/// A tier without a beginning acts from now, unless it is in force or was before (`Q8`).
fn undated(partner: &mut Partner, tier: TierId, until: Option<Timestamp>, now: Timestamp) -> Result<(), EndsTooEarly> {
    if partner.tiers.iter().any(|period| period.tier == tier && period.until == until) {
        return Ok(());
    }
    match (period_at(partner, &tier, now).cloned(), until) {
        (Some(_), None) => {}
        (Some(TierPeriod { from: Some(began), .. }), Some(until)) if until <= began => return Err(EndsTooEarly { tier, began }),
        (Some(TierPeriod { from, .. }), until) => put(partner, &tier, from, until),
        // It is over by now: history, since always.
        (None, Some(end)) if end <= now => put(partner, &tier, None, until),
        (None, _) => put(partner, &tier, Some(now), until),
    }
    Ok(())
}

/// Puts a tier over `[from, until)`, where `until` is an end of this tier even if it would have gone on.
pub(super) fn put(partner: &mut Partner, tier: &TierId, from: Option<Timestamp>, until: Option<Timestamp>) {
    partner.put_tier(tier.clone(), from, until);
    // The rest of the same tier has been joined to what was put; another tier takes over again.
    if let Some(until) = until
        && let Some(rest) = partner.tiers.iter_mut().find(|period| period.tier == *tier && covers(period, until))
    {
        rest.until = Some(until);
    }
}

fn period_at<'p>(partner: &'p Partner, tier: &TierId, at: Timestamp) -> Option<&'p TierPeriod> {
    partner.tiers.iter().find(|period| period.tier == *tier && covers(period, at))
}

/// When the next period of another tier begins.
fn next_other(partner: &Partner, tier: &TierId, after: Timestamp) -> Option<Timestamp> {
    let others = partner.tiers.iter().filter(|period| period.tier != *tier);
    others.filter_map(|period| period.from).filter(|from| *from > after).min()
}

fn covers(period: &TierPeriod, at: Timestamp) -> bool {
    period.from.is_none_or(|from| from <= at) && period.until.is_none_or(|until| at < until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartnerId;
    use proptest::prelude::*;

    const NOW: i64 = 50;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
    }

    type Short = (&'static str, Option<i64>, Option<i64>);

    fn periods(list: &[Short]) -> Vec<TierPeriod> {
        list.iter()
            .map(|(tier, from, until)| TierPeriod { tier: TierId((*tier).into()), from: from.map(at), until: until.map(at) })
            .collect()
    }

    fn partner(list: &[Short]) -> Partner {
        Partner { id: PartnerId::new("acme").unwrap(), name: "Acme".into(), time_zone: None, tiers: periods(list) }
    }

    fn after(before: &[Short], rows: &[Short]) -> Vec<TierPeriod> {
        let mut partner = partner(before);
        let list = listed(&partner, periods(rows));
        overlay(&mut partner, list, at(NOW)).unwrap();
        partner.tiers
    }

    #[test]
    fn a_tier_without_a_beginning_acts_from_now_or_stays() {
        let gold = [("gold", None, None)];
        assert_eq!(after(&[], &gold), periods(&gold));
        assert_eq!(after(&gold, &gold), periods(&gold));
        assert_eq!(after(&gold, &[("silver", None, None)]), periods(&[("gold", None, Some(50)), ("silver", Some(50), None)]));
        // A change that is planned stays, and so does a tier that is over.
        let planned = [("gold", None, Some(60)), ("silver", Some(60), None)];
        assert_eq!(after(&planned, &gold), periods(&planned));
        assert_eq!(after(&[("gold", None, Some(40))], &[("gold", None, Some(40))]), periods(&[("gold", None, Some(40))]));
    }

    #[test]
    fn an_end_that_is_given_moves_the_end() {
        let until = |end| [("gold", None, Some(end))];
        assert_eq!(after(&[("gold", None, None)], &until(70)), periods(&until(70)));
        assert_eq!(after(&until(60), &until(70)), periods(&until(70)));
        // The same with a beginning: the rest of the tier does not go on behind the end.
        assert_eq!(after(&[("gold", Some(10), None)], &[("gold", Some(10), Some(70))]), periods(&[("gold", Some(10), Some(70))]));
        assert_eq!(after(&[("gold", Some(10), Some(70))], &[("gold", Some(10), None)]), periods(&[("gold", Some(10), None)]));
    }

    #[test]
    fn an_end_before_the_beginning_is_refused() {
        let mut gold = partner(&[("gold", Some(45), None)]);
        let error = overlay(&mut gold, periods(&[("gold", None, Some(40))]), at(NOW)).unwrap_err();
        assert_eq!(error, EndsTooEarly { tier: TierId("gold".into()), began: at(45) });
    }

    #[test]
    fn rows_lie_over_each_other_in_the_order_of_their_beginnings() {
        let rows = [("gold", Some(20), None), ("silver", None, None), ("basic", Some(30), Some(35))];
        let both = [("silver", None, Some(20)), ("gold", Some(20), Some(30)), ("basic", Some(30), Some(35)), ("gold", Some(35), None)];
        assert_eq!(after(&[], &rows), periods(&both));
        assert_eq!(after(&both, &rows), periods(&both));
    }

    #[test]
    fn a_later_period_that_is_not_listed_stays() {
        let both = [("gold", Some(10), Some(60)), ("silver", Some(60), None)];
        assert_eq!(after(&both, &[("gold", Some(10), None)]), periods(&both));
        assert_eq!(after(&both, &[("basic", Some(55), None)]), periods(&[("gold", Some(10), Some(55)), ("basic", Some(55), None)]));
    }

    fn some_rows() -> impl Strategy<Value = Vec<TierPeriod>> {
        let row = (prop::sample::select(&["now", "silver", "gold"][..]), prop::option::of(0_i64..100), prop::option::of(1_i64..50));
        let row = row.prop_map(|(tier, from, length)| TierPeriod {
            tier: TierId(tier.into()),
            from: from.map(at),
            until: length.map(|length| at(from.unwrap_or(40) + length)),
        });
        prop::collection::vec(row, 0..5).prop_map(|mut rows| {
            // The file's reader refuses two that begin together.
            rows.sort_by_key(|row| row.from);
            rows.dedup_by_key(|row| row.from);
            rows
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn the_same_list_twice_is_the_same_as_once(before in some_rows(), rows in some_rows(), later in 0_i64..60) {
            let mut once = partner(&[]);
            once.tiers = listed(&once, before);
            let list = listed(&once, rows);
            if overlay(&mut once, list.clone(), at(NOW)).is_ok() {
                // A tier without either edge acts again once another one that was planned has taken over: time passes for the others.
                let later = if list.iter().any(|row| row.from.is_none() && row.until.is_none()) { 0 } else { later };
                let mut twice = once.clone();
                overlay(&mut twice, list, at(NOW + later)).unwrap();
                prop_assert_eq!(twice, once);
            }
        }

        #[test]
        fn what_a_partner_has_changes_nothing(before in some_rows(), now in 0_i64..120) {
            let mut partner = partner(&[]);
            partner.tiers = listed(&partner, before);
            let before = partner.clone();
            let list = listed(&partner, before.tiers.clone());
            prop_assert_eq!(&list, &before.tiers);
            overlay(&mut partner, list, at(now)).unwrap();
            prop_assert_eq!(partner, before);
        }
    }
}
