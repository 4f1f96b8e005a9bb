//! Escalation ladders (`E1`): which steps a running clock takes towards its due time and past it, and what each step does.

use super::TierId;
use super::allowance::{Target, parse_duration, show_duration};
use super::percent::Percent;
use super::problem::Unfit;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// What a step's time looks like, for messages.
pub const STEP_FORM: &str = "a share of the target or a time before or after due, like \"75%\", \"-30m\", \"due\" or \"+1h\"";

const WHOLE_TARGET: u32 = 10_000;

/// When a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StepAt {
    /// At a share of the target, in basis points: 7500 is `75%`. More than 10000 lies after due.
    Share(u32),
    /// Before or after due; zero is `due` itself.
    Offset(SignedDuration),
}

impl StepAt {
    /// The due time.
    pub const DUE: Self = Self::Offset(SignedDuration::ZERO);

    /// How long after the start of a cycle with this target. Zero or less: the step would lie before the start.
    #[must_use]
    pub fn offset(&self, target: Target) -> SignedDuration {
        match *self {
            Self::Share(points) => {
                // Down to the millisecond, the unit that instants are kept in: a step is never late by rounding.
                let ms = target.duration().as_millis() * i128::from(points) / i128::from(WHOLE_TARGET);
                SignedDuration::from_millis_i128(ms)
            }
            Self::Offset(offset) => target.duration().saturating_add(offset),
        }
    }

    /// `Less` before due, `Equal` at due, `Greater` after it. It is the same for every target.
    #[must_use]
    pub fn against_due(&self) -> Ordering {
        match self {
            Self::Share(points) => points.cmp(&WHOLE_TARGET),
            Self::Offset(offset) => offset.cmp(&SignedDuration::ZERO),
        }
    }
}

impl fmt::Display for StepAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(points) => Percent(*points).fmt(f),
            Self::Offset(offset) if offset.is_zero() => f.write_str("due"),
            Self::Offset(offset) if offset.is_negative() => f.write_str(&show_duration(*offset)),
            Self::Offset(offset) => write!(f, "+{}", show_duration(*offset)),
        }
    }
}

impl FromStr for StepAt {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("due") {
            return Ok(Self::DUE);
        }
        let step_form = |unfit: Unfit| Unfit { expected: STEP_FORM.to_owned(), ..unfit };
        if text.ends_with('%') {
            return text.parse().map(|Percent(points)| Self::Share(points)).map_err(step_form);
        }
        let offset = parse_duration(text).map_err(step_form)?;
        if text.starts_with(['+', '-']) {
            Ok(Self::Offset(offset))
        } else {
            Err(Unfit::because(STEP_FORM, format!("write \"-{text}\" for before due or \"+{text}\" for after")))
        }
    }
}

impl TryFrom<String> for StepAt {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        text.parse()
    }
}

impl From<StepAt> for String {
    fn from(at: StepAt) -> Self {
        at.to_string()
    }
}

/// One rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderStep {
    /// When it is taken first.
    pub at: StepAt,
    /// What its pings call it, where the operator gave it a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The chat channels it speaks in. `None`: every configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Vec<String>>,
    /// Whom it mentions: `oncall`, or names that the chat knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mention: Vec<String>,
    /// A label that it puts on the issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Logins that it assigns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assign: Vec<String>,
    /// Said again this long after, until acknowledged.
    #[serde(default, with = "maybe_duration", skip_serializing_if = "Option::is_none")]
    pub repeat: Option<SignedDuration>,
    /// How often it is said again, after the first time; counts only with `repeat`.
    #[serde(default)]
    pub times: u32,
}

impl LadderStep {
    /// How often a step repeats where only `repeat` is given.
    pub const DEFAULT_TIMES: u32 = 12;
    /// The most that a step repeats.
    pub const MOST_TIMES: u32 = 1000;

    /// A step that speaks once in every channel.
    #[must_use]
    pub const fn new(at: StepAt) -> Self {
        Self { at, name: None, chat: None, mention: Vec::new(), label: None, assign: Vec::new(), repeat: None, times: 0 }
    }

