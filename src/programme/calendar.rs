//! stub
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// stub
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {}

impl Calendar {
    /// stub
    #[must_use]
    pub fn add(&self, start: Timestamp, worked: SignedDuration) -> Timestamp {
        start.saturating_add(worked).unwrap_or(Timestamp::MAX)
    }
    /// stub
    #[must_use]
    pub fn holidays_between(&self, _from: Timestamp, _to: Timestamp) -> Vec<Holiday> {
        Vec::new()
    }
    /// stub
    #[must_use]
    pub fn worked(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        to.duration_since(from)
    }
}

/// stub
pub struct Holiday {
    /// d
    pub date: jiff::civil::Date,
    /// n
    pub name: Option<String>,
}
