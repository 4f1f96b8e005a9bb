use super::*;
use crate::programme::problem::Unfit;
use jiff::civil::{DateTime, date};

/// Hours from Monday on; a day that is left out is closed.
fn calendar(zone: &str, hours: &[&[&str]], holidays: &[&str]) -> Calendar {
    made(zone, hours, holidays).unwrap()
}

fn made(zone: &str, hours: &[&[&str]], holidays: &[&str]) -> Result<Calendar, Unfit> {
    let mut days: [Vec<Period>; 7] = Default::default();
    for (day, hours) in days.iter_mut().zip(hours) {
        *day = hours.iter().map(|period| period.parse().unwrap()).collect();
    }
    let holidays = holidays.iter().map(|text| text.parse().unwrap()).collect();
    Calendar::new("office", None, Zone::named(zone).unwrap(), Week::new(days).unwrap(), holidays)
}

const OFFICE: &[&str] = &["09:00-12:30", "13:30-18:00"];
const WEEKDAYS: &[&[&str]] = &[OFFICE, OFFICE, OFFICE, OFFICE, OFFICE];
const ALWAYS: &[&[&str]] = &[&["00:00-24:00"] as &[&str]; 7];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn time(text: &str) -> SignedDuration {
    crate::programme::parse_duration(text).unwrap()
}

/// When a wall clock in the zone shows this, the first time that it does.
fn local(zone: &str, shown: &str) -> Timestamp {
    let shown: DateTime = shown.parse().unwrap();
    Zone::named(zone).unwrap().rules().to_ambiguous_timestamp(shown).earlier().unwrap()
}

#[test]
fn s6_hours_of_the_office_are_counted() {
    let office = calendar("Europe/Paris", WEEKDAYS, &[]);
    let due = |from: &str, target: &str| office.add(local("Europe/Paris", from), time(target));
    let shown = |text: &str| local("Europe/Paris", text);
    assert_eq!(due("2026-11-18T09:00", "4h"), shown("2026-11-18T14:00"));
    // To the end of a period belongs its last instant, not the next period's first.
    assert_eq!(due("2026-11-18T09:00", "3h30m"), shown("2026-11-18T12:30"));
    assert_eq!(due("2026-11-18T09:00", "3h30m1s"), shown("2026-11-18T13:30:01"));
    assert_eq!(due("2026-11-20T17:00", "4h"), shown("2026-11-23T12:00"), "over the weekend");
    assert_eq!(due("2026-11-21T03:00", "1s500ms"), shown("2026-11-23T09:00:01.5"));
    assert_eq!(due("2026-11-18T09:00:00.25", "8h"), shown("2026-11-19T09:00:00.25"));
    assert_eq!(office.add(at("2026-11-21T03:00:00Z"), SignedDuration::ZERO), at("2026-11-21T03:00:00Z"));
    assert_eq!(office.worked(shown("2026-11-18T12:00"), shown("2026-11-19T10:00")), time("6h"));
    assert_eq!(office.worked(shown("2026-11-19T10:00"), shown("2026-11-18T12:00")), SignedDuration::ZERO);
    assert!(office.is_open(shown("2026-11-18T09:00")) && !office.is_open(shown("2026-11-18T12:30")));
}

#[test]
fn s6_a_holiday_moves_a_deadline_and_is_named() {
    let holidays = ["2026-12-24 Christmas Eve", "12-25 Christmas Day", "12-26 St Stephen", "2026-12-28..2026-12-31", "01-01 New Year"];
    let office = calendar("Europe/Paris", WEEKDAYS, &holidays);
    let start = local("Europe/Paris", "2026-12-23T17:00");
    let due = office.add(start, time("4h"));
    assert_eq!(due, local("Europe/Paris", "2027-01-04T12:00"));
    let named: Vec<_> = office.holidays_between(start, due).into_iter().map(|day| (day.date.to_string(), day.name)).collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        named,
        [
            ("2026-12-24".to_owned(), name("Christmas Eve")),
            ("2026-12-25".to_owned(), name("Christmas Day")),
            // The 26th is a Saturday: nobody would have been there.
            ("2026-12-28".to_owned(), None),
            ("2026-12-29".to_owned(), None),
            ("2026-12-30".to_owned(), None),
            ("2026-12-31".to_owned(), None),
            ("2027-01-01".to_owned(), name("New Year")),
        ]
    );
    // What was closed before the start, or would have been, moved nothing.
    let evening = local("Europe/Paris", "2026-12-24T18:00");
    assert_eq!(office.holidays_between(evening, local("Europe/Paris", "2026-12-25T09:00")), []);
    assert_eq!(office.holidays_between(evening, local("Europe/Paris", "2026-12-25T09:00:01")).len(), 1);
    assert!(!office.is_open(local("Europe/Paris", "2026-12-24T10:00")));
}

