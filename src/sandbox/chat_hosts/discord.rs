//! Discord's webhooks.
//!
//! Sources: what a webhook takes, content 2000, 10 embeds (<https://docs.discord.com/developers/resources/webhook#execute-webhook>); embeds:
//! title 256, description 4096, 25 fields of a name of 256 and a value of 1024, 6000 in all of a message's embeds, each without the blanks
//! at its ends (<https://docs.discord.com/developers/resources/message#embed-object-embed-limits>); `allowed_mentions`
//! (<https://docs.discord.com/developers/resources/message#allowed-mentions-object>). Discord shows broken links as they stand; the
//! stand-in refuses them.

use super::{Verdict, links, list, only, text, units, web};
use serde_json::Value;

/// What a webhook takes.
pub(super) fn webhook(body: &Value) -> Verdict {
    only(body, &["content", "username", "avatar_url", "tts", "embeds", "allowed_mentions", "flags", "thread_name"])?;
    let said = optional(body, "content", 2000)?;
    let embeds = list(body, "embeds", 10)?;
    if said == 0 && embeds.is_empty() {
        return Err("Cannot send an empty message".to_owned());
    }
    let total = embeds.iter().map(embed).sum::<Result<usize, String>>()?;
    if total > 6000 {
        return Err(format!("Embed size exceeds maximum size of 6000: {total}"));
    }
    body.get("allowed_mentions").map_or(Ok(()), allowed)
}

/// How much of a message's 6000 an embed takes.
fn embed(embed: &Value) -> Result<usize, String> {
    only(embed, &["title", "type", "description", "url", "timestamp", "color", "footer", "image", "thumbnail", "author", "fields"])?;
    let mut total = optional(embed, "title", 256)? + optional(embed, "description", 4096)?;
    links(embed.get("description"))?;
    web(embed, "url")?;
    if embed.get("url").is_some() {
        text(embed, "url", 2048)?;
    }
    if embed.get("color").is_some_and(|color| color.as_u64().is_none_or(|color| color > 0x00ff_ffff)) {
        return Err("`color` is no colour".to_owned());
    }
    for field in list(embed, "fields", 25)? {
        only(field, &["name", "value", "inline"])?;
        if field.get("inline").is_some_and(|inline| !inline.is_boolean()) {
            return Err("`inline` is neither true nor false".to_owned());
        }
        for (key, most) in [("name", 256), ("value", 1024)] {
            let length = optional(field, key, most)?;
            if length == 0 {
                return Err(format!("`{key}`: This field is required"));
            }
            total += length;
        }
    }
    Ok(total)
}

fn allowed(allowed: &Value) -> Verdict {
    only(allowed, &["parse", "roles", "users", "replied_user"])?;
    let parse = list(allowed, "parse", 3)?;
    if let Some(wrong) = parse.iter().find(|kind| !matches!(kind.as_str(), Some("roles" | "users" | "everyone"))) {
        return Err(format!("`parse`: Value {wrong} must be one of ('users', 'roles', 'everyone')."));
    }
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

/// The length of a text that may be missing, without the blanks at its ends.
fn optional(value: &Value, key: &str, most: usize) -> Result<usize, String> {
    let Some(text) = value.get(key) else { return Ok(0) };
    let length = units(text.as_str().ok_or_else(|| format!("`{key}` is no text"))?.trim());
    if length > most { Err(format!("`{key}`: Must be {most} or fewer in length, not {length}")) } else { Ok(length) }
}
