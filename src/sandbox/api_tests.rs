//! What the API answers, and refuses, in GitHub's words.

use super::tests::{Desk, JWT};
use super::{CloseOrder, Ghost, SandboxError};
use crate::domain::ids::CommentId;
use reqwest::Method;
use serde_json::{Value, json};

const REPO: &str = "acme/support";

impl Desk {
    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, Value::Null).await
    }

    /// The address of the repository, with one issue of mia's in it.
    async fn ticket(&self) -> String {
        self.github.open_issue(REPO, "mia", "It broke", "text").await.unwrap();
        format!("/repositories/{}", self.github.repository(REPO))
    }
}

fn message(answer: &Value) -> &str {
    answer["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn reactions_are_given_listed_and_tell_who_and_when() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    let said = desk.github.comment(REPO, 1, "mia", "Thanks!").await.unwrap().comment.unwrap();
    for (number, login) in ["ann", "ben", "mia"].into_iter().enumerate() {
        desk.github.react(REPO, 1, Some(said), login, if number == 2 { "heart" } else { "+1" }).await.unwrap();
    }
    let list = format!("{repo}/issues/comments/{said}/reactions");
    let (_, page) = desk.get(&format!("{list}?content=%2B1&per_page=1&page=2")).await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    assert_eq!((&page[0]["user"]["login"], &page[0]["created_at"]), (&json!("ben"), &json!("2026-11-22T14:00:00Z")));
    for (path, times) in [(list.clone(), 4), (format!("{repo}/issues/1/reactions"), 1)] {
        for status in [201, 200] {
            assert_eq!(desk.ask(Method::POST, &path, json!({ "content": "+1" })).await.0, status);
        }
        assert_eq!(desk.ask(Method::POST, &path, json!({ "content": "thumbs" })).await.0, 422);
        assert_eq!(desk.get(&path).await.1.as_array().unwrap().len(), times);
    }
    let comment = format!("{repo}/issues/comments/{said}");
    assert_eq!(desk.ask(Method::DELETE, &comment, Value::Null).await.0, 204);
    assert_eq!(desk.get(&list).await.0, 404);
    assert_eq!(desk.ask(Method::DELETE, &comment, Value::Null).await.0, 404);
}

#[tokio::test]
async fn what_is_too_long_or_too_much_is_refused() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    let comments = format!("{repo}/issues/1/comments");
    assert_eq!(desk.ask(Method::POST, &comments, json!({ "body": "x".repeat(65_537) })).await.0, 422);
    let (status, comment) = desk.ask(Method::POST, &comments, json!({ "body": "é".repeat(65_536) })).await;
    assert_eq!(status, 201);
    let comment = format!("{repo}/issues/comments/{}", CommentId(comment["id"].as_i64().unwrap()));
    assert_eq!(desk.ask(Method::PATCH, &comment, json!({ "body": "x".repeat(65_537) })).await.0, 422);
    for (description, status) in [("d".repeat(101), 422), ("d".repeat(100), 201)] {
        let label = json!({ "name": "tier: Gold", "color": "00ff00", "description": description });
        assert_eq!(desk.ask(Method::POST, &format!("{repo}/labels"), label).await.0, status);
    }
    let labels = format!("{repo}/issues/1/labels");
    let fifty_one: Vec<String> = (0..51).map(|n| format!("l{n}")).collect();
    assert_eq!(desk.ask(Method::POST, &labels, json!({ "labels": fifty_one })).await.0, 200);
    let (status, refused) = desk.ask(Method::POST, &labels, json!({ "labels": fifty_one })).await;
    assert_eq!(
        (status, refused["errors"][0]["message"].as_str()),
        (422, Some("Issues cannot have more than 100 labels")),
        "the same again"
    );
    assert_eq!(desk.ask(Method::POST, &labels, json!({ "labels": ["L0", "TIER: gold"] })).await.0, 200);
    assert_eq!(desk.github.issue(REPO, 1).unwrap().labels.len(), 52);
}

