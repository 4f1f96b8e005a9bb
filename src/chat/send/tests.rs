use super::super::message::tests::{at, nasty};
use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

const KEY: &str = "77/1/breach/3/ops";
const NOW: &str = "2026-11-22T17:00:00Z";
/// Stands for the part of an address that lets its holder post.
const TOKEN: &str = "T000/B000/xyzzysecret";

/// A host on the loopback that takes one request, gives `answer`, and hands back what it was sent.
fn host(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/{TOKEN}", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !complete(&request) {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, taken)
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    })
}

fn chat(kind: Kind, url: &str) -> Chat {
    Chat::new([Channel { name: "ops".into(), kind, url: url.into(), bot: None, fallback: None }]).unwrap()
}

async fn send(chat: &Chat) -> Result<(), SendError> {
    chat.send("ops", Message { key: KEY, what: &ChatMessage::Ping(nasty()), instead_of: &[], thread: None }, at(NOW)).await.map(drop)
}

async fn answered(answer: &'static str) -> Result<(), SendError> {
    let (url, taken) = host(answer);
    let result = send(&chat(Kind::Slack, &url)).await;
    taken.join().unwrap();
    if let Err(error) = &result {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("127.0.0.1") && !shown.contains("xyzzy") && !shown.contains("services"), "{shown}");
    }
    result
}

fn retry(after: Option<u64>, why: &str) -> Result<(), SendError> {
    Err(SendError::Retry { after: after.map(Duration::from_secs), why: why.into() })
}

fn refused(status: u16, why: &str) -> Result<(), SendError> {
    Err(SendError::Refused { status: Some(status), why: why.into() })
}

#[tokio::test]
async fn any_success_is_success() {
    assert_eq!(answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await, Ok(()));
    assert_eq!(answered("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nwhatnot").await, Ok(()));
    assert_eq!(answered("HTTP/1.1 204 No Content\r\n\r\n").await, Ok(()));
}

#[tokio::test]
async fn a_busy_host_says_when() {
    let why = "the chat host answered 429 Too Many Requests";
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(busy).await, retry(Some(30), why));
    let date = "HTTP/1.1 429 Too Many Requests\r\nretry-after: Sun, 22 Nov 2026 17:01:30 GMT\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(date).await, retry(Some(90), why));
    let past = "HTTP/1.1 429 Too Many Requests\r\nretry-after: Sun, 22 Nov 2026 16:00:00 GMT\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(past).await, retry(Some(0), why));
    let absurd = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 99999999999\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(absurd).await, retry(Some(86_400), why));
    // Discord says it in the body as well, to the millisecond.
    let body = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 20\r\n\r\n{\"retry_after\": 7.0}";
    assert_eq!(answered(body).await, retry(Some(7), why));
    let absurd = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 21\r\n\r\n{\"retry_after\": 1e99}";
    assert_eq!(answered(absurd).await, retry(None, why));
    let unreadable = "HTTP/1.1 429 Too Many Requests\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(unreadable).await, retry(None, why));
}

#[tokio::test]
async fn the_hosts_faults_pass_and_ours_do_not() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(answer).await, retry(None, "the chat host answered 503 Service Unavailable"));
    let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\nno_service";
    assert_eq!(answered(answer).await, refused(404, "the chat host answered 404 Not Found: no_service"));
    // A body that repeats (part of) the address is not shown.
    let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 11\r\n\r\nxyzzysecret";
    assert_eq!(answered(answer).await, refused(403, "the chat host answered 403 Forbidden"));
    // A redirect is not followed: nobody listens at its end, and the answer is the redirect itself.
    let answer = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/xyzzy\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answered(answer).await, refused(302, "the chat host answered 302 Found"));
}

#[tokio::test]
async fn nobody_there_is_no_reason_to_give_up_nor_to_tell_the_address() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = send(&chat(Kind::Slack, &format!("http://{closed}/services/{TOKEN}"))).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(matches!(&error, SendError::Retry { after: None, why } if why.starts_with("no connection to the chat host")), "{shown}");
    assert!(!shown.contains("xyzzy") && !shown.contains("127.0.0.1") && !shown.contains(&closed.port().to_string()), "{shown}");
}

