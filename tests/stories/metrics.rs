//! `/metrics`, read as Prometheus reads it.

use crate::desk::Setup;
use crate::door;
use partner_desk::sandbox::ChatAnswer;
use std::collections::{BTreeMap, BTreeSet};

const CHAT: Setup =
    Setup { config: "[[chat]]\nname = \"night \\\"shift\\\"\"\nkind = \"webhook\"\nurl = \"{chat}/night\"\n", programme: None };

/// Every sample by its name and labels, in whole numbers. What is against the text format fails.
async fn scraped(url: &str) -> BTreeMap<String, i64> {
    let answer = door::CLIENT.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let (mut samples, mut families, mut family) = (BTreeMap::new(), BTreeSet::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()) && help.ends_with('.'), "{line}");
            name.clone_into(&mut family);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!((name, kind == "counter"), (family.as_str(), name.ends_with("_total")), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split_once('{').map_or(series, |(name, labels)| {
                assert!(labels.ends_with('}'), "{line}");
                name
            });
            assert_eq!(name, family, "a sample stands with its family: {line}");
            assert_eq!(samples.insert(series.to_owned(), value.split('.').next().unwrap().parse().unwrap()), None, "{line}");
        }
    }
    samples
}

/// The names of metrics that a text has.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    words.filter(|word| word.starts_with("partner_desk_") && !word.ends_with('_')).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_else(|error| panic!("{file}: {error}"))
}

story!(what_the_desk_counts_can_be_scraped, CHAT, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.lead.look(0).await.unwrap();
    let quiet = scraped(&desk.url).await;
    assert_eq!((quiet["partner_desk_database_up"], quiet["partner_desk_leads"]), (1, 1));
    assert_eq!(quiet[r#"partner_desk_deliveries_total{result="taken_in"}"#], 0);

    let issue = desk.opens("anna", "Login is broken").await;
    let strange = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"}}"#;
    assert_eq!(door::signed(&desk.url, "issues", "strange-1", strange).send().await.unwrap().status(), 202);
    assert_eq!(door::unsigned(&desk.url, "issues", "strange-2", strange).send().await.unwrap().status(), 401);
    assert_eq!(door::signed(&desk.url, "star", "star-1", r#"{"action":"created"}"#).send().await.unwrap().status(), 200);
    desk.chat.answer_always("/night", ChatAnswer::Status(503, None));
    desk.at("2026-11-18T13:10:00Z").await;
    let seen = scraped(&desk.url).await;
    for (series, value) in [
        (r#"partner_desk_deliveries_total{result="kept"}"#, 1),
        (r#"partner_desk_deliveries_total{result="unsigned"}"#, 1),
        (r#"partner_desk_deliveries_total{result="refused"}"#, 0),
        (r#"partner_desk_tickets_open{tier="gold",standing="admitted"}"#, 1),
        ("partner_desk_tickets_unshown", 0),
        ("partner_desk_deliveries_kept", 1),
        ("partner_desk_sweep_lag_seconds", 0),
    ] {
        assert_eq!(seen.get(series), Some(&value), "{series} in {seen:#?}");
    }
    assert!(seen[r#"partner_desk_deliveries_total{result="taken_in"}"#] >= 1);
    assert!(seen[r#"partner_desk_outbox_messages{channel="night \"shift\""}"#] >= 1, "{seen:#?}");
    assert!(seen[r#"partner_desk_outbox_age_seconds{channel="night \"shift\""}"#] >= 600, "{seen:#?}");
    // What the last hour's labels and comments leave of 500.
    let budget = |window: &str| {
        let series = seen.iter().find(|(series, _)| series.starts_with("partner_desk_github_budget_left") && series.contains(window));
        *series.unwrap().1
    };
    assert_eq!(budget("minute"), 80);
    assert!((490..=500).contains(&budget("hour")), "{seen:#?}");

    desk.chat.answer_always("/night", ChatAnswer::OK);
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T13:40:00Z").await;
    let answered = scraped(&desk.url).await;
    assert!(!answered.keys().any(|series| series.starts_with("partner_desk_outbox") || series.contains("standing=")), "{answered:#?}");

    // What users are told of is what there is.
    let there: BTreeSet<_> = seen.keys().map(|series| series.split('{').next().unwrap()).collect();
    assert_eq!(named(&read("docs/operations.md")), there);
    for file in ["packaging/prometheus-alerts.yml", "packaging/grafana-dashboard.json"] {
        let text = read(file);
        let asked = named(&text);
        assert!(asked.len() > 4 && asked.is_subset(&there), "{file} asks for {:?}", asked.difference(&there));
    }
    serde_json::from_str::<serde_json::Value>(&read("packaging/grafana-dashboard.json")).unwrap();
    let private = ["anna", "acme", "7x/", "Login"];
    assert!(!seen.keys().any(|series| private.iter().any(|word| series.contains(word))), "{seen:#?}");
});

story!(a_database_that_does_not_answer_is_told_of, |desk| {
    let other = desk.another_instance().await;
    other.app.desk.store.close().await;
    let seen = scraped(&other.url).await;
    assert_eq!(seen["partner_desk_database_up"], 0);
    assert!(!seen.contains_key("partner_desk_deliveries_kept"), "{seen:#?}");
});
