//! Things that go wrong between the desk and GitHub, on order.

use super::lock;
use http::Method;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This answer, and nothing is done.
    Status {
        /// The HTTP status.
        status: u16,
        /// Extra response headers, such as `retry-after`.
        headers: Vec<(String, String)>,
        /// The JSON body.
        body: Value,
    },
    /// The connection closes before anything is done.
    DropBeforeEffect,
    /// The work is done, then the connection closes without an answer.
    DropAfterEffect,
    /// The work is done, the answer comes this much later.
    Delay(Duration),
}

impl Fault {
    /// An error status with a body in GitHub's shape.
    #[must_use]
    pub fn status(status: u16, message: &str) -> Self {
        Self::Status { status, headers: Vec::new(), body: json!({ "message": message, "status": status.to_string() }) }
    }

    /// GitHub's secondary rate limit, as it looks with `retry-after`.
    #[must_use]
    pub fn secondary_limit(retry_after: u32) -> Self {
        Self::Status {
            status: 403,
            headers: vec![("retry-after".to_owned(), retry_after.to_string())],
            body: json!({
                "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
                "status": "403",
            }),
        }
    }

    /// The same without a word for how long.
    #[must_use]
    pub fn limit_without_a_time() -> Self {
        Self::status(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
    }

    /// Too many requests.
    #[must_use]
    pub fn too_many(retry_after: u32) -> Self {
        Self::Status {
            status: 429,
            headers: vec![("retry-after".to_owned(), retry_after.to_string())],
            body: json!({ "message": "Too Many Requests", "status": "429" }),
        }
    }

    /// The App was not given this permission.
    #[must_use]
    pub fn no_permission() -> Self {
        Self::Status {
            status: 403,
            headers: vec![("x-accepted-github-permissions".to_owned(), "issues=write; pull_requests=write".to_owned())],
            body: json!({ "message": "Resource not accessible by integration", "documentation_url": "https://docs.github.com/rest", "status": "403" }),
        }
    }

    /// It is somewhere else.
    #[must_use]
    pub fn moved(status: u16, location: &str) -> Self {
        Self::Status {
            status,
            headers: vec![("location".to_owned(), location.to_owned())],
            body: json!({ "message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest" }),
        }
    }

    /// The hourly limit used up until `reset` (epoch seconds).
    #[must_use]
    pub fn primary_limit(reset: i64) -> Self {
        let header = |name: &str, value: String| (name.to_owned(), value);
        Self::Status {
            status: 403,
            headers: vec![
                header("x-ratelimit-limit", "5000".to_owned()),
                header("x-ratelimit-remaining", "0".to_owned()),
                header("x-ratelimit-reset", reset.to_string()),
                header("x-ratelimit-resource", "core".to_owned()),
            ],
            body: json!({
                "message": "API rate limit exceeded for installation.",
                "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
                "status": "403",
            }),
        }
    }
}

/// For how long nothing at all works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Outage {
    #[default]
    None,
    Unavailable,
    Unreachable,
}

#[derive(Debug)]
struct Rule {
    method: Option<Method>,
    /// The last path segments, decoded; `*` stands for any one.
    tail: Vec<String>,
    left: usize,
    fault: Fault,
}

impl Rule {
    fn fits(&self, method: &Method, segments: &[String]) -> bool {
        let Some(start) = segments.len().checked_sub(self.tail.len()) else { return false };
        self.left > 0
            && self.method.as_ref().is_none_or(|m| m == method)
            && self.tail.iter().zip(&segments[start..]).all(|(want, is)| want == "*" || want == is)
    }
}

/// What a request meets that no order was given for, by its method and the decoded segments of its path.
type Weather = Box<dyn FnMut(&Method, &[String]) -> Option<Fault> + Send>;

#[derive(Default)]
struct Orders {
    rules: Vec<Rule>,
    outage: Outage,
    /// Webhooks of an event that fail on their way, counted down; redeliveries too.
    webhooks: (String, usize),
    weather: Option<Weather>,
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").field("rules", &self.rules).field("outage", &self.outage).finish_non_exhaustive()
    }
}

/// The faults on order. Rules are used up in the order they were given.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Orders>);

impl Faults {
    /// The next request with this method (`"*"` for any) and path ending meets `fault`. The ending is made of whole, decoded
    /// segments and `*` stands for any one of them: `"/comments"`, `"/labels/*"`.
    pub fn next(&self, method: &str, path_ending: &str, fault: Fault) {
        self.next_times(1, method, path_ending, fault);
    }

    /// The same for the next `times` requests that match.
    pub fn next_times(&self, times: usize, method: &str, path_ending: &str, fault: Fault) {
        let method = Method::from_bytes(method.as_bytes()).ok().filter(|m| m.as_str() != "*");
        let tail = path_ending.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        lock(&self.0).rules.push(Rule { method, tail, left: times, fault });
    }

    /// While on, every request is answered with 503.
    pub fn outage(&self, on: bool) {
        lock(&self.0).outage = if on { Outage::Unavailable } else { Outage::None };
    }

    /// While on, every connection closes without an answer and nothing is done.
    pub fn unreachable(&self, on: bool) {
        lock(&self.0).outage = if on { Outage::Unreachable } else { Outage::None };
    }

    /// From now on `weather` says of each request that no order is for what goes wrong with it, if anything: any number of faults
    /// at random, where the caller has the dice.
    pub fn weather(&self, weather: impl FnMut(&Method, &[String]) -> Option<Fault> + Send + 'static) {
        lock(&self.0).weather = Some(Box::new(weather));
    }

    /// The next `times` webhooks of this event (`"*"` for any) do not reach the desk, redeliveries included: GitHub lists them as failed
    /// (`R2`). `usize::MAX` is for ever, as with a host behind a firewall.
    pub fn webhooks_fail(&self, event: &str, times: usize) {
        lock(&self.0).webhooks = (event.to_owned(), times);
    }

    /// Whether this webhook fails on its way.
    pub(super) fn meet_webhook(&self, event: &str) -> bool {
        let (of, left) = &mut lock(&self.0).webhooks;
        let fails = *left > 0 && (of == "*" || of == event);
        if fails && *left < usize::MAX {
            *left -= 1;
        }
        fails
    }

    /// Forgets every order and ends an outage; the weather is fine.
    pub fn clear(&self) {
        *lock(&self.0) = Orders::default();
    }

    /// How many ordered faults have not met their request yet; a test that ordered one wants none left.
    #[must_use]
    pub fn pending(&self) -> usize {
        lock(&self.0).rules.iter().map(|r| r.left).sum()
    }

    /// The fault that this request meets, which is used up by it.
    pub(super) fn meet(&self, method: &Method, segments: &[String]) -> Option<Fault> {
        let mut orders = lock(&self.0);
        match orders.outage {
            Outage::Unavailable => return Some(Fault::status(503, "Service unavailable")),
            Outage::Unreachable => return Some(Fault::DropBeforeEffect),
            Outage::None => {}
        }
        let Some(rule) = orders.rules.iter_mut().find(|r| r.fits(method, segments)) else {
            return orders.weather.as_mut().and_then(|weather| weather(method, segments));
        };
        rule.left -= 1;
        let fault = rule.fault.clone();
        orders.rules.retain(|r| r.left > 0);
        Some(fault)
    }
}
