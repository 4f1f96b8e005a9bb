//! The record of operators' acts: every command that changes anything leaves a line in it, and `audit list` reads them back.

use crate::desk::{Desk, REPO, Setup};
use crate::door;
use crate::operating::{fails, partner_desk, succeeds};
use clap::CommandFactory as _;
use partner_desk::cli::Cli;
use partner_desk::store::StoredApp;
use serde_json::Value;
use std::collections::BTreeSet;

/// What each command is run with, and what its line is about.
const ACTS: &[(&str, &[&str], &str)] = &[
    ("partner import", &["partners.csv"], "acme: added"),
    ("partner add", &["globex", "--name", "Globex", "--tier", "gold"], "globex"),
    ("partner set-tier", &["globex", "silver"], "globex"),
    ("partner grant", &["globex", "2", "--reason", "the outage of Monday"], "the outage of Monday"),
    ("partner member add", &["globex", "--id", "4711"], "globex"),
    ("partner member remove", &["globex", "--id", "4711"], "globex"),
    ("partner member forget", &["--id", "4711"], "members 1"),
    ("partner end", &["globex"], "globex"),
    ("receive", &["-e", "issues", "-p", "payload.json", "--apply"], "7x/support#1"),
    ("deliveries retry", &["strange-1"], "strange-1"),
    ("deliveries drop", &["strange-1", "--reason", "a test of GitHub's"], "a test of GitHub's"),
    ("retarget", &["--all"], "clocks"),
    ("forget-app", &["--yes"], "desk-of-7x, id 77"),
    ("backup", &["copy.db"], "copy.db"),
    ("migrate-store", &["--from", "sqlite://copy.db", "--to", "sqlite://moved.db"], "from SQLite"),
];

/// Commands that change nothing for which an operator answers.
const LOOKS: &[&str] = &[
    "serve",
    "demo",
    "check",
    "doctor",
    "partner export",
    "partner list",
    "partner show",
    "deliveries list",
    "deliveries show",
    "audit list",
    "explain",
    "healthcheck",
    "completions",
    "man",
];

/// Of a shape that this version does not know.
const STRANGE: &str = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"}}"#;

fn every_command() -> BTreeSet<String> {
    let mut commands = BTreeSet::new();
    let mut open = vec![(String::new(), Cli::command())];
    while let Some((path, command)) = open.pop() {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
            let path = format!("{path} {}", inner.get_name()).trim_start().to_owned();
            if inner.has_subcommands() {
                open.push((path, inner.clone()));
            } else {
                commands.insert(path);
            }
        }
    }
    commands
}

#[test]
fn no_command_is_forgotten_by_the_tables() {
    let told: BTreeSet<_> = ACTS.iter().map(|(command, ..)| *command).chain(LOOKS.iter().copied()).map(str::to_owned).collect();
    assert_eq!(told, every_command());
}

async fn runs(desk: &Desk, database: &str, args: Vec<String>) -> std::process::Output {
    let (folder, database) = (desk.folder().to_owned(), database.to_owned());
    let run = move || partner_desk(&folder, &database, &args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// The record as `audit list --json` shows it: acts and what they were about.
async fn record(desk: &Desk, database: &str) -> Vec<(String, String)> {
    let listed = succeeds(&runs(desk, database, vec!["audit".into(), "list".into(), "--json".into()]).await);
    let rows: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert!(rows.iter().all(|row| row["at"].as_str().unwrap().ends_with('Z')), "{listed}");
    rows.iter().map(|row| (row["act"].as_str().unwrap().to_owned(), row["detail"].as_str().unwrap().to_owned())).collect()
}

async fn stores_an_app(desk: &Desk) {
    let app = StoredApp {
        app_id: 77,
        slug: "desk-of-7x".to_owned(),
        page: "https://github.com/settings/apps/desk-of-7x".to_owned(),
        private_key: "no key at all".into(),
        webhook_secret: "very-secret".into(),
        client_id: "Iv1".to_owned(),
        client_secret: "very-secret".into(),
        made: desk.clock.now(),
    };
    let mut tx = desk.app.desk.store.write().await.unwrap();
    assert!(tx.put_app(&app).await.unwrap());
    tx.commit().await.unwrap();
}

story!(every_act_leaves_a_line_and_audit_list_reads_them, |desk| {
    let database = desk.database().to_owned();
    let said = succeeds(&runs(&desk, &database, vec!["audit".into(), "list".into()]).await);
    assert_eq!(said, "no act is on record\n");

    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    std::fs::write(desk.folder().join("payload.json"), opened.deliveries[0].payload().to_string()).unwrap();
    std::fs::write(desk.folder().join("partners.csv"), "partner,name,tier,logins\nacme,Acme,gold,anna\n").unwrap();
    assert_eq!(door::signed(&desk.url, "issues", "strange-1", STRANGE).send().await.unwrap().status(), 202);
    desk.settle().await;

    for (command, args, about) in ACTS {
        if *command == "backup" && !database.starts_with("sqlite:") {
            continue;
        }
        if *command == "migrate-store" && !database.starts_with("sqlite:") {
            continue;
        }
        let before = record(&desk, &database).await.len();
        if *command == "forget-app" {
            stores_an_app(&desk).await;
        }
        let words = command.split(' ').chain(args.iter().copied()).map(str::to_owned).collect();
        let done = runs(&desk, &database, words).await;
        // What cannot be taken in still cannot.
        assert!(done.status.success() || *command == "deliveries retry", "{command}: {}", String::from_utf8_lossy(&done.stderr));
        let there = if *command == "migrate-store" { "sqlite://moved.db" } else { &database };
        let after = record(&desk, there).await;
        let (act, detail) = after.last().unwrap();
        assert!(act.starts_with(command) && detail.contains(about), "{command}: {act}: {detail}");
        if there == database {
            assert_eq!(after.len(), before + 1, "{command}: {after:?}");
        }
        assert!(!detail.contains("secret") && !detail.contains("postgres://"), "{detail}");
    }

    let lines = succeeds(&runs(&desk, &database, vec!["audit".into(), "list".into(), "--since".into(), "2020-01-01".into()]).await);
    let all = record(&desk, &database).await;
    assert_eq!(lines.lines().count(), all.len());
    let first = lines.lines().next().unwrap();
    assert!(first.contains(" UTC  partner import ") && first.ends_with(&all[0].1), "{first}");
    let none = succeeds(&runs(&desk, &database, vec!["audit".into(), "list".into(), "--since".into(), "9000-01-01".into()]).await);
    assert_eq!(none, "no act is on record\n");
    let (code, said) = fails(&runs(&desk, &database, vec!["audit".into(), "list".into(), "--since".into(), "yesterday".into()]).await);
    assert!(code == 2 && said.contains("--since") && said.contains("expected a day like 2026-01-31"), "{code}: {said}");
});

story!(o1_the_record_tells_since_when_the_desk_acts_or_only_watches, |mut desk| {
    const WATCHES: Setup = Setup { config: "mode = \"observe\"", programme: None };
    let database = desk.database().to_owned();
    desk.restart().await;
    assert_eq!(record(&desk, &database).await, [], "it acts, as by default");
    let mut acts = Vec::new();
    for (setup, mode) in [(WATCHES, Some("observe")), (WATCHES, None), (Setup::default(), Some("enforce")), (Setup::default(), None)] {
        desk.restart_with(setup).await;
        acts.extend(mode.map(|mode| ("mode".to_owned(), mode.to_owned())));
        assert_eq!(record(&desk, &database).await, acts);
    }
});
