//! Signed webhooks as GitHub sends them, and connections that send them as fast as they are answered.

use aws_lc_rs::hmac;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const SECRET: &str = "a secret for benchmarks";
/// What an `issues` webhook of github.com weighs.
const PAYLOAD: usize = 12_800;
/// Repositories that issues are opened in, in turn.
pub(crate) const REPOSITORIES: usize = 10;
/// The first member's id; the others follow.
pub(crate) const FIRST_MEMBER: usize = 1_000_000;

/// Makes deliveries that no server has seen before.
pub(crate) struct Maker {
    template: String,
    /// Partners that open issues in turn, each with one member.
    partners: usize,
    key: hmac::Key,
    next: usize,
    random: u64,
}

impl Maker {
    pub(crate) fn new(partners: usize) -> Self {
        let (api, page) = ("https://api.github.com", "https://github.com");
        let links = |base: &str, names: &[&str]| -> serde_json::Map<String, serde_json::Value> {
            names.iter().map(|name| (format!("{name}_url"), format!("{base}/{name}{{/{name}}}").into())).collect()
        };
        let names = ["archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents", "events"];
        let user = |id: &str, login: &str| {
            let mut user = links(&format!("{api}/users/{login}"), &["followers", "following", "gists", "starred", "events", "repos"]);
            let known = json!({ "id": id, "login": login, "type": "User", "site_admin": false, "html_url": format!("{page}/{login}") });
            user.extend(known.as_object().cloned().unwrap_or_default());
            user
        };
        let mut repository = links(&format!("{api}/repos/7x/support-@REPO@"), &names);
        let known = json!({
            "id": "@REPO_ID@", "name": "support-@REPO@", "full_name": "7x/support-@REPO@", "private": false, "fork": false,
            "owner": user("@OWNER_ID@", "7x"), "html_url": format!("{page}/7x/support-@REPO@"), "archived": false, "default_branch": "main",
        });
        repository.extend(known.as_object().cloned().unwrap_or_default());
        let mut payload = json!({
            "action": "opened",
            "issue": {
                "id": "@ISSUE@", "number": "@NUMBER@", "title": "The export stops after the first page", "state": "open", "locked": false,
                "user": user("@USER@", "member-@USER_NAME@"), "labels": [], "assignees": [], "milestone": null, "comments": 0,
                "created_at": "@AT@", "updated_at": "@AT@", "closed_at": null, "author_association": "NONE", "body": "@BODY@",
                "html_url": format!("{page}/7x/support-@REPO@/issues/@NUMBER_TEXT@"), "state_reason": null, "performed_via_github_app": null,
            },
            "repository": repository, "sender": user("@USER@", "member-@USER_NAME@"), "installation": { "id": 9, "node_id": "MDIz" },
        });
        let rest = PAYLOAD.saturating_sub(payload.to_string().len());
        let words = "When the list has more than one page, the export ends after the first and says nothing. ";
        payload["issue"]["body"] = words.chars().cycle().take(rest).collect::<String>().into();
        let mut template = payload.to_string();
        for number in ["REPO_ID", "OWNER_ID", "ISSUE", "NUMBER", "USER"] {
            template = template.replace(&format!("\"@{number}@\""), &format!("@{number}@"));
        }
        Self { template, partners, key: hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), next: 0, random: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The body of the next delivery: another issue, by the next partner's member.
    pub(crate) fn body(&mut self, at: &str) -> String {
        let (issue, repo) = (self.next + 1, self.next % REPOSITORIES);
        let member = FIRST_MEMBER + self.next % self.partners;
        self.next += 1;
        let values = [
            ("REPO_ID", (500 + repo).to_string()),
            ("OWNER_ID", "7".to_owned()),
            ("REPO", repo.to_string()),
            ("ISSUE", (7_000_000 + issue).to_string()),
            ("NUMBER_TEXT", issue.to_string()),
            ("NUMBER", issue.to_string()),
            ("USER_NAME", member.to_string()),
            ("USER", member.to_string()),
            ("AT", at.to_owned()),
        ];
        let mut body = String::with_capacity(self.template.len() + 64);
        let mut parts = self.template.split('@');
        body.push_str(parts.next().unwrap_or_default());
        // Every second part is a name.
        while let (Some(name), Some(text)) = (parts.next(), parts.next()) {
            body.push_str(values.iter().find(|(known, _)| *known == name).map_or(name, |(_, value)| value));
            body.push_str(text);
        }
        body
    }

    /// Whole requests, ready to be sent.
    pub(crate) fn requests(&mut self, count: usize) -> Arc<Vec<Vec<u8>>> {
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let request = |_| {
            let body = self.body(&at);
            let (id, signature) = (self.guid(), hex::encode(hmac::sign(&self.key, body.as_bytes())));
            format!(
                "POST /api/github/webhooks HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-GitHub-Event: issues\r\n\
                 X-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        Arc::new((0..count).map(request).collect())
    }

    /// Names of deliveries are random.
    fn guid(&mut self) -> String {
        let mut half = || {
            // SplitMix64.
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.random;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let (one, other) = (half(), half());
        format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", one >> 32, (one >> 16) & 0xffff, one & 0xffff, other >> 48, other & 0xffff_ffff_ffff)
    }
}

/// What became of a load.
pub(crate) struct Load {
    pub(crate) seconds: f64,
    pub(crate) done: usize,
    /// Answers other than 2xx.
    pub(crate) refused: usize,
    /// Microseconds, in order of size.
    times: Vec<u32>,
}

impl Load {
    pub(crate) fn rate(&self) -> f64 {
        count(self.done) / self.seconds
    }

    /// Milliseconds that a share of the requests did not take longer than, by nearest rank.
    pub(crate) fn at(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list that fits in memory")]
        let rank = (share * count(self.times.len())).ceil() as usize;
        self.times.get(rank.max(1) - 1).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are small")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// Sends `times` requests over so many connections, from the beginning again when all were sent.
pub(crate) async fn send(address: SocketAddr, requests: &Arc<Vec<Vec<u8>>>, times: usize, connections: usize) -> Load {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let begun = Instant::now();
    let tasks: Vec<_> =
        streams.into_iter().map(|stream| tokio::spawn(keep_sending(stream, requests.clone(), next.clone(), times))).collect();
    let mut load = Load { seconds: 0.0, done: 0, refused: 0, times: Vec::with_capacity(times) };
    for task in tasks {
        let (times, refused) = task.await.unwrap();
        load.done += times.len();
        load.refused += refused;
        load.times.extend(times);
    }
    load.seconds = begun.elapsed().as_secs_f64();
    load.times.sort_unstable();
    load
}

async fn keep_sending(mut stream: TcpStream, requests: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>, times: usize) -> (Vec<u32>, usize) {
    let (mut taken, mut refused) = (Vec::new(), 0);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        if place >= times {
            return (taken, refused);
        }
        let begun = Instant::now();
        stream.write_all(&requests[place % requests.len()]).await.unwrap();
        let status = answer(&mut stream, &mut buffer).await;
        taken.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        if !(200..300).contains(&status) {
            refused += 1;
        }
    }
}

/// Reads one answer to its end and gives its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> u16 {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed a connection in the middle of an answer");
        filled += read;
        let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).unwrap();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        if filled >= end + 4 + length.unwrap_or(0) {
            return head[9..12].parse().unwrap();
        }
    }
}
