//! What is said in a chat, before any host's format: one model, rendered by [`slack`](super::slack) and [`webhook`](super::webhook).
//!
//! The desk keeps these as JSON in its outbox, so a field may be added (with a default) but not renamed.

use super::neutral;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One message for a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "most of them are pings, and few are in memory at a time")]
pub enum ChatMessage {
    /// About one ticket.
    Ping(Ping),
    /// About the desk itself, for those who run it.
    Notice(Notice),
    /// About many tickets at once (`E4`).
    Digest(Digest),
    /// What happened while the desk was down, and what it had said wrongly (`R5`).
    Recovery(Recovery),
    /// What is open, and how a day or a week went (`E6`).
    Report(Report),
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
}

impl PingKind {
    /// The name under which programs know this kind.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Step => "ticket.step",
            Self::Operator => "ticket.operator",
            Self::New => "ticket.new",
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
    /// Whom `oncall` among them stands for. Each channel knows them by another name, so it is put in when the ping is sent (`E6`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call: Option<String>,
    /// What to do now.
    pub advice: String,
    /// It waited for the end of the quiet hours (`E6`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The page on which its reminders can be stopped (`E5`): made when it is sent, and good for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<String>,
}

/// A warning to those who run the desk. Line breaks are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The whole of it.
    pub text: String,
}

/// Pings that gathered, as one message. None of them is sent by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// One a ticket, the longest overdue first.
    pub pings: Vec<Ping>,
}

/// What the desk has to say after it was down, or after it had said something wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// From when to when it was down; `None`: it was not.
    #[serde(default)]
    pub down: Option<(Timestamp, Timestamp)>,
    /// What happened meanwhile could not be asked of GitHub yet.
    #[serde(default)]
    pub incomplete: bool,
    /// Events of that time that were heard of since.
    #[serde(default)]
    pub caught_up: u32,
    /// Steps that fell due in that time and are not said, because they are no longer true.
    #[serde(default)]
    pub stale: u32,
    /// Tickets that were answered meanwhile.
    #[serde(default)]
    pub answered: Vec<Named>,
    /// Tickets whose promise was broken meanwhile.
    #[serde(default)]
    pub breached: Vec<Named>,
    /// What was said and is not so.
    #[serde(default)]
    pub corrections: Vec<Correction>,
}

/// What is open, and how a day or a week went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of a week, not of a day.
    pub weekly: bool,
    /// From when.
    pub from: Timestamp,
    /// Until when, this instant not included.
    pub until: Timestamp,
    /// Tickets that were opened in that time.
    pub opened: u32,
    /// Answers that were given in it.
    pub answered: u32,
    /// Those of them that came after the promised time.
    pub late: u32,
    /// How many promises that were due in it were kept and broken, by tier, the highest first.
    pub tiers: Vec<TierCount>,
    /// Tickets that are overdue now, the longest first.
    pub overdue: Vec<ReportedTicket>,
    /// Tickets that are due within a day, the first of them first.
    pub due_soon: Vec<ReportedTicket>,
    /// Tickets whose answer is due later, or whose clock stands still.
    pub later: u32,
    /// Tickets that wait for a slot.
    pub waiting: u32,
}

/// The promises of a tier that were due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierCount {
    /// The tier's name.
    pub tier: String,
    /// Kept.
    pub met: u32,
    /// Broken.
    pub breached: u32,
}

/// A ticket that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedTicket {
    /// Which.
    #[serde(flatten)]
    pub ticket: Named,
    /// When the answer is due.
    pub due_at: Timestamp,
}

