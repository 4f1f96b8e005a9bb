//! The demo as anybody runs it: one command, wherever and with whatever in the environment.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test may fail, and measures how long it takes")]

use std::path::PathBuf;
use std::process::{Command, Output};
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

/// Everything that could lead the demo astray.
fn demo(folder: &Folder, args: &[&str]) -> Output {
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
    command.output().unwrap()
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