    /// What pings call the step (`E1`): the operator's name for it, else `due soon`, `breach` or `overdue`.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None => match self.at.against_due() {
                Ordering::Less => "due soon",
                Ordering::Equal => "breach",
                Ordering::Greater => "overdue",
            },
        }
    }

    /// How often the step is taken at most, the first time included.
    #[must_use]
    pub const fn occurrences(&self) -> u32 {
        if self.repeat.is_some() { self.times.saturating_add(1) } else { 1 }
    }

    /// When the step is taken for the `occurrence`-th time, from 0, relative to the start of a cycle with this target.
    /// `None` past the last.
    #[must_use]
    pub fn occurrence(&self, target: Target, occurrence: u32) -> Option<SignedDuration> {
        if occurrence >= self.occurrences() {
            return None;
        }
        let first = self.at.offset(target);
        let Some(repeat) = self.repeat else { return Some(first) };
        let later = repeat.checked_mul(i32::try_from(occurrence).ok()?)?;
        first.checked_add(later)
    }
}

/// The steps of a cycle. A cycle keeps a copy of the ladder it started with (`E2`), and knows a step by its place in `steps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// The tiers it is for. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierId>,
    /// The rungs as they were written.
    pub steps: Vec<LadderStep>,
    /// The channels that are told of a new ticket, at the start of its first clock (`E1`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announce: Vec<String>,
}

impl Ladder {
    /// The ladder where nobody configured one (`E1`): due soon at 75 %, on-call at 90 %, breach at due and hourly after it.
    #[must_use]
    pub fn default_ladder() -> Self {
        let on_call =
            LadderStep { name: Some("on-call".to_owned()), mention: vec!["oncall".to_owned()], ..LadderStep::new(StepAt::Share(9000)) };
        let breach =
            LadderStep { repeat: Some(SignedDuration::from_hours(1)), times: LadderStep::DEFAULT_TIMES, ..LadderStep::new(StepAt::DUE) };
        Self { tiers: Vec::new(), steps: vec![LadderStep::new(StepAt::Share(7500)), on_call, breach], announce: Vec::new() }
    }

    /// A rung by its place; at [`Self::START`] the word about a new ticket.
    #[must_use]
    pub fn rung(&self, place: usize) -> Option<LadderStep> {
        if place == Self::START {
            let (name, chat) = (Some("new ticket".to_owned()), Some(self.announce.clone()));
            return Some(LadderStep { name, chat, ..LadderStep::new(StepAt::Share(0)) });
        }
        self.steps.get(place).cloned()
    }

    /// The place of what is no rung: the word about a new ticket.
    pub const START: usize = usize::MAX;

    /// The steps in the order in which a cycle with this target takes them, each with its place in [`Ladder::steps`] and its
    /// time after the start. Steps of one instant keep the written order.
    #[must_use]
    pub fn in_order(&self, target: Target) -> Vec<(usize, &LadderStep, SignedDuration)> {
        let mut steps: Vec<_> = self.steps.iter().enumerate().map(|(place, step)| (place, step, step.at.offset(target))).collect();
        steps.sort_by_key(|(_, _, offset)| *offset);
        steps
    }

    /// The steps that would lie at or before the start of a cycle with this target, by their place: such a ladder is refused.
    #[must_use]
    pub fn before_start(&self, target: Target) -> Vec<usize> {
        let early = |(_, step): &(usize, &LadderStep)| step.at.offset(target) <= SignedDuration::ZERO;
        self.steps.iter().enumerate().filter(early).map(|(place, _)| place).collect()
    }
}

