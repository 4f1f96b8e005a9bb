//! Repositories and installations as a whole: archived, suspended, taken away and given back, renamed, moved, made public (`S12`, `G3`).

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use crate::door;
use partner_desk::domain::ticket::FreezeReason::{self, Archived, Suspended, Uninstalled};
use partner_desk::domain::{InstallationId, RepoId};
use partner_desk::sandbox::{ChatAnswer, ChatMessage, Deliver, Fault};
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

#[expect(clippy::needless_pass_by_value, reason = "made for this call")]
fn repository(action: &str, installation: InstallationId, repository: Value) -> Value {
    json!({ "action": action, "installation": { "id": installation.0 }, "repository": repository })
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

story!(s12_a_repository_that_moves_to_another_owner_keeps_its_tickets, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let repo = desk.sandbox.repository(REPO);
    desk.sandbox.repository("8y/other");
    lists(&desk).await;
    let elsewhere = desk.sandbox.open_issue("8y/other", "zoe", "Hello", "").await.unwrap();
    desk.settle().await;
    let elsewhere = Opened { number: elsewhere.number(), id: elsewhere.issue.unwrap().id, answer: None };
    let (old, new) = (installation(&desk, &issue).await, installation(&desk, &elsewhere).await);
    assert_ne!(old, new);

    // GitHub takes it from one installation and gives it to the other, in no order.
    let removed = coverage(old, &[], &[brief(repo, REPO)]);
    let added = coverage(new, &[brief(repo, "8y/support")], &[]);
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    assert_eq!(github_tells(&desk, "installation_repositories", added.clone()).await, 202);
    assert_eq!(github_tells(&desk, "installation_repositories", removed.clone()).await, 200, "it is not there any more");
    let ticket = desk.ticket(&issue).await.unwrap();
    assert_eq!((ticket.repo_name.as_str(), ticket.installation), ("8y/support", new));
    assert_eq!(ticket.frozen, []);

    // And back, the other way round.
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    let back = repository("transferred", old, brief(repo, REPO));
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(new, &[], &[brief(repo, "8y/support")])).await, 202);
    assert_eq!(frozen(&desk, &issue).await, [time("10:30", "", Uninstalled)]);
    desk.clock.advance_to(instant("2026-11-18T10:31:00Z"));
    assert_eq!(github_tells(&desk, "repository", back).await, 202);
    assert_eq!(frozen(&desk, &issue).await, [time("10:30", "10:31", Uninstalled)]);
    assert_eq!(installation(&desk, &issue).await, old);
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
    let told: Vec<_> = desk.log(&issue).await.into_iter().filter(|line| line.starts_with("S12")).collect();
    assert_eq!(
        told,
        [
            "S12 7x/support is archived: unmanaged since 2026-11-18T10:00:00Z",
            "S12 7x/support is archived no more: unmanaged from 2026-11-18T10:00:00Z to 2026-11-18T14:00:00Z",
        ]
    );
    desk.says("ann", &issue, "On it.").await;
    assert!(desk.status(&issue).contains("`ann`"), "what is shown is shown again: {}", desk.status(&issue));
});

story!(s12_archived_and_suspended_at_the_same_time, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    for (at, archived) in [("10:00", true), ("12:00", false)] {
        desk.clock.advance_to(instant(&format!("2026-11-18T{at}:00Z")));
        desk.sandbox.archive_repository(REPO, "ann", archived).await.unwrap();
        if archived {
            desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
            desk.sandbox.installation_event("7x", "suspend").await.unwrap();
        } else if desk.ticket(&issue).await.unwrap().frozen.iter().any(|freeze| freeze.why == Archived && freeze.until.is_none()) {
            // Nobody hears anything of a suspended installation.
            assert_eq!(
                github_tells(
                    &desk,
                    "repository",
                    repository("unarchived", installation(&desk, &issue).await, brief(desk.sandbox.repository(REPO), REPO))
                )
                .await,
                202
            );
        }
        desk.settle().await;
    }
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "12:00", Archived), time("11:00", "", Suspended)]);
    desk.at("2026-11-18T13:30:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.sandbox.installation_event("7x", "unsuspend").await.unwrap();
    desk.settle().await;
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "12:00", Archived), time("11:00", "13:30", Suspended)]);
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