impl Report {
    /// The first line.
    #[must_use]
    pub fn headline(&self) -> String {
        let open = u32::try_from(self.overdue.len() + self.due_soon.len()).unwrap_or(u32::MAX).saturating_add(self.later);
        let waits = match open {
            0 => "no ticket waits for an answer".to_owned(),
            1 => "1 ticket waits for an answer".to_owned(),
            n => format!("{n} tickets wait for an answer"),
        };
        let overdue = if self.overdue.is_empty() { String::new() } else { format!(", {} overdue", self.overdue.len()) };
        if !self.weekly {
            return format!("Today {waits}{overdue}");
        }
        let sum = |of: fn(&TierCount) -> u32| self.tiers.iter().map(of).sum::<u32>();
        format!("The week: {}; {waits}{overdue}", kept(sum(|tier| tier.met), sum(|tier| tier.breached)))
    }

    /// The other lines, harmless to show. `now` is when it is sent.
    #[must_use]
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        let late = if self.late == 0 { String::new() } else { format!(", {} of them late", self.late) };
        let since = format!("From {} to {}", minute(self.from), minute(self.until));
        lines.push(format!("{since}: {} opened, {} answered{late}.", self.opened, self.answered));
        if !self.tiers.is_empty() {
            let tier = |count: &TierCount| format!("{} {}", neutral::line(&count.tier, 60), kept(count.met, count.breached));
            lines.push(format!("Promises that were due: {}.", self.tiers.iter().map(tier).collect::<Vec<_>>().join(", ")));
        }
        for (what, tickets) in [("Overdue", &self.overdue), ("Due within a day", &self.due_soon)] {
            if tickets.is_empty() {
                continue;
            }
            let one = |ticket: &ReportedTicket| format!("{} ({})", ticket.ticket.words(), time_left(ticket.due_at, now));
            let mut words: Vec<_> = tickets.iter().take(MOST_NAMED).map(one).collect();
            words.extend(more(tickets.len(), MOST_NAMED));
            lines.push(format!("{what}: {}.", words.join(", ")));
        }
        if self.later > 0 {
            lines.push(format!("Due later, or standing still: {}.", self.later));
        }
        if self.waiting > 0 {
            lines.push(format!("Waiting for a slot: {}.", self.waiting));
        }
        lines
    }
}

/// `9 of 10 in time (90 %)`: rounded down, so that only all is 100 %.
fn kept(met: u32, breached: u32) -> String {
    let all = met.saturating_add(breached);
    if all == 0 {
        return "nothing was due".to_owned();
    }
    format!("{met} of {all} in time ({} %)", u64::from(met) * 100 / u64::from(all))
}

/// A ticket, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named {
    /// The partner's name.
    pub partner: String,
    /// `owner/name`.
    pub repository: String,
    /// The number in the repository.
    pub number: i64,
    /// The page.
    pub url: String,
}

/// Something that was said of a ticket and is not so (`S3`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The ticket.
    pub ticket: Named,
    /// The step that was said last.
    pub step: String,
    /// When it was said.
    pub said_at: Timestamp,
    /// How it is.
    pub truth: String,
}

/// Tickets that one line of a message names; of more only the number is told.
const MOST_NAMED: usize = 10;

impl Named {
    /// `Acme acme/support#12`, harmless to show.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} {}#{}", neutral::line(&self.partner, 60), neutral::line(&self.repository, 150), self.number)
    }
}

fn name(tickets: &[Named]) -> String {
    let mut words: Vec<_> = tickets.iter().take(MOST_NAMED).map(Named::words).collect();
    words.extend(more(tickets.len(), MOST_NAMED));
    words.join(", ")
}

