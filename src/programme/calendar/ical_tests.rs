use super::*;

/// A file with these lines in one event, from line 4 on.
fn event(lines: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n")
}

fn read(text: &str) -> Result<Vec<HolidayRule>, Vec<String>> {
    let zone = Zone::named("Europe/Paris").unwrap();
    holidays("days.ics", text, &zone).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn one(lines: &str) -> HolidayRule {
    let [found] = &read(&event(lines)).unwrap()[..] else { panic!("one holiday") };
    found.clone()
}

fn json(lines: &str) -> String {
    serde_json::to_string(&one(lines)).unwrap()
}

fn problem(lines: &str) -> String {
    let [found] = &read(&event(lines)).unwrap_err()[..] else { panic!("one problem") };
    found.clone()
}

#[test]
fn all_day_events_are_holidays() {
    assert_eq!(
        json("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261225\nSUMMARY:Christmas Eve"),
        r#"{"on":"2026-12-24","name":"Christmas Eve"}"#
    );
    assert_eq!(json("DTSTART;VALUE=DATE:20261224"), r#"{"on":"2026-12-24"}"#);
    assert_eq!(json("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261224"), r#"{"on":"2026-12-24"}"#);
    assert_eq!(json("DTSTART;VALUE=DATE:20261228\nDTEND;VALUE=DATE:20270103"), r#"{"on":"2026-12-28","to":"2027-01-02"}"#);
    assert_eq!(json("DTSTART;VALUE=DATE:20261228\nDURATION:P2D"), r#"{"on":"2026-12-28","to":"2026-12-29"}"#);
    assert_eq!(json("DTSTART;VALUE=DATE:20261228\nDURATION:P1W"), r#"{"on":"2026-12-28","to":"2027-01-03"}"#);
}

#[test]
fn every_day_that_a_timed_event_touches_is_a_holiday() {
    assert_eq!(json("DTSTART;TZID=\"Somewhere: else\":20261224T140000\nDTEND:20261224T180000"), r#"{"on":"2026-12-24"}"#);
    assert_eq!(json("DTSTART:20261224T140000\nDTEND:20261225T000000"), r#"{"on":"2026-12-24"}"#);
    assert_eq!(json("DTSTART:20261224T140000\nDTEND:20261225T000001"), r#"{"on":"2026-12-24","to":"2026-12-25"}"#);
    // In UTC: midnight in Paris, to midnight.
    assert_eq!(json("DTSTART:20261223T230000Z\nDTEND:20261224T230000Z"), r#"{"on":"2026-12-24"}"#);
    assert_eq!(json("DTSTART:20261224T230000\nDURATION:PT2H"), r#"{"on":"2026-12-24","to":"2026-12-25"}"#);
}

#[test]
fn yearly_events_stay_rules() {
    let yearly = |rule: &str| json(&format!("DTSTART;VALUE=DATE:20201225\nRRULE:{rule}"));
    assert_eq!(yearly("FREQ=YEARLY"), r#"{"yearly":"12-25","since":2020}"#);
    assert_eq!(yearly("FREQ=YEARLY;INTERVAL=1;BYMONTH=12;BYMONTHDAY=25;WKST=MO"), r#"{"yearly":"12-25","since":2020}"#);
    assert_eq!(yearly("FREQ=YEARLY;COUNT=3"), r#"{"yearly":"12-25","since":2020,"until":2022}"#);
    assert_eq!(yearly("FREQ=YEARLY;UNTIL=20251225"), r#"{"yearly":"12-25","since":2020,"until":2025}"#);
    assert_eq!(yearly("FREQ=YEARLY;UNTIL=20251224"), r#"{"yearly":"12-25","since":2020,"until":2024}"#);
    assert_eq!(yearly("UNTIL=20251224T230000Z;FREQ=yearly"), r#"{"yearly":"12-25","since":2020,"until":2025}"#);
    assert_eq!(json("DTSTART:20201230\nDTEND:20210102\nRRULE:FREQ=YEARLY"), r#"{"yearly":"12-30","to":"01-01","since":2020}"#);
    assert_eq!(json("DTSTART:20240229\nRRULE:FREQ=YEARLY;COUNT=2"), r#"{"yearly":"02-29","since":2024,"until":2028}"#);
}

#[test]
fn a_file_as_programs_write_it_is_read() {
    let text = "\u{feff}BEGIN:VCALENDAR\r\nPRODID:-//Some//Thing: 1//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:1@x\r\nDTSTAMP:20260101T000000Z\r\ndtstart;value=DATE:20261224\r\nSUMMARY;LANGUAGE=en:Christmas Eve\\, or \r\n Heiligaben\r\n\td\\; a \\\"half\\\" day\\nat most\\\\\r\nBEGIN:VALARM\r\nSUMMARY:Wake up\r\nTRIGGER:-P1D\r\nEND:VALARM\r\nEND:VEVENT\r\n\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261226\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let found = read(text).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name(), Some("Christmas Eve, or Heiligabend; a \"half\" day at most\\"));
    assert_eq!(one(&format!("DTSTART:20261224\nSUMMARY:{}", "x".repeat(200))).name().unwrap().len(), 80);
}

#[test]
fn what_repeats_otherwise_is_refused_by_its_line() {
    let rule = |rule: &str| problem(&format!("DTSTART;VALUE=DATE:20201225\nSUMMARY:Day\nRRULE:{rule}"));
    let said = |rule: &str, hint: &str| {
        format!("days.ics:6: event \"Day\": RRULE = {rule}: expected FREQ=YEARLY, with COUNT or UNTIL at most; {hint}")
    };
    let own = "write other days as events of their own";
    assert_eq!(rule("FREQ=MONTHLY"), said("FREQ=MONTHLY", own));
    assert_eq!(rule("COUNT=3"), said("COUNT=3", own));
    let not_read = |part: &str| format!("\"{part}\" is not read; write its days as events of their own");
    for part in ["BYDAY=4TH", "INTERVAL=2", "BYMONTH=11", "BYMONTHDAY=24", "nonsense"] {
        let whole = format!("FREQ=YEARLY;{part}");
        assert_eq!(rule(&whole), said(&whole, &not_read(part)));
    }
    assert_eq!(rule("FREQ=YEARLY;COUNT=0"), said("FREQ=YEARLY;COUNT=0", "COUNT is a whole number above 0"));
    let both = "FREQ=YEARLY;COUNT=3;UNTIL=20261225";
    assert_eq!(rule(both), said(both, "COUNT or UNTIL, not both"));
    let early = "FREQ=YEARLY;UNTIL=20191225";
    assert_eq!(rule(early), said(early, "UNTIL is before DTSTART"));
    assert!(rule("FREQ=YEARLY;UNTIL=soon").contains("UNTIL is a date like 20261224"));
    let february = problem("DTSTART:20260227\nDTEND:20260302\nRRULE:FREQ=YEARLY");
    assert!(
        february.ends_with("over the end of February no two years are alike; write each year's days as an event of their own"),
        "{february}"
    );
    assert!(problem("DTSTART:20240229\nDTEND:20240302\nRRULE:FREQ=YEARLY").contains("over the end of February"));
    assert!(problem("DTSTART:20260401\nDTEND:20270401\nRRULE:FREQ=YEARLY").contains("over the end of February"));
    assert_eq!(
        problem("DTSTART:20261225\nEXDATE:20271225"),
        "days.ics:5: event: EXDATE = 20271225: expected no EXDATE; write such a day as an event of its own"
    );
    assert!(
        problem("DTSTART:20261225\nRRULE:FREQ=YEARLY\nRRULE:FREQ=YEARLY")
            .starts_with("days.ics:6: event: RRULE = FREQ=YEARLY: expected one RRULE")
    );
}

#[test]
fn a_broken_file_is_refused_by_its_line() {
    let moment = "expected a date like 20261224, or a time like 20261224T090000 or 20261224T080000Z";
    assert_eq!(problem("SUMMARY:Day"), format!("days.ics:3: event \"Day\": DTSTART: {moment}; the property is missing"));
    assert_eq!(problem("DTSTART:2026-12-24"), format!("days.ics:4: event: DTSTART = 2026-12-24: {moment}"));
    assert_eq!(problem("DTSTART:20261224T090000ZZ"), format!("days.ics:4: event: DTSTART = 20261224T090000ZZ: {moment}"));
    assert_eq!(problem("DTSTART:20260230"), format!("days.ics:4: event: DTSTART = 20260230: {moment}; there is no such day"));
    assert_eq!(
        problem("DTSTART:20260201T250000"),
        format!("days.ics:4: event: DTSTART = 20260201T250000: {moment}; no clock shows this time")
    );
    assert_eq!(
        problem("DTSTART:20261224\nDTEND:20261223"),
        "days.ics:5: event: DTEND = 20261223: expected an end that is not before DTSTART; that is 20261224"
    );
    assert_eq!(problem("DTSTART:20261224\nDURATION:1D"), "days.ics:5: event: DURATION = 1D: expected a length like P1D, P2W or PT8H");
    assert!(problem("DTSTART:20261224\nDURATION:7 days").contains("expected a length like P1D"));
    assert_eq!(
        problem("DTSTART:20261224\nDURATION:-P1D"),
        "days.ics:5: event: DURATION = -P1D: expected an end that is not before DTSTART; that is 20261224"
    );
    assert_eq!(problem("DTSTART"), "days.ics:4: iCalendar syntax = DTSTART: expected NAME:VALUE");
    let whole = |text: &str| read(text).unwrap_err();
    assert_eq!(whole("<html>\n"), ["days.ics:1: iCalendar syntax = <html>: expected NAME:VALUE"]);
    assert_eq!(whole("\nA:B\n"), ["days.ics:2: iCalendar syntax = A:B: expected BEGIN:VCALENDAR; an iCalendar file begins so"]);
    assert_eq!(
        whole("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n"),
        ["days.ics:3: iCalendar syntax = END:VCALENDAR: expected END:VEVENT"]
    );
    assert_eq!(whole("BEGIN:VCALENDAR\nVERSION:2.0\n"), ["days.ics:2: iCalendar syntax: expected END:VCALENDAR; the file ends before it"]);
    assert_eq!(
        whole("BEGIN:VCALENDAR\nEND:VCALENDAR\n"),
        ["days.ics:2: the file: expected at least one VEVENT; there is no holiday in it"]
    );
    assert_eq!(whole("").len(), 1);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:x\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:y\nEND:VEVENT\nEND:VCALENDAR\n";
    let lines: Vec<_> = read(text).unwrap_err().iter().map(|problem| problem[..10].to_owned()).collect();
    assert_eq!(lines, ["days.ics:3", "days.ics:9"]);
}