#[test]
fn s6_a_skipped_hour_does_not_count_and_a_repeated_one_counts_twice() {
    let night = |zone: &str, hours: &'static str| calendar(zone, &[&[hours] as &[&str]; 7], &[]);
    let worked = |calendar: &Calendar, from: &str, to: &str| calendar.worked(at(from), at(to));
    let paris = night("Europe/Paris", "02:00-03:00");
    // 2026-03-29: 02:00 to 03:00 is skipped; 2026-10-25: it is shown twice.
    assert_eq!(worked(&paris, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), SignedDuration::ZERO);
    assert_eq!(worked(&paris, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), time("2h"));
    let half = night("Europe/Paris", "02:30-03:30");
    assert_eq!(worked(&half, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), time("30m"));
    assert_eq!(worked(&half, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), time("90m"));
    // Shown 02:30 to 03:00, then 02:00 again: what is open closes in between.
    assert_eq!(half.add(at("2026-10-25T00:30:00Z"), time("31m")), at("2026-10-25T01:31:00Z"));
    // Half an hour of summer time.
    let howe = night("Australia/Lord_Howe", "01:30-02:00");
    assert_eq!(worked(&howe, "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z"), time("1h"));
    // Midnights that do not exist, and dates.
    let beirut = night("Asia/Beirut", "00:00-02:00");
    assert_eq!(worked(&beirut, "2021-03-27T20:00:00Z", "2021-03-28T10:00:00Z"), time("1h"));
    let apia = calendar("Pacific/Apia", ALWAYS, &["2011-12-30"]);
    assert_eq!(worked(&apia, "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z"), time("72h"));
    assert_eq!(apia.holidays_between(at("2011-12-29T00:00:00Z"), at("2012-01-01T00:00:00Z")), []);
}

#[test]
fn s6_holidays_are_in_order_though_the_clock_goes_back_over_midnight() {
    // In St. John's at 00:01 of 1989-10-29 the clock was turned back to 23:01 of the 28th: both days come twice.
    let calendar = calendar("America/St_Johns", ALWAYS, &["10-28..10-30"]);
    let days = |from: &str| {
        let found = calendar.holidays_between(at(from), at("1989-10-30T12:00:00Z"));
        found.iter().map(|holiday| holiday.date.day()).collect::<Vec<_>>()
    };
    assert_eq!(days("1989-10-29T02:29:30Z"), [28, 29, 30]);
    assert_eq!(days("1989-10-29T02:30:59Z"), [28, 29, 30], "from within the first minute of the 29th");
    assert_eq!(days("1989-10-29T03:30:00Z"), [29, 30]);
}

/// Minute by minute by the definition, from one whole minute of UTC to another.
fn minutes(calendar: &Calendar, from: Timestamp, to: Timestamp) -> SignedDuration {
    let minutes =
        (from.as_second()..to.as_second()).step_by(60).filter(|second| calendar.is_open(Timestamp::from_second(*second).unwrap()));
    SignedDuration::from_mins(i64::try_from(minutes.count()).unwrap())
}

#[test]
fn s6_it_is_as_if_every_minute_had_been_looked_at() {
    let odd: &[&[&str]] =
        &[&["00:00-24:00"], &["23:00-24:00", "00:00-00:30"], &["01:15-02:45"], &[], &["02:00-03:00"], OFFICE, &["00:00-03:00"]];
    let places = [
        ("Europe/Paris", "2026-03-20T00:00:00Z"),
        ("Europe/Paris", "2026-10-20T00:00:00Z"),
        ("America/Sao_Paulo", "2018-11-01T00:00:00Z"),
        ("America/Havana", "2026-10-25T00:00:00Z"),
        ("Africa/Cairo", "2024-04-20T00:00:00Z"),
        ("Asia/Tehran", "2022-09-15T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-01T00:00:00Z"),
        ("Pacific/Apia", "2011-12-27T00:00:00Z"),
        ("Pacific/Kwajalein", "1993-08-18T00:00:00Z"),
        ("America/St_Johns", "1988-04-01T00:00:00Z"),
    ];
    for (zone, from) in places {
        let calendar = calendar(zone, odd, &["03-29 one", "2018-11-03..2018-11-05", "12-31..01-01"]);
        let from = at(from);
        let mut so_far = SignedDuration::ZERO;
        for step in 0..16 * 8 {
            // An eighth of a day and a bit, in whole minutes.
            let start = from + SignedDuration::from_mins(181 * step);
            let end = start + SignedDuration::from_mins(181);
            let worked = minutes(&calendar, start, end);
            assert_eq!(calendar.worked(start, end), worked, "{zone} {start}");
            so_far += worked;
            assert_eq!(calendar.worked(from, end), so_far, "{zone} {from} {end}");
            let due = calendar.add(from, so_far);
            assert!(due <= end && calendar.worked(from, due) == so_far, "{zone} {end} {due}");
            let before = due - SignedDuration::from_millis(1);
            assert!(so_far.is_zero() || calendar.worked(from, before) == so_far - SignedDuration::from_millis(1), "{zone} {due}");
        }
    }
}

