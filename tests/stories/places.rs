//! Repositories and installations as a whole: archived, suspended, taken away and given back, renamed, moved, made public (`S12`, `G3`).

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use crate::door;
use crate::listing::catches_up_while;
use partner_desk::domain::ticket::FreezeReason::{self, Archived, Suspended, Uninstalled};
use partner_desk::domain::{InstallationId, RepoId};
use partner_desk::sandbox::{ChatAnswer, ChatMessage, Deliver, Fault, Happened};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const PRIVATE: Setup = Setup { config: "privacy = true", programme: None };

/// Something that the sandbox does not do by itself, as GitHub would tell it.
async fn github_tells(desk: &Desk, event: &str, body: Value) -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let id = format!("place-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let status = door::signed(&desk.url, event, &id, &body.to_string()).send().await.unwrap().status().as_u16();
    desk.settle().await;
    status
}

/// A repository as payloads about installations name it.
fn brief(id: RepoId, full_name: &str) -> Value {
    json!({ "id": id.0, "full_name": full_name, "private": false })
}

fn coverage(installation: InstallationId, added: &[Value], removed: &[Value]) -> Value {
    let action = if added.is_empty() { "removed" } else { "added" };
    json!({ "action": action, "installation": { "id": installation.0 }, "repositories_added": added, "repositories_removed": removed })
}

/// The ticket's frozen times: from, until, why, as hours and minutes of the first day.
async fn frozen(desk: &Desk, issue: &Opened) -> Vec<(String, String, FreezeReason)> {
    let clock = |at: jiff::Timestamp| at.to_string()[11..16].to_owned();
    let frozen = desk.ticket(issue).await.unwrap().frozen;
    frozen.iter().map(|freeze| (clock(freeze.from), freeze.until.map(clock).unwrap_or_default(), freeze.why)).collect()
}

fn time(from: &str, until: &str, why: FreezeReason) -> (String, String, FreezeReason) {
    (from.to_owned(), until.to_owned(), why)
}

async fn lists(desk: &Desk) {
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
}

/// Webhooks from here on are lost, and GitHub never mentions them.
async fn in_silence(desk: &Desk, act: impl AsyncFnOnce()) {
    desk.holds_webhooks();
    act().await;
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
}

async fn anna_of_acme_opens(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

async fn installation(desk: &Desk, issue: &Opened) -> InstallationId {
    desk.ticket(issue).await.unwrap().installation
}

const AT_FIRST: &str = "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]";

story!(s12_a_new_name_stands_everywhere_at_once, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.holds_webhooks();
    desk.says("zoe", &issue, "Same here.").await;
    desk.clock.advance_to(instant("2026-11-18T09:10:00Z"));
    desk.sandbox.rename_repository(REPO, "ann", "helpdesk").await.unwrap();
    desk.delivers(&[1]).await;
    let ticket = desk.ticket(&issue).await.unwrap();
    assert_eq!(ticket.repo_name, "7x/helpdesk");
    assert!(ticket.url.ends_with("/7x/helpdesk/issues/1"), "{}", ticket.url);

    // What was said before the rename comes after it.
    desk.delivers_the_rest().await;
    assert_eq!(desk.ticket(&issue).await.unwrap().repo_name, "7x/helpdesk");
    desk.at("2026-11-18T12:10:00Z").await;
    let pings = desk.pings();
    assert_eq!(pings.len(), 1, "{pings:?}");
    assert!(pings[0].contains("7x/helpdesk#1"), "{pings:?}");
});

const NAMED: Setup = Setup { config: "repositories = [\"7x/support\"]", programme: None };

