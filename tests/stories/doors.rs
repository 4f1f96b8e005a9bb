//! The doors by HTTP: what each knock is answered with, and that a good answer is never early (`R1`, `W8`).

use crate::desk::{Desk, Opened, REPO, Setup};
use crate::door;
use partner_desk::desk::intake::Incoming;
use partner_desk::domain::DeliveryId;
use partner_desk::github::wire;
use partner_desk::sandbox::{Deliver, Fault};
use serde_json::{Value, json};
use std::time::Duration;

const ONLY_HERE: Setup = Setup { config: "repositories = [\"7x/support\"]", programme: None };

/// Status and text of the answer to a signed delivery.
async fn answered(desk: &Desk, event: &str, body: &str) -> (u16, String) {
    let guid = format!("{}-cc78-11e3-81ab-4c9367dc0958", desk.sandbox.mark());
    let answer = door::signed(&desk.url, event, &guid, body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn health(desk: &Desk, path: &str) -> (u16, String) {
    let answer = door::CLIENT.get(format!("{}{path}", desk.url)).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What GitHub would send when somebody opens an issue here; it is held back.
async fn an_opening(desk: &Desk, author: &str, body: &str) -> (Opened, String) {
    desk.sandbox.deliveries_go(Deliver::Held);
    let happened = desk.sandbox.open_issue(REPO, author, "Login is broken", body).await.unwrap();
    desk.sandbox.drop_held();
    let payload = happened.deliveries[0].body.clone();
    (Opened { number: happened.number(), id: happened.issue.unwrap().id, answer: None }, payload)
}

story!(r1_a_ticket_is_answered_202, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let (issue, payload) = an_opening(&desk, "anna", "It does not work.").await;
    assert_eq!(answered(&desk, "issues", &payload).await, (202, format!("taken in: {REPO}#1\n")));
    assert_eq!(desk.standing(&issue).await, "admitted");
});

story!(w8_what_is_not_the_desks_business_is_answered_200, ONLY_HERE, |desk| {
    let ping = json!({ "zen": "Design for failure.", "hook_id": 1, "hook": {} }).to_string();
    assert_eq!(answered(&desk, "ping", &ping).await, (200, "passed over: event `ping` changes no ticket\n".to_owned()));
    assert_eq!(answered(&desk, "sponsorship", "{}").await.0, 200);
    assert_eq!(answered(&desk, "an_event_of_the_future", r#"{"action":"created"}"#).await.0, 200);

    let request = desk.sandbox.open_pull_request(REPO, "anna", "A fix", "Please merge.").await.unwrap();
    let comment = desk.sandbox.comment(REPO, request.number(), "anna", "Well?").await.unwrap();
    assert_eq!(comment.deliveries[0].event, "issue_comment");
    assert_eq!(comment.status(), Some(200));

    let elsewhere = desk.sandbox.open_issue("7x/elsewhere", "anna", "Not here", "").await.unwrap();
    assert_eq!(elsewhere.status(), Some(200));
    assert_eq!(desk.sandbox.writes().len(), 0);
});

story!(r1_a_stranger_at_the_door_is_answered_401, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let (issue, payload) = an_opening(&desk, "anna", "It does not work.").await;
    let good = partner_desk::sandbox::signature(door::SECRET, payload.as_bytes());
    let wrong = partner_desk::sandbox::signature("another secret", payload.as_bytes());
    for signature in [None, Some(wrong.as_str()), Some(""), Some("sha256="), Some(&good[7..]), Some(&good[..70]), Some("sha1=00")] {
        let mut knock = door::unsigned(&desk.url, "issues", "1", &payload);
        if let Some(signature) = signature {
            knock = knock.header("x-hub-signature-256", signature);
        }
        assert_eq!(knock.send().await.unwrap().status(), 401, "{signature:?}");
    }
    let other_body = door::unsigned(&desk.url, "issues", "1", &format!("{payload} ")).header("x-hub-signature-256", &good);
    assert_eq!(other_body.send().await.unwrap().status(), 401);
    let unread = door::unsigned(&desk.url, "issues", "1", "no JSON").send().await.unwrap();
    assert_eq!(unread.status(), 401, "nothing is read before the signature is");
    assert_eq!(desk.standing(&issue).await, "unknown");
});

story!(r1_what_cannot_be_read_is_answered_400, |desk| {
    let bodies = ["", "no JSON", "{\"action\":", "[]", "null", "7", " \"{}\""];
    for body in bodies {
        let (status, why) = answered(&desk, "issues", body).await;
        assert_eq!(status, 400, "{body}: {why}");
        assert!(!why.trim().is_empty(), "{body}");
    }
    assert_eq!(answered(&desk, "ping", "no JSON").await.0, 400);
    let signature = partner_desk::sandbox::signature(door::SECRET, b"{}");
    for (present, value) in [("x-github-event", "issues"), ("x-github-delivery", "1")] {
        let knock = door::CLIENT.post(format!("{}/api/github/webhooks", desk.url)).body("{}");
        let answer = knock.header(present, value).header("x-hub-signature-256", &signature).send().await.unwrap();
        assert_eq!(answer.status(), 400, "only {present}");
    }
});

story!(r1_three_mebibytes_are_taken_and_twenty_six_are_not, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let (issue, payload) = an_opening(&desk, "anna", &"It does not work. ".repeat(3 * 1024 * 1024 / 18 + 1)).await;
    assert!(payload.len() > 3 * 1024 * 1024);
    assert_eq!(answered(&desk, "issues", &payload).await.0, 202);
    assert_eq!(desk.standing(&issue).await, "admitted");

    // Too large is refused before the signature is looked at, which would take longer than the rest of this story.
    let most = "x".repeat(25 * 1024 * 1024);
    assert_eq!(door::unsigned(&desk.url, "ping", "2", &most).send().await.unwrap().status(), 401);
    assert_eq!(door::unsigned(&desk.url, "ping", "3", &format!("{most}x")).send().await.unwrap().status(), 413);
});

story!(r1_a_payload_that_breaks_off_is_not_called_too_large_and_both_are_counted, |desk| {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = desk.url.trim_start_matches("http://").to_owned();
    let says = async |chunks: &[u8]| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"POST /api/github/webhooks HTTP/1.1\r\nhost: desk\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let _ = stream.write_all(chunks).await;
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    };
    let said = says(b"5\r\nhello\r\nno size\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400") && said.ends_with("the payload broke off\n"), "{said}");
    let mut large = format!("{:x}\r\n", 25 * 1024 * 1024 + 1).into_bytes();
    large.resize(large.len() + 25 * 1024 * 1024 + 1, b'x');
    let said = says(&large).await;
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("more than 25 MiB"), "{said}");
    assert_eq!(desk.app.answers.malformed.load(std::sync::atomic::Ordering::Relaxed), 2);
});

