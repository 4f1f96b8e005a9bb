//! Quiet hours, the daily digest and the weekly summary (`E6`).

use crate::desk::{Desk, Setup, instant};
use partner_desk::sandbox::ChatAnswer;

/// The built-in programme's lower half is Student, Now, Starter and Basic.
const QUIET: Setup = Setup {
    config: r#"
time_zone = "Europe/Paris"

[quiet_hours]
from = "22:00"
until = "07:30"
tiers = ["student", "starter"]

[[ladder]]
steps = [{ at = "due", repeat = "1h", times = 12 }]
"#,
    programme: Some(
        "[[tier]]\nid = \"student\"\nname = \"Student\"\ntickets = \"unlimited\"\nresponse = \"14h\"\n[[tier]]\nid = \"starter\"\nname = \"Starter\"\ntickets = \"unlimited\"\nresponse = \"13h30m\"\n[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"unlimited\"\nresponse = \"14h\"\n",
    ),
};
const SUMS: Setup = Setup {
    config: r#"
[daily_digest]
at = "08:00"
time_zone = "Europe/Paris"
chat = ["support"]

[weekly_summary]
at = "Monday 08:00"

[[ladder]]
steps = [{ at = "due", chat = [] }]

[[chat]]
name = "floor"
kind = "webhook"
url = "{chat}/floor"
"#,
    programme: None,
};

fn said(desk: &Desk) -> Vec<String> {
    let mut said: Vec<_> = desk.chat.take().iter().map(|m| (m.at, m.path.clone(), m.body["text"].as_str().unwrap().to_owned())).collect();
    said.sort();
    said.into_iter()
        .map(|(at, path, text)| format!("{} {path} {}", at.strftime("%d. %H:%M"), text.split(". Answer").next().unwrap()))
        .collect()
}

async fn at(desk: &Desk, times: &[&str]) {
    for time in times {
        desk.at(&format!("2026-11-{time}:00Z")).await;
    }
}

story!(e6_pings_of_low_tiers_wait_for_the_morning_and_the_highest_always_come_through, QUIET, |mut desk| {
    for (partner, tier, member) in [("uni", "student", "stu"), ("small", "starter", "sam"), ("acme", "gold", "anna")] {
        desk.partner(partner, tier, &[member]).await;
        desk.opens(member, &format!("Of {tier}")).await;
    }
    // Due at 22:30 and 23:00 UTC, which is within the quiet hours of Paris, 21:00 to 6:30 UTC.
    at(&desk, &["18T22:30", "18T23:00", "19T00:00"]).await;
    insta::assert_snapshot!(said(&desk).join("\n"), @r"
    18. 23:00 /support breach (due): Acme, Gold, 7x/support#3 “Of gold”, due now, due 2026-11-18 23:00 UTC
    19. 00:00 /support breach (due), repeat 1 of 12: Acme, Gold, 7x/support#3 “Of gold”, overdue by 1h, due 2026-11-18 23:00 UTC
    ");
    desk.restart().await;
    at(&desk, &["19T01:00", "19T06:29"]).await;
    assert!(said(&desk).iter().all(|line| line.contains("Gold")));
    // Answered in the night: not said in the morning.
    at(&desk, &["19T06:30"]).await;
    insta::assert_snapshot!(said(&desk).join("\n"), @r"
    19. 06:30 /support breach (due), repeat 7 of 12, held over the quiet hours: Uni, Student, 7x/support#1 “Of student”, overdue by 7h 30m, due 2026-11-18 23:00 UTC
    19. 06:30 /support breach (due), repeat 8 of 12: Small, Starter, 7x/support#2 “Of starter”, overdue by 8h, due 2026-11-18 22:30 UTC
    ");
    at(&desk, &["19T07:00"]).await;
    assert_eq!(said(&desk).len(), 2, "by day both speak at once");
});

story!(e6_many_that_waited_are_one_digest_in_the_morning_without_those_that_were_answered, QUIET, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let mut issues = Vec::new();
    for number in 1..=8 {
        issues.push(desk.opens("stu", &format!("Question {number}")).await);
    }
    at(&desk, &["18T23:00", "19T02:00"]).await;
    desk.says("ann", &issues[0], "On it.").await;
    assert_eq!(said(&desk), Vec::<String>::new());
    at(&desk, &["19T06:30"]).await;
    let said = said(&desk);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("7 tickets wait for an answer, all overdue") && said[0].contains("held over the quiet hours"), "{}", said[0]);
});

