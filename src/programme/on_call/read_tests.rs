use super::super::{OnCall, Turns};
use super::*;
use jiff::Timestamp;
use jiff::ToSpan as _;
use proptest::prelude::*;
use std::fmt::Write as _;

/// A file with these events, the first from line 3 on.
fn file(events: &[&str]) -> String {
    let events: Vec<_> = events.iter().map(|lines| format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n")).collect();
    let events = events.concat();
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n")
}

fn read_in(zone: &str, events: &[&str]) -> Result<OnCall, Vec<String>> {
    let zone = Zone::named(zone).unwrap();
    let shifts = shifts("oncall.ics", &file(events), &zone);
    let shifts = shifts.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let (overrides, fallback, mentions) = (Vec::new(), None, std::collections::BTreeMap::default());
    Ok(OnCall { zone, turns: Turns::Calendar(shifts), overrides, fallback, mentions })
}

fn calendar(events: &[&str]) -> OnCall {
    read_in("Europe/Paris", events).unwrap()
}

fn problem(lines: &str) -> String {
    let [found] = &read_in("Europe/Paris", &[lines]).unwrap_err()[..] else { panic!("one problem") };
    found.clone()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn are(on_call: &OnCall, expected: &[(&str, Option<&str>)]) {
    for (when, who) in expected {
        assert_eq!(on_call.at(at(when)), *who, "{when}");
    }
}

#[test]
fn e6_a_shift_is_an_event_and_its_summary_says_whose() {
    let on_call = calendar(&[
        "SUMMARY:ann\nDTSTART;TZID=Europe/Paris:20261116T090000\nDTEND;TZID=Europe/Paris:20261123T090000",
        "SUMMARY: Ben\\, of  \n the night\nDTSTART:20261123T080000Z\nDURATION:P1D",
        "SUMMARY:carol\nDTSTART;VALUE=DATE:20261126\nDTEND;VALUE=DATE:20261128",
        "SUMMARY:dora\nDTSTART;VALUE=DATE:20261201",
        "SUMMARY:eve\nDTSTART:20261203T220000\nDTEND;TZID=America/New_York:20261204T030000",
        "SUMMARY:nobody any more\nDTSTART:20261201T000000\nDTEND:20261231T000000\nSTATUS:CANCELLED",
    ]);
    are(
        &on_call,
        &[
            ("2026-11-16T07:59:59Z", None),
            ("2026-11-16T08:00:00Z", Some("ann")),
            ("2026-11-23T07:59:59Z", Some("ann")),
            ("2026-11-23T08:00:00Z", Some("Ben, of the night")),
            ("2026-11-24T08:00:00Z", None),
            // Whole days are those of the zone.
            ("2026-11-25T22:59:59Z", None),
            ("2026-11-25T23:00:00Z", Some("carol")),
            ("2026-11-27T22:59:59Z", Some("carol")),
            ("2026-11-27T23:00:00Z", None),
            ("2026-12-01T22:59:59Z", Some("dora")),
            ("2026-12-01T23:00:00Z", None),
            ("2026-12-03T21:00:00Z", Some("eve")),
            ("2026-12-04T07:59:59Z", Some("eve")),
            ("2026-12-04T08:00:00Z", None),
        ],
    );
    let shift = on_call.shift(at("2026-11-24T12:00:00Z"));
    assert_eq!((shift.person, shift.from, shift.until), (None, Some(at("2026-11-24T08:00:00Z")), Some(at("2026-11-25T23:00:00Z"))));
    let last = on_call.shift(at("2027-01-01T00:00:00Z"));
    assert_eq!((last.person, last.from, last.until), (None, Some(at("2026-12-04T08:00:00Z")), None));
    assert_eq!(on_call.shift(at("2026-01-01T00:00:00Z")).from, None);
}

#[test]
fn e6_shifts_come_again_by_the_clock_on_the_wall() {
    let weekly = |name: &str, day: &str| {
        format!("SUMMARY:{name}\nDTSTART;TZID=Europe/Paris:{day}T090000\nDURATION:P7D\nRRULE:FREQ=WEEKLY;INTERVAL=2;WKST=MO")
    };
    let on_call = calendar(&[&weekly("ann", "20260105"), &weekly("ben", "20260112")]);
    are(
        &on_call,
        &[
            ("2026-01-12T07:59:59Z", Some("ann")),
            ("2026-01-12T08:00:00Z", Some("ben")),
            // The clock is turned on 2026-03-29: the hand-over is at nine all the same.
            ("2026-03-30T06:59:59Z", Some("ben")),
            ("2026-03-30T07:00:00Z", Some("ann")),
            ("2036-06-30T12:00:00Z", Some("ben")),
        ],
    );
    let shift = on_call.shift(at("2026-03-25T12:00:00Z"));
    assert_eq!((shift.from, shift.until), (Some(at("2026-03-23T08:00:00Z")), Some(at("2026-03-30T07:00:00Z"))));

    // The days of the week by one, the nights by another, and the weekend by nobody.
    let on_call = calendar(&[
        "SUMMARY:day\nDTSTART:20261116T090000\nDTEND:20261116T180000\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "SUMMARY:night\nDTSTART:20261116T180000\nDTEND:20261117T090000\nRRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH",
    ]);
    are(
        &on_call,
        &[
            ("2026-11-18T16:59:59Z", Some("day")),
            ("2026-11-18T17:00:00Z", Some("night")),
            ("2026-11-20T12:00:00Z", Some("day")),
            ("2026-11-20T17:00:00Z", None),
            ("2026-11-22T12:00:00Z", None),
        ],
    );
    let weekend = on_call.shift(at("2026-11-22T12:00:00Z"));
    assert_eq!((weekend.from, weekend.until), (Some(at("2026-11-20T17:00:00Z")), Some(at("2026-11-23T08:00:00Z"))));
}

#[test]
fn e6_a_series_ends_by_its_count_or_its_last_day() {
    let until = |rule: &str, when: &str| {
        let event = format!("SUMMARY:ann\nDTSTART:20261102T090000\nDTEND:20261102T180000\nRRULE:{rule}");
        calendar(&[&event]).at(at(when)).is_some()
    };
    for (rule, last, after) in [
        ("FREQ=DAILY;COUNT=3", "2026-11-04T09:00:00Z", "2026-11-05T09:00:00Z"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=3", "2026-11-08T09:00:00Z", "2026-11-11T09:00:00Z"),
        ("FREQ=WEEKLY;BYDAY=MO,FR;COUNT=3", "2026-11-09T09:00:00Z", "2026-11-13T09:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261104", "2026-11-04T09:00:00Z", "2026-11-05T09:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261104T080000Z", "2026-11-04T09:00:00Z", "2026-11-05T09:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261104T075959Z", "2026-11-03T09:00:00Z", "2026-11-04T09:00:00Z"),
        ("freq=weekly;until=20261109T090000", "2026-11-09T09:00:00Z", "2026-11-16T09:00:00Z"),
    ] {
        assert!(until(rule, last), "{rule}: {last}");
        assert!(!until(rule, after), "{rule}: {after}");
    }
}

#[test]
fn e6_one_of_a_series_is_left_out_moved_or_given_to_another() {
    let series = "UID:1\nSUMMARY:ann\nDTSTART;TZID=Europe/Paris:20261102T090000\nDTEND;TZID=Europe/Paris:20261102T180000\nRRULE:FREQ=DAILY";
    let on_call = calendar(&[
        &format!("{series}\nEXDATE;TZID=Europe/Paris:20261103T090000,20261104T090000\nEXDATE;VALUE=DATE:20261105\nEXDATE:20261106T080000Z"),
        "UID:1\nRECURRENCE-ID;TZID=Europe/Paris:20261110T090000\nSUMMARY:ben\nDTSTART:20261110T090000\nDTEND:20261110T180000",
        "UID:1\nRECURRENCE-ID:20261111T080000Z\nSUMMARY:ann\nDTSTART:20261111T120000\nDTEND:20261111T180000",
        "UID:1\nRECURRENCE-ID;TZID=Europe/Paris:20261112T090000\nDTSTART:20261112T090000\nSTATUS:CANCELLED",
        "UID:2\nRECURRENCE-ID;TZID=Europe/Paris:20261113T090000\nSUMMARY:carol\nDTSTART:20261114T200000\nDURATION:PT1H",
    ]);
    are(
        &on_call,
        &[
            ("2026-11-02T09:00:00Z", Some("ann")),
            ("2026-11-03T09:00:00Z", None),
            ("2026-11-04T09:00:00Z", None),
            ("2026-11-05T09:00:00Z", None),
            ("2026-11-06T09:00:00Z", None),
            ("2026-11-07T09:00:00Z", Some("ann")),
            ("2026-11-10T09:00:00Z", Some("ben")),
            ("2026-11-11T09:00:00Z", None),
            ("2026-11-11T12:00:00Z", Some("ann")),
            ("2026-11-12T09:00:00Z", None),
            ("2026-11-13T09:00:00Z", Some("ann")),
            ("2026-11-14T19:30:00Z", Some("carol")),
        ],
    );
    assert_eq!(on_call.shift(at("2026-11-04T09:00:00Z")).from, Some(at("2026-11-02T17:00:00Z")));
}

#[test]
fn e6_of_shifts_at_one_time_the_one_that_began_last_counts() {
    let long = "SUMMARY:ann\nDTSTART;VALUE=DATE:20261101\nDTEND;VALUE=DATE:20261201";
    let on_call = calendar(&[
        "SUMMARY:ben\nDTSTART:20261110T090000\nDTEND:20261110T180000",
        long,
        "SUMMARY:carol\nDTSTART:20261110T090000\nDTEND:20261110T120000",
    ]);
    are(
        &on_call,
        &[
            ("2026-11-10T07:59:59Z", Some("ann")),
            ("2026-11-10T08:00:00Z", Some("carol")),
            ("2026-11-10T11:00:00Z", Some("ben")),
            ("2026-11-10T17:00:00Z", Some("ann")),
        ],
    );
}

#[test]
fn e6_zones_are_those_that_the_calendar_names() {
    for zone in ["Asia/Tokyo", "\"Asia/Tokyo\"", "/mozilla.org/20050126_1/Asia/Tokyo"] {
        let on_call = calendar(&[&format!("SUMMARY:ann\nDTSTART;X=\"a;TZID=b\";TZID={zone}:20261116T090000\nDURATION:PT1H")]);
        are(&on_call, &[("2026-11-15T23:59:59Z", None), ("2026-11-16T00:00:00Z", Some("ann"))]);
    }
    let unknown = problem("SUMMARY:ann\nDTSTART;TZID=W. Europe Standard Time:20261116T090000\nDURATION:PT1H");
    assert_eq!(
        unknown,
        "oncall.ics:5: event \"ann\": DTSTART = 20261116T090000: expected an IANA time zone like \"Europe/Paris\" or \"UTC\"; TZID is \"W. Europe Standard Time\"; export the calendar with IANA zones, or in UTC"
    );
}

#[test]
fn e6_what_cannot_be_told_is_refused_by_its_line() {
    let rule = |rule: &str| problem(&format!("SUMMARY:ann\nDTSTART:20261116T090000\nDURATION:PT1H\nRRULE:{rule}"));
    let form = "expected FREQ=DAILY or FREQ=WEEKLY, with INTERVAL, BYDAY, COUNT, UNTIL or WKST";
    for (written, hint) in [
        ("FREQ=MONTHLY;BYMONTHDAY=1", "\"BYMONTHDAY=1\" is not read; write its shifts as events of their own"),
        ("FREQ=MONTHLY", "write other shifts as events of their own"),
        ("INTERVAL=1", "write other shifts as events of their own"),
        ("FREQ=WEEKLI", "write other shifts as events of their own"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY is a list of days like MO,TU"),
        ("FREQ=WEEKLY;BYDAY=TU", "BYDAY has not the day of DTSTART"),
        ("FREQ=DAILY;BYDAY=MO;INTERVAL=2", "BYDAY with FREQ=DAILY needs INTERVAL=1"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL is a whole number from 1 to 520"),
        ("FREQ=DAILY;COUNT=0", "COUNT is a whole number from 1 to 10000"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20261120", "COUNT or UNTIL, not both"),
        ("FREQ=DAILY;UNTIL=20261115", "UNTIL is before DTSTART"),
        ("FREQ=DAILY;WKST=X", "WKST is a day like MO"),
    ] {
        assert_eq!(rule(written), format!("oncall.ics:7: event \"ann\": RRULE = {written}: {form}; {hint}"));
    }
    for (lines, said) in [
        (
            "DTSTART:20261116T090000\nDURATION:PT1H",
            "oncall.ics:3: event: SUMMARY: expected who is on call; the property is missing or empty",
        ),
        (
            "SUMMARY:ann\nDTSTART:20261116T090000",
            "oncall.ics:3: event \"ann\": DTEND: expected an end after DTSTART; somebody is on call for a while",
        ),
        (
            "SUMMARY:ann\nDTSTART:20261116T090000\nDTEND:20261116T080000",
            "oncall.ics:6: event \"ann\": DTEND = 20261116T080000: expected an end that is not before DTSTART; that is 20261116T090000",
        ),
        (
            "SUMMARY:ann\nDTSTART:20261116T090000\nDURATION:PT1H\nRDATE:20261117T090000",
            "oncall.ics:7: event \"ann\": RDATE = 20261117T090000: expected no RDATE; write such a shift as an event of its own",
        ),
        (
            "SUMMARY:ann\nDTSTART:20261116T090000\nDURATION:PT1H\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261117T090000",
            "oncall.ics:7: event \"ann\": RECURRENCE-ID = 20261117T090000: expected no RANGE; write a series that changes as two",
        ),
    ] {
        assert_eq!(problem(lines), said);
    }
    let all = read_in("UTC", &["SUMMARY:ann\nDTSTART:x", "DTSTART:20261116T090000\nDURATION:PT1H"]).unwrap_err();
    assert_eq!(all.iter().map(|problem| problem[..12].to_owned()).collect::<Vec<_>>(), ["oncall.ics:5", "oncall.ics:7"]);
    let none = shifts("oncall.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n", &Zone::named("UTC").unwrap()).unwrap_err();
    assert_eq!(none[0].to_string(), "oncall.ics:2: the file: expected at least one VEVENT; there is no shift in it");
}

/// A shift as the property below makes it up.
#[derive(Debug, Clone)]
struct Made {
    zone: &'static str,
    first: DateTime,
    hours: i64,
    rule: Option<(bool, i32, u8, Option<u32>)>,
    without: Vec<u8>,
}

fn made() -> impl Strategy<Value = Made> {
    let zone = prop::sample::select(vec!["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]);
    let rule = prop::option::of((any::<bool>(), 1_i32..4, 0_u8..128, prop::option::of(1_u32..20)));
    let without = prop::collection::vec(0_u8..30, 0..4);
    (zone, 0_i64..700, 0_i8..24, 1_i64..200, rule, without).prop_map(|(zone, day, hour, hours, rule, without)| {
        let first = jiff::civil::date(2011, 6, 1).saturating_add(day.days()).at(hour, 30, 0, 0);
        Made { zone, first, hours, rule, without }
    })
}

impl Made {
    fn weekdays(&self) -> Vec<Weekday> {
        let Some((true, _, days, _)) = self.rule else { return Vec::new() };
        let of = |(place, (_, day)): (usize, &(&str, Weekday))| (days >> place & 1 == 1 || *day == self.first.weekday()).then_some(*day);
        WEEKDAYS.iter().enumerate().filter_map(of).collect()
    }

    fn event(&self, name: &str, beginnings: &[DateTime]) -> String {
        let written = |at: &DateTime| at.strftime("%Y%m%dT%H%M%S").to_string();
        let mut event = format!("SUMMARY:{name}\nDTSTART;TZID={}:{}\nDURATION:PT{}H", self.zone, written(&self.first), self.hours);
        if let Some((weekly, every, _, count)) = &self.rule {
            let days: Vec<_> = self.weekdays().iter().map(|day| WEEKDAYS.iter().find(|(_, known)| known == day).unwrap().0).collect();
            let by = if *weekly { format!(";BYDAY={}", days.join(",")) } else { String::new() };
            let count = count.map_or_else(String::new, |count| format!(";COUNT={count}"));
            let frequency = if *weekly { "WEEKLY" } else { "DAILY" };
            let _ = write!(event, "\nRRULE:FREQ={frequency};INTERVAL={every}{by}{count}");
        }
        for place in &self.without {
            if let Some(beginning) = beginnings.get(usize::from(*place)) {
                let _ = write!(event, "\nEXDATE;TZID={}:{}", self.zone, written(beginning));
            }
        }
        event
    }

    /// Every beginning within four years, one day after the other.
    fn beginnings(&self) -> Vec<DateTime> {
        let Some((weekly, every, _, count)) = &self.rule else { return vec![self.first] };
        let monday = self.first.date().saturating_sub(i64::from(self.first.weekday().to_monday_zero_offset()).days());
        let comes = |day: &i64| {
            let date = self.first.date().saturating_add(day.days());
            if !weekly {
                return day % i64::from(*every) == 0;
            }
            let since = monday.until(date).unwrap().get_days();
            self.weekdays().contains(&date.weekday()) && since / 7 % every == 0
        };
        let all = (0..1500).filter(comes).map(|day| self.first.date().saturating_add(day.days()).to_datetime(self.first.time()));
        all.take(count.map_or(usize::MAX, |count| usize::try_from(count).unwrap())).collect()
    }

    fn times(&self) -> Vec<(Timestamp, Timestamp)> {
        let zone = Zone::named(self.zone).unwrap();
        let shown = |at: DateTime| zone.rules().to_timestamp(at).unwrap();
        let beginnings = self.beginnings();
        let left_out = |place: &usize| self.without.iter().any(|without| usize::from(*without) == *place);
        let kept = beginnings.iter().enumerate().filter(|(place, _)| !left_out(place));
        kept.map(|(_, begins)| (shown(*begins), shown(begins.saturating_add(SignedDuration::from_hours(self.hours))))).collect()
    }
}

proptest! {
    /// At every instant it is whom a walk over all shifts finds, and a shift is a time at whose ends that changes.
    #[test]
    fn e6_a_calendar_says_at_every_instant_what_its_shifts_say(
        made in prop::collection::vec(made(), 1..4),
        seconds in 1_306_886_400_i64..1_400_000_000,
    ) {
        let names = ["ann", "ben", "carol"];
        let events: Vec<_> = made.iter().zip(names).map(|(made, name)| made.event(name, &made.beginnings())).collect();
        let on_call = read_in("UTC", &events.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let now = Timestamp::from_second(seconds).unwrap();
        let mut expected = None;
        for (made, name) in made.iter().zip(names) {
            for (from, until) in made.times() {
                if from <= now && now < until && expected.is_none_or(|(since, _)| since <= from) {
                    expected = Some((from, name));
                }
            }
        }
        let expected = expected.map(|(_, name)| name);
        prop_assert_eq!(on_call.at(now), expected);
        let shift = on_call.shift(now);
        prop_assert_eq!(shift.person, expected);
        let nano = SignedDuration::from_nanos(1);
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
