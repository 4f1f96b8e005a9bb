//! A message laid out once for the hosts that show cards: [`mattermost`](super::mattermost), [`discord`](super::discord),
//! [`teams`](super::teams) and [`google_chat`](super::google_chat). Each only puts it into its own words and limits.

use super::message::{ChatMessage, Digest, Ping, PingKind, instead, minute, more, time_left};
use super::neutral;
use super::root::{Root, RootState};
use jiff::Timestamp;

/// How urgent a card looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// There is time left.
    Amber,
    /// It is overdue.
    Red,
    /// About the desk itself, or nothing to hurry for.
    Blue,
    /// It went well.
    Green,
    /// It is over.
    Grey,
}

impl Tone {
    /// How a ticket stands.
    pub(super) const fn of(root: &Root) -> Self {
        match root.state {
            RootState::Late | RootState::ClosedLate => Self::Red,
            RootState::Waits | RootState::Acknowledged(_) if root.overdue => Self::Red,
            RootState::Waits => Self::Amber,
            RootState::Acknowledged(_) | RootState::Paused => Self::Blue,
            RootState::Met | RootState::Settled => Self::Green,
            RootState::Closed | RootState::Gone | RootState::Left | RootState::Over => Self::Grey,
        }
    }

    /// Red, green and blue.
    pub(super) const fn rgb(self) -> u32 {
        match self {
            Self::Amber => 0x00f5_9e0b,
            Self::Red => 0x00d1_242f,
            Self::Blue => 0x0009_69da,
            Self::Green => 0x001a_7f37,
            Self::Grey => 0x006e_7781,
        }
    }
}

/// One line of the body. Harmless to show.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// What leads it, with its page.
    pub(super) link: Option<(String, Option<String>)>,
    pub(super) text: String,
}

/// A message, laid out. All of its texts are harmless to show.
#[derive(Debug, Clone)]
pub(super) struct Card {
    /// In whose place it is sent.
    pub(super) lead: Option<String>,
    /// Whom to wake, as configured; not harmless yet.
    pub(super) mentions: Vec<String>,
    pub(super) tone: Tone,
    pub(super) title: String,
    pub(super) url: Option<String>,
    /// The page on which its reminders can be stopped (`E5`).
    pub(super) acknowledge: Option<String>,
    /// The message on one line, for a notification.
    pub(super) summary: String,
    pub(super) lines: Vec<Line>,
    pub(super) facts: Vec<(&'static str, String)>,
    /// The deadline, where there is one.
    pub(super) due: Option<Timestamp>,
    pub(super) to_do: String,
    pub(super) caveat: Option<&'static str>,
}

/// More people than this are not woken at once.
const MENTIONS: usize = 20;

impl Card {
    pub(super) fn of(message: &ChatMessage, instead_of: &[String], now: Timestamp) -> Self {
        let lead = instead(instead_of).map(|text| safe(&text, 300));
        let card = match message {
            ChatMessage::Ping(ping) => of_ping(ping, now),
            ChatMessage::Digest(digest) => of_digest(digest, now),
            ChatMessage::Recovery(recovery) => {
                let about = if recovery.corrections.is_empty() { Tone::Blue } else { Tone::Amber };
                let tone = if recovery.breached.is_empty() { about } else { Tone::Red };
                plain(tone, &recovery.headline(), &recovery.lines())
            }
            ChatMessage::Report(report) => {
                let tone = if report.overdue.is_empty() { Tone::Blue } else { Tone::Amber };
                plain(tone, &report.headline(), &report.lines(now))
            }
            ChatMessage::Notice(notice) => {
                let text = neutral::lines(&notice.text, 3000);
                let lines: Vec<_> = text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
                plain(Tone::Blue, "Partner Desk", &lines)
            }
        };
        Self { lead, ..card }
    }

    /// The first message about a ticket, written anew (`E8`).
    pub(super) fn of_root(root: &Root) -> Self {
        let facts = root.facts().into_iter().map(|(name, value)| (name, safe(&value, 100))).collect();
        Self {
            facts,
            url: address(&root.url),
            acknowledge: root.acknowledge.as_deref().and_then(address),
            due: root.due_at,
            lines: vec![Line { link: None, text: safe(&root.title, 300) }],
            summary: safe(&root.in_one_line(), 900),
            ..plain(Tone::of(root), &format!("{}: {}", root.headline(), root.reference()), &[])
        }
    }