story!(s12_taken_from_the_app_and_given_back, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let (repo, through) = (desk.sandbox.repository(REPO), installation(&desk, &issue).await);
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &[], &[brief(repo, REPO)])).await, 202);
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &[], &[brief(RepoId(5), "7x/unknown")])).await, 200);
    desk.at("2026-11-18T14:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "", Uninstalled)]);
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &[brief(repo, REPO)], &[])).await, 202);
    assert_eq!(frozen(&desk, &issue).await, [time("10:00", "14:00", Uninstalled)]);
});

story!(s12_r2_a_repository_given_to_the_app_is_known_from_then_on, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let through = installation(&desk, &issue).await;
    let repo = desk.sandbox.repository("7x/new");
    in_silence(&desk, async || drop(desk.sandbox.open_issue("7x/new", "anna", "Before the desk watched", "").await.unwrap())).await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &[brief(repo, "7x/new")], &[])).await, 202);
    desk.clock.advance_to(instant("2026-11-18T10:05:00Z"));
    let opened = |issue: &partner_desk::sandbox::Happened| issue.issue.as_ref().unwrap().id;
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
    let (repo, through) = (desk.sandbox.repository(REPO), installation(&desk, &issue).await);
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    // GitHub tells both.
    assert_eq!(github_tells(&desk, "installation_repositories", coverage(through, &[], &[brief(repo, REPO)])).await, 202);
    assert_eq!(github_tells(&desk, "repository", repository("deleted", through, brief(repo, REPO))).await, 202);
    desk.at("2026-11-20T09:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    let ticket = desk.ticket(&issue).await.unwrap();
    assert!(ticket.is_gone());
    assert!(ticket.cycles().iter().all(|cycle| !cycle.is_running()));
    assert_eq!(desk.standing(&waiting).await, "left");
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

    desk.sandbox.archive_repository(REPO, "ann", false).await.unwrap();
    desk.settle().await;
    let said = accepted();
    assert!(said.iter().any(|text| text.contains("7x/support#1") && text.contains("75%")), "{said:?}");
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

/// A repository's visibility is changed, and GitHub tells so.
async fn changes_visibility(desk: &Desk, through: InstallationId, private: bool) {
    let repo = desk.sandbox.repository(REPO);
    desk.sandbox.set_private(REPO, private);
    let action = if private { "privatized" } else { "publicized" };
    let now = desk.clock.now().to_string();
    let told = json!({ "id": repo.0, "full_name": REPO, "private": private, "updated_at": now });
    assert_eq!(github_tells(desk, "repository", repository(action, through, told)).await, 202);
}

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
    let through = installation(&desk, &open).await;
    assert_eq!(desk.labels(&open), AT_FIRST);
    assert_eq!(desk.labels(&answered), "[sla: 4h] [sla: met] [tier: Gold]");
    assert!(numbers(&desk, &open) && numbers(&desk, &answered));

    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    changes_visibility(&desk, through, false).await;
    assert_eq!((desk.labels(&open), desk.labels(&answered)), (String::new(), "[sla: met]".to_owned()));
    assert!(!numbers(&desk, &open) && !numbers(&desk, &answered), "{} {}", desk.status(&open), desk.status(&answered));

    // An old delivery that GitHub repeats changes nothing.
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    let repo = desk.sandbox.repository(REPO);
    let stale = json!({ "id": repo.0, "full_name": REPO, "private": true, "updated_at": "2026-11-18T09:30:00Z" });
    github_tells(&desk, "repository", repository("privatized", through, stale)).await;
    assert_eq!(desk.labels(&open), "");

    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    changes_visibility(&desk, through, true).await;
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
    changes_visibility(&desk, installation(&desk, &issue).await, false).await;
    assert_eq!(desk.labels(&issue), AT_FIRST);
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
});
