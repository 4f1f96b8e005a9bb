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
    let (mut samples, mut families, mut family, mut histogram) = (BTreeMap::new(), BTreeSet::new(), String::new(), false);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()) && help.ends_with('.'), "{line}");
            name.clone_into(&mut family);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!((name, kind == "counter"), (family.as_str(), name.ends_with("_total")), "{line}");
            histogram = kind == "histogram";
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split_once('{').map_or(series, |(name, labels)| {
                assert!(labels.ends_with('}'), "{line}");
                name
            });
            let name = if histogram { of_histogram(name).unwrap_or_default() } else { name };
            assert_eq!(name, family, "a sample stands with its family: {line}");
            assert_eq!(samples.insert(series.to_owned(), value.split('.').next().unwrap().parse().unwrap()), None, "{line}");
        }
    }
    samples
}

/// The histogram that a series belongs to, if it may be of one.
fn of_histogram(series: &str) -> Option<&str> {
    ["_bucket", "_sum", "_count"].iter().find_map(|part| series.strip_suffix(part))
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
    let calls = seen.iter().find(|(series, _)| series.starts_with("partner_desk_github_calls_left{installation=")).unwrap().1;
    assert!((4000..5000).contains(calls), "{seen:#?}");
    assert_eq!(budget("minute"), 80);
    assert!((490..=500).contains(&budget("hour")), "{seen:#?}");

    desk.chat.answer_always("/night", ChatAnswer::OK);
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T13:40:00Z").await;
    let answered = scraped(&desk.url).await;
    assert!(
        !answered.keys().any(|series| series.starts_with("partner_desk_outbox") || series.starts_with("partner_desk_tickets_open")),
        "{answered:#?}"
    );

    // What users are told of is what there is.
    let mut there: BTreeSet<_> = seen.keys().map(|series| series.split('{').next().unwrap()).collect();
    let families: BTreeSet<_> = there.iter().map(|series| of_histogram(series).unwrap_or(series)).collect();
    assert_eq!(named(&read("docs/operations.md")), families);
    there.extend(families);
    for file in ["packaging/prometheus-alerts.yml", "packaging/grafana-dashboard.json"] {
        let text = read(file);
        let asked = named(&text);
        assert!(asked.len() > 4 && asked.is_subset(&there), "{file} asks for {:?}", asked.difference(&there));
    }
    serde_json::from_str::<serde_json::Value>(&read("packaging/grafana-dashboard.json")).unwrap();
    let private = ["anna", "acme", "7x/", "Login"];
    assert!(!seen.keys().any(|series| private.iter().any(|word| series.contains(word))), "{seen:#?}");
});

