//! Windows tile time, without a gap and without an overlap, wherever the programme lives (`Q2`).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use partner_desk::domain::window::Window;
use partner_desk::programme::WindowKind;
use proptest::prelude::*;

/// Whole, half and quarter hours, both hemispheres, clocks turned at midnight, days that were left out, none of it at all.
const ZONES: [&str; 20] = [
    "UTC",
    "Europe/Paris",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Asuncion",
    "America/Havana",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Tehran",
    "Asia/Amman",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
];
const KINDS: [WindowKind; 3] = [WindowKind::Week, WindowKind::Month, WindowKind::Quarter];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Whether a local day begins at `at`: it is midnight, or the clock jumps there over a midnight that does not exist; and no
/// instant before it belonged to that day, as one could where the clock is turned back over midnight.
fn begins_a_day(zone: &TimeZone, at: Timestamp) -> Result<(), String> {
    let local = zone.to_datetime(at);
    let midnight = local.date().at(0, 0, 0, 0);
    let before = zone.to_datetime(at - SignedDuration::from_nanos(1));
    if before >= midnight {
        return Err(format!("{local} is the first instant of its day, but {before} comes right before it"));
    }
    let turns = zone.preceding(at).take_while(|turn| at.duration_since(turn.timestamp()) < SignedDuration::from_hours(26));
    for turn in turns {
        let last = zone.to_datetime(turn.timestamp() - SignedDuration::from_nanos(1));
        if last >= midnight {
            return Err(format!("{local} begins its day, but it was {last} already before the clock was turned back"));
        }
    }
    Ok(())
}

/// Whether a window of this kind may begin on this local day.
fn begins_a_window(zone: &TimeZone, kind: WindowKind, at: Timestamp) -> bool {
    let date = zone.to_datetime(at).date();
    match kind {
        WindowKind::Week => date.weekday() == jiff::civil::Weekday::Monday,
        WindowKind::Month => date.day() == 1,
        WindowKind::Quarter => date.day() == 1 && date.month() % 3 == 1,
    }
}

#[test]
fn q2_every_window_begins_where_the_last_one_ends() {
    let (from, until) = (at("2000-01-01T12:00:00Z"), at("2030-01-01T12:00:00Z"));
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for kind in KINDS {
            let mut window = Window::at(&zone, kind, from);
            assert!(window.contains(from), "{name} {kind}: {window:?} does not hold {from}");
            while window.end < until {
                assert!(window.start < window.end, "{name} {kind}: {window:?} is empty");
                assert!(begins_a_window(&zone, kind, window.start), "{name}: a {kind} begins {}", zone.to_datetime(window.start));
                if let Err(why) = begins_a_day(&zone, window.start) {
                    panic!("{name} {kind}: {why}");
                }
                let next = window.next(&zone);
                assert_eq!(window.end, next.start, "{name} {kind}");
                // From its last instant too, not only from its first.
                assert_eq!(Window::at(&zone, kind, window.end - SignedDuration::from_nanos(1)), window, "{name} {kind}");
                window = next;
            }
        }
    }
}

#[test]
fn q2_every_window_of_a_kind_is_as_long_as_the_calendar_says() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for kind in KINDS {
            let mut window = Window::at(&zone, kind, at("2000-01-01T12:00:00Z"));
            while window.end < at("2030-01-01T12:00:00Z") {
                let first = zone.to_datetime(window.start).date();
                let span = match kind {
                    WindowKind::Week => 7.days(),
                    WindowKind::Month => 1.month(),
                    WindowKind::Quarter => 3.months(),
                };
                assert_eq!(zone.to_datetime(window.end).date(), first.checked_add(span).unwrap(), "{name} {kind} from {first}");
                window = window.next(&zone);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn q2_an_instant_lies_in_exactly_one_window(
        name in prop::sample::select(ZONES.to_vec()),
        kind in prop::sample::select(KINDS.to_vec()),
        ms in at("2000-01-01T00:00:00Z").as_millisecond()..at("2030-01-01T00:00:00Z").as_millisecond(),
    ) {
        let zone = TimeZone::get(name).unwrap();
        let instant = Timestamp::from_millisecond(ms).unwrap();
        let window = Window::at(&zone, kind, instant);
        prop_assert!(window.contains(instant));
        let before = Window::at(&zone, kind, window.start - SignedDuration::from_nanos(1));
        prop_assert_eq!(before.end, window.start);
        prop_assert!(!before.contains(instant) && !window.next(&zone).contains(instant));
        prop_assert_eq!(Window::at(&zone, kind, window.start), window);
    }
}
