//! Commands in what people write (`C`): a line of its own that begins with `/`, outside quotes and code.

use crate::programme::parse_duration;
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A command by its name. Help, parsing and rights all come from this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// The balance.
    Quota,
    /// The clock.
    Status,
    /// The account of charges and clocks.
    Why,
    /// The commands.
    Help,
    /// Close, refunded as `Q6`.
    Withdraw,
    /// Open again (`S9`).
    Reopen,
    /// Counts for another partner (`W5`, `W7`).
    For,
    /// Stops repeats (`E5`).
    Ack,
    /// Pauses the clock (`S7`).
    Wait,
    /// Ends a pause (`S7`).
    Resume,
    /// Moves due once.
    Extend,
    /// Takes the next step at once.
    Escalate,
    /// No answer is owed (`S4`).
    None,
    /// Nothing is charged (`Q7`).
    Waive,
    /// The unit goes back (`Q6`).
    Refund,
    /// More tickets (`Q7`).
    Grant,
    /// Closes as a duplicate (`Q6`).
    Duplicate,
}

impl Verb {
    /// Every command, those for everybody first.
    pub const ALL: [Self; 17] = [
        Self::Quota,
        Self::Status,
        Self::Why,
        Self::Help,
        Self::Withdraw,
        Self::Reopen,
        Self::For,
        Self::Ack,
        Self::Wait,
        Self::Resume,
        Self::Extend,
        Self::Escalate,
        Self::None,
        Self::Waive,
        Self::Refund,
        Self::Grant,
        Self::Duplicate,
    ];

    /// What is written after the slash.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.parts().0
    }

    /// The whole form: `/extend 4h reason`.
    #[must_use]
    pub const fn form(self) -> &'static str {
        self.parts().1
    }

    /// What it does, in a sentence without its subject.
    #[must_use]
    pub const fn does(self) -> &'static str {
        self.parts().2
    }

    /// Only support engineers may.
    #[must_use]
    pub const fn for_agents(self) -> bool {
        !matches!(self, Self::Quota | Self::Status | Self::Why | Self::Help | Self::Withdraw | Self::Reopen | Self::For)
    }

    const fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Quota => ("quota", "/quota", "tells how many tickets are used and left"),
            Self::Status => ("status", "/status", "tells where the clock stands"),
            Self::Why => ("why", "/why", "tells each charge, start, pause and stop, with its rule"),
            Self::Help => ("help", "/help", "lists the commands"),
            Self::Withdraw => ("withdraw", "/withdraw", "closes the issue; within 15 minutes and unanswered, the ticket is given back"),
            Self::Reopen => ("reopen", "/reopen", "opens the issue again"),
            Self::For => ("for", "/for PARTNER", "counts the ticket for that partner"),
            Self::Ack => ("ack", "/ack [30m]", "stops the reminders, for that long or for good"),
            Self::Wait => ("wait", "/wait", "pauses the clock until the partner writes, after the first answer"),
            Self::Resume => ("resume", "/resume", "ends a pause"),
            Self::Extend => ("extend", "/extend 4h REASON", "moves the due time, once a clock and before it is up"),
            Self::Escalate => ("escalate", "/escalate", "takes the next step of the ladder now"),
            Self::None => ("none", "/none", "settles a comment that needs no answer"),
            Self::Waive => ("waive", "/waive REASON", "charges nothing for this ticket"),
            Self::Refund => ("refund", "/refund REASON", "gives the ticket's unit back"),
            Self::Grant => ("grant", "/grant N [until YYYY-MM-DD] REASON", "gives the partner N more tickets, by default for this window"),
            Self::Duplicate => ("duplicate", "/duplicate #N", "closes the issue as a duplicate of another"),
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

/// One command as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// One that takes nothing.
    Plain(Verb),
    /// `/for partner`.
    For(String),
    /// `/ack`, for how long.
    Ack(Option<SignedDuration>),
    /// `/extend 4h reason`.
    Extend {
        /// By how much.
        by: SignedDuration,
        /// Why.
        reason: String,
    },
    /// `/waive reason`.
    Waive(String),
    /// `/refund reason`.
    Refund(String),
    /// `/grant N reason`.
    Grant {
        /// How many.
        count: u32,
        /// The last day on which they can be used; `None`: to the end of the window.
        until: Option<Date>,
        /// Why.
        reason: String,
    },
    /// `/duplicate #N`.
    Duplicate(i64),
    /// A command, but not in its form.
    Malformed(Verb),
    /// No command of the desk.
    Unknown(String),
}