story!(times_outcomes_and_what_became_of_messages_are_counted, CHAT, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.lead.look(0).await.unwrap();
    let begin = scraped(&desk.url).await;
    let is = |seen: &BTreeMap<String, i64>, expected: &[(&str, i64)]| {
        for (series, value) in expected {
            assert_eq!(seen.get(&format!("partner_desk_{series}")), Some(value), "{series} in {seen:#?}");
        }
    };
    is(&begin, &[(r#"clocks_ended_total{tier="gold",outcome="met"}"#, 0), (r#"breaches_total{tier="platinum"}"#, 0)]);
    is(&begin, &[(r#"messages_total{channel="support",result="retried"}"#, 0), (r#"step_delay_seconds_count{channel="support"}"#, 0)]);

    // One is answered after an hour and a half, one ten minutes late, one is closed by its author.
    let soon = desk.opens("anna", "Answered soon").await;
    let late = desk.opens("anna", "Answered late").await;
    let away = desk.opens("anna", "Not needed").await;
    desk.closes("anna", &away).await;
    desk.at("2026-11-18T10:30:00Z").await;
    desk.says("ann", &soon, "Try again.").await;
    desk.at("2026-11-18T12:59:00Z").await;
    is(&scraped(&desk.url).await, &[(r#"breaches_total{tier="gold"}"#, 0)]);
    // The breach is said half a minute after its instant: the chat refuses to take it until then.
    desk.chat.answer_always("/support", ChatAnswer::Status(503, None));
    desk.at("2026-11-18T13:00:20Z").await;
    desk.chat.answer_always("/support", ChatAnswer::OK);
    desk.at("2026-11-18T13:10:00Z").await;
    let breached = scraped(&desk.url).await;
    is(&breached, &[(r#"breaches_total{tier="gold"}"#, 1), (r#"clocks_ended_total{tier="gold",outcome="late"}"#, 0)]);
    desk.says("ann", &late, "Sorry.").await;
    // What comes to light afterwards is no second breach.
    desk.closes("anna", &late).await;

    let seen = scraped(&desk.url).await;
    is(
        &seen,
        &[
            (r#"tickets_total{tier="gold",standing="admitted"}"#, 3),
            (r#"breaches_total{tier="gold"}"#, 1),
            (r#"breaches_total{tier="silver"}"#, 0),
            (r#"clocks_ended_total{tier="gold",outcome="met"}"#, 1),
            (r#"clocks_ended_total{tier="gold",outcome="late"}"#, 1),
            (r#"clocks_ended_total{tier="gold",outcome="cancelled"}"#, 1),
            (r#"time_to_response_seconds_bucket{tier="gold",le="3600"}"#, 0),
            (r#"time_to_response_seconds_bucket{tier="gold",le="7200"}"#, 1),
            (r#"time_to_response_seconds_bucket{tier="gold",le="14400"}"#, 1),
            (r#"time_to_response_seconds_bucket{tier="gold",le="21600"}"#, 2),
            (r#"time_to_response_seconds_bucket{tier="gold",le="+Inf"}"#, 2),
            (r#"time_to_response_seconds_count{tier="gold"}"#, 2),
            (r#"time_to_response_seconds_sum{tier="gold"}"#, (90 + 250) * 60),
            (r#"time_to_due_seconds_bucket{tier="gold",le="0"}"#, 1),
            (r#"time_to_due_seconds_bucket{tier="gold",le="7200"}"#, 1),
            (r#"time_to_due_seconds_bucket{tier="gold",le="10800"}"#, 2),
            (r#"time_to_due_seconds_sum{tier="gold"}"#, 150 * 60),
            (r#"messages_total{channel="support",result="refused"}"#, 0),
        ],
    );
    let support = |name: &str, labels: &str| seen[&format!("partner_desk_{name}{{channel=\"support\"{labels}}}")];
    assert!(support("messages_total", ",result=\"retried\"") >= 3, "{seen:#?}");
    let sent = support("messages_total", ",result=\"sent\"");
    assert_eq!(sent, i64::try_from(desk.chat.messages().iter().filter(|said| said.path == "/support" && said.accepted()).count()).unwrap());
    assert_eq!(support("step_delay_seconds_count", ""), sent, "every message was a step's");
    let within = |bound: u32| support("step_delay_seconds_bucket", &format!(",le=\"{bound}\""));
    assert_eq!((within(1), within(60)), (sent - 1, sent), "{seen:#?}");
    let requests =
        |kind: &str, outcome: &str| seen[&format!("partner_desk_github_requests_total{{kind=\"{kind}\",outcome=\"{outcome}\"}}")];
    assert!(requests("write", "ok") >= 6 && requests("read", "ok") >= 1, "{seen:#?}");
    assert_eq!((requests("write", "unanswered"), requests("write", "failed")), (0, 0));

    desk.sandbox.faults().unreachable(true);
    desk.opens("anna", "Nobody there").await;
    let seen = scraped(&desk.url).await;
    assert!(seen[r#"partner_desk_github_requests_total{kind="write",outcome="unanswered"}"#] >= 1, "{seen:#?}");
    desk.sandbox.faults().clear();
});

story!(a_database_that_does_not_answer_is_told_of, |desk| {
    let other = desk.another_instance().await;
    other.app.desk.store.close().await;
    let seen = scraped(&other.url).await;
    assert_eq!(seen["partner_desk_database_up"], 0);
    assert!(!seen.contains_key("partner_desk_deliveries_kept"), "{seen:#?}");
});
