//! Messages as plain JSON for a receiver of the operator's own, signed the way GitHub signs its webhooks.

use super::message::{ChatMessage, Correction, Digest, Named, Notice, Ping, Recovery, Report, instead};
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_url: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    instead_of: &'a [String],
    text: String,
}

#[derive(Debug, Serialize)]
struct NoticeBody<'a> {
    event: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    instead_of: &'a [String],
    text: String,
}

#[derive(Debug, Serialize)]
struct DigestBody<'a> {
    event: &'static str,
    key: &'a str,
    tickets: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    instead_of: &'a [String],
    text: String,
}

/// A ticket of a digest.
#[derive(Debug, Serialize)]
struct Row<'a> {
    step: &'a str,
    at: &'a str,
    occurrence: u32,
    late: bool,
    unconfirmed: bool,
    partner: &'a str,
    tier: &'a str,
    repository: &'a str,
    number: i64,
    title: &'a str,
    url: &'a str,
    author: &'a str,
    due_at: Timestamp,
    seconds_left: i64,
    mentions: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_url: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct RecoveryBody<'a> {
    event: &'static str,
    key: &'a str,
    down_from: Option<Timestamp>,
    down_until: Option<Timestamp>,
    incomplete: bool,
    caught_up: u32,
    stale: u32,
    answered: &'a [Named],
    breached: &'a [Named],
    corrections: &'a [Correction],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    instead_of: &'a [String],
    text: String,
}

#[derive(Debug, Serialize)]
struct ReportBody<'a> {
    event: &'static str,
    key: &'a str,
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    instead_of: &'a [String],
    text: String,
}

/// The value of [`EVENT_HEADER`] for `message`.
#[must_use]
pub const fn event(message: &ChatMessage) -> &'static str {
    match message {
        ChatMessage::Ping(ping) => ping.kind.event(),
        ChatMessage::Notice(_) => "desk.notice",
        ChatMessage::Digest(_) => "tickets.digest",
        ChatMessage::Recovery(Recovery { down: Some(_), .. }) => "desk.recovery",
        ChatMessage::Recovery(_) => "desk.correction",
        ChatMessage::Report(Report { weekly: false, .. }) => "desk.daily",
        ChatMessage::Report(_) => "desk.weekly",
    }
}

/// The request's body for `message`, sent at `now` in place of these channels. `key` tells it from every other message.
///
/// # Errors
/// Never in practice: nothing in a message is beyond JSON.
pub fn render(message: &ChatMessage, key: &str, instead_of: &[String], now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let event = event(message);
    let led = |text: String| instead(instead_of).map_or_else(|| text.clone(), |instead| format!("{instead} {text}"));
    match message {
        ChatMessage::Ping(ping) => {
            let text = led(ping.in_one_line(now));
            serde_json::to_vec(&PingBody { event, key, instead_of, text, ..ping_body(ping, now) })
        }
        ChatMessage::Notice(Notice { text }) => {
            serde_json::to_vec(&NoticeBody { event, key, instead_of, text: led(neutral::lines(text, 10_000)) })
        }
        ChatMessage::Digest(digest) => serde_json::to_vec(&DigestBody {
            event,
            key,
            tickets: digest.pings.iter().map(|ping| row(ping, now)).collect(),
            instead_of,
            text: led(digest_text(digest, now)),
        }),
        ChatMessage::Report(report) => {
            let text = led(format!("{}.\n{}", report.headline(), report.lines(now).join("\n")));
            serde_json::to_vec(&ReportBody { event, key, report, instead_of, text })
        }
        ChatMessage::Recovery(recovery) => serde_json::to_vec(&RecoveryBody {
            event,
            key,
            down_from: recovery.down.map(|(from, _)| from),
            down_until: recovery.down.map(|(_, until)| until),
            incomplete: recovery.incomplete,
            caught_up: recovery.caught_up,
            stale: recovery.stale,
            answered: &recovery.answered,
            breached: &recovery.breached,
            corrections: &recovery.corrections,
            instead_of,
            text: led(format!("{}.\n{}", recovery.headline(), recovery.lines().join("\n"))),
        }),
    }
}

fn digest_text(digest: &Digest, now: Timestamp) -> String {
    let lines = digest.pings.iter().map(|ping| format!("{} {}", ping.reference(), ping.in_a_digest(now)));
    format!("{}:\n{}", digest.headline(now), lines.collect::<Vec<_>>().join("\n"))
}

fn row(ping: &Ping, now: Timestamp) -> Row<'_> {
    Row {
        step: &ping.step,
        at: &ping.at,
        occurrence: ping.occurrence,
        late: ping.late,
        unconfirmed: ping.unconfirmed,
        partner: &ping.partner,
        tier: &ping.tier,
        repository: &ping.repository,
        number: ping.number,
        title: &ping.title,
        url: &ping.url,
        author: &ping.author,
        due_at: ping.due_at,
        seconds_left: whole_seconds(ping.due_at.duration_since(now)),
        mentions: &ping.mentions,
        held: ping.held,
        acknowledge_url: ping.acknowledge.as_deref(),
    }
}

