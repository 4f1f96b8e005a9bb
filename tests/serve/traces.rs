//! Traces, as a collector gets them: `cargo test --features otel --test serve traces`.

use super::{REPO, Stage, until};
use partner_desk::sandbox::signature;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

/// A span as it was sent.
#[derive(Debug, Clone)]
struct Span {
    name: String,
    trace: String,
    id: String,
    parent: String,
    linked: Vec<String>,
    fields: BTreeMap<String, String>,
    logged: Vec<String>,
}

/// What stands in for a collector: takes what is posted, by HTTP/1.1, and keeps it.
#[derive(Clone)]
struct Collector {
    url: String,
    posted: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let posted: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let kept = posted.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, kept) = (stream.unwrap(), kept.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    loop {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                                return;
                            }
                        }
                        let lower = head.to_ascii_lowercase();
                        assert!(lower.starts_with("post /v1/traces ") && lower.contains("content-type: application/json"), "{head}");
                        let length = lower.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
                        let mut body = vec![0; length];
                        reader.read_exact(&mut body).unwrap();
                        kept.lock().unwrap().push((head, serde_json::from_slice(&body).unwrap()));
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                    }
                });
            }
        });
        Self { url, posted }
    }

    fn spans(&self) -> Vec<Span> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let posted = self.posted.lock().unwrap().clone();
        let all = posted.iter().flat_map(|(_, body)| list(&body["resourceSpans"])).flat_map(|resource| {
            let names = list(&resource["resource"]["attributes"]);
            assert!(names.iter().any(|name| name["key"] == "service.name" && name["value"]["stringValue"] == "partner-desk"), "{names:?}");
            list(&resource["scopeSpans"])
        });
        let spans = all.flat_map(|scope| list(&scope["spans"])).map(|span| Span {
            name: text(&span["name"]),
            trace: text(&span["traceId"]),
            id: text(&span["spanId"]),
            parent: text(&span["parentSpanId"]),
            linked: list(&span["links"]).iter().map(|link| text(&link["spanId"])).collect(),
            fields: list(&span["attributes"])
                .iter()
                .map(|field| {
                    let value = &field["value"];
                    let value = value["stringValue"].as_str().map_or_else(|| value["intValue"].to_string(), str::to_owned);
                    (text(&field["key"]), value.trim_matches('"').to_owned())
                })
                .collect(),
            logged: list(&span["events"]).iter().map(|event| text(&event["name"])).collect(),
        });
        spans.collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_tell_what_a_delivery_came_to_and_trust_no_strangers_trace() {
    let collector = Collector::start();
    let stage = Stage::set("traces", "4h").await;
    stage.run(&["partner", "import", "partners.csv"]);
    let mut command = stage.command();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url).env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=support");
    let desk = stage.listens(command.arg("serve").stderr(Stdio::piped()).spawn().unwrap());
    stage.sandbox.open_issue(REPO, "alice", "A title that is nobody's business", "…").await.unwrap();
    until("the labels", || (!super::labels(&stage, 1).is_empty()).then_some(())).await;
    // Somebody who knows the secret, and would have everything that follows hang in a trace of theirs.
    let (theirs, body) = ("0af7651916cd43dd8448eb211c80319c", r#"{"action":"created"}"#);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let strange = client.post(format!("http://{}/api/github/webhooks", desk.address)).body(body);
    let strange = strange.header("x-github-event", "star").header("x-github-delivery", "strange-1");
    let strange = strange.header("traceparent", format!("00-{theirs}-b7ad6b7169203331-01"));
    let strange = strange.header("x-hub-signature-256", signature("sandbox-webhook-secret", body.as_bytes()));
    assert_eq!(strange.send().await.unwrap().status(), 200);
    // What was not sent yet is sent at the end.
    desk.signal("TERM");
    assert!(desk.ends().success());

    let spans = collector.spans();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).cloned().collect::<Vec<_>>();
    let of = |name: &str, field: &str, value: &str| {
        let found = named(name).into_iter().find(|span| span.fields.get(field).is_some_and(|found| found == value));
        found.unwrap_or_else(|| panic!("{name} with {field} = {value} in {spans:#?}"))
    };
    let delivery = of("delivery", "ticket", "7x/support#1");
    assert_eq!(delivery.fields["event"], "issues");
    assert!(!delivery.fields["id"].is_empty() && delivery.parent.is_empty(), "{delivery:?}");
    assert!(named("batch").iter().any(|batch| batch.linked.contains(&delivery.id)), "{spans:#?}");
    let publish = of("publish", "ticket", "7x/support#1");
    assert!(publish.logged.iter().any(|line| line == "labels put on"), "{publish:?}");
    let labels = spans.iter().find(|span| span.parent == publish.id && span.fields.get("method").is_some_and(|method| method == "POST"));
    let labels = labels.unwrap_or_else(|| panic!("a request within {publish:?} in {spans:#?}"));
    assert_eq!((labels.name.as_str(), &labels.trace), ("github", &publish.trace));
    assert!(labels.fields["status"].starts_with("20"), "{labels:?}");

    let strange = of("delivery", "id", "strange-1");
    assert!(strange.parent.is_empty() && spans.iter().all(|span| span.trace != theirs), "{strange:?}");
    let posted = collector.posted.lock().unwrap();
    assert!(posted.iter().all(|(head, _)| head.to_ascii_lowercase().contains("x-team: support")), "{posted:?}");
    let all = format!("{posted:?}");
    for secret in ["nobody's business", "sandbox-webhook-secret", "BEGIN", "ghs_", "sha256="] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_is_told_of_once_and_keeps_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Stage::set("no_collector", "4h").await;
    stage.run(&["partner", "import", "partners.csv"]);
    let mut command = stage.command();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{nobody}")).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let log = std::fs::File::create(stage.folder.join("log")).unwrap();
    let mut child = command.env("PORT", "0").arg("serve").stderr(log).spawn().unwrap();
    let logged = || std::fs::read_to_string(stage.folder.join("log")).unwrap();
    let address = until("its address", || Some(logged().split_once("address=")?.1.lines().next()?.trim().to_owned())).await;
    stage.sandbox.connect(&format!("http://{address}/api/github/webhooks"));
    for number in 1..4 {
        stage.sandbox.open_issue(REPO, "alice", "Works", "…").await.unwrap();
        until("the labels", || (!super::labels(&stage, number).is_empty()).then_some(())).await;
        until("the warning", || logged().contains("traces are not taken by their collector").then_some(())).await;
    }
    let _ = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(logged().matches("traces are not taken by their collector").count(), 1, "{}", logged());
}