#[tokio::test]
async fn a_deleted_label_goes_from_every_issue() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    desk.ticket().await;
    for number in [1, 2] {
        desk.github.add_label(REPO, number, "ann", "due: soon").await.unwrap();
    }
    let found = |list: &Value| list.as_array().unwrap().iter().map(|i| i["number"].as_u64().unwrap()).collect::<Vec<_>>();
    let carriers = format!("{repo}/issues?labels=DUE%3A%20Soon&state=open");
    assert_eq!(found(&desk.get(&carriers).await.1), [2, 1]);
    desk.github.close(REPO, 2, "ann", "completed").await.unwrap();
    assert_eq!(found(&desk.get(&carriers).await.1), [1]);
    desk.github.deliveries_go(super::Deliver::Held);
    let label = format!("{repo}/labels/DUE%3A%20soon");
    assert_eq!(desk.ask(Method::DELETE, &label, Value::Null).await.0, 204);
    assert_eq!(desk.ask(Method::DELETE, &label, Value::Null).await.0, 404);
    let told: Vec<_> = desk.github.held().iter().map(|d| format!("{}.{}", d.event, d.action)).collect();
    assert_eq!(told, ["label.deleted", "issues.unlabeled", "issues.unlabeled"]);
    let payload = desk.github.held()[1].payload();
    assert_eq!((payload.get("label"), &payload["issue"]["labels"]), (None, &json!([])));
    assert_eq!(desk.get(&format!("{repo}/labels?per_page=100&page=1")).await.1, json!([]));
}

#[tokio::test]
async fn a_close_says_why_and_the_history_keeps_all() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    let issue = format!("{repo}/issues/1");
    desk.github.retitle_issue(REPO, 1, "mia", "It broke again").await.unwrap();
    desk.github.add_label(REPO, 1, "ann", "bug").await.unwrap();
    desk.github.remove_label(REPO, 1, "ann", "BUG").await.unwrap();
    desk.github.lock_for(REPO, 1, "ann", "resolved").await.unwrap();
    assert_eq!(desk.get(&issue).await.1["active_lock_reason"], "resolved");
    desk.github.unlock(REPO, 1, "ann").await.unwrap();
    desk.github.deliveries_go(super::Deliver::Held);
    let wrong = json!({ "state": "closed", "state_reason": "reopened" });
    assert_eq!(desk.ask(Method::PATCH, &issue, wrong).await.0, 422);
    for reason in ["duplicate", "not_planned", "completed"] {
        let (_, closed) = desk.ask(Method::PATCH, &issue, json!({ "state": "closed", "state_reason": reason })).await;
        assert_eq!((&closed["state"], &closed["state_reason"]), (&json!("closed"), &json!(reason)));
        let (_, opened) = desk.ask(Method::PATCH, &issue, json!({ "state": "open", "state_reason": "reopened" })).await;
        assert_eq!((&opened["state_reason"], &opened["closed_at"]), (&json!("reopened"), &Value::Null));
    }
    let closed = desk.github.held()[0].payload();
    assert_eq!((&closed["action"], &closed["issue"]["state_reason"]), (&json!("closed"), &json!("duplicate")));
    assert_eq!(closed["issue"]["closed_at"], "2026-11-22T14:00:00Z");
    assert!(closed["issue"].get("closed_by").is_none(), "the sender did");
    let (_, history) = desk.get(&format!("{issue}/events?per_page=100")).await;
    let events: Vec<_> = history.as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    let closings = ["closed", "reopened", "closed", "reopened", "closed", "reopened"];
    assert_eq!(events[..5], ["renamed", "labeled", "unlabeled", "locked", "unlocked"]);
    assert_eq!(events[5..], closings);
    assert_eq!(history[0]["rename"], json!({ "from": "It broke", "to": "It broke again" }));
    assert_eq!((&history[2]["label"]["name"], &history[2]["actor"]["login"]), (&json!("bug"), &json!("ann")));
    assert_eq!((&history[3]["lock_reason"], &history[5]["state_reason"]), (&json!("resolved"), &json!("duplicate")));
}

