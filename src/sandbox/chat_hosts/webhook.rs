//! A receiver of the operator's own, for the kind `webhook`: it takes what `docs/configuration.md` says that it is sent, and nothing else.

use super::{Verdict, list, only};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

/// What a value is.
#[derive(Clone, Copy)]
enum Is {
    Text,
    Whole,
    Flag,
    Instant,
    /// An instant or nothing.
    Maybe,
    Texts,
    /// A list of these.
    Rows(&'static [(&'static str, Is)]),
}

/// What every message about one ticket has.
const TICKET: &[(&str, Is)] = &[
    ("step", Is::Text),
    ("at", Is::Text),
    ("occurrence", Is::Whole),
    ("late", Is::Flag),
    ("unconfirmed", Is::Flag),
    ("partner", Is::Text),
    ("tier", Is::Text),
    ("repository", Is::Text),
    ("number", Is::Whole),
    ("title", Is::Text),
    ("url", Is::Text),
    ("author", Is::Text),
    ("due_at", Is::Instant),
    ("seconds_left", Is::Whole),
    ("mentions", Is::Texts),
];
/// What it may have.
const TICKET_OR_NOT: &[(&str, Is)] = &[("held", Is::Flag), ("acknowledge_url", Is::Text)];
const NAMED: &[(&str, Is)] = &[("partner", Is::Text), ("repository", Is::Text), ("number", Is::Whole), ("url", Is::Text)];
const OPEN: &[(&str, Is)] =
    &[("partner", Is::Text), ("repository", Is::Text), ("number", Is::Whole), ("url", Is::Text), ("due_at", Is::Instant)];
const COUNTS: &[(&str, Is)] = &[("tier", Is::Text), ("met", Is::Whole), ("breached", Is::Whole)];

/// What a receiver takes; with its headers, where they came with it.
pub(super) fn receiver(body: &Value, headers: Option<&HeaderMap>) -> Verdict {
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(event), Some(key), Some(_)) = (text("event"), text("key"), text("text")) else {
        return Err("`event`, `key` and `text` are texts that say something".to_owned());
    };
    let said = [("event", Is::Text), ("key", Is::Text), ("text", Is::Text)];
    let (own, or_not): (Vec<_>, &[_]) = match event {
        "ticket.new" | "ticket.step" | "ticket.operator" => {
            let more = [("times", Is::Whole), ("started_at", Is::Instant), ("advice", Is::Text)];
            ([TICKET, &more[..]].concat(), TICKET_OR_NOT)
        }
        "desk.recovery" | "desk.correction" => {
            let counts = [("incomplete", Is::Flag), ("caught_up", Is::Whole), ("stale", Is::Whole)];
            let lists = [("answered", Is::Rows(NAMED)), ("breached", Is::Rows(NAMED))];
            ([&[("down_from", Is::Maybe), ("down_until", Is::Maybe)][..], &counts[..], &lists[..]].concat(), &[])
        }
        "desk.daily" | "desk.weekly" => {
            let times = [("weekly", Is::Flag), ("from", Is::Instant), ("until", Is::Instant)];
            let counts =
                [("opened", Is::Whole), ("answered", Is::Whole), ("late", Is::Whole), ("later", Is::Whole), ("waiting", Is::Whole)];
            let lists = [("tiers", Is::Rows(COUNTS)), ("overdue", Is::Rows(OPEN)), ("due_soon", Is::Rows(OPEN))];
            ([&times[..], &counts[..], &lists[..]].concat(), &[])
        }
        "tickets.digest" | "desk.notice" => (Vec::new(), &[]),
        other => return Err(format!("unknown event {other:?}")),
    };
    let mut known: Vec<&str> = own.iter().chain(&said).chain(or_not).map(|(key, _)| *key).collect();
    known.push("instead_of");
    let elsewhere: &[&str] = match event {
        "tickets.digest" => &["tickets"],
        "desk.recovery" | "desk.correction" => &["corrections"],
        _ => &[],
    };
    known.extend(elsewhere);
    only(body, &known)?;
    own.iter().try_for_each(|(key, is)| fits(body, key, *is))?;
    or_not.iter().filter(|(key, _)| body.get(key).is_some()).try_for_each(|(key, is)| fits(body, key, *is))?;
    for row in list(body, "tickets", usize::MAX)? {
        let known: Vec<_> = TICKET.iter().chain(TICKET_OR_NOT).map(|(key, _)| *key).collect();
        only(row, &known)?;
        TICKET.iter().try_for_each(|(key, is)| fits(row, key, *is))?;
    }
    if event == "tickets.digest" && list(body, "tickets", usize::MAX)?.is_empty() {
        return Err("a digest of nothing".to_owned());
    }
    let Some(headers) = headers else { return Ok(()) };
    for (name, value) in [("X-Partner-Desk-Event", event), ("X-Partner-Desk-Delivery", key)] {
        if headers.get(name).and_then(|header| header.to_str().ok()) != Some(value) {
            return Err(format!("the header {name} is not {value}"));
        }
    }
    Ok(())
}

fn fits(value: &Value, key: &str, is: Is) -> Verdict {
    let found = value.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    let instant = |value: &Value| value.as_str().is_some_and(|text| text.ends_with('Z') && text.parse::<Timestamp>().is_ok());
    let right = match is {
        Is::Text => found.is_string(),
        Is::Whole => found.is_i64(),
        Is::Flag => found.is_boolean(),
        Is::Instant => instant(found),
        Is::Maybe => found.is_null() || instant(found),
        Is::Texts => found.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        Is::Rows(columns) => {
            for row in list(value, key, usize::MAX)? {
                let known: Vec<_> = columns.iter().map(|(key, _)| *key).collect();
                only(row, &known)?;
                columns.iter().try_for_each(|(key, is)| fits(row, key, *is))?;
            }
            found.is_array()
        }
    };
    if right { Ok(()) } else { Err(format!("`{key}` is {found}")) }
}