story!(s12_who_configured_the_old_name_means_the_repository, NAMED, |mut desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T09:10:00Z"));
    desk.sandbox.rename_repository(REPO, "ann", "helpdesk").await.unwrap();
    desk.restart().await;
    desk.clock.advance_to(instant("2026-11-18T09:20:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.open_issue("7x/helpdesk", "anna", "Another", "").await.unwrap())).await;
    lists(&desk).await;
    assert_eq!(desk.ledger("acme").await.len(), 2, "its news is listed");
    desk.sandbox.comment("7x/helpdesk", issue.number, "ann", "On it.").await.unwrap();
    desk.settle().await;
    let view = desk.sandbox.issue("7x/helpdesk", issue.number).unwrap();
    assert_eq!(view.labels, ["sla: 4h", "sla: met", "tier: Gold"]);
    let elsewhere = desk.sandbox.open_issue("7x/elsewhere", "anna", "Not watched", "").await.unwrap();
    assert_eq!(desk.standing_of(elsewhere.issue.unwrap().id).await, "unknown");
});

story!(s12_a_repository_that_moves_to_another_owner_keeps_its_tickets, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.repository("8y/other");
    lists(&desk).await;
    let old = installation(&desk, &issue).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.transfer_repository(REPO, "ann", "8y").await.unwrap();
    desk.settle().await;
    let ticket = desk.ticket(&issue).await.unwrap();
    assert_eq!(ticket.repo_name, "8y/support");
    assert_ne!(ticket.installation, old);
    assert_eq!(ticket.frozen, [], "taken from one and given to the other at the same instant");

    // And back: the new owner's App is told before the old one's.
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    desk.holds_webhooks();
    desk.sandbox.transfer_repository("8y/support", "ann", "7x").await.unwrap();
    let order: Vec<_> = desk.sandbox.held().iter().map(|held| format!("{}.{}", held.event, held.action)).collect();
    assert_eq!(order, ["installation_repositories.removed", "installation_repositories.added", "repository.transferred"]);
    desk.delivers(&[2]).await;
    assert_eq!(installation(&desk, &issue).await, old);
    desk.delivers_the_rest().await;
    let ticket = desk.ticket(&issue).await.unwrap();
    assert_eq!((ticket.repo_name.as_str(), ticket.frozen.as_slice()), (REPO, &[][..]));
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(s12_while_a_repository_is_archived_its_clocks_stand_still, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.at("2026-11-18T10:00:00Z").await;
    let mark = desk.sandbox.mark();
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Archived)]);
    desk.at("2026-11-18T14:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(desk.labels(&issue), AT_FIRST);
    lists(&desk).await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0, "{:?}", desk.sandbox.writes_since(mark));

    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "14:00", Archived)]);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 17:00 UTC] [sla: 4h] [tier: Gold]", "four hours later than before");
    let told: Vec<_> = desk.log(&issue).await.into_iter().filter(|line| line.starts_with("S12")).collect();
    assert_eq!(
        told,
        [
            "S12 7x/support is archived: unmanaged since 2026-11-18T10:00:00Z",
            "S12 7x/support is archived no more: unmanaged from 2026-11-18T10:00:00Z to 2026-11-18T14:00:00Z",
        ]
    );
    desk.at("2026-11-18T15:59:59Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.at("2026-11-18T16:00:00Z").await;
    let pings = desk.pings();
    assert_eq!(pings.len(), 1, "three quarters of the target have been counted: {pings:?}");
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(s12_archived_and_suspended_at_the_same_time, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    desk.sandbox.installation_event("7x", "suspend").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    desk.sandbox.installation_event("7x", "unsuspend").await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Archived), time("11:00", "12:00", Suspended)]);
    desk.at("2026-11-18T13:30:00Z").await;
    lists(&desk).await;
    assert_eq!(desk.pings(), Vec::<String>::new(), "one of two reasons still holds");
    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "13:30", Archived), time("11:00", "12:00", Suspended)]);
});

story!(s12_while_the_installation_is_suspended_nothing_is_shown_and_nothing_said, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.repository("7x/other");
    lists(&desk).await;
    let other = desk.sandbox.open_issue("7x/other", "anna", "Here, too", "").await.unwrap();
    desk.settle().await;
    let other = Opened { number: other.number(), id: other.issue.unwrap().id, answer: None };
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.installation_event("7x", "suspend").await.unwrap();
    desk.settle().await;
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T12:00:00Z").await;
    lists(&desk).await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0, "not even for a token: {:?}", desk.sandbox.writes_since(mark));
    for ticket in [&issue, &other] {
        assert_eq!(frozen(&desk, ticket).await, [time("10:00", "", Suspended)]);
    }
    desk.sandbox.installation_event("7x", "unsuspend").await.unwrap();
    desk.settle().await;
    for ticket in [&issue, &other] {
        assert_eq!(frozen(&desk, ticket).await, [time("10:00", "12:00", Suspended)]);
    }
});

