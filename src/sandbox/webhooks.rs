//! Webhooks: signed, sent at once, in the background or when the test says so, and kept in a log as GitHub keeps them.

use super::state::Outgoing;
use super::{Inner, lock};
use crate::domain::ids::DeliveryId;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// When a webhook goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deliver {
    /// What a person does is delivered before the acting method returns; what the App does itself, in the background, since
    /// the desk may be waiting for that very answer.
    #[default]
    AtOnce,
    /// Everything is delivered in the background, one after the other. `settle` waits for it.
    Background,
    /// Everything is kept until it is asked for: to be late, doubled, reordered or lost.
    Held,
}

/// How far a delivery got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// Kept by [`Deliver::Held`].
    Held,
    /// On its way.
    Queued,
    /// The desk answered with this status.
    Answered(u16),
    /// The desk could not be reached, or did not answer in time.
    Failed(String),
    /// Never attempted, and never will be: GitHub does not list it.
    Lost,
}

/// One attempt to deliver one event.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// GitHub's number of this attempt.
    pub id: i64,
    /// The same for every attempt (`X-GitHub-Delivery`).
    pub guid: DeliveryId,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The payload's `action`.
    pub action: String,
    /// The bytes that are signed and sent.
    pub body: String,
    /// When the event happened.
    pub at: Timestamp,
    /// Whether this repeats an earlier attempt.
    pub redelivery: bool,
    /// How far it got.
    pub state: DeliveryState,
    /// When the desk answered, or was given up.
    pub ended_at: Option<Timestamp>,
}

impl DeliveryRecord {
    /// The status that the desk answered with.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.state {
            DeliveryState::Answered(status) => Some(status),
            _ => None,
        }
    }

    /// Whether GitHub lists it as failed.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        match self.state {
            DeliveryState::Answered(status) => status < 200 || status > 299,
            DeliveryState::Failed(_) => true,
            _ => false,
        }
    }

    /// The payload as JSON.
    #[must_use]
    pub fn payload(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// `X-Hub-Signature-256` over these bytes.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    // HMAC takes a key of any length, so the error cannot come; a wrong signature would be the honest outcome.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The delivery log and the queue in front of the background task.
pub(super) struct Post {
    log: Mutex<Log>,
    fate: Mutex<Option<Fate>>,
    queue: mpsc::UnboundedSender<i64>,
    in_flight: watch::Sender<usize>,
    client: reqwest::Client,
}

/// What becomes of a delivery in the background: an attempt after each of these, none at all for an empty list.
type Fate = Box<dyn FnMut() -> Vec<Duration> + Send>;

#[derive(Default)]
struct Log {
    /// One desk, or several instances of it behind a balancer.
    urls: Vec<String>,
    /// Which of them is next.
    turn: usize,
    mode: Deliver,
    records: Vec<DeliveryRecord>,
}

impl Post {
    /// The post and the receiving end for [`carry`].
    pub(super) fn new() -> std::io::Result<(Self, mpsc::UnboundedReceiver<i64>)> {
        // GitHub gives up after ten seconds.
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        let client = client.map_err(std::io::Error::other)?;
        let (queue, waiting) = mpsc::unbounded_channel();
        Ok((Self { log: Mutex::default(), fate: Mutex::default(), queue, in_flight: watch::Sender::new(0), client }, waiting))
    }

    pub(super) fn connect(&self, urls: &[&str]) {
        lock(&self.log).urls = urls.iter().map(|url| (*url).to_owned()).collect();
    }

    /// Where deliveries go, by the first of the addresses.
    pub(super) fn url(&self) -> Option<String> {
        lock(&self.log).urls.first().cloned()
    }

    /// Where the next delivery goes, and where it goes on to if nobody listens there.
    fn route(&self) -> Vec<String> {
        let mut log = lock(&self.log);
        let mut route = log.urls.clone();
        log.turn = (log.turn + 1) % route.len().max(1);
        route.rotate_left(log.turn);
        route
    }

    pub(super) fn set_fate(&self, fate: Option<Fate>) {
        *lock(&self.fate) = fate;
    }

    fn fate(&self) -> Option<Vec<Duration>> {
        lock(&self.fate).as_mut().map(|fate| fate())
    }

    pub(super) fn set_mode(&self, mode: Deliver) {
        lock(&self.log).mode = mode;
    }

    pub(super) fn records(&self) -> Vec<DeliveryRecord> {
        lock(&self.log).records.clone()
    }

    pub(super) fn record(&self, id: i64) -> Option<DeliveryRecord> {
        lock(&self.log).records.iter().find(|r| r.id == id).cloned()
    }

    /// Writes events into the log. Returns their numbers, and whether the caller has to send them itself.
    pub(super) fn take(&self, outgoing: Vec<Outgoing>, at: Timestamp, by_person: bool) -> (Vec<i64>, bool) {
        let mut log = lock(&self.log);
        let mode = log.mode;
        let mut ids = Vec::with_capacity(outgoing.len());
        for Outgoing { event, action, body } in outgoing {
            let count = i64::try_from(log.records.len()).unwrap_or(i64::MAX);
            let id = 12_345_000_001 + count;
            // Deterministic under a manual clock, and no two sandboxes over one database repeat each other's.
            let guid = DeliveryId(format!("{count:08x}-cc78-11e3-81ab-{:012x}", at.as_millisecond() & 0xffff_ffff_ffff));
            let state = if mode == Deliver::Held { DeliveryState::Held } else { DeliveryState::Queued };
            let (event, action) = (event.to_owned(), action.to_owned());
            log.records.push(DeliveryRecord {
                id,
                guid,
                event,
                action,
                body: body.to_string(),
                at,
                redelivery: false,
                state,
                ended_at: None,
            });
            ids.push(id);
        }
        drop(log);
        let send_now = mode == Deliver::AtOnce && by_person;
        if mode != Deliver::Held && !send_now {
            for id in &ids {
                self.enqueue(*id);
            }
        }
        (ids, send_now)
    }

    fn enqueue(&self, id: i64) {
        self.in_flight.send_modify(|n| *n += 1);
        if self.queue.send(id).is_err() {
            self.in_flight.send_modify(|n| *n = n.saturating_sub(1));
        }
    }

    /// Queues another attempt of a delivery, as `POST …/attempts` does.
    pub(super) fn enqueue_attempt(&self, id: i64, at: Timestamp) -> bool {
        let attempt = self.new_attempt(|r| r.id == id, at);
        attempt.inspect(|id| self.enqueue(*id)).is_some()
    }

    pub(super) fn new_attempt(&self, which: impl Fn(&DeliveryRecord) -> bool, at: Timestamp) -> Option<i64> {
        let mut log = lock(&self.log);
        let id = 12_345_000_001 + i64::try_from(log.records.len()).unwrap_or(i64::MAX);
        let first = log.records.iter().find(|r| which(r))?.clone();
        log.records.push(DeliveryRecord { id, at, redelivery: true, state: DeliveryState::Queued, ended_at: None, ..first });
        Some(id)
    }

    pub(super) fn held(&self) -> Vec<DeliveryRecord> {
        lock(&self.log).records.iter().filter(|r| r.state == DeliveryState::Held).cloned().collect()
    }

    pub(super) fn release(&self, ids: &[i64], to: &DeliveryState) {
        for record in lock(&self.log).records.iter_mut().filter(|r| ids.contains(&r.id)) {
            record.state = to.clone();
        }
    }

    fn ended(&self, id: i64, state: DeliveryState, at: Timestamp) {
        if let Some(record) = lock(&self.log).records.iter_mut().find(|r| r.id == id) {
            record.state = state;
            record.ended_at = Some(at);
        }
    }

    pub(super) async fn settle(&self) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.in_flight.subscribe().wait_for(|n| *n == 0).await;
    }
}

