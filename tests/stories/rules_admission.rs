//! Who is who, and what is admitted.

use crate::desk::instant;

story!(g4_g6_a_ticket_is_admitted_labelled_and_answered_at_once, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mark = desk.sandbox.mark();
    let issue = desk.opens("alice", "Login is broken").await;

    assert_eq!(issue.answer, Some(202));
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @"");
    let writes: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation()).collect();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert_eq!(desk.ledger("acme").await.len(), 1);

    desk.at("2026-11-18T10:12:00Z").await;
    let mark = desk.sandbox.mark();
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @"");
    let writes: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation()).collect();
    assert!(writes.len() <= 4, "{writes:?}");
    desk.at("2026-11-19T10:12:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(e1_nobody_answers, |desk| {
    desk.partner("acme", "platinum", &["alice"]).await;
    let issue = desk.opens("alice", "Everything is down").await;
    desk.at("2026-11-18T13:00:00Z").await;
    insta::assert_snapshot!(desk.pings().join("\n"), @"");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 12:00 UTC] [sla: 3h] [sla: breached] [tier: Platinum]");
    desk.says("ben", &issue, "Sorry, on it now.").await;
    assert_eq!(desk.labels(&issue), "[sla: 3h] [sla: breached] [tier: Platinum]");
    desk.at("2026-11-19T13:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(q5_the_third_of_two_waits_and_is_admitted_when_the_window_opens, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("stu", "One").await;
    let second = desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!((desk.standing(&first).await, desk.standing(&second).await), ("admitted", "admitted"));
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @"");
    desk.says("ann", &first, "Here.").await;
    desk.says("ann", &second, "Here.").await;
    desk.at("2026-11-23T00:00:30Z").await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.comments(&third).join("\n---\n"), @"");
    assert_eq!(desk.ledger("uni").await.last().unwrap().at, instant("2026-11-23T00:00:00Z"));
});