#[tokio::test]
async fn a_locked_conversation_is_closed_to_outsiders() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    desk.github.grant(REPO, "ann", "write");
    desk.github.lock(REPO, 1, "ann").await.unwrap();
    let refused = desk.github.comment(REPO, 1, "mia", "Hello?").await.unwrap_err();
    assert_eq!(refused, SandboxError::Refused("Unable to create comment because issue is locked.".to_owned()));
    assert!(desk.github.react(REPO, 1, None, "mia", "+1").await.is_err());
    assert!(desk.github.add_label(REPO, 1, "mia", "bug").await.is_err());
    let order = CloseOrder::CommentFirst;
    desk.github.close_with_comment(REPO, 1, "ann", "completed", "Done.", order).await.unwrap();
    assert_eq!(desk.ask(Method::POST, &format!("{repo}/issues/1/comments"), json!({ "body": "Ticket 1" })).await.0, 201);
    assert_eq!(desk.ask(Method::POST, &format!("{repo}/issues/1/labels"), json!({ "labels": ["sla: met"] })).await.0, 200);
}

#[tokio::test]
async fn an_archived_repository_is_read_only() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    let said = desk.github.comment(REPO, 1, "mia", "Hello?").await.unwrap().comment.unwrap();
    desk.github.archive_repository(REPO, "ann", true).await.unwrap();
    assert_eq!(desk.get(&repo).await.1["archived"], true);
    assert_eq!(desk.get(&format!("{repo}/issues/1")).await.0, 200);
    let writes = [
        (Method::POST, format!("{repo}/issues/1/comments"), json!({ "body": "Hi" })),
        (Method::PATCH, format!("{repo}/issues/comments/{said}"), json!({ "body": "Hi" })),
        (Method::POST, format!("{repo}/issues/comments/{said}/reactions"), json!({ "content": "+1" })),
        (Method::POST, format!("{repo}/labels"), json!({ "name": "a" })),
        (Method::PATCH, format!("{repo}/issues/1"), json!({ "state": "closed" })),
    ];
    for (method, path, body) in writes {
        let (status, answer) = desk.ask(method, &path, body).await;
        assert_eq!((status, message(&answer)), (403, "Repository was archived so is read-only."), "{path}");
    }
    assert!(desk.github.comment(REPO, 1, "ann", "Hi").await.is_err());
    desk.github.archive_repository(REPO, "ann", false).await.unwrap();
    desk.github.comment(REPO, 1, "ann", "Hi").await.unwrap();
}

#[tokio::test]
async fn a_suspended_installation_can_do_nothing() {
    let mut desk = Desk::new().await;
    let repo = desk.ticket().await;
    let (installation, token) = (desk.github.installation("acme"), desk.token.clone());
    let mint = format!("/app/installations/{installation}/access_tokens");
    desk.github.installation_event("acme", "suspend").await.unwrap();
    assert_eq!(message(&desk.get(&format!("{repo}/issues/1")).await.1), "This installation has been suspended");
    assert_eq!(desk.github.comment(REPO, 1, "mia", "Hello?").await.unwrap().deliveries.len(), 0, "it hears nothing either");
    desk.token = JWT.to_owned();
    assert_eq!(desk.ask(Method::POST, &mint, Value::Null).await.0, 403);
    let (_, listed) = desk.get("/app/installations").await;
    assert_eq!((&listed[0]["suspended_at"], &listed[0]["suspended_by"]["login"]), (&json!("2026-11-22T14:00:00Z"), &json!("acme")));
    desk.github.installation_event("acme", "unsuspend").await.unwrap();
    assert_eq!(desk.ask(Method::POST, &mint, Value::Null).await.0, 201);
    assert_eq!(desk.get("/app/installations").await.1[0]["suspended_at"], Value::Null);
    desk.github.installation_event("acme", "deleted").await.unwrap();
    assert_eq!(desk.ask(Method::POST, &mint, Value::Null).await.0, 404);
    assert_eq!(desk.get("/app/installations").await.1, json!([]));
    desk.token = token;
    assert_eq!(desk.get(&format!("{repo}/issues/1")).await.0, 401, "its tokens went with it");
}

