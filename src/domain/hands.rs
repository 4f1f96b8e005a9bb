//! What people undo by hand of what the desk shows, and when the desk stops to put it back (`G5`).

use super::event::Person;
use super::ids::CommentId;
use super::projection::Projection;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// So often it is put back within [`WITHIN`]; then the desk rests.
const ROUNDS: usize = 3;
/// Rounds that are further apart are no fight.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// So long after the last trouble the desk tries again.
const REST: SignedDuration = SignedDuration::from_hours(1);

/// Something of the desk's that is not at GitHub as the desk left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// This label, by the desk's name in lower case, is off the issue.
    Label(String),
    /// This comment was deleted.
    Deleted(CommentId),
    /// The text of this comment is another one.
    Edited(CommentId),
}

impl Undone {
    /// What of the ticket it is, whichever comment shows it at present.
    fn what(&self) -> &str {
        match self {
            Self::Label(key) => key,
            // The one that is put back is the status comment; a label has no such name, for it ends in no space.
            Self::Deleted(_) | Self::Edited(_) => "status ",
        }
    }
}

/// What the desk does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is put back.
    PutBack,
    /// These were three rounds: it is left, and told.
    Stop,
    /// It is left, as was told before.
    Leave,
}

/// Something was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Touch {
    what: String,
    at: Timestamp,
    /// The desk had put it back shortly before.
    again: bool,
}

/// The desk fights no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    until: Timestamp,
    /// The labels that it wanted then: when these change, it shows them.
    wanted: Vec<String>,
}

/// What hands did to one ticket lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands {
    /// Undone, and not put back yet.
    #[serde(default)]
    open: Vec<Undone>,
    #[serde(default)]
    touches: Vec<Touch>,
    #[serde(default)]
    rest: Option<Rest>,
}

impl Hands {
    /// Somebody undid something that `projection` wants.
    pub fn undo(&mut self, undone: Undone, projection: &Projection, now: Timestamp) -> Verdict {
        if self.rest.as_ref().is_some_and(|rest| rest.until <= now) {
            self.wake();
        }
        let what = undone.what().to_owned();
        self.touches.retain(|touch| now.duration_since(touch.at) < WITHIN);
        // What was not put back yet cannot have been undone again.
        let again = !self.open.iter().any(|open| open.what() == what) && self.touches.iter().any(|touch| touch.what == what);
        self.touches.push(Touch { what, at: now, again });
        self.note(undone);
        let until = now.saturating_add(REST).unwrap_or(now);
        if let Some(rest) = &mut self.rest {
            rest.until = until;
            return Verdict::Leave;
        }
        if self.touches.iter().filter(|touch| touch.again).count() < ROUNDS {
            return Verdict::PutBack;
        }
        self.rest = Some(Rest { until, wanted: wanted(projection) });
        Verdict::Stop
    }

    /// Notes that something is undone, for the next time that the ticket is shown.
    pub fn note(&mut self, undone: Undone) {
        if !self.open.contains(&undone) {
            self.open.push(undone);
        }
    }

    /// Somebody put a label back by hand. Says whether the desk would have.
    pub fn redo(&mut self, key: &str) -> bool {
        let before = self.open.len();
        self.open.retain(|open| *open != Undone::Label(key.to_owned()));
        self.open.len() != before
    }

    /// Takes what is to be put back now, if anything: all of it, unless the desk rests and its own wishes are still the same.
    pub fn take(&mut self, projection: &Projection) -> Vec<Undone> {
        if let Some(rest) = &mut self.rest {
            let wanted = wanted(projection);
            if rest.wanted == wanted {
                return Vec::new();
            }
            rest.wanted = wanted;
        }
        std::mem::take(&mut self.open)
    }

    /// Ends a rest. Says whether there is something to put back.
    pub fn wake(&mut self) -> bool {
        self.rest = None;
        self.touches.clear();
        !self.open.is_empty()
    }

    /// When to look at this again: the end of the rest, else when nothing that was undone counts any more.
    #[must_use]
    pub fn again_at(&self, now: Timestamp) -> Timestamp {
        self.rest.as_ref().map_or_else(|| now.saturating_add(WITHIN).unwrap_or(now), |rest| rest.until)
    }
}

fn wanted(projection: &Projection) -> Vec<String> {
    projection.labels.iter().map(|label| label.name.clone()).collect()
}

/// Whether somebody is the App itself, whose account is `own`. While that is not known, any bot may be: nothing is undone by mistake.
#[must_use]
pub fn is_own(actor: Option<&Person>, own: Option<&str>) -> bool {
    actor.is_some_and(|actor| actor.bot && own.is_none_or(|own| actor.login.eq_ignore_ascii_case(own)))
}

