//! Who is on call, and when (`E6`): people who take over from each other every week, or a calendar's shifts, and what is agreed beside
//! that.

pub(crate) mod read;
pub mod shifts;

use super::wall::{WeekTime, shown_at};
use super::zone::Zone;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// The word in a step's `mention` and `assign` that stands for whoever is on call.
pub const WORD: &str = "oncall";
/// Shifts of one person that follow each other are looked through for so many edges.
const MOST_EDGES: usize = 1000;

/// Who is on call.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCall {
    /// In which times without a zone are read.
    pub zone: Zone,
    /// By what people take turns.
    pub turns: Turns,
    /// What is agreed beside that. Of two that overlap the later in the list counts.
    pub overrides: Vec<Override>,
    /// Who is asked while nobody is on call.
    pub fallback: Option<String>,
    /// What somebody is called in chats, where that is not the name.
    pub mentions: BTreeMap<String, Called>,
}

/// By what people take turns.
#[derive(Debug, Clone, PartialEq)]
pub enum Turns {
    /// Every week the next one.
    Rotation(Rotation),
    /// By a calendar.
    Calendar(Vec<shifts::Shift>),
}

/// People who take over from each other every week.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// In the order in which they take over; at least one.
    pub people: Vec<String>,
    /// When the next one takes over.
    pub hand_over: WeekTime,
    /// The day of a hand-over on which the first of them took over; before it nobody is on call.
    pub since: Date,
}

/// A time that is agreed beside the turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// From when.
    pub from: Timestamp,
    /// Until when, this instant not included.
    pub until: Timestamp,
    /// Who is on call then; `None`: nobody.
    pub person: Option<String>,
}

/// What somebody is called in chats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// In every chat.
    pub everywhere: Option<String>,
    /// In some chats, by the channel's name.
    pub in_channel: BTreeMap<String, String>,
}

/// A time over which the same person is on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift<'a> {
    /// Who; `None`: nobody.
    pub person: Option<&'a str>,
    /// Since when; `None`: since always, or longer than anybody counts.
    pub from: Option<Timestamp>,
    /// Until when, this instant not included; `None`: for ever, or longer than anybody counts.
    pub until: Option<Timestamp>,
}

impl Rotation {
    /// The instant of a hand-over, by its number from [`Rotation::since`] on.
    fn hand_over_at(&self, number: i64, zone: &Zone) -> Timestamp {
        let day = self.since.saturating_add((number.saturating_mul(7)).days());
        shown_at(zone.rules(), day.to_datetime(self.hand_over.time))
    }

    /// The number of the hand-over before or at an instant; below zero: the rotation has not begun.
    fn turn(&self, at: Timestamp, zone: &Zone) -> i64 {
        let day = zone.rules().to_datetime(at).date();
        let days = self.since.until(day).map_or(0, |span| i64::from(span.get_days()));
        let near = days.div_euclid(7);
        // The day of a hand-over belongs to the week before until its time has come.
        [near + 1, near, near - 1].into_iter().find(|turn| self.hand_over_at(*turn, zone) <= at).unwrap_or(near - 1)
    }
}

impl Turns {
    fn at(&self, at: Timestamp, zone: &Zone) -> Option<&str> {
        match self {
            Self::Rotation(rotation) => {
                let turn = usize::try_from(rotation.turn(at, zone)).ok()?;
                rotation.people.get(turn.checked_rem(rotation.people.len())?).map(String::as_str)
            }
            Self::Calendar(shifts) => shifts::at(shifts, at),
        }
    }

    fn edge_at_or_before(&self, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Rotation(rotation) => {
                let turn = rotation.turn(at, zone);
                // Before the first hand-over nothing changes; of one person there is only the first.
                (turn >= 0).then(|| rotation.hand_over_at(if rotation.people.len() > 1 { turn } else { 0 }, zone))
            }
            Self::Calendar(shifts) => shifts::edge_at_or_before(shifts, at),
        }
    }

    fn edge_after(&self, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Rotation(rotation) => Some(rotation.hand_over_at((rotation.turn(at, zone) + 1).max(0), zone)).filter(|edge| *edge > at),
            Self::Calendar(shifts) => shifts::edge_after(shifts, at),
        }
    }

    /// After so many edges that change nobody, none will.
    fn most_edges(&self) -> usize {
        match self {
            Self::Rotation(rotation) => rotation.people.len(),
            Self::Calendar(shifts) => shifts.len().saturating_mul(2).saturating_add(MOST_EDGES),
        }
    }

    /// Everybody who takes a turn.
    #[must_use]
    pub fn people(&self) -> Vec<String> {
        match self {
            Self::Rotation(rotation) => rotation.people.clone(),
            Self::Calendar(shifts) => shifts.iter().map(|shift| shift.person.clone()).collect(),
        }
    }
}

