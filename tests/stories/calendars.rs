//! Stories of clocks that count a calendar's open time only (`S6`), with steps and pauses on it (`E1`, `S7`).

use crate::desk::Setup;

const OFFICE: Setup = Setup {
    config: "",
    programme: Some(
        r#"
[[calendar]]
id = "office"
zone = "Europe/Paris"
hours = { mon-fri = ["09:00-12:00", "13:00-18:00"] }
holidays = ["2026-11-19 Founders' Day"]

[[tier]]
id = "gold"
name = "Gold"
tickets = "10/week"
response = "4h"
calendar = "office"
"#,
    ),
};

story!(s6_only_open_time_counts_and_the_comment_names_the_holiday_in_between, OFFICE, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.at("2026-11-18T16:00:00Z").await;
    let issue = desk.opens("alice", "Late in the day").await;
    // 17:00 in Paris: one hour today, Thursday is a holiday, three hours on Friday.
    assert_eq!(desk.labels(&issue), "[due: 2026-11-20 11:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Friday 2026-11-20 11:00 UTC**. It would be earlier but for Founders' Day (2026-11-19).
    ");
});

story!(s6_e1_steps_are_counted_on_the_tickets_own_calendar, OFFICE, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.at("2026-11-18T16:00:00Z").await;
    let issue = desk.opens("alice", "Late in the day").await;
    // 75 % are three open hours: Friday, 11:00 in Paris.
    desk.at("2026-11-20T09:59:59Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new(), "nobody is pinged at night");
    desk.at("2026-11-20T10:00:00Z").await;
    assert_eq!(desk.pings().len(), 1);
    assert!(desk.labels(&issue).contains("[sla: due soon]"), "{}", desk.labels(&issue));
    desk.at("2026-11-20T11:00:01Z").await;
    assert!(desk.labels(&issue).contains("[sla: breached]"), "{}", desk.labels(&issue));
    assert_eq!(desk.pings().len(), 2, "90 % and due");
    // Repeats go on hourly, in open time: 14:00 to 18:00 in Paris has four of them, and the weekend none.
    desk.at("2026-11-22T23:00:00Z").await;
    assert_eq!(desk.pings().len(), 5);
});

story!(s6_an_answer_at_night_is_in_time, OFFICE, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.at("2026-11-18T16:00:00Z").await;
    let issue = desk.opens("alice", "Late in the day").await;
    desk.at("2026-11-19T22:00:00Z").await;
    desk.says("ann", &issue, "I could not sleep.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(s6_s7_a_pause_over_night_costs_only_its_open_time, OFFICE, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "First").await;
    desk.says("ann", &issue, "Done.").await;
    desk.closes("ann", &issue).await;
    desk.at("2026-11-18T14:00:00Z").await;
    desk.reopens("alice", &issue).await;
    assert!(desk.labels(&issue).contains("[due: 2026-11-20 09:00 UTC]"), "15:00 in Paris, three hours today: {}", desk.labels(&issue));
    desk.at("2026-11-18T16:00:00Z").await;
    desk.says("ann", &issue, "/wait").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: paused] [tier: Gold]");
    desk.at("2026-11-20T09:00:00Z").await;
    desk.says("alice", &issue, "Here are the logs.").await;
    // Two hours are left at 10:00 in Paris; the lunch break does not begin before they are over.
    assert_eq!(desk.labels(&issue), "[due: 2026-11-20 11:00 UTC] [sla: 4h] [tier: Gold]");
});