story!(s12_r3_told_of_the_end_before_the_beginning, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.holds_webhooks();
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.installation_event("7x", "suspend").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    desk.sandbox.installation_event("7x", "unsuspend").await.unwrap();
    desk.delivers(&[1]).await;
    assert_eq!(desk.ticket(&issue).await.unwrap().frozen, []);
    desk.clock.advance_to(instant("2026-11-18T11:20:00Z"));
    desk.delivers_the_rest().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "11:00", Suspended)]);
});

story!(s12_uninstalled_and_installed_again, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let before = installation(&desk, &issue).await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.sandbox.installation_event("7x", "suspend").await.unwrap();
    desk.at("2026-11-18T10:10:00Z").await;
    desk.sandbox.installation_event("7x", "deleted").await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "10:10", Suspended), time("10:10", "", Uninstalled)]);
    desk.at("2026-11-18T10:30:00Z").await;
    in_silence(&desk, async || drop(desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap())).await;
    desk.at("2026-11-18T14:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(desk.labels(&issue), AT_FIRST);

    desk.sandbox.installation_event("7x", "created").await.unwrap();
    // What was said meanwhile is found before any clock says anything.
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_ne!(installation(&desk, &issue).await, before);
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "10:10", Suspended), time("10:10", "14:00", Uninstalled)]);
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(desk.pings(), Vec::<String>::new());
});

// Times that webhooks bear are whole seconds of GitHub's clock: they do not tell what came first.
story!(s12_r2_what_is_installed_while_it_is_looked_where_stays_in_the_desks_hands, |desk| {
    desk.sandbox.installation_event("7x", "deleted").await.unwrap();
    desk.settle().await;
    desk.clock.advance_to(instant("2026-11-18T09:30:00.700Z"));
    let installs = async || drop(desk.sandbox.installation_event("7x", "created").await.unwrap());
    catches_up_while(&desk, "/app/installations", installs).await;
    let issue = anna_of_acme_opens(&desk).await;
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, []);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:30 UTC] [sla: 4h] [tier: Gold]");
});

story!(s12_r2_the_same_of_a_repository_that_nobody_knew, |desk| {
    let other = "globex/tracker";
    desk.sandbox.repository(other);
    desk.sandbox.installation_event("globex", "deleted").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T09:30:00.700Z"));
    let installs = async || drop(desk.sandbox.installation_event("globex", "created").await.unwrap());
    catches_up_while(&desk, "/app/installations", installs).await;
    desk.partner("globex", "gold", &["gus"]).await;
    let opened = desk.sandbox.open_issue(other, "gus", "Login is broken", "").await.unwrap();
    desk.settle().await;
    assert!(desk.sandbox.issue(other, opened.number()).unwrap().has_label("tier: Gold"));
});

story!(g3_r2_what_is_made_private_while_it_is_listed_is_private, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T09:30:00.700Z"));
    let hides = async || drop(desk.sandbox.change_visibility(REPO, "ann", true).await.unwrap());
    catches_up_while(&desk, "/installation/repositories", hides).await;
    desk.settle().await;
    assert!(desk.ticket(&issue).await.unwrap().private);
});

story!(s12_taken_from_the_app_and_given_back, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.remove_from_installation(REPO, "ann").await.unwrap();
    desk.at("2026-11-18T14:00:00Z").await;
    lists(&desk).await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Uninstalled)]);
    desk.sandbox.add_to_installation(REPO, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "14:00", Uninstalled)]);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 17:00 UTC] [sla: 4h] [tier: Gold]");
});

story!(s12_what_is_said_about_repositories_that_are_not_watched_is_passed_over, NAMED, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let through = installation(&desk, &issue).await;
    let elsewhere = [brief(RepoId(5), "7x/unknown")];
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &elsewhere, &[])).await, 200);
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &[], &elsewhere)).await, 200);
    for action in ["renamed", "archived", "unarchived", "deleted", "publicized"] {
        let body = json!({ "action": action, "installation": { "id": through.0 }, "repository": elsewhere[0] });
        assert_eq!(github_tells(&desk, "repository", body).await, 200, "{action}");
    }
    let mut tx = desk.app.desk.store.read().await.unwrap();
    assert_eq!(tx.all_repos().await.unwrap().len(), 1);
    tx.rollback().await.unwrap();
});

