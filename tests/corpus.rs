//! Every input that a fuzz target began with or failed on, once more on each run of the tests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "fuzz/feed.rs"]
mod feed;

use std::fs;
use std::path::Path;

fn replay(target: &str, feed: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        let fed = std::panic::catch_unwind(|| feed(&bytes));
        assert!(fed.is_ok(), "{} fails, see above", input.display());
    }
}

#[test]
fn envelopes() {
    replay("envelope", feed::envelope);
}

#[test]
fn payloads() {
    replay("payload", feed::payload);
}

#[test]
fn commands() {
    replay("command", feed::command);
}

#[test]
fn programmes() {
    replay("programme", feed::programme);
}

#[test]
fn configurations() {
    replay("configuration", feed::configuration);
}

#[test]
fn calendars() {
    replay("calendar", feed::calendar);
}

#[test]
fn partner_lists() {
    replay("partners", feed::partners);
}
