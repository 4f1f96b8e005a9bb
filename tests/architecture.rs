//! The house stands as `docs/architecture.md` draws it: each part of `src/` names only the parts that it may (see `ARROWS`), the
//! pure ones no crate that does input or output, and only one file asks for the time or reads the environment.

#![expect(clippy::expect_used, reason = "a source that cannot be read is a failed test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Who may name whom. What is not listed here may name everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("programme", &[]),
    ("domain", &["programme"]),
    ("messages", &["domain", "programme"]),
    ("clock", &[]),
    ("settings", &["programme"]),
    ("store", &["domain", "programme"]),
    ("github", &["clock", "domain", "settings"]),
    ("chat", &[]),
    ("logs", &[]),
    ("desk", &["chat", "clock", "domain", "github", "logs", "messages", "programme", "store"]),
    ("doctor", &["app", "chat", "clock", "desk", "domain", "github", "programme", "settings", "store"]),
    ("lead", &["clock", "desk", "store"]),
    ("jobs", &["app", "clock", "lead", "store"]),
    ("web", &["app", "desk", "domain", "github", "store"]),
    ("sandbox", &["clock", "domain"]),
];

/// Parts without input and output, and the crates that do it.
const PURE: &[&str] = &["programme", "domain", "messages"];
const IMPURE: &[&str] = &["sqlx", "octocrab", "axum", "tokio", "reqwest", "futures_util", "std::fs", "std::net", "std::env"];

/// A file of `src/`, without its tests and comments.
struct Source {
    /// From `src/` on.
    path: PathBuf,
    /// `domain` for `domain/quota.rs`, `app` for `app.rs`.
    part: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("src is there") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
                let text = std::fs::read_to_string(&path).expect("a source is text");
                let path = path.strip_prefix(&root).expect("it is below src").to_owned();
                let part = path.iter().next().and_then(|first| Path::new(first).file_stem()).expect("a path has a name");
                found.push(Source { part: part.to_string_lossy().into_owned(), code: code(&text), path });
            }
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests" || name.to_string_lossy().ends_with("_tests"))
}

/// What stands before the tests, which stand last, without comments and what they quote.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Parts that a source names: `crate::part`, also inside `use crate::{…}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let list = after.strip_prefix('{').and_then(|list| list.split('}').next());
        for item in list.unwrap_or(after).split(',').take(if list.is_some() { usize::MAX } else { 1 }) {
            names.insert(item.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

/// Whether `code` names `path` as a whole word: `tokio::`, not `my_tokio::`.
fn names_path(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let alone = code.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !word(c));
        alone
            && code.get(at + path.len()..).is_some_and(|after| after.starts_with("::") || after.starts_with(';') || after.starts_with('('))
    })
}

#[test]
fn arrows_go_only_where_they_may() {
    let parts: BTreeSet<_> = sources().into_iter().map(|source| source.part).collect();
    let mut wrong = Vec::new();
    for Source { path, part, code } in sources() {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == part) else { continue };
        for to in named(&code).into_iter().filter(|to| parts.contains(to)) {
            if to != part && !allowed.contains(&to.as_str()) {
                wrong.push(format!("src/{} names crate::{to}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_part_has_its_arrows() {
    let free = ["app", "cli", "demo", "lib", "main"];
    let parts: BTreeSet<_> = sources().into_iter().map(|source| source.part).filter(|part| !free.contains(&part.as_str())).collect();
    assert_eq!(parts, ARROWS.iter().map(|(part, _)| (*part).to_owned()).collect());
}

#[test]
fn rules_and_texts_do_no_input_and_no_output() {
    let mut wrong = Vec::new();
    for Source { path, part, code } in sources().into_iter().filter(|source| PURE.contains(&source.part.as_str())) {
        let _ = part;
        for outside in IMPURE.iter().filter(|outside| names_path(&code, outside)) {
            wrong.push(format!("src/{} names {outside}", path.display()));
        }
        if code.contains("async ") {
            wrong.push(format!("src/{} is asynchronous", path.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Files whose code holds one of `texts`.
fn files_with(texts: &[&str]) -> Vec<String> {
    let holds = |source: &Source| texts.iter().any(|text| source.code.contains(text));
    let mut files: Vec<_> = sources().iter().filter(|source| holds(source)).map(|source| source.path.display().to_string()).collect();
    files.sort();
    files
}

#[test]
fn one_file_asks_for_the_time() {
    assert_eq!(files_with(&["Timestamp::now", "Zoned::now", "SystemTime::now", "Instant::now"]), ["clock.rs"]);
}

#[test]
fn only_settings_read_the_environment() {
    let readers = files_with(&["env::var", "env::vars", "env::var_os"]);
    let elsewhere: Vec<_> = readers.iter().filter(|file| !file.starts_with("settings")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(!readers.is_empty(), "nobody reads the environment: look whether this test still looks for the right words");
}

#[test]
fn this_test_sees_what_it_looks_for() {
    assert_eq!(named("use crate::{clock::Clock, store};\nlet x = crate::app::App;"), ["app", "clock", "store"].map(str::to_owned).into());
    assert!(names_path("use tokio::sync;", "tokio") && names_path("x(std::fs::read(y))", "std::fs"));
    assert!(!names_path("my_tokio::x", "tokio") && !names_path("the tokio crate", "tokio"));
    assert_eq!(code("a // b\n// c\nd\n#[cfg(test)]\nmod tests {\ne"), "a\nd");
}
