//! What each chat service takes, held against its published schema and limits, and how it answers. Each part names its sources. Where a
//! service does not say in which unit it counts, the stand-in counts in the one in which texts are longest: what passes here passes there.

mod mattermost;
mod slack;

pub(super) use self::mattermost::post as mattermost;
pub(super) use self::slack::message as slack;

use serde_json::{Map, Value, json};

/// A service that a path of the sink stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatHost {
    /// Slack's incoming webhooks.
    Slack,
    /// Mattermost's.
    Mattermost,
    /// Discord's.
    Discord,
    /// A Microsoft Teams workflow.
    Teams,
    /// Google Chat's.
    GoogleChat,
}

/// Why something is not taken.
pub(super) type Verdict = Result<(), String>;

impl ChatHost {
    /// The service's answer to a post: status and body.
    #[must_use]
    pub fn judge(self, body: &[u8]) -> (u16, String) {
        let parsed = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string());
        let verdict = parsed.and_then(|value| match self {
            Self::Slack => slack::message(&value),
            Self::Mattermost => mattermost::webhook(&value),
            Self::Discord => discord(&value),
            Self::Teams => teams(&value, body.len()),
            Self::GoogleChat => google(&value, body.len()),
        });
        match (self, verdict) {
            (Self::Slack | Self::Mattermost, Ok(())) => (200, "ok".to_owned()),
            (Self::Discord, Ok(())) => (204, String::new()),
            (Self::Teams, Ok(())) => (202, String::new()),
            (Self::GoogleChat, Ok(())) => (200, json!({ "name": "spaces/AAA/messages/BBB.BBB" }).to_string()),
            (Self::Slack, Err(why)) => (400, format!("invalid_blocks: {why}")),
            (Self::Discord, Err(why)) => (400, json!({ "message": "Invalid Form Body", "code": 50_035, "errors": why }).to_string()),
            (Self::GoogleChat, Err(why)) => {
                (400, json!({ "error": { "code": 400, "message": why, "status": "INVALID_ARGUMENT" } }).to_string())
            }
            (Self::Mattermost | Self::Teams, Err(why)) => (400, json!({ "message": why, "status_code": 400 }).to_string()),
        }
    }

    /// What it says when it does not take anything.
    #[must_use]
    pub fn refusal(self, status: u16, retry_after: Option<u32>) -> String {
        match (self, status) {
            (Self::Discord, 429) => {
                json!({ "message": "You are being rate limited.", "retry_after": retry_after.unwrap_or(1), "global": false }).to_string()
            }
            (Self::Discord, 404) => json!({ "message": "Unknown Webhook", "code": 10_015 }).to_string(),
            (Self::Slack, 404) => "no_service".to_owned(),
            _ => "no".to_owned(),
        }
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("expected an object, not {value}"))
}

fn list<'a>(value: &'a Value, key: &str, most: usize) -> Result<&'a [Value], String> {
    let items = match value.get(key) {
        None => return Ok(&[]),
        Some(items) => items.as_array().ok_or_else(|| format!("`{key}` is no list"))?,
    };
    if items.len() > most { Err(format!("`{key}` has {} items, at most {most}", items.len())) } else { Ok(items) }
}

/// The length of a text in UTF-16 units: an emoji counts twice.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text of 1 to `most` units.
fn text(value: &Value, key: &str, most: usize) -> Result<usize, String> {
    let text = value.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is no text in {value}"))?;
    let length = units(text);
    if length == 0 || length > most { Err(format!("`{key}` has {length} characters, expected 1 to {most}")) } else { Ok(length) }
}

fn optional(value: &Value, key: &str, most: usize) -> Result<usize, String> {
    match value.get(key) {
        None => Ok(0),
        Some(text) if text.as_str() == Some("") => Ok(0),
        Some(_) => text(value, key, most),
    }
}

fn web(value: &Value, key: &str) -> Verdict {
    match value.get(key).map(Value::as_str) {
        None => Ok(()),
        Some(Some(url)) if url.starts_with("https://") || url.starts_with("http://") => Ok(()),
        Some(_) => Err(format!("`{key}` is no address")),
    }
}

fn only(value: &Value, known: &[&str]) -> Verdict {
    match object(value)?.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("Unknown name \"{key}\": Cannot find field.")),
        None => Ok(()),
    }
}

