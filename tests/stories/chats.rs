//! Each kind of chat at a door that takes what its service takes and nothing else (`E1`, `E4`, `E7`, `G8`, `R5`).

use crate::desk::{Desk, Setup, instant};
use partner_desk::sandbox::{ChatAnswer, ChatHost, ChatMessage};

pub const DOORS: [(&str, ChatHost); 6] = [
    ("support", ChatHost::Slack),
    ("mattermost", ChatHost::Mattermost),
    ("discord", ChatHost::Discord),
    ("teams", ChatHost::Teams),
    ("google", ChatHost::GoogleChat),
    ("receiver", ChatHost::Webhook),
];

pub const EVERY_KIND: Setup = Setup {
    config: r#"
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
secret = "hush"
"#,
    programme: None,
};

pub fn doors(desk: &Desk) {
    for (path, host) in DOORS {
        desk.chat.stands_for(path, host);
    }
}

/// What came since the last time, all of it taken, by door.
fn taken(desk: &Desk, at_least: usize) -> Vec<ChatMessage> {
    let messages = desk.chat.take();
    for message in &messages {
        assert!(message.accepted(), "{} answered {:?} to {:#}", message.path, message.status, message.body);
        let body = message.body.to_string();
        // A receiver is given what was written; the text that is made for showing wakes nobody anywhere, though it is not for one host.
        let (body, marks) = match message.path.as_str() {
            "/receiver" => (message.body["text"].to_string(), &["@everyone", "@all"][..]),
            _ => (body, &["@everyone", "<!channel>", "<users/all>", "<at>", "@all"][..]),
        };
        for mark in marks {
            assert!(!body.contains(mark), "{}: {mark} in {body}", message.path);
        }
    }
    for (path, _) in DOORS {
        let count = messages.iter().filter(|message| message.path == format!("/{path}")).count();
        assert!(count >= at_least, "{path}: {count}");
    }
    messages
}

story!(e1_g8_every_step_in_every_chat_with_titles_that_try_everything, EVERY_KIND, |desk| {
    doors(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "@everyone <!channel> <users/all> <at>ann</at> @all *b* [x](https://evil.example) {{DATE(1)}} \\").await;
    desk.opens("anna", &"🎉żółw & <b>".repeat(20)).await;
    for time in ["12:00", "12:36", "13:00", "14:00"] {
        desk.at(&format!("2026-11-18T{time}:00Z")).await;
    }
    let messages = taken(&desk, 8);
    for step in ["ue soon", "reach", "repeat 1 of 12"] {
        for (path, _) in DOORS {
            let said = messages.iter().any(|m| m.path == format!("/{path}") && m.body.to_string().contains(step));
            assert!(said, "{path}: {step}");
        }
    }
});

