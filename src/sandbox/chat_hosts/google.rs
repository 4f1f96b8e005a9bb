//! Google Chat's incoming webhooks.
//!
//! Sources: a message, of 32 000 bytes with all that is in it, and its fields
//! (<https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages>); 4096 characters of text, the older limit
//! (<https://developers.google.com/workspace/chat/create-messages>); cards (<https://developers.google.com/workspace/chat/api/reference/rest/v1/cards>),
//! with up to 100 widgets; a card's texts are HTML of a few tags
//! (<https://developers.google.com/workspace/chat/format-messages#card-formatting>). Unknown fields are refused, as by every API of
//! Google's. It shows broken HTML as well as it can; the stand-in refuses it.

use super::{Verdict, list, object, only, text, units, web};
use serde_json::Value;

/// What an incoming webhook takes.
pub(super) fn webhook(body: &Value, bytes: usize) -> Verdict {
    if bytes > 32_000 {
        return Err(format!("Message is too long: {bytes} bytes"));
    }
    only(body, &["text", "cardsV2", "thread", "fallbackText", "accessoryWidgets"])?;
    let cards = list(body, "cardsV2", 10)?;
    match body.get("text").map(Value::as_str) {
        None if cards.is_empty() => return Err("Message cannot be empty.".to_owned()),
        None => {}
        Some(Some(text)) if units(text) <= 4096 => {}
        Some(_) => return Err("`text` is none, or has more than 4096 characters".to_owned()),
    }
    let mut widgets = 0;
    for card in cards {
        only(card, &["cardId", "card"])?;
        text(card, "cardId", 64)?;
        let card = card.get("card").unwrap_or(&Value::Null);
        only(card, &["header", "sections", "sectionDividerStyle", "cardActions", "name", "fixedFooter", "displayStyle", "peekCardHeader"])?;
        for section in list(card, "sections", 100)? {
            only(section, &["header", "widgets", "collapsible", "uncollapsibleWidgetsCount", "collapseControl", "id"])?;
            let inside = list(section, "widgets", 100)?;
            if inside.is_empty() {
                return Err("a section without widgets".to_owned());
            }
            widgets += inside.len();
            inside.iter().try_for_each(widget)?;
        }
    }
    if widgets > 100 { Err(format!("{widgets} widgets, at most 100")) } else { Ok(()) }
}

fn widget(widget: &Value) -> Verdict {
    let (kind, of) = match object(widget)?.iter().collect::<Vec<_>>().as_slice() {
        [(kind, of)] => (kind.as_str(), *of),
        _ => return Err("a widget is exactly one thing".to_owned()),
    };
    match kind {
        "textParagraph" => {
            only(of, &["text", "maxLines"])?;
            text(of, "text", usize::MAX)?;
            html(of.get("text"))
        }
        "decoratedText" => {
            let known =
                ["topLabel", "text", "bottomLabel", "wrapText", "icon", "startIcon", "endIcon", "onClick", "button", "switchControl"];
            only(of, &known)?;
            text(of, "text", usize::MAX)?;
            html(of.get("text"))
        }
        "buttonList" => {
            only(of, &["buttons"])?;
            for button in list(of, "buttons", 6)? {
                only(button, &["text", "icon", "color", "onClick", "disabled", "altText", "type"])?;
                text(button, "text", 200)?;
                let click = button.get("onClick").unwrap_or(&Value::Null);
                only(click, &["openLink"])?;
                let link = click.get("openLink").unwrap_or(&Value::Null);
                only(link, &["url", "openAs", "onClose"])?;
                text(link, "url", 2048)?;
                web(link, "url")?;
            }
            Ok(())
        }
        other => Err(format!("Unknown name \"{other}\": Cannot find field.")),
    }
}

/// Only tags that there are, each ended in its turn.
fn html(text: Option<&Value>) -> Verdict {
    let text = text.and_then(Value::as_str).unwrap_or_default();
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let broken = || format!("broken HTML: <{}", piece.chars().take(40).collect::<String>());
        let (tag, _) = piece.split_once('>').ok_or_else(broken)?;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(broken());
            }
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        match name {
            "br" => {}
            "b" | "i" | "u" | "s" if attributes.is_empty() => open.push(name),
            "font" if attributes.starts_with("color=\"#") => open.push(name),
            "a" if attributes.starts_with("href=\"http") => open.push(name),
            _ => return Err(broken()),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} do not end")) }
}