story!(r1_what_is_on_its_way_in_is_bounded_and_who_comes_on_top_hears_so_at_once, |desk| {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    desk.partner("acme", "gold", &["anna"]).await;
    let address = desk.url.trim_start_matches("http://").to_owned();
    // Announces the largest payload that there is, and sends nothing of it.
    let announce = async || {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!("POST /api/github/webhooks HTTP/1.1\r\nhost: desk\r\ncontent-length: {}\r\n\r\n", 25 * 1024 * 1024);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut idle = Vec::new();
    let refused = loop {
        let mut stream = announce().await;
        let mut start = [0; 12];
        match tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut start)).await {
            // It is waited for.
            Err(_) => idle.push(stream),
            Ok(read) => break read.map(|_| String::from_utf8_lossy(&start).into_owned()).unwrap(),
        }
        assert!(idle.len() < 8, "as much as anybody likes is waited for");
    };
    assert_eq!((refused.as_str(), idle.len()), ("HTTP/1.1 503", 3));
    let (issue, payload) = an_opening(&desk, "anna", "It does not work.").await;
    assert_eq!(answered(&desk, "issues", &payload).await.0, 202, "what is small still comes in");
    assert_eq!(desk.standing(&issue).await, "admitted");
    idle.clear();
    // The desk hears a little later that they went.
    let mut refused = 0;
    loop {
        let mut again = announce().await;
        let mut start = [0; 12];
        if tokio::time::timeout(Duration::from_secs(1), again.read_exact(&mut start)).await.is_err() {
            break;
        }
        refused += 1;
        assert!(refused < 1000, "there is room again");
    }
});

