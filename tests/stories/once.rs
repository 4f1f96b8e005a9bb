//! One status comment a ticket, whatever happens between the desk and GitHub (`G4`, `G7`).

use crate::desk::{Desk, Opened, REPO, Setup};
use partner_desk::domain::projection::Post;
use partner_desk::messages::marker;
use partner_desk::sandbox::{Deliver, Fault};
use std::time::Duration;

const ONE_A_WEEK: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"1/week\"\nresponse = \"4h\"\n") };

/// The first comment meets this fault; ten minutes later there is one all the same, and the labels.
async fn one_comment_all_the_same(desk: &Desk, fault: Fault) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next("POST", "/comments", fault);
    let issue = desk.opens("anna", "Login is broken").await;
    assert_eq!(desk.sandbox.faults().pending(), 0);
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.comments(&issue).len(), 1, "{:?}", desk.comments(&issue));
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    // It is the one that is edited.
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.comments(&issue).len(), 1);
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
    issue
}

async fn empty_the_database(desk: &Desk) {
    let tables = [
        "tickets",
        "ticket_log",
        "ledger",
        "deliveries",
        "repositories",
        "repo_labels",
        "shown_deadlines",
        "hands",
        "outbox",
        "members",
        "partners",
        "agents",
    ];
    for table in tables {
        desk.execute(&format!("DELETE FROM {table}")).await;
    }
}

fn comments_posted(desk: &Desk) -> usize {
    let posts = desk.sandbox.writes().into_iter().filter(|write| write.method == "POST" && write.path.ends_with("/comments"));
    posts.count()
}

story!(g4_the_answer_to_the_post_is_lost, |desk| {
    one_comment_all_the_same(&desk, Fault::DropAfterEffect).await;
    assert_eq!(comments_posted(&desk), 1, "it was looked up, not repeated");
});

story!(g7_a_request_of_unknown_fate_is_looked_up_within_five_seconds, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next("POST", "/comments", Fault::DropBeforeEffect);
    let issue = desk.opens("anna", "Login is broken").await;
    assert_eq!(desk.comments(&issue).len(), 0);
    desk.at("2026-11-18T09:00:05Z").await;
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g4_the_post_never_arrives, |desk| {
    one_comment_all_the_same(&desk, Fault::DropBeforeEffect).await;
});

story!(g4_github_answers_500, |desk| {
    one_comment_all_the_same(&desk, Fault::status(500, "Server Error")).await;
});

story!(g4_github_answers_502, |desk| {
    one_comment_all_the_same(&desk, Fault::status(502, "Bad Gateway")).await;
});

story!(g4_github_asks_to_wait, |desk| {
    one_comment_all_the_same(&desk, Fault::secondary_limit(60)).await;
    let posts: Vec<_> = desk.sandbox.writes().into_iter().filter(|write| write.path.ends_with("/comments")).collect();
    assert_eq!(posts[1].at.duration_since(posts[0].at).as_secs(), 60, "exactly as long as it asked for");
});

story!(g7_who_waits_to_record_and_who_looks_for_the_next_do_not_wait_for_each_other, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next("POST", "/comments", Fault::secondary_limit(60));
    desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let publisher = desk.publishes();
    while desk.sandbox.faults().pending() > 0 {
        tokio::task::yield_now().await;
    }
    // Somebody else writes while the answer comes, and long enough for another look at who wants to be shown: both stand in line.
    let other = desk.app.desk.store.write().await.unwrap();
    let installation = desk.sandbox.installation("7x");
    while desk.app.desk.github.as_ref().unwrap().quiet_until(installation).is_none() {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    other.rollback().await.unwrap();
    assert_eq!(publisher.await.unwrap().unwrap(), 1);
});