    /// Those to wake, each as `known` writes it, or as harmless text.
    pub(super) fn wake(&self, known: impl Fn(&str) -> Option<String>) -> String {
        let one = |who: &String| known(who.trim()).unwrap_or_else(|| safe(who.trim().trim_start_matches('@'), 40));
        let mut words: Vec<_> = self.mentions.iter().take(MENTIONS).map(one).filter(|word| !word.is_empty()).collect();
        words.extend(more(self.mentions.len(), MENTIONS));
        words.join(" ")
    }
}

fn plain(tone: Tone, title: &str, lines: &[String]) -> Card {
    let first = lines.first().cloned().unwrap_or_default();
    Card {
        lead: None,
        mentions: Vec::new(),
        tone,
        summary: safe(&format!("{title}: {first}"), 400),
        title: safe(title, 200),
        url: None,
        acknowledge: None,
        lines: lines.iter().map(|line| Line { link: None, text: safe(line, 1500) }).collect(),
        facts: Vec::new(),
        due: None,
        to_do: String::new(),
        caveat: None,
    }
}

fn of_ping(ping: &Ping, now: Timestamp) -> Card {
    let overdue = ping.due_at <= now;
    let tone = match ping.kind {
        PingKind::New => Tone::Blue,
        _ if overdue => Tone::Red,
        _ => Tone::Amber,
    };
    let facts = vec![
        ("Partner", safe(&ping.partner, 100)),
        ("Tier", safe(&ping.tier, 60)),
        ("Time", time_left(ping.due_at, now)),
        ("Due", minute(ping.due_at)),
        ("Opened by", safe(&ping.author, 60)),
        ("Clock started", minute(ping.started_at)),
    ];
    let step = capitalised(&ping.step_in_words());
    Card {
        lead: None,
        mentions: ping.mentions.clone(),
        tone,
        title: safe(&format!("{step}: {}", ping.reference()), 200),
        url: address(&ping.url),
        acknowledge: ping.acknowledge.as_deref().and_then(address),
        summary: safe(&ping.in_one_line(now), 900),
        lines: vec![Line { link: None, text: safe(&ping.title, 300) }],
        facts: facts.into_iter().map(|(name, value)| (name, if value.is_empty() { "–".to_owned() } else { value })).collect(),
        due: Some(ping.due_at),
        to_do: safe(&ping.advice, 500),
        caveat: ping.caveat(),
    }
}

fn of_digest(digest: &Digest, now: Timestamp) -> Card {
    let overdue = digest.pings.iter().any(|ping| ping.due_at <= now);
    let line =
        |ping: &Ping| Line { link: Some((safe(&ping.reference(), 160), address(&ping.url))), text: safe(&ping.in_a_digest(now), 320) };
    let tone = if overdue { Tone::Red } else { Tone::Amber };
    let lines = digest.pings.iter().map(line).collect();
    Card { mentions: digest.mentions(), lines, summary: digest.headline(now), ..plain(tone, &digest.headline(now), &[]) }
}

/// As [`neutral::line`], and without what these hosts act on beside: `<users/all>`, `<at>`, `<t:…>`, HTML, `{{DATE(…)}}`, `\`, a
/// heading.
pub(super) fn safe(text: &str, max: usize) -> String {
    let look_alike = |c| match c {
        '<' => '‹',
        '>' => '›',
        '\\' => '＼',
        '{' => '｛',
        '}' => '｝',
        '&' => '＆',
        c => c,
    };
    // The desk's own words come here a second time; what joins their words stays.
    let mut out: String = neutral::line(text, max).chars().map(look_alike).collect();
    if out.starts_with(['#', '-', '+', '=']) {
        out.insert(0, '\u{2060}');
    }
    out
}

/// `lines`, written by `write`, as many as fit into `room` by `measure`, with the number of the others at their end, and that number.
pub(super) fn fitting(
    lines: &[Line],
    room: usize,
    between: &str,
    measure: impl Fn(&str) -> usize,
    write: impl Fn(&Line) -> String,
) -> (String, usize) {
    /// Room for `and 12345 more`.
    const MORE: usize = 20;
    let mut out = String::new();
    for (place, line) in lines.iter().enumerate() {
        let written = write(line);
        let left = lines.len() - place;
        let reserve = if left > 1 { MORE + between.len() } else { 0 };
        let gap = if out.is_empty() { "" } else { between };
        if measure(&out) + measure(gap) + measure(&written) + reserve > room {
            out.push_str(gap);
            out.extend(["and ", &left.to_string(), " more"]);
            return (out, left);
        }
        out.push_str(gap);
        out.push_str(&written);
    }
    (out, 0)
}

/// The address, if it is one that can stand in any host's link.
fn address(url: &str) -> Option<String> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-._/:?#=%+,;".contains(&b);
    let web = url.starts_with("https://") || url.starts_with("http://");
    (web && url.len() <= 300 && url.bytes().all(harmless)).then(|| url.to_owned())
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The parts that say something.
pub(super) fn join(parts: &[&str], between: &str) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(between)
}