story!(r1_nothing_is_acknowledged_before_it_is_on_disk, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let (issue, payload) = an_opening(&desk, "anna", "It does not work.").await;
    let other = desk.another_instance().await;
    // Somebody else holds the one lock of writers, so nothing can be committed.
    let writer = other.app.desk.store.write().await.unwrap();
    let mut knock = tokio::spawn(door::signed(&desk.url, "issues", "1", &payload).send());
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut knock).await.is_err(), "answered before it can have been saved");
    writer.rollback().await.unwrap();
    assert_eq!(knock.await.unwrap().unwrap().status(), 202);
    let mut tx = other.app.desk.store.read().await.unwrap();
    assert!(tx.ticket(issue.id).await.unwrap().is_some(), "another connection sees it as soon as it was answered");
    tx.rollback().await.unwrap();
    other.stop().await;
});

story!(r1_a_delivery_that_comes_again_does_nothing, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.says("ann", &issue, "On it.").await;
    let (before, log, mark) = (desk.ticket(&issue).await, desk.log(&issue).await, desk.sandbox.mark());
    for delivery in desk.sandbox.deliveries() {
        let again = desk.sandbox.redeliver(&delivery.guid).await.unwrap();
        assert!(matches!(again.status(), Some(200 | 202)), "{again:?}");
    }
    desk.settle().await;
    assert_eq!((desk.ticket(&issue).await, desk.log(&issue).await, desk.sandbox.mark()), (before, log, mark));
    let first = &desk.sandbox.deliveries()[0];
    assert_eq!(door::deliver(&desk.url, first).await.text().await.unwrap(), "taken in before\n");
});

// The signature covers the body, not the header with the id.
story!(q4_r3_a_delivery_that_was_copied_under_another_id_charges_answers_and_grants_once, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.says("anna", &issue, "/status").await;
    desk.says("ann", &issue, "On it.\n/grant 2 for their patience").await;
    desk.closes("ann", &issue).await;
    desk.reopens("anna", &issue).await;
    let all = async || {
        (desk.ledger_lines("acme").await, desk.labels(&issue), desk.comments(&issue), desk.log(&issue).await, desk.sandbox.writes().len())
    };
    let before = all().await;
    for (number, delivery) in desk.sandbox.deliveries().iter().enumerate() {
        let copy = door::signed(&desk.url, &delivery.event, &format!("copy-{number}"), &delivery.body).send().await.unwrap();
        assert!(copy.status().is_success(), "{}: {}", delivery.event, copy.status());
    }
    desk.settle().await;
    assert_eq!(all().await, before);
});

story!(r1_what_cannot_be_saved_is_answered_503_and_recovered, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.desk.store.close().await;
    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    assert_eq!(opened.status(), Some(503));
    let issue = Opened { number: opened.number(), id: opened.issue.clone().unwrap().id, answer: opened.status() };
    let ready = health(&desk, "/readyz").await;
    assert_eq!(ready.0, 503, "{}", ready.1);
    assert_eq!(health(&desk, "/healthz").await, (200, "ok\n".to_owned()), "alive all the same");
    desk.restart().await;
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(r1_too_many_at_once_are_answered_503, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let (issue, payload) = an_opening(&desk, "anna", "It does not work.").await;
    let wire::Read::News(news) = wire::read("issues", payload.as_bytes(), desk.clock.now()).unwrap() else { panic!("{payload}") };
    let other = desk.another_instance().await;
    let writer = other.app.desk.store.write().await.unwrap();
    let waiting: Vec<_> = (0..5000)
        .map(|number| {
            let (app, news) = (desk.app.clone(), (*news).clone());
            let delivery = Some(DeliveryId(format!("crowd-{number}")));
            tokio::spawn(async move { app.deliver(Incoming { delivery, news }).await })
        })
        .collect();
    let mut refused = 0;
    // The queue takes a while to fill: the tasks have to run first.
    while waiting.iter().filter(|one| one.is_finished()).count() == 0 {
        tokio::task::yield_now().await;
    }
    let answer = door::signed(&desk.url, "issues", "one-more", &payload).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    writer.rollback().await.unwrap();
    for one in waiting {
        refused += usize::from(one.await.unwrap().is_err());
    }
    assert!(refused > 0 && refused < 1000, "{refused}");
    assert_eq!(answered(&desk, "issues", &payload).await.0, 202, "and then it goes on");
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(desk.ledger("acme").await.len(), 1);
    other.stop().await;
});

