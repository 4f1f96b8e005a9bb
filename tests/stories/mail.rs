//! Mail, by a server that is one: over TLS and STARTTLS, as one thread a ticket, and what happens where it is not taken (`E1`, `E2`,
//! `E6`, `E7`, `G8`).

use crate::desk::{Desk, Setup};
use partner_desk::doctor::{Finding, examine};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A story that needs the mail server, on both databases.
macro_rules! mail_story {
    ($name:ident, |$desk:ident, $post:ident| $body:block) => {
        mod $name {
            use super::*;

            fn tell(engine: $crate::desk::Engine) {
                $crate::desk::run(async {
                    let mut $post = Post::opens();
                    let mut $desk = Desk::start(engine, Setup::default()).await;
                    $body
                    $desk.end().await;
                });
            }

            #[test]
            #[ignore = "needs a mail server: tests/run"]
            fn sqlite() {
                tell($crate::desk::Engine::Sqlite);
            }

            #[test]
            #[ignore = "needs a mail server and PostgreSQL: tests/run"]
            fn postgres() {
                tell($crate::desk::Engine::Postgres);
            }
        }
    };
}

/// The mail server.
struct Post {
    process: Child,
    orders: ChildStdin,
    lines: Receiver<Value>,
    /// What it said while something else was waited for.
    seen: VecDeque<Value>,
    ports: Value,
    certificates: String,
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Post {
    fn opens() -> Self {
        let certificates = std::env::var("PARTNER_DESK_MAIL_CERTIFICATES").expect("tests/run says where the certificates are");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/server.mjs");
        let mut command = Command::new("node");
        let mut process = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node is there");
        let (orders, out) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if say.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let ports = lines.recv_timeout(Duration::from_secs(30)).expect("the mail server says where it listens");
        Self { process, orders, lines, seen: VecDeque::new(), ports, certificates }
    }

    fn port(&self, name: &str) -> u64 {
        self.ports[name].as_u64().unwrap()
    }

    /// A channel that speaks to it.
    fn channel(&self, url: &str, more: &str) -> String {
        let mut url = url.to_owned();
        for name in ["starttls", "tls", "plain"] {
            url = url.replace(&format!("{{{name}}}"), &self.port(name).to_string());
        }
        let common = "from = \"Partner Desk <desk@example.com>\"\nto = [\"support@example.com\", \"Night <night@example.com>\"]\n";
        format!("[[chat]]\nname = \"mail\"\nkind = \"email\"\nurl = \"{url}\"\n{common}{more}\n")
    }

    fn encrypted(&self, url: &str) -> String {
        let trust = format!("password = \"very hush\"\nca_file = \"{}/ca.pem\"", self.certificates);
        self.channel(url, &trust)
    }

    fn does(&mut self, what: &Value) {
        writeln!(self.orders, "{what}").unwrap();
        loop {
            let line = self.line();
            if line["told"] == *what {
                return;
            }
            self.seen.push_back(line);
        }
    }

    fn line(&self) -> Value {
        self.lines.recv_timeout(Duration::from_secs(20)).expect("the mail server says something")
    }

    /// The next mail that it was given, and what was tried until then.
    fn mail(&mut self) -> (Value, Vec<String>) {
        let mut tried = Vec::new();
        loop {
            let line = self.seen.pop_front().unwrap_or_else(|| self.line());
            match line["tried"].as_str() {
                Some(what) => tried.push(format!("{} {what}", line["port"].as_str().unwrap())),
                None => return (line, tried),
            }
        }
    }

    /// What was tried since, where no mail came of it.
    fn tried(&mut self) -> Vec<String> {
        // It has said all before it answers this.
        self.does(&json!({ "at": null }));
        let line = |line: Value| format!("{} {}", line["port"].as_str().unwrap(), line["tried"].as_str().unwrap_or("took a mail"));
        self.seen.drain(..).map(line).collect()
    }
}

/// A desk that sends mail by this channel, with a partner.
async fn with(desk: &mut Desk, config: String) {
    desk.restart_with(Setup { config: Box::leak(config.into_boxed_str()), programme: None }).await;
    desk.partner("acme", "gold", &["anna"]).await;
}

/// What `doctor` says of the channel.
async fn doctors_line(desk: &Desk, ping: bool) -> String {
    let findings = examine(desk.settings(), &desk.clock, ping).await;
    let line = |finding: &Finding| format!("{:?} {} {}\n", finding.mark, finding.seen, finding.remedy.as_deref().unwrap_or_default());
    findings.0.iter().filter(|finding| finding.what == "chat \"mail\"").map(line).collect()
}

/// What was told in the other chat since the last time.
fn told_elsewhere(desk: &Desk) -> String {
    desk.chat.take().iter().map(|message| message.body["text"].as_str().unwrap_or_default().to_owned() + "\n").collect()
}

mail_story!(e1_e6_one_thread_a_ticket_to_the_list_and_to_whoever_is_on_call, |desk, post| {
    let config = r#"
[on_call]
people = ["ann"]
since = "2026-11-02"
mention = { ann = { mail = "ann@example.com" } }

[[ladder]]
steps = [
  { at = "75%" },
  { at = "due", mention = ["oncall", "@here"], repeat = "1h", times = 3 },
]
"#;
    let url = "smtps://desk%40example.com@localhost:{tls}";
    with(&mut desk, format!("{config}{}new_tickets = true\n", post.encrypted(url))).await;
    desk.restart_at("https://desk.example").await;
    let title = "@everyone <b>Zażółć</b> 🎉\r\nBcc: eve@evil.example";
    desk.opens("anna", title).await;
    desk.at("2026-11-18T13:00:00Z").await;
    let mails: Vec<_> = (0..3).map(|_| post.mail().0).collect();
    let [new, soon, breach] = &mails[..] else { panic!("three mails") };
    for mail in &mails {
        assert_eq!(
            (&mail["sender"], &mail["user"], &mail["secure"]),
            (&json!("desk@example.com"), &json!("desk@example.com"), &json!(true))
        );
        assert_eq!((&mail["from"]["name"], &mail["calls"]), (&json!("Partner Desk"), &json!("example.com")));
        assert_eq!(mail["subject"], "7x/support#1: ＠everyone <b>Zażółć</b> 🎉 Bcc: eve＠evil\u{2060}.example");
        assert!(mail["inReplyTo"].is_string() && mail["inReplyTo"] == new["inReplyTo"] && mail["references"] == mail["inReplyTo"]);
        assert_eq!(
            (&mail["headers"]["auto-submitted"], &mail["headers"]["x-auto-response-suppress"]),
            (&json!("auto-generated"), &json!("All"))
        );
        assert!(mail["longest"].as_u64() <= Some(998) && mail["bare"] == false && mail["ascii"] == true, "{mail}");
        assert!(mail["headers"]["bcc"].is_null());
        for body in ["text", "html"] {
            assert!(mail[body].as_str().unwrap().contains("/7x/support/issues/1"), "{mail}");
        }
        assert!(!mail["html"].as_str().unwrap().contains("<b>Za"));
    }
    assert_eq!(mails.iter().map(|mail| mail["messageId"].as_str().unwrap()).collect::<BTreeSet<_>>().len(), 3);
    assert_eq!([&new["headers"]["x-partner-desk-event"], &soon["headers"]["x-partner-desk-event"]], ["ticket.new", "ticket.step"]);
    assert_eq!([&soon["date"], &breach["date"]], ["2026-11-18T12:00:00.000Z", "2026-11-18T13:00:00.000Z"]);
    assert!(soon["text"].as_str().unwrap().starts_with("Due soon (75%): 7x/support#1, 1h left\n"), "{}", soon["text"]);
    assert_eq!(soon["recipients"], json!(["support@example.com", "night@example.com"]));
    assert_eq!(breach["recipients"], json!(["support@example.com", "night@example.com", "ann@example.com"]));
    assert_eq!((&soon["headers"]["importance"], &breach["headers"]["importance"]), (&Value::Null, &json!("high")));
    for body in ["text", "html"] {
        let link = breach[body].as_str().unwrap();
        assert!(link.contains("https://desk.example/ack/"), "{link}");
    }
});

mail_story!(o6_nothing_is_said_before_the_line_is_encrypted, |desk, post| {
    let user = "desk%40example.com@localhost";
    with(&mut desk, post.encrypted(&format!("smtp://{user}:{{starttls}}"))).await;
    desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T12:00:00Z").await;
    let (mail, tried) = post.mail();
    assert_eq!((&mail["port"], &mail["secure"]), (&json!("starttls"), &json!(true)));
    assert_eq!(tried, ["starttls connect", "starttls tls", "starttls auth", "starttls mail"]);

    // Who offers no STARTTLS is told nothing, and the other chat is told why.
    desk.restart_with(Setup { config: Box::leak(post.encrypted(&format!("smtp://{user}:{{plain}}")).into_boxed_str()), programme: None })
        .await;
    told_elsewhere(&desk);
    desk.at("2026-11-18T12:36:00Z").await;
    assert_eq!(post.tried(), ["plain connect"]);
    let told = told_elsewhere(&desk);
    assert!(told.contains("The chat ˋmailˋ refuses") && told.contains("offers no STARTTLS"), "{told}");

    // Whoever says so may do without.
    let plain = post.channel("smtp://localhost:{plain}", "unencrypted = true");
    desk.restart_with(Setup { config: Box::leak(plain.into_boxed_str()), programme: None }).await;
    desk.at("2026-11-18T12:50:00Z").await;
    let (mail, _) = post.mail();
    assert_eq!((&mail["port"], &mail["secure"], &mail["user"]), (&json!("plain"), &json!(false), &Value::Null));
});

mail_story!(o6_a_server_that_nobody_vouches_for_is_told_nothing, |desk, post| {
    let stranger = post.channel("smtps://desk%40example.com@localhost:{tls}", "password = \"very hush\"");
    with(&mut desk, stranger).await;
    desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T12:11:00Z").await;
    assert_eq!(post.tried(), [""; 0], "not even a greeting");
    let told = doctors_line(&desk, false).await;
    assert!(told.contains("no encrypted connection to the mail server: invalid peer certificate") && !told.contains("hush"), "{told}");

    // Nor is one that has the certificate of another name.
    let elsewhere = post.encrypted("smtp://desk%40example.com@127.0.0.1:{starttls}");
    desk.restart_with(Setup { config: Box::leak(elsewhere.into_boxed_str()), programme: None }).await;
    desk.at("2026-11-18T12:20:00Z").await;
    assert!(post.tried().iter().all(|tried| tried == "starttls connect"));
    let told = doctors_line(&desk, false).await;
    assert!(told.contains("no encrypted connection to the mail server: invalid peer certificate") && told.contains("127.0.0.1"), "{told}");
});

mail_story!(e7_a_mail_that_may_have_been_taken_goes_again_under_its_own_name, |desk, post| {
    with(&mut desk, post.encrypted("smtps://desk%40example.com@localhost:{tls}")).await;
    desk.opens("anna", "Login is broken").await;
    post.does(&json!({ "at": "data", "drop": true }));
    desk.at("2026-11-18T12:00:00Z").await;
    let (first, _) = post.mail();
    assert_eq!(first["answer"], "none");
    post.does(&json!({ "at": "mail", "code": 451, "text": "4.3.0 Later, please" }));
    desk.at("2026-11-18T12:01:00Z").await;
    post.does(&json!({ "at": null }));
    desk.at("2026-11-18T12:10:00Z").await;
    let (second, _) = post.mail();
    assert_eq!((&second["answer"], &second["messageId"], &second["subject"]), (&json!("taken"), &first["messageId"], &first["subject"]));
    assert!(post.tried().is_empty(), "and once only");
});

mail_story!(e7_what_the_server_refuses_is_told_elsewhere_with_its_words_and_without_the_password, |desk, post| {
    let wrong = post.encrypted("smtps://desk%40example.com@localhost:{tls}").replace("very hush", "wrong hush");
    with(&mut desk, format!("{wrong}fallback = \"support\"\n")).await;
    desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T12:00:30Z").await;
    let told = told_elsewhere(&desk);
    assert!(told.contains("the mail server does not take the login: 535 5.7.8 Bad password") && !told.contains("hush"), "{told}");
    assert!(told.contains("Sent here because the chat “mail” does not answer."), "{told}");
    assert!(post.tried().iter().all(|tried| !tried.contains("mail")));

    let right = post.encrypted("smtps://desk%40example.com@localhost:{tls}");
    desk.restart_with(Setup { config: Box::leak(right.into_boxed_str()), programme: None }).await;
    post.does(&json!({ "at": "rcpt", "code": 550, "text": "5.1.1 <night@example.com>: no such user\r\n550 @channel" }));
    desk.at("2026-11-18T12:40:00Z").await;
    let told = doctors_line(&desk, false).await;
    assert!(told.contains("the mail server answered 550") && told.contains("no such user") && !told.contains("@channel"), "{told}");
});

mail_story!(e7_an_address_on_call_that_the_server_does_not_know_keeps_no_mail_from_the_others, |desk, post| {
    let config = r#"
[on_call]
people = ["ann"]
since = "2026-11-02"
mention = { ann = { mail = "ann@example.com" } }

[[ladder]]
steps = [{ at = "due", mention = ["oncall"] }]
"#;
    with(&mut desk, format!("{config}{}", post.encrypted("smtps://desk%40example.com@localhost:{tls}"))).await;
    post.does(&json!({ "at": "rcpt", "only": "ann@example.com", "code": 550, "text": "5.1.1 unknown" }));
    desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T13:00:00Z").await;
    let (mail, _) = post.mail();
    assert_eq!((&mail["recipients"], &mail["answer"]), (&json!(["support@example.com", "night@example.com"]), &json!("taken")));
});

mail_story!(doctor_says_how_mail_goes_and_sends_one_where_it_is_asked_to, |desk, post| {
    with(&mut desk, post.encrypted("smtps://desk%40example.com@localhost:{tls}")).await;
    let said = doctors_line(&desk, true).await;
    let (mail, _) = post.mail();
    assert!(mail["text"].as_str().unwrap().contains("a test message by"), "{mail}");
    assert!(said.contains("Warn its password, which is a secret, stands in the configuration file"), "{said}");
    assert!(said.contains("Ok took a test message") && !said.contains("very hush"), "{said}");
    post.does(&json!({ "at": "mail", "code": 550, "text": "5.7.1 Not you" }));
    let said = doctors_line(&desk, true).await;
    assert!(said.contains("Fail did not take a test message: the mail server answered 550 5.7.1 Not you"), "{said}");
});
