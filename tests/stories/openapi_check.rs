//! The description check itself, and the sandbox held against GitHub's description.

use crate::openapi::GITHUB;
use crate::openapi::description::OpenApi;
use partner_desk::clock::Clock;
use partner_desk::sandbox::{Deliver, Ghost, Options, Sandbox};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

fn github() -> Arc<OpenApi> {
    GITHUB.clone().expect("PARTNER_DESK_OPENAPI is not set: run tests/run")
}

fn query(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
#[ignore = "needs GitHub's API description: tests/run"]
fn right_requests_pass() {
    let github = github();
    let pass = |method: &str, path: &str, pairs: &[(&str, &str)], body: Value| {
        let body = Some(&body).filter(|b| !b.is_null());
        assert_eq!(github.check(method, path, &query(pairs), body), Ok(()), "{method} {path}");
    };
    pass(
        "GET",
        "/repositories/7/issues",
        &[("state", "all"), ("since", "2026-11-22T14:00:00Z"), ("per_page", "100"), ("page", "2")],
        Value::Null,
    );
    pass("GET", "/repositories/7/issues/comments", &[("sort", "updated"), ("since", "2026-11-22T14:00:00Z")], Value::Null);
    pass("POST", "/repositories/7/issues/1/labels", &[], json!({ "labels": ["sla: 4h", { "name": "tier: Gold" }] }));
    pass("DELETE", "/repositories/7/issues/1/labels/sla%3A%204h", &[], Value::Null);
    pass("POST", "/repos/acme/support/labels", &[], json!({ "name": "sla: 4h", "color": "00ff00" }));
    pass("PATCH", "/repos/acme/support/issues/1", &[], json!({ "state": "closed", "state_reason": "not_planned" }));
    pass("PATCH", "/repositories/7/issues/comments/3492000001", &[], json!({ "body": "text" }));
    pass("POST", "/app/installations/1/access_tokens", &[], Value::Null);
    pass("POST", "/app/installations/1/access_tokens", &[], json!({ "permissions": { "issues": "write" } }));
    pass("GET", "/app/hook/deliveries", &[("status", "failure"), ("per_page", "100"), ("cursor", "v1")], Value::Null);
    pass("POST", "/app/hook/deliveries/5/attempts", &[], Value::Null);
    pass("POST", "/repositories/7/issues/comments/5/reactions", &[], json!({ "content": "+1" }));
    pass("GET", "/repositories/7/collaborators/ann/permission", &[], Value::Null);
    pass("GET", "/user/5", &[], Value::Null);
}

#[test]
#[ignore = "needs GitHub's API description: tests/run"]
fn wrong_requests_fail_and_say_why() {
    let github = github();
    let fail = |method: &str, path: &str, pairs: &[(&str, &str)], body: Value, why: &str| {
        let body = Some(&body).filter(|b| !b.is_null());
        let error = github.check(method, path, &query(pairs), body).expect_err(path);
        assert!(error.contains(why), "{method} {path}: {error}");
    };
    fail("GET", "/repositories/7/issues", &[("status", "all")], Value::Null, "`status` is unknown");
    fail("GET", "/repositories/7/issues", &[("state", "any")], Value::Null, "wanted one of");
    fail("GET", "/repositories/7/issues", &[("since", "yesterday")], Value::Null, "wanted an instant");
    fail("GET", "/repositories/7/issues", &[("page", "two")], Value::Null, "wanted \"integer\"");
    fail("POST", "/repositories/7/issues/1/labels", &[], json!({ "labels": [7] }), "labels[0]");
    fail("POST", "/repositories/7/issues/1/labels", &[], json!({ "labels": ["a"], "colour": "red" }), "colour is unknown");
    fail("POST", "/repositories/7/labels", &[], json!({ "color": "00ff00" }), "lacks `name`");
    fail("POST", "/repositories/7/labels", &[], json!({ "name": 5 }), "wanted \"string\"");
    fail("POST", "/repositories/7/labels", &[], Value::Null, "the body is missing");
    fail("POST", "/repositories/7/issues/1/comments", &[], json!({ "body": "a", "author": "b" }), "author is unknown");
    fail("POST", "/repositories/7/issues/comments/5", &[], json!({ "body": "a" }), "has no POST");
    fail("PATCH", "/repositories/7/issues/one", &[], json!({ "state": "closed" }), "wanted \"integer\"");
    fail("PATCH", "/repositories/7/issues/1", &[], json!({ "state": "shut" }), "wanted one of");
    fail("GET", "/repositories/seven/issues", &[], Value::Null, "is no number");
    fail("GET", "/repositories/7/tickets", &[], Value::Null, "unknown");
    fail("DELETE", "/repositories/7/labels/a", &[], json!({ "name": "a" }), "where none is described");
    fail("POST", "/app/installations/1/access_tokens", &[], json!({ "permissions": { "issues": "admin" } }), "wanted one of");
}

struct Asked<'a> {
    github: &'a OpenApi,
    sandbox: &'a Sandbox,
    client: reqwest::Client,
    token: String,
    wrong: Vec<String>,
}

