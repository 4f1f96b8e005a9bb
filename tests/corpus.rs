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

/// Fuzzing is a workspace of its own, which no other test builds.
#[test]
fn every_target_is_built_fed_and_replayed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let (manifest, feed) = (text("tests/fuzz/Cargo.toml"), text("tests/fuzz/feed.rs"));
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(root.join("tests/fuzz").join(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let targets = names("targets");
    assert_eq!(targets, names("corpus"), "each target has its corpus");
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"targets/{target}.rs\"\n")), "{target} is not in Cargo.toml");
        assert!(text(&format!("tests/fuzz/targets/{target}.rs")).contains(&format!("feed::{target}(data)")), "{target} feeds another");
        assert!(include_str!("corpus.rs").contains(&format!("replay(\"{target}\", feed::{target})")), "{target} is not replayed");
    }
    let dependencies = text("Cargo.toml");
    let dependencies = dependencies.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        let used = feed
            .split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':'))
            .any(|path| path.starts_with(&format!("{}::", name.replace('-', "_"))));
        assert!(!used || manifest.contains(&format!("\n{name} = ")), "feed.rs uses {name}, which tests/fuzz/Cargo.toml does not name");
    }
}
