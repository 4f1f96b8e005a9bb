//! What the longest and strangest input comes to in each chat: taken by the service, cut where a reader sees it, and nothing in it acts
//! (`E4`, `E6`, `G8`).

use crate::chats::{DOORS, doors};
use crate::desk::{Desk, Setup, instant};
use partner_desk::chat::{
    ChatMessage, Correction, Digest, Named, Notice, Ping, PingKind, Recovery, Report, ReportedTicket, TierCount, discord, google_chat,
    mattermost, slack, teams, webhook,
};
use partner_desk::sandbox::{ChatHost, ChatMessage as Posted};
use serde_json::Value;
use std::collections::BTreeSet;

/// Thirty people are mentioned, and whoever is on call has a name that tries everything.
const EXTREME: Setup = Setup {
    config: r#"
[on_call]
people = ["<!channel> *ann* _x_ [x](https://evil.example) `c` & <at>all</at> <users/all> @everyone {{DATE(1)}} \\ 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉"]
since = "2026-01-05"

[daily_digest]
at = "16:00"

[weekly_summary]
at = "Wednesday 16:00"

[[ladder]]
steps = [
  { at = "75%", name = "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉", mention = [
    "U0000000001", "U0000000002", "U0000000003", "U0000000004", "U0000000005", "U0000000006", "U0000000007", "U0000000008", "U0000000009", "U0000000010",
    "@someone.with.a.long.name.01", "@someone.with.a.long.name.02", "@someone.with.a.long.name.03", "@someone.with.a.long.name.04", "@someone.with.a.long.name.05",
    "100000000000000001", "100000000000000002", "100000000000000003", "100000000000000004", "100000000000000005",
    "someone.with.a.long.name.01@example.com", "someone.with.a.long.name.02@example.com", "users/100000000000000000001", "users/100000000000000000002",
    "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉", "a", "b", "c", "d", "e" ] },
  { at = "due", mention = ["oncall"] },
]

[[chat]]
name = "mattermost"
kind = "mattermost"
url = "{chat}/mattermost"

[[chat]]
name = "discord"
kind = "discord"
url = "{chat}/discord"

[[chat]]
name = "teams"
kind = "teams"
url = "{chat}/teams"

[[chat]]
name = "google"
kind = "google_chat"
url = "{chat}/google"

[[chat]]
name = "receiver"
kind = "webhook"
url = "{chat}/receiver"
"#,
    programme: Some(
        "[[tier]]\nid = \"gold\"\nname = \"<b>*Gold*</b> & @all 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉\"\ntickets = \"unlimited\"\nresponse = \"4h\"\n",
    ),
};

/// Titles that GitHub takes: 256 characters.
fn titles() -> Vec<String> {
    let all = ["🎉", "&", "<", "x", "ż", "[x](https://e.vil)", "<!channel> ", "*", "\\", "\"", "@all ", "{{DATE(1)}}"];
    all.iter().map(|filler| filler.repeat(256).chars().take(256).collect()).collect()
}

/// What came since the last time, all of it taken.
fn taken(desk: &Desk) -> Vec<Posted> {
    let messages = desk.chat.take();
    for message in &messages {
        assert!(message.accepted(), "{} answered {:?} to {:#}", message.path, message.answered, message.body);
    }
    messages
}

/// Where a message lists tickets, as its service shows it.
fn list(message: &Posted) -> String {
    let body = &message.body;
    let texts = |of: &Value, path: &str| {
        let items = of.as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item.pointer(path)?.as_str().map(str::to_owned)).collect::<Vec<_>>().join("\n")
    };
    match message.path.as_str() {
        "/support" => texts(&body["blocks"], "/text/text"),
        "/mattermost" => texts(&body["attachments"], "/text"),
        "/discord" => texts(&body["embeds"], "/description"),
        "/receiver" => body["text"].as_str().unwrap_or_default().to_owned(),
        "/teams" => texts(&body["attachments"][0]["content"]["body"], "/text"),
        _ => texts(&body["cardsV2"][0]["card"]["sections"][0]["widgets"], "/textParagraph/text"),
    }
}