#[cfg(test)]
mod tests {
    use super::super::ids::UserId;
    use super::super::projection::Label;
    use super::*;

    fn at(minute: i64) -> Timestamp {
        "2026-11-18T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
    }

    fn showing(names: &[&str]) -> Projection {
        let label = |name: &&str| Label { name: (*name).to_owned(), color: String::new(), description: String::new() };
        Projection { labels: names.iter().map(label).collect(), ..Projection::default() }
    }

    fn label(key: &str) -> Undone {
        Undone::Label(key.to_owned())
    }

    /// One round: undone, and put back.
    fn round(hands: &mut Hands, undone: Undone, minute: i64) -> Verdict {
        let verdict = hands.undo(undone, &showing(&["a", "b"]), at(minute));
        hands.take(&showing(&["a", "b"]));
        verdict
    }

    #[test]
    fn g5_the_fourth_time_within_ten_minutes_is_left() {
        let mut hands = Hands::default();
        let verdicts = [0, 1, 2, 9, 9].map(|minute| round(&mut hands, label("a"), minute));
        assert_eq!(verdicts, [Verdict::PutBack, Verdict::PutBack, Verdict::PutBack, Verdict::Stop, Verdict::Leave]);
        assert_eq!(hands.again_at(at(9)), at(69));
        assert_eq!(round(&mut hands, label("a"), 69), Verdict::PutBack, "the rest is over");
    }

    #[test]
    fn g5_rounds_of_several_things_count_together_and_once_each_is_none() {
        let mut hands = Hands::default();
        let things = [label("a"), label("b"), Undone::Deleted(CommentId(1)), label("a"), Undone::Edited(CommentId(2)), label("b")];
        let verdicts = things.map(|thing| round(&mut hands, thing, 0));
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::PutBack).count(), 5, "{verdicts:?}");
        assert_eq!(verdicts[5], Verdict::Stop);
    }

    #[test]
    fn g5_what_was_not_put_back_yet_is_not_undone_again() {
        let mut hands = Hands::default();
        for minute in 0..9 {
            assert_eq!(hands.undo(label("a"), &showing(&["a"]), at(minute)), Verdict::PutBack);
        }
        assert_eq!(hands.take(&showing(&["a"])), [label("a")]);
    }

    #[test]
    fn g5_two_rounds_in_ten_minutes_are_no_fight_however_long_they_go_on() {
        let mut hands = Hands::default();
        // Of any ten minutes, two of these are the most.
        for minute in (0..100).step_by(6) {
            assert_eq!(round(&mut hands, label("a"), minute), Verdict::PutBack, "{minute}");
        }
    }

    #[test]
    fn g5_at_rest_only_other_labels_bring_everything_back() {
        let mut hands = Hands::default();
        for _ in 0..4 {
            round(&mut hands, label("a"), 0);
        }
        assert_eq!(hands.take(&showing(&["a", "b"])), []);
        assert_eq!(hands.take(&showing(&["a", "c"])), [label("a")]);
        assert_eq!(hands.undo(label("a"), &showing(&["a", "c"]), at(5)), Verdict::Leave);
        assert_eq!(hands.take(&showing(&["a", "c"])), []);
        assert!(hands.wake(), "an hour later there is something to put back");
        assert_eq!(hands.take(&showing(&["a", "c"])), [label("a")]);
    }

    #[test]
    fn g5_what_its_remover_puts_back_is_not_put_back_twice() {
        let mut hands = Hands::default();
        hands.undo(label("a"), &showing(&["a"]), at(0));
        assert!(hands.redo("a") && !hands.redo("a"));
        assert_eq!(hands.take(&showing(&["a"])), []);
    }

    #[test]
    fn g5_the_app_itself_is_told_from_people_and_other_bots() {
        let person = |login: &str, bot| Person { id: UserId(1), login: login.to_owned(), bot };
        assert!(is_own(Some(&person("partner-desk[bot]", true)), Some("Partner-Desk[bot]")));
        assert!(!is_own(Some(&person("tidy[bot]", true)), Some("partner-desk[bot]")));
        assert!(is_own(Some(&person("tidy[bot]", true)), None), "while its own name is not known, it may be itself");
        assert!(!is_own(Some(&person("partner-desk[bot]", false)), Some("partner-desk[bot]")));
        assert!(!is_own(None, Some("partner-desk[bot]")));
    }
}