story!(s12_r2_a_repository_given_to_the_app_is_known_from_then_on, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.repository("7x/new");
    desk.sandbox.remove_from_installation("7x/new", "ann").await.unwrap();
    desk.sandbox.open_issue("7x/new", "anna", "Before the desk watched", "").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.add_to_installation("7x/new", "ann").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T10:05:00Z"));
    let opened = |issue: &Happened| issue.issue.as_ref().unwrap().id;
    let older = desk.sandbox.comment("7x/new", 1, "zoe", "Same here.").await.unwrap();
    let newer = desk.sandbox.open_issue("7x/new", "anna", "Since it watches", "").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing_of(opened(&older)).await, "older");
    assert_eq!(desk.standing_of(opened(&newer)).await, "admitted");
});

story!(s12_a_deleted_repository_ends_its_tickets, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.partner("beta", "student", &["bea"]).await;
    let mut last = None;
    for number in 1..=3 {
        last = Some(desk.opens("bea", &format!("Number {number}")).await);
    }
    let waiting = last.unwrap();
    assert_eq!(desk.standing(&waiting).await, "waiting");
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.delete_repository(REPO, "ann").await.unwrap();
    desk.at("2026-11-20T09:00:00Z").await;
    lists(&desk).await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    let ticket = desk.ticket(&issue).await.unwrap();
    assert!(ticket.is_gone());
    assert!(ticket.cycles().iter().all(|cycle| !cycle.is_running()));
    assert_eq!(desk.standing(&waiting).await, "left");
});

const TEAM: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"999/week\"\nresponse = \"4h\"\n") };
const SOONER: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"999/week\"\nresponse = \"2h\"\n") };

story!(s12_s5_all_of_more_tickets_than_are_saved_at_once_follow, TEAM, |mut desk| {
    desk.partner("acme", "team", &["alice"]).await;
    let mut issues = Vec::new();
    for number in 0..401 {
        let opened = desk.sandbox.open_issue(REPO, "alice", &format!("Of many, {number}"), "…").await.unwrap();
        issues.push(opened.issue.unwrap().id);
    }
    let tickets = async |desk: &Desk| {
        let mut tx = desk.app.desk.store.read().await.unwrap();
        let tickets = tx.tickets(&issues).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(tickets.len(), 401);
        tickets
    };
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    assert!(tickets(&desk).await.iter().all(|ticket| ticket.frozen.len() == 1 && ticket.frozen[0].until.is_none()));
    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    assert!(tickets(&desk).await.iter().all(|ticket| ticket.frozen.iter().all(|freeze| freeze.until.is_some())));
    desk.restart_with(SOONER).await;
    assert_eq!(desk.app.desk.retarget(None).await.unwrap().len(), 401);
    assert!(tickets(&desk).await.iter().all(|ticket| ticket.running().unwrap().promise.target.to_string() == "2h"));
    desk.sandbox.delete_repository(REPO, "ann").await.unwrap();
    assert!(tickets(&desk).await.iter().all(|ticket| ticket.is_gone() && ticket.running().is_none()));
});

story!(s12_r2_lost_webhooks_about_archiving_are_found_by_listing, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap())).await;
    desk.clock.advance_to(instant("2026-11-18T10:03:00Z"));
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:03", "", Archived)]);
    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap())).await;
    desk.clock.advance_to(instant("2026-11-18T11:02:00Z"));
    lists(&desk).await;
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:03", "11:02", Archived)]);
});

story!(s12_r2_lost_webhooks_about_installations_are_found_by_listing, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.installation_event("7x", "suspend").await.unwrap())).await;
    desk.clock.advance_to(instant("2026-11-18T10:04:00Z"));
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Suspended)], "GitHub says since when");
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.installation_event("7x", "unsuspend").await.unwrap())).await;
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "10:30", Suspended)]);

    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.installation_event("7x", "deleted").await.unwrap())).await;
    lists(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T11:30:00Z"));
    in_silence(&desk, async || drop(desk.sandbox.installation_event("7x", "created").await.unwrap())).await;
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "10:30", Suspended), time("11:00", "11:30", Uninstalled)]);
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]", "through the new installation");
});