const JUST_BEFORE: Setup = Setup {
    config: QUIET.config,
    programme: Some(
        "[[tier]]\nid = \"student\"\nname = \"Student\"\ntickets = \"unlimited\"\nresponse = \"11h50m\"\n[[tier]]\nid = \"starter\"\nname = \"Starter\"\ntickets = \"unlimited\"\nresponse = \"11h50m\"\n[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"unlimited\"\nresponse = \"11h50m\"\n",
    ),
};

story!(e6_e7_a_digest_that_was_not_taken_by_day_is_no_reason_to_wake_anybody_at_night, JUST_BEFORE, |desk| {
    for (partner, tier, member, many) in [("acme", "gold", "anna", 3), ("uni", "student", "stu", 4)] {
        desk.partner(partner, tier, &[member]).await;
        for number in 1..=many {
            desk.opens(member, &format!("{tier} {number}")).await;
        }
    }
    desk.chat.answer_always("", ChatAnswer::Down);
    at(&desk, &["18T20:50", "18T20:55", "18T20:58"]).await;
    let _ = desk.chat.take();
    at(&desk, &["18T21:02"]).await;
    desk.chat.answer_always("", ChatAnswer::OK);
    at(&desk, &["18T21:10"]).await;
    let by_night = said(&desk).join("\n");
    assert!(by_night.contains("Gold") && !by_night.contains("Student"), "{by_night}");
    at(&desk, &["19T06:30"]).await;
    assert!(said(&desk).join("\n").contains("Student"));
});

story!(e6_a_day_and_a_week_are_summed_up_once_at_their_hour_whoever_runs, SUMS, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("anna", "Login is broken").await;
    desk.opens("anna", "So is the <search>").await;
    for title in ["one", "two", "three"] {
        desk.opens("stu", title).await;
    }
    at(&desk, &["18T10:00"]).await;
    desk.says("ann", &first, "On it.").await;
    at(&desk, &["19T06:59"]).await;
    assert_eq!(said(&desk), Vec::<String>::new());
    let other = desk.another_instance().await;
    at(&desk, &["19T07:00"]).await;
    other.app.settle().await.unwrap();
    desk.restart().await;
    at(&desk, &["19T07:30"]).await;
    insta::assert_snapshot!(said(&desk).join("\n"), @r"
    19. 07:00 /support Today 3 tickets wait for an answer, 1 overdue.
    From 2026-11-18 07:00 UTC to 2026-11-19 07:00 UTC: 5 opened, 1 answered.
    Promises that were due: Gold 1 of 2 in time (50 %).
    Overdue: Acme 7x/support#2 (overdue by 18h).
    Due within a day: Uni 7x/support#3 (14h left), Uni 7x/support#4 (14h left).
    Waiting for a slot: 1.
    ");
    // Down at the hour: said when it is back; down for the whole morning: not at all.
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-20T09:00:00Z"));
    desk.go_on().await;
    let lines = said(&desk);
    assert_eq!(lines.iter().filter(|line| line.contains("Today")).count(), 1, "{lines:#?}");
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-21T14:00:00Z"));
    desk.go_on().await;
    assert!(said(&desk).iter().all(|line| !line.contains("Today")));
    at(&desk, &["23T07:00"]).await;
    said(&desk);
    at(&desk, &["23T08:00"]).await;
    insta::assert_snapshot!(said(&desk).join("\n"), @r"
    23. 08:00 /floor The week: 1 of 4 in time (25 %); 4 tickets wait for an answer, 3 overdue.
    From 2026-11-16 08:00 UTC to 2026-11-23 08:00 UTC: 5 opened, 1 answered.
    Promises that were due: Gold 1 of 2 in time (50 %), Student 0 of 2 in time (0 %).
    Overdue: Acme 7x/support#2 (overdue by 4d 19h), Uni 7x/support#3 (overdue by 3d 11h), Uni 7x/support#4 (overdue by 3d 11h).
    Due later, or standing still: 1.
    23. 08:00 /support The week: 1 of 4 in time (25 %); 4 tickets wait for an answer, 3 overdue.
    From 2026-11-16 08:00 UTC to 2026-11-23 08:00 UTC: 5 opened, 1 answered.
    Promises that were due: Gold 1 of 2 in time (50 %), Student 0 of 2 in time (0 %).
    Overdue: Acme 7x/support#2 (overdue by 4d 19h), Uni 7x/support#3 (overdue by 3d 11h), Uni 7x/support#4 (overdue by 3d 11h).
    Due later, or standing still: 1.
    ");
    other.stop().await;
});
