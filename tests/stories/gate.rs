//! One gate an installation: writes in order, one at a time, inside GitHub's limits, and refusals that end somewhere (`G7`). Whatever is
//! sent beyond a limit, or into a quiet that GitHub asked for, fails the story at its end.

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use jiff::{SignedDuration, Timestamp};
use partner_desk::domain::IssueId;
use partner_desk::sandbox::{Deliver, Fault, RecordedRequest};
use std::collections::BTreeMap;

const UNLIMITED: Setup = Setup {
    config: "",
    programme: Some(
        "[[tier]]\nid = \"low\"\nname = \"Low\"\ntickets = \"unlimited\"\nresponse = \"48h\"\n\
         [[tier]]\nid = \"high\"\nname = \"High\"\ntickets = \"unlimited\"\nresponse = \"48h\"\n",
    ),
};

fn start() -> Timestamp {
    instant(crate::desk::START)
}

fn seconds_in(request: &RecordedRequest) -> i64 {
    request.at.duration_since(start()).as_secs()
}

/// The numbers of the issues that were commented on, in order, each with the second of it.
fn commented(writes: &[RecordedRequest]) -> Vec<(u64, i64)> {
    let comment = |write: &&RecordedRequest| write.method == "POST" && write.path.ends_with("/comments") && write.status == Some(201);
    let number = |write: &RecordedRequest| write.path.rsplit('/').nth(1).unwrap().parse().unwrap();
    writes.iter().filter(comment).map(|write| (number(write), seconds_in(write))).collect()
}

/// How many writes there were at each second.
fn by_second(writes: &[RecordedRequest]) -> BTreeMap<i64, usize> {
    let mut found = BTreeMap::new();
    for write in writes {
        *found.entry(seconds_in(write)).or_default() += 1;
    }
    found
}

/// So many issues at once, taken in before anything is shown.
async fn opens_many(desk: &Desk, author: &str, many: usize) {
    for number in 0..many {
        desk.sandbox.open_issue(REPO, author, &format!("{author} {number}"), "Help").await.unwrap();
    }
}

async fn a_gold_partner(desk: &Desk) {
    desk.partner("acme", "gold", &["anna"]).await;
}