story!(s12_r2_a_repository_that_is_listed_no_more_was_taken_away, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let listing = |status: u16, count: usize| Fault::Status {
        status,
        headers: Vec::new(),
        body: json!({ "total_count": count, "repository_selection": "selected", "repositories": [] }),
    };
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    for (status, count) in [(502, 0), (200, 1)] {
        desk.sandbox.faults().next("GET", "/installation/repositories", listing(status, count));
        lists(&desk).await;
        assert_eq!(desk.ticket(&issue).await.unwrap().frozen, [], "a listing that is not whole proves nothing");
    }
    desk.sandbox.faults().next("GET", "/installation/repositories", listing(200, 0));
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Uninstalled)]);
    desk.clock.advance_to(instant("2026-11-18T10:05:00Z"));
    lists(&desk).await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "10:05", Uninstalled)]);
});

story!(s12_an_issue_opened_while_suspended_is_found_with_its_clock_at_rest, |desk| {
    anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.installation_event("7x", "suspend").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T10:20:00Z"));
    let mut opened = None;
    in_silence(&desk, async || opened = Some(desk.sandbox.open_issue(REPO, "anna", "Still broken", "").await.unwrap())).await;
    let opened = opened.unwrap();
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    lists(&desk).await;
    assert_eq!(desk.standing(&issue).await, "unknown");
    desk.sandbox.installation_event("7x", "unsuspend").await.unwrap();
    lists(&desk).await;
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "11:00", Suspended)]);
    assert!(desk.log(&issue).await.iter().any(|line| line.starts_with("S12")), "{:?}", desk.log(&issue).await);
});

story!(s12_e7_a_ping_for_an_archived_repository_waits_and_holds_up_no_other, |desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    desk.sandbox.repository("7x/other");
    lists(&desk).await;
    desk.opens("anna", "Everything is down").await;
    desk.clock.advance_to(instant("2026-11-18T09:10:00Z"));
    desk.sandbox.open_issue("7x/other", "anna", "Here, too", "").await.unwrap();
    let accepted = || desk.chat.messages().into_iter().filter(ChatMessage::accepted).map(|said| said.text()).collect::<Vec<_>>();
    desk.chat.answer_next(ChatAnswer::Status(429, Some(600)));
    desk.at("2026-11-18T11:20:00Z").await;
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.at("2026-11-18T11:45:00Z").await;
    let said = accepted();
    assert!(!said.is_empty() && said.iter().all(|text| text.contains("7x/other#1")), "{said:?}");

    let waits = |row: &&String| row.starts_with("outbox ") && row.contains("pending") && row.contains("7x/support");
    assert!(desk.everything().await.iter().any(|row| waits(&row)), "it waits");
    assert!(desk.app.desk.lanes().await.unwrap().is_empty(), "and has nobody take the writers' lock meanwhile");
    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    let said = accepted();
    let late = said.iter().find(|text| text.contains("7x/support#1")).unwrap();
    assert!(late.contains("75%") && late.contains("12:25"), "due as it is now: {late}");
});

story!(s12_a_restart_forgets_no_freeze, |mut desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.at("2026-11-18T14:00:00Z").await;
    desk.restart().await;
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Archived)]);
});

fn numbers(desk: &Desk, issue: &Opened) -> bool {
    let status = desk.status(issue);
    status.contains("Gold") || status.contains(" of 10")
}

