//! What the App has to be given: `app-manifest.yml` asks for exactly this, held to it by `tests/docs.rs`, and `doctor` looks whether it was.

use super::wire::{ALWAYS_SENT, EVENTS};

/// A permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// GitHub's name for it.
    pub name: &'static str,
    /// `read` or `write`.
    pub level: &'static str,
    /// What does not work without it.
    pub without: &'static str,
}

/// Every permission that the desk uses.
pub const PERMISSIONS: &[Need] = &[
    Need { name: "issues", level: "write", without: "nothing is shown on issues" },
    Need { name: "members", level: "read", without: "teams in `agents` are nobody, and the desk does not hear who comes and goes" },
    Need { name: "metadata", level: "read", without: "repositories cannot be read" },
];

/// Every event that has to be subscribed to; others come by themselves.
pub fn events() -> impl Iterator<Item = &'static str> {
    EVENTS.iter().filter(|event| !ALWAYS_SENT.contains(event)).copied()
}

/// Whether a level that was granted is enough for one that is needed.
#[must_use]
pub fn is_enough(granted: Option<&str>, needed: &str) -> bool {
    let rank = |level: &str| match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    };
    granted.is_some_and(|granted| rank(granted) >= rank(needed))
}
