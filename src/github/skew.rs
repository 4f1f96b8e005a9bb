//! How far the host's clock is from GitHub's, by the `Date` of GitHub's answers (`R7`).

use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// So many answers are heard before anything is said; the least of them counts, so that no single answer out of a cache, or by a machine
/// of GitHub's that is off itself, makes the host's clock look wrong.
const ANSWERS: usize = 3;
/// An answer that took longer says nothing.
const SLOW: SignedDuration = SignedDuration::from_secs(2);
/// `Date` has whole seconds, cut: on average it is so much later.
const HALF_A_SECOND: SignedDuration = SignedDuration::from_millis(500);

/// The last few measurements.
#[derive(Debug, Default)]
pub(super) struct Skew(VecDeque<SignedDuration>);

impl Skew {
    /// Takes note of an answer with this `Date`, asked for and received at these instants of the host's clock. GitHub wrote it somewhere
    /// between, so it is taken to be half-way.
    pub(super) fn hear(&mut self, asked: Timestamp, received: Timestamp, date: &str) {
        let took = received.duration_since(asked);
        // A clock that was set meanwhile shows as an answer before its question, or as a slow one.
        if took.is_negative() || took > SLOW {
            return;
        }
        let Ok(date) = jiff::fmt::rfc2822::parse(date) else { return };
        let half_way = asked.saturating_add(took / 2).unwrap_or(asked);
        self.0.push_back(half_way.duration_since(date.timestamp()).saturating_sub(HALF_A_SECOND));
        while self.0.len() > ANSWERS {
            self.0.pop_front();
        }
    }

    /// By how much the host is ahead, or below zero behind, at least.
    pub(super) fn measured(&self) -> Option<SignedDuration> {
        if self.0.len() < ANSWERS {
            return None;
        }
        self.0.iter().copied().min_by_key(|skew| skew.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(answers: &[(&str, &str, &str)]) -> Option<SignedDuration> {
        let mut skew = Skew::default();
        for (asked, received, date) in answers {
            let at = |text: &str| format!("2026-11-18T{text}Z").parse().unwrap();
            skew.hear(at(asked), at(received), &format!("Wed, 18 Nov 2026 {date} GMT"));
        }
        skew.measured()
    }

    #[test]
    fn r7_half_of_the_round_trip_is_not_skew() {
        let answer = ("09:00:00.000", "09:00:01.000", "09:00:00");
        assert_eq!(heard(&[answer; 3]), Some(SignedDuration::ZERO));
        assert_eq!(heard(&[("09:00:40", "09:00:41", "09:00:00"); 3]), Some(SignedDuration::from_secs(40)));
        assert_eq!(heard(&[("09:00:00", "09:00:01", "09:00:40"); 3]), Some(SignedDuration::from_secs(-40)));
    }

    #[test]
    fn r7_one_odd_answer_says_nothing_and_a_slow_one_is_not_heard() {
        let (good, odd) = (("09:00:00", "09:00:01", "09:00:00"), ("09:10:00", "09:10:01", "09:00:00"));
        assert_eq!(heard(&[odd, odd]), None, "too few");
        assert_eq!(heard(&[odd, odd, good]), Some(SignedDuration::ZERO));
        assert_eq!(heard(&[good, odd, odd, odd]), Some(SignedDuration::from_secs(600)));
        let slow = ("09:00:00", "09:00:03", "08:00:00");
        let set_back = ("09:00:03", "09:00:00", "08:00:00");
        assert_eq!(heard(&[good, good, good, slow, slow, slow, set_back, set_back, set_back]), Some(SignedDuration::ZERO));
        assert_eq!(heard(&[("09:00:00", "09:00:00", "yesterday"); 3]), None);
    }
}
