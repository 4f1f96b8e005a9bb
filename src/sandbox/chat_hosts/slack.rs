//! Slack's Block Kit, as messages of incoming webhooks, `chat.postMessage` and `chat.update` may hold it.
//!
//! Sources: a message has 50 blocks (<https://docs.slack.dev/reference/block-kit/blocks>) and a text of 40 000 characters
//! (<https://docs.slack.dev/reference/methods/chat.postMessage>); each block by its own page: header 150
//! (<https://docs.slack.dev/reference/block-kit/blocks/header-block>), section 3000 with 10 fields of 2000
//! (<https://docs.slack.dev/reference/block-kit/blocks/section-block>), context 10 elements
//! (<https://docs.slack.dev/reference/block-kit/blocks/context-block>), actions 25
//! (<https://docs.slack.dev/reference/block-kit/blocks/actions-block>), a button's text 75, url 3000, value 2000, ids 255
//! (<https://docs.slack.dev/reference/block-kit/block-elements/button-element>), text objects
//! (<https://docs.slack.dev/reference/block-kit/composition-objects/text-object>). All blocks together have a limit that is not on those
//! pages, "12 000 text characters with a buffer for block containers"; messages of fewer were refused as `msg_blocks_too_long`
//! (<https://github.com/slackapi/bolt-js/issues/2509>, <https://github.com/slackapi/bolt-js/issues/2867>), so here it is 11 000, with 40 for
//! each object.
//! Slack shows broken mark-up as it stands; the stand-in refuses it (<https://docs.slack.dev/messaging/formatting-message-text>).

use super::{Verdict, list, only, text, units, web};
use serde_json::Value;
use std::collections::BTreeSet;

const ALL_BLOCKS: usize = 11_000;

/// The text and the blocks of a message.
pub(in crate::sandbox) fn message(body: &Value) -> Verdict {
    only(body, &["text", "blocks", "unfurl_links", "unfurl_media", "channel", "thread_ts", "reply_broadcast", "ts"])?;
    text(body, "text", 40_000)?;
    mark_up(body.get("text"))?;
    let blocks = list(body, "blocks", 50)?;
    blocks.iter().try_for_each(block)?;
    let all = body.get("blocks").map_or(0, weight);
    if all > ALL_BLOCKS { Err(format!("msg_blocks_too_long: {all}")) } else { Ok(()) }
}

/// The texts of all blocks, with what holds them.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => units(text),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => 40 + map.iter().filter(|(key, _)| *key != "type").map(|(_, value)| weight(value)).sum::<usize>(),
        _ => 0,
    }
}

fn block(block: &Value) -> Verdict {
    let of = |key| block.get(key).unwrap_or(&Value::Null);
    if block.get("block_id").is_some() {
        text(block, "block_id", 255)?;
    }
    match of("type").as_str() {
        Some("header") => {
            only(block, &["type", "block_id", "text"])?;
            text_object(of("text"), 150, &["plain_text"])
        }
        Some("section") => {
            only(block, &["type", "block_id", "text", "fields", "accessory", "expand"])?;
            let fields = list(block, "fields", 10)?;
            if block.get("text").is_some() || fields.is_empty() {
                text_object(of("text"), 3000, &["mrkdwn", "plain_text"])?;
            }
            fields.iter().try_for_each(|field| text_object(field, 2000, &["mrkdwn", "plain_text"]))
        }
        Some("context") => {
            only(block, &["type", "block_id", "elements"])?;
            some(list(block, "elements", 10)?)?.iter().try_for_each(|part| text_object(part, 3000, &["mrkdwn", "plain_text"]))
        }
        Some("actions") => {
            only(block, &["type", "block_id", "elements"])?;
            let buttons = some(list(block, "elements", 25)?)?;
            let ids: Vec<_> = buttons.iter().filter_map(|button| button.get("action_id")?.as_str()).collect();
            if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
                return Err("an `action_id` stands twice in one block".to_owned());
            }
            buttons.iter().try_for_each(button)
        }
        Some("divider") => only(block, &["type", "block_id"]),
        other => Err(format!("unsupported block {other:?}")),
    }
}

fn button(button: &Value) -> Verdict {
    only(button, &["type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"])?;
    if button.get("type").and_then(Value::as_str) != Some("button") {
        return Err(format!("unsupported element {button}"));
    }
    text_object(button.get("text").unwrap_or(&Value::Null), 75, &["plain_text"])?;
    for (key, most) in [("url", 3000), ("value", 2000), ("action_id", 255), ("accessibility_label", 75)] {
        if button.get(key).is_some() {
            text(button, key, most)?;
        }
    }
    web(button, "url")?;
    match button.get("style").map(Value::as_str) {
        None | Some(Some("primary" | "danger")) => Ok(()),
        Some(other) => Err(format!("`style` is {other:?}")),
    }
}

fn text_object(object: &Value, most: usize, kinds: &[&str]) -> Verdict {
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    if !kinds.contains(&kind) {
        return Err(format!("expected one of {kinds:?}, not {object}"));
    }
    only(object, if kind == "mrkdwn" { &["type", "text", "verbatim"] } else { &["type", "text", "emoji"] })?;
    text(object, "text", most)?;
    // A plain text knows the three entities, too, and nothing else.
    mark_up(object.get("text"))
}

fn some(items: &[Value]) -> Result<&[Value], String> {
    if items.is_empty() { Err("no elements".to_owned()) } else { Ok(items) }
}

/// Every `&` is one of the three entities, every `<` begins a mention or a link that ends.
fn mark_up(text: Option<&Value>) -> Verdict {
    let mut rest = text.and_then(Value::as_str).unwrap_or_default();
    while let Some(place) = rest.find(['&', '<', '>']) {
        let at = rest.get(place..).unwrap_or_default();
        let whole = ["&amp;", "&lt;", "&gt;"].into_iter().find(|entity| at.starts_with(entity)).map(str::len);
        let whole = whole.or_else(|| {
            let inside = at.strip_prefix('<')?.split_once('>')?.0;
            let fits = inside.starts_with(['!', '@', '#']) || inside.starts_with("https://") || inside.starts_with("http://");
            (fits && !inside.contains(['<', '\n'])).then(|| inside.len() + 2)
        });
        let Some(whole) = whole else { return Err(format!("broken mark-up: {}", at.chars().take(40).collect::<String>())) };
        rest = at.get(whole..).unwrap_or_default();
    }
    Ok(())
}
