//! What an operator chooses around the programme: the zone of the windows, what happens over the allowance, to strangers, in public.

pub use super::labels::{LabelStyle, LabelText};
use super::on_call::OnCall;
use super::problem::{Unfit, nearest, one_of};
use super::quiet::{Daily, QuietHours, Weekly};
use super::{Ladder, TierId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// What may be written, the default first.
            pub const NAMES: &[&str] = &[$($text),+];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Unfit;

            fn from_str(text: &str) -> Result<Self, Unfit> {
                match text.trim() {
                    $($text => Ok(Self::$variant),)+
                    other => {
                        let mut unfit = Unfit::new(one_of(Self::NAMES.iter().copied()));
                        if !other.is_empty() {
                            unfit.hint = nearest(other, Self::NAMES.iter().copied()).map(|near| format!("the nearest is \"{near}\""));
                        }
                        Err(unfit)
                    }
                }
            }
        }
    )+};
}

choices! {
    /// Whether the desk acts or only watches (`O1`).
    Mode {
        /// Writes to GitHub and chat.
        #[default] Enforce = "enforce",
        /// Decides, logs and shows, and writes nothing outside.
        Observe = "observe",
    }

    /// What happens to a ticket over the allowance (`Q5`).
    OverQuota {
        /// Stays open and is admitted when a slot comes free.
        #[default] Wait = "wait",
        /// Is closed; nothing queues.
        Close = "close",
        /// Is admitted, without a response clock.
        AdmitWithoutSla = "admit_without_sla",
    }

    /// What happens to an issue by somebody who is nobody (`W6`).
    UnknownAuthor {
        /// Nothing: most repositories are public.
        #[default] Ignore = "ignore",
        /// It gets a label.
        Label = "label",
        /// It gets a comment.
        Comment = "comment",
        /// It gets a comment and is closed.
        Close = "close",
    }

    /// Which of a member's words start a clock (`S4`).
    ResponseMode {
        /// The issue only.
        #[default] First = "first",
        /// The issue, and every comment that is unanswered.
        Every = "every",
    }
}

/// The operator's choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Of the windows (`Q2`).
    pub time_zone: TimeZone,
    /// The zone's IANA name.
    pub time_zone_name: String,
    /// Acts, or only watches (`O1`).
    pub mode: Mode,
    /// Over the allowance (`Q5`).
    pub over_quota: OverQuota,
    /// By strangers (`W6`).
    pub unknown_author: UnknownAuthor,
    /// What starts a clock (`S4`).
    pub response: ResponseMode,
    /// No tier and no number in a public repository (`G3`).
    pub privacy: bool,
    /// How long deliveries, ticket logs and sent messages are kept (`O2`).
    pub retention: SignedDuration,
    /// The labels (`G2`).
    pub labels: LabelStyle,
    /// The configured ladders, in the order of the file (`E1`).
    pub ladders: Vec<Ladder>,
    /// The names of the configured chat channels.
    pub channels: Vec<String>,
    /// Those of them that are told of each new ticket (`E1`).
    pub new_tickets: Vec<String>,
    /// Who is on call (`E6`); `None`: nobody is said to be.
    pub on_call: Option<OnCall>,
    /// When the pings of some tiers wait (`E6`); `None`: never.
    pub quiet_hours: Option<QuietHours>,
    /// When the desk sums up each day; `None`: never.
    pub daily_digest: Option<Daily>,
    /// When it sums up each week; `None`: never.
    pub weekly_summary: Option<Weekly>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            time_zone: TimeZone::UTC,
            time_zone_name: "UTC".to_owned(),
            mode: Mode::default(),
            over_quota: OverQuota::default(),
            unknown_author: UnknownAuthor::default(),
            response: ResponseMode::default(),
            privacy: false,
            retention: SignedDuration::from_hours(400 * 24),
            labels: LabelStyle::default(),
            ladders: Vec::new(),
            channels: Vec::new(),
            new_tickets: Vec::new(),
            on_call: None,
            quiet_hours: None,
            daily_digest: None,
            weekly_summary: None,
        }
    }
}

impl Policy {
    /// The ladder for a tier (`E1`): the first that names it, else the first that names none, else the default one.
    #[must_use]
    pub fn ladder_for(&self, tier: &TierId) -> Ladder {
        let ladder = self.ladder_place(tier).and_then(|place| self.ladders.get(place)).cloned().unwrap_or_else(Ladder::default_ladder);
        Ladder { announce: self.new_tickets.clone(), ..ladder }
    }

    /// The tiers whose pings wait at an instant (`E6`).
    #[must_use]
    pub fn held(&self, at: Timestamp) -> &[TierId] {
        self.quiet_hours.as_ref().map_or(&[], |hours| hours.held(at))
    }

    /// Which of [`Policy::ladders`] a tier has; `None` for the default one.
    #[must_use]
    pub fn ladder_place(&self, tier: &TierId) -> Option<usize> {
        let named = self.ladders.iter().position(|ladder| ladder.tiers.contains(tier));
        named.or_else(|| self.ladders.iter().position(|ladder| ladder.tiers.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::{LadderStep, StepAt};

    #[test]
    fn choices_are_read_and_refused() {
        assert_eq!("admit_without_sla".parse::<OverQuota>().unwrap(), OverQuota::AdmitWithoutSla);
        assert_eq!(ResponseMode::Every.to_string(), "every");
        assert_eq!(serde_json::to_string(&OverQuota::AdmitWithoutSla).unwrap(), "\"admit_without_sla\"");
        assert_eq!(
            "clsoe".parse::<UnknownAuthor>().unwrap_err().to_string(),
            "expected \"ignore\", \"label\", \"comment\" or \"close\"; the nearest is \"close\""
        );
    }

    #[test]
    fn a_tier_has_the_first_ladder_that_names_it() {
        let ladder = |tiers: &[&str], at| Ladder {
            tiers: tiers.iter().map(|tier| TierId((*tier).to_owned())).collect(),
            steps: vec![LadderStep::new(StepAt::Share(at))],
            announce: Vec::new(),
        };
        let (gold, now) = (TierId("gold".into()), TierId("now".into()));
        let mut policy = Policy::default();
        assert_eq!(policy.ladder_for(&gold), Ladder::default_ladder());
        policy.ladders = vec![ladder(&["silver"], 1), ladder(&[], 2), ladder(&["gold"], 3), ladder(&["gold"], 4)];
        assert_eq!(policy.ladder_for(&gold).steps[0].at, StepAt::Share(3));
        assert_eq!(policy.ladder_for(&now).steps[0].at, StepAt::Share(2));
    }
}
