//! `receive`: a saved webhook is judged, and taken in only where that is asked for.

use crate::desk::{Desk, Opened, REPO};
use clap::Parser as _;
use partner_desk::cli::CliError;
use partner_desk::cli::receive::{Receive, run};
use serde_json::{Value, json};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    receive: Receive,
}

impl Desk {
    async fn receives(&self, payload: &str, arguments: &[&str]) -> Result<String, CliError> {
        let file = self.folder().join("payload.json");
        std::fs::write(&file, payload).unwrap();
        let line = ["receive", "-p", file.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
        let mut out = Vec::new();
        run(&Line::parse_from(line).receive, &self.app.desk, &mut out).await.map(|()| String::from_utf8(out).unwrap())
    }
}

story!(a_saved_webhook_is_judged_and_taken_in_when_that_is_asked_for, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    // GitHub could not deliver it; somebody saved it from the App's list of deliveries.
    desk.stop().await;
    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let payload = opened.deliveries[0].payload().to_string();
    let before = desk.everything().await;

    let judged = desk.receives(&payload, &["-e", "issues"]).await.unwrap();
    for said in
        ["decision  admitted\n", "partner   acme\n", "tier      gold\n", "labels    [tier: Gold] [sla: 4h] [due: 2026-11-18 13:00 UTC]\n"]
    {
        assert!(judged.contains(said), "{said} is not in\n{judged}");
    }
    let judged: Value = serde_json::from_str(&desk.receives(&payload, &["-e", "issues", "--json"]).await.unwrap()).unwrap();
    assert_eq!((&judged["decision"], &judged["used"], &judged["due_at"]), (&json!("admitted"), &json!(1), &json!("2026-11-18T13:00:00Z")));
    assert_eq!(desk.everything().await, before, "nothing is written");

    let applied = desk.receives(&payload, &["-e", "issues", "--apply", "--json"]).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&applied).unwrap(), judged);
    let lines = |all: &[String], what: &str| all.iter().filter(|line| line.contains(what)).count();
    let after = desk.everything().await;
    assert_eq!(lines(&after, "receive --apply"), 1, "{after:?}");
    assert!(
        after.iter().any(|line| line.starts_with("admin_audit ") && line.contains("7x/support#1, what happened at 2026-11-18")),
        "{after:?}"
    );

    // GitHub's own delivery of it, sent again, changes nothing any more.
    desk.go_on().await;
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.everything().await.iter().filter(|line| line.starts_with("ledger ")).count(), 1);
});

story!(a_saved_webhook_that_is_none_is_told_of, |desk| {
    let file = desk.folder().join("payload.json").display().to_string();
    for (payload, event, why) in [
        ("", "issues", "the body is no JSON object"),
        ("[1]", "issues", "the body is no JSON object"),
        (r#"{"action":"opened"}"#, "issues", "an `issues` payload does not fit"),
    ] {
        let error = desk.receives(payload, &["-e", event]).await.unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().starts_with(&format!("{file}: ")) && error.to_string().contains(why), "{error}");
    }
    let passed_over = desk.receives(r#"{"action":"created"}"#, &["-e", "star"]).await.unwrap();
    assert!(passed_over.starts_with("decision  ignored\n"), "{passed_over}");
});
