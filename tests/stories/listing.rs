//! What is listed at GitHub when the desk looks for what it missed: all of it, however long the lists are and whatever changes meanwhile,
//! and no more often than it has to be (`R2`).

use crate::desk::{Desk, REPO, Setup};
use jiff::SignedDuration;
use partner_desk::domain::ticket::Told;
use partner_desk::domain::IssueId;
use partner_desk::sandbox::{Deliver, Fault};
use std::time::Duration;

const UNLIMITED: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"unlimited\"\nresponse = \"48h\"\n") };

fn later(desk: &Desk, seconds: i64) {
    desk.clock.advance_to(desk.clock.now() + SignedDuration::from_secs(seconds));
}

/// What is held is lost, and GitHub never mentions it.
fn loses_what_is_held(desk: &Desk) {
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
}

/// So many issues that nobody heard of, with so many seconds from one to the next.
async fn opens_many(desk: &Desk, many: usize, seconds: i64) -> Vec<IssueId> {
    let mut ids = Vec::new();
    for number in 1..=many {
        later(desk, seconds);
        let opened = desk.sandbox.open_issue(REPO, "anna", &format!("Number {number}"), "").await.unwrap();
        ids.push(opened.issue.unwrap().id);
    }
    ids
}

async fn missing(desk: &Desk, ids: &[IssueId]) -> Vec<usize> {
    let mut missing = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        if desk.standing_of(*id).await == "unknown" {
            missing.push(place + 1);
        }
    }
    missing
}

/// Catches up; something is done while the first page of a list is on its way.
async fn catches_up_while(desk: &Desk, list: &str, act: impl AsyncFnOnce()) {
    desk.sandbox.faults().next("GET", list, Fault::Delay(Duration::from_millis(700)));
    let mark = desk.sandbox.mark();
    let app = desk.app.clone();
    let looking = tokio::spawn(async move { app.desk.catch_up().await });
    let written = || desk.sandbox.requests().split_off(mark).iter().any(|call| call.path.ends_with(list) && call.status.is_some());
    while !written() {
        tokio::task::yield_now().await;
    }
    act().await;
    assert!(!looking.is_finished(), "the page was still on its way");
    looking.await.unwrap().unwrap();
}

story!(r2_issues_beyond_a_page_are_found_though_one_moves_to_the_end_meanwhile, UNLIMITED, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.holds_webhooks();
    let ids = opens_many(&desk, 150, 1).await;
    later(&desk, 1);
    catches_up_while(&desk, "/issues", async || drop(desk.sandbox.comment(REPO, 1, "zoe", "Same here.").await.unwrap())).await;
    loses_what_is_held(&desk);
    assert_eq!(missing(&desk, &ids).await, Vec::<usize>::new());
});

story!(r2_issues_of_one_second_fill_more_than_a_page, UNLIMITED, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.holds_webhooks();
    let mut ids = opens_many(&desk, 230, 0).await;
    ids.extend(opens_many(&desk, 120, 1).await);
    loses_what_is_held(&desk);
    let mark = desk.sandbox.mark();
    desk.app.desk.catch_up().await.unwrap();
    assert_eq!(missing(&desk, &ids).await, Vec::<usize>::new());
    let pages = desk.sandbox.requests().split_off(mark).iter().filter(|call| call.path.ends_with("/issues")).count();
    assert!(pages <= 6, "{pages} pages for 350 issues");
});

story!(r2_comments_beyond_a_page_are_found_though_one_moves_to_the_end_meanwhile, UNLIMITED, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    later(&desk, 600);
    desk.app.desk.catch_up().await.unwrap();
    desk.holds_webhooks();
    let mut comments = Vec::new();
    for _ in 0..150 {
        later(&desk, 1);
        comments.push(desk.sandbox.comment(REPO, issue.number, "zoe", "Same here.").await.unwrap().comment.unwrap());
    }
    later(&desk, 1);
    let edits = async || drop(desk.sandbox.edit_comment(REPO, comments[0], "zoe", "And here.").await.unwrap());
    catches_up_while(&desk, "/issues/comments", edits).await;
    loses_what_is_held(&desk);
    let facts = desk.ticket(&issue).await.unwrap().facts;
    let known: Vec<_> = facts.iter().filter_map(|fact| if let Told::Comment { id, .. } = fact.what { Some(id) } else { None }).collect();
    let missing: Vec<_> = (1..).zip(&comments).filter(|(_, id)| !known.contains(id)).map(|(place, _)| place).collect();
    assert_eq!(missing, Vec::<i32>::new());
});
