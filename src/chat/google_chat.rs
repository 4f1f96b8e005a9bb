//! Messages as a Google Chat incoming webhook takes them: a text that wakes people, and one card (v2).
//!
//! A message has at most 32 000 bytes, text and cards together
//! (<https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages>); the text is well under 4096 characters, the
//! older limit. Mark-up of texts: <https://developers.google.com/workspace/chat/format-messages>. A card's text is HTML, in which
//! nothing that people wrote has a mark left.

use super::card::{Card, Line, fitting, in_json, join};
use super::message::ChatMessage;
use jiff::Timestamp;
use serde_json::{Value, json};

const BYTES: usize = 32_000;
/// Most of what the lines may take of it: nobody reads on for ever.
const LINES: usize = 16_000;

/// The request's body for `message`, sent at `now`, in place of these channels.
#[must_use]
pub fn render(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> Value {
    written(message, instead_of, now).0
}

/// The same, and how many of its lines it had no room for.
pub(super) fn written(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> (Value, usize) {
    let card = Card::of(message, instead_of, now);
    let lead = card.lead.clone().unwrap_or_default();
    let text = join(&[&lead, &card.wake(mention), &card.summary], " ");
    let rest = laid_out(&card, &text, "").to_string().len();
    // Room for the widget that holds them.
    let room = BYTES.saturating_sub(rest + 100).min(LINES);
    let (lines, left_out) = fitting(&card.lines, room, "<br>", in_json, line);
    (laid_out(&card, &text, &lines), left_out)
}

fn laid_out(card: &Card, text: &str, lines: &str) -> Value {
    let color = format!("#{:06x}", card.tone.rgb());
    let title = format!("<b><font color=\"{color}\">{}</font></b>", card.title);
    let title = card.url.as_ref().map_or_else(|| title.clone(), |url| format!("<a href=\"{url}\">{title}</a>"));
    let paragraph = |text: String| json!({ "textParagraph": { "text": text } });
    let mut widgets = vec![paragraph(title)];
    if !lines.is_empty() {
        widgets.push(paragraph(lines.to_owned()));
    }
    let fact = |(name, value): &(&'static str, String)| json!({ "decoratedText": { "topLabel": name, "text": value } });
    widgets.extend(card.facts.iter().map(fact));
    let end = join(&[&card.to_do, card.caveat.unwrap_or_default()], "<br>");
    if !end.is_empty() {
        widgets.push(paragraph(end));
    }
    let links = [("Open the issue", &card.url), ("Acknowledge", &card.acknowledge)];
    let button = |(text, url): (&str, &Option<String>)| Some(json!({ "text": text, "onClick": { "openLink": { "url": url.as_ref()? } } }));
    let buttons: Vec<_> = links.into_iter().filter_map(button).collect();
    if !buttons.is_empty() {
        widgets.push(json!({ "buttonList": { "buttons": buttons } }));
    }
    json!({ "text": text, "cardsV2": [{ "cardId": "partner-desk", "card": { "sections": [{ "widgets": widgets }] } }] })
}

fn line(line: &Line) -> String {
    match &line.link {
        Some((label, Some(url))) => format!("<a href=\"{url}\"><b>{label}</b></a> {}", line.text),
        Some((label, None)) => format!("<b>{label}</b> {}", line.text),
        None => line.text.clone(),
    }
}

/// Everybody in the space, or `users/123456789`.
fn mention(who: &str) -> Option<String> {
    if matches!(who, "@here" | "@channel" | "@everyone") {
        return Some("<users/all>".to_owned());
    }
    let id = who.strip_prefix("users/")?;
    ((1..=30).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())).then(|| format!("<users/{id}>"))
}
