//! What every door has in common: what browsers are told not to do with an answer, and how often strangers are let in.

use crate::desk::{Desk, instant};
use crate::door;
use partner_desk::web::front::Front;
use partner_desk::web::serving::{Limits, serve};
use reqwest::{Method, Response, StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const BODY: &str = r#"{"action":"created"}"#;

/// Every address that the sources of the doors name, so that none can be forgotten here.
fn routes() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(path).unwrap();
            routes.extend(source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("{token}", "no-token")));
        }
    }
    assert!(routes.len() >= 11, "{routes:?}");
    routes
}

#[track_caller]
fn is_guarded(what: &str, answer: &Response) {
    let headers = answer.headers();
    let said = |name: &str| headers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
    let policy = said("content-security-policy");
    for word in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(word), "{what}: {policy:?} in {answer:?}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    assert_eq!(said("x-content-type-options"), "nosniff", "{what}: {answer:?}");
    assert_eq!(said("referrer-policy"), "no-referrer", "{what}: {answer:?}");
    assert_eq!(said("x-frame-options"), "DENY", "{what}: {answer:?}");
    assert_eq!(said("cross-origin-opener-policy"), "same-origin", "{what}: {answer:?}");
    assert_eq!(said("cross-origin-resource-policy"), "same-origin", "{what}: {answer:?}");
    let kept = said("cache-control");
    assert!(kept == "no-store" || kept == "max-age=300" && answer.url().path().contains('.'), "{what}: {kept}");
    for told in ["server", "x-powered-by", "set-cookie", "access-control-allow-origin"] {
        assert!(!headers.contains_key(told), "{what}: {answer:?}");
    }
}

/// Knocks everywhere, in every way. Gives back which statuses there were.
async fn knocks(url: &str, desk: &Desk) -> BTreeMap<u16, usize> {
    let mut seen = BTreeMap::new();
    let mut answered = |what: String, answer: Response| {
        is_guarded(&what, &answer);
        *seen.entry(answer.status().as_u16()).or_insert(0) += 1;
    };
    for route in routes().iter().map(String::as_str).chain(["/nowhere", "/setup/nowhere", "/api/github", "/ack/"]) {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = door::CLIENT.request(method.clone(), format!("{url}{route}")).send().await.unwrap();
            answered(format!("{method} {route}"), answer);
        }
    }
    let webhook = |request: reqwest::RequestBuilder| async { request.send().await.unwrap() };
    answered("unsigned".to_owned(), webhook(door::unsigned(url, "star", "one", BODY)).await);
    answered("signed".to_owned(), webhook(door::signed(url, "star", "two", BODY)).await);
    answered("malformed".to_owned(), webhook(door::signed(url, "issues", "three", "no JSON")).await);
    answered("nameless".to_owned(), webhook(door::signed(url, "", "", BODY)).await);
    desk.clock.advance_to(desk.clock.now() + jiff::SignedDuration::from_secs(60));
    seen
}

story!(every_answer_of_every_route_tells_browsers_what_not_to_do_with_it, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let seen = knocks(&desk.url, &desk).await;
    for status in [200, 400, 401, 403, 404, 405, 410] {
        assert!(seen.contains_key(&status), "{status} in {seen:?}");
    }
    // What is behind the port while there is no App, and while the desk is composed anew.
    let front = Front::new(desk.app.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener, front.router(), Limits::default(), || {}, std::future::pending()));
    // The clock was moved, and its scheduler does not run here: not ready.
    desk.app.beat();
    assert_eq!(knocks(&url, &desk).await.keys().collect::<Vec<_>>(), seen.keys().collect::<Vec<_>>());
    let mut without = desk.app.clone();
    without.webhook_secret = None;
    front.show(without);
    let seen = knocks(&url, &desk).await;
    assert!(seen.contains_key(&503) && seen.contains_key(&403) && !seen.contains_key(&401), "{seen:?}");
    server.abort();

    // A database that does not answer is no reason to forget it.
    desk.app.desk.store.close().await;
    let seen = knocks(&desk.url, &desk).await;
    assert!(seen.contains_key(&503), "{seen:?}");
    desk.restart().await;
});

story!(who_is_one_connection_too_many_is_told_with_care_as_well, |desk| {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { connections: 1, ..Limits::default() };
    let server = tokio::spawn(serve(listener, partner_desk::web::router(desk.app.clone()), limits, || {}, std::future::pending()));
    let mut first = tokio::net::TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: desk\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 1024]).await.unwrap() > 0);
    let answer = door::CLIENT.get(format!("http://{address}/healthz")).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let said = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((said("x-content-type-options"), said("cache-control")), ("nosniff".to_owned(), "no-store".to_owned()));
    assert_eq!(said("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(answer.text().await.unwrap(), "too many connections are open\n");
    server.abort();
});

story!(r1_strangers_who_sign_wrongly_are_slowed_and_what_github_signed_never, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let mut statuses = Vec::new();
    for number in 0..150 {
        let answer = door::unsigned(&desk.url, "issues", &format!("strange-{number}"), BODY);
        let answer = answer.header("x-hub-signature-256", format!("sha256={}", "0".repeat(64))).send().await.unwrap();
        assert!(answer.status() == 401 || answer.headers().contains_key("retry-after"), "{answer:?}");
        statuses.push(answer.status());
    }
    let count = |status: StatusCode| statuses.iter().filter(|seen| **seen == status).count();
    assert_eq!((count(StatusCode::UNAUTHORIZED), count(StatusCode::TOO_MANY_REQUESTS)), (100, 50), "{statuses:?}");
    // In the middle of that.
    let issue = desk.opens("anna", "Login is broken").await;
    assert_eq!((issue.answer, desk.standing(&issue).await), (Some(202), "admitted"));
    assert_eq!(door::signed(&desk.url, "star", "star-1", BODY).send().await.unwrap().status(), 200);
    let metrics = door::CLIENT.get(format!("{}/metrics", desk.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("partner_desk_deliveries_total{result=\"unsigned\"} 150\n"), "every one is counted: {metrics}");

    desk.at("2026-11-18T09:00:01Z").await;
    let mut again = Vec::new();
    for number in 0..7 {
        again.push(door::unsigned(&desk.url, "issues", &format!("later-{number}"), BODY).send().await.unwrap().status().as_u16());
    }
    assert_eq!(again, [401, 401, 401, 401, 401, 429, 429], "so many a second");
});

story!(who_asks_again_and_again_is_given_the_last_answer, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let strange = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"}}"#;
    let asked = |path: &'static str| {
        let url = format!("{}{path}", desk.url);
        async move { door::CLIENT.get(url).send().await.unwrap().text().await.unwrap() }
    };
    for (path, none, one) in [
        ("/readyz", "\"kept_deliveries\":0", "\"kept_deliveries\":1"),
        ("/metrics", "partner_desk_deliveries_kept 1\n", "partner_desk_deliveries_kept 2\n"),
    ] {
        for _ in 0..10 {
            assert!(asked(path).await.contains(none), "{path}");
        }
        assert_eq!(door::signed(&desk.url, "issues", &format!("for {path}"), strange).send().await.unwrap().status(), 202);
        for _ in 0..20 {
            assert!(asked(path).await.contains(none), "{path}: the database is not asked again");
        }
        desk.clock.advance_to(desk.clock.now() + jiff::SignedDuration::from_secs(1));
        assert!(asked(path).await.contains(one), "{path}: a second later it is");
    }
    assert!(desk.clock.now() > instant("2026-11-18T09:00:00Z"));
});