story!(readyz_is_red_for_a_silent_scheduler_and_green_for_github_away, |desk| {
    let (status, text) = health(&desk, "/readyz").await;
    assert_eq!(status, 200, "{text}");
    let ready: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&ready["ready"], &ready["database"], &ready["scheduler"]), (&json!(true), &json!("ok"), &json!("ok")));

    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().unreachable(true);
    desk.opens("anna", "Login is broken").await;
    let (status, text) = health(&desk, "/readyz").await;
    assert_eq!(status, 200, "GitHub's outages are not the desk's: {text}");
    assert!(text.contains("no answer from GitHub"), "but they are told: {text}");

    desk.clock.advance_to(desk.clock.now() + jiff::SignedDuration::from_secs(16));
    let (status, text) = health(&desk, "/readyz").await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("silent for 16 s"), "{text}");
    assert_eq!(health(&desk, "/healthz").await.0, 200);
    desk.app.beat();
    assert_eq!(health(&desk, "/readyz").await.0, 200);
    desk.sandbox.faults().clear();
});

story!(g7_credentials_that_github_refuses_are_told_on_readyz_and_once_an_hour_in_chat, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().weather(|_, _| Some(Fault::status(401, "Bad credentials")));
    let github = async || serde_json::from_str::<Value>(&health(&desk, "/readyz").await.1).unwrap()["github"].clone();
    let told = || desk.pings().into_iter().filter(|text| text.contains("refuses the credentials")).collect::<Vec<_>>();
    // Nobody opens anything, and all the same it is seen.
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert!(github().await.as_str().unwrap().contains("401"), "{}", github().await);
    let first = told();
    assert!(first.len() == 1 && first[0].contains("Bad credentials"), "{first:?}");

    let issue = desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T09:59:00Z").await;
    assert_eq!(told(), Vec::<String>::new(), "once an hour, whoever runs into it");
    assert!(github().await.as_str().unwrap().contains("401"), "{}", github().await);
    desk.at("2026-11-18T10:30:00Z").await;
    assert_eq!(told().len(), 1);
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T10:40:00Z").await;
    assert_eq!((github().await, desk.comments(&issue).len()), (json!("ok"), 1), "a key that is good again needs no restart");
});

story!(g7_an_installation_whose_token_is_refused_is_told_of_by_itself, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next_times(1000, "POST", "/issues/*/labels", Fault::status(401, "Bad credentials"));
    let issue = desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T09:50:00Z").await;
    let told = desk.pings();
    assert!(told.len() == 1 && told[0].contains("refuses the credentials"), "{told:?}");
    desk.sandbox.faults().clear();
    desk.at("2026-11-18T10:00:00Z").await;
    assert_eq!(desk.comments(&issue).len(), 1);
});

story!(a_door_that_is_knocked_at_in_another_way_says_so, |desk| {
    for (method, path, allow, says) in [
        (reqwest::Method::GET, "/api/github/webhooks", "POST", "GitHub's webhooks come here, by POST\n"),
        (reqwest::Method::POST, "/metrics", "GET,HEAD", "not by this method\n"),
        (reqwest::Method::DELETE, "/readyz", "GET,HEAD", "not by this method\n"),
    ] {
        let answer = door::CLIENT.request(method.clone(), format!("{}{path}", desk.url)).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers().get("allow").and_then(|value| value.to_str().ok()), Some(allow), "{method} {path}");
        assert_eq!(answer.text().await.unwrap(), says, "{method} {path}");
    }
});