impl Recovery {
    /// The first line.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.down {
            Some((from, until)) => {
                let length = span(until.duration_since(from)).map_or_else(String::new, |span| format!(", {span}"));
                format!("The desk was down from {} to {}{length}", minute(from), minute(until))
            }
            None => match self.corrections.len() {
                1 => "One ping was wrong".to_owned(),
                n => format!("{n} pings were wrong"),
            },
        }
    }

    /// The other lines, harmless to show.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.down.is_some() {
            if self.incomplete {
                lines.push("GitHub does not answer yet: what happened there meanwhile is still to be caught up with.".to_owned());
            }
            let quiet = self.caught_up == 0 && self.stale == 0 && self.answered.is_empty() && self.breached.is_empty();
            if quiet && !self.incomplete {
                lines.push("Nothing was missed.".to_owned());
            }
            if self.caught_up > 0 {
                lines.push(format!("Caught up with {}.", counted(self.caught_up, "event")));
            }
            for (what, tickets) in [("Answered", &self.answered), ("Breached", &self.breached)] {
                if !tickets.is_empty() {
                    lines.push(format!("{what} meanwhile: {} ({}).", tickets.len(), name(tickets)));
                }
            }
            if self.stale > 0 {
                lines.push(format!("Not said, because no longer true: {}.", counted(self.stale, "step")));
            }
        }
        lines.extend(self.corrections.iter().map(Correction::words));
        lines
    }
}

impl Correction {
    /// `Acme acme/support#12: “breach”, said 2026-11-22 18:00 UTC, was wrong: answered 2026-11-22 17:50 UTC, in time.`
    #[must_use]
    pub fn words(&self) -> String {
        let step = neutral::line(&self.step, 60);
        format!("{}: “{step}”, said {}, was wrong: {}.", self.ticket.words(), minute(self.said_at), neutral::line(&self.truth, 200))
    }
}