/// The tickets that a list names, and how many more it says that there are.
fn named_and_more(list: &str) -> (usize, usize) {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let named: BTreeSet<_> = list.split("7x/support#").skip(1).map(number).collect();
    let more = list.split("and ").skip(1).find(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(" more"));
    let more = more.map_or(0, |rest| number(rest).parse().unwrap());
    (named.len(), more)
}

story!(e1_g8_the_longest_titles_names_and_lists_of_people, EXTREME, |desk| {
    doors(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    let name = "<@U1> & *Sons* 🎉 [x](https://e.vil) ".repeat(10);
    desk.execute(&format!("UPDATE partners SET name = '{name}'")).await;
    for title in titles() {
        desk.opens("anna", &title).await;
    }
    desk.at("2026-11-18T13:00:00Z").await;
    let messages = taken(&desk);
    for (path, _) in DOORS {
        let here: Vec<_> = messages.iter().filter(|message| message.path == format!("/{path}")).collect();
        assert_eq!(here.len(), 2 * titles().len(), "{path}");
        for message in here {
            // A receiver is given what was written, and a text that is for no host of its own.
            let own = path == "receiver";
            let body = if own { message.body["text"].to_string() } else { message.body.to_string() };
            assert!(body.contains('…'), "{path}: a reader sees that something was cut: {body}");
            for mark in ["](https://e.vil", "](https://evil", "*Sons*", "*ann*", "`c`", "@everyone", "@all"] {
                assert!(!body.contains(mark), "{path}: {mark} in {body}");
            }
            for mark in ["<!channel>", "<@U1>", "<users/all>", "<at>all"] {
                assert!(own || !body.contains(mark), "{path}: {mark} in {body}");
            }
        }
    }
    // Only one of the services does something with these.
    assert!(messages.iter().filter(|message| message.path == "/teams").all(|message| !message.body.to_string().contains("{{DATE")));
    // Twenty people are woken, and how many were left out is said.
    let first = messages.iter().find(|message| message.path == "/support").unwrap();
    assert!(first.body["text"].as_str().unwrap().contains("and 10 more"), "{:#}", first.body);
});

story!(e4_e6_a_digest_and_reports_of_two_hundred_tickets, EXTREME, |mut desk| {
    doors(&desk);
    for partner in 0..20 {
        desk.partner(&format!("p{partner}"), "gold", &[&format!("member{partner}")]).await;
    }
    desk.execute("UPDATE partners SET name = id || ' <@U1> & *Sons* 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉'").await;
    let titles = titles();
    for number in 0..200 {
        let title = &titles[number % titles.len()];
        desk.sandbox.open_issue(crate::desk::REPO, &format!("member{}", number % 20), title, "Help!").await.unwrap();
    }
    desk.settle().await;
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T13:30:00Z"));
    desk.go_on().await;
    desk.at("2026-11-18T13:31:00Z").await;
    let messages = taken(&desk);
    for (path, _) in DOORS {
        let here: Vec<_> = messages.iter().filter(|message| message.path == format!("/{path}")).collect();
        let mut all = 0;
        for digest in here.iter().filter(|message| message.body.to_string().contains(" for an answer")) {
            let (named, more) = named_and_more(&list(digest));
            assert!(named >= 1 && more == 0, "{path}: {named} named, {more} more: {:#}", digest.body);
            all += named;
        }
        assert_eq!(all, 200, "{path}: every ticket is named, in one digest after the other");
        let recovery = here.iter().find(|message| message.body.to_string().contains("The desk was down from")).unwrap();
        assert_eq!(named_and_more(&list(recovery)), (10, 190), "{path}: {:#}", recovery.body);
    }
    desk.at("2026-11-18T16:00:00Z").await;
    let messages = taken(&desk);
    for (path, _) in DOORS {
        let here: Vec<_> = messages.iter().filter(|message| message.path == format!("/{path}")).collect();
        assert_eq!(here.len(), 2, "{path}: a day and a week");
        for report in here {
            assert_eq!(named_and_more(&list(report)), (10, 190), "{path}: {:#}", report.body);
        }
    }
});

/// A ping in which every text is as long as can be.
fn long_ping(filler: &str, number: i64) -> Ping {
    let long = filler.repeat(500);
    let now = instant("2026-11-18T12:00:00Z");
    Ping {
        kind: PingKind::Step,
        step: long.clone(),
        at: long.clone(),
        occurrence: 3,
        times: 12,
        late: true,
        unconfirmed: true,
        partner: long.clone(),
        tier: long.clone(),
        repository: format!("{}/{}", "o".repeat(39), "r".repeat(100)),
        number,
        title: long.clone(),
        url: format!("https://github.com/{}/{}/issues/{number}", "o".repeat(39), "r".repeat(100)),
        author: long.clone(),
        started_at: now,
        due_at: now,
        now,
        mentions: [
            vec![long.clone(); 3],
            (10..40).map(|n| format!("{}.{n}@{}.example.com", "n".repeat(50), "h".repeat(40))).collect(),
            (10..40).map(|n| format!("1000000000000000{n}")).collect(),
        ]
        .concat(),
        on_call: None,
        advice: long,
        held: false,
        acknowledge: Some(format!("https://desk.example/ack/{}", "a".repeat(200))),
    }
}

#[test]
fn e4_g8_whatever_is_too_long_is_cut_to_what_each_service_takes() {
    let now = instant("2026-11-18T12:00:00Z");
    for filler in ["🎉", "&", "<", "x", "\"", "\\", "[x](https://e.vil)", "@all ", "e\u{301}"] {
        let long = filler.repeat(400);
        let named = |number| Named { partner: long.clone(), repository: "o/r".into(), number, url: "https://github.com/o/r".into() };
        let correction = |number| Correction { ticket: named(number), step: long.clone(), said_at: now, truth: long.clone() };
        let digest = |count| ChatMessage::Digest(Digest { pings: (0..count).map(|number| long_ping(filler, number)).collect() });
        let mut by_mail = long_ping(filler, 1);
        by_mail.mentions.retain(|who| who.contains("example.com"));
        let messages = [
            ChatMessage::Ping(long_ping(filler, 1)),
            ChatMessage::Ping(by_mail.clone()),
            ChatMessage::Digest(Digest { pings: vec![by_mail; 50] }),
            digest(1),
            digest(80),
            ChatMessage::Recovery(Recovery {
                down: Some((now, now)),
                answered: (0..80).map(named).collect(),
                breached: (0..80).map(named).collect(),
                corrections: (0..80).map(correction).collect(),
                ..Recovery::default()
            }),
            ChatMessage::Report(Report {
                weekly: true,
                tiers: vec![TierCount { tier: long.clone(), met: 1, breached: 1 }; 60],
                overdue: (0..80).map(|number| ReportedTicket { ticket: named(number), due_at: now }).collect(),
                ..Report::default()
            }),
            ChatMessage::Notice(Notice { text: format!("{long}\n").repeat(5) }),
        ];
        for message in &messages {
            for instead_of in [vec![], vec![long.clone(); 30]] {
                let bodies = [
                    (ChatHost::Slack, slack::render(message, &instead_of, now)),
                    (ChatHost::Mattermost, mattermost::render(message, &instead_of, now)),
                    (ChatHost::Discord, discord::render(message, &instead_of, now)),
                    (ChatHost::Teams, teams::render(message, &instead_of, now)),
                    (ChatHost::GoogleChat, google_chat::render(message, &instead_of, now)),
                ];
                let own = webhook::render(message, "key", &instead_of, now).unwrap();
                let bodies = bodies.map(|(host, body)| (host, serde_json::to_vec(&body).unwrap()));
                for (host, body) in bodies.into_iter().chain([(ChatHost::Webhook, own)]) {
                    let (status, why) = host.judge(&body);
                    let start: String = String::from_utf8_lossy(&body).chars().take(100).collect();
                    assert!(status < 300, "{host:?} and {filler:?}: {why}: {start}");
                }
            }
        }
    }
}
