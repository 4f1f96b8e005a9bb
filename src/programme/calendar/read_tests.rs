use super::*;
use crate::programme::Programme;

/// A programme of one tier with the calendar `office`, whose lines begin at 3.
fn programme(lines: &str, ics: Option<&str>) -> Result<Programme, Vec<String>> {
    let text = format!(
        "[[calendar]]\nid = \"office\"\n{lines}\n[[tier]]\nid = \"gold\"\nname = \"Gold\"\nresponse = \"4h\"\ncalendar = \"office\"\n"
    );
    loaded(&text, ics)
}

fn loaded(text: &str, ics: Option<&str>) -> Result<Programme, Vec<String>> {
    let read = |path: &Path| match ics {
        Some(text) if path == Path::new("etc/days.ics") => Ok(text.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let found = Programme::parse_with(Path::new("etc/programme.toml"), text, &read);
    found.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn office(lines: &str, ics: Option<&str>) -> Calendar {
    programme(lines, ics).unwrap().tiers[0].calendar.clone().unwrap()
}

fn problem(lines: &str) -> String {
    let mut found = programme(lines, None).unwrap_err();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

const HOURS: &str = "zone = \"UTC\"\nhours = { mon-fri = [\"09:00-17:00\"] }";
const DAYS_ICS: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nSUMMARY:Eve\nEND:VEVENT\nEND:VCALENDAR\n";

#[test]
fn s6_a_tier_names_its_calendar() {
    let lines = "name = \"Paris office\"\nzone = \"Europe/Paris\"\nhours = { mon-thu = [\"13:30-18:00\", \"09:00-12:30\"], fri = [\"09:00-12:30\"], sat = [] }\nholidays = [\"2026-12-23\", \"12-25 Christmas Day\", \"12-27..12-30 closed\"]\nholidays_file = \"days.ics\"";
    let calendar = office(lines, Some(DAYS_ICS));
    assert_eq!((calendar.id(), calendar.title(), calendar.zone().name()), ("office", "Paris office", "Europe/Paris"));
    let json = serde_json::to_value(&calendar).unwrap();
    let day = ["09:00-12:30", "13:30-18:00"];
    assert_eq!(json["week"], serde_json::json!([day, day, day, day, ["09:00-12:30"], [], []]));
    assert_eq!(
        json["holidays"],
        serde_json::json!([
            { "on": "2026-12-23" },
            { "yearly": "12-25", "name": "Christmas Day" },
            { "yearly": "12-27", "to": "12-30", "name": "closed" },
            { "on": "2026-12-24", "name": "Eve" },
        ])
    );
    assert_eq!(Programme::builtin().tiers.iter().filter(|tier| tier.calendar.is_some()).count(), 0);
}

#[test]
fn s6_days_are_named_one_by_one_or_from_to() {
    let open = |hours: &str| {
        let calendar = office(&format!("zone = \"UTC\"\nhours = {hours}"), None);
        let json = serde_json::to_value(calendar.week()).unwrap();
        json.as_array().unwrap().iter().map(|day| if day.as_array().unwrap().is_empty() { '-' } else { 'x' }).collect::<String>()
    };
    assert_eq!(open("{ mon-sun = [\"00:00-24:00\"] }"), "xxxxxxx");
    assert_eq!(open("{ sat-mon = [\"00:00-24:00\"], wed = [\"1:00-2:00\"] }"), "x-x--xx");
    assert_eq!(open("{ tue-tue = [\"00:00-24:00\"] }"), "-x-----");
}

#[test]
fn s6_an_unknown_calendar_is_refused_with_the_nearest() {
    let tier = "[[tier]]\nid = \"gold\"\nname = \"Gold\"\nresponse = \"4h\"\ncalendar = \"offices\"\n";
    let expected = "etc/programme.toml:5: tier \"gold\": calendar = \"offices\": expected the id of a [[calendar]]";
    assert_eq!(loaded(tier, None).unwrap_err(), [format!("{expected}; the file has no [[calendar]]")]);
    let known = format!("{tier}[[calendar]]\nid = \"office\"\n{HOURS}\n[[calendar]]\nid = \"plant\"\n{HOURS}\n");
    assert_eq!(loaded(&known, None).unwrap_err(), [format!("{expected}; the nearest is \"office\"")]);
}

#[test]
fn s6_every_key_of_a_calendar_is_checked() {
    let zone = "expected an IANA time zone like \"Europe/Paris\" or \"UTC\"";
    let found = programme("tz = \"UTC\"", None).unwrap_err();
    assert_eq!(
        found,
        [
            format!("etc/programme.toml:1: calendar \"office\": zone: {zone}; the key is missing"),
            format!("etc/programme.toml:1: calendar \"office\": hours: expected {HOURS_FORM}; the key is missing"),
            "etc/programme.toml:3: unknown key \"tz\" in calendar \"office\": expected \"id\", \"name\", \"zone\", \"hours\", \"holidays\" or \"holidays_file\"; the nearest known key is \"id\"".to_owned(),
        ]
    );
    assert_eq!(
        problem("zone = \"Europe/Pari\"\nhours = { mon = [\"09:00-10:00\"] }"),
        format!("etc/programme.toml:3: calendar \"office\": zone = \"Europe/Pari\": {zone}; the nearest is \"Europe/Paris\"")
    );
    let twice = format!("{HOURS}\n[[calendar]]\nid = \"Office\"\n{HOURS}");
    assert_eq!(
        problem(&twice),
        "etc/programme.toml:6: calendar \"Office\": id = \"Office\": expected an id that no other calendar has; line 2 has it already"
    );
}

#[test]
fn s6_hours_are_checked_day_by_day() {
    let hours = |hours: &str| problem(&format!("zone = \"UTC\"\nhours = {hours}"));
    let place = "etc/programme.toml:4: calendar \"office\": hours";
    assert_eq!(
        hours("{ monday = [\"09:00-12:00\"], tue = [\"09:00-12:00\"] }"),
        format!("{place}: monday = [\"09:00-12:00\"]: expected {DAYS_FORM}; the nearest is \"mon\"")
    );
    assert_eq!(
        hours("{ mon-fri = [\"09:00-12:00\"], wed = [] }"),
        format!("{place}: wed = []: expected each day once; \"mon-fri\" says when wed is open")
    );
    assert_eq!(
        hours("{ mon = [\"09:00-12:00\", \"11:00-13:00\"] }"),
        format!("{place}: mon = \"11:00-13:00\": expected {PERIOD_FORM}; it overlaps 09:00-12:00")
    );
    assert_eq!(
        hours("{ mon = [\"18:00-09:00\", \"10:00-11:00\"] }"),
        format!(
            "{place}: mon = \"18:00-09:00\": expected {PERIOD_FORM}; it ends before it starts; a night is two periods, \"22:00-24:00\" and on the next day \"00:00-06:00\""
        )
    );
    assert_eq!(
        hours("{ mon = [900, \"10:00-11:00\"] }"),
        format!("{place}: mon = 900: expected {PERIOD_FORM}; write it as a text in quotes")
    );
    let never = "expected at least one period in the week; this calendar is never open";
    assert_eq!(hours("{}"), format!("{place} = {{}}: {never}"));
    assert_eq!(hours("{ mon-sun = [] }"), format!("{place} = {{ mon-sun = [] }}: {never}"));
    assert_eq!(hours("\"9-17\""), format!("{place} = \"9-17\": expected {HOURS_FORM}"));
    assert!(
        programme("zone = \"UTC\"\nhours = { mon = \"09:00-12:00\" }", None).unwrap_err()[0]
            .starts_with(&format!("{place}: mon = \"09:00-12:00\": expected {PERIODS_FORM}"))
    );
}

#[test]
fn s6_holidays_are_checked_one_by_one() {
    let holidays = |list: &str| problem(&format!("{HOURS}\nholidays = {list}"));
    let place = "etc/programme.toml:5: calendar \"office\": holidays";
    assert_eq!(holidays("[\"12-24\", \"02-30 Never\"]"), format!("{place} = \"02-30 Never\": expected {HOLIDAY_FORM}; there is no 02-30"));
    assert_eq!(holidays("[2026-12-24]"), format!("{place} = 2026-12-24: expected {HOLIDAY_FORM}; write it as a text in quotes"));
    assert_eq!(holidays("\"12-24\""), format!("{place} = \"12-24\": expected a list in brackets of what is each {HOLIDAY_FORM}"));
    assert_eq!(
        holidays("[\"01-01..12-31\"]"),
        format!("{place} = [\"01-01..12-31\"]: expected a day of the year that is no holiday; this calendar is never open")
    );
}

#[test]
fn s6_a_file_of_holidays_is_read_beside_the_programme() {
    let lines = format!("{HOURS}\nholidays_file = \"days.ics\"");
    assert_eq!(office(&lines, Some(DAYS_ICS)).holidays().len(), 1);
    assert_eq!(
        problem(&lines),
        "etc/programme.toml:5: calendar \"office\": holidays_file = \"days.ics\": expected an iCalendar file that can be read; etc/days.ics: entity not found"
    );
    let monthly = DAYS_ICS.replace("SUMMARY", "RRULE:FREQ=MONTHLY\nSUMMARY");
    assert_eq!(
        programme(&lines, Some(&monthly)).unwrap_err(),
        [
            "etc/days.ics:4: event \"Eve\": RRULE = FREQ=MONTHLY: expected FREQ=YEARLY, with COUNT or UNTIL at most; write other days as events of their own"
        ]
    );
    let every_day = DAYS_ICS.replace("SUMMARY", "DTEND:20270101\nRRULE:FREQ=YEARLY\nSUMMARY").replace("20261224", "20260301");
    let both = format!("{HOURS}\nholidays = [\"01-01..02-29\"]\nholidays_file = \"days.ics\"");
    assert_eq!(
        programme(&both, Some(&every_day)).unwrap_err(),
        [
            "etc/programme.toml:6: calendar \"office\": holidays_file = \"days.ics\": expected a day of the year that is no holiday; this calendar is never open"
        ]
    );
}

#[test]
fn s6_a_target_that_takes_centuries_is_refused() {
    let text = "[[calendar]]\nid = \"a\"\nzone = \"UTC\"\nhours = { mon = [\"09:00-09:01\"] }\n[[tier]]\nid = \"gold\"\nname = \"Gold\"\nresponse = \"4d\"\ncalendar = \"a\"\n";
    assert_eq!(
        loaded(text, None).unwrap_err(),
        [
            "etc/programme.toml:8: tier \"gold\": response = \"4d\": expected a target that is over within 5200 weeks of the calendar \"a\"; this one takes 5760"
        ]
    );
    assert!(loaded(&text.replace("4d", "3d"), None).is_ok());
}
