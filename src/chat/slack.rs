//! Messages as a Slack incoming webhook takes them, and whatever else speaks that format.
//!
//! `text` is what a phone's lock screen, a screen reader and hosts without blocks show, so it alone must be enough; `blocks` is
//! the same for the eye. Limits are Slack's: 3000 characters a section, 150 a header, 2000 a field, and about 12 000 for all blocks
//! together (`msg_blocks_too_long`). In which unit it counts it does not say, so it is the one in which texts are longest. A message over
//! a limit is refused as a whole, so every part is cut to fit before it is put in.

use super::card::Tone;
use super::message::{ChatMessage, Digest, Notice, Ping, instead, minute, more, time_left};
use super::neutral::{self, units};
use super::root::Root;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;

const HEADER: usize = 150;
const SECTION: usize = 3000;
const FIELD: usize = 2000;
/// More people than this are not woken at once; it keeps the mentions inside a section.
const MENTIONS: usize = 20;

/// Sections in which a digest or a recovery lists its lines; of what does not fit only the number is told. With all that may stand beside
/// them they are under what Slack takes of all blocks together.
const SECTIONS: usize = 3;
/// What one of them holds.
const LIST: usize = 2800;

/// The request's body for `message`, sent at `now`, in place of these channels.
#[must_use]
pub fn render(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> Value {
    written(message, instead_of, now).0
}

/// The same, and how many of its lines it had no room for.
pub(super) fn written(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> (Value, usize) {
    let (mut body, left_out) = match message {
        ChatMessage::Ping(ping) => (render_ping(ping, now), 0),
        ChatMessage::Notice(notice) => (render_notice(notice), 0),
        ChatMessage::Digest(digest) => render_digest(digest, now),
        ChatMessage::Recovery(recovery) => render_lines(&recovery.headline(), &recovery.lines()),
        ChatMessage::Report(report) => render_lines(&report.headline(), &report.lines(now)),
    };
    if let Some(instead) = instead(instead_of) {
        let instead = escape(&instead, 500);
        if let Some(text) = body.get_mut("text") {
            *text = format!("{instead} {}", text.as_str().unwrap_or_default()).into();
        }
        if let Some(blocks) = body.get_mut("blocks").and_then(Value::as_array_mut) {
            blocks.insert(0, json!({ "type": "context", "elements": [mrkdwn(&instead)] }));
        }
    }
    (body, left_out)
}

fn header(text: &str) -> Value {
    let text = escape(text, HEADER);
    json!({ "type": "header", "text": { "type": "plain_text", "text": text, "emoji": false } })
}

/// Lines that are escaped already, as many as fit into so many sections, with the number of the others at their end, and that number.
fn sections(lines: &[String], most: usize) -> (Vec<String>, usize) {
    /// Room for `and 12345 more`.
    const MORE: usize = 20;
    let mut sections = vec![String::new()];
    for (place, line) in lines.iter().enumerate() {
        let room = if sections.len() < most { LIST } else { LIST - MORE };
        let used = sections.last().map_or(0, |section| units(section));
        let needed = units(line) + usize::from(used > 0);
        if used + needed > room && sections.len() < most && used > 0 {
            sections.push(line.clone());
        } else if let Some(section) = sections.last_mut() {
            if used > 0 {
                section.push('\n');
            }
            if used + needed > room {
                let left = lines.len() - place;
                let _ = write!(section, "and {left} more");
                return (sections, left);
            }
            section.push_str(line);
        }
    }
    (sections, 0)
}

/// Lines as blocks, and how many of them there is no room for.
fn listed(lines: &[String]) -> (impl Iterator<Item = Value>, usize) {
    let (sections, left_out) = sections(lines, SECTIONS);
    (sections.into_iter().map(|section| json!({ "type": "section", "text": mrkdwn(&section) })), left_out)
}

/// Lines where there are no blocks.
fn in_text(lines: &[String]) -> String {
    sections(lines, 1).0.join("\n")
}

fn render_digest(digest: &Digest, now: Timestamp) -> (Value, usize) {
    let mentions = mentions(&digest.mentions());
    let headline = digest.headline(now);
    let lines: Vec<_> = digest.pings.iter().map(|ping| digest_line(ping, now)).collect();
    let (listed, left_out) = listed(&lines);
    let mut blocks = vec![header(&headline)];
    if !mentions.is_empty() {
        blocks.push(json!({ "type": "section", "text": mrkdwn(&mentions) }));
    }
    blocks.extend(listed);
    let plain = |ping: &Ping| escape(&format!("{} {}", ping.reference(), ping.in_a_digest(now)), 1000);
    let plain: Vec<_> = digest.pings.iter().map(plain).collect();
    let text = join(&[&mentions, &format!("{headline}:\n{}", in_text(&plain))]);
    (json!({ "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false }), left_out)
}

fn digest_line(ping: &Ping, now: Timestamp) -> String {
    let reference = escape(&ping.reference(), 300);
    let reference = match link_target(&ping.url).filter(|url| url.len() <= 300) {
        Some(url) => format!("*<{url}|{reference}>*"),
        None => format!("*{reference}*"),
    };
    format!("{reference} {}", escape(&ping.in_a_digest(now), 1000))
}

fn render_lines(headline: &str, lines: &[String]) -> (Value, usize) {
    let lines: Vec<_> = lines.iter().map(|line| escape(line, 2000)).collect();
    let (listed, left_out) = listed(&lines);
    let mut blocks = vec![header(headline)];
    blocks.extend(listed);
    let text = format!("{}.\n{}", escape(headline, HEADER), in_text(&lines));
    (json!({ "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false }), left_out)
}

fn render_ping(ping: &Ping, now: Timestamp) -> Value {
    let mentions = mentions(&ping.mentions);
    let line = escape(&ping.in_one_line(now), SECTION);
    let (what, url) = issue(&ping.url, &ping.reference(), &ping.title);
    let (buttons, links) = buttons(url.as_deref(), ping.acknowledge.as_deref());
    let fields = [
        ("Partner", neutral::line(&ping.partner, 200)),
        ("Tier", neutral::line(&ping.tier, 100)),
        ("Time", time_left(ping.due_at, now)),
        ("Due", minute(ping.due_at)),
        ("Opened by", neutral::line(&ping.author, 100)),
        ("Clock started", minute(ping.started_at)),
    ]
    .map(|(name, value)| json!({ "type": "mrkdwn", "text": format!("*{name}*\n{}", escape(&value, FIELD - 50)) }));

    let step = capitalised(&ping.step_in_words());
    let head = header(&format!("{step}: {}", ping.reference()));
    let to_do = join(&[&mentions, &escape(&neutral::line(&ping.advice, 1000), 1500)]);
    let mut blocks = vec![head, json!({ "type": "section", "text": mrkdwn(&what), "fields": fields })];
    if !to_do.is_empty() {
        blocks.push(json!({ "type": "section", "text": mrkdwn(&to_do) }));
    }
    if let Some(caveat) = ping.caveat() {
        blocks.push(json!({ "type": "context", "elements": [mrkdwn(caveat)] }));
    }
    blocks.extend(buttons);
    json!({ "text": join(&[&mentions, &line, &links]), "blocks": blocks, "unfurl_links": false, "unfurl_media": false })
}

/// The message that a ticket's thread hangs on, written anew. Blocks have no colour, so a mark stands for it.
pub(super) fn render_root(root: &Root) -> Value {
    let mark = match Tone::of(root) {
        Tone::Red => '🔴',
        Tone::Amber => '🟡',
        Tone::Blue => '🔵',
        Tone::Green => '🟢',
        Tone::Grey => '⚪',
    };
    let fact = |(name, value): (&str, String)| json!({ "type": "mrkdwn", "text": format!("*{name}*\n{}", escape(&value, FIELD - 50)) });
    let fields: Vec<_> = root.facts().into_iter().map(fact).collect();
    let (what, url) = issue(&root.url, &root.reference(), &root.title);
    let head = header(&format!("{mark} {}: {}", root.headline(), root.reference()));
    let mut blocks = vec![head, json!({ "type": "section", "text": mrkdwn(&what), "fields": fields })];
    let (buttons, links) = buttons(url.as_deref(), root.acknowledge.as_deref());
    blocks.extend(buttons);
    // What is written anew may have no more than 4000 bytes of text.
    let line = escape(&root.in_one_line(), 800);
    json!({ "text": join(&[&line, &links]), "blocks": blocks, "unfurl_links": false, "unfurl_media": false })
}

/// The issue with its title, linked if its address can be, and that address.
fn issue(url: &str, reference: &str, title: &str) -> (String, Option<String>) {
    let (url, reference) = (link_target(url), escape(reference, 300));
    let issue = url.as_ref().map_or_else(|| format!("*{reference}*"), |url| format!("*<{url}|{reference}>*"));
    (format!("{issue}  {}", escape(&neutral::line(title, 300), 1500)), url)
}

/// The buttons, if there are any, and the same for the text.
fn buttons(url: Option<&str>, acknowledge: Option<&str>) -> (Option<Value>, String) {
    let button = |label: &str, url: &str| {
        let label = json!({ "type": "plain_text", "text": label, "emoji": false });
        json!({ "type": "button", "text": label, "url": url })
    };
    let (mut all, mut text) = (Vec::new(), String::new());
    if let Some(url) = url {
        let mut first = button("Open the issue", url);
        if let Some(map) = first.as_object_mut() {
            map.insert("style".to_owned(), "primary".into());
        }
        all.push(first);
        url.clone_into(&mut text);
    }
    if let Some(url) = acknowledge.and_then(link_target) {
        all.push(button("Acknowledge", &url));
        text = join(&[&text, &format!("<{url}|Acknowledge>")]);
    }
    ((!all.is_empty()).then(|| json!({ "type": "actions", "elements": all })), text)
}

fn render_notice(notice: &Notice) -> Value {
    let text = escape(&neutral::lines(&notice.text, SECTION), SECTION);
    // Slack refuses an empty section.
    let text = if text.is_empty() { "(no text)".to_owned() } else { text };
    json!({ "text": text, "blocks": [{ "type": "section", "text": mrkdwn(&text) }], "unfurl_links": false, "unfurl_media": false })
}

/// `verbatim` keeps Slack from making names and addresses in the text into links.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// Slack's three entities. At most `max` characters come out, and none of the entities is cut in two.
fn escape(text: &str, max: usize) -> String {
    let entity = |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    };
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    for (i, c) in text.char_indices() {
        let width = entity(c).map_or_else(|| c.len_utf16(), str::len);
        let is_last = i + c.len_utf8() == text.len();
        if used + width > max || (used + width + 1 > max && !is_last) {
            out.push('…');
            break;
        }
        used += width;
        match entity(c) {
            Some(entity) => out.push_str(entity),
            None => out.push(c),
        }
    }
    out
}

/// What wakes people. Written by the operator, but a name that Slack would not know is still made harmless.
fn mentions(mentions: &[String]) -> String {
    let one = |who: &String| {
        let who = who.trim();
        let name = who.strip_prefix('@').unwrap_or(who);
        match name {
            "here" | "channel" | "everyone" => format!("<!{name}>"),
            name if is_id(name, &['U', 'W']) => format!("<@{name}>"),
            name if is_id(name, &['S']) => format!("<!subteam^{name}>"),
            name => escape(&neutral::line(name, 40), 60),
        }
    };
    let mut words: Vec<_> = mentions.iter().take(MENTIONS).map(one).filter(|word| !word.is_empty()).collect();
    words.extend(more(mentions.len(), MENTIONS));
    words.join(" ")
}

/// `U123`, `S0614TZR7`: a letter that says what it is, then capitals and digits, at least one digit (so that `US` is a name).
fn is_id(name: &str, kinds: &[char]) -> bool {
    name.starts_with(kinds)
        && name.len() <= 24
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && name.bytes().any(|b| b.is_ascii_digit())
}

/// The address, if it is one that can stand in `<…|…>` and on a button.
fn link_target(url: &str) -> Option<String> {
    // What GitHub's own addresses are made of; anything else could end the link or start another mark.
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-._/:?#&=%+,;".contains(&b);
    let web = url.starts_with("https://") || url.starts_with("http://");
    (web && url.len() <= 1000 && url.bytes().all(harmless)).then(|| url.replace('&', "&amp;"))
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{at, nasty, recovery};
    use super::*;

    fn rendered(ping: Ping) -> Value {
        render(&ChatMessage::Ping(ping), &[], at("2026-11-22T17:00:00Z"))
    }

    fn pretty(value: &Value) -> String {
        // Word joiners would be invisible here.
        serde_json::to_string_pretty(value).unwrap().replace('\u{2060}', "\\u2060")
    }

    /// Every text that Slack measures, with its limit.
    fn texts(value: &Value) -> Vec<(String, usize)> {
        let mut found = vec![(value["text"].as_str().unwrap().to_owned(), 40_000)];
        let blocks = value["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        for block in blocks {
            let limit = if block["type"] == "header" { 150 } else { 3000 };
            found.extend(block["text"]["text"].as_str().map(|text| (text.to_owned(), limit)));
            let fields = block["fields"].as_array().cloned().unwrap_or_default();
            assert!(fields.len() <= 10);
            found.extend(fields.iter().map(|field| (field["text"].as_str().unwrap().to_owned(), 2000)));
        }
        found
    }

    #[test]
    fn a_step() {
        insta::assert_snapshot!(pretty(&rendered(nasty())), @r#"
        {
          "blocks": [
            {
              "text": {
                "emoji": false,
                "text": "Due soon (75%): acme/support#12",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "fields": [
                {
                  "text": "*Partner*\nAcme &amp; Sons",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Tier*\nGold",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Time*\n1h left",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Due*\n2026-11-22 18:00 UTC",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Opened by*\nmona",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Clock started*\n2026-11-22 14:00 UTC",
                  "type": "mrkdwn"
                }
              ],
              "text": {
                "text": "*<https://github.com/acme/support/issues/12|acme/support#12>*  ＠channel &lt;!channel&gt; ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example &lt;https:\u2060//evil\u2060.example¦here&gt;",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "text": {
                "text": "Answer the partner on the issue.",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "style": "primary",
                  "text": {
                    "emoji": false,
                    "text": "Open the issue",
                    "type": "plain_text"
                  },
                  "type": "button",
                  "url": "https://github.com/acme/support/issues/12"
                }
              ],
              "type": "actions"
            }
          ],
          "text": "due soon (75%): Acme &amp; Sons, Gold, acme/support#12 “＠channel &lt;!channel&gt; ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example &lt;https:\u2060//evil\u2060.example¦here&gt;”, 1h left, due 2026-11-22 18:00 UTC. Answer the partner on the issue. https://github.com/acme/support/issues/12",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn e5_a_link_is_a_button_and_stands_in_the_text() {
        let value = rendered(Ping { acknowledge: Some("https://desk.example/ack/MTIuMQ".into()), ..nasty() });
        let buttons = value["blocks"].as_array().unwrap().last().unwrap();
        insta::assert_snapshot!(buttons["elements"][1], @r#"{"text":{"emoji":false,"text":"Acknowledge","type":"plain_text"},"type":"button","url":"https://desk.example/ack/MTIuMQ"}"#);
        assert!(value["text"].as_str().unwrap().ends_with("/issues/12 <https://desk.example/ack/MTIuMQ|Acknowledge>"));
        assert_eq!(rendered(nasty())["blocks"].as_array().unwrap().last().unwrap()["elements"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_late_repeat_with_mentions() {
        let ping = Ping {
            step: "breach".into(),
            at: "due".into(),
            occurrence: 3,
            times: 12,
            late: true,
            unconfirmed: true,
            title: "Login fails".into(),
            mentions: ["@here", "U123", "S0614TZR7", "W9", "on-call team", "US", "<!channel>"].map(String::from).into(),
            ..nasty()
        };
        let value = render(&ChatMessage::Ping(ping), &[], at("2026-11-22T20:10:00Z"));
        insta::assert_snapshot!(pretty(&value), @r#"
        {
          "blocks": [
            {
              "text": {
                "emoji": false,
                "text": "Breach (due), repeat 3 of 12, late: acme/support#12",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "fields": [
                {
                  "text": "*Partner*\nAcme &amp; Sons",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Tier*\nGold",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Time*\noverdue by 2h 10m",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Due*\n2026-11-22 18:00 UTC",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Opened by*\nmona",
                  "type": "mrkdwn"
                },
                {
                  "text": "*Clock started*\n2026-11-22 14:00 UTC",
                  "type": "mrkdwn"
                }
              ],
              "text": {
                "text": "*<https://github.com/acme/support/issues/12|acme/support#12>*  Login fails",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "text": {
                "text": "<!here> <@U123> <!subteam^S0614TZR7> <@W9> on-call team US &lt;!channel&gt; Answer the partner on the issue.",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "text": "Sent late, and GitHub could not be read just before: the issue may have been answered already.",
                  "type": "mrkdwn",
                  "verbatim": true
                }
              ],
              "type": "context"
            },
            {
              "elements": [
                {
                  "style": "primary",
                  "text": {
                    "emoji": false,
                    "text": "Open the issue",
                    "type": "plain_text"
                  },
                  "type": "button",
                  "url": "https://github.com/acme/support/issues/12"
                }
              ],
              "type": "actions"
            }
          ],
          "text": "<!here> <@U123> <!subteam^S0614TZR7> <@W9> on-call team US &lt;!channel&gt; breach (due), repeat 3 of 12, late (not confirmed with GitHub): Acme &amp; Sons, Gold, acme/support#12 “Login fails”, overdue by 2h 10m, due 2026-11-22 18:00 UTC. Answer the partner on the issue. https://github.com/acme/support/issues/12",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn a_notice() {
        let notice = Notice { text: "Down 10:00–10:07 UTC.\nCaught up: 3 <tickets> & *1* breach".into() };
        insta::assert_snapshot!(pretty(&render(&ChatMessage::Notice(notice), &[], at("2026-11-22T17:00:00Z"))), @r#"
        {
          "blocks": [
            {
              "text": {
                "text": "Down 10:00–10:07 UTC.\nCaught up: 3 &lt;tickets&gt; &amp; ＊1＊ breach",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            }
          ],
          "text": "Down 10:00–10:07 UTC.\nCaught up: 3 &lt;tickets&gt; &amp; ＊1＊ breach",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn e4_a_digest_in_place_of_another_channel() {
        let overdue = Ping { number: 13, title: "Login fails".into(), due_at: at("2026-11-22T15:30:00Z"), unconfirmed: true, ..nasty() };
        let digest = Digest { pings: vec![Ping { mentions: vec!["@here".into()], ..overdue }, nasty()] };
        let value = render(&ChatMessage::Digest(digest), &["night".into()], at("2026-11-22T17:00:00Z"));
        insta::assert_snapshot!(pretty(&value), @r#"
        {
          "blocks": [
            {
              "elements": [
                {
                  "text": "Sent here because the chat “night” does not answer.",
                  "type": "mrkdwn",
                  "verbatim": true
                }
              ],
              "type": "context"
            },
            {
              "text": {
                "emoji": false,
                "text": "2 tickets wait for an answer, 1 of them overdue",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "text": {
                "text": "<!here>",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "text": {
                "text": "*<https://github.com/acme/support/issues/12|acme/support#13>* Acme &amp; Sons, Gold: due soon (75%), overdue by 1h 30m, due 2026-11-22 15:30 UTC, not confirmed with GitHub. “Login fails”\n*<https://github.com/acme/support/issues/12|acme/support#12>* Acme &amp; Sons, Gold: due soon (75%), 1h left, due 2026-11-22 18:00 UTC. “＠channel &lt;!channel&gt; ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example &lt;https:\u2060//evil\u2060.example¦here&gt;”",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            }
          ],
          "text": "Sent here because the chat “night” does not answer. <!here> 2 tickets wait for an answer, 1 of them overdue:\nacme/support#13 Acme &amp; Sons, Gold: due soon (75%), overdue by 1h 30m, due 2026-11-22 15:30 UTC, not confirmed with GitHub. “Login fails”\nacme/support#12 Acme &amp; Sons, Gold: due soon (75%), 1h left, due 2026-11-22 18:00 UTC. “＠channel &lt;!channel&gt; ＊bold＊ ˋrmˋ see https:\u2060//evil\u2060.example &lt;https:\u2060//evil\u2060.example¦here&gt;”",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn r5_a_recovery() {
        let value = render(&ChatMessage::Recovery(recovery()), &[], at("2026-11-22T17:00:00Z"));
        insta::assert_snapshot!(pretty(&value), @r#"
        {
          "blocks": [
            {
              "text": {
                "emoji": false,
                "text": "The desk was down from 2026-11-22 14:00 UTC to 2026-11-22 16:30 UTC, 2h 30m",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "text": {
                "text": "Caught up with 7 events.\nAnswered meanwhile: 2 (Acme &amp; Sons acme/support#1, Acme &amp; Sons acme/support#2).\nBreached meanwhile: 12 (Acme &amp; Sons acme/support#3, Acme &amp; Sons acme/support#4, Acme &amp; Sons acme/support#5, Acme &amp; Sons acme/support#6, Acme &amp; Sons acme/support#7, Acme &amp; Sons acme/support#8, Acme &amp; Sons acme/support#9, Acme &amp; Sons acme/support#10, Acme &amp; Sons acme/support#11, Acme &amp; Sons acme/support#12, and 2 more).\nNot said, because no longer true: 2 steps.\nAcme &amp; Sons acme/support#15: “breach”, said 2026-11-22 13:00 UTC, was wrong: answered 2026-11-22 12:50 UTC, in time.",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            }
          ],
          "text": "The desk was down from 2026-11-22 14:00 UTC to 2026-11-22 16:30 UTC, 2h 30m.\nCaught up with 7 events.\nAnswered meanwhile: 2 (Acme &amp; Sons acme/support#1, Acme &amp; Sons acme/support#2).\nBreached meanwhile: 12 (Acme &amp; Sons acme/support#3, Acme &amp; Sons acme/support#4, Acme &amp; Sons acme/support#5, Acme &amp; Sons acme/support#6, Acme &amp; Sons acme/support#7, Acme &amp; Sons acme/support#8, Acme &amp; Sons acme/support#9, Acme &amp; Sons acme/support#10, Acme &amp; Sons acme/support#11, Acme &amp; Sons acme/support#12, and 2 more).\nNot said, because no longer true: 2 steps.\nAcme &amp; Sons acme/support#15: “breach”, said 2026-11-22 13:00 UTC, was wrong: answered 2026-11-22 12:50 UTC, in time.",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn e4_a_long_digest_fits_and_counts_what_it_leaves_out() {
        for filler in ["x", "&", "<", "ż ", "😀", "*"] {
            let long = filler.repeat(1500);
            let ping = Ping { title: long.clone(), partner: long.clone(), tier: long.clone(), mentions: vec![long.clone(); 3], ..nasty() };
            let digest = Digest { pings: vec![ping; 60] };
            let value = render(&ChatMessage::Digest(digest), &vec![long; 30], at("2026-11-22T17:00:00Z"));
            let listed = value["blocks"].as_array().unwrap().iter().filter_map(|block| block["text"]["text"].as_str());
            let shown = listed.clone().map(|text| text.matches("|acme/support#12>").count()).sum::<usize>();
            assert!(shown > 5 && listed.clone().any(|text| text.ends_with(&format!("and {} more", 60 - shown))), "{shown}");
            for (text, limit) in texts(&value) {
                assert!(!text.is_empty() && units(&text) <= limit, "{} > {limit}: {text}", units(&text));
            }
        }
    }

    #[test]
    fn nothing_untrusted_does_anything() {
        for evil in
            ["@channel", "<!channel>", "<!here>", "<@U123>", "<https://evil.example|pay>", "a\nb", "*bold*", "`code`", "[x](http://e.vil)"]
        {
            let ping = Ping {
                title: evil.into(),
                partner: evil.into(),
                tier: evil.into(),
                author: evil.into(),
                repository: evil.into(),
                step: evil.into(),
                at: evil.into(),
                advice: evil.into(),
                url: format!("https://github.com/{evil}"),
                ..nasty()
            };
            for (text, _) in texts(&rendered(ping)) {
                let ours = ["Partner", "Tier", "Time", "Due", "Opened by", "Clock started"];
                let text = ours.iter().fold(text, |text, name| text.replace(&format!("*{name}*\n"), ""));
                for mark in ["@", "<", "`", "](", "\n", "*bold", "://"] {
                    assert!(!text.contains(mark), "{evil:?} left {mark:?} in {text:?}");
                }
            }
        }
    }

    #[test]
    fn everything_fits_into_slacks_limits() {
        for filler in ["x", "&", "<", "ż ", "😀", "*"] {
            let long = filler.repeat(5000);
            let ping = Ping {
                title: long.clone(),
                partner: long.clone(),
                tier: long.clone(),
                author: long.clone(),
                repository: long.clone(),
                step: long.clone(),
                at: long.clone(),
                advice: long.clone(),
                mentions: vec![long.clone(); 500],
                ..nasty()
            };
            let notice = ChatMessage::Notice(Notice { text: long });
            for (text, limit) in texts(&rendered(ping)).into_iter().chain(texts(&render(&notice, &[], at("2026-11-22T17:00:00Z")))) {
                assert!(!text.is_empty() && units(&text) <= limit, "{} > {limit}: {text}", units(&text));
            }
        }
    }

    #[test]
    fn an_entity_is_never_cut() {
        assert_eq!(escape("a&b", 7), "a&amp;b");
        assert_eq!(escape("a&b", 6), "a…");
        assert_eq!(escape("ab&", 7), "ab&amp;");
        assert_eq!(escape("ab&", 6), "ab…");
    }

    #[test]
    fn an_address_that_is_none_makes_no_link() {
        for url in ["javascript:alert(1)", "https://e.x/a b", "https://e.x/>|<", ""] {
            let value = rendered(Ping { url: url.into(), ..nasty() });
            assert!(!pretty(&value).contains("\"actions\""), "{url}");
        }
    }
}