impl<'a> Asked<'a> {
    fn new(github: &'a OpenApi, sandbox: &'a Sandbox) -> Self {
        let token = format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjEsImV4cCI6NjAwLCJpc3MiOiIxMjM0In0.{}", "A".repeat(340));
        let client = reqwest::Client::builder().no_proxy().user_agent("test").build().unwrap();
        Self { github, sandbox, client, token, wrong: Vec::new() }
    }

    /// Holds the webhooks too against the description: nothing may be wrong.
    fn end(mut self) {
        for delivery in self.sandbox.held() {
            let wrong = self.github.check_webhook(&delivery.event, &delivery.action, &delivery.payload()).err();
            self.wrong.extend(wrong.map(|why| format!("{} {}: {why}", delivery.event, delivery.action)));
        }
        assert_eq!(self.wrong, Vec::<String>::new());
        assert_eq!(self.sandbox.violations(), Vec::<String>::new());
    }

    async fn ask(&mut self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = self.client.request(method.clone(), format!("{}{path}", self.sandbox.url())).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        assert!(status < 300, "{method} {path}: {status} {body}");
        let bare = path.split('?').next().unwrap_or(path);
        // Here the description wants every account to be a person and an enterprise at once, which none can be.
        if bare == "/app/installations" {
            return body;
        }
        let wrong = self.github.check_answer(method.as_str(), bare, status, &body).err();
        self.wrong.extend(wrong.map(|why| format!("{method} {path}: {why}")));
        body
    }
}

