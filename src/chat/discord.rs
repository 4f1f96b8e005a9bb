//! Messages as a Discord webhook takes them: a content that wakes people, and one embed.
//!
//! Limits: content 2000 characters (<https://docs.discord.com/developers/resources/webhook#execute-webhook>); title 256, description
//! 4096, 25 fields of a name of 256 and a value of 1024, 6000 in all
//! (<https://docs.discord.com/developers/resources/message#embed-object-embed-limits>). Only those in `allowed_mentions` are woken.

use super::card::{Card, Line, fitting, join};
use super::message::ChatMessage;
use super::neutral::{clip, units};
use jiff::Timestamp;
use serde_json::{Value, json};

const CONTENT: usize = 2000;
/// Less than a description may have: what else an embed holds stays under the 6000 in all.
const LINES: usize = 3000;

/// The request's body for `message`, sent at `now`, in place of these channels.
#[must_use]
pub fn render(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> Value {
    written(message, instead_of, now).0
}

/// The same, and how many of its lines it had no room for.
pub(super) fn written(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> (Value, usize) {
    let card = Card::of(message, instead_of, now);
    let lead = card.lead.clone().unwrap_or_default();
    let (lines, left_out) = fitting(&card.lines, LINES, "\n", units, line);
    let caveat = card.caveat.map_or_else(String::new, |caveat| format!("-# {caveat}"));
    // A webhook's own buttons need an application; a link in the text does not.
    let acknowledge = card.acknowledge.as_ref().map_or_else(String::new, |url| format!("[Acknowledge]({url})"));
    let description = join(&[&lines, &card.to_do, &acknowledge, &caveat], "\n");
    let field = |(name, value): &(&'static str, String)| {
        // The host counts on by itself, in the reader's own zone.
        let value = match (*name, card.due) {
            ("Due", Some(due)) => format!("{value}\n<t:{0}:F>", due.as_second()),
            ("Time", Some(due)) => format!("<t:{}:R>", due.as_second()),
            _ => value.clone(),
        };
        json!({ "name": name, "value": value, "inline": true })
    };
    let mut embed = json!({
        "title": card.title,
        "description": description,
        "color": card.tone.rgb(),
        "fields": card.facts.iter().map(field).collect::<Vec<_>>(),
    });
    if let (Some(url), Some(map)) = (&card.url, embed.as_object_mut()) {
        map.insert("url".to_owned(), url.as_str().into());
    }
    // A phone's notification shows the content alone.
    let first = join(&[&lead, &card.wake(mention)], " ");
    let content = join(&[&first, &clip(&card.summary, CONTENT.saturating_sub(units(&first) + 1))], " ");
    let all = card.mentions.iter().take(20).any(|who| is_all(who.trim()));
    let ids = |of: fn(&str) -> Option<&str>| {
        let mut ids: Vec<_> = card.mentions.iter().take(20).filter_map(|who| of(who.trim())).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let parse: &[&str] = if all { &["everyone"] } else { &[] };
    let body = json!({
        "content": content,
        "embeds": [embed],
        "allowed_mentions": { "parse": parse, "users": ids(user), "roles": ids(role) },
    });
    (body, left_out)
}

fn line(line: &Line) -> String {
    match &line.link {
        Some((label, Some(url))) => format!("[**{label}**]({url}) {}", line.text),
        Some((label, None)) => format!("**{label}** {}", line.text),
        None => line.text.clone(),
    }
}

fn is_all(who: &str) -> bool {
    matches!(who, "@here" | "@channel" | "@everyone")
}

fn id(text: &str) -> Option<&str> {
    ((17..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

/// `123456789012345678` or `@123456789012345678`: a person.
fn user(who: &str) -> Option<&str> {
    id(who.strip_prefix('@').unwrap_or(who))
}

/// `@&123456789012345678`: a role.
fn role(who: &str) -> Option<&str> {
    id(who.strip_prefix("@&")?)
}

fn mention(who: &str) -> Option<String> {
    match who {
        "@here" => Some("@here".to_owned()),
        all if is_all(all) => Some("@everyone".to_owned()),
        who => user(who).map(|id| format!("<@{id}>")).or_else(|| role(who).map(|id| format!("<@&{id}>"))),
    }
}
