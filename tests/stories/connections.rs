//! Connections: how many, how long, and how they end. What a socket waits for is the machine's time, so the limits here are short.

use crate::desk::{Desk, REPO};
use crate::door;
use partner_desk::sandbox::{Deliver, signature};
use partner_desk::web;
use partner_desk::web::front::Front;
use partner_desk::web::serving::{Limits, serve};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const SHORT: Duration = Duration::from_millis(200);
/// For what must not happen; whatever does happen does so long before.
const LONG: Duration = Duration::from_mins(1);
const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: desk\r\n\r\n";

/// Another door to the same desk.
struct Door {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

async fn opens(desk: &Desk, limits: Limits) -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (router, front) = (web::router(desk.app.clone()), Front::new(desk.app.clone()));
    let serving = tokio::spawn(serve(listener, router, limits, move || front.turns_away(), async move { drop(stopped.await) }));
    Door { address, stop, serving }
}

impl Door {
    async fn knock(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn counted(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Everything until the other side ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(LONG / 2, stream.read_to_end(&mut all)).await.expect("the connection is ended");
    // Cut or closed: both are an end.
    let _ = read;
    String::from_utf8(all).unwrap()
}

/// One answer, on a connection that stays.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut part = [0; 1024];
    while !String::from_utf8_lossy(&all).ends_with("ok\n") {
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&part[..read]);
    }
    String::from_utf8(all).unwrap()
}

/// A webhook as bytes, its head and its body.
async fn a_webhook(desk: &Desk) -> (String, String) {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    let happened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "…").await.unwrap();
    desk.sandbox.drop_held();
    let held = happened.deliveries[0].clone();
    let signature = signature(door::SECRET, held.body.as_bytes());
    let head = format!(
        "POST /api/github/webhooks HTTP/1.1\r\nhost: desk\r\ncontent-length: {}\r\nx-github-event: issues\r\nx-github-delivery: {}\r\n\
         x-hub-signature-256: {signature}\r\n\r\n",
        held.body.len(),
        held.guid.0
    );
    (head, held.body)
}

story!(r1_who_does_not_end_a_head_is_cut_and_who_sends_a_payload_is_not, |desk| {
    let (head, body) = a_webhook(&desk).await;
    let door = opens(&desk, Limits { head: SHORT, idle: LONG, ..Limits::default() }).await;

    let mut sending = door.knock().await;
    let (begin, end) = body.as_bytes().split_at(body.len() / 2);
    sending.write_all(head.as_bytes()).await.unwrap();
    sending.write_all(begin).await.unwrap();

    let mut silent = door.knock().await;
    let mut half = door.knock().await;
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: de").await.unwrap();
    let mut second = door.knock().await;
    second.write_all(ASK).await.unwrap();
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200 "));
    second.write_all(b"GET /heal").await.unwrap();
    let mut idle = door.knock().await;
    idle.write_all(ASK).await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200 "));
    let (mut hears, mut dribbles) = door.knock().await.into_split();
    let dribbling = tokio::spawn(async move {
        while dribbles.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });

    for (who, stream) in [("silent", &mut silent), ("half a head", &mut half), ("half a second head", &mut second)] {
        assert_eq!(rest(stream).await, "", "{who}");
    }
    let mut heard = Vec::new();
    let _ = tokio::time::timeout(LONG / 2, hears.read_to_end(&mut heard)).await.expect("who dribbles is cut");
    dribbling.await.unwrap();
    // Longer than a head may take has passed: neither a payload on its way nor a pause between two requests is cut for that.
    sending.write_all(end).await.unwrap();
    let mut answered = [0; 12];
    sending.read_exact(&mut answered).await.unwrap();
    assert_eq!(&answered, b"HTTP/1.1 202");
    idle.write_all(ASK).await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200 "));
});

story!(r1_an_idle_connection_is_let_go, |desk| {
    let door = opens(&desk, Limits { head: SHORT, idle: SHORT, ..Limits::default() }).await;
    let mut idle = door.knock().await;
    idle.write_all(ASK).await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut idle).await, "");
});

story!(r1_a_head_that_is_too_large_is_answered_431, |desk| {
    let door = opens(&desk, Limits::default()).await;
    let mut stream = door.knock().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: desk\r\nx-long: ").await.unwrap();
    let _ = stream.write_all("a".repeat(70_000).as_bytes()).await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
});