impl OnCall {
    fn agreed(&self, at: Timestamp) -> Option<&Override> {
        self.overrides.iter().rev().find(|agreed| agreed.from <= at && at < agreed.until)
    }

    /// Who is on call at an instant; `None`: nobody.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<&str> {
        if let Some(agreed) = self.agreed(at) {
            return agreed.person.as_deref();
        }
        self.turns.at(at, &self.zone)
    }

    /// Who is asked at an instant: whoever is on call, else the fallback.
    #[must_use]
    pub fn asked(&self, at: Timestamp) -> Option<&str> {
        self.at(at).or(self.fallback.as_deref())
    }

    /// The time around an instant over which nothing changes but who it is.
    #[must_use]
    pub fn shift(&self, at: Timestamp) -> Shift<'_> {
        let person = self.at(at);
        let (mut from, mut since) = (None, at);
        for _ in 0..=self.most_edges() {
            let Some(edge) = self.edge_at_or_before(since) else { break };
            since = edge.saturating_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(edge);
            if since == edge || self.at(since) != person {
                from = Some(edge);
                break;
            }
        }
        let mut until = Some(at);
        // One person alone is never relieved.
        for _ in 0..=self.most_edges() {
            until = until.and_then(|at| self.edge_after(at));
            if until.is_none_or(|edge| self.at(edge) != person) {
                return Shift { person, from, until };
            }
        }
        Shift { person, from, until: None }
    }

    fn most_edges(&self) -> usize {
        self.turns.most_edges().saturating_add(self.overrides.len() * 2).saturating_add(1)
    }

    fn edges(&self) -> impl Iterator<Item = Timestamp> {
        self.overrides.iter().flat_map(|agreed| [agreed.from, agreed.until])
    }

    fn edge_at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        let own = self.turns.edge_at_or_before(at, &self.zone);
        own.into_iter().chain(self.edges().filter(|edge| *edge <= at)).max()
    }

    fn edge_after(&self, at: Timestamp) -> Option<Timestamp> {
        let own = self.turns.edge_after(at, &self.zone);
        own.into_iter().chain(self.edges().filter(|edge| *edge > at)).min()
    }

    /// What somebody is called in a channel.
    #[must_use]
    pub fn called<'a>(&'a self, person: &'a str, channel: &str) -> &'a str {
        let called = self.mentions.get(person);
        let here = called.and_then(|called| called.in_channel.get(channel).or(called.everywhere.as_ref()));
        here.map_or(person, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rotation(people: &[&str], zone: &str) -> OnCall {
        OnCall {
            zone: Zone::named(zone).unwrap(),
            turns: Turns::Rotation(Rotation {
                people: people.iter().map(|name| (*name).to_owned()).collect(),
                hand_over: "Monday 09:00".parse().unwrap(),
                since: "2026-01-05".parse().unwrap(),
            }),
            overrides: Vec::new(),
            fallback: Some("boss".into()),
            mentions: BTreeMap::new(),
        }
    }

    #[test]
    fn e6_people_take_over_on_the_day_and_at_the_time_through_summer_and_winter() {
        let on_call = rotation(&["ann", "ben", "carol"], "Europe/Paris");
        for (when, who) in [
            ("2026-01-05T07:59:59Z", None),
            ("2026-01-05T08:00:00Z", Some("ann")),
            ("2026-01-12T07:59:59Z", Some("ann")),
            ("2026-01-12T08:00:00Z", Some("ben")),
            ("2026-01-26T08:00:00Z", Some("ann")),
            // 2026-03-30 is the first Monday of summer time: an hour earlier in UTC.
            ("2026-03-30T06:59:59Z", Some("carol")),
            ("2026-03-30T07:00:00Z", Some("ann")),
            ("2026-10-26T07:59:59Z", Some("carol")),
            ("2026-10-26T08:00:00Z", Some("ann")),
        ] {
            assert_eq!(on_call.at(at(when)), who, "{when}");
            assert_eq!(on_call.asked(at(when)), Some(who.unwrap_or("boss")), "{when}");
        }
        let shift = on_call.shift(at("2026-03-28T12:00:00Z"));
        assert_eq!(shift, Shift { person: Some("carol"), from: Some(at("2026-03-23T08:00:00Z")), until: Some(at("2026-03-30T07:00:00Z")) });
        let before = on_call.shift(at("2025-12-24T12:00:00Z"));
        assert_eq!(before, Shift { person: None, from: None, until: Some(at("2026-01-05T08:00:00Z")) });
    }

    #[test]
    fn e6_what_is_agreed_goes_before_the_rotation_and_the_later_word_counts() {
        let mut on_call = rotation(&["ann", "ben"], "UTC");
        let agreed = |from: &str, until: &str, person: Option<&str>| Override {
            from: at(from),
            until: at(until),
            person: person.map(str::to_owned),
        };
        on_call.overrides = vec![
            agreed("2026-01-06T00:00:00Z", "2026-01-09T00:00:00Z", Some("dora")),
            agreed("2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z", None),
        ];
        let who = |when: &str| on_call.at(at(when));
        assert_eq!([who("2026-01-05T12:00:00Z"), who("2026-01-06T12:00:00Z")], [Some("ann"), Some("dora")]);
        assert_eq!([who("2026-01-07T12:00:00Z"), who("2026-01-08T00:00:00Z")], [None, Some("dora")]);
        assert_eq!(on_call.shift(at("2026-01-07T12:00:00Z")).from, Some(at("2026-01-07T00:00:00Z")));
        assert_eq!(on_call.shift(at("2026-01-07T12:00:00Z")).until, Some(at("2026-01-08T00:00:00Z")));
    }

    #[test]
    fn e6_who_is_alone_is_never_relieved_and_each_chat_knows_them_by_its_own_name() {
        let mut on_call = rotation(&["ann"], "UTC");
        let shift = on_call.shift(at("2026-06-01T12:00:00Z"));
        assert_eq!(shift, Shift { person: Some("ann"), from: Some(at("2026-01-05T09:00:00Z")), until: None });
        let in_channel = [("discord".to_owned(), "123".to_owned())].into();
        on_call.mentions.insert("ann".into(), Called { everywhere: Some("U1".into()), in_channel });
        assert_eq!([on_call.called("ann", "support"), on_call.called("ann", "discord"), on_call.called("ben", "x")], ["U1", "123", "ben"]);
    }

    proptest! {
        /// At every instant one person is asked: the one whom a walk over all hand-overs finds, or the fallback; and a shift is a time
        /// over which that does not change, and at whose ends it does.
        #[test]
        fn e6_at_every_instant_exactly_one_is_asked(
            seconds in 1_700_000_000_i64..1_900_000_000,
            people in 1_usize..5,
            zone in prop::sample::select(vec!["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
            hour in 0_i8..24,
            agreed in prop::collection::vec((1_767_000_000_i64..1_780_000_000, 1_i64..2_000_000, prop::option::of(0_usize..4)), 0..4),
        ) {
            let names = ["ann", "ben", "carol", "dora"];
            let mut on_call = rotation(&names[..people], zone);
            let Turns::Rotation(rotation) = &mut on_call.turns else { panic!("a rotation") };
            rotation.hand_over.time = jiff::civil::Time::new(hour, 30, 0, 0).unwrap();
            let (since, time) = (rotation.since, rotation.hand_over.time);
            let second = |s: i64| Timestamp::from_second(s).unwrap();
            on_call.overrides = agreed.iter().map(|(from, length, who)| Override {
                from: second(*from), until: second(from + length), person: who.map(|place| names[place].to_owned()),
            }).collect();
            let now = second(seconds);
            let mut rotating = None;
            for week in 0..600 {
                let day = since.saturating_add((week * 7).days());
                if on_call.zone.rules().to_timestamp(day.to_datetime(time)).unwrap() > now { break }
                rotating = Some(names[usize::try_from(week).unwrap() % people]);
            }
            let last = on_call.overrides.iter().rfind(|one| one.from <= now && now < one.until);
            let expected = last.map_or(rotating, |one| one.person.as_deref());
            prop_assert_eq!(on_call.at(now), expected);
            prop_assert_eq!(on_call.asked(now), Some(expected.unwrap_or("boss")));
            let shift = on_call.shift(now);
            prop_assert_eq!(shift.person, expected);
            let nano = jiff::SignedDuration::from_nanos(1);
            if let Some(from) = shift.from {
                prop_assert!(from <= now);
                prop_assert_eq!(on_call.at(from), expected);
                prop_assert_ne!(on_call.at(from - nano), expected);
            }
            if let Some(until) = shift.until {
                prop_assert!(until > now);
                prop_assert_eq!(on_call.at(until - nano), expected);
                prop_assert_ne!(on_call.at(until), expected);
            }
        }
    }
}
