//! Messages as plain JSON for a receiver of the operator's own, signed the way GitHub signs its webhooks.

use super::message::{ChatMessage, Notice, Ping};
use super::neutral;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::Sha256;
use std::fmt;

/// Names what the body tells: `ticket.step`, `desk.notice`, ….
pub const EVENT_HEADER: &str = "X-Partner-Desk-Event";
/// The message's key. A message that is sent again has the same one, so that a receiver can drop it.
pub const DELIVERY_HEADER: &str = "X-Partner-Desk-Delivery";
/// `sha256=` and the hex HMAC-SHA256 of the raw body; only where the channel has a secret.
pub const SIGNATURE_HEADER: &str = "X-Partner-Desk-Signature-256";

/// The body for a ping. Text is as it was written, since this is data; only `text` is made for showing. Times are RFC 3339, UTC.
#[derive(Debug, Serialize)]
struct PingBody<'a> {
    event: &'static str,
    key: &'a str,
    step: &'a str,
    at: &'a str,
    occurrence: u32,
    times: u32,
    late: bool,
    unconfirmed: bool,
    partner: &'a str,
    tier: &'a str,
    repository: &'a str,
    number: i64,
    title: &'a str,
    url: &'a str,
    author: &'a str,
    started_at: Timestamp,
    due_at: Timestamp,
    /// Negative once it is overdue.
    seconds_left: i64,
    mentions: &'a [String],
    advice: &'a str,
    text: String,
}

#[derive(Debug, Serialize)]
struct NoticeBody<'a> {
    event: &'static str,
    key: &'a str,
    text: String,
}

/// The value of [`EVENT_HEADER`] for `message`.
#[must_use]
pub const fn event(message: &ChatMessage) -> &'static str {
    match message {
        ChatMessage::Ping(ping) => ping.kind.event(),
        ChatMessage::Notice(_) => "desk.notice",
    }
}

/// The request's body for `message`, sent at `now`. `key` tells it from every other message.
///
/// # Errors
/// Never in practice: nothing in a message is beyond JSON.
pub fn render(message: &ChatMessage, key: &str, now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let event = event(message);
    match message {
        ChatMessage::Ping(ping) => serde_json::to_vec(&ping_body(ping, event, key, now)),
        ChatMessage::Notice(Notice { text }) => serde_json::to_vec(&NoticeBody { event, key, text: neutral::lines(text, 10_000) }),
    }
}

fn ping_body<'a>(ping: &'a Ping, event: &'static str, key: &'a str, now: Timestamp) -> PingBody<'a> {
    PingBody {
        event,
        key,
        step: &ping.step,
        at: &ping.at,
        occurrence: ping.occurrence,
        times: ping.times,
        late: ping.late,
        unconfirmed: ping.unconfirmed,
        partner: &ping.partner,
        tier: &ping.tier,
        repository: &ping.repository,
        number: ping.number,
        title: &ping.title,
        url: &ping.url,
        author: &ping.author,
        started_at: ping.started_at,
        due_at: ping.due_at,
        seconds_left: whole_seconds(ping.due_at.duration_since(now)),
        mentions: &ping.mentions,
        advice: &ping.advice,
        text: ping.in_one_line(now),
    }
}

/// Rounded down, so that a millisecond overdue is −1 and never 0.
fn whole_seconds(left: SignedDuration) -> i64 {
    left.as_secs() - i64::from(left.subsec_nanos() < 0)
}

/// Signs bodies with one channel's secret.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// The state is as good as the secret, so none of it is shown.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// Takes a secret of any length; `None` for an empty one, which would prove nothing.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        if secret.is_empty() {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    /// The value of [`SIGNATURE_HEADER`] for `body`.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{at, nasty};
    use super::*;

    fn pretty(message: &ChatMessage, now: &str) -> String {
        let body = render(message, "77/1/breach/3/ops", at(now)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        // Word joiners would be invisible here.
        serde_json::to_string_pretty(&body).unwrap().replace('\u{2060}', "\\u2060")
    }

    #[test]
    fn a_step() {
        insta::assert_snapshot!(pretty(&ChatMessage::Ping(nasty()), "2026-11-22T17:00:00Z"), @r#"
        {
          "advice": "Answer the partner on the issue.",
          "at": "75%",
          "author": "mona",
          "due_at": "2026-11-22T18:00:00Z",
          "event": "ticket.step",
          "key": "77/1/breach/3/ops",
          "late": false,
          "mentions": [],
          "number": 12,
          "occurrence": 0,
          "partner": "Acme & Sons",
          "repository": "acme/support",
          "seconds_left": 3600,
          "started_at": "2026-11-22T14:00:00Z",
          "step": "due soon",
          "text": "due soon (75%): Acme & Sons, Gold, acme/support#12 “＠channel <!channel> ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example <https:\u2060//evil\u2060.example¦here>”, 1h left, due 2026-11-22 18:00 UTC. Answer the partner on the issue.",
          "tier": "Gold",
          "times": 0,
          "title": "@channel <!channel> *bold* `rm`\nsee https://evil.example <https://evil.example|here>",
          "unconfirmed": false,
          "url": "https://github.com/acme/support/issues/12"
        }
        "#);
    }

    #[test]
    fn a_notice() {
        let notice = Notice { text: "Chat `ops` is down.\nTold here instead.".into() };
        insta::assert_snapshot!(pretty(&ChatMessage::Notice(notice), "2026-11-22T17:00:00Z"), @r#"
        {
          "event": "desk.notice",
          "key": "77/1/breach/3/ops",
          "text": "Chat ˋopsˋ is down.\nTold here instead."
        }
        "#);
    }

    #[test]
    fn overdue_is_negative_at_once() {
        let due = at("2026-11-22T18:00:00Z");
        for (now, seconds) in [("2026-11-22T17:59:59.5Z", 0), ("2026-11-22T18:00:00.001Z", -1), ("2026-11-22T18:00:05Z", -5)] {
            assert_eq!(whole_seconds(due.duration_since(at(now))), seconds, "{now}");
        }
    }

    /// The example in GitHub's page on validating deliveries: whoever can check theirs can check ours.
    #[test]
    fn signs_as_github_does() {
        let signer = Signer::new(b"It's a Secret to Everybody").unwrap();
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signer.sign(b"Hello, World!"), expected);
        assert!(Signer::new(b"").is_none());
    }
}