impl Command {
    /// Which of the list it is; `None`: none.
    #[must_use]
    pub const fn verb(&self) -> Option<Verb> {
        match self {
            Self::Plain(verb) | Self::Malformed(verb) => Some(*verb),
            Self::For(_) => Some(Verb::For),
            Self::Ack(_) => Some(Verb::Ack),
            Self::Extend { .. } => Some(Verb::Extend),
            Self::Waive(_) => Some(Verb::Waive),
            Self::Refund(_) => Some(Verb::Refund),
            Self::Grant { .. } => Some(Verb::Grant),
            Self::Duplicate(_) => Some(Verb::Duplicate),
            Self::Unknown(_) => None,
        }
    }

    fn read(name: &str, rest: &str) -> Self {
        let Some(verb) = Verb::named(name) else { return Self::Unknown(name.to_owned()) };
        let reason = || -> String { rest.chars().take(200).collect() };
        let read = match verb {
            Verb::For => (!rest.is_empty()).then(|| Self::For(rest.to_owned())),
            Verb::Ack if rest.is_empty() => Some(Self::Ack(None)),
            Verb::Ack => length(rest).map(|time| Self::Ack(Some(time))),
            Verb::Extend => {
                let (by, reason) = first_word(rest);
                length(by).filter(|_| !reason.is_empty()).map(|by| Self::Extend { by, reason: reason.chars().take(200).collect() })
            }
            Verb::Waive => (!rest.is_empty()).then(|| Self::Waive(reason())),
            Verb::Refund => (!rest.is_empty()).then(|| Self::Refund(reason())),
            Verb::Grant => grant(rest),
            Verb::Duplicate => rest.trim_start_matches('#').parse().ok().filter(|number| *number > 0).map(Self::Duplicate),
            // Words after a command that takes none are for people.
            plain => Some(Self::Plain(plain)),
        };
        read.unwrap_or(Self::Malformed(verb))
    }
}

/// A length of time above zero and up to thirty days.
fn length(text: &str) -> Option<SignedDuration> {
    let length = parse_duration(text).ok()?;
    (length > SignedDuration::ZERO && length <= SignedDuration::from_hours(24 * 30)).then_some(length)
}

fn grant(rest: &str) -> Option<Command> {
    let (count, mut reason) = first_word(rest);
    let count = count.parse().ok().filter(|count| (1..=1000).contains(count))?;
    let mut until = None;
    if let ("until", more) = first_word(reason) {
        let (day, more) = first_word(more);
        until = Some(day.parse().ok()?);
        reason = more;
    }
    (!reason.is_empty()).then(|| Command::Grant { count, until, reason: reason.chars().take(200).collect() })
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

/// What a text holds, as far as the desk reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// There is more than commands: a comment like this can be an answer (`S2`).
    pub substance: bool,
    /// The commands, in their order.
    pub commands: Vec<Command>,
}

impl Reading {
    /// `/for partner`, the last one (`W5`, `W7`).
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        claim(&self.commands)
    }
}

/// The last `/for partner` among commands (`W5`, `W7`).
#[must_use]
pub fn claim(commands: &[Command]) -> Option<&str> {
    commands.iter().rev().find_map(|command| match command {
        Command::For(partner) => Some(partner.as_str()),
        _ => None,
    })
}

/// More commands than this in one comment are passed over.
const MOST_COMMANDS: usize = 20;

