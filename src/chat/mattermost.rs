//! Messages as a Mattermost incoming webhook takes them: a text that wakes people, and one attachment.
//!
//! A post has 16 383 characters (<https://docs.mattermost.com/administration-guide/configure/environment-configuration-settings.html>).
//! Older servers refuse attachments of more than 7900 (<https://gitlab.com/gitlab-org/gitlab-foss/-/issues/37555>), so that is the bound
//! here. Attachments: <https://developers.mattermost.com/integrate/reference/message-attachments/>.

use super::card::{Card, Line, fitting, in_json, join};
use super::message::ChatMessage;
use super::root::Root;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What a digest's lines may take of the attachment, as it is in JSON.
const LINES: usize = 5500;

/// The request's body for `message`, sent at `now`, in place of these channels.
#[must_use]
pub fn render(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> Value {
    written(message, instead_of, now).0
}

/// The same, and how many of its lines it had no room for.
pub(super) fn written(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> (Value, usize) {
    laid_out(&Card::of(message, instead_of, now))
}

/// The message that a ticket's thread hangs on, written anew.
pub(super) fn render_root(root: &Root) -> Value {
    laid_out(&Card::of_root(root)).0
}

fn laid_out(card: &Card) -> (Value, usize) {
    let lead = card.lead.clone().unwrap_or_default();
    let (lines, left_out) = fitting(&card.lines, LINES, "\n", in_json, line);
    let caveat = card.caveat.map_or_else(String::new, |caveat| format!("_{caveat}_"));
    // Buttons need an integration that takes them; a link in the text does not.
    let acknowledge = card.acknowledge.as_ref().map_or_else(String::new, |url| format!("[Acknowledge]({url})"));
    let text = join(&[&lines, &card.to_do, &acknowledge, &caveat], "\n\n");
    let fields: Vec<_> = card.facts.iter().map(|(name, value)| json!({ "title": name, "value": value, "short": true })).collect();
    let mut attachment = json!({
        "fallback": card.summary,
        "color": format!("#{:06x}", card.tone.rgb()),
        "title": card.title,
        "text": text,
        "fields": fields,
    });
    if let (Some(url), Some(map)) = (&card.url, attachment.as_object_mut()) {
        map.insert("title_link".to_owned(), url.as_str().into());
    }
    (json!({ "text": join(&[&lead, &card.wake(mention)], " "), "attachments": [attachment] }), left_out)
}

fn line(line: &Line) -> String {
    match &line.link {
        Some((label, Some(url))) => format!("- [**{label}**]({url}) {}", line.text),
        Some((label, None)) => format!("- **{label}** {}", line.text),
        None => line.text.clone(),
    }
}

/// `@here`, `@channel`, `@everyone` (Mattermost's `@all`) and `@name`; without its `@` a name is text.
fn mention(who: &str) -> Option<String> {
    let name = who.strip_prefix('@')?;
    let plain = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    plain.then(|| if name == "everyone" { "@all".to_owned() } else { who.to_owned() })
}