story!(e4_r5_a_digest_and_a_recovery_in_every_chat, EVERY_KIND, |mut desk| {
    doors(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    for number in 1..=9 {
        desk.opens("anna", &format!("@everyone number {number}")).await;
    }
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T14:30:00Z"));
    desk.go_on().await;
    // What the outage changed is told a little later, when it is known.
    desk.at("2026-11-18T14:30:10Z").await;
    let messages = taken(&desk, 2);
    for (path, _) in DOORS {
        let bodies: Vec<_> = messages.iter().filter(|m| m.path == format!("/{path}")).map(|m| m.body.to_string()).collect();
        assert!(bodies.iter().any(|body| body.contains("9 tickets wait for an answer, all overdue")), "{path}: {bodies:?}");
        assert!(bodies.iter().any(|body| body.contains("The desk was down from")), "{path}: {bodies:?}");
    }
});

story!(e7_discord_says_when_and_a_webhook_that_is_gone_is_told_elsewhere, EVERY_KIND, |desk| {
    doors(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await;
    desk.chat.answer_next_at("discord", ChatAnswer::Status(429, Some(7)));
    desk.chat.answer_always("teams", ChatAnswer::Status(404, None));
    for time in ["12:00:00", "12:00:08", "12:00:20"] {
        desk.at(&format!("2026-11-18T{time}Z")).await;
    }
    let messages = desk.chat.take();
    let discord: Vec<_> = messages.iter().filter(|m| m.path == "/discord" && m.body.to_string().contains("ue soon")).collect();
    assert_eq!(discord.iter().map(|m| m.status).collect::<Vec<_>>(), [Some(429), Some(204)]);
    assert!(discord[1].at.duration_since(discord[0].at).as_secs() >= 7);
    let told = |path: &str| messages.iter().any(|m| m.path == path && m.accepted() && m.body.to_string().contains("404"));
    assert!(told("/support") && told("/google"), "{messages:#?}");
});

#[test]
fn the_doors_refuse_what_their_services_refuse() {
    let long = |n: usize| "x".repeat(n);
    let section = |text: &str| format!(r#"{{"type":"section","text":{{"type":"mrkdwn","text":"{text}"}}}},"#);
    let card = |body: &str, action: &str| {
        let content = format!(r#"{{"type":"AdaptiveCard","version":"1.4","body":[{body}],"actions":[{action}]}}"#);
        format!(r#"{{"type":"message","attachments":[{{"contentType":"application/vnd.microsoft.card.adaptive","content":{content}}}]}}"#)
    };
    let paragraph = |text: &str| {
        let widget = format!(r#"{{"textParagraph":{{"text":"{text}"}}}}"#);
        format!(r#"{{"cardsV2":[{{"cardId":"a","card":{{"sections":[{{"widgets":[{widget}]}}]}}}}]}}"#)
    };
    let fine = [
        (ChatHost::Slack, format!(r#"{{"text":"a &amp; <@U1>","blocks":[{}{}]}}"#, section("a"), r#"{"type":"divider"}"#)),
        (
            ChatHost::Teams,
            card(r#"{"type":"TextBlock","text":"a","size":"Large"}"#, r#"{"type":"Action.OpenUrl","title":"a","url":"https://x"}"#),
        ),
        (ChatHost::GoogleChat, paragraph("<b>a</b>")),
        (ChatHost::Webhook, r#"{"event":"desk.notice","key":"a","text":"b"}"#.to_owned()),
    ];
    for (host, body) in fine {
        assert!(host.judge(body.as_bytes()).0 < 300, "{host:?}: {}", host.judge(body.as_bytes()).1);
    }
    let cases = [
        (
            ChatHost::Slack,
            format!(r#"{{"text":"a","blocks":[{{"type":"header","text":{{"type":"plain_text","text":"{}"}}}}]}}"#, long(151)),
        ),
        (ChatHost::Mattermost, "{}".to_owned()),
        (ChatHost::Mattermost, format!(r#"{{"attachments":[{{"text":"{}"}}]}}"#, long(7900))),
        (ChatHost::Discord, r#"{"content":""}"#.to_owned()),
        (ChatHost::Discord, format!(r#"{{"content":"{}"}}"#, long(2001))),
        (ChatHost::Discord, format!(r#"{{"embeds":[{{"title":"{}"}}]}}"#, long(257))),
        (ChatHost::Discord, r#"{"content":"a","allowed_mentions":{"users":["ann"]}}"#.to_owned()),
        (ChatHost::Discord, r#"{"embeds":[{"fields":[{"name":"a","value":""}]}]}"#.to_owned()),
        (ChatHost::Teams, r#"{"text":"a"}"#.to_owned()),
        (ChatHost::Teams, format!(r#"{{"type":"message","text":"{}"}}"#, long(28 * 1024))),
        (ChatHost::GoogleChat, r#"{"text":"a","blocks":[]}"#.to_owned()),
        (ChatHost::GoogleChat, format!(r#"{{"text":"{}"}}"#, long(4097))),
        (ChatHost::GoogleChat, "no JSON".to_owned()),
        (ChatHost::Slack, r#"{"text":"a &am…"}"#.to_owned()),
        (ChatHost::Slack, r#"{"text":"a <https://x|y…"}"#.to_owned()),
        (ChatHost::Slack, format!(r#"{{"text":"a","blocks":[{}{}]}}"#, section(&long(2999)).repeat(4), r#"{"type":"divider"}"#)),
        (ChatHost::Slack, format!(r#"{{"text":"a","blocks":[{}{}]}}"#, r#"{"type":"divider"},"#.repeat(50), r#"{"type":"divider"}"#)),
        (ChatHost::Slack, r#"{"text":"a","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"a","emoji":true}}]}"#.to_owned()),
        (ChatHost::Slack, r#"{"text":"a","blocks":[{"type":"context","elements":[]}]}"#.to_owned()),
        (ChatHost::Mattermost, r#"{"attachments":[{"text":"[a](https://x"}]}"#.to_owned()),
        (ChatHost::Mattermost, r#"{"attachments":[{"colour":"red"}]}"#.to_owned()),
        (ChatHost::Discord, format!(r#"{{"content":"{}"}}"#, "🎉".repeat(1001))),
        (ChatHost::Discord, format!(r#"{{"embeds":[{0},{0}]}}"#, format!(r#"{{"description":"{}"}}"#, long(3001)))),
        (ChatHost::Discord, r#"{"embeds":[{"fields":[{"name":" ","value":"a"}]}]}"#.to_owned()),
        (ChatHost::Teams, card(r#"{"type":"TextBlock","text":"a","size":"Huge"}"#, "")),
        (ChatHost::Teams, card(r#"{"type":"TextBlock","text":"<at>ann</at>"}"#, "")),
        (ChatHost::Teams, card(r#"{"type":"Input.Text","id":"a"}"#, "")),
        (ChatHost::Teams, card("", r#"{"type":"Action.Submit","title":"a"}"#)),
        (ChatHost::GoogleChat, paragraph("<b>a")),
        (ChatHost::GoogleChat, paragraph("<script>a</script>")),
        (ChatHost::Webhook, r#"{"event":"desk.notice","key":"a","text":""}"#.to_owned()),
        (ChatHost::Webhook, r#"{"event":"desk.notice","key":"a","text":"b","more":1}"#.to_owned()),
        (ChatHost::Webhook, r#"{"event":"tickets.digest","key":"a","text":"b","tickets":[{}]}"#.to_owned()),
    ];
    for (host, body) in cases {
        assert_eq!(host.judge(body.as_bytes()).0, 400, "{host:?}: {}", &body[..body.len().min(200)]);
    }
}
