//! An import of an export changes nothing, whatever is stored.

use super::Fixture;
use crate::domain::partner::{Membership, Partner, TierPeriod};
use crate::domain::{PartnerId, UserId};
use crate::programme::TierId;
use jiff::Timestamp;
use proptest::prelude::*;

#[tokio::test]
async fn the_file_looks_like_this() {
    let fixture = Fixture::in_zone("Europe/Paris").await;
    fixture.ok(&["add", "acme", "--name", "=Acme", "--tier", "gold", "--from", "2026-01-01", "--until", "2026-12-31"]).await;
    fixture.ok(&["member", "add", "acme", "ann", "bob", "--id", "1", "--id", "?"]).await;
    fixture.ok(&["set-tier", "acme", "platinum"]).await;
    fixture.ok(&["add", "--name", "X, \"Y\"", "--tier", "now", "--id", "7", "--time-zone", "Asia/Tokyo", "--", "-x"]).await;
    let list = "partner,name,tier,logins,github_ids,from,until,time_zone\n\
                '-x,\"X, \"\"Y\"\"\",now,,7,,,Asia/Tokyo\n\
                acme,'=Acme,gold,ann bob,1 ?,2026-01-01,2026-11-22T10:00:00Z,\n\
                acme,'=Acme,platinum,,,2026-11-22T10:00:00Z,,\n";
    assert_eq!(fixture.export().await, list);
    assert_eq!(fixture.import(list).await, "nothing changed: 2 partners\n");
    let path = fixture.path("out.csv");
    assert_eq!(fixture.ok(&["export", &path]).await, format!("{path}: 3 rows, 2 partners\n"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), list);
    let other = Fixture::in_zone("Europe/Paris").await;
    other.import(list).await;
    assert_eq!(other.export().await, list);
}

#[tokio::test]
async fn a_partner_without_a_tier_survives() {
    let fixture = Fixture::new().await;
    fixture.ok(&["add", "acme", "--name", "Acme", "--tier", "gold", "--from", "2027-01-01"]).await;
    fixture.ok(&["end", "acme"]).await;
    let list = fixture.export().await;
    assert!(list.ends_with("\nacme,Acme,,,,,,\n"), "{list}");
    assert_eq!(fixture.import(&list).await, "nothing changed: 1 partner\n");
}

/// A day in local time, or an instant that is none.
fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1_i64..86_400_000]
        .prop_flat_map(|odd| (20_000_i64..21_000).prop_map(move |day| day * 86_400_000 - 3_600_000 + odd))
}

fn partner(id: &'static str) -> impl Strategy<Value = Partner> {
    let tier = prop::sample::select(&["now", "silver", "gold"][..]);
    let periods = prop::collection::vec((tier, prop::option::of(instant()), prop::option::of(instant())), 0..4);
    let name = "['=+@ -]{0,3}[a-zA-Zé=,\"; -]{1,8}";
    (name, periods, prop::option::of(Just("Asia/Tokyo"))).prop_map(move |(name, periods, zone)| {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let name = if name.trim().is_empty() { "x".to_owned() } else { name.trim().to_owned() };
        let mut partner =
            Partner { id: PartnerId::new(id).unwrap(), name, time_zone: zone.map(str::to_owned), tiers: Vec::<TierPeriod>::new() };
        for (tier, from, until) in periods {
            if from.zip(until).is_none_or(|(from, until)| from < until) {
                partner.put_tier(TierId(tier.to_owned()), from.map(at), until.map(at));
            }
        }
        partner
    })
}

/// Few logins and ids, so that they meet.
fn member() -> impl Strategy<Value = Membership> {
    let login = prop::sample::select(&["ann", "Ann", "bob", "cid", "dependabot[bot]", ""][..]);
    let edges = (prop::option::of(instant()), prop::option::of(instant()));
    (any::<bool>(), prop::option::of(1_i64..4), login, edges, any::<bool>()).prop_filter_map(
        "nobody",
        |(first, user, login, edges, flag)| {
            let at = |ms| Timestamp::from_millisecond(ms).unwrap();
            let given = !login.is_empty() && !login.contains('[');
            (user.is_some() || given).then(|| Membership {
                partner: PartnerId::new(if first { "acme" } else { "-globex" }).unwrap(),
                user: user.map(UserId),
                login: login.to_owned(),
                from: edges.0.map(at),
                until: edges.1.map(at),
                primary: flag,
                lookup_failed: user.is_none() && flag,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn p3_an_import_of_an_export_changes_nothing(
        acme in partner("acme"),
        globex in partner("-globex"),
        members in prop::collection::vec(member(), 0..6),
        zone in prop::sample::select(&["UTC", "Europe/Paris"][..]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::in_zone(zone).await;
            let mut tx = fixture.desk.store.write().await.unwrap();
            for partner in [&acme, &globex] {
                tx.put_partner(partner).await.unwrap();
            }
            for member in &members {
                tx.put_member(None, member).await.unwrap();
            }
            tx.commit().await.unwrap();
            let list = fixture.export().await;
            let said = fixture.import(&list).await;
            prop_assert!(said.ends_with("nothing changed: 2 partners\n"), "{said}\n{list}");
            prop_assert_eq!(fixture.partner("acme").await, acme);
            prop_assert_eq!(fixture.partner("-globex").await, globex);
            prop_assert_eq!(fixture.export().await, list);
            Ok(())
        })?;
    }
}