fn counted(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

impl Digest {
    /// `12 tickets wait for an answer, 7 of them overdue`.
    #[must_use]
    pub fn headline(&self, now: Timestamp) -> String {
        let overdue = self.pings.iter().filter(|ping| ping.due_at <= now).count();
        let overdue = match overdue {
            0 => String::new(),
            n if n == self.pings.len() => ", all overdue".to_owned(),
            n => format!(", {n} of them overdue"),
        };
        let one = self.pings.len() == 1;
        format!(
            "{} {} for an answer{overdue}",
            counted(u32::try_from(self.pings.len()).unwrap_or(u32::MAX), "ticket"),
            if one { "waits" } else { "wait" }
        )
    }

    /// Whom to wake, each once.
    #[must_use]
    pub fn mentions(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for who in self.pings.iter().flat_map(|ping| &ping.mentions) {
            if !all.contains(who) {
                all.push(who.clone());
            }
        }
        all
    }
}

/// What a message is told with in another channel than its own (`E7`); nothing in its own.
#[must_use]
pub fn instead(of: &[String]) -> Option<String> {
    let names: Vec<_> = of.iter().map(|name| format!("“{}”", neutral::line(name, 60))).collect();
    let (last, others) = names.split_last()?;
    let (names, verb) = if others.is_empty() { (last.clone(), "does") } else { (format!("{} and {last}", others.join(", ")), "do") };
    Some(format!("Sent here because the chat {names} {verb} not answer."))
}

impl Ping {
    /// Its line in a digest, harmless to show, without the reference that leads it.
    #[must_use]
    pub fn in_a_digest(&self, now: Timestamp) -> String {
        let unsure = if self.unconfirmed { ", not confirmed with GitHub" } else { "" };
        format!(
            "{}, {}: {}, {}, due {}{unsure}. “{}”",
            neutral::line(&self.partner, 60),
            neutral::line(&self.tier, 40),
            self.step_in_words(),
            time_left(self.due_at, now),
            minute(self.due_at),
            neutral::line(&self.title, 100),
        )
    }

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
        if self.held {
            words.push_str(", held over the quiet hours");
        } else if self.late {
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
        match (self.unconfirmed, self.late && !self.held) {
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

/// What follows the first few of so many: `and 12 more`.
pub(super) fn more(all: usize, shown: usize) -> Option<String> {
    (all > shown).then(|| format!("and {} more", all - shown))
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
            on_call: None,
            advice: "Answer the partner on the issue.".into(),
            held: false,
            acknowledge: None,
        }
    }

    pub(in crate::chat) fn recovery() -> Recovery {
        let ticket = |number| Named {
            partner: "Acme & Sons".into(),
            repository: "acme/support".into(),
            number,
            url: format!("https://github.com/acme/support/issues/{number}"),
        };
        Recovery {
            down: Some((at("2026-11-22T14:00:00Z"), at("2026-11-22T16:30:00Z"))),
            incomplete: false,
            caught_up: 7,
            stale: 2,
            answered: vec![ticket(1), ticket(2)],
            breached: (3..=14).map(ticket).collect(),
            corrections: vec![Correction {
                ticket: ticket(15),
                step: "breach".into(),
                said_at: at("2026-11-22T13:00:00Z"),
                truth: "answered 2026-11-22 12:50 UTC, in time".into(),
            }],
        }
    }

    pub(in crate::chat) fn report() -> Report {
        let ticket = |number: i64, due: &str| ReportedTicket {
            ticket: Named {
                partner: "Acme & Sons".into(),
                repository: "acme/support".into(),
                number,
                url: format!("https://github.com/acme/support/issues/{number}"),
            },
            due_at: at(due),
        };
        let tier = |name: &str, met, breached| TierCount { tier: name.into(), met, breached };
        Report {
            weekly: true,
            from: at("2026-11-15T08:00:00Z"),
            until: at("2026-11-22T08:00:00Z"),
            opened: 31,
            answered: 29,
            late: 2,
            tiers: vec![tier("Gold", 9, 1), tier("<b>@all</b>", 20, 0)],
            overdue: vec![ticket(1, "2026-11-22T06:30:00Z")],
            due_soon: (2..15).map(|number| ticket(number, "2026-11-22T19:00:00Z")).collect(),
            later: 3,
            waiting: 2,
        }
    }

    #[test]
    fn e6_a_report_tells_what_there_is_to_tell() {
        let now = at("2026-11-22T08:00:00Z");
        assert_eq!(report().headline(), "The week: 29 of 30 in time (96 %); 17 tickets wait for an answer, 1 overdue");
        let quiet = Report { from: now, until: now, ..Report::default() };
        assert_eq!(quiet.headline(), "Today no ticket waits for an answer");
        assert_eq!(quiet.lines(now).len(), 1);
        assert_eq!(Report { weekly: true, ..quiet }.headline(), "The week: nothing was due; no ticket waits for an answer");
        assert!(report().lines(now)[3].ends_with("and 3 more."), "{}", report().lines(now)[3]);
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
    fn r5_a_recovery_tells_what_there_is_to_tell() {
        assert_eq!(recovery().headline(), "The desk was down from 2026-11-22 14:00 UTC to 2026-11-22 16:30 UTC, 2h 30m");
        let quiet = Recovery { down: recovery().down, ..Recovery::default() };
        assert_eq!(quiet.lines(), ["Nothing was missed."]);
        assert!(Recovery { incomplete: true, ..quiet }.lines()[0].starts_with("GitHub does not answer yet"));
        let wrong = Recovery { corrections: recovery().corrections, ..Recovery::default() };
        assert_eq!(wrong.headline(), "One ping was wrong");
        assert_eq!(wrong.lines().len(), 1);
        assert_eq!(recovery().lines()[2].matches('#').count(), 10, "and the others by their number: {}", recovery().lines()[2]);
    }

    #[test]
    fn e7_a_fallback_says_for_whom_it_speaks() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(instead(&[]), None);
        assert_eq!(instead(&names(&["ops"])).unwrap(), "Sent here because the chat “ops” does not answer.");
        assert_eq!(instead(&names(&["a", "b", "@c"])).unwrap(), "Sent here because the chat “a”, “b” and “＠c” do not answer.");
    }

    #[test]
    fn survives_the_outbox() {
        let digest = ChatMessage::Digest(Digest { pings: vec![nasty()] });
        for message in [
            ChatMessage::Report(report()),
            ChatMessage::Ping(nasty()),
            ChatMessage::Notice(Notice { text: "a\nb".into() }),
            digest,
            ChatMessage::Recovery(recovery()),
        ] {
            let kept = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<ChatMessage>(&kept).unwrap(), message);
        }
    }
}