#[tokio::test]
async fn a_host_that_hangs_up_is_tried_again() {
    let error = answered("").await.unwrap_err();
    assert!(matches!(error, SendError::Retry { after: None, .. }), "{error:?}");
}

#[tokio::test]
async fn the_webhook_is_signed_over_what_was_sent() {
    let (url, taken) = host("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    send(&chat(Kind::Webhook { secret: Some("open sesame".into()) }, &url)).await.unwrap();
    let request = taken.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
    assert_eq!(header("x-partner-desk-event").as_deref(), Some("ticket.step"));
    assert_eq!(header("x-partner-desk-delivery").as_deref(), Some(KEY));
    let expected = webhook::Signer::new(b"open sesame").unwrap().sign(body.as_bytes());
    assert_eq!(header("x-partner-desk-signature-256"), Some(expected));
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["key"], KEY);
}

#[tokio::test]
async fn an_unknown_channel_is_named() {
    let chat = Chat::new([]).unwrap();
    let error = send(&chat).await.unwrap_err();
    assert_eq!(error, SendError::Refused { status: None, why: "no channel is named `ops`".into() });
}

#[test]
fn channels_that_cannot_work_are_refused_without_their_address() {
    let channel = |url: &str| Channel { name: "ops".into(), kind: Kind::Slack, url: url.into(), bot: None, fallback: None };
    for url in ["", "hooks.example/xyzzy", "file:///xyzzy", "https://", "ftp://xyzzy/"] {
        let error = Chat::new([channel(url)]).unwrap_err();
        assert!(matches!(error, ChatError::Url(_)) && !format!("{error} {error:?}").contains("xyzzy"), "{url}: {error}");
    }
    let twice = Chat::new([channel("https://a.example/"), channel("https://b.example/")]).unwrap_err();
    assert!(matches!(twice, ChatError::Twice(_)), "{twice}");
    let kind = Kind::Webhook { secret: Some("".into()) };
    let error = Chat::new([Channel { kind, ..channel("https://a.example/") }]).unwrap_err();
    assert!(matches!(error, ChatError::Secret(_)), "{error}");
    let shown = format!("{:?}", chat(Kind::Slack, "https://hooks.example/xyzzy"));
    assert_eq!(shown, r#"{"ops"}"#);
}

#[test]
fn this_machine_is_told_from_others() {
    for (url, here) in [
        ("http://127.0.0.1:8080/hook", true),
        ("http://[::1]/hook", true),
        ("http://LOCALHOST/hook", true),
        ("https://hooks.slack.com/services/x", false),
        ("http://localhost.example/hook", false),
        ("http://10.0.0.1/hook", false),
    ] {
        assert_eq!(is_here(&url.parse().unwrap()), here, "{url}");
    }
}

/// A bot at a host that gives `answer`, and what became of a message in the thread `root`.
async fn by_bot(kind: Kind, root: Option<&str>, answer: &'static str) -> (Result<Posted, SendError>, String) {
    let (url, taken) = host(answer);
    let bot = Some(BotAccess { token: "xoxb-xyzzysecret".into(), channel: "C012AB3CD".into() });
    let chat = Chat::new([Channel { name: "ops".into(), kind, url: url.into(), bot, fallback: None }]).unwrap();
    let message = Message { key: KEY, what: &ChatMessage::Ping(nasty()), instead_of: &[], thread: root };
    let posted = chat.send("ops", message, at(NOW)).await;
    let shown = format!("{posted:?} {chat:?}");
    assert!(!shown.contains("xyzzy") && !shown.contains("127.0.0.1"), "{shown}");
    (posted, taken.join().unwrap())
}

#[tokio::test]
async fn e8_a_bot_says_who_it_is_and_learns_what_its_message_is_called() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 77\r\nconnection: close\r\n\r\n{\"ok\":true,\"channel\":\"C012AB3CD\",\"ts\":\"1712345678.000200\",\"message\":{\"a\":1}}\n";
    let (posted, request) = by_bot(Kind::Slack, None, answer).await;
    assert_eq!(posted, Ok(Posted::Root("1712345678.000200".into())));
    assert!(
        request.starts_with(&format!("POST /services/{TOKEN}/chat.postMessage ")) && request.contains("Bearer xoxb-xyzzysecret"),
        "{request}"
    );
    // It was to hang on another, and does not: that one is gone, and this begins a thread.
    let (posted, request) = by_bot(Kind::Slack, Some("1712345678.000100"), answer).await;
    assert_eq!(posted, Ok(Posted::Root("1712345678.000200".into())));
    assert!(request.contains("\"thread_ts\":\"1712345678.000100\""), "{request}");
    let answer = "HTTP/1.1 201 Created\r\ncontent-length: 36\r\nconnection: close\r\n\r\n{\"id\":\"4xp9fdt77pncbef59f4k1qe83o\"}\n";
    let (posted, request) = by_bot(Kind::Mattermost, None, answer).await;
    assert_eq!(posted, Ok(Posted::Root("4xp9fdt77pncbef59f4k1qe83o".into())));
    assert!(request.starts_with(&format!("POST /services/{TOKEN}/api/v4/posts ")), "{request}");
    assert_eq!(by_bot(Kind::Mattermost, Some("4xp9fdt77pncbef59f4k1qe83x"), answer).await.0, Ok(Posted::Said));
}

#[tokio::test]
async fn e8_no_answer_brings_the_token_to_light() {
    let refused = |status, why: &str| Err(SendError::Refused { status: Some(status), why: why.into() });
    for (kind, answer, expected) in [
        (
            Kind::Slack,
            "HTTP/1.1 200 OK\r\ncontent-length: 43\r\n\r\n{\"ok\":false,\"error\":\"not xoxb-xyzzysecret\"}",
            refused(200, "Slack answered an error without a name: see the errors of chat.postMessage in Slack's documentation"),
        ),
        (
            Kind::Slack,
            "HTTP/1.1 200 OK\r\ncontent-length: 35\r\n\r\n{\"ok\":false,\"error\":\"ratelimited\"}\r\n",
            retry_posted(None, "Slack answered ratelimited"),
        ),
        (
            Kind::Slack,
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 2\r\n\r\nno",
            retry_posted(Some(30), "Slack answered 429 Too Many Requests"),
        ),
        (
            Kind::Slack,
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno",
            retry_posted(None, "Slack answered 503 Service Unavailable"),
        ),
        (
            Kind::Slack,
            "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n",
            refused(302, "what is there answered 302 Found, and not as Slack's API does: check `url`"),
        ),
        (
            Kind::Slack,
            "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{\"ok\":true,",
            retry_posted(None, "the chat host could not be reached: end of file before message length reached"),
        ),
        (
            Kind::Mattermost,
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 26\r\n\r\n{\"id\":\"xoxb-XYZZYSECRET\"}\n",
            refused(
                401,
                "Mattermost answered 401 Unauthorized: the bot's token does not work (any more): make another, and give the desk its new `token`",
            ),
        ),
        (
            Kind::Mattermost,
            "HTTP/1.1 429 Too Many Requests\r\nx-ratelimit-reset: 7\r\ncontent-length: 2\r\n\r\nno",
            retry_posted(Some(7), "Mattermost answered 429 Too Many Requests"),
        ),
    ] {
        assert_eq!(by_bot(kind, None, answer).await.0, expected, "{answer}");
    }
}

fn retry_posted(after: Option<u64>, why: &str) -> Result<Posted, SendError> {
    retry(after, why).map(|()| Posted::Said)
}

#[test]
fn e8_a_bot_needs_a_chat_that_has_them_and_a_token_that_is_one() {
    let channel = |kind, token: &str| {
        let bot = Some(BotAccess { token: token.into(), channel: "C012AB3CD".into() });
        Chat::new([Channel { name: "ops".into(), kind, url: "https://a.example".into(), bot, fallback: None }]).unwrap_err().to_string()
    };
    assert!(channel(Kind::Discord, "hush").contains("are for the kinds"));
    for token in ["", "two words", "a\nb"] {
        let said = channel(Kind::Slack, token);
        assert!(said.contains("`token` is none") && (token.is_empty() || !said.contains(token)), "{said}");
    }
}
