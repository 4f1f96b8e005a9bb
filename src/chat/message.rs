//! What is said in a chat, before any host's format: one model, rendered by [`slack`](super::slack) and [`webhook`](super::webhook).
//!
//! The desk keeps these as JSON in its outbox, so a field may be added (with a default) but not renamed.

use super::neutral;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One message for a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly every message is a ping, and few are in memory at once")]
pub enum ChatMessage {
    /// About one ticket.
    Ping(Ping),
    /// About the desk itself, for those who run it.
    Notice(Notice),
}

/// Why a ticket is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PingKind {
    /// A step of the escalation ladder came due, by time or by `/escalate`.
    Step,
    /// Somebody has to look after the ticket by hand: it left the covered repositories, or nobody was on call.
    Operator,
    /// A new ticket, for a channel that asked for these.
    New,
    /// What was said of this ticket turned out wrong (`S3`, `R5`).
    Correction,
}

impl PingKind {
    /// The name under which programs know this kind.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Step => "ticket.step",
            Self::Operator => "ticket.operator",
            Self::New => "ticket.new",
            Self::Correction => "ticket.correction",
        }
    }
}

/// One message about one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Why it is sent.
    pub kind: PingKind,
    /// The step's name, for example `due soon`.
    pub step: String,
    /// Where the step lies on the ladder, for example `75%`; may be empty.
    pub at: String,
    /// 0 for the step's first firing, then the number of the repeat.
    pub occurrence: u32,
    /// How many repeats there are at most; 0 where none are meant.
    pub times: u32,
    /// The step's instant passed while the desk was down (`E4`).
    pub late: bool,
    /// GitHub could not be read just before, so the ticket may have been answered already.
    pub unconfirmed: bool,
    /// The partner's name.
    pub partner: String,
    /// The tier's name.
    pub tier: String,
    /// `owner/name`.
    pub repository: String,
    /// The number in the repository.
    pub number: i64,
    /// The title, as its author wrote it.
    pub title: String,
    /// The page.
    pub url: String,
    /// Login of whoever opened the issue.
    pub author: String,
    /// When the response clock started.
    pub started_at: Timestamp,
    /// When an answer is due.
    pub due_at: Timestamp,
    /// When the ping was decided. The time left is counted anew whenever it is sent.
    pub now: Timestamp,
    /// Whom to wake: `@here`, `@channel`, a Slack id, or any name.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// What to do now.
    pub advice: String,
}

/// A warning to those who run the desk. Line breaks are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The whole of it.
    pub text: String,
}

impl Ping {
    /// The step in words: `breach (due), repeat 3 of 12, late`.
    #[must_use]
    pub fn step_in_words(&self) -> String {
        let mut words = neutral::line(&self.step, 60);
        if !self.at.is_empty() {
            words = format!("{words} ({})", neutral::line(&self.at, 20));
        }
        match (self.occurrence, self.times) {
            (0, _) => {}
            (n, 0) => words = format!("{words}, repeat {n}"),
            (n, times) => words = format!("{words}, repeat {n} of {times}"),
        }
        if self.late {
            words.push_str(", late");
        }
        words
    }

    /// The issue as people write it: `acme/support#12`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}#{}", neutral::line(&self.repository, 150), self.number)
    }

    /// What a reader has to know before trusting the ping.
    #[must_use]
    pub const fn caveat(&self) -> Option<&'static str> {
        match (self.unconfirmed, self.late) {
            (true, true) => Some("Sent late, and GitHub could not be read just before: the issue may have been answered already."),
            (true, false) => Some("GitHub could not be read just before: the issue may have been answered already."),
            (false, true) => Some("Sent late: the step's time passed while the desk was down."),
            (false, false) => None,
        }
    }

    /// The whole ping on one line, harmless to show, without mentions.
    #[must_use]
    pub fn in_one_line(&self, now: Timestamp) -> String {
        let unsure = if self.unconfirmed { " (not confirmed with GitHub)" } else { "" };
        format!(
            "{}{unsure}: {}, {}, {} “{}”, {}, due {}. {}",
            self.step_in_words(),
            neutral::line(&self.partner, 100),
            neutral::line(&self.tier, 60),
            self.reference(),
            neutral::line(&self.title, 200),
            time_left(self.due_at, now),
            minute(self.due_at),
            neutral::line(&self.advice, 500),
        )
    }
}

