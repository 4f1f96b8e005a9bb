//! Messages as a Microsoft Teams workflow ("when a webhook request is received") takes them: one Adaptive Card.
//!
//! A message has at most about 28 KB
//! (<https://learn.microsoft.com/en-us/connectors/teams/#known-issues-and-limitations-with-actions>); 21 KB were seen to be the end
//! (<https://www.rubydoc.info/gems/msteams_hermes/MsTeamsHermes/Message>). Only those in
//! `msteams.entities` are mentioned
//! (<https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format>); a workflow can't wake a
//! whole channel.

use super::card::{Card, Line, Tone, fitting, in_json, join, safe};
use super::message::ChatMessage;
use jiff::Timestamp;
use serde_json::{Value, json};

const BYTES: usize = 20_000;

/// The request's body for `message`, sent at `now`, in place of these channels.
#[must_use]
pub fn render(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> Value {
    written(message, instead_of, now).0
}

/// The same, and how many of its lines it had no room for.
pub(super) fn written(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> (Value, usize) {
    let card = Card::of(message, instead_of, now);
    let rest = laid_out(&card, "").to_string().len();
    // Room for the block that holds them. A blank line between, since one break alone is none to Teams.
    let (lines, left_out) = fitting(&card.lines, BYTES.saturating_sub(rest + 100), "\n\n", in_json, line);
    (laid_out(&card, &lines), left_out)
}

fn laid_out(card: &Card, lines: &str) -> Value {
    let color = match card.tone {
        Tone::Amber => "Warning",
        Tone::Red => "Attention",
        Tone::Blue => "Accent",
        Tone::Green => "Good",
        Tone::Grey => "Default",
    };
    let title = card.url.as_ref().map_or_else(|| card.title.clone(), |url| format!("[{}]({url})", card.title));
    let mut body = Vec::new();
    if let Some(lead) = &card.lead {
        body.push(json!({ "type": "TextBlock", "text": lead, "isSubtle": true, "wrap": true }));
    }
    body.push(json!({ "type": "TextBlock", "text": title, "size": "Large", "weight": "Bolder", "color": color, "wrap": true }));
    let wake = card.wake(|who| person(who).map(|(_, name)| format!("<at>{name}</at>")));
    for text in [wake.as_str(), lines] {
        if !text.is_empty() {
            body.push(json!({ "type": "TextBlock", "text": text, "wrap": true }));
        }
    }
    if !card.facts.is_empty() {
        let facts: Vec<_> = card.facts.iter().map(|(name, value)| json!({ "title": name, "value": value })).collect();
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    let end = join(&[&card.to_do, card.caveat.unwrap_or_default()], "\n\n");
    if !end.is_empty() {
        body.push(json!({ "type": "TextBlock", "text": end, "wrap": true }));
    }
    let entity = |(id, name): (String, String)| json!({ "type": "mention", "text": format!("<at>{name}</at>"), "mentioned": { "id": id, "name": name } });
    let mut entities: Vec<Value> = Vec::new();
    for value in card.mentions.iter().take(20).filter_map(|who| person(who.trim())).map(entity) {
        if !entities.contains(&value) {
            entities.push(value);
        }
    }
    let links = [("Open the issue", &card.url), ("Acknowledge", &card.acknowledge)];
    let actions =
        links.into_iter().filter_map(|(title, url)| Some(json!({ "type": "Action.OpenUrl", "title": title, "url": url.as_ref()? })));
    let content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": card.summary,
        "body": body,
        "actions": actions.collect::<Vec<_>>(),
        "msteams": { "width": "Full", "entities": entities },
    });
    json!({
        "type": "message",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": content }],
    })
}

fn line(line: &Line) -> String {
    match &line.link {
        Some((label, Some(url))) => format!("[{label}]({url}) {}", line.text),
        Some((label, None)) => format!("**{label}** {}", line.text),
        None => line.text.clone(),
    }
}

/// `ann@example.com`: a user principal name, and how it is shown.
fn person(who: &str) -> Option<(String, String)> {
    let (name, host) = who.split_once('@')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b));
    (who.len() <= 113 && plain(name) && plain(host) && host.contains('.')).then(|| (who.to_owned(), safe(name, 64)))
}
