//! GitHub's limits on an installation: the hour's calls, content a minute and an hour, and the quiet that it asked for (`G7`). Whoever
//! runs into one is refused as GitHub refuses, and it is listed by [`Sandbox::violations`](super::Sandbox::violations): a good client never does.

use super::Options;
use super::answer::Answer;
use super::api::Ask;
use super::faults::Fault;
use super::state::World;
use crate::domain::ids::InstallationId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What one installation did lately.
#[derive(Debug, Default)]
pub(super) struct Spent {
    /// When it created content within the last hour.
    content: Vec<Timestamp>,
    /// When the present hour of calls began, and how many there were.
    calls: Option<(Timestamp, usize)>,
    /// Since when and until when it was asked for quiet.
    quiet: Option<(Timestamp, Timestamp)>,
    /// Writes that are worked on, and how many there were at once at most.
    writing: usize,
    most_writing: usize,
}

impl World {
    /// A write begins.
    pub(super) fn write_begins(&mut self, installation: InstallationId) {
        let spent = self.spent.entry(installation).or_default();
        spent.writing += 1;
        spent.most_writing = spent.most_writing.max(spent.writing);
    }

    /// A write ends.
    pub(super) fn write_ends(&mut self, installation: InstallationId) {
        let spent = self.spent.entry(installation).or_default();
        spent.writing = spent.writing.saturating_sub(1);
    }

    /// How many writes of one installation there were at once, at most.
    pub(super) fn most_writing(&self) -> usize {
        self.spent.values().map(|spent| spent.most_writing).max().unwrap_or(0)
    }

    /// A fault that asks an installation for quiet.
    pub(super) fn asked_for_quiet(&mut self, installation: InstallationId, fault: &Fault) {
        let Fault::Status { status: 403 | 429, headers, .. } = fault else { return };
        let now = self.clock.now();
        let number = |name: &str| headers.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<i64>().ok());
        let reset = || number("x-ratelimit-remaining").filter(|left| *left == 0).and_then(|_| number("x-ratelimit-reset"));
        let after = number("retry-after").and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok());
        if let Some(until) = after.or_else(|| Timestamp::from_second(reset()?).ok()) {
            self.spent.entry(installation).or_default().quiet = Some((now, until));
        }
    }

    /// Whether an installation asks on though it was asked for quiet. What was on its way at that very instant is no offence.
    pub(super) fn disturbs(&self, installation: InstallationId) -> Option<String> {
        let (since, until) = self.spent.get(&installation)?.quiet?;
        let now = self.clock.now();
        (since < now && now < until).then(|| format!("asked at {now}, though GitHub had asked for quiet until {until}"))
    }

    /// GitHub's refusal of what is beyond a limit, and what the refused did.
    pub(super) fn beyond_limits(&mut self, installation: InstallationId, ask: &Ask, options: &Options) -> Option<(Answer, String)> {
        if matches!(ask.segments.as_slice(), [one] if one == "rate_limit") {
            return None;
        }
        let now = self.clock.now();
        let most_calls = self.calls_an_hour;
        let spent = self.spent.entry(installation).or_default();
        let (began, calls) = spent.calls.filter(|(began, _)| now.duration_since(*began) < HOUR).unwrap_or((now, 0));
        if calls >= most_calls {
            let mut answer = Answer::error(403, "API rate limit exceeded for installation.");
            answer.headers = headers(began, most_calls, most_calls);
            return Some((answer, format!("call {} of an hour that has {most_calls}", calls + 1)));
        }
        spent.calls = Some((began, calls + 1));
        if ask.is_get() {
            return None;
        }
        spent.content.retain(|at| now.duration_since(*at) < HOUR);
        let windows = [(options.content_per_minute, SignedDuration::from_mins(1)), (options.content_per_hour, HOUR)];
        for (most, length) in windows {
            let Some(most) = most else { continue };
            let inside: Vec<_> = spent.content.iter().filter(|at| now.duration_since(**at) < length).collect();
            if inside.len() < most {
                continue;
            }
            let free = inside.get(inside.len() - most).map_or(length, |oldest| length - now.duration_since(**oldest));
            let mut answer =
                Answer::error(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.");
            answer.headers.push(("retry-after", (free.as_secs() + i64::from(free.subsec_nanos() > 0)).to_string()));
            return Some((answer, format!("content-creating call {} within {length:#}", inside.len() + 1)));
        }
        spent.content.push(now);
        None
    }

    /// What every answer says of the hour's calls.
    pub(super) fn rate_headers(&self, installation: InstallationId) -> Vec<(&'static str, String)> {
        let calls = self.spent.get(&installation).and_then(|spent| spent.calls);
        let (began, calls) = calls.unwrap_or((self.clock.now(), 0));
        headers(began, calls, self.calls_an_hour)
    }

    /// The hour's calls, as `GET /rate_limit` tells them.
    pub(super) fn rate_json(&self, installation: InstallationId) -> Value {
        let calls = self.spent.get(&installation).and_then(|spent| spent.calls);
        let (began, calls) = calls.unwrap_or((self.clock.now(), 0));
        let core = json!({
            "limit": self.calls_an_hour, "used": calls, "remaining": self.calls_an_hour.saturating_sub(calls),
            "reset": began.as_second() + HOUR.as_secs(),
        });
        json!({ "resources": { "core": core, "search": { "limit": 30, "used": 0, "remaining": 30, "reset": began.as_second() + 60 } } })
    }

    /// The last call of the hour was answered: it says so, and asks for quiet by that.
    pub(super) fn note_last_call(&mut self, installation: InstallationId) {
        let (now, most) = (self.clock.now(), self.calls_an_hour);
        let spent = self.spent.entry(installation).or_default();
        if let Some((began, calls)) = spent.calls
            && calls >= most
        {
            spent.quiet = began.checked_add(HOUR).ok().map(|until| (now, until));
        }
    }
}

fn headers(began: Timestamp, calls: usize, most: usize) -> Vec<(&'static str, String)> {
    vec![
        ("x-ratelimit-limit", most.to_string()),
        ("x-ratelimit-remaining", most.saturating_sub(calls).to_string()),
        ("x-ratelimit-used", calls.to_string()),
        ("x-ratelimit-reset", (began.as_second() + HOUR.as_secs()).to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ]
}