/// Sends one delivery and notes how it went.
pub(super) async fn send(inner: &Inner, id: i64) {
    let post = &inner.post;
    let Some(record) = post.record(id) else { return };
    let mut state = DeliveryState::Failed("no webhook URL is set".to_owned());
    let route = post.route();
    if !route.is_empty() && inner.faults.meet_webhook(&record.event) {
        return post.ended(id, DeliveryState::Failed("timed out".to_owned()), inner.clock.now());
    }
    let (app_id, secret) = {
        let world = lock(&inner.world);
        (world.app_id, world.webhook_secret.clone())
    };
    for url in route {
        let request = post
            .client
            .post(url)
            .header("accept", "*/*")
            .header("content-type", "application/json")
            .header("user-agent", "GitHub-Hookshot/5a9d0e1")
            .header("x-github-event", &record.event)
            .header("x-github-delivery", &record.guid.0)
            .header("x-github-hook-id", "1")
            .header("x-github-hook-installation-target-type", "integration")
            .header("x-github-hook-installation-target-id", app_id.to_string())
            .header("x-hub-signature-256", signature(&secret, record.body.as_bytes()))
            .body(record.body.clone());
        let answer = request.send().await;
        // A balancer passes on what an instance refused to take, and nothing that it may have taken.
        let refused = answer.as_ref().is_err_and(reqwest::Error::is_connect);
        state = match answer {
            Ok(answer) => DeliveryState::Answered(answer.status().as_u16()),
            Err(error) => DeliveryState::Failed(error.to_string()),
        };
        if !refused {
            break;
        }
    }
    post.ended(id, state, inner.clock.now());
}

/// The background task: one delivery after the other, in the order in which things happened, unless their fate is another.
pub(super) async fn carry(inner: Arc<Inner>, mut waiting: mpsc::UnboundedReceiver<i64>) {
    while let Some(id) = waiting.recv().await {
        match inner.post.fate() {
            None => send(&inner, id).await,
            Some(delays) => spread(&inner, id, &delays),
        }
        inner.post.in_flight.send_modify(|n| *n = n.saturating_sub(1));
    }
}

/// An attempt of a delivery after each of these delays, none waiting for another.
fn spread(inner: &Arc<Inner>, id: i64, delays: &[Duration]) {
    if delays.is_empty() {
        inner.post.release(&[id], &DeliveryState::Lost);
    }
    for (place, delay) in delays.iter().copied().enumerate() {
        let again = (place > 0).then(|| inner.post.new_attempt(|r| r.id == id, inner.clock.now()));
        let (inner, id) = (inner.clone(), again.flatten().unwrap_or(id));
        inner.post.in_flight.send_modify(|n| *n += 1);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            send(&inner, id).await;
            inner.post.in_flight.send_modify(|n| *n = n.saturating_sub(1));
        });
    }
}