story!(r1_one_connection_too_many_hears_so_and_the_next_that_ends_makes_room, |desk| {
    let door = opens(&desk, Limits { connections: 2, ..Limits::default() }).await;
    let mut open = [door.knock().await, door.knock().await];
    for stream in &mut open {
        stream.write_all(ASK).await.unwrap();
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    let mut third = door.knock().await;
    third.write_all(ASK).await.unwrap();
    let heard = rest(&mut third).await;
    assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("\r\nconnection: close\r\n"), "{heard}");
    assert!(heard.contains("\r\ncontent-length: 30\r\n") && heard.ends_with("\r\n\r\ntoo many connections are open\n"), "{heard}");
    // A client that knows HTTP reads it as that.
    let polite = door::CLIENT.get(format!("http://{}/healthz", door.address)).send().await.unwrap();
    assert_eq!((polite.status().as_u16(), polite.text().await.unwrap().as_str()), (503, "too many connections are open\n"));

    // It may have been a delivery: it is counted, and looked for.
    assert_eq!(counted(&desk.app.answers.turned_away), 2);
    assert!(desk.app.desk.wakes.behind.load(Ordering::Relaxed));

    let [first, mut second] = open;
    drop(first);
    let mut tries = 0;
    loop {
        let mut next = door.knock().await;
        next.write_all(ASK).await.unwrap();
        let mut status = [0; 12];
        next.read_exact(&mut status).await.unwrap();
        if &status == b"HTTP/1.1 200" {
            break;
        }
        tries += 1;
        assert!(tries < 1000, "a place that was free is not given again");
    }
    second.write_all(ASK).await.unwrap();
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200 "), "and nobody lost theirs");
});

story!(r1_r2_a_payload_for_which_there_is_no_room_is_counted_and_looked_for, |desk| {
    let door = opens(&desk, Limits { head: LONG, idle: LONG, ..Limits::default() }).await;
    // Each says that it is about to send 24 MiB; of 96 MiB four are a little more.
    let mut sending = Vec::new();
    for _ in 0..3 {
        let mut stream = door.knock().await;
        stream
            .write_all(b"POST /api/github/webhooks HTTP/1.1\r\nhost: desk\r\ncontent-length: 25165824\r\nexpect: 100-continue\r\n\r\n")
            .await
            .unwrap();
        let mut goes_on = [0; 25];
        stream.read_exact(&mut goes_on).await.unwrap();
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        sending.push(stream);
    }
    assert!(!desk.app.desk.wakes.behind.load(Ordering::Relaxed));
    let mut fourth = door.knock().await;
    fourth
        .write_all(b"POST /api/github/webhooks HTTP/1.1\r\nhost: desk\r\ncontent-length: 25165824\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let heard = rest(&mut fourth).await;
    assert!(heard.starts_with("HTTP/1.1 503 ") && heard.ends_with("too much is on its way in\n"), "{heard}");
    assert_eq!((counted(&desk.app.answers.refused), counted(&desk.app.answers.turned_away)), (1, 0));
    assert!(desk.app.desk.wakes.behind.load(Ordering::Relaxed));
});

story!(r6_told_to_stop_it_answers_what_is_in_flight_and_ends_what_is_idle, |desk| {
    let (head, body) = a_webhook(&desk).await;
    // Nothing here ends because its time is up.
    let door = opens(&desk, Limits { head: LONG, idle: LONG, ..Limits::default() }).await;
    let mut idle = door.knock().await;
    idle.write_all(ASK).await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200 "));
    let mut silent = door.knock().await;
    let mut sending = door.knock().await;
    let (begin, end) = body.as_bytes().split_at(body.len() / 2);
    sending.write_all(format!("{head}{}", String::from_utf8_lossy(begin)).as_bytes()).await.unwrap();
    // Served after it in the order of acceptance: so all three are accepted.
    let mut last = door.knock().await;
    last.write_all(ASK).await.unwrap();
    assert!(answer(&mut last).await.starts_with("HTTP/1.1 200 "));

    drop(door.stop);
    for (who, stream) in [("idle", &mut idle), ("silent", &mut silent), ("last", &mut last)] {
        assert_eq!(rest(stream).await, "", "{who}");
    }
    assert!(!door.serving.is_finished(), "one is in flight");
    assert!(TcpStream::connect(door.address).await.is_err(), "nobody else is let in");
    sending.write_all(end).await.unwrap();
    let heard = rest(&mut sending).await;
    assert!(heard.starts_with("HTTP/1.1 202 ") && heard.contains("connection: close\r\n"), "{heard}");
    tokio::time::timeout(LONG / 2, door.serving).await.expect("then it is at its end").unwrap();
});