story!(g3_s12_made_public_a_repository_shows_no_tier_and_no_number_any_more, PRIVATE, |desk| {
    desk.sandbox.set_private(REPO, true);
    let open = anna_of_acme_opens(&desk).await;
    let answered = desk.opens("anna", "Logout is broken").await;
    desk.says("ann", &answered, "On it.").await;
    desk.closes("ann", &answered).await;
    assert_eq!(desk.labels(&open), AT_FIRST);
    assert_eq!(desk.labels(&answered), "[sla: 4h] [sla: met] [tier: Gold]");
    assert!(numbers(&desk, &open) && numbers(&desk, &answered));

    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.change_visibility(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    assert_eq!((desk.labels(&open), desk.labels(&answered)), (String::new(), "[sla: met]".to_owned()));
    assert!(!numbers(&desk, &open) && !numbers(&desk, &answered), "{} {}", desk.status(&open), desk.status(&answered));

    // An old delivery that GitHub repeats changes nothing.
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    desk.sandbox.change_visibility(REPO, "ann", true).await.unwrap();
    let private = desk.sandbox.deliveries().pop().unwrap();
    desk.clock.advance_to(instant("2026-11-18T10:40:00Z"));
    desk.sandbox.change_visibility(REPO, "ann", false).await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T10:50:00Z"));
    assert_eq!(door::signed(&desk.url, "repository", "again", &private.body).send().await.unwrap().status().as_u16(), 202);
    desk.settle().await;
    assert_eq!(desk.labels(&open), "");

    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    desk.sandbox.change_visibility(REPO, "ann", true).await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&open), AT_FIRST);
    assert_eq!(desk.labels(&answered), "[sla: 4h] [sla: met] [tier: Gold]");
    assert!(numbers(&desk, &open) && numbers(&desk, &answered));
});

story!(g3_any_event_and_any_listing_tells_all_tickets_who_can_read_them, PRIVATE, |desk| {
    desk.sandbox.set_private(REPO, true);
    let issue = anna_of_acme_opens(&desk).await;
    let other = desk.opens("anna", "Logout is broken").await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.set_private(REPO, false);
    desk.says("zoe", &other, "Same here.").await;
    assert_eq!((desk.labels(&issue), desk.labels(&other)), (String::new(), String::new()));
    assert!(!numbers(&desk, &issue));

    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    desk.sandbox.set_private(REPO, true);
    lists(&desk).await;
    assert_eq!((desk.labels(&issue), desk.labels(&other)), (AT_FIRST.to_owned(), AT_FIRST.to_owned()));
});

story!(g3_without_privacy_nothing_is_hidden_and_nothing_written, |desk| {
    desk.sandbox.set_private(REPO, true);
    let issue = anna_of_acme_opens(&desk).await;
    let mark = desk.sandbox.mark();
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.change_visibility(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), AT_FIRST);
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
});

story!(s12_an_issue_that_is_transferred_keeps_the_times_in_which_its_clock_stood_still, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.repository("7x/other");
    lists(&desk).await;
    for (at, archived) in [("10:00", true), ("12:00", false)] {
        desk.at(&format!("2026-11-18T{at}:00Z")).await;
        desk.sandbox.archive_repository(REPO, "ann", archived).await.unwrap();
    }
    desk.at("2026-11-18T12:30:00Z").await;
    let there = desk.sandbox.transfer_issue(REPO, issue.number, "7x/other", "ann").await.unwrap();
    desk.settle().await;
    desk.at("2026-11-18T12:40:00Z").await;
    desk.sandbox.archive_repository("7x/other", "ann", true).await.unwrap();
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "12:00", Archived), time("12:40", "", Archived)]);
    desk.at("2026-11-18T13:00:00Z").await;
    desk.sandbox.archive_repository("7x/other", "ann", false).await.unwrap();
    desk.settle().await;
    let view = desk.sandbox.issue("7x/other", there.number()).unwrap();
    assert_eq!(view.labels, ["due: 2026-11-18 15:00 UTC", "sla: 4h", "tier: Gold"], "two hours and twenty minutes later than at first");
});

story!(s12_q5_a_ticket_that_is_admitted_meanwhile_is_shown_when_its_repository_is_back, |desk| {
    desk.partner("beta", "student", &["bea"]).await;
    for number in 1..=2 {
        desk.opens("bea", &format!("Number {number}")).await;
    }
    let third = desk.opens("bea", "Number 3").await;
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
    desk.at("2026-11-20T09:00:00Z").await;
    desk.sandbox.archive_repository(REPO, "ann", true).await.unwrap();
    desk.settle().await;
    desk.pings();
    let mark = desk.sandbox.mark();
    desk.at("2026-11-24T09:00:00Z").await;
    assert_eq!(desk.standing(&third).await, "admitted", "its turn came on Monday");
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0, "{:?}", desk.sandbox.writes_since(mark));
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-25 21:00 UTC] [sla: 36h] [tier: Student]", "36 h from now on");
    assert_eq!(desk.comments(&third).len(), 2, "{:?}", desk.comments(&third));
});
