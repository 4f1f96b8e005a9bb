//! The response clock: when it starts, what stops it, and how it ends.

story!(g4_g6_a_ticket_is_admitted_labelled_and_answered_at_once, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mark = desk.sandbox.mark();
    let issue = desk.opens("alice", "Login is broken").await;

    assert_eq!(issue.answer, Some(202));
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-18 13:00 UTC**.
    ");
    let writes: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation()).collect();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert_eq!(desk.ledger("acme").await.len(), 1);

    desk.at("2026-11-18T10:12:00Z").await;
    let mark = desk.sandbox.mark();
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 10:12 UTC, after 1h 12m of the promised 4h.
    ");
    let writes: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation()).collect();
    assert!(writes.len() <= 4, "{writes:?}");
    desk.at("2026-11-19T10:12:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(e1_nobody_answers, |desk| {
    desk.partner("acme", "platinum", &["alice"]).await;
    let issue = desk.opens("alice", "Everything is down").await;
    desk.at("2026-11-18T13:00:00Z").await;
    insta::assert_snapshot!(desk.pings().join("\n"), @r"
    due soon (75%): Acme, Platinum, 7x/support#1 “Everything is down”, 45m left, due 2026-11-18 12:00 UTC. Answer in a public comment to stop the clock. https://github.com/7x/support/issues/1
    on-call (90%): Acme, Platinum, 7x/support#1 “Everything is down”, 18m left, due 2026-11-18 12:00 UTC. Answer in a public comment to stop the clock. https://github.com/7x/support/issues/1
    breach (due): Acme, Platinum, 7x/support#1 “Everything is down”, due now, due 2026-11-18 12:00 UTC. Answer in a public comment now; every answer after the deadline counts as late. https://github.com/7x/support/issues/1
    breach (due), repeat 1 of 12: Acme, Platinum, 7x/support#1 “Everything is down”, overdue by 1h, due 2026-11-18 12:00 UTC. Answer in a public comment now; every answer after the deadline counts as late. https://github.com/7x/support/issues/1
    ");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 12:00 UTC] [sla: 3h] [sla: breached] [tier: Platinum]");
    desk.says("ben", &issue, "Sorry, on it now.").await;
    assert_eq!(desk.labels(&issue), "[sla: 3h] [sla: breached] [tier: Platinum]");
    desk.at("2026-11-19T13:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});