fn discord(body: &Value) -> Verdict {
    let said = optional(body, "content", 2000)?;
    let embeds = list(body, "embeds", 10)?;
    if said == 0 && embeds.is_empty() {
        return Err("Cannot send an empty message".to_owned());
    }
    let mut total = 0;
    for embed in embeds {
        total += optional(embed, "title", 256)? + optional(embed, "description", 4096)?;
        web(embed, "url")?;
        if embed.get("color").is_some_and(|color| color.as_u64().is_none_or(|color| color > 0x00ff_ffff)) {
            return Err("`color` is no colour".to_owned());
        }
        for field in list(embed, "fields", 25)? {
            total += text(field, "name", 256)? + text(field, "value", 1024)?;
        }
    }
    if total > 6000 {
        return Err(format!("Embed size exceeds maximum size of 6000: {total}"));
    }
    let Some(allowed) = body.get("allowed_mentions") else { return Ok(()) };
    let parse = list(allowed, "parse", 3)?;
    for kind in ["users", "roles"] {
        let ids = list(allowed, kind, 100)?;
        if !ids.is_empty() && parse.contains(&Value::from(kind)) {
            return Err(format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive."));
        }
        let id = |id: &Value| id.as_str().is_some_and(|id| (17..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()));
        if let Some(wrong) = ids.iter().find(|one| !id(one)) {
            return Err(format!("Value {wrong} is not snowflake."));
        }
    }
    Ok(())
}

fn teams(body: &Value, bytes: usize) -> Verdict {
    if bytes > 28 * 1024 {
        return Err(format!("Webhook message size exceeds 28 KB: {bytes}"));
    }
    if body.get("type").and_then(Value::as_str) != Some("message") {
        return Err("`type` is not `message`".to_owned());
    }
    let attachments = list(body, "attachments", 10)?;
    if attachments.is_empty() {
        return Err("no attachments".to_owned());
    }
    for attachment in attachments {
        if attachment.get("contentType").and_then(Value::as_str) != Some("application/vnd.microsoft.card.adaptive") {
            return Err("no Adaptive Card".to_owned());
        }
        adaptive_card(attachment.get("content").unwrap_or(&Value::Null))?;
    }
    Ok(())
}

fn adaptive_card(card: &Value) -> Verdict {
    let kind = |value: &Value| value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind(card) != "AdaptiveCard" {
        return Err("`content.type` is not `AdaptiveCard`".to_owned());
    }
    let version = card.get("version").and_then(Value::as_str).unwrap_or_default();
    if !["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"].contains(&version) {
        return Err(format!("Teams does not show version {version:?}"));
    }
    let mut shown = String::new();
    for element in list(card, "body", 100)? {
        match kind(element).as_str() {
            "TextBlock" => {
                text(element, "text", usize::MAX)?;
                let color = element.get("color").and_then(Value::as_str).unwrap_or("Default");
                if !["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"].contains(&color) {
                    return Err(format!("`color` is {color}"));
                }
                shown.push_str(element.get("text").and_then(Value::as_str).unwrap_or_default());
            }
            "FactSet" => {
                for fact in list(element, "facts", 100)? {
                    text(fact, "title", usize::MAX)?;
                    text(fact, "value", usize::MAX)?;
                }
            }
            other => return Err(format!("unknown element {other:?}")),
        }
    }
    for action in list(card, "actions", 6)? {
        if kind(action) != "Action.OpenUrl" {
            return Err(format!("a workflow's card does not take {}", kind(action)));
        }
        web(action, "url")?;
    }
    let entities = card.get("msteams").map_or(Ok(&[][..]), |teams| list(teams, "entities", 100))?;
    for entity in entities {
        let mark = entity.get("text").and_then(Value::as_str).unwrap_or_default();
        if kind(entity) != "mention" || mark.is_empty() || !shown.contains(mark) {
            return Err(format!("the mention {mark:?} is not in the card"));
        }
        let mentioned = entity.get("mentioned").unwrap_or(&Value::Null);
        text(mentioned, "id", 200)?;
        text(mentioned, "name", 200)?;
    }
    if shown.matches("<at>").count() < entities.len() { Err("a mention too many".to_owned()) } else { Ok(()) }
}

fn google(body: &Value, bytes: usize) -> Verdict {
    if bytes > 32_000 {
        return Err(format!("Message is too long: {bytes} bytes"));
    }
    only(body, &["text", "cardsV2", "thread", "fallbackText"])?;
    optional(body, "text", 4096)?;
    for card in list(body, "cardsV2", 10)? {
        only(card, &["cardId", "card"])?;
        let card = card.get("card").unwrap_or(&Value::Null);
        only(card, &["header", "sections", "name"])?;
        for section in list(card, "sections", 100)? {
            only(section, &["header", "widgets", "collapsible", "uncollapsibleWidgetsCount"])?;
            let widgets = list(section, "widgets", 100)?;
            if widgets.is_empty() {
                return Err("a section without widgets".to_owned());
            }
            widgets.iter().try_for_each(google_widget)?;
        }
    }
    Ok(())
}

fn google_widget(widget: &Value) -> Verdict {
    let (kind, of) = match object(widget)?.iter().collect::<Vec<_>>().as_slice() {
        [(kind, of)] => (kind.as_str(), *of),
        _ => return Err("a widget is exactly one thing".to_owned()),
    };
    match kind {
        "textParagraph" => {
            only(of, &["text", "maxLines"])?;
            text(of, "text", usize::MAX).map(drop)
        }
        "decoratedText" => {
            only(of, &["topLabel", "text", "bottomLabel", "wrapText", "icon", "startIcon", "onClick", "button"])?;
            text(of, "text", usize::MAX).map(drop)
        }
        "buttonList" => {
            only(of, &["buttons"])?;
            for button in list(of, "buttons", 6)? {
                only(button, &["text", "icon", "color", "onClick", "disabled", "altText", "type"])?;
                text(button, "text", 200)?;
                let link = button.get("onClick").and_then(|click| click.get("openLink")).ok_or("a button that does nothing")?;
                web(link, "url")?;
            }
            Ok(())
        }
        other => Err(format!("Unknown name \"{other}\": Cannot find field.")),
    }
}
