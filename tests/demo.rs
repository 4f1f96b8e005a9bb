//! The demo as anybody runs it: one command, wherever and with whatever in the environment.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test may fail, and measures how long it takes")]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pd demo {name} {}", std::process::id()));
        std::fs::create_dir_all(path.join("tmp")).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn demo(folder: &Folder, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

/// With everything that could lead the demo astray.
fn command(folder: &Folder, args: &[&str]) -> Command {
    std::fs::write(folder.0.join("partner-desk.toml"), "agents = 5\n[[[nonsense").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-desk"));
    command.arg("demo").args(args).current_dir(&folder.0).env_clear();
    command.env("TMPDIR", folder.0.join("tmp"));
    for (name, value) in [
        ("DATABASE_URL", "nonsense"),
        ("HOST", "!!"),
        ("PORT", "99999"),
        ("APP_ID", "garbage"),
        ("PRIVATE_KEY", "none"),
        ("WEBHOOK_SECRET", "x"),
        ("GITHUB_API_URL", "http://127.0.0.1:1"),
        ("PARTNER_DESK_CONFIG", "partner-desk.toml"),
        ("LOG_FORMAT", "poem"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("http_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
        ("TZ", "Pacific/Kiritimati"),
    ] {
        command.env(name, value);
    }
    command
}

/// The demo to touch, while it runs.
struct Open {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Open {
    fn new(folder: &Folder, args: &[&str]) -> Self {
        let mut child = command(folder, &[&["--open", "--no-browser"], args].concat()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.by_ref().map(Result::unwrap).find_map(|line| Some(line.split_once("http://")?.1.to_owned())).unwrap();
        Self { child, lines, address }
    }

    /// What a request of a browser's is answered with.
    fn ask(&self, line: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let form = "content-type: application/x-www-form-urlencoded";
        write!(stream, "{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{form}\r\n{headers}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn own(&self) -> String {
        format!("host: {0}\r\norigin: http://{0}\r\n", self.address)
    }

    /// Ends it as Ctrl-C does; the rest of what it said.
    fn end(mut self) -> String {
        let stopped = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        let rest: Vec<_> = self.lines.by_ref().map(Result::unwrap).collect();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest:?}");
        rest.join("\n")
    }
}

/// A test that fails must not leave it running.
impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ISSUES: &str = "/7x/exponential-support/issues";

#[test]
fn the_demo_to_touch_lets_one_act_and_leaves_nothing_behind() {
    let folder = Folder::new("open");
    let open = Open::new(&folder, &[]);
    let own = open.own();
    let page = open.ask(&format!("GET {ISSUES}"), &own, "");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("default-src 'none'"), "{page}");
    let opened = open.ask(&format!("POST {ISSUES}"), &format!("{own}cookie: as=noor\r\n"), "title=%3Ci%3Ehelp&body=**now**");
    assert!(opened.starts_with("HTTP/1.1 303") && opened.contains(&format!("location: {ISSUES}/10")), "{opened}");
    let started = Instant::now();
    loop {
        let page = open.ask(&format!("GET {ISSUES}/10"), &own, "");
        if page.contains("tier: Student") && page.contains("&lt;i&gt;help") && page.contains("<strong>now</strong>") {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{page}");
    }
    // Nobody else may look or act, and what cannot be done is said.
    for (line, headers, body, status) in [
        (format!("GET {ISSUES}"), "host: evil.example\r\n".to_owned(), "", "403"),
        (format!("POST {ISSUES}"), format!("host: {}\r\n", open.address), "title=x", "403"),
        (format!("POST {ISSUES}"), format!("host: {}\r\norigin: http://evil.example\r\n", open.address), "title=x", "403"),
        (format!("POST {ISSUES}"), own.clone(), "title=+", "422"),
        (format!("POST {ISSUES}/10"), format!("{own}cookie: as=rolf\r\n"), "do=completed", "422"),
        (format!("POST {ISSUES}/10/labels"), format!("{own}cookie: as=noor\r\n"), "remove=tier%3A+Student", "422"),
        (format!("GET {ISSUES}/99"), own.clone(), "", "404"),
        ("POST /clock".to_owned(), own.clone(), "pace=61", "422"),
        ("GET /nothing".to_owned(), own.clone(), "", "404"),
    ] {
        let answer = open.ask(&line, &headers, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line} {body}: {answer}");
    }
    let told = open.end();
    assert!(told.contains("noor of Riverside College (Student) opens #10") && told.contains("Nothing is left behind."), "{told}");
    assert_eq!(std::fs::read_dir(folder.0.join("tmp")).unwrap().count(), 0, "something was left behind");
}

#[test]
fn the_database_of_the_demo_stays_if_it_is_asked_to() {
    let folder = Folder::new("keep");
    let told = Open::new(&folder, &["--keep"]).end();
    let database = told.split_once("database stays: ").unwrap().1.trim();
    let mut list = Command::new(env!("CARGO_BIN_EXE_partner-desk"));
    // Its name may have spaces in it, as an address has them.
    list.args(["partner", "list"]).env_clear().env("DATABASE_URL", format!("sqlite://{}", database.replace(' ', "%20")));
    let output = list.current_dir(folder.0.join("tmp")).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("Fjord Software"), "{output:?}");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let folder = Folder::new("port");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = demo(&folder, &["--open", "--no-browser", "--port", &port]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{port}")) && said.contains("--port"), "{said}");
}

#[test]
fn the_story_comes_true_whatever_the_surroundings() {
    let folder = Folder::new("story");
    let start = Instant::now();
    let output = demo(&folder, &["--exit-after-story"]);
    let took = start.elapsed();
    let (told, logged) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}\n{logged}");
    assert_eq!(logged, "", "the demo has nothing to warn of");
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(!told.contains('\u{1b}'), "no colours where nobody sees them");

    // Where lines were broken does not matter here.
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = words.as_str();
    for landmark in [
        "Sun 22 Nov 14:00 mia of Acme Robotics (Gold) opens #1",
        "+[tier: Gold] +[sla: 4h] +[due: 2026-11-22 18:00 UTC]",
        "Ticket 1 of 10, week until Monday 2026-11-23 00:00 UTC.",
        "rolf opens #2",
        "Sun 22 Nov 15:12 ann answers #1",
        "+[sla: met] −[due: 2026-11-22 18:00 UTC]",
        "Sun 22 Nov 15:50 noor of Riverside College (Student) opens #5",
        "+[tier: Student] +[quota: waiting]",
        "Its slot opens Monday 2026-11-23 00:00 UTC",
        "moves Acme Robotics to Silver",
        "Ticket 3 of 7",
        "Sun 22 Nov 18:00 kenji of Orbital Freight (Platinum) opens #8",
        "Sun 22 Nov 20:15",
        "+[sla: due soon]",
        "#support > due soon (75%): Orbital Freight, Platinum, 7x/exponential-support#8",
        "Sun 22 Nov 20:42",
        "#support > on-call (90%)",
        "Sun 22 Nov 21:00",
        "+[sla: breached] −[sla: due soon]",
        "#support > breach (due)",
        "repeat 1 of 12",
        "repeat 2 of 12",
        "2h 20m later than the promised 3h.",
        "Mon 23 Nov 00:00",
        "+[sla: 36h] +[due: 2026-11-24 12:00 UTC] −[quota: waiting]",
        "@noor, a slot came free",
        "after 8h 50m of the promised 12h.",
        "issues 9: 8 admitted as tickets, 1 of them after waiting; 1 left alone",
        "answers 7 in time, 1 late",
        "chat 5 pings",
    ] {
        let found = rest.find(landmark).unwrap_or_else(|| panic!("`{landmark}` is missing or out of its turn:\n{told}"));
        rest = &rest[found + landmark.len()..];
    }
    assert_eq!(std::fs::read_dir(folder.0.join("tmp")).unwrap().count(), 0, "something was left behind");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2, "something was left behind");
}

#[test]
fn a_speed_that_is_none_is_wrong_usage() {
    let folder = Folder::new("speed");
    let output = demo(&folder, &["--speed", "fast"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("how long an hour of the story takes") && said.contains("fast"), "{said}");
}