#[tokio::test]
#[ignore = "needs GitHub's API description: tests/run"]
async fn the_sandbox_answers_and_calls_as_github_does() {
    use reqwest::Method;
    let github = github();
    let clock = Clock::manual("2026-11-22T14:00:00Z".parse().unwrap());
    let described = Arc::clone(&github);
    let check = move |r: &partner_desk::sandbox::RecordedRequest| described.check(r.method.as_str(), &r.path, &r.query, r.body.as_ref());
    let options = Options { check: Some(Arc::new(check)), ..Options::default() };
    let sandbox = Sandbox::start(clock, options).await.unwrap();
    sandbox.deliveries_go(Deliver::Held);
    let repo = format!("/repositories/{}", sandbox.repository("acme/support"));
    sandbox.grant("acme/support", "ann", "triage");
    sandbox.team("acme/support", &["ann"]);
    sandbox.open_issue("acme/support", "mia", "It broke", "Help").await.unwrap();
    let said = sandbox.comment("acme/support", 1, "ann", "Looking").await.unwrap().comment.unwrap();

    let mut asked = Asked::new(&github, &sandbox);
    asked.ask(Method::GET, "/app", Value::Null).await;
    asked.ask(Method::GET, "/app/installations", Value::Null).await;
    let installation = sandbox.installation("acme");
    asked.ask(Method::GET, &format!("/app/installations/{installation}"), Value::Null).await;
    sandbox.fail_held();
    let failed = asked.ask(Method::GET, "/app/hook/deliveries?status=failure&per_page=100", Value::Null).await;
    assert_eq!(failed.as_array().unwrap().len(), 2);
    asked.ask(Method::GET, &format!("/app/hook/deliveries/{}", failed[0]["id"]), Value::Null).await;
    asked.ask(Method::POST, &format!("/app/hook/deliveries/{}/attempts", failed[0]["id"]), Value::Null).await;
    let minted = asked.ask(Method::POST, &format!("/app/installations/{installation}/access_tokens"), Value::Null).await;
    asked.token = minted["token"].as_str().unwrap().to_owned();

    for path in ["/installation/repositories", "/users/ann", "/repos/acme/support", "/orgs/acme/teams/support/members"] {
        asked.ask(Method::GET, path, Value::Null).await;
    }
    asked.ask(Method::GET, "/orgs/acme/teams/support/memberships/ann", Value::Null).await;
    asked.ask(Method::GET, &format!("/user/{}", sandbox.person("mia")), Value::Null).await;
    asked.ask(Method::GET, &format!("{repo}/collaborators/ann/permission"), Value::Null).await;
    asked.ask(Method::POST, &format!("{repo}/labels"), json!({ "name": "sla: 4h", "color": "00ff00", "description": "A promise" })).await;
    asked.ask(Method::PATCH, &format!("{repo}/labels/sla:%204h"), json!({ "new_name": "sla: 5h" })).await;
    asked.ask(Method::POST, &format!("{repo}/issues/1/labels"), json!({ "labels": ["sla: 5h", "tier: Gold"] })).await;
    asked.ask(Method::DELETE, &format!("{repo}/issues/1/labels/tier%3A%20Gold"), Value::Null).await;
    asked.ask(Method::DELETE, &format!("{repo}/labels/tier%3A%20Gold"), Value::Null).await;
    let comment = asked.ask(Method::POST, &format!("{repo}/issues/1/comments"), json!({ "body": "Ticket 1 of 7" })).await;
    let comment = format!("{repo}/issues/comments/{}", comment["id"]);
    asked.ask(Method::PATCH, &comment, json!({ "body": "Ticket 2 of 7" })).await;
    asked.ask(Method::GET, &comment, Value::Null).await;
    asked.ask(Method::POST, &format!("{repo}/issues/comments/{said}/reactions"), json!({ "content": "+1" })).await;
    for tail in ["labels", "labels/sla:%205h", "issues?state=all", "issues/1", "issues/comments", "issues/1/comments", "issues/1/labels"] {
        asked.ask(Method::GET, &format!("{repo}/{tail}"), Value::Null).await;
    }
    asked.ask(Method::GET, &format!("{repo}/issues/comments/{said}/reactions?content=%2B1"), Value::Null).await;
    asked.ask(Method::DELETE, &comment, Value::Null).await;
    asked.ask(Method::PATCH, &format!("{repo}/issues/1"), json!({ "state": "closed", "state_reason": "completed" })).await;

    sandbox.reopen("acme/support", 1, "mia").await.unwrap();
    sandbox.lock("acme/support", 1, "ann").await.unwrap();
    sandbox.unlock("acme/support", 1, "ann").await.unwrap();
    sandbox.edit_issue("acme/support", 1, "mia", "Help!").await.unwrap();
    sandbox.transfer_issue("acme/support", 1, "acme/other", "ann").await.unwrap();
    sandbox.delete_issue("acme/other", 1, "ann").await.unwrap();
    sandbox.archive_repository("acme/support", "ann", true).await.unwrap();
    sandbox.archive_repository("acme/support", "ann", false).await.unwrap();
    sandbox.rename_repository("acme/support", "ann", "desk").await.unwrap();
    for action in ["created", "suspend", "unsuspend", "deleted"] {
        sandbox.installation_event("acme", action).await.unwrap();
    }
    assert!(sandbox.held().len() > 20, "{}", sandbox.held().len());
    asked.end();
}

