//! What is listed at GitHub when the desk looks for what it missed: all of it, however long the lists are and whatever changes meanwhile,
//! and no more often than it has to be (`R2`).

use crate::desk::{Desk, REPO, Setup};
use jiff::SignedDuration;
use partner_desk::domain::ticket::Told;
use partner_desk::domain::{IssueId, RepoId};
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

async fn opens_unheard(desk: &Desk, repo: &str) -> IssueId {
    desk.holds_webhooks();
    let opened = desk.sandbox.open_issue(repo, "anna", "Nobody told", "").await.unwrap();
    loses_what_is_held(desk);
    opened.issue.unwrap().id
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
pub async fn catches_up_while(desk: &Desk, list: &str, act: impl AsyncFnOnce()) {
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

/// The looks of so many minutes, as the desk's jobs have them.
async fn looks_for(desk: &Desk, minutes: usize) {
    for _ in 0..minutes {
        later(desk, 60);
        if desk.clock.now().as_second() % 300 == 0 {
            desk.app.desk.catch_up().await.unwrap();
        } else {
            desk.app.desk.catch_up_if_behind().await.unwrap();
        }
        desk.settle().await;
    }
}

/// How often issues of these repositories were listed since a mark.
fn listed<const N: usize>(desk: &Desk, mark: usize, repos: [RepoId; N]) -> [usize; N] {
    let calls = desk.sandbox.requests().split_off(mark);
    repos.map(|repo| calls.iter().filter(|call| call.path == format!("/repositories/{repo}/issues")).count())
}

story!(r2_a_repository_that_cannot_be_listed_costs_one_request_an_hour_and_one_warning, |desk| {
    let repos = [REPO, "7x/blocked", "7x/other"].map(|name| desk.sandbox.repository(name));
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.desk.catch_up().await.unwrap();
    let blocked = format!("/repositories/{}/issues", repos[1]);
    desk.sandbox.faults().next_times(1000, "GET", &blocked, Fault::status(451, "Repository access blocked"));
    let mark = desk.sandbox.mark();
    looks_for(&desk, 10).await;
    assert_eq!(listed(&desk, mark, repos), [2, 1, 2]);
    let calls = desk.sandbox.requests().split_off(mark).into_iter().filter(|call| call.path.starts_with("/repositories/"));
    assert_eq!(calls.count(), 5, "where no issue changed, nobody asks for comments");
    let told = desk.pings();
    assert!(told.len() == 1 && told[0].contains("7x/blocked") && told[0].contains("451 Repository access blocked"), "{told:?}");
    looks_for(&desk, 60).await;
    assert_eq!((listed(&desk, mark, repos), desk.pings()), ([14, 2, 14], vec![]));

    desk.sandbox.faults().clear();
    let unheard = opens_unheard(&desk, "7x/blocked").await;
    looks_for(&desk, 60).await;
    assert_eq!(desk.standing_of(unheard).await, "admitted");
    looks_for(&desk, 10).await;
    assert_eq!(listed(&desk, mark, repos)[1], 6, "and as often as the others again");
});

story!(r2_a_repository_that_fails_for_a_moment_is_listed_again_soon_and_alone, |desk| {
    let repos = [REPO, "7x/other"].map(|name| desk.sandbox.repository(name));
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.desk.catch_up().await.unwrap();
    let unheard = opens_unheard(&desk, "7x/other").await;
    desk.sandbox.faults().next_times(2, "GET", &format!("/repositories/{}/issues", repos[1]), Fault::status(502, "Bad Gateway"));
    let mark = desk.sandbox.mark();
    looks_for(&desk, 9).await;
    assert_eq!(listed(&desk, mark, repos), [1, 3]);
    assert_eq!((desk.standing_of(unheard).await, desk.pings()), ("admitted", vec![]));
});

story!(r2_an_installation_that_cannot_be_listed_has_no_other_listed_again, |desk| {
    let repos = [REPO, "globex/support"].map(|name| desk.sandbox.repository(name));
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.desk.catch_up().await.unwrap();
    // Whichever of the two is asked first.
    desk.sandbox.faults().next_times(1, "GET", "/installation/repositories", Fault::status(502, "Bad Gateway"));
    let mark = desk.sandbox.mark();
    looks_for(&desk, 9).await;
    assert_eq!(listed(&desk, mark, repos), [1, 1], "each once: one at its turn, one a little later");
});

story!(r2_s12_an_archived_repository_is_listed_once_more_and_then_no_more, |desk| {
    let repo = desk.sandbox.repository(REPO);
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    later(&desk, 120);
    desk.holds_webhooks();
    desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    loses_what_is_held(&desk);
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.settle().await;
    let mark = desk.sandbox.mark();
    looks_for(&desk, 60).await;
    let [listed_then] = listed(&desk, mark, [repo]);
    assert!((1..=2).contains(&listed_then), "{listed_then}");
    assert!(!desk.ticket(&issue).await.unwrap().cycles()[0].is_running(), "what was said before is found");
    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    let unheard = opens_unheard(&desk, REPO).await;
    looks_for(&desk, 5).await;
    assert_eq!(desk.standing_of(unheard).await, "admitted");
});

story!(r2_many_repositories_are_listed_less_often_than_the_hours_calls_are_given, |mut desk| {
    // A fifth of these is 120 an hour: 10 a look.
    desk.sandbox.calls_an_hour(600);
    let repos: [RepoId; 29] = std::array::from_fn(|place| desk.sandbox.repository(&format!("7x/number-{place}")));
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.desk.catch_up().await.unwrap();
    let mark = desk.sandbox.mark();
    looks_for(&desk, 60).await;
    let often = listed(&desk, mark, repos);
    assert!(often.iter().all(|times| *times == 4), "each every fifteen minutes: {often:?}");
    let unheard = opens_unheard(&desk, "7x/number-7").await;
    looks_for(&desk, 15).await;
    assert_eq!(desk.standing_of(unheard).await, "admitted");

    // After a while away all is looked at at once.
    desk.stop().await;
    later(&desk, 3600);
    let unheard = opens_unheard(&desk, "7x/number-8").await;
    let mark = desk.sandbox.mark();
    desk.go_on().await;
    assert_eq!((listed(&desk, mark, repos), desk.standing_of(unheard).await), ([1; 29], "admitted"));
});

story!(r2_an_installation_that_was_quiet_just_after_it_was_listed_is_listed_when_the_quiet_is_over, UNLIMITED, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await;
    later(&desk, 10);
    desk.app.desk.catch_up().await.unwrap();
    // As after a restart: the first look comes soon after the last one, and GitHub will have none of it.
    later(&desk, 10);
    let unheard = opens_unheard(&desk, REPO).await;
    desk.sandbox.faults().next("GET", "/installation/repositories", Fault::secondary_limit(30));
    desk.app.desk.catch_up().await.unwrap();
    assert_eq!(desk.standing_of(unheard).await, "unknown");
    later(&desk, 60);
    desk.app.desk.catch_up_if_behind().await.unwrap();
    assert_eq!(desk.standing_of(unheard).await, "admitted");
});