/// The bytes of a text in JSON, but for its quotes.
pub(super) fn in_json(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len().saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{at, nasty, recovery, report};
    use super::super::{Notice, Recovery, discord, google_chat, mattermost, teams};
    use super::*;
    use serde_json::Value;

    type Render = fn(&ChatMessage, &[String], Timestamp) -> Value;

    const KINDS: [(&str, Render); 4] =
        [("mattermost", mattermost::render), ("discord", discord::render), ("teams", teams::render), ("google_chat", google_chat::render)];
    const NOW: &str = "2026-11-22T17:00:00Z";

    /// Every way of waking somebody that any of the hosts knows.
    fn people() -> Vec<String> {
        let all = ["@here", "@ann", "ben@example.com", "123456789012345678", "@&123456789012345679", "users/42", "on-call team", "<@U1>"];
        all.map(String::from).into()
    }

    #[test]
    fn every_message_for_every_kind() {
        let late = Ping {
            late: true,
            unconfirmed: true,
            mentions: people(),
            occurrence: 3,
            times: 12,
            step: "breach".into(),
            at: "due".into(),
            due_at: at("2026-11-22T15:30:00Z"),
            title: "Login fails 🎉".into(),
            number: 13,
            ..nasty()
        };
        let correction = Recovery { corrections: recovery().corrections, ..Recovery::default() };
        let messages = [
            ("step", ChatMessage::Ping(nasty())),
            ("late repeat", ChatMessage::Ping(late.clone())),
            ("with a link", ChatMessage::Ping(Ping { acknowledge: Some("https://desk.example/ack/MTIuMQ".into()), ..nasty() })),
            ("digest", ChatMessage::Digest(Digest { pings: vec![late, nasty()] })),
            ("recovery", ChatMessage::Recovery(recovery())),
            ("correction", ChatMessage::Recovery(correction)),
            ("weekly", ChatMessage::Report(report())),
            ("notice", ChatMessage::Notice(Notice { text: "Chat `ops` is down.\n<users/all> @everyone".into() })),
        ];
        for (kind, render) in KINDS {
            let shown = messages.iter().map(|(name, message)| {
                let instead = if *name == "digest" { vec!["night".to_owned()] } else { Vec::new() };
                let body = serde_json::to_string_pretty(&render(message, &instead, at(NOW))).unwrap().replace('\u{2060}', "\\u2060");
                format!("# {name}\n{body}")
            });
            insta::assert_snapshot!(kind, shown.collect::<Vec<_>>().join("\n\n"));
        }
    }

    #[test]
    fn g8_nothing_that_people_wrote_does_anything() {
        let evils = [
            "@everyone",
            "@all",
            "<!channel>",
            "<at>ann</at>",
            "<users/all>",
            "<@123456789012345678>",
            "<t:1:R>",
            "*b*",
            "[x](http://e.vil)",
            "<b>x</b>",
            "{{DATE(2026-01-01T00:00:00Z)}}",
            "\\",
            "# big",
        ];
        for evil in evils {
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
            for (kind, render) in KINDS {
                for message in [
                    ChatMessage::Ping(ping.clone()),
                    ChatMessage::Digest(Digest { pings: vec![ping.clone()] }),
                    ChatMessage::Notice(Notice { text: evil.into() }),
                ] {
                    let body = render(&message, &[evil.to_owned()], at(NOW)).to_string();
                    assert!(!body.contains(evil) || evil == "\\" || evil == "# big", "{kind}: {body}");
                    assert!(!body.contains("\\\\") && !body.contains("\"# big"), "{kind}: {body}");
                }
            }
        }
    }
}