#[tokio::test]
#[ignore = "needs GitHub's API description: tests/run"]
async fn the_sandbox_tells_of_owners_and_administrators_as_github_does() {
    use reqwest::Method;
    let github = github();
    let sandbox = Sandbox::start(Clock::manual("2026-11-22T14:00:00Z".parse().unwrap()), Options::default()).await.unwrap();
    sandbox.deliveries_go(Deliver::Held);
    let repo = format!("/repositories/{}", sandbox.repository("acme/support"));
    sandbox.repository("other/place");
    sandbox.team("acme/support", &["ann"]);
    let mut asked = Asked::new(&github, &sandbox);
    let installation = sandbox.installation("acme");
    let minted = asked.ask(Method::POST, &format!("/app/installations/{installation}/access_tokens"), Value::Null).await;
    asked.token = minted["token"].as_str().unwrap().to_owned();

    for title in ["One", "Two"] {
        sandbox.open_issue("acme/support", "mia", title, "Help").await.unwrap();
        sandbox.comment("acme/support", 1, "mia", "Anybody?").await.unwrap();
    }
    sandbox.retitle_issue("acme/support", 1, "mia", "One!").await.unwrap();
    sandbox.add_label("acme/support", 1, "ann", "bug").await.unwrap();
    sandbox.rename_label("acme/support", "ann", "bug", "defect").await.unwrap();
    sandbox.delete_label("acme/support", "ann", "defect").await.unwrap();
    sandbox.lock_for("acme/support", 1, "ann", "too heated").await.unwrap();
    sandbox.unlock("acme/support", 1, "ann").await.unwrap();
    sandbox.convert_to_discussion("acme/support", 2, "ann").await.unwrap();
    asked.ask(Method::GET, &format!("{repo}/issues/2/events"), Value::Null).await;
    sandbox.transfer_issue("acme/support", 1, "acme/other", "ann").await.unwrap();
    let other = format!("/repositories/{}", sandbox.repository("acme/other"));
    asked.ask(Method::GET, &format!("{other}/issues/1/events?per_page=100"), Value::Null).await;

    for role in ["triage", "maintain"] {
        sandbox.change_role("acme/support", "owner", "ann", role).await.unwrap();
        asked.ask(Method::GET, &format!("{repo}/collaborators/ann/permission"), Value::Null).await;
    }
    sandbox.remove_collaborator("acme/support", "owner", "ann").await.unwrap();
    sandbox.add_to_team("acme/support", "owner", "ben").await.unwrap();
    sandbox.remove_from_team("acme/support", "owner", "ben").await.unwrap();
    sandbox.rename_team("acme/support", "owner", "Help Desk").await.unwrap();
    asked.ask(Method::GET, "/orgs/acme/teams/help-desk/members", Value::Null).await;
    sandbox.team("acme/night", &["ann"]);
    sandbox.delete_team("acme/help-desk", "owner").await.unwrap();
    sandbox.remove_org_member("acme", "owner", "ann").await.unwrap();

    for private in [true, false] {
        sandbox.change_visibility("acme/support", "owner", private).await.unwrap();
    }
    sandbox.remove_from_installation("acme/other", "owner").await.unwrap();
    asked.ask(Method::GET, "/installation/repositories", Value::Null).await;
    sandbox.add_to_installation("acme/other", "owner").await.unwrap();
    sandbox.delete_account("mia", Ghost::Nobody).unwrap();
    sandbox.add_label("acme/other", 1, "ben", "late").await.unwrap();
    for tail in ["issues?state=all", "issues/1", "issues/1/comments"] {
        asked.ask(Method::GET, &format!("{other}/{tail}"), Value::Null).await;
    }
    sandbox.transfer_repository("acme/support", "owner", "other").await.unwrap();
    sandbox.delete_repository("acme/other", "owner").await.unwrap();
    sandbox.installation_event("acme", "new_permissions_accepted").await.unwrap();
    let told: BTreeSet<String> = sandbox.held().iter().map(|d| format!("{}.{}", d.event, d.action)).collect();
    assert_eq!(told.len(), 27, "{told:?}");
    asked.end();
}
