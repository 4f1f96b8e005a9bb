//! What GitHub told while nobody listened is found, and nothing is said twice for it (`R2`, `R3`, `R6`).

use crate::desk::{Desk, Opened, REPO, instant};
use crate::door;
use jiff::SignedDuration;
use partner_desk::sandbox::{Deliver, DeliveryState, Fault, Happened};
use std::sync::atomic::Ordering;
use std::time::Duration;

fn opened(happened: &Happened) -> Opened {
    let issue = happened.issue.clone().unwrap();
    Opened { number: issue.number, id: issue.id, answer: happened.status() }
}

/// Every comment of the desk's on an issue is there once.
fn says_nothing_twice(desk: &Desk, issue: &Opened, comments: usize) {
    assert_eq!(desk.comments(issue).len(), comments, "{:?}", desk.comments(issue));
}

story!(r2_tickets_opened_while_the_desk_was_away, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.stop().await;
    let mut issues = Vec::new();
    for minute in 1..=9 {
        desk.clock.advance_to(instant(&format!("2026-11-18T09:0{minute}:00Z")));
        issues.push(opened(&desk.sandbox.open_issue(REPO, "anna", &format!("Number {minute}"), "").await.unwrap()));
    }
    assert!(issues.iter().all(|issue| issue.answer.is_none()));
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.go_on().await;
    for (place, issue) in issues.iter().enumerate() {
        assert_eq!(desk.labels(issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]", "by its opening, not by the desk's return");
        assert!(desk.status(issue).contains(&format!("Ticket **{} of 10**", place + 1)), "in order: {}", desk.status(issue));
        says_nothing_twice(&desk, issue, 1);
    }
    desk.restart().await;
    let before = desk.sandbox.mark();
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.sandbox.writes_since(before).len(), 0, "looking again changes nothing");
    assert_eq!(desk.ledger("acme").await.len(), 9);
});

story!(r2_what_github_would_not_list_is_asked_for_again_soon, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.stop().await;
    let issue = opened(&desk.sandbox.open_issue(REPO, "anna", "While it was away", "").await.unwrap());
    desk.sandbox.faults().next("GET", "/app/hook/deliveries", Fault::status(503, "Service Unavailable"));
    desk.sandbox.faults().next("GET", "/installation/repositories", Fault::secondary_limit(1));
    desk.go_on().await;
    assert!(desk.ticket(&issue).await.is_none());
    desk.clock.advance_to(desk.clock.now() + SignedDuration::from_secs(40));
    desk.app.desk.catch_up_if_behind().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    // Nothing is behind any more, and GitHub is not asked.
    desk.sandbox.faults().outage(true);
    desk.app.desk.catch_up_if_behind().await.unwrap();
    desk.sandbox.faults().outage(false);
    assert!(!desk.app.desk.wakes.behind.load(Ordering::Relaxed));
});

story!(r2_opened_commented_closed_and_reopened_while_the_desk_was_away, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let known = desk.opens("anna", "Known already").await;
    let closed = desk.opens("anna", "To be closed").await;
    desk.stop().await;
    let at = |desk: &Desk, time: &str| desk.clock.advance_to(instant(&format!("2026-11-18T{time}Z")));

    at(&desk, "09:10:00");
    let new = opened(&desk.sandbox.open_issue(REPO, "anna", "New", "").await.unwrap());
    at(&desk, "09:20:00");
    desk.sandbox.comment(REPO, new.number, "ann", "On it.").await.unwrap();
    desk.sandbox.comment(REPO, known.number, "ben", "Looking.").await.unwrap();
    at(&desk, "09:30:00");
    desk.sandbox.close(REPO, closed.number, "anna", "completed").await.unwrap();
    desk.sandbox.close(REPO, new.number, "ann", "completed").await.unwrap();
    at(&desk, "09:40:00");
    desk.sandbox.reopen(REPO, new.number, "anna").await.unwrap();
    at(&desk, "10:00:00");
    desk.go_on().await;

    assert_eq!(desk.labels(&known), "[sla: 4h] [sla: met] [tier: Gold]");
    assert!(desk.status(&known).contains("Answered by `ben` on Wednesday 2026-11-18 09:20 UTC"), "{}", desk.status(&known));
    assert_eq!(desk.labels(&closed), "[sla: 4h] [tier: Gold]");
    assert!(desk.status(&closed).contains("Closed by `anna`"), "{}", desk.status(&closed));
    let cycles = desk.ticket(&new).await.unwrap().cycles();
    assert_eq!(cycles.len(), 2, "{cycles:#?}");
    assert!(cycles.last().unwrap().is_running());
    assert_eq!(cycles.last().unwrap().start, instant("2026-11-18T09:40:00Z"));
    for issue in [&known, &closed, &new] {
        says_nothing_twice(&desk, issue, 1);
    }
    desk.at("2026-11-18T12:39:59Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].starts_with("The desk was down from"), "{said:?}");
    desk.at("2026-11-18T12:40:00Z").await;
    assert_eq!(desk.pings().len(), 1, "three quarters of the target after the reopening");
});

