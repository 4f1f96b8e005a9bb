//! `serve --relay`: webhooks by way of somebody whom GitHub can reach, in smee.io's protocol. The relay takes them and hands them on as
//! server-sent events; each is knocked with at the webhook's own door, so that nothing is taken that GitHub did not sign.
//!
//! Relays read a payload and write it anew. What they make of it is taken letter by letter, which is what GitHub signed as long as it
//! writes JSON as they do. What does not fit is refused, and what got lost on the way, GitHub takes for delivered: after either the desk
//! looks at GitHub by itself (`R2`).

use super::front::Front;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use futures_util::FutureExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, Url, redirect};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::mem::take;
use std::time::Duration;

/// The largest event: a payload as large as GitHub sends, and its headers.
const LARGEST: usize = 26 * 1024 * 1024;
/// A delivery that the desk cannot save just now is tried so often.
const TRIES: u32 = 5;

/// How long the relay is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// After the first connection that broke off; then twice as long each time,
    pub first: Duration,
    /// but not longer than this.
    pub longest: Duration,
    /// A connection on which nothing comes for this long is dead: relays say something every 30 s.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_mins(1), silence: Duration::from_secs(100) }
    }
}

/// A relay's channel. Whoever has its address can read along, so nothing shows more of it than the host.
pub struct Relay {
    url: Url,
    client: Client,
    patience: Patience,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Relay").field(&self.url.host_str()).finish()
    }
}

impl Relay {
    /// Checks the address; talks to nobody yet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(url: &str, patience: Patience) -> Result<Self, String> {
        let parsed = url.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        let url = parsed.ok_or("it is no address; expected one like https://smee.io/YOUR-CHANNEL")?;
        let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let builder = Client::builder().redirect(redirect::Policy::none()).connect_timeout(Duration::from_secs(10));
        let builder = if here { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { url, client, patience })
    }

    /// Fetches webhooks for ever.
    pub async fn run(&self, front: &Front) {
        let mut wait = self.patience.first;
        let mut last_id = None;
        loop {
            let mut heard = false;
            let Err(why) = self.listen(front, &mut last_id, &mut heard).await;
            if heard {
                wait = self.patience.first;
            }
            tracing::warn!(relay = self.url.host_str(), "the relay is gone: {why}; tried again in {} s", wait.as_secs());
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(self.patience.longest);
        }
    }

    /// One connection, until it breaks off.
    async fn listen(&self, front: &Front, last_id: &mut Option<String>, heard: &mut bool) -> Result<std::convert::Infallible, String> {
        let told = |error: reqwest::Error| error.without_url().to_string();
        let mut request = self.client.get(self.url.clone()).header(ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", &*id);
        }
        let answer = tokio::time::timeout(self.patience.silence, request.send()).await.map_err(|_| "no answer")?.map_err(told)?;
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !answer.status().is_success() || !kind.starts_with("text/event-stream") {
            return Err(format!("it answers {} with {kind:?} in place of events", answer.status()));
        }
        let mut answer = answer;
        let mut events = Events::default();
        loop {
            let part = tokio::time::timeout(self.patience.silence, answer.chunk()).await.map_err(|_| "nothing came for too long")?;
            let part = part.map_err(told)?.ok_or("it closed the connection")?;
            for byte in part.iter().copied() {
                let Some(event) = events.take(byte) else { continue };
                if !*heard {
                    *heard = true;
                    tracing::info!(relay = self.url.host_str(), "webhooks come by a relay");
                    // What came before went to nobody.
                    front.is_behind().await;
                }
                if event.id.is_some() {
                    last_id.clone_from(&event.id);
                }
                match (event.name.as_str(), event.data) {
                    ("" | "message", Some(data)) => hand_in(front, &data).await,
                    ("" | "message", None) => {
                        tracing::warn!("the relay sent more than GitHub does at once; it is passed over");
                        front.is_behind().await;
                    }
                    // It is ready, or still there.
                    _ => {}
                }
            }
        }
    }
}

