//! What owners and administrators do: what the App hears of it, and what it can reach afterwards.

use super::tests::Desk;
use super::{Deliver, Happened, Options};
use reqwest::Method;
use serde_json::{Value, json};

const REPO: &str = "acme/support";

fn told(happened: &Happened) -> Vec<String> {
    happened.deliveries.iter().map(|d| format!("{}.{}", d.event, d.action)).collect()
}

/// A desk at a GitHub that keeps its webhooks, with one issue of mia's.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.github.deliveries_go(Deliver::Held);
    desk.github.open_issue(REPO, "mia", "It broke", "text").await.unwrap();
    desk
}

#[tokio::test]
async fn an_issue_moves_with_its_comments_and_history() {
    let desk = desk().await;
    let github = &desk.github;
    let said = github.comment(REPO, 1, "ann", "Looking.").await.unwrap().comment.unwrap();
    for label in ["Bug", "sla: 4h"] {
        github.add_label(REPO, 1, "ann", label).await.unwrap();
    }
    github.open_issue("acme/other", "mia", "Another", "text").await.unwrap();
    github.add_label("acme/other", 1, "ann", "bug").await.unwrap();
    github.drop_held();
    let old = github.issue(REPO, 1).unwrap();
    let moved = github.transfer_issue(REPO, 1, "acme/other", "ann").await.unwrap();
    assert_eq!((moved.number(), told(&moved)), (2, vec!["issues.transferred".to_owned(), "issues.opened".to_owned()]));
    let [there, here] = [moved.deliveries[0].payload(), moved.deliveries[1].payload()];
    let new = github.issue("acme/other", 2).unwrap();
    assert_eq!((&there["issue"]["id"], &there["changes"]["new_issue"]["id"]), (&json!(old.id.0), &json!(new.id.0)));
    assert_eq!((&here["issue"]["id"], &here["changes"]["old_issue"]["id"]), (&json!(new.id.0), &json!(old.id.0)));
    assert_eq!(there["changes"]["new_repository"]["full_name"], "acme/other");
    assert_eq!(here["changes"]["old_repository"]["full_name"], REPO);
    assert_eq!((&here["issue"]["created_at"], here["sender"]["login"].as_str()), (&there["issue"]["created_at"], Some("ann")));
    assert_eq!(new.labels, ["bug"], "the one that the other repository has too");
    assert_eq!((new.comments.len(), new.comments[0].body.as_str(), new.comments[0].id == said), (1, "Looking.", false));
    let (_, history) = desk.ask(Method::GET, "/repos/acme/other/issues/2/events", Value::Null).await;
    assert_eq!((&history[0]["event"], &history[2]["event"]), (&json!("labeled"), &json!("transferred")));
    let from = format!("/repositories/{}/issues/1", github.repository(REPO));
    assert_eq!(desk.ask(Method::GET, &from, Value::Null).await.0, 301);
    assert!(github.transfer_issue("acme/other", 2, "acme/other", "ann").await.is_err());
    github.repository("other/place");
    assert!(github.transfer_issue("acme/other", 2, "other/place", "ann").await.is_err(), "another owner's");
    github.set_private("acme/other", true);
    assert!(github.transfer_issue("acme/other", 2, REPO, "ann").await.is_err(), "public");
}

#[tokio::test]
async fn what_moves_out_of_reach_is_heard_of_only_where_it_was() {
    let desk = desk().await;
    let github = &desk.github;
    github.leave_out("acme/hidden").unwrap();
    github.set_private("acme/hidden", true);
    let moved = github.transfer_issue(REPO, 1, "acme/hidden", "ann").await.unwrap();
    assert_eq!(told(&moved), ["issues.transferred"]);
    let from = format!("/repositories/{}/issues/1", github.repository(REPO));
    assert_eq!(desk.ask(Method::GET, &from, Value::Null).await.0, 404, "nor where it went");
    assert_eq!(github.comment("acme/hidden", 1, "ann", "Here.").await.unwrap().deliveries.len(), 0);
    let (_, listed) = desk.ask(Method::GET, "/installation/repositories", Value::Null).await;
    assert_eq!((&listed["total_count"], &listed["repository_selection"]), (&json!(1), &json!("selected")));
}