#[test]
fn s6_decades_ahead_is_as_near_as_tomorrow() {
    let office = calendar("Europe/Paris", WEEKDAYS, &["12-25", "05-01", "2030-06-01..2031-06-01"]);
    let start = at("2026-11-18T09:00:00Z");
    let target = SignedDuration::from_hours(8 * 200 * 40);
    let due = office.add(start, target);
    assert_eq!(office.worked(start, due), target);
    assert_eq!(due.to_string()[..4], *"2058");
    // 2000 years of Mondays' minutes, and no Monday at all.
    let minute = calendar("UTC", &[&["00:00-00:01"]], &[]);
    assert_eq!(minute.add(start, SignedDuration::from_hours(1800)), Timestamp::MAX);
    let no_monday = calendar("UTC", &[&["00:00-00:01"]], &["2026-01-01..9999-12-31"]);
    assert_eq!(no_monday.add(start, time("1s")), Timestamp::MAX);
    let leap = calendar("UTC", &[&["00:00-00:01"]], &["03-01..02-28"]);
    assert_eq!(leap.add(start, time("1s")), at("2044-02-29T00:00:01Z"));
    // Both ends of time.
    assert_eq!(office.add(Timestamp::MAX, time("1h")), Timestamp::MAX);
    assert!(office.add(Timestamp::MIN, time("1h")) < at("-009998-01-10T00:00:00Z"));
}

#[test]
fn s6_what_is_never_open_is_refused() {
    let why = |hours: &[&[&str]], holidays: &[&str]| made("UTC", hours, holidays).unwrap_err().to_string();
    assert_eq!(why(&[], &[]), "expected at least one period in the week; this calendar is never open");
    assert_eq!(why(ALWAYS, &["01-01..12-31"]), "expected a day of the year that is no holiday; this calendar is never open");
    let rules = vec!["2026-01-01"; MOST_HOLIDAYS + 1];
    assert_eq!(why(ALWAYS, &rules), "expected at most 1000 holidays; there are 1001; leave past ones out");
}

#[test]
fn s5_a_calendar_is_kept_with_what_it_promised() {
    let holidays = ["2026-12-24 Christmas Eve", "12-25 Christmas Day"];
    let office = calendar("Europe/Paris", &[&["09:00-12:30"], &["22:00-24:00"]], &holidays);
    let json = serde_json::to_string(&office).unwrap();
    assert_eq!(
        json,
        r#"{"id":"office","zone":"Europe/Paris","week":[["09:00-12:30"],["22:00-24:00"],[],[],[],[],[]],"holidays":[{"on":"2026-12-24","name":"Christmas Eve"},{"yearly":"12-25","name":"Christmas Day"}]}"#
    );
    assert_eq!(serde_json::from_str::<Calendar>(&json).unwrap(), office);
    assert_eq!((office.title(), office.id()), ("office", "office"));
    let closed = json.replace("09:00-12:30", "").replace("22:00-24:00", "");
    assert!(serde_json::from_str::<Calendar>(&closed).is_err());
}

#[test]
fn s5_holidays_that_are_over_need_not_be_kept() {
    let holidays = ["2025-12-24", "2026-06-01..2026-12-26", "2027-05-01", "12-25"];
    let office = calendar("Europe/Paris", WEEKDAYS, &holidays);
    let start = at("2026-12-25T00:00:00Z");
    let kept = office.from_then_on(start);
    assert_eq!(kept.holidays(), &office.holidays()[1..]);
    assert_eq!(kept.add(start, time("40h")), office.add(start, time("40h")));
    assert_eq!(date(2026, 12, 26), office.holidays()[1].next(date(2026, 12, 26)).unwrap());
}