/// Knocks at the door with what came, until it is answered.
async fn hand_in(front: &Front, data: &str) {
    let Some((headers, body)) = unpacked(data) else {
        tracing::warn!("the relay sent something that is no webhook; it is passed over");
        return;
    };
    let mut wait = Duration::from_millis(500);
    for tried in 1.. {
        let Some(present) = front.present().await else { return };
        let mut request = Request::post("/api/github/webhooks").header(CONTENT_LENGTH, body.len());
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let Ok(request) = request.body(Body::from(body.clone())) else { return };
        let answer = TowerToHyperService::new(present.routes.clone()).call(request).map(Result::ok).await;
        let status = answer.map_or(StatusCode::INTERNAL_SERVER_ERROR, |answer| answer.status());
        if status.is_success() {
            return;
        }
        if status != StatusCode::SERVICE_UNAVAILABLE || tried == TRIES || present.app.webhook_secret.is_none() {
            tracing::warn!(%status, "a webhook that the relay handed on was not taken; GitHub is asked for what is missing");
            present.app.desk.is_behind();
            return;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// A webhook's headers and its text, as they came to the relay.
fn unpacked(data: &str) -> Option<(Vec<(HeaderName, HeaderValue)>, String)> {
    let parts: HashMap<String, &RawValue> = serde_json::from_str(data).ok()?;
    let text = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
    let body = match parts.get("rawbody").and_then(|raw| text(raw)) {
        Some(raw) => raw,
        None => parts.get("body")?.get().to_owned(),
    };
    let wanted = |name: &str| name.starts_with("x-github-") || matches!(name, "x-hub-signature-256" | "content-type" | "user-agent");
    let headers = parts.iter().filter(|(name, _)| wanted(name)).filter_map(|(name, value)| {
        let value = HeaderValue::try_from(text(value)?).ok()?;
        Some((HeaderName::try_from(name.as_str()).ok()?, value))
    });
    Some((headers.collect(), body))
}

/// An event as it came.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: String,
    id: Option<String>,
    /// `None`: it was too large.
    data: Option<String>,
}

/// Reads server-sent events byte by byte, holding no more than one.
#[derive(Debug, Default)]
struct Events {
    line: Vec<u8>,
    after_return: bool,
    name: String,
    id: Option<String>,
    data: String,
    has_data: bool,
    too_large: bool,
}

impl Events {
    fn take(&mut self, byte: u8) -> Option<Event> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            // The second half of a line's end.
            b'\n' if after_return => None,
            b'\n' | b'\r' => self.end_of_line(),
            _ if self.line.len() + self.data.len() >= LARGEST => {
                self.too_large = true;
                None
            }
            byte => {
                self.line.push(byte);
                None
            }
        }
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let line = take(&mut self.line);
        if line.is_empty() {
            let event = Event { name: take(&mut self.name), id: self.id.take(), data: Some(take(&mut self.data)) };
            let (has_data, too_large) = (take(&mut self.has_data), take(&mut self.too_large));
            return (has_data || too_large).then(|| Event { data: event.data.filter(|_| !too_large), ..event });
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            // A comment, or a field that nobody knows.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>, Option<String>)> {
        let mut events = Events::default();
        text.bytes().filter_map(|byte| events.take(byte)).map(|event| (event.name, event.id, event.data)).collect()
    }

    #[test]
    fn events_are_read_with_every_end_of_line() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "id: 0|event: ready|data: {}||: still there|||id: 1|data:a|data: b|odd||event: ping|data|||".replace('|', end);
            let some = |text: &str| Some(text.to_owned());
            assert_eq!(
                read(&text),
                [
                    ("ready".to_owned(), some("0"), some("{}")),
                    (String::new(), some("1"), some("a\nb")),
                    ("ping".to_owned(), None, some(""))
                ],
                "{end:?}"
            );
        }
    }

    #[test]
    fn what_is_too_large_is_passed_over_and_the_next_is_read() {
        let mut events = Events::default();
        let text = format!("data: {}\n\ndata: small\n\n", "x".repeat(LARGEST));
        let read: Vec<_> = text.bytes().filter_map(|byte| events.take(byte)).collect();
        assert_eq!(read.iter().map(|event| event.data.as_deref()).collect::<Vec<_>>(), [None, Some("small")]);
        assert!(events.line.capacity() <= 2 * LARGEST);
    }

    #[test]
    fn a_payload_is_taken_letter_by_letter() {
        let data = r#"{"host":"smee.io","x-github-event":"issues","x-hub-signature-256":"sha256=00","connection":"close","body":{"b": 1.0,"a":"\u00e9é"},"query":{},"timestamp":1}"#;
        let (mut headers, body) = unpacked(data).unwrap();
        headers.sort_by_key(|(name, _)| name.to_string());
        assert_eq!(body, r#"{"b": 1.0,"a":"\u00e9é"}"#);
        assert_eq!(headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x-github-event", "x-hub-signature-256"]);
        assert_eq!(unpacked(r#"{"rawbody":"{ }","body":{}}"#).unwrap().1, "{ }");
        assert!(unpacked("[]").is_none() && unpacked("{}").is_none());
    }
}
