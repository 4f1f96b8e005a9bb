//! Messages as a chat shows them: the part of Slack's Block Kit that the desk sends.

use super::html::{all, text};
use super::markdown::link;
use serde_json::Value;

/// A message's blocks as HTML; its plain text where it has none.
pub(super) fn render(message: &Value, own: &str) -> String {
    match message.get("blocks").and_then(Value::as_array) {
        Some(blocks) => all(blocks, |block| one(block, own)),
        None => format!("<p>{}</p>", mrkdwn(string(message, "text"), own)),
    }
}

fn string<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn inner<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).map_or("", |text| string(text, "text"))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn one(block: &Value, own: &str) -> String {
    match string(block, "type") {
        "header" => format!("<h3>{}</h3>", plain(inner(block, "text"))),
        "section" => {
            let said = format!("<p>{}</p>", mrkdwn(inner(block, "text"), own));
            let fields = all(list(block, "fields"), |field| {
                let (name, value) = string(field, "text").split_once('\n').unwrap_or(("", string(field, "text")));
                format!("<div><dt>{}</dt><dd>{}</dd></div>", plain(name.trim_matches('*')), mrkdwn(value, own))
            });
            if fields.is_empty() { said } else { format!("{said}<dl>{fields}</dl>") }
        }
        "context" => all(list(block, "elements"), |element| format!("<p class=\"dim\">{}</p>", mrkdwn(string(element, "text"), own))),
        "actions" => {
            let buttons = all(list(block, "elements"), |element| match here(string(element, "url"), own) {
                Some(path) => format!(r#"<a class="button" href="{}">{}</a>"#, text(path), plain(inner(element, "text"))),
                None => String::new(),
            });
            format!("<p>{buttons}</p>")
        }
        _ => String::new(),
    }
}

/// The path of an address that is one of these pages.
fn here<'u>(url: &'u str, own: &str) -> Option<&'u str> {
    url.strip_prefix(own).filter(|path| path.starts_with('/') && !path.starts_with("//"))
}

fn plain(slack: &str) -> String {
    text(&unescape(slack))
}

fn unescape(slack: &str) -> String {
    slack.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Slack's own marks: `*bold*`, `<address|words>`, `<!here>`.
fn mrkdwn(slack: &str, own: &str) -> String {
    let mut out = String::new();
    let mut rest = slack;
    while let Some(c) = rest.chars().next() {
        let marked = match c {
            '<' => rest.get(1..).and_then(|inside| inside.split_once('>')).map(|(inside, after)| (angle(inside, own), after)),
            '*' => rest
                .get(1..)
                .and_then(|inside| inside.split_once('*'))
                .filter(|(inside, _)| !inside.is_empty() && !inside.contains('\n'))
                .map(|(inside, after)| (format!("<strong>{}</strong>", mrkdwn(inside, own)), after)),
            '\n' => rest.get(1..).map(|after| ("<br>".to_owned(), after)),
            '&' => [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
                .into_iter()
                .find_map(|(entity, c)| rest.strip_prefix(entity).map(|after| (text(c), after))),
            _ => None,
        };
        if let Some((html, after)) = marked {
            out.push_str(&html);
            rest = after;
        } else {
            out.push_str(&text(c.encode_utf8(&mut [0; 4])));
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

fn angle(inside: &str, own: &str) -> String {
    let (target, words) = inside.split_once('|').unwrap_or((inside, inside));
    if let Some(whom) = target.strip_prefix('!').or_else(|| target.strip_prefix('@')) {
        return format!("<strong class=\"mention\">@{}</strong>", plain(whom));
    }
    match here(target, own) {
        Some(path) => format!(r#"<a href="{}">{}</a>"#, text(&unescape(path)), plain(words)),
        None if target.starts_with("https://") => link(&unescape(target), &plain(words)),
        None => plain(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_ping_looks_as_in_its_channel() {
        let ping = json!({ "text": "due soon", "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "Due soon (75%): a/b#1 &lt;x&gt;" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "*<http://127.0.0.1:80/a/b/issues/1|a/b#1>*  Help &amp; <!here>" },
              "fields": [{ "type": "mrkdwn", "text": "*Partner*\nAcme &amp; Sons" }] },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": "late\n<b>" }] },
            { "type": "actions", "elements": [
                { "type": "button", "text": { "type": "plain_text", "text": "Open" }, "url": "http://127.0.0.1:80/a/b/issues/1" },
                { "type": "button", "text": { "type": "plain_text", "text": "Evil" }, "url": "http://127.0.0.1:80//evil" }] },
        ] });
        assert_eq!(
            render(&ping, "http://127.0.0.1:80"),
            "<h3>Due soon (75%): a/b#1 &lt;x&gt;</h3>\
             <p><strong><a href=\"/a/b/issues/1\">a/b#1</a></strong>  Help &amp; <strong class=\"mention\">@here</strong></p>\
             <dl><div><dt>Partner</dt><dd>Acme &amp; Sons</dd></div></dl>\
             <p class=\"dim\">late<br>b</p><p><a class=\"button\" href=\"/a/b/issues/1\">Open</a></p>"
        );
        assert_eq!(render(&json!({ "text": "a <javascript:x|b>" }), ""), "<p>a b</p>");
    }
}
