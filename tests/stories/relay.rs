//! Webhooks by way of a relay: a stand-in that speaks as smee.io does, and what must not come through it.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use partner_desk::sandbox::signature;
use partner_desk::web::front::Front;
use partner_desk::web::relay::{Patience, Relay};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// A relay with one channel.
#[derive(Clone)]
struct Smee {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// What is said to all who listen; nothing: they are cut off.
    events: broadcast::Sender<Option<String>>,
    count: AtomicUsize,
    /// The headers of who came to listen.
    came: Mutex<Vec<HeaderMap>>,
    /// It shows a page in place of events.
    is_broken: AtomicBool,
}

impl Smee {
    async fn starts() -> Self {
        let (events, _) = broadcast::channel(64);
        let shared = Arc::new(Shared { events, count: AtomicUsize::new(0), came: Mutex::default(), is_broken: AtomicBool::new(false) });
        let router = axum::Router::new().route("/channel", get(listen).post(take)).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/channel", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    fn came(&self) -> Vec<HeaderMap> {
        self.shared.came.lock().unwrap().clone()
    }

    fn says(&self, event: &Value) {
        self.shared.says(event);
    }

    /// A desk that listens here, once it does.
    async fn heard_by(&self, front: Front) -> JoinHandle<()> {
        let patience = Patience { first: Duration::from_millis(20), longest: Duration::from_millis(80), silence: Duration::from_secs(5) };
        let relay = Relay::new(&self.url, patience).unwrap();
        assert!(!format!("{relay:?}").contains("channel"), "whoever knows the channel reads along");
        let listening = tokio::spawn(async move { relay.run(&front).await });
        until("somebody listens", || self.shared.events.receiver_count() == 1).await;
        listening
    }
}

impl Shared {
    fn says(&self, event: &Value) {
        let id = self.count.fetch_add(1, Ordering::SeqCst);
        let _ = self.events.send(Some(format!("id: {id}\ndata: {event}\n\n")));
    }
}

async fn listen(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let asks_for_events = headers.get("accept").is_some_and(|accept| accept == "text/event-stream");
    shared.came.lock().unwrap().push(headers);
    if !asks_for_events || shared.is_broken.load(Ordering::SeqCst) {
        return (StatusCode::OK, [("content-type", "text/html")], "<h1>Smee</h1>").into_response();
    }
    let heard = shared.events.subscribe();
    let id = shared.count.fetch_add(1, Ordering::SeqCst);
    let ready = format!("id: {id}\nevent: ready\ndata: {{}}\n\n: a comment\r\nevent: ping\r\ndata: {{}}\r\n\r\n");
    let stream = futures_util::stream::unfold((Some(ready), heard), |(first, mut heard)| async move {
        let text = match first {
            Some(first) => first,
            None => heard.recv().await.ok()??,
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (None, heard)))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(stream)).into_response()
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut event: Value = headers.iter().map(|(name, value)| (name.to_string(), Value::from(value.to_str().unwrap()))).collect();
    event["body"] = serde_json::from_slice(&body).unwrap();
    event["query"] = json!({});
    event["timestamp"] = 1_763_456_400_000_i64.into();
    shared.says(&event);
    StatusCode::OK
}

/// How many webhooks the desk has answered, and how many of them it took in.
fn answered(desk: &crate::desk::Desk) -> (usize, u64) {
    let all: u64 = desk.app.answers.each().map(|(_, count)| count.load(Ordering::SeqCst)).sum();
    (usize::try_from(all).unwrap(), desk.app.answers.taken_in.load(Ordering::SeqCst))
}

/// Waits for all that GitHub has sent.
async fn comes_to_rest(desk: &crate::desk::Desk) {
    until("every webhook answered", || answered(desk).0 == desk.sandbox.deliveries().len()).await;
    desk.settle().await;
    until("those of what the desk did, too", || answered(desk).0 == desk.sandbox.deliveries().len()).await;
}

async fn until(what: &str, mut look: impl FnMut() -> bool) {
    for _ in 0..400 {
        if look() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("did not see: {what}")
}

story!(r1_webhooks_come_by_a_relay_and_only_those_that_github_signed, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let smee = Smee::starts().await;
    desk.sandbox.connect(&smee.url);
    let listening = smee.heard_by(Front::new(desk.app.clone())).await;
    until("the first look for what was missed", || desk.app.desk.wakes.behind.swap(false, Ordering::SeqCst)).await;

    let issue = desk.opens("anna", "Ünïcode “and” emoji 🎉, \\ and /").await;
    assert_eq!(issue.answer, Some(200), "the relay's own");
    comes_to_rest(&desk).await;
    let (_, taken) = answered(&desk);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");

    // Whoever knows the channel can say what they like.
    let payload = desk.sandbox.deliveries().first().unwrap().payload();
    let forged = |signed: String| json!({ "x-github-event": "issues", "x-github-delivery": "forged-1", "x-hub-signature-256": signed, "content-type": "application/json", "body": payload });
    smee.says(&forged(signature("a guess", payload.to_string().as_bytes())));
    smee.says(&json!({ "body": payload }));
    smee.says(&json!("nothing at all"));
    until("two refusals", || desk.app.answers.unsigned.load(Ordering::SeqCst) == 2).await;
    assert!(desk.app.desk.wakes.behind.load(Ordering::SeqCst), "what a relay spoils is looked for at GitHub");
    assert_eq!(answered(&desk).1, taken);

    // Some relays keep the text as it came.
    let text = format!(" {payload}\n");
    let mut whole = forged(signature(crate::door::SECRET, text.as_bytes()));
    whole["rawbody"] = text.into();
    smee.says(&whole);
    until("the copy", || answered(&desk).1 == taken + 1).await;
    listening.abort();
    desk.sandbox.connect(&format!("{}/api/github/webhooks", desk.url));
});

story!(r2_a_relay_that_goes_away_is_asked_again_and_what_was_missed_is_looked_for, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let smee = Smee::starts().await;
    desk.sandbox.connect(&smee.url);
    let listening = smee.heard_by(Front::new(desk.app.clone())).await;
    desk.opens("anna", "Before").await;
    comes_to_rest(&desk).await;
    let last_id = smee.shared.count.load(Ordering::SeqCst) - 1;
    desk.app.desk.wakes.behind.store(false, Ordering::SeqCst);

    smee.shared.is_broken.store(true, Ordering::SeqCst);
    smee.shared.events.send(None).unwrap();
    until("two more tries", || smee.came().len() >= 3).await;
    let meanwhile = desk.opens("anna", "Meanwhile").await;
    assert_eq!(meanwhile.answer, Some(200), "GitHub takes it for delivered");
    smee.shared.is_broken.store(false, Ordering::SeqCst);
    until("it is back", || smee.shared.events.receiver_count() == 1).await;
    assert_eq!(smee.came().last().unwrap()["last-event-id"], last_id.to_string().as_str());
    until("the desk looks", || desk.app.desk.wakes.behind.load(Ordering::SeqCst)).await;
    desk.app.desk.catch_up_if_behind().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing(&meanwhile).await, "admitted");
    let (_, taken) = answered(&desk);
    desk.opens("anna", "After").await;
    until("the issue after", || answered(&desk).1 > taken).await;
    listening.abort();
    desk.sandbox.connect(&format!("{}/api/github/webhooks", desk.url));
});

#[test]
fn a_relays_address_is_one() {
    for wrong in ["", "smee.io/x", "ftp://smee.io/x", "https://"] {
        assert!(Relay::new(wrong, Patience::default()).unwrap_err().contains("https://smee.io/"), "{wrong}");
    }
}