fn ping_body(ping: &Ping, now: Timestamp) -> PingBody<'_> {
    PingBody {
        event: ping.kind.event(),
        key: "",
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
        held: ping.held,
        acknowledge_url: ping.acknowledge.as_deref(),
        instead_of: &[],
        text: String::new(),
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
    use super::super::message::tests::{at, nasty, recovery};
    use super::*;

    fn pretty(message: &ChatMessage, now: &str) -> String {
        let body = render(message, "77/1/breach/3/ops", &[], at(now)).unwrap();
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
    fn e5_a_link_is_a_field() {
        let ping = Ping { acknowledge: Some("https://desk.example/ack/MTIuMQ".into()), ..nasty() };
        for message in [ChatMessage::Ping(ping.clone()), ChatMessage::Digest(Digest { pings: vec![ping] })] {
            assert!(pretty(&message, "2026-11-22T17:00:00Z").contains("\"acknowledge_url\": \"https://desk.example/ack/MTIuMQ\""));
        }
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
    fn e4_a_digest_has_every_row() {
        let now = at("2026-11-22T17:00:00Z");
        let digest = ChatMessage::Digest(Digest { pings: vec![Ping { due_at: at("2026-11-22T15:30:00Z"), ..nasty() }, nasty()] });
        let body: serde_json::Value = serde_json::from_slice(&render(&digest, "digest:ops:1", &["night".into()], now).unwrap()).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap().replace('\u{2060}', "\\u2060"), @r#"
        {
          "event": "tickets.digest",
          "instead_of": [
            "night"
          ],
          "key": "digest:ops:1",
          "text": "Sent here because the chat “night” does not answer. 2 tickets wait for an answer, 1 of them overdue:\nacme/support#12 Acme & Sons, Gold: due soon (75%), overdue by 1h 30m, due 2026-11-22 15:30 UTC. “＠channel <!channel> ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example <https:\u2060//evil\u2060.example¦here>”\nacme/support#12 Acme & Sons, Gold: due soon (75%), 1h left, due 2026-11-22 18:00 UTC. “＠channel <!channel> ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example <https:\u2060//evil\u2060.example¦here>”",
          "tickets": [
            {
              "at": "75%",
              "author": "mona",
              "due_at": "2026-11-22T15:30:00Z",
              "late": false,
              "mentions": [],
              "number": 12,
              "occurrence": 0,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "seconds_left": -5400,
              "step": "due soon",
              "tier": "Gold",
              "title": "@channel <!channel> *bold* `rm`\nsee https://evil.example <https://evil.example|here>",
              "unconfirmed": false,
              "url": "https://github.com/acme/support/issues/12"
            },
            {
              "at": "75%",
              "author": "mona",
              "due_at": "2026-11-22T18:00:00Z",
              "late": false,
              "mentions": [],
              "number": 12,
              "occurrence": 0,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "seconds_left": 3600,
              "step": "due soon",
              "tier": "Gold",
              "title": "@channel <!channel> *bold* `rm`\nsee https://evil.example <https://evil.example|here>",
              "unconfirmed": false,
              "url": "https://github.com/acme/support/issues/12"
            }
          ]
        }
        "#);
    }

    #[test]
    fn r5_a_recovery_and_a_correction() {
        let whole = ChatMessage::Recovery(recovery());
        assert_eq!(event(&whole), "desk.recovery");
        insta::assert_snapshot!(pretty(&whole, "2026-11-22T17:00:00Z"), @r#"
        {
          "answered": [
            {
              "number": 1,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/1"
            },
            {
              "number": 2,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/2"
            }
          ],
          "breached": [
            {
              "number": 3,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/3"
            },
            {
              "number": 4,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/4"
            },
            {
              "number": 5,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/5"
            },
            {
              "number": 6,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/6"
            },
            {
              "number": 7,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/7"
            },
            {
              "number": 8,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/8"
            },
            {
              "number": 9,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/9"
            },
            {
              "number": 10,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/10"
            },
            {
              "number": 11,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/11"
            },
            {
              "number": 12,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/12"
            },
            {
              "number": 13,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/13"
            },
            {
              "number": 14,
              "partner": "Acme & Sons",
              "repository": "acme/support",
              "url": "https://github.com/acme/support/issues/14"
            }
          ],
          "caught_up": 7,
          "corrections": [
            {
              "said_at": "2026-11-22T13:00:00Z",
              "step": "breach",
              "ticket": {
                "number": 15,
                "partner": "Acme & Sons",
                "repository": "acme/support",
                "url": "https://github.com/acme/support/issues/15"
              },
              "truth": "answered 2026-11-22 12:50 UTC, in time"
            }
          ],
          "down_from": "2026-11-22T14:00:00Z",
          "down_until": "2026-11-22T16:30:00Z",
          "event": "desk.recovery",
          "incomplete": false,
          "key": "77/1/breach/3/ops",
          "stale": 2,
          "text": "The desk was down from 2026-11-22 14:00 UTC to 2026-11-22 16:30 UTC, 2h 30m.\nCaught up with 7 events.\nAnswered meanwhile: 2 (Acme & Sons acme/support#1, Acme & Sons acme/support#2).\nBreached meanwhile: 12 (Acme & Sons acme/support#3, Acme & Sons acme/support#4, Acme & Sons acme/support#5, Acme & Sons acme/support#6, Acme & Sons acme/support#7, Acme & Sons acme/support#8, Acme & Sons acme/support#9, Acme & Sons acme/support#10, Acme & Sons acme/support#11, Acme & Sons acme/support#12, and 2 more).\nNot said, because no longer true: 2 steps.\nAcme & Sons acme/support#15: “breach”, said 2026-11-22 13:00 UTC, was wrong: answered 2026-11-22 12:50 UTC, in time."
        }
        "#);
        let wrong = Recovery { corrections: recovery().corrections, ..Recovery::default() };
        assert_eq!(event(&ChatMessage::Recovery(wrong)), "desk.correction");
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