/// Reads a comment or an opening text.
///
/// A text of quotes and commands alone has no substance: that is what a reply by mail to a notification looks like.
#[must_use]
pub fn read(text: &str) -> Reading {
    let mut reading = Reading::default();
    let (mut fence, mut quoted, mut commanded) = (None::<(char, usize)>, false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some((mark, length)) = fence {
            reading.substance |= !trimmed.is_empty();
            if trimmed.chars().all(|c| c == mark) && trimmed.len() >= length {
                fence = None;
            }
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        if let Some(opened) = opens_fence(line) {
            fence = Some(opened);
            reading.substance = true;
        } else if trimmed.starts_with('>') {
            quoted = true;
        } else if let Some((name, rest)) = command(line) {
            commanded = true;
            if reading.commands.len() < MOST_COMMANDS {
                reading.commands.push(Command::read(&name, rest));
            }
        } else {
            reading.substance = true;
        }
    }
    reading.substance |= quoted && !commanded;
    reading
}

/// The partner named in an opening text: the answer under a form's `### Partner` heading, or `/for partner` (`W5`).
#[must_use]
pub fn claim_of_opening(text: &str) -> Option<String> {
    form_field(text, "partner").or_else(|| read(text).claim().map(str::to_owned))
}

/// GitHub renders an issue form's field as a third-level heading with the answer under it; `_No response_` when left out.
fn form_field(text: &str, heading: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.find(|line| line.strip_prefix("### ").is_some_and(|title| title.trim().eq_ignore_ascii_case(heading)))?;
    let answer = lines.next()?;
    (!answer.starts_with('#') && answer != "_No response_" && answer != "None").then(|| answer.to_owned())
}

/// `/name rest`; a path such as `/etc/hosts` is none, nor is an indented line, which is code.
fn command(line: &str) -> Option<(String, &str)> {
    if line.starts_with("    ") || line.starts_with('\t') {
        return None;
    }
    let line = line.trim().strip_prefix('/')?;
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let fits = !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    fits.then(|| (name.to_ascii_lowercase(), rest.trim()))
}

fn opens_fence(line: &str) -> Option<(char, usize)> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == mark).count();
    (length >= 3).then_some((mark, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_command_has_no_substance() {
        assert!(!read("/ack 30m").substance);
        assert!(!read("\n/for acme\n\n").substance);
        assert!(!read("> old mail\n> more\n\n/ack").substance);
        assert!(read("On it.\n/ack").substance);
        assert!(read("> only a quote").substance);
        assert!(read("/etc/hosts is wrong").substance);
        assert!(!read("   ").substance);
    }

    #[test]
    fn commands_in_quotes_and_code_are_text() {
        let claim = |text: &str| read(text).claim().map(str::to_owned);
        assert_eq!(claim("> /for acme"), None);
        assert_eq!(claim("```\n/for acme\n```"), None);
        assert_eq!(claim("~~~~\n```\n/for acme\n~~~\n~~~~\n/for beta").as_deref(), Some("beta"));
        assert_eq!(claim("    /for acme"), None);
        assert_eq!(claim("please see /for acme"), None);
        assert_eq!(claim("/FOR  Acme ").as_deref(), Some("Acme"));
    }

    #[test]
    fn the_form_field_wins_over_a_command() {
        assert_eq!(claim_of_opening("### Partner\n\nacme\n\n### What\n\n/for beta").as_deref(), Some("acme"));
        assert_eq!(claim_of_opening("### Partner\n\n_No response_\n\n/for beta").as_deref(), Some("beta"));
        assert_eq!(claim_of_opening("nothing here"), None);
    }

    #[test]
    fn each_form_reads_and_wrong_forms_are_known_as_such() {
        let one = |text: &str| read(text).commands.pop().unwrap();
        assert_eq!(one("/ack 30m"), Command::Ack(Some(SignedDuration::from_mins(30))));
        assert_eq!(one("/ack soon"), Command::Malformed(Verb::Ack));
        assert_eq!(one("/ack -5m"), Command::Malformed(Verb::Ack));
        assert_eq!(
            one("/extend 4h waits for a part"),
            Command::Extend { by: SignedDuration::from_hours(4), reason: "waits for a part".into() }
        );
        assert_eq!(one("/extend 4h"), Command::Malformed(Verb::Extend));
        assert_eq!(one("/grant 2 outage"), Command::Grant { count: 2, until: None, reason: "outage".into() });
        assert_eq!(
            one("/grant 2 until 2026-12-31 outage"),
            Command::Grant { count: 2, until: Some(Date::constant(2026, 12, 31)), reason: "outage".into() }
        );
        assert_eq!(one("/grant 0 outage"), Command::Malformed(Verb::Grant));
        assert_eq!(one("/grant 2"), Command::Malformed(Verb::Grant));
        assert_eq!(one("/duplicate #7"), Command::Duplicate(7));
        assert_eq!(one("/duplicate"), Command::Malformed(Verb::Duplicate));
        assert_eq!(one("/waive"), Command::Malformed(Verb::Waive));
        assert_eq!(one("/wait for the logs"), Command::Plain(Verb::Wait));
        assert_eq!(one("/frobnicate now"), Command::Unknown("frobnicate".into()));
    }

    #[test]
    fn every_verb_is_read_by_its_own_form() {
        for verb in Verb::ALL {
            assert!(verb.form().starts_with(&format!("/{}", verb.name())));
            assert!(read(&format!("/{}", verb.name())).commands[0].verb() == Some(verb), "{verb:?}");
        }
    }
}