#[tokio::test]
async fn a_repository_is_taken_from_the_app_and_given_back() {
    let desk = desk().await;
    let github = &desk.github;
    let repo = format!("/repositories/{}", github.repository(REPO));
    let removed = github.remove_from_installation(REPO, "owner").await.unwrap();
    assert_eq!(told(&removed), ["installation_repositories.removed"]);
    let payload = removed.deliveries[0].payload();
    assert_eq!((&payload["repositories_removed"][0]["full_name"], &payload["repositories_added"]), (&json!(REPO), &json!([])));
    assert_eq!((&payload["repository_selection"], &payload["sender"]["login"]), (&json!("selected"), &json!("owner")));
    let comments = format!("{repo}/issues/1/comments");
    assert_eq!(desk.ask(Method::GET, &comments, Value::Null).await.0, 200, "public");
    assert_eq!(desk.ask(Method::POST, &comments, json!({ "body": "Hi" })).await.0, 403);
    assert_eq!(told(&github.comment(REPO, 1, "mia", "Hello?").await.unwrap()), Vec::<String>::new());
    github.set_private(REPO, true);
    for method in [Method::GET, Method::POST] {
        assert_eq!(desk.ask(method, &comments, Value::Null).await.0, 404);
    }
    assert_eq!(told(&github.add_to_installation(REPO, "owner").await.unwrap()), ["installation_repositories.added"]);
    assert_eq!(told(&github.add_to_installation(REPO, "owner").await.unwrap()), Vec::<String>::new());
    assert_eq!(desk.ask(Method::GET, &comments, Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_repository_goes_to_another_owner() {
    let desk = desk().await;
    let github = &desk.github;
    let (id, elsewhere) = (github.repository(REPO), github.installation("other"));
    assert_ne!(elsewhere, github.installation("acme"));
    let moved = github.transfer_repository(REPO, "owner", "other").await.unwrap();
    let expected = ["installation_repositories.removed", "installation_repositories.added", "repository.transferred"];
    assert_eq!(told(&moved), expected);
    let payload = moved.deliveries[2].payload();
    assert_eq!((&payload["installation"]["id"], &payload["repository"]["full_name"]), (&json!(elsewhere.0), &json!("other/support")));
    assert_eq!(payload["changes"]["owner"]["from"]["organization"]["login"], "acme");
    assert_eq!(github.repository("other/support"), id);
    assert_eq!(desk.ask(Method::GET, "/repos/acme/support/issues/1", Value::Null).await.0, 301);
    let issue = format!("/repositories/{id}/issues/1");
    assert_eq!(desk.ask(Method::PATCH, &issue, json!({ "state": "closed" })).await.0, 403, "another installation's now");
    let said = github.comment("other/support", 1, "mia", "Still broken").await.unwrap();
    assert_eq!(said.deliveries[0].payload()["installation"]["id"], elsewhere.0);
    // Where the App is not, it hears of the loss alone.
    github.installation_event("other", "deleted").await.unwrap();
    github.repository("acme/more");
    let moved = github.transfer_repository("acme/more", "owner", "other").await.unwrap();
    assert_eq!(told(&moved), ["installation_repositories.removed"]);
    assert!(github.transfer_repository("other/more", "owner", "other").await.is_err());
}

#[tokio::test]
async fn a_repository_is_hidden_shown_and_deleted() {
    let desk = desk().await;
    let github = &desk.github;
    let repo = format!("/repositories/{}", github.repository(REPO));
    let hidden = github.change_visibility(REPO, "owner", true).await.unwrap();
    assert_eq!(
        (told(&hidden), hidden.deliveries[0].payload()["repository"]["private"].clone()),
        (vec!["repository.privatized".to_owned()], json!(true))
    );
    assert_eq!(told(&github.change_visibility(REPO, "owner", false).await.unwrap()), ["repository.publicized"]);
    let gone = github.delete_repository(REPO, "owner").await.unwrap();
    assert_eq!(told(&gone), ["installation_repositories.removed", "repository.deleted"]);
    assert_eq!(desk.ask(Method::GET, &format!("{repo}/issues/1"), Value::Null).await.0, 404);
    assert!(github.comment(REPO, 1, "mia", "Hello?").await.is_err());
}

#[tokio::test]
async fn an_issue_becomes_a_discussion() {
    let desk = desk().await;
    let made = desk.github.convert_to_discussion(REPO, 1, "ann").await.unwrap();
    assert_eq!(told(&made), ["issues.closed", "issues.locked"]);
    let (status, issue) = desk.ask(Method::GET, "/repos/acme/support/issues/1", Value::Null).await;
    assert_eq!((status, &issue["state"], &issue["locked"]), (200, &json!("closed"), &json!(true)));
    let (_, history) = desk.ask(Method::GET, "/repos/acme/support/issues/1/events", Value::Null).await;
    assert_eq!((&history[2]["event"], &history[2]["actor"]["login"]), (&json!("converted_to_discussion"), &json!("ann")));
}

#[tokio::test]
async fn roles_and_teams_change_and_the_app_hears_of_it() {
    let desk = desk().await;
    let github = &desk.github;
    let added = github.change_role(REPO, "owner", "ann", "triage").await.unwrap();
    let payload = added.deliveries[0].payload();
    assert_eq!((told(&added), &payload["member"]["login"]), (vec!["member.added".to_owned()], &json!("ann")));
    assert_eq!(payload["changes"], json!({ "permission": { "to": "read" }, "role_name": { "to": "triage" } }));
    let edited = github.change_role(REPO, "owner", "ann", "admin").await.unwrap();
    let changes = &edited.deliveries[0].payload()["changes"];
    assert_eq!((told(&edited), &changes["permission"]), (vec!["member.edited".to_owned()], &json!({ "from": "read", "to": "admin" })));
    assert_eq!(told(&github.remove_collaborator(REPO, "owner", "ann").await.unwrap()), ["member.removed"]);
    assert_eq!(told(&github.remove_collaborator(REPO, "owner", "ann").await.unwrap()), Vec::<String>::new());
    assert!(github.change_role(REPO, "owner", "ann", "king").await.is_err());

    github.team("acme/support", &["ann"]);
    let joined = github.add_to_team("acme/support", "owner", "ben").await.unwrap();
    let payload = joined.deliveries[0].payload();
    assert_eq!((told(&joined), &payload["scope"]), (vec!["membership.added".to_owned()], &json!("team")));
    assert_eq!((&payload["team"]["slug"], &payload["organization"]["login"]), (&json!("support"), &json!("acme")));
    assert_eq!(told(&github.remove_from_team("acme/support", "owner", "ben").await.unwrap()), ["membership.removed"]);
    let renamed = github.rename_team("acme/support", "owner", "Help Desk").await.unwrap();
    let payload = renamed.deliveries[0].payload();
    assert_eq!((told(&renamed), &payload["changes"]["name"]["from"]), (vec!["team.edited".to_owned()], &json!("support")));
    assert_eq!(desk.ask(Method::GET, "/orgs/acme/teams/help-desk/memberships/ann", Value::Null).await.0, 200);
    assert_eq!(desk.ask(Method::GET, "/orgs/acme/teams/support/members", Value::Null).await.0, 404);
    let left = github.remove_org_member("acme", "owner", "ann").await.unwrap();
    assert_eq!(told(&left), ["membership.removed", "organization.member_removed"]);
    github.add_to_team("acme/help-desk", "owner", "ann").await.unwrap();
    let gone = github.delete_team("acme/help-desk", "owner").await.unwrap();
    assert_eq!(told(&gone), ["team.deleted", "membership.removed"]);
    assert_eq!(gone.deliveries[1].payload()["team"]["deleted"], true);
    github.team("acme/night", &["ann"]);
    github.may_read_members("acme", false);
    assert_eq!(told(&github.remove_from_team("acme/night", "owner", "ann").await.unwrap()), Vec::<String>::new(), "it may not know");
}

#[tokio::test]
async fn only_what_is_subscribed_comes_and_installations_always() {
    let desk = Desk::with(Options { events: &["issues"], ..Options::default() }).await;
    let github = &desk.github;
    github.deliveries_go(Deliver::Held);
    assert_eq!(told(&github.open_issue(REPO, "mia", "It broke", "text").await.unwrap()), ["issues.opened"]);
    assert_eq!(told(&github.comment(REPO, 1, "mia", "Hello?").await.unwrap()), Vec::<String>::new());
    assert_eq!(told(&github.add_label(REPO, 1, "ann", "bug").await.unwrap()), ["issues.labeled"]);
    assert_eq!(told(&github.rename_repository(REPO, "ann", "desk").await.unwrap()), Vec::<String>::new());
    let suspended = github.installation_event("acme", "suspend").await.unwrap();
    assert_eq!(told(&suspended), ["installation.suspend"]);
    assert_eq!(suspended.deliveries[0].payload()["installation"]["events"], json!(["issues"]));
}
