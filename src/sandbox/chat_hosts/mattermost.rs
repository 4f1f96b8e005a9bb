//! Mattermost's posts, as incoming webhooks and `POST /api/v4/posts` take them.
//!
//! Sources: a message has 16 383 characters, counted as code points
//! (<https://docs.mattermost.com/administration-guide/configure/environment-configuration-settings.html>, `PostMessageMaxRunesV2` of
//! `model/post.go`); what hangs on a post, attachments among it, 8000 in servers before 7.0, of which a webhook leaves 7900
//! (<https://gitlab.com/gitlab-org/gitlab-foss/-/issues/37555>); attachments and their fields
//! (<https://developers.mattermost.com/integrate/reference/message-attachments/>), posts
//! (<https://developers.mattermost.com/api-documentation/#/operations/CreatePost>).

use super::{Verdict, links, list, object, only, web};
use serde_json::Value;

const MESSAGE: usize = 16_383;
const ATTACHMENTS: usize = 7900;

/// What an incoming webhook takes.
pub(super) fn webhook(body: &Value) -> Verdict {
    only(body, &["text", "attachments", "username", "icon_url", "icon_emoji", "channel", "props", "type", "priority"])?;
    content(body, "text", body.get("attachments"))
}

/// What makes a post, or changes one.
pub(in crate::sandbox) fn post(body: &Value) -> Verdict {
    only(body, &["channel_id", "message", "root_id", "file_ids", "props", "metadata", "is_pinned", "has_reactions"])?;
    let props = body.get("props");
    if let Some(props) = props {
        object(props)?;
    }
    content(body, "message", props.and_then(|props| props.get("attachments")))
}

fn content(body: &Value, key: &str, attachments: Option<&Value>) -> Verdict {
    let said = length(body, key, MESSAGE)?;
    let attachments = match attachments {
        None => &[][..],
        Some(list) => list.as_array().ok_or("`attachments` is no list")?,
    };
    if said == 0 && attachments.is_empty() {
        return Err("No text specified.".to_owned());
    }
    attachments.iter().try_for_each(attachment)?;
    let length = Value::from(attachments).to_string().chars().count();
    if length > ATTACHMENTS {
        Err(format!("Maximum attachments length is {ATTACHMENTS} characters, received size is {length}"))
    } else {
        Ok(())
    }
}

fn attachment(attachment: &Value) -> Verdict {
    let known = ["fallback", "color", "pretext", "author_name", "author_link", "author_icon", "title", "title_link", "text", "fields"];
    let more = ["image_url", "thumb_url", "footer", "footer_icon", "actions"];
    only(attachment, &[&known[..], &more[..]].concat())?;
    for key in ["fallback", "title", "text", "pretext", "footer"] {
        length(attachment, key, MESSAGE)?;
        links(attachment.get(key))?;
    }
    web(attachment, "title_link")?;
    let color = attachment.get("color").and_then(Value::as_str).unwrap_or("#000000");
    let digits = color.strip_prefix('#').unwrap_or_default();
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("`color` is {color}"));
    }
    for field in list(attachment, "fields", 100)? {
        only(field, &["title", "value", "short"])?;
        if length(field, "title", MESSAGE)? == 0 || length(field, "value", MESSAGE)? == 0 {
            return Err(format!("an empty field: {field}"));
        }
        if field.get("short").is_some_and(|short| !short.is_boolean()) {
            return Err("`short` is neither true nor false".to_owned());
        }
    }
    Ok(())
}

/// The length of a text that may be missing, in code points.
fn length(value: &Value, key: &str, most: usize) -> Result<usize, String> {
    let Some(text) = value.get(key) else { return Ok(0) };
    let length = text.as_str().ok_or_else(|| format!("`{key}` is no text"))?.chars().count();
    if length > most { Err(format!("`{key}` has {length} characters, at most {most}")) } else { Ok(length) }
}
