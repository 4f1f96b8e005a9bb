//! What the stories rely on.

use super::*;
use axum::Router;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::time::Duration;

const START: &str = "2026-11-22T14:00:00.750Z";
pub(super) const JWT: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjEsImV4cCI6NjAwLCJpc3MiOiIxMjM0In0.",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
);

pub(super) struct Desk {
    pub(super) github: Sandbox,
    client: Client,
    pub(super) token: String,
}

impl Desk {
    pub(super) async fn with(options: Options) -> Self {
        let github = Sandbox::start(Clock::manual(START.parse().unwrap()), options).await.unwrap();
        github.repository("acme/support");
        let client = Client::builder().no_proxy().user_agent("desk").redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_secs(5)).build().unwrap();
        let mut desk = Self { github, client, token: JWT.to_owned() };
        let installation = desk.github.installation("acme");
        let (status, minted) = desk.ask(Method::POST, &format!("/app/installations/{installation}/access_tokens"), Value::Null).await;
        assert_eq!((status, minted["expires_at"].as_str()), (201, Some("2026-11-22T15:00:00Z")));
        desk.token = minted["token"].as_str().unwrap().to_owned();
        desk
    }

    pub(super) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Value) -> reqwest::Result<reqwest::Response> {
        let request = self.client.request(method, format!("{}{path}", self.github.url())).bearer_auth(&self.token);
        if body.is_null() { request.send().await } else { request.json(&body).send().await }
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, path, body).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A desk's door that answers 202 and keeps what came.
async fn door() -> (String, Received) {
    async fn take(State(received): State<Received>, headers: HeaderMap, body: String) -> StatusCode {
        lock(&received).push((headers, body));
        StatusCode::ACCEPTED
    }
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().fallback(take).with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

fn actions(received: &Received) -> Vec<String> {
    let event = |(headers, body): &(HeaderMap, String)| {
        let body: Value = serde_json::from_str(body).unwrap();
        format!("{}.{}", headers["x-github-event"].to_str().unwrap(), body["action"].as_str().unwrap())
    };
    lock(received).iter().map(event).collect()
}

#[test]
fn the_signature_is_githubs() {
    // The vector of GitHub's documentation.
    let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(signature("It's a Secret to Everybody", b"Hello, World!"), expected);
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_bytes_and_dated_to_the_second() {
    let desk = Desk::new().await;
    let (url, received) = door().await;
    desk.github.connect(&url);
    let opened = desk.github.open_issue("acme/support", "mia", "It broke", "").await.unwrap();
    assert_eq!((opened.number(), opened.status()), (1, Some(202)));
    let (headers, body) = lock(&received)[0].clone();
    assert_eq!(headers["x-hub-signature-256"].to_str().unwrap(), signature("sandbox-webhook-secret", body.as_bytes()));
    assert_eq!(headers["x-github-delivery"].to_str().unwrap(), opened.deliveries[0].guid.0);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["issue"]["created_at"], "2026-11-22T14:00:00Z");
    assert_eq!(body["issue"]["user"]["id"], desk.github.person("mia").0);
    assert_eq!(body["installation"]["id"], desk.github.installation("acme").0);
    assert!(body["issue"]["body"].is_null());
}

#[tokio::test]
async fn deliveries_are_held_lost_doubled_and_reordered() {
    let desk = Desk::new().await;
    let (url, received) = door().await;
    desk.github.connect(&url);
    desk.github.deliveries_go(Deliver::Held);
    desk.github.open_issue("acme/support", "mia", "One", "text").await.unwrap();
    let order = CloseOrder::CloseFirst;
    desk.github.close_with_comment("acme/support", 1, "ann", "completed", "Done.", order).await.unwrap();
    assert!(lock(&received).is_empty());
    desk.github.deliver_in_order(&[2, 0, 0]).await;
    assert_eq!(actions(&received), ["issue_comment.created", "issues.opened", "issues.opened"]);
    let guids: Vec<_> = lock(&received).iter().map(|(headers, _)| headers["x-github-delivery"].clone()).collect();
    assert_eq!(guids[1], guids[2]);
    assert_eq!(desk.github.drop_held(), 1);
    desk.github.deliver_all().await;
    assert_eq!(lock(&received).len(), 3);
    let guid = desk.github.deliveries()[1].guid.clone();
    assert_eq!(desk.github.redeliver(&guid).await.unwrap().status(), Some(202));
    assert_eq!(actions(&received)[3], "issues.closed");
}

#[tokio::test]
async fn what_the_app_does_comes_back_as_the_bots() {
    let desk = Desk::new().await;
    let (url, received) = door().await;
    desk.github.connect(&url);
    desk.github.open_issue("acme/support", "mia", "One", "text").await.unwrap();
    let labels = json!({ "labels": ["sla: 4h", "tier: Gold"] });
    let (status, all) = desk.ask(Method::POST, "/repos/acme/support/issues/1/labels", labels).await;
    assert_eq!((status, all.as_array().unwrap().len(), all[0]["color"].as_str()), (200, 2, Some("ededed")));
    desk.github.settle().await;
    let made = ["label.created", "issues.labeled", "label.created", "issues.labeled"];
    assert_eq!(actions(&received)[1..], made);
    let last: Value = serde_json::from_str(&lock(&received)[4].1).unwrap();
    assert_eq!((last["sender"]["login"].as_str(), last["sender"]["type"].as_str()), (Some("partner-desk[bot]"), Some("Bot")));
    let (status, comment) = desk.ask(Method::POST, "/repos/acme/support/issues/1/comments", json!({ "body": "Hello" })).await;
    assert_eq!((status, comment["performed_via_github_app"]["id"].as_i64()), (201, Some(1234)));
    assert_eq!(desk.github.writes().len(), 2);
    assert!(desk.github.violations().is_empty());
}

#[tokio::test]
async fn labels_are_refused_as_github_refuses_them() {
    let desk = Desk::new().await;
    let repo = format!("/repositories/{}", desk.github.repository("acme/support"));
    let labels = format!("{repo}/labels");
    let make = |name: &str| desk.ask(Method::POST, &labels, json!({ "name": name, "color": "00ff00" }));
    assert_eq!(make("sla: 4h").await.0, 201);
    let (status, twice) = make("SLA: 4H").await;
    assert_eq!((status, twice["errors"][0]["code"].as_str()), (422, Some("already_exists")));
    assert_eq!(make(&"x".repeat(51)).await.0, 422);
    assert!(desk.github.writes().iter().all(RecordedRequest::is_label_creation));
    desk.github.open_issue("acme/support", "mia", "One", "text").await.unwrap();
    let many: Vec<String> = (0..101).map(|n| format!("l{n}")).collect();
    let (status, _) = desk.ask(Method::POST, &format!("{repo}/issues/1/labels"), json!({ "labels": many })).await;
    assert_eq!(status, 422);
    desk.github.add_label("acme/support", 1, "ann", "a/b: 50%").await.unwrap();
    let (status, rest) = desk.ask(Method::DELETE, &format!("{repo}/issues/1/labels/A%2Fb%3A%2050%25"), Value::Null).await;
    assert_eq!((status, rest), (200, json!([])));
    assert_eq!(desk.ask(Method::DELETE, &format!("{repo}/issues/1/labels/nope"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_dropped_answer_is_an_error_at_once_and_the_work_is_done() {
    let desk = Desk::new().await;
    desk.github.open_issue("acme/support", "mia", "One", "text").await.unwrap();
    let comments = "/repos/acme/support/issues/1/comments";
    desk.github.faults().next("POST", "/comments", Fault::DropAfterEffect);
    let lost = desk.send(Method::POST, comments, json!({ "body": "Hello" })).await.unwrap_err();
    assert!(!lost.is_timeout(), "{lost:?}");
    assert_eq!(desk.github.issue("acme/support", 1).unwrap().comments.len(), 1);
    desk.github.faults().next("*", "/issues/*/comments", Fault::DropBeforeEffect);
    assert!(desk.send(Method::POST, comments, json!({ "body": "Hello" })).await.is_err());
    assert_eq!(desk.github.issue("acme/support", 1).unwrap().comments.len(), 1);
    let statuses: Vec<_> = desk.github.writes().iter().map(|r| r.status).collect();
    assert_eq!(statuses, [None, None], "no client repeated it by itself");
    desk.github.faults().next("POST", "/comments", Fault::secondary_limit(7));
    let limited = desk.send(Method::POST, comments, json!({ "body": "Hello" })).await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (403, "7"));
    assert_eq!(desk.github.faults().pending(), 0);
    desk.github.faults().outage(true);
    assert_eq!(desk.ask(Method::GET, "/repos/acme/support", Value::Null).await.0, 503);
    desk.github.faults().clear();
    assert_eq!(desk.ask(Method::GET, "/repos/acme/support", Value::Null).await.0, 200);
}

#[tokio::test]
async fn lists_have_pages_and_links() {
    let desk = Desk::new().await;
    for n in 0..5 {
        desk.github.open_issue("acme/support", "mia", &format!("Issue {n}"), "text").await.unwrap();
    }
    let path = "/repos/acme/support/issues?state=all&sort=updated&direction=asc&per_page=2&since=2026-11-22T14:00:00Z";
    let mut url = format!("{}{path}", desk.github.url());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = desk.client.get(&url).bearer_auth(&desk.token).send().await.unwrap();
        assert_eq!(answer.headers()["date"], "Sun, 22 Nov 2026 14:00:00 GMT");
        let link = answer.headers()["link"].to_str().unwrap().to_owned();
        let next = link.split(", ").find(|l| l.ends_with("rel=\"next\"")).map(|l| l[1..l.find('>').unwrap()].to_owned());
        let page: Vec<Value> = answer.json().await.unwrap();
        seen.extend(page.iter().map(|i| i["number"].as_u64().unwrap()));
        match next {
            Some(next) => url = next,
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let later = "/repos/acme/support/issues?since=2026-11-22T14:00:01Z";
    assert_eq!(desk.ask(Method::GET, later, Value::Null).await, (200, json!([])));
}

#[tokio::test]
async fn issues_that_went_away_say_where() {
    let desk = Desk::new().await;
    let github = &desk.github;
    for title in ["One", "Two"] {
        github.open_issue("acme/support", "mia", title, "text").await.unwrap();
    }
    github.delete_issue("acme/support", 1, "ann").await.unwrap();
    assert_eq!(desk.ask(Method::GET, "/repos/acme/support/issues/1", Value::Null).await.0, 410);
    let before = github.issue("acme/support", 2).unwrap().id;
    let moved = github.transfer_issue("acme/support", 2, "acme/other", "ann").await.unwrap();
    assert_eq!(moved.number(), 1);
    let payload = moved.deliveries[0].payload();
    assert_eq!((&payload["action"], &payload["issue"]["id"]), (&json!("transferred"), &json!(before.0)));
    assert_eq!(payload["changes"]["new_issue"]["id"], moved.issue.unwrap().id.0);
    assert_eq!(desk.ask(Method::GET, "/repos/acme/support/issues/99", Value::Null).await.0, 404);
    github.rename_repository("acme/support", "ann", "desk").await.unwrap();
    assert_eq!(desk.ask(Method::PATCH, "/repos/acme/support/issues/1", json!({ "state": "closed" })).await.0, 307);
}

#[tokio::test]
async fn failed_deliveries_are_listed_and_sent_again() {
    let mut desk = Desk::new().await;
    desk.github.deliveries_go(Deliver::Held);
    desk.github.open_issue("acme/support", "mia", "One", "text").await.unwrap();
    desk.github.fail_held();
    let (url, received) = door().await;
    desk.github.connect(&url);
    desk.token = JWT.to_owned();
    let (_, failed) = desk.ask(Method::GET, "/app/hook/deliveries?status=failure", Value::Null).await;
    let attempts = format!("/app/hook/deliveries/{}/attempts", failed[0]["id"]);
    assert_eq!(desk.ask(Method::POST, &attempts, Value::Null).await.0, 202);
    desk.github.settle().await;
    assert_eq!(actions(&received), ["issues.opened"]);
    assert!(desk.github.writes().is_empty());
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let mut desk = Desk::with(Options { content_per_minute: Some(1), ..Options::default() }).await;
    desk.github.open_issue("acme/support", "mia", "One", "text").await.unwrap();
    let close = json!({ "state": "closed", "state_reason": "not_planned" });
    assert_eq!(desk.ask(Method::PATCH, "/repos/acme/support/issues/1", close.clone()).await.0, 200);
    assert_eq!(desk.ask(Method::PATCH, "/repos/acme/support/issues/1", close).await.0, 403, "beyond the minute's budget");
    assert_eq!(desk.ask(Method::GET, "/repos/acme/support/milestones", Value::Null).await.0, 501);
    let wrong = desk.github.violations();
    assert!(wrong.len() == 2 && wrong[0].contains("content-creating call 2 within 1"), "{wrong:?}");
    desk.github.revoke_tokens();
    let (status, refused) = desk.ask(Method::GET, "/repos/acme/support", Value::Null).await;
    assert_eq!((status, refused["message"].as_str()), (401, Some("Bad credentials")));
    desk.token = "nonsense".to_owned();
    assert_eq!(desk.ask(Method::GET, "/app", Value::Null).await.0, 401);
    assert_eq!(desk.github.tokens_minted(), 1);
}

#[tokio::test]
async fn chat_answers_as_it_is_told() {
    let sink = ChatSink::start(Clock::manual(START.parse().unwrap())).await.unwrap();
    sink.answer_next_at("slack", ChatAnswer::Status(429, Some(3)));
    sink.answer_next(ChatAnswer::Hangup);
    let client = Client::builder().no_proxy().build().unwrap();
    let post = |path: &str| client.post(sink.url(path)).json(&json!({ "text": "late" })).send();
    assert!(post("/teams").await.is_err());
    assert_eq!(post("slack").await.unwrap().headers()["retry-after"], "3");
    assert_eq!(post("slack").await.unwrap().status(), 200);
    let taken = sink.take();
    assert_eq!(taken.iter().map(|m| m.status).collect::<Vec<_>>(), [None, Some(429), Some(200)]);
    assert_eq!((taken[2].path.as_str(), taken[2].text().as_str()), ("/slack", "late"));
    assert!(sink.messages().is_empty());
}

// Signed once with a key that was thrown away.
const SPKI: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqN8MxYY2aNyfie/AaVQG\n\
    39K9TsWSGqKwhSwzhgn2tfqcUZmi2DzDlPKBgk26JHshrFJd+ji3jm6NUmW6hEel\n\
    3EjpQZNJvFKvMZCLrxdNM3smIHjgzTqIz4kO9NLDWUD/2qsJzy5hkm1utL6iyV0x\n\
    +PqHJ5R38zPPiYLPUloRndUTIHrMLz0FPYlBrwH5VgPzuOimo9TPNvDsww9Xy34h\n\
    eObhtcdgEpz+bJPU7nHx+dzysMw2Y/WhljAnQbrJWW1UmGKoL+8YK8xKXPdvP535\n\
    u4KXmN+vtig5VFIKFsXhhQQaOFDPIjL5777x+VfiASz4huhGcvwSd5yuxkmSZlfB\n\
    rQIDAQAB\n\
    -----END PUBLIC KEY-----";
const PKCS1: &str = "-----BEGIN RSA PUBLIC KEY-----\n\
    MIIBCgKCAQEAqN8MxYY2aNyfie/AaVQG39K9TsWSGqKwhSwzhgn2tfqcUZmi2DzD\n\
    lPKBgk26JHshrFJd+ji3jm6NUmW6hEel3EjpQZNJvFKvMZCLrxdNM3smIHjgzTqI\n\
    z4kO9NLDWUD/2qsJzy5hkm1utL6iyV0x+PqHJ5R38zPPiYLPUloRndUTIHrMLz0F\n\
    PYlBrwH5VgPzuOimo9TPNvDsww9Xy34heObhtcdgEpz+bJPU7nHx+dzysMw2Y/Wh\n\
    ljAnQbrJWW1UmGKoL+8YK8xKXPdvP535u4KXmN+vtig5VFIKFsXhhQQaOFDPIjL5\n\
    777x+VfiASz4huhGcvwSd5yuxkmSZlfBrQIDAQAB\n\
    -----END RSA PUBLIC KEY-----";
const SIGNED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjEsImV4cCI6NjAwLCJpc3MiOjEyMzR9.\
    W4zN4G3a9r_5Ot83yEyfnA4_HeMOmw--j3raPRT6OD2snxpF8m1r6-87pKG2LQjeLbUnsjQ83ZBVroSp4zjRVgtcwqgVMbhBNeXjNR9NF3oKvU6xt-L6GaptR7CTUg4NU-Py9MXMzlaIJ87fNChAj6nlJePRvs0WiHaKiBNicVCygV0hjaSTo2f-fsh8dnMoWDmNh8wl-ZZnM83CgQ9C7j416mSLGq3ZdI5EKh4w6itNBYj9i9KZCq7S8W1MYOWloHZxTIMiBp530Kh2Envk_duFzCnpQyuNOOuCKaJPfyAeyFXerYEr8Acyn-S1qw23O-VupBXGSBzqAiJavLQvGQ";

#[test]
fn a_public_key_tells_the_apps_token_from_others() {
    for key in [SPKI, PKCS1] {
        assert_eq!(auth::check_jwt(SIGNED, 1234, Some(key)), Ok(()));
        assert!(auth::check_jwt(JWT, 1234, Some(key)).is_err());
        assert!(auth::check_jwt(&SIGNED.replacen(".eyJ", ".eyK", 1), 1234, Some(key)).is_err());
    }
    assert_eq!(auth::check_jwt(SIGNED, 5, None), Err("Integration not found"));
    assert!(auth::check_jwt(SIGNED, 1234, Some("nonsense")).is_err());
}

#[tokio::test]
async fn a_time_line_keeps_the_order_of_what_happened_in_one_second() {
    let desk = Desk::new().await;
    let github = &desk.github;
    let repo = "acme/support";
    let number = github.open_issue(repo, "mia", "Help", "").await.unwrap().number();
    github.add_label(repo, number, "ann", "first").await.unwrap();
    github.comment(repo, number, "mia", "second").await.unwrap();
    github.remove_label(repo, number, "ann", "first").await.unwrap();
    github.close_with_comment(repo, number, "ann", "not_planned", "fourth", CloseOrder::CommentFirst).await.unwrap();
    github.reopen(repo, number, "ann").await.unwrap();
    github.lock(repo, number, "ann").await.unwrap();
    let told = |entry: Entry| {
        assert_eq!(entry.at.to_string(), "2026-11-22T14:00:00Z");
        let what = match entry.told {
            Told::Comment(comment) => comment.body,
            Told::Labelled(label) => format!("+{} {}", label.name, label.color),
            Told::Unlabelled(label) => format!("-{}", label.name),
            Told::Closed { reason } => reason,
            Told::Reopened => "reopened".to_owned(),
            Told::Other(other) => other.to_owned(),
        };
        format!("{} {what}", entry.actor)
    };
    let told: Vec<_> = github.timeline(repo, number).into_iter().map(told).collect();
    assert_eq!(told, ["ann +first ededed", "mia second", "ann -first", "ann fourth", "ann not_planned", "ann reopened", "ann locked"]);
    assert!(github.timeline(repo, 99).is_empty() && github.timeline("acme/none", 1).is_empty());
}

#[tokio::test]
async fn pages_can_be_elsewhere_than_the_api() {
    let desk = Desk::with(Options { pages: Some("http://127.0.0.1:1".to_owned()), ..Options::default() }).await;
    let opened = desk.github.open_issue("acme/support", "mia", "Help", "").await.unwrap();
    assert_eq!(opened.issue.unwrap().html_url, "http://127.0.0.1:1/acme/support/issues/1");
    let (_, issue) = desk.ask(Method::GET, "/repos/acme/support/issues/1", Value::Null).await;
    assert_eq!(issue["html_url"], "http://127.0.0.1:1/acme/support/issues/1");
    assert_eq!(issue["url"], format!("{}/repos/acme/support/issues/1", desk.github.url()));
}
