//! GitHub's own published payloads, whole and mutilated: each is understood or passed over, and none is refused (`R4`, `W8`).

use crate::desk::{Desk, Engine, Setup, run};
use crate::door;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use partner_desk::domain::event::News;
use partner_desk::github::wire::{self, Read};
use serde_json::{Value, json};

/// Event names with a payload each, as `@octokit/webhooks-examples` publishes them.
fn published() -> Vec<(String, Value)> {
    let folder = std::env::var("PARTNER_DESK_EXAMPLES").expect("PARTNER_DESK_EXAMPLES is not set: run tests/run");
    let text = std::fs::read(format!("{folder}/api.github.com/index.json")).unwrap();
    let events: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let examples = events.iter().flat_map(|event| {
        let name = event["name"].as_str().unwrap().to_owned();
        event["examples"].as_array().unwrap().iter().map(move |example| (name.clone(), example.clone()))
    });
    examples.collect()
}

type Mutation = fn(&mut Value);

/// Ways in which a payload can differ from those that were published.
const MUTATIONS: [(&str, Mutation); 12] = [
    ("an unknown action", |payload| payload["action"] = "entangled".into()),
    ("no action", |payload| without(payload, "", "action")),
    ("unknown fields", |payload| {
        payload["quantum"] = json!({ "state": ["both"] });
        for part in ["issue", "comment", "repository", "sender"] {
            if payload[part].is_object() {
                payload[part]["quantum"] = json!([1, null, { "deep": [] }]);
            }
        }
    }),
    ("no author", |payload| set(payload, "issue", "user", Value::Null)),
    ("no commenter", |payload| set(payload, "comment", "user", Value::Null)),
    ("no sender", |payload| payload["sender"] = Value::Null),
    ("not even a field for the sender", |payload| without(payload, "", "sender")),
    ("no text", |payload| {
        set(payload, "issue", "body", Value::Null);
        set(payload, "comment", "body", Value::Null);
    }),
    ("no state", |payload| without(payload, "issue", "state")),
    ("no installation", |payload| without(payload, "", "installation")),
    ("no installation but a null", |payload| payload["installation"] = Value::Null),
    ("instants with an offset", |payload| set(payload, "issue", "updated_at", "2026-11-18T12:00:00.123+02:00".into())),
];

fn set(payload: &mut Value, part: &str, field: &str, value: Value) {
    if let Some(part) = payload.get_mut(part).and_then(Value::as_object_mut) {
        part.insert(field.to_owned(), value);
    }
}

fn without(payload: &mut Value, part: &str, field: &str) {
    let part = if part.is_empty() { Some(payload) } else { payload.get_mut(part) };
    if let Some(part) = part.and_then(Value::as_object_mut) {
        part.remove(field);
    }
}

/// Every example as it is, and those of tickets in each mutation too: what it is, the event, the payload.
fn cases() -> Vec<(String, String, Value)> {
    let mut cases = Vec::new();
    for (place, (event, payload)) in published().into_iter().enumerate() {
        let name = format!("{event} {} ({place})", payload["action"]);
        if wire::EVENTS.contains(&event.as_str()) {
            for (what, mutate) in MUTATIONS {
                let mut mutated = payload.clone();
                mutate(&mut mutated);
                cases.push((format!("{name} with {what}"), event.clone(), mutated));
            }
        }
        cases.push((name, event, payload));
    }
    cases
}

#[test]
#[ignore = "needs the payload examples: tests/run"]
fn r4_every_published_payload_is_understood_or_passed_over() {
    let cases = cases();
    assert!(cases.len() > 500, "{}", cases.len());
    for (name, event, payload) in cases {
        match wire::read(&event, payload.to_string().as_bytes(), Timestamp::UNIX_EPOCH) {
            Ok(Read::News(read)) => {
                assert!(wire::EVENTS.contains(&event.as_str()), "{name}");
                if let News::Ticket(read) = *read {
                    assert_eq!(Some(read.issue.number), payload["issue"]["number"].as_i64(), "{name}");
                }
            }
            Ok(Read::NotOurs(_)) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
#[ignore = "needs the payload examples: tests/run"]
fn r4_every_published_payload_is_answered_with_success_on_sqlite() {
    every_payload_is_answered_with_success(Engine::Sqlite);
}

#[test]
#[ignore = "needs the payload examples and PostgreSQL: tests/run"]
fn r4_every_published_payload_is_answered_with_success_on_postgres() {
    every_payload_is_answered_with_success(Engine::Postgres);
}

fn every_payload_is_answered_with_success(engine: Engine) {
    run(async {
        let setup = Setup { config: "mode = \"observe\"\nunknown_author = \"comment\"", ..Setup::default() };
        let desk = Desk::start(engine, setup).await;
        let knocks = cases().into_iter().enumerate().map(|(place, (name, event, payload))| {
            let knock = door::signed(&desk.url, &event, &format!("example-{place}"), &payload.to_string());
            async move {
                let answer = knock.send().await.unwrap();
                let (status, why) = (answer.status().as_u16(), answer.text().await.unwrap());
                (!matches!(status, 200 | 202)).then(|| format!("{name}: {status} {why}"))
            }
        });
        let refused: Vec<_> = stream::iter(knocks).buffer_unordered(16).filter_map(std::future::ready).collect().await;
        assert_eq!(refused, Vec::<String>::new());
        desk.end().await;
    });
}