#[tokio::test]
async fn roles_and_teams_are_told_to_whom_may_know() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    let role = |login: &'static str| {
        let path = format!("{repo}/collaborators/{login}/permission");
        let desk = &desk;
        async move {
            let (status, answer) = desk.get(&path).await;
            (status, answer["permission"].clone(), answer["role_name"].clone())
        }
    };
    for (given, older) in [("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"), ("read", "read")] {
        desk.github.grant(REPO, "ann", given);
        assert_eq!(role("ann").await, (200, json!(older), json!(given)));
    }
    assert_eq!(role("mia").await, (200, json!("read"), json!("read")));
    desk.github.set_private(REPO, true);
    assert_eq!(role("mia").await, (200, json!("none"), json!("none")));
    assert_eq!(role("stranger").await.0, 404);
    desk.github.team("acme/Help Desk", &["ann", "ben"]);
    let team = "/orgs/acme/teams/help-desk";
    let (_, members) = desk.get(&format!("{team}/members?per_page=1&page=2")).await;
    assert_eq!(members[0]["login"], "ben");
    assert_eq!(desk.get(&format!("{team}/memberships/ann")).await.1["state"], "active");
    assert_eq!(desk.get(&format!("{team}/memberships/mia")).await.0, 404);
    desk.github.repository("other/place");
    desk.github.team("other/team", &["ann"]);
    assert_eq!(desk.get("/orgs/other/teams/team/members").await.0, 404, "none of this installation's");
    desk.github.may_read_members("acme", false);
    let (status, refused) = desk.get(&format!("{team}/members")).await;
    assert_eq!((status, message(&refused)), (403, "Resource not accessible by integration"));
    assert_eq!(role("ann").await.0, 200, "this needs no permission of its own");
    desk.github.installation_event("acme", "new_permissions_accepted").await.unwrap();
    assert_eq!(desk.get(&format!("{team}/members")).await.0, 200);
}

#[tokio::test]
async fn a_deleted_account_leaves_what_it_wrote() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    desk.github.comment(REPO, 1, "zoe", "Same here.").await.unwrap();
    desk.github.claim_association("mia", "MEMBER");
    let mia = desk.github.delete_account("mia", Ghost::Nobody).unwrap();
    desk.github.delete_account("zoe", Ghost::Account).unwrap();
    let (_, issue) = desk.get(&format!("{repo}/issues/1")).await;
    let (_, comments) = desk.get(&format!("{repo}/issues/1/comments")).await;
    assert_eq!((&issue["user"], &comments[0]["user"]["login"]), (&Value::Null, &json!("ghost")));
    assert_eq!(comments[0]["user"]["id"], 10_137);
    for path in ["/users/mia".to_owned(), format!("/user/{mia}")] {
        assert_eq!(desk.get(&path).await.0, 404);
    }
    desk.github.deliveries_go(super::Deliver::Held);
    desk.github.comment(REPO, 1, "ann", "On it.").await.unwrap();
    assert_eq!(desk.github.held()[0].payload()["issue"]["user"], Value::Null);
    assert_ne!(desk.github.person("mia"), mia, "somebody else takes the login");
    assert_eq!(desk.github.issue(REPO, 1).unwrap().author, "ghost");
}

#[tokio::test]
async fn a_token_works_for_an_hour() {
    let desk = Desk::new().await;
    let repo = desk.ticket().await;
    for (at, status) in [("2026-11-22T14:59:59Z", 200), ("2026-11-22T15:00:01Z", 401)] {
        desk.github.inner.clock.advance_to(at.parse().unwrap());
        assert_eq!(desk.get(&repo).await.0, status);
    }
}
