//! How often doors open to those of whom nothing is known.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

/// So many at once, and so many a second after that; all of it in milliseconds.
#[derive(Debug)]
pub(super) struct Bucket {
    most: i64,
    each: i64,
    /// When it would be empty of callers: how far ahead of now, at most `most`.
    until: Mutex<i64>,
}

impl Bucket {
    pub(super) const fn new(at_once: i64, a_second: i64) -> Self {
        Self { most: at_once * 1000 / a_second, each: 1000 / a_second, until: Mutex::new(i64::MIN) }
    }

    pub(super) fn lets_in(&self, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back does not shut the door for long.
        *until = (*until).clamp(now, now + self.most);
        let room = *until + self.each <= now + self.most;
        if room {
            *until += self.each;
        }
        room
    }
}

/// An answer that costs something to make: made anew for whoever asks now and then; who asks more often is given the last one, and costs
/// nothing.
#[derive(Debug)]
pub(super) struct Shared<T> {
    fresh: Bucket,
    last: Mutex<Option<T>>,
}

impl<T: Clone> Shared<T> {
    /// None made yet.
    pub(super) const fn new() -> Self {
        // Several who watch may come at the same instant.
        Self { fresh: Bucket::new(10, 1), last: Mutex::new(None) }
    }

    /// The answer of now, or the last one; `None`: too many ask while the first is still being made.
    pub(super) async fn get(&self, now: Timestamp, make: impl Future<Output = T>) -> Option<T> {
        if self.fresh.lets_in(now) {
            let made = make.await;
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
            return Some(made);
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What who asks too often hears.
pub(super) fn too_many() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "5")], "too many at once\n").into_response()
}