/// Everything is settled: nothing is sent any more, whatever time does.
async fn is_at_rest(desk: &Desk, until: &str) {
    let mark = desk.sandbox.mark();
    desk.at(until).await;
    assert_eq!(desk.sandbox.writes_since(mark).iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
}

async fn g7_log(desk: &Desk, issue: &Opened) -> Vec<String> {
    desk.log(issue).await.into_iter().filter(|line| line.starts_with("G7")).collect()
}

story!(g7_a_burst_after_quiet_goes_at_once_and_only_the_budgets_delay, UNLIMITED, |desk| {
    desk.partner("acme", "low", &["anna"]).await;
    opens_many(&desk, "anna", 200).await;
    desk.settle().await;
    assert_eq!(by_second(&desk.sandbox.writes()), [(0, 80)].into(), "the whole of the minute's budget, at once");
    desk.at("2026-11-18T10:00:00Z").await;
    // Three labels are created, then each ticket costs two.
    assert_eq!(
        by_second(&desk.sandbox.writes()),
        [(0, 80), (60, 80), (120, 80), (180, 80), (240, 80), (300, 3)].into(),
        "the minute's budget, minute by minute"
    );
    let order = commented(&desk.sandbox.writes());
    assert_eq!(order.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>(), "in order");
    assert_eq!(desk.sandbox.most_writes_at_once(), 1);
    is_at_rest(&desk, "2026-11-18T12:00:00Z").await;
    desk.opens("anna", "One more").await;
    assert_eq!(desk.comments(&Opened { number: 201, id: IssueId(0), answer: None }).len(), 1, "at once again");
});

story!(g7_the_hours_budget_is_kept_across_a_restart, UNLIMITED, |mut desk| {
    desk.partner("acme", "low", &["anna"]).await;
    opens_many(&desk, "anna", 300).await;
    desk.settle().await;
    desk.at("2026-11-18T09:03:30Z").await;
    desk.restart().await;
    desk.at("2026-11-18T11:00:00Z").await;
    let writes = by_second(&desk.sandbox.writes());
    let in_first_hour: usize = writes.range(..3600).map(|(_, writes)| writes).sum();
    assert_eq!(in_first_hour, 500, "{writes:?}");
    assert_eq!(writes.range(3600..).next(), Some((&3600, &80)), "{writes:?}");
    assert_eq!(commented(&desk.sandbox.writes()).len(), 300);
});

story!(g7_two_instances_share_one_budget_and_write_one_at_a_time, UNLIMITED, |desk| {
    let other = desk.another_instance().await;
    desk.partner("acme", "low", &["anna"]).await;
    opens_many(&desk, "anna", 60).await;
    for _ in 0..20 {
        let (one, two) = tokio::join!(desk.app.desk.publish(), other.app.desk.publish());
        one.unwrap();
        two.unwrap();
    }
    assert_eq!(by_second(&desk.sandbox.writes()), [(0, 80)].into());
    desk.clock.advance_to(instant("2026-11-18T09:01:00Z"));
    other.app.desk.publish().await.unwrap();
    assert_eq!(by_second(&desk.sandbox.writes()), [(0, 80), (60, 43)].into(), "whoever is there goes on");
    assert_eq!(desk.sandbox.most_writes_at_once(), 1);
    assert_eq!(commented(&desk.sandbox.writes()).len(), 60);
    other.stop().await;
});

story!(g7_an_instance_that_died_is_taken_over_from_within_fifteen_seconds, |desk| {
    a_gold_partner(&desk).await;
    desk.sandbox.faults().next("POST", "/comments", Fault::Delay(std::time::Duration::from_mins(10)));
    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    let publisher = desk.publishes();
    while desk.comments(&issue).is_empty() {
        tokio::task::yield_now().await;
    }
    publisher.abort();
    assert!(publisher.await.is_err_and(|error| error.is_cancelled()));
    desk.opens("anna", "Another").await;
    let another = Opened { number: 2, id: IssueId(0), answer: None };
    assert_eq!(desk.comments(&another).len(), 0, "its turn is not over");
    desk.at("2026-11-18T09:00:15Z").await;
    assert_eq!((desk.comments(&issue).len(), desk.comments(&another).len()), (1, 1));
    assert_eq!(commented(&desk.sandbox.writes()).len(), 2, "what it had sent was looked up");
});

story!(g7_who_wakes_after_its_turn_is_over_writes_nothing_more, |desk| {
    a_gold_partner(&desk).await;
    let other = desk.another_instance().await;
    // The labels are on their way for long; meanwhile the other instance has the next turn and shows the ticket.
    desk.sandbox.faults().next("POST", "/issues/*/labels", Fault::Delay(std::time::Duration::from_millis(700)));
    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    let publisher = desk.publishes();
    while desk.view(&issue).labels.is_empty() {
        tokio::task::yield_now().await;
    }
    desk.clock.advance_to(instant("2026-11-18T09:00:16Z"));
    other.app.desk.publish().await.unwrap();
    publisher.await.unwrap().unwrap();
    desk.settle().await;
    assert_eq!((desk.comments(&issue).len(), commented(&desk.sandbox.writes()).len()), (1, 1));
    other.stop().await;
});

story!(g7_a_time_to_wait_that_is_none_is_not_taken_at_its_word, |desk| {
    a_gold_partner(&desk).await;
    desk.sandbox.faults().next_times(500, "POST", "", Fault::too_many(0));
    desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T09:00:50Z").await;
    let tried = desk.sandbox.writes_since(mark).len();
    assert!(tried <= 1, "{tried} writes in 50 s");
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T09:03:00Z").await;
    let issue = Opened { number: 1, id: IssueId(0), answer: None };
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g7_higher_tiers_go_first, UNLIMITED, |desk| {
    desk.partner("acme", "low", &["anna"]).await;
    desk.partner("globex", "high", &["gus"]).await;
    opens_many(&desk, "anna", 60).await;
    opens_many(&desk, "gus", 20).await;
    desk.settle().await;
    desk.at("2026-11-18T09:10:00Z").await;
    let order: Vec<_> = commented(&desk.sandbox.writes()).into_iter().map(|(number, _)| number).collect();
    assert_eq!(order, (61..=80).chain(1..=60).collect::<Vec<_>>());
    // And one that comes while others wait for the budget goes before them.
    opens_many(&desk, "anna", 60).await;
    desk.settle().await;
    opens_many(&desk, "gus", 1).await;
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T09:20:00Z").await;
    assert_eq!(commented(&desk.sandbox.writes_since(mark))[0].0, 141);
});

story!(g7_retry_after_holds_every_ticket_of_the_installation_and_of_no_other, |desk| {
    desk.sandbox.repository("globex/tracker");
    desk.app.desk.catch_up().await.unwrap();
    a_gold_partner(&desk).await;
    desk.partner("globex", "gold", &["gus"]).await;
    for (at, fault) in [("09", Fault::secondary_limit(90)), ("10", Fault::too_many(90))] {
        desk.at(&format!("2026-11-18T{at}:00:00Z")).await;
        desk.sandbox.faults().next("POST", "/issues/*/labels", fault);
        let first = desk.opens("anna", "One").await;
        let second = desk.opens("anna", "Two").await;
        let elsewhere = desk.sandbox.open_issue("globex/tracker", "gus", "Three", "Help").await.unwrap();
        desk.settle().await;
        assert_eq!((desk.comments(&first).len(), desk.comments(&second).len()), (0, 0));
        assert_eq!(desk.sandbox.issue("globex/tracker", elsewhere.number()).unwrap().comments.len(), 1);
        desk.at(&format!("2026-11-18T{at}:01:29Z")).await;
        assert_eq!((desk.comments(&first).len(), desk.comments(&second).len()), (0, 0));
        desk.at(&format!("2026-11-18T{at}:01:30Z")).await;
        assert_eq!((desk.comments(&first).len(), desk.comments(&second).len()), (1, 1), "exactly as long as it asked for");
    }
});

story!(g7_the_hours_calls_that_are_used_up_are_waited_for, |desk| {
    a_gold_partner(&desk).await;
    let reset = instant("2026-11-18T09:40:00Z").as_second();
    desk.sandbox.faults().next("POST", "/comments", Fault::primary_limit(reset));
    let issue = desk.opens("anna", "One").await;
    desk.at("2026-11-18T09:39:59Z").await;
    assert_eq!(desk.comments(&issue).len(), 0);
    desk.at("2026-11-18T09:40:00Z").await;
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g7_after_the_last_call_of_the_hour_nothing_is_sent_until_the_next, |desk| {
    a_gold_partner(&desk).await;
    let called = desk.sandbox.requests().iter().filter(|call| !call.path.starts_with("/app")).count();
    // Its last call is answered, and says that it was the last.
    desk.sandbox.calls_an_hour(called + 2);
    let issue = desk.opens("anna", "One").await;
    desk.app.desk.catch_up().await.unwrap();
    desk.at("2026-11-18T09:59:59Z").await;
    assert_eq!(desk.comments(&issue).len(), 0);
    desk.sandbox.calls_an_hour(5000);
    desk.at("2026-11-18T10:00:01Z").await;
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g7_a_limit_without_a_time_is_waited_out_ever_longer, |desk| {
    a_gold_partner(&desk).await;
    desk.sandbox.faults().next_times(4, "POST", "/issues/*/labels", Fault::limit_without_a_time());
    let issue = desk.opens("anna", "One").await;
    desk.at("2026-11-18T09:30:00Z").await;
    let tries = desk.sandbox.writes().into_iter().filter(|write| write.path.contains("/issues/1/labels"));
    assert_eq!(tries.map(|write| seconds_in(&write)).collect::<Vec<_>>(), [0, 60, 180, 420, 900]);
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g7_e3_nothing_is_asked_before_a_ping_while_github_wants_quiet, |desk| {
    a_gold_partner(&desk).await;
    desk.opens("anna", "One").await;
    desk.at("2026-11-18T11:59:59Z").await;
    desk.sandbox.faults().next("POST", "/issues/*/labels", Fault::secondary_limit(3000));
    desk.opens("anna", "Two").await;
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T12:00:00Z").await;
    let pings = desk.pings();
    assert!(pings.len() == 1 && pings[0].contains("due soon") && pings[0].contains("not confirmed"), "{pings:?}");
    desk.app.desk.catch_up().await.unwrap();
    let asked = desk.sandbox.requests().split_off(mark).into_iter().filter(|call| !call.path.starts_with("/app"));
    assert_eq!(asked.map(|call| call.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
});

story!(g7_an_unknown_fate_is_looked_up_within_five_seconds_though_the_budget_is_used_up, UNLIMITED, |desk| {
    desk.partner("acme", "low", &["anna"]).await;
    // Three labels and 38 tickets leave one write: the labels of the 39th; its comment waits. The last that was sent got no answer.
    desk.sandbox.deliveries_go(Deliver::Held);
    opens_many(&desk, "anna", 41).await;
    desk.sandbox.faults().next("POST", "/issues/38/comments", Fault::DropBeforeEffect);
    desk.sandbox.deliver_all().await;
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    desk.settle().await;
    assert_eq!(desk.sandbox.faults().pending(), 0);
    let looks = |desk: &Desk| {
        let looks = desk.sandbox.requests().into_iter().filter(|call| call.method == "GET" && call.path.ends_with("/issues/38/comments"));
        looks.map(|call| seconds_in(&call)).collect::<Vec<_>>()
    };
    assert_eq!(looks(&desk), [0], "at once");
    desk.at("2026-11-18T09:05:00Z").await;
    assert_eq!(commented(&desk.sandbox.writes()).len(), 41);
    assert!(
        looks(&desk).iter().all(|second| *second <= 60) && looks(&desk).len() >= 2,
        "and again before it is repeated: {:?}",
        looks(&desk)
    );
});

story!(
    g7_a_close_that_was_not_answered_is_not_repeated_over_a_reopening,
    Setup { config: "over_quota = \"close\"", ..Setup::default() },
    |desk| {
        desk.partner("acme", "student", &["anna"]).await;
        desk.opens("anna", "One").await;
        desk.opens("anna", "Two").await;
        desk.sandbox.faults().next("PATCH", "/issues/3", Fault::DropAfterEffect);
        let issue = desk.opens("anna", "Three").await;
        assert_eq!(desk.view(&issue).state, "closed");
        desk.sandbox.reopen(REPO, issue.number, "ann").await.unwrap();
        desk.at("2026-11-18T09:10:00Z").await;
        assert_eq!(desk.view(&issue).state, "open", "the engineer has the last word");
    }
);

story!(g7_github_away_is_not_asked_by_every_ticket_at_once, UNLIMITED, |desk| {
    desk.partner("acme", "low", &["anna"]).await;
    desk.sandbox.faults().outage(true);
    opens_many(&desk, "anna", 50).await;
    desk.at("2026-11-18T09:10:00Z").await;
    let writes = desk.sandbox.writes();
    let most = by_second(&writes).into_values().max();
    assert!(writes.len() < 120 && most <= Some(3), "{} writes in ten minutes, at most {most:?} in a second", writes.len());
    desk.sandbox.faults().outage(false);
    desk.at("2026-11-18T09:20:00Z").await;
    assert_eq!(commented(&desk.sandbox.writes()).len(), 50);
});

story!(g7_one_ticket_that_always_fails_holds_up_no_other, |desk| {
    a_gold_partner(&desk).await;
    desk.sandbox.faults().next_times(1000, "POST", "/issues/1/comments", Fault::status(500, "Server Error"));
    desk.opens("anna", "One").await;
    for number in 2..=5 {
        desk.at(&format!("2026-11-18T09:{number}0:00Z")).await;
        let issue = desk.opens("anna", "Next").await;
        desk.at(&format!("2026-11-18T09:{number}0:05Z")).await;
        assert_eq!(desk.comments(&issue).len(), 1);
    }
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T11:00:00Z").await;
    assert_eq!(desk.sandbox.issue(REPO, 1).unwrap().comments.len(), 1);
});

story!(g7_a_repository_whose_writes_always_fail_keeps_no_higher_tier_waiting, UNLIMITED, |desk| {
    desk.partner("acme", "low", &["anna"]).await;
    desk.partner("globex", "high", &["gus"]).await;
    for number in 1..=40 {
        desk.sandbox.faults().next_times(10_000, "POST", &format!("/issues/{number}/comments"), Fault::status(502, "Bad Gateway"));
    }
    opens_many(&desk, "anna", 40).await;
    for minute in [10, 20, 30, 40] {
        desk.at(&format!("2026-11-18T09:{minute}:00Z")).await;
        let issue = desk.opens("gus", "Urgent").await;
        desk.at(&format!("2026-11-18T09:{minute}:05Z")).await;
        assert_eq!(desk.comments(&issue).len(), 1, "at 9:{minute}, of {:?}", commented(&desk.sandbox.writes()));
    }
    // Those whose turn it is not yet are told within the quarter of an hour all the same.
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T09:55:00Z").await;
    assert_eq!(commented(&desk.sandbox.writes()).len(), 44);
});

story!(g7_an_issue_that_is_elsewhere_or_gone_ends_though_nobody_told, |desk| {
    desk.sandbox.repository("7x/other");
    desk.app.desk.catch_up().await.unwrap();
    a_gold_partner(&desk).await;
    let (moved, deleted) = (desk.opens("anna", "Moved").await, desk.opens("anna", "Deleted").await);
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.comment(REPO, moved.number, "ann", "Here.").await.unwrap();
    desk.sandbox.comment(REPO, deleted.number, "ann", "Here.").await.unwrap();
    desk.sandbox.transfer_issue(REPO, moved.number, "7x/other", "ann").await.unwrap();
    desk.sandbox.delete_issue(REPO, deleted.number, "ann").await.unwrap();
    // The answers are told, the rest is lost.
    desk.delivers(&[0, 1]).await;
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    desk.at("2026-11-18T09:10:00Z").await;
    is_at_rest(&desk, "2026-11-18T09:40:00Z").await;
});

story!(g7_where_a_repository_is_said_to_be_elsewhere_it_is_read_again, |desk| {
    a_gold_partner(&desk).await;
    let repo = desk.sandbox.repository(REPO);
    for (number, status) in [(1, 301), (2, 307), (3, 308)] {
        let elsewhere = format!("{}/repositories/{repo}/issues/{number}/labels", desk.sandbox.url());
        desk.sandbox.faults().next("POST", "/issues/*/labels", Fault::moved(status, &elsewhere));
        let mark = desk.sandbox.mark();
        let issue = desk.opens("anna", "One").await;
        let asked = desk.sandbox.requests().split_off(mark);
        assert!(asked.iter().any(|call| call.method == "GET" && call.path == format!("/repositories/{repo}")), "{status}");
        desk.at(&format!("2026-11-18T09:{number}0:00Z")).await;
        assert_eq!((desk.labels(&issue).is_empty(), desk.comments(&issue).len()), (false, 1), "{status}");
    }
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(g7_a_comment_that_is_said_to_be_elsewhere_is_not_posted_again, |desk| {
    a_gold_partner(&desk).await;
    let elsewhere = format!("{}/repositories/1/issues/comments/1", desk.sandbox.url());
    for (number, status) in [(1, 301), (2, 302), (3, 307), (4, 308)] {
        let issue = desk.opens("anna", "One").await;
        desk.sandbox.faults().next("PATCH", "/issues/comments/*", Fault::moved(status, &elsewhere));
        desk.says("ann", &issue, "On it.").await;
        desk.at(&format!("2026-11-18T09:{number}0:00Z")).await;
        assert_eq!((desk.sandbox.faults().pending(), desk.comments(&issue).len()), (0, 1), "{status}");
        assert!(desk.status(&issue).contains("Answered by `ann`"), "{status}: {}", desk.status(&issue));
    }
});

story!(g7_a_redirect_in_a_circle_or_to_strangers_ends, |desk| {
    a_gold_partner(&desk).await;
    let repo = desk.sandbox.repository(REPO);
    let home = format!("{}/repositories/{repo}", desk.sandbox.url());
    desk.sandbox.faults().next_times(1000, "POST", "/issues/1/labels", Fault::moved(307, &format!("{home}/issues/1/labels")));
    desk.sandbox.faults().next_times(40, "GET", &format!("/repositories/{repo}"), Fault::moved(301, &home));
    let issue = desk.opens("anna", "One").await;
    let away = "https://strangers.example/repositories/1";
    desk.sandbox.faults().next_times(1000, "GET", &format!("/repositories/{repo}"), Fault::moved(301, away));
    desk.at("2026-11-18T10:30:00Z").await;
    let tries = desk.sandbox.writes().len();
    assert!(tries < 20, "{tries}");
    assert_eq!(g7_log(&desk, &issue).await.len(), 1);
    is_at_rest(&desk, "2026-11-18T11:50:00Z").await;
    assert_eq!(desk.pings().into_iter().filter(|ping| ping.contains("GitHub refuses")).count(), 1);
    desk.sandbox.faults().clear();
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]", "a change tries again");
});

story!(g7_a_404_alone_does_not_make_an_issue_gone, |desk| {
    a_gold_partner(&desk).await;
    let repo = desk.sandbox.repository(REPO);
    desk.sandbox.faults().next("POST", "/issues/1/labels", Fault::status(404, "Not Found"));
    desk.sandbox.faults().next("GET", &format!("/repositories/{repo}"), Fault::status(404, "Not Found"));
    let issue = desk.opens("anna", "One").await;
    assert_eq!(desk.comments(&issue).len(), 0);
    let told = desk.pings();
    assert!(told.len() == 1 && told[0].contains("does not let the App read this repository"), "{told:?}");
    is_at_rest(&desk, "2026-11-18T09:59:59Z").await;
    desk.at("2026-11-18T10:00:00Z").await;
    assert_eq!((desk.labels(&issue).is_empty(), desk.comments(&issue).len()), (false, 1));
});

story!(g7_what_does_not_fit_is_told_once_and_not_tried_on, |desk| {
    a_gold_partner(&desk).await;
    let invalid = Fault::Status {
        status: 422,
        headers: Vec::new(),
        body: serde_json::json!({ "message": "Validation Failed", "errors": [{ "resource": "Issue", "code": "custom", "field": "labels",
                                  "message": "these labels are not wanted" }] }),
    };
    desk.sandbox.faults().next_times(6, "POST", "/issues/*/labels", invalid);
    let (first, second) = (desk.opens("anna", "One").await, desk.opens("anna", "Two").await);
    assert_eq!(desk.pings(), Vec::<String>::new(), "it may pass");
    desk.at("2026-11-18T09:00:30Z").await;
    assert_eq!(desk.sandbox.faults().pending(), 0);
    assert_eq!((desk.comments(&first).len(), desk.comments(&second).len()), (1, 1), "the comment is no labels");
    let told = desk.pings();
    assert!(told.len() == 1 && told[0].contains("422 Validation Failed: these labels are not wanted"), "{told:?}");
    assert_eq!(g7_log(&desk, &first).await.len(), 1);
    is_at_rest(&desk, "2026-11-18T11:50:00Z").await;
    desk.says("ann", &first, "On it.").await;
    assert_eq!(desk.labels(&first), "[sla: 4h] [sla: met] [tier: Gold]", "with its next change");
    desk.closes("anna", &second).await;
    assert_eq!(desk.labels(&second), "[sla: 4h] [tier: Gold]");
});

story!(g7_a_refusal_is_tried_again_in_a_day, |desk| {
    a_gold_partner(&desk).await;
    let issue = desk.opens("anna", "One").await;
    desk.sandbox.faults().next_times(3, "PATCH", "/issues/comments/*", Fault::status(422, "Validation Failed"));
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T09:00:30Z").await;
    assert_eq!((desk.labels(&issue).as_str(), desk.sandbox.faults().pending()), ("[sla: 4h] [sla: met] [tier: Gold]", 0));
    desk.at("2026-11-19T08:59:59Z").await;
    assert!(!desk.status(&issue).contains("Answered"));
    desk.at("2026-11-19T09:00:30Z").await;
    assert!(desk.status(&issue).contains("Answered by `ann`"));
});

story!(g7_an_issue_so_new_that_github_does_not_know_it_everywhere_has_its_comment_within_seconds, |desk| {
    a_gold_partner(&desk).await;
    let unknown = Fault::status(422, "Could not resolve to a node with the global id of 'I_kwDOA'.");
    desk.sandbox.faults().next("POST", "/issues/1/comments", unknown);
    let issue = desk.opens("anna", "One").await;
    desk.at("2026-11-18T09:00:05Z").await;
    assert_eq!((desk.comments(&issue).len(), desk.pings()), (1, vec![]));
});

story!(s12_g7_tickets_outlive_a_time_in_which_issues_are_switched_off, |desk| {
    a_gold_partner(&desk).await;
    let issue = desk.opens("anna", "One").await;
    let repo = desk.sandbox.repository(REPO);
    let off = Fault::status(410, "Issues are disabled for this repo");
    let body = serde_json::json!({ "id": repo.0, "full_name": REPO, "private": true, "archived": false, "has_issues": false });
    let faults = desk.sandbox.faults();
    faults.next_times(1000, "GET", "/issues/1", off.clone());
    faults.next_times(1000, "POST", "/issues/1/labels", off);
    faults.next_times(1000, "GET", &format!("/repositories/{repo}"), Fault::Status { status: 200, headers: Vec::new(), body });
    desk.at("2026-11-18T12:05:00Z").await;
    let said = desk.pings();
    assert!(said.iter().any(|ping| ping.starts_with("due soon (75%) (not confirmed")), "{said:?}");
    assert!(said.iter().any(|ping| ping.contains("or its issues are switched off")), "{said:?}");
    faults.clear();
    desk.at("2026-11-18T13:10:00Z").await;
    let said = desk.pings();
    assert!(said.iter().any(|ping| ping.starts_with("breach (due)") && !ping.contains("not confirmed")), "{said:?}");
    assert!(desk.labels(&issue).contains("sla: breached"), "{}", desk.labels(&issue));
});

story!(g7_a_comment_of_which_a_killed_try_knew_nothing_is_looked_for_however_later_tries_end, |desk| {
    a_gold_partner(&desk).await;
    let issue = desk.opens("anna", "One").await;
    assert_eq!(desk.comments(&issue).len(), 1);
    // As if the desk had been killed before it noted what it had shown.
    desk.execute("UPDATE tickets SET applied = NULL, published = 0, attempts = 1").await;
    let repo = desk.sandbox.repository(REPO);
    desk.sandbox.faults().next("POST", "/issues/1/labels", Fault::status(404, "Not Found"));
    desk.sandbox.faults().next("GET", &format!("/repositories/{repo}"), Fault::status(404, "Not Found"));
    desk.settle().await;
    assert_eq!(desk.sandbox.faults().pending(), 0);
    desk.at("2026-11-18T10:30:00Z").await;
    assert_eq!((desk.labels(&issue).is_empty(), desk.comments(&issue).len()), (false, 1));
});

story!(g7_one_refusal_after_an_outage_is_one, |desk| {
    a_gold_partner(&desk).await;
    let faults = desk.sandbox.faults();
    faults.next_times(10, "POST", "/issues/1/labels", Fault::status(500, "Server Error"));
    faults.next("POST", "/issues/1/labels", Fault::status(404, "Not Found"));
    let issue = desk.opens("anna", "One").await;
    desk.at("2026-11-18T09:40:00Z").await;
    assert_eq!(faults.pending(), 0);
    assert_eq!((desk.labels(&issue).is_empty(), desk.comments(&issue).len()), (false, 1));
    let said = desk.pings();
    assert!(!said.iter().any(|ping| ping.contains("GitHub refuses")), "{said:?}");
});

story!(g7_a_locked_issue_waits_until_it_is_unlocked, |desk| {
    a_gold_partner(&desk).await;
    let locked = Fault::status(403, "Unable to create comment because issue is locked.");
    desk.sandbox.faults().next_times(1000, "POST", "/issues/1/comments", locked);
    let issue = desk.opens("anna", "One").await;
    desk.sandbox.lock(REPO, issue.number, "ann").await.unwrap();
    desk.at("2026-11-18T09:10:00Z").await;
    assert!(!desk.labels(&issue).is_empty());
    is_at_rest(&desk, "2026-11-18T09:40:00Z").await;
    desk.sandbox.faults().clear();
    desk.sandbox.unlock(REPO, issue.number, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g7_a_missing_permission_is_told_once_and_closes_no_gate, |desk| {
    desk.sandbox.repository("7x/other");
    desk.app.desk.catch_up().await.unwrap();
    a_gold_partner(&desk).await;
    desk.sandbox.faults().next_times(1000, "POST", "/issues/1/labels", Fault::no_permission());
    let issue = desk.opens("anna", "One").await;
    let elsewhere = desk.sandbox.open_issue("7x/other", "anna", "Two", "Help").await.unwrap();
    desk.settle().await;
    assert_eq!(elsewhere.number(), 1);
    desk.at("2026-11-18T11:00:00Z").await;
    let told = desk.pings();
    let permission: Vec<_> = told.iter().filter(|ping| ping.contains("Issues: read and write")).collect();
    assert!(permission.len() == 2, "once a repository: {told:?}");
    let third = desk.opens("anna", "Three").await;
    assert_eq!(desk.comments(&third).len(), 1, "the gate is open");
    assert!(desk.sandbox.writes().len() < 40);
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T12:30:00Z").await;
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g7_s12_an_archived_repository_of_which_nobody_told_holds_up_no_other, |desk| {
    desk.sandbox.repository("7x/other");
    desk.app.desk.catch_up().await.unwrap();
    a_gold_partner(&desk).await;
    let issue = desk.opens("anna", "One").await;
    desk.holds_webhooks();
    desk.says("ann", &issue, "On it.").await;
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.delivers(&[0]).await;
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    let elsewhere = desk.sandbox.open_issue("7x/other", "anna", "Two", "Help").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.sandbox.issue("7x/other", elsewhere.number()).unwrap().comments.len(), 1);
    is_at_rest(&desk, "2026-11-18T11:00:00Z").await;
});

story!(g7_installations_do_not_wait_for_each_other, |desk| {
    desk.sandbox.repository("globex/tracker");
    desk.app.desk.catch_up().await.unwrap();
    a_gold_partner(&desk).await;
    desk.partner("globex", "gold", &["gus"]).await;
    desk.sandbox.faults().next("POST", "/issues/1/labels", Fault::Delay(std::time::Duration::from_secs(3)));
    desk.sandbox.open_issue(REPO, "anna", "One", "Help").await.unwrap();
    let publisher = desk.publishes();
    while desk.sandbox.faults().pending() > 0 {
        tokio::task::yield_now().await;
    }
    let elsewhere = desk.sandbox.open_issue("globex/tracker", "gus", "Two", "Help").await.unwrap();
    while desk.sandbox.issue("globex/tracker", elsewhere.number()).unwrap().comments.is_empty() {
        assert!(!publisher.is_finished(), "the other installation's ticket was shown first");
        tokio::task::yield_now().await;
    }
    publisher.await.unwrap().unwrap();
});

story!(g7_what_was_counted_and_not_sent_is_given_back, |desk| {
    a_gold_partner(&desk).await;
    let issue = desk.opens("anna", "One").await;
    desk.at("2026-11-18T09:10:00Z").await;
    for _ in 0..60 {
        // A look that finds nothing to write.
        let mut tx = desk.app.desk.store.write().await.unwrap();
        tx.show_again(issue.id).await.unwrap();
        tx.commit().await.unwrap();
        desk.settle().await;
    }
    let mut tx = desk.app.desk.store.read().await.unwrap();
    let installation = tx.ticket(issue.id).await.unwrap().unwrap().installation;
    let counted = tx.recent_writes(installation, desk.clock.now() + SignedDuration::from_mins(5)).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(counted.iter().map(|(_, writes)| writes).sum::<i64>(), 5, "three labels, labels on, comment: {counted:?}");
});

/// Every answer that refuses, sends away or fails. 429 is missing: it is no word about a ticket but asks the installation for quiet.
fn refusals() -> impl Iterator<Item = u16> {
    (300..=308).chain(400..=451).chain(500..=504).filter(|status| *status != 429)
}

async fn opens_in(desk: &Desk, repo: &str, title: &str) -> Opened {
    let opened = desk.sandbox.open_issue(repo, "anna", title, "Help").await.unwrap();
    desk.settle().await;
    Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None }
}

fn is_shown(desk: &Desk, repo: &str, issue: &Opened) -> bool {
    let view = desk.sandbox.issue(repo, issue.number).unwrap();
    !view.labels.is_empty() && view.comments.len() == 1
}

story!(g7_whatever_is_answered_for_ever_ends_in_rest_or_slow_tries_says_why_and_holds_up_nobody, UNLIMITED, |desk| {
    desk.partner("acme", "low", &["anna"]).await;
    // Each try costs a write of its installation's budget, so there are several of them.
    let statuses: Vec<_> = refusals().collect();
    let repos: Vec<_> = (0..statuses.chunks(8).len()).map(|place| format!("owner-{place}/support")).collect();
    let ids: Vec<_> = repos.iter().map(|repo| desk.sandbox.repository(repo)).collect();
    desk.app.desk.catch_up().await.unwrap();
    let mut refused = Vec::new();
    for ((repo, id), statuses) in repos.iter().zip(&ids).zip(statuses.chunks(8)) {
        for (number, status) in (1..).zip(statuses) {
            let path = format!("/repositories/{id}/issues/{number}/labels");
            desk.sandbox.faults().next_times(100_000, "POST", &path, Fault::status(*status, "Not this one"));
            refused.push((*status, path, opens_in(&desk, repo, &format!("Answered {status}")).await));
        }
    }
    let mut others = Vec::new();
    for repo in &repos {
        others.push((repo, opens_in(&desk, repo, "Another").await));
    }
    // Where several fail in a row, the next ones wait half a minute each.
    desk.at("2026-11-18T09:05:00Z").await;
    let waiting: Vec<_> = others.iter().filter(|(repo, issue)| !is_shown(&desk, repo, issue)).collect();
    assert!(waiting.is_empty(), "they wait for those that are refused: {waiting:?}");

    desk.at("2026-11-19T07:30:00Z").await;
    let mark = desk.sandbox.mark();
    desk.at("2026-11-19T08:30:00Z").await;
    let tries = desk.sandbox.writes_since(mark);
    for (status, path, issue) in &refused {
        let tries = tries.iter().filter(|write| write.path == *path).count();
        // Every five minutes at most where it may pass, a 401 each time with another token, too; else at rest.
        let most = match status {
            401 => 24,
            500.. => 12,
            _ => 0,
        };
        assert!(tries <= most, "{status}: {tries} tries in the last hour");
        let why = g7_log(&desk, issue).await;
        assert!(why.len() == 1 && why[0].contains(&status.to_string()), "{status}: {why:?}");
    }
    for repo in &repos {
        let issue = opens_in(&desk, repo, "A day later").await;
        desk.at(&(desk.clock.now() + SignedDuration::from_mins(1)).to_string()).await;
        assert!(is_shown(&desk, repo, &issue), "{repo}");
    }
});