mod maybe_duration {
    use super::{SignedDuration, parse_duration, show_duration};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    // The signature is what serde calls.
    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(duration: &Option<SignedDuration>, to: S) -> Result<S::Ok, S::Error> {
        duration.map(show_duration).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignedDuration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| parse_duration(&text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn at(text: &str) -> StepAt {
        text.parse().unwrap()
    }

    #[test]
    fn steps_lie_on_the_clock() {
        let offset = |step: &str, goal: &str| show_duration(at(step).offset(target(goal)));
        assert_eq!(offset("75%", "4h"), "3h");
        assert_eq!(offset("12.5%", "4h"), "30m");
        assert_eq!(offset("150%", "4h"), "6h");
        assert_eq!(offset("-30m", "4h"), "3h30m");
        assert_eq!(offset("due", "4h"), "4h");
        assert_eq!(offset("+1h", "20s"), "1h20s");
        assert_eq!(offset("-4h", "4h"), "0s");
        assert_eq!(offset("-5h", "4h"), "-1h");
        assert_eq!(offset("33.33%", "1s"), "333ms");
        assert_eq!(offset("90%", "3650d"), "3285d");
    }

    #[test]
    fn a_step_is_shown_as_it_is_written() {
        for text in ["75%", "12.5%", "0%", "-30m", "due", "+1h", "+90m"] {
            assert_eq!(at(text).to_string(), text);
        }
        assert_eq!(at("+0m"), StepAt::DUE);
        assert_eq!(at(" DUE "), StepAt::DUE);
    }

    #[test]
    fn what_is_no_step_is_refused() {
        let why = |text: &str| text.parse::<StepAt>().unwrap_err().to_string();
        assert_eq!(why("soon"), format!("expected {STEP_FORM}"));
        assert_eq!(why("-5%"), format!("expected {STEP_FORM}"));
        assert_eq!(why("1h"), format!("expected {STEP_FORM}; write \"-1h\" for before due or \"+1h\" for after"));
        assert_eq!(why("+1w"), format!("expected {STEP_FORM}; \"w\" is no unit of d, h, m and s"));
    }

    #[test]
    fn a_step_at_or_before_the_start_is_found() {
        let steps = ["0%", "-4h", "-3h", "due", "-5h"].map(|text| LadderStep::new(at(text))).to_vec();
        let ladder = Ladder { tiers: Vec::new(), steps, announce: Vec::new() };
        assert_eq!(ladder.before_start(target("4h")), [0, 1, 4]);
        assert_eq!(ladder.before_start(target("6h")), [0]);
    }

    #[test]
    fn the_default_ladder_is_the_rule() {
        let ladder = Ladder::default_ladder();
        let steps: Vec<_> = ladder.in_order(target("4h")).iter().map(|(_, step, at)| (step.name(), show_duration(*at))).collect();
        assert_eq!(steps, [("due soon", "3h".to_owned()), ("on-call", "3h36m".to_owned()), ("breach", "4h".to_owned())]);
        let breach = &ladder.steps[2];
        assert_eq!(breach.occurrences(), 13);
        assert_eq!(breach.occurrence(target("4h"), 0), Some(SignedDuration::from_hours(4)));
        assert_eq!(breach.occurrence(target("4h"), 12), Some(SignedDuration::from_hours(16)));
        assert_eq!(breach.occurrence(target("4h"), 13), None);
        assert_eq!(ladder.steps[0].occurrence(target("4h"), 1), None);
        assert!(ladder.before_start(target("20s")).is_empty());
    }

    #[test]
    fn the_order_depends_on_the_target() {
        let ladder =
            Ladder { tiers: Vec::new(), steps: vec![LadderStep::new(at("-30m")), LadderStep::new(at("50%"))], announce: Vec::new() };
        let order = |goal: &str| ladder.in_order(target(goal)).iter().map(|(place, ..)| *place).collect::<Vec<_>>();
        assert_eq!(order("4h"), [1, 0]);
        assert_eq!(order("40m"), [0, 1]);
    }

    #[test]
    fn a_cycle_can_keep_its_ladder() {
        let ladder = Ladder::default_ladder();
        let json = serde_json::to_string(&ladder).unwrap();
        assert_eq!(
            json,
            r#"{"steps":[{"at":"75%","times":0},{"at":"90%","name":"on-call","mention":["oncall"],"times":0},{"at":"due","repeat":"1h","times":12}]}"#
        );
        assert_eq!(serde_json::from_str::<Ladder>(&json).unwrap(), ladder);
        assert_eq!(LadderStep::new(at("+1h")).name(), "overdue");
        assert_eq!(LadderStep::new(at("100%")).name(), "breach");
    }
}