story!(g4_labels_meet_the_same, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next("POST", "/issues/*/labels", Fault::DropAfterEffect);
    desk.sandbox.faults().next("POST", "/labels", Fault::status(500, "Server Error"));
    let issue = desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!((desk.comments(&issue).len(), desk.sandbox.faults().pending()), (1, 0));
    desk.sandbox.faults().next("DELETE", "/labels/*", Fault::DropAfterEffect);
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T09:20:00Z").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(g4_the_answer_to_an_edit_is_lost, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.sandbox.faults().next("PATCH", "/issues/comments/*", Fault::DropAfterEffect);
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.comments(&issue).len(), 1);
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
});

story!(g4_killed_between_the_post_and_its_record, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    // The comment stands, the answer is on its way for ever, and the desk is killed.
    desk.sandbox.faults().next("POST", "/comments", Fault::Delay(Duration::from_mins(10)));
    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    let publisher = desk.publishes();
    while desk.comments(&issue).is_empty() {
        tokio::task::yield_now().await;
    }
    publisher.abort();
    assert!(publisher.await.is_err_and(|error| error.is_cancelled()));
    desk.restart().await;
    // Another instance has to wait until the one that was killed has lost its lease.
    desk.at("2026-11-18T09:05:00Z").await;
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.comments(&issue).len(), 1, "{:?}", desk.comments(&issue));
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
    assert_eq!(comments_posted(&desk), 1);
});

story!(g4_a_comment_is_found_again_though_the_database_is_new, |mut desk| {
    // What an earlier life of the desk left, whose database is gone: the issue is listed, not delivered.
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let ours = desk.view(&issue).comments[0].body.clone();
    assert!(ours.starts_with(&marker(issue.id, Post::Status)), "{ours}");
    empty_the_database(&desk).await;
    desk.restart().await;
    desk.partner("acme", "gold", &["anna"]).await;
    desk.says("zoe", &issue, "Same here.").await;
    desk.says("ann", &issue, "/for acme").await;
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(desk.comments(&issue).len(), 1, "{:?}", desk.comments(&issue));
});

story!(g4_a_marker_that_a_member_wrote_is_not_taken_for_ours, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next("POST", "/comments", Fault::DropBeforeEffect);
    let issue = desk.opens("anna", "Login is broken").await;
    let forged = format!("{}\nAll is well.", marker(issue.id, Post::Status));
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.says("anna", &issue, &forged).await;
    desk.sandbox.deliver_all().await;
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.view(&issue).comments_by("anna")[0].body, forged, "nobody's comment is edited");
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(g4_somebody_deletes_the_status_comment, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let comment = desk.view(&issue).comments[0].id;
    desk.sandbox.delete_comment(REPO, comment, "anna").await.unwrap();
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(desk.comments(&issue).len(), 1, "a new one, that is edited in its turn");
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
    assert_eq!(desk.app.desk.publish().await.unwrap(), 0, "it is not tried for ever");
});

story!(q5_g4_an_admission_is_told_though_the_status_comment_was_deleted, ONE_A_WEEK, |desk| {
    desk.partner("acme", "team", &["anna"]).await;
    desk.opens("anna", "One").await;
    let second = desk.opens("anna", "Two").await;
    let comment = desk.view(&second).comments[0].id;
    desk.sandbox.delete_comment(REPO, comment, "anna").await.unwrap();
    desk.at("2026-11-23T00:10:00Z").await;
    let comments = desk.comments(&second);
    assert_eq!(comments.len(), 2, "{comments:?}");
    assert!(comments[1].starts_with("@anna, a slot came free"), "{comments:?}");
});

story!(q5_g4_the_word_about_an_admission_is_said_once, ONE_A_WEEK, |mut desk| {
    desk.partner("acme", "team", &["anna"]).await;
    desk.opens("anna", "One").await;
    let second = desk.opens("anna", "Two").await;
    desk.sandbox.faults().next("POST", "/comments", Fault::DropAfterEffect);
    desk.at("2026-11-23T00:10:00Z").await;
    assert_eq!(desk.sandbox.faults().pending(), 0);
    let comments = desk.comments(&second);
    assert_eq!(comments.len(), 2, "{comments:?}");
    assert!(comments[1].starts_with("@anna, a slot came free"), "{comments:?}");
    desk.restart().await;
    desk.says("ann", &second, "On it.").await;
    assert_eq!(desk.comments(&second).len(), 2);
});

story!(g1_github_is_away_for_an_hour, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().outage(true);
    let first = desk.opens("anna", "One").await;
    let second = desk.opens("anna", "Two").await;
    assert_eq!(first.answer, Some(202), "what GitHub can't be told is kept");
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &first, "On it.").await;
    desk.sandbox.faults().outage(false);
    desk.at("2026-11-18T10:10:00Z").await;
    assert_eq!(desk.labels(&first), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(desk.labels(&second), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!((desk.comments(&first).len(), desk.comments(&second).len()), (1, 1));
});