/// An instant as people read it, to the minute: `2026-11-22 18:00 UTC`.
#[must_use]
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1h left`, `overdue by 2h 10m`, `due now`. Always rounded towards zero: never more time left than there is.
#[must_use]
pub fn time_left(due: Timestamp, now: Timestamp) -> String {
    let left = due.duration_since(now);
    let span = span(left.abs());
    match (left, span) {
        (_, None) => "due now".to_owned(),
        (left, Some(span)) if left.is_negative() => format!("overdue by {span}"),
        (_, Some(span)) => format!("{span} left"),
    }
}

/// The two largest units that follow each other, of days to seconds; nothing for less than a second.
fn span(length: SignedDuration) -> Option<String> {
    let seconds = length.as_secs();
    let units = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = units.iter().position(|(n, _)| *n > 0)?;
    // Seconds tell something only within the last ten minutes.
    let last = if seconds >= 600 { 3 } else { 4 };
    let shown = units.get(first..last.min(first + 2))?;
    Some(shown.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ping with a title that tries everything.
    pub(in crate::chat) fn nasty() -> Ping {
        Ping {
            kind: PingKind::Step,
            step: "due soon".into(),
            at: "75%".into(),
            occurrence: 0,
            times: 0,
            late: false,
            unconfirmed: false,
            partner: "Acme & Sons".into(),
            tier: "Gold".into(),
            repository: "acme/support".into(),
            number: 12,
            title: "@channel <!channel> *bold* `rm`\nsee https://evil.example <https://evil.example|here>".into(),
            url: "https://github.com/acme/support/issues/12".into(),
            author: "mona".into(),
            started_at: at("2026-11-22T14:00:00Z"),
            due_at: at("2026-11-22T18:00:00Z"),
            now: at("2026-11-22T17:00:00Z"),
            mentions: vec![],
            advice: "Answer the partner on the issue.".into(),
        }
    }

    pub(in crate::chat) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn time_left_is_never_too_long() {
        let due = at("2026-11-22T18:00:00Z");
        for (now, words) in [
            ("2026-11-22T17:00:00Z", "1h left"),
            ("2026-11-22T17:00:01Z", "59m left"),
            ("2026-11-22T15:30:30Z", "2h 29m left"),
            ("2026-11-20T18:00:00Z", "2d left"),
            ("2026-11-20T14:59:00Z", "2d 3h left"),
            ("2026-11-20T17:59:00Z", "2d left"),
            ("2026-11-22T17:51:30Z", "8m 30s left"),
            ("2026-11-22T17:59:20Z", "40s left"),
            ("2026-11-22T17:59:59.5Z", "due now"),
            ("2026-11-22T18:00:00Z", "due now"),
            ("2026-11-22T18:00:05Z", "overdue by 5s"),
            ("2026-11-22T20:10:59Z", "overdue by 2h 10m"),
            ("2026-11-24T18:00:00Z", "overdue by 2d"),
        ] {
            assert_eq!(time_left(due, at(now)), words, "{now}");
        }
    }

    #[test]
    fn the_step_names_its_repeat_and_its_lateness() {
        let ping = Ping { step: "breach".into(), at: "due".into(), occurrence: 3, times: 12, late: true, ..nasty() };
        assert_eq!(ping.step_in_words(), "breach (due), repeat 3 of 12, late");
        assert_eq!(Ping { times: 0, late: false, at: String::new(), ..ping }.step_in_words(), "breach, repeat 3");
        assert_eq!(nasty().step_in_words(), "due soon (75%)");
    }

    #[test]
    fn survives_the_outbox() {
        for message in [ChatMessage::Ping(nasty()), ChatMessage::Notice(Notice { text: "a\nb".into() })] {
            let kept = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<ChatMessage>(&kept).unwrap(), message);
        }
    }
}
