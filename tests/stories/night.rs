//! A night: 200 tickets of five tiers, a hand-over of the rotation, quiet hours, somebody who acknowledges, and a pager that does not
//! answer. All that was said, as it was said, stands in `snapshots/`: read it as whoever has the pager would.

use crate::desk::{Desk, REPO, Setup};
use crate::door::CLIENT;
use partner_desk::sandbox::{ChatAnswer, ChatMessage};

const NIGHT: Setup = Setup {
    config: r#"
[on_call]
people = ["ann", "ben"]
since = "2026-11-12"
hand_over = "Thursday 01:00"
mention = { ann = { support = "U0ANN1" }, ben = { support = "U0BEN2" } }

[quiet_hours]
from = "22:00"
until = "07:00"

[[ladder]]
steps = [
  { at = "75%", chat = ["support"] },
  { at = "90%", name = "on-call", chat = ["pager"], mention = ["oncall"] },
  { at = "due", mention = ["oncall"], repeat = "1h", times = 3 },
]

[[chat]]
name = "pager"
kind = "webhook"
url = "{chat}/pager"
fallback = "support"
"#,
    programme: Some(
        "[[tier]]\nid = \"student\"\nname = \"Student\"\ntickets = \"unlimited\"\nresponse = \"8h\"\n[[tier]]\nid = \"starter\"\nname = \"Starter\"\ntickets = \"unlimited\"\nresponse = \"6h\"\n[[tier]]\nid = \"silver\"\nname = \"Silver\"\ntickets = \"unlimited\"\nresponse = \"5h\"\n[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"unlimited\"\nresponse = \"4h\"\n[[tier]]\nid = \"platinum\"\nname = \"Platinum\"\ntickets = \"unlimited\"\nresponse = \"2h\"\n",
    ),
};
const DESK: &str = "https://desk.example";
/// A partner of each tier, a member, and what they write about.
const PARTNERS: [(&str, &str, &str, &str); 5] = [
    ("uni", "student", "stu", "Homework"),
    ("small", "starter", "sam", "Invoice"),
    ("globex", "silver", "gus", "Report"),
    ("acme", "gold", "anna", "Login"),
    ("initech", "platinum", "ina", "Outage"),
];

/// What was said: when, where, to whom, and the words without addresses and advice.
fn transcript(desk: &Desk) -> Vec<(String, String, Option<ChatMessage>)> {
    let line = |message: ChatMessage| {
        let text = message.body["text"].as_str().unwrap().to_owned();
        let woken = message.body["mentions"]
            .as_array()
            .filter(|_| message.path == "/pager")
            .map_or_else(String::new, |mentions| mentions.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(" ") + " ");
        let words = text.split(" http").next().unwrap().split(". Answer").next().unwrap().replace('\n', "\n            ");
        (
            message.at.strftime("%d. %H:%M:%S").to_string(),
            format!("{:<8} {woken}{words}", message.path.trim_start_matches('/')),
            Some(message),
        )
    };
    let accepted = desk.chat.take().into_iter().filter(ChatMessage::accepted);
    let mut lines: Vec<_> = accepted.map(line).collect();
    // Channels do not wait for each other.
    lines.sort_by(|one, next| (&one.0, &one.1).cmp(&(&next.0, &next.1)));
    lines
}

story!(e6_a_night, NIGHT, |mut desk| {
    desk.restart_at(DESK).await;
    for (partner, tier, member, _) in PARTNERS {
        desk.partner(partner, tier, &[member]).await;
    }
    let mut said = Vec::new();
    let mut unanswered = Vec::new();
    // Twenty tickets an hour from 18:07 on, four a tier. Ann answers most of them within a quarter of an hour; of every other hour one a tier is left.
    for hour in 18..28 {
        let (day, clock) = if hour < 24 { (18, hour) } else { (19, hour - 24) };
        desk.at(&format!("2026-11-{day}T{clock:02}:07:00Z")).await;
        let mut answered = Vec::new();
        for round in 0..4 {
            for (_, tier, member, about) in PARTNERS {
                let opened = desk
                    .sandbox
                    .open_issue(REPO, member, &format!("{about} {}", unanswered.len() + answered.len()), "Help!")
                    .await
                    .unwrap();
                let number = opened.issue.unwrap().number;
                if round == 0 && hour % 2 == 0 { unanswered.push((number, tier, hour)) } else { answered.push(number) }
            }
        }
        desk.settle().await;
        desk.at(&format!("2026-11-{day}T{clock:02}:20:00Z")).await;
        for number in answered {
            desk.sandbox.comment(REPO, number, "ann", "On it.").await.unwrap();
        }
        desk.settle().await;
        // Platinum of the first two hours is answered a little late, Gold of 18:07 by an hour, Silver of 20:07 in time.
        let late = |tier: &str, from: i32, after: i32| {
            unanswered
                .iter()
                .filter(|(_, of, at)| *of == tier && *at == from && hour == from + after)
                .map(|(number, ..)| *number)
                .collect::<Vec<_>>()
        };
        for number in [late("platinum", 18, 2), late("platinum", 20, 2), late("gold", 18, 5), late("silver", 20, 4)].concat() {
            desk.sandbox.comment(REPO, number, "ben", "Looking into it.").await.unwrap();
        }
        desk.settle().await;
        if hour == 24 {
            // The Gold ticket of 20:07 has just breached; somebody takes it on.
            let messages = transcript(&desk);
            let (.., breach) =
                messages.iter().rev().find(|(_, line, _)| line.starts_with("pager") && line.contains("breach (due): Acme, Gold")).unwrap();
            let link = breach.as_ref().unwrap().body["acknowledge_url"].as_str().unwrap().replace(DESK, &desk.url);
            said.extend(messages);
            let form = CLIENT.post(link).header("content-type", "application/x-www-form-urlencoded").body("time=4h&name=Ann");
            assert_eq!(form.send().await.unwrap().status(), 200);
            said.push(("19. 00:20:00".into(), "-------- Ann acknowledges the Gold ticket of 20:07 for four hours".into(), None));
        }
        if hour == 25 {
            desk.at("2026-11-19T01:50:00Z").await;
            said.extend(transcript(&desk));
            said.push(("19. 01:50:00".into(), "-------- the pager does not answer".into(), None));
            desk.chat.answer_always("pager", ChatAnswer::Status(503, None));
        }
        if hour == 26 {
            desk.at("2026-11-19T02:40:00Z").await;
            said.extend(transcript(&desk));
            said.push(("19. 02:40:00".into(), "-------- the pager answers again".into(), None));
            desk.chat.answer_always("pager", ChatAnswer::Status(200, None));
        }
    }
    desk.at("2026-11-19T07:00:00Z").await;
    said.extend(transcript(&desk));
    assert_eq!(desk.sandbox.issues(REPO).len(), 200);
    let lines: Vec<_> = said.iter().map(|(at, line, _)| format!("{at} {line}")).collect();
    insta::assert_snapshot!("a_night", lines.join("\n"));
});