story!(r2_closed_and_reopened_while_the_desk_was_away, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.says("ann", &issue, "Fixed.").await;
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.close(REPO, issue.number, "ann", "completed").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    desk.sandbox.reopen(REPO, issue.number, "anna").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    desk.go_on().await;
    // Open before and open after: only the issue's history tells that it was reopened, which starts a clock (S9).
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 14:30 UTC] [sla: 4h] [tier: Gold]");
});

story!(r2_deliveries_that_were_lost_without_a_trace, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let answered = desk.opens("anna", "One").await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.clock.advance_to(instant("2026-11-18T09:30:00Z"));
    let lost = desk.opens("anna", "Two").await;
    desk.says("ann", &answered, "On it.").await;
    assert!(desk.sandbox.drop_held() >= 2);
    assert_eq!(desk.standing(&lost).await, "unknown");
    desk.clock.advance_to(instant("2026-11-18T09:35:00Z"));
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing(&lost).await, "admitted");
    assert_eq!(desk.labels(&answered), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(r2_a_delivery_that_comes_after_all_does_nothing_more, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    let issue = desk.opens("anna", "Login is broken").await;
    desk.says("ann", &issue, "On it.").await;
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    let (ticket, mark) = (desk.ticket(&issue).await, desk.sandbox.mark());
    for delivery in desk.sandbox.deliver_all().await {
        assert!(matches!(delivery.state, DeliveryState::Answered(200 | 202)), "{delivery:?}");
    }
    desk.settle().await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
    assert_eq!(desk.ticket(&issue).await.map(|ticket| ticket.cycles()), ticket.map(|ticket| ticket.cycles()));
    says_nothing_twice(&desk, &issue, 1);
});

story!(r2_github_is_away_when_the_desk_comes_back, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.stop().await;
    let issue = opened(&desk.sandbox.open_issue(REPO, "anna", "Login is broken", "").await.unwrap());
    desk.sandbox.faults().outage(true);
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.go_on().await;
    assert_eq!(desk.standing(&issue).await, "unknown");
    desk.sandbox.faults().outage(false);
    desk.clock.advance_to(instant("2026-11-18T10:05:00Z"));
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing(&issue).await, "admitted", "what it could not list then, it lists the next time");
});

story!(r2_what_is_older_than_the_desk_is_no_ticket, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.stop().await;
    desk.sandbox.repository("7x/new");
    // Were its webhook one that failed, it would be sent again, and be a ticket as if it had come in time.
    desk.sandbox.deliveries_go(Deliver::Held);
    let older = desk.sandbox.open_issue("7x/new", "anna", "Before the desk watched", "").await.unwrap();
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.go_on().await;
    assert_eq!(desk.standing(&opened(&older)).await, "unknown");
    desk.sandbox.comment("7x/new", older.number(), "zoe", "Same here.").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing(&opened(&older)).await, "older");
    assert_eq!(desk.ledger("acme").await.len(), 0);
    desk.sandbox.comment("7x/new", older.number(), "ann", "/for acme").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing(&opened(&older)).await, "admitted");
});

story!(r6_told_to_stop_it_finishes_what_is_in_flight, |desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    let mut other = desk.another_instance().await;
    other.start().await;
    desk.sandbox.deliveries_go(Deliver::Held);
    for number in 1..=40 {
        desk.sandbox.open_issue(REPO, "anna", &format!("Number {number}"), "").await.unwrap();
    }
    let url = other.url.clone();
    let knocks: Vec<_> = desk
        .sandbox
        .held()
        .into_iter()
        .map(|held| {
            let knock = door::signed(&url, &held.event, &held.guid.0, &held.body);
            (held.payload()["issue"]["id"].as_i64().unwrap(), tokio::spawn(knock.send()))
        })
        .collect();
    tokio::task::yield_now().await;
    let stopped = tokio::time::timeout(Duration::from_secs(10), other.stop_gracefully()).await;
    assert!(stopped.is_ok(), "it waits for something that never ends");
    let mut taken = 0;
    for (issue, knock) in knocks {
        let status = knock.await.unwrap().map(|answer| answer.status().as_u16());
        let standing = desk.standing_of(partner_desk::domain::IssueId(issue)).await;
        if matches!(status, Ok(202)) {
            taken += 1;
            assert_ne!(standing, "unknown", "acknowledged, so it is there");
        }
    }
    desk.sandbox.drop_held();
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    // More than a minute's budget of writes.
    desk.at("2026-11-18T09:02:00Z").await;
    for number in 1..=40 {
        let issue = desk.sandbox.issue(REPO, number).unwrap();
        assert_ne!(desk.standing_of(issue.id).await, "unknown", "{taken} were taken in before the end, the rest is found");
        assert_eq!(issue.comments.len(), 1);
    }
});
