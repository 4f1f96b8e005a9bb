//! A workflow of Microsoft Teams, "when a Teams webhook request is received".
//!
//! Sources: a message with attachments, of which each is an Adaptive Card
//! (<https://learn.microsoft.com/en-us/connectors/teams/?tabs=text1#microsoft-teams-webhook>); the card's elements, properties and values
//! (<https://adaptivecards.io/explorer/>, up to version 1.5, which Teams shows:
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-reference>); mentions
//! (<https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format>). A message has about 28 KB by the
//! page of the connector; 21 000 bytes were seen to be the end (<https://www.rubydoc.info/gems/msteams_hermes/MsTeamsHermes/Message>), so
//! that is the end here. Teams shows broken links as they stand; the stand-in refuses them.

use super::{Verdict, links, list, only, text, web};
use serde_json::Value;

const BYTES: usize = 21_000;

/// What a workflow takes.
pub(super) fn workflow(body: &Value, bytes: usize) -> Verdict {
    if bytes > BYTES {
        return Err(format!("Request entity too large: {bytes}"));
    }
    only(body, &["type", "attachments"])?;
    one_of(body, "type", &["message"])?;
    let attachments = list(body, "attachments", 10)?;
    if attachments.is_empty() {
        return Err("no attachments".to_owned());
    }
    for attachment in attachments {
        only(attachment, &["contentType", "contentUrl", "content", "name", "thumbnailUrl"])?;
        one_of(attachment, "contentType", &["application/vnd.microsoft.card.adaptive"])?;
        if attachment.get("contentUrl").is_some_and(|url| !url.is_null()) {
            return Err("`contentUrl` is not null".to_owned());
        }
        card(attachment.get("content").unwrap_or(&Value::Null))?;
    }
    Ok(())
}

fn card(card: &Value) -> Verdict {
    let known =
        ["type", "$schema", "version", "body", "actions", "fallbackText", "lang", "speak", "msteams", "minHeight", "rtl", "refresh"];
    only(card, &known)?;
    one_of(card, "type", &["AdaptiveCard"])?;
    one_of(card, "version", &["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"])?;
    let mut shown = String::new();
    for element in list(card, "body", 100)? {
        self::element(element, &mut shown)?;
    }
    for action in list(card, "actions", 6)? {
        only(action, &["type", "title", "url", "iconUrl", "id", "style", "tooltip", "isEnabled", "mode", "fallback", "requires"])?;
        // Nobody listens to what the others would send.
        one_of(action, "type", &["Action.OpenUrl"])?;
        text(action, "title", usize::MAX)?;
        text(action, "url", usize::MAX)?;
        web(action, "url")?;
    }
    let teams = card.get("msteams").unwrap_or(&Value::Null);
    if !teams.is_null() {
        only(teams, &["width", "entities"])?;
        one_of_or_none(teams, "width", &["Full"])?;
    }
    let entities = list(teams, "entities", 100)?;
    for entity in entities {
        only(entity, &["type", "text", "mentioned"])?;
        one_of(entity, "type", &["mention"])?;
        let mark = entity.get("text").and_then(Value::as_str).unwrap_or_default();
        if !mark.starts_with("<at>") || !mark.ends_with("</at>") || !shown.contains(mark) {
            return Err(format!("the mention {mark:?} is not in the card"));
        }
        let mentioned = entity.get("mentioned").unwrap_or(&Value::Null);
        only(mentioned, &["id", "name"])?;
        text(mentioned, "id", 200)?;
        text(mentioned, "name", 200)?;
    }
    // Every mark is of somebody.
    let marks = entities.iter().filter_map(|entity| entity.get("text")?.as_str());
    let rest = marks.fold(shown, |rest, mark| rest.replace(mark, ""));
    if rest.contains("<at>") { Err("a mention of nobody".to_owned()) } else { Ok(()) }
}

fn element(element: &Value, shown: &mut String) -> Verdict {
    let common = ["type", "id", "isVisible", "separator", "spacing", "height", "fallback", "requires"];
    let kind = element.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "TextBlock" => {
            let own = ["text", "color", "fontType", "horizontalAlignment", "isSubtle", "maxLines", "size", "weight", "wrap", "style"];
            only(element, &[&common[..], &own[..]].concat())?;
            text(element, "text", usize::MAX)?;
            one_of_or_none(element, "color", &["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"])?;
            one_of_or_none(element, "size", &["Default", "Small", "Medium", "Large", "ExtraLarge"])?;
            one_of_or_none(element, "weight", &["Default", "Lighter", "Bolder"])?;
            for flag in ["wrap", "isSubtle"] {
                if element.get(flag).is_some_and(|flag| !flag.is_boolean()) {
                    return Err(format!("`{flag}` is neither true nor false"));
                }
            }
            links(element.get("text"))?;
            shown.push_str(element.get("text").and_then(Value::as_str).unwrap_or_default());
            Ok(())
        }
        "FactSet" => {
            only(element, &[&common[..], &["facts"][..]].concat())?;
            for fact in list(element, "facts", 100)? {
                only(fact, &["title", "value"])?;
                text(fact, "title", usize::MAX)?;
                text(fact, "value", usize::MAX)?;
            }
            Ok(())
        }
        other => Err(format!("unknown element {other:?}")),
    }
}

fn one_of(value: &Value, key: &str, known: &[&str]) -> Verdict {
    match value.get(key).and_then(Value::as_str) {
        Some(text) if known.contains(&text) => Ok(()),
        other => Err(format!("`{key}` is {other:?}, expected one of {known:?}")),
    }
}

fn one_of_or_none(value: &Value, key: &str, known: &[&str]) -> Verdict {
    if value.get(key).is_none() { Ok(()) } else { one_of(value, key, known) }
}
