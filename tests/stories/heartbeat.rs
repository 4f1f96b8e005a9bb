//! The dead man's switch: asked while the clocks are watched, and not otherwise.

use crate::desk::Setup;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// Whoever raises the alarm: takes requests, with this answer, and tells their first lines.
pub fn switch(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines: Vec<_> =
                BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            if tell.send(lines[0].clone()).is_err() {
                return;
            }
            let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (format!("http://{address}/hush"), told)
}

fn configured(url: &str) -> Setup {
    Setup { config: Box::leak(format!("heartbeat_url = \"{url}\"\n").into_boxed_str()), ..Setup::default() }
}

story!(the_switch_is_asked_while_the_clocks_are_watched_and_its_address_told_to_nobody, |mut desk| {
    let (url, asked) = switch("200 OK");
    desk.restart_with(configured(&url)).await;
    assert!(!format!("{:?}", desk.app).contains("hush"));
    desk.app.lead.look(0).await.unwrap();
    desk.app.tick().await.unwrap();
    desk.app.beat();
    desk.app.say_that_it_lives().await;
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), ["GET /hush HTTP/1.1"]);

    // The lease lasts, and the ticks do not.
    let silent = desk.clock.now() + jiff::SignedDuration::from_secs(16);
    desk.app.lead.look(0).await.unwrap();
    desk.clock.advance_to(silent);
    desk.app.lead.look(0).await.unwrap();
    desk.app.say_that_it_lives().await;
    assert_eq!(asked.try_iter().count(), 0, "who does not watch the clocks keeps quiet");
    desk.app.beat();
    desk.app.say_that_it_lives().await;
    assert_eq!(asked.try_iter().count(), 1);
});

story!(a_switch_that_does_not_answer_changes_nothing, |mut desk| {
    let (url, asked) = switch("302 Found\r\nlocation: /elsewhere");
    desk.restart_with(configured(&url)).await;
    desk.partner("acme", "gold", &["anna"]).await;
    desk.app.lead.look(0).await.unwrap();
    desk.app.say_that_it_lives().await;
    assert_eq!(asked.try_iter().count(), 1, "no redirect is followed");
    let switch = partner_desk::chat::heartbeat::Heartbeat::new(&url.as_str().into()).unwrap();
    assert_eq!(switch.beat().await, Err("the answer was 302 Found".to_owned()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let switch = partner_desk::chat::heartbeat::Heartbeat::new(&format!("http://{nobody}/hush").into()).unwrap();
    let why = switch.beat().await.unwrap_err();
    assert!(why.starts_with("no connection to the host") && !why.contains("hush") && !why.contains("127.0.0.1"), "{why}");
    let issue = desk.opens("anna", "It goes on").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
});
