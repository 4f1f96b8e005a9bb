//! What is logged of one ticket: a `grep` of `owner/name#7` tells its story, in both formats.

use crate::desk::{Desk, Engine, Setup, run};
use partner_desk::cli;
use partner_desk::sandbox::ChatAnswer;
use partner_desk::settings::LogFormat;
use serde_json::Value;
use std::process::Command;

/// Where a story is told with its log on stderr, in a process of its own: a process logs in one way.
const FORMAT: &str = "PARTNER_DESK_TEST_LOG_FORMAT";
const WORDS: [&str; 3] = ["my secret plan", "the answer is in the manual", "never mind the details"];

/// A ticket's life, from its opening to its close; another beside it, which must not be in its story.
async fn live(engine: Engine) {
    let desk = Desk::start(engine, Setup::default()).await;
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens_with("anna", "Login is broken", WORDS[0]).await;
    desk.opens("anna", "Another").await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.chat.answer_next(ChatAnswer::Status(503, None));
    desk.at("2026-11-18T12:40:00Z").await;
    desk.at("2026-11-18T13:05:00Z").await;
    desk.says("ben", &issue, "/ack 30m").await;
    desk.at("2026-11-18T13:20:00Z").await;
    desk.says("ann", &issue, WORDS[1]).await;
    desk.at("2026-11-18T15:00:00Z").await;
    desk.says("anna", &issue, WORDS[2]).await;
    desk.closes("anna", &issue).await;
    desk.end().await;
}

/// Tells the story in a process of its own if this is not one, and gives back what was logged; else `None`.
fn logged(test: &str, engine: Engine, format: &str) -> Option<Vec<String>> {
    if let Ok(format) = std::env::var(FORMAT) {
        let format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
        cli::log("info", format);
        run(live(engine));
        return None;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--include-ignored", "--nocapture"]).env(FORMAT, format).env("NO_COLOR", "1");
    let output = again.output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}{}", String::from_utf8_lossy(&output.stdout));
    // No tool is needed to read it: one line an event, whatever people wrote.
    for word in WORDS {
        assert!(!log.contains(word), "{word:?} in\n{log}");
    }
    for secret in ["BEGIN PRIVATE", "sandbox-webhook-secret", "ghs_", "Bearer", "Login is broken"] {
        assert!(!log.contains(secret), "{secret:?} in\n{log}");
    }
    Some(log.lines().filter(|line| names(line, "7x/support#1")).map(str::to_owned).collect())
}

/// Whether a line names this ticket, and not another whose number begins alike.
fn names(line: &str, ticket: &str) -> bool {
    line.split(ticket).skip(1).any(|after| !after.starts_with(|c: char| c.is_ascii_digit()))
}

/// A line of the text format without its time of day.
fn without_time(line: &str) -> &str {
    line.trim_start().split_once(' ').map_or("", |(_, rest)| rest.trim_start())
}

fn tell(test: &str, engine: Engine) {
    let Some(text) = logged(test, engine, "text") else { return };
    let lines: Vec<_> = text.iter().map(|line| without_time(line)).collect();
    insta::allow_duplicates! {
        insta::assert_snapshot!(lines.join("\n"));
    }
    let json = logged(test, engine, "json").unwrap();
    assert_eq!(json.len(), text.len(), "{json:#?}");
    for (json, text) in json.iter().zip(&lines) {
        let event: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert!(event["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{json}");
        assert_eq!(event["ticket"], "7x/support#1");
        let begins = format!("{} {} ticket=7x/support#1", event["level"].as_str().unwrap(), event["message"].as_str().unwrap());
        assert!(text.starts_with(&begins), "{json}\n{text}");
    }
}

#[test]
fn a_grep_of_a_ticket_tells_its_story_sqlite() {
    tell("logs::a_grep_of_a_ticket_tells_its_story_sqlite", Engine::Sqlite);
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_grep_of_a_ticket_tells_its_story_postgres() {
    tell("logs::a_grep_of_a_ticket_tells_its_story_postgres", Engine::Postgres);
}
