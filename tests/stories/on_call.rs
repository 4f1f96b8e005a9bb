//! Who is on call when a step asks for them (`E6`).

use crate::desk::{Desk, Setup};

/// The week from Monday the 16th on is Ben's, the next one Ann's, and on the 19th Dora stands in until 14:00.
const ROTATION: &str = r#"
[on_call]
people = ["ann", "ben"]
since = "2026-11-09"
hand_over = "Monday 09:00"
time_zone = "Europe/Paris"
fallback = "boss"
overrides = [
  { from = "2026-11-19 13:00", until = "2026-11-19 15:00", person = "dora" },
  { from = "2026-11-20", until = "2026-11-21" },
]

[on_call.mention]
ben = "U012AB3CD"
ann = { support = "U0ANN1", pager = "ann@night" }

[[ladder]]
steps = [
  { at = "90%", mention = ["oncall", "@here"], assign = ["oncall"] },
  { at = "due", mention = ["oncall"], repeat = "24h", times = 6 },
]

[[chat]]
name = "pager"
kind = "webhook"
url = "{chat}/pager"
"#;
const ON_CALL: Setup = Setup { config: ROTATION, programme: None };

/// The same people at the same times, by a calendar.
const CALENDAR: Setup = Setup {
    config: concat!(
        "[on_call]\ncalendar = \"",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/oncall.ics\"\n",
        r#"names = { "On Call - Ann Lee - Support" = "ann" }
time_zone = "Europe/Paris"
fallback = "boss"
overrides = [
  { from = "2026-11-20", until = "2026-11-21" },
]

[on_call.mention]
ben = "U012AB3CD"
ann = { support = "U0ANN1", pager = "ann@night" }

[[ladder]]
steps = [
  { at = "90%", mention = ["oncall", "@here"], assign = ["oncall"] },
  { at = "due", mention = ["oncall"], repeat = "24h", times = 6 },
]

[[chat]]
name = "pager"
kind = "webhook"
url = "{chat}/pager"
"#
    ),
    programme: None,
};

/// Whom the pager was to wake, by instant, since the last time, and the notices.
fn woken(desk: &Desk) -> Vec<String> {
    let messages = desk.chat.take().into_iter().filter(|message| message.path == "/pager");
    let line = |message: partner_desk::sandbox::ChatMessage| {
        let at = message.at.strftime("%d. %H:%M").to_string();
        match message.body["mentions"].as_array() {
            Some(mentions) => format!("{at} {} {}", message.body["step"].as_str().unwrap(), serde_json::to_string(mentions).unwrap()),
            None => format!("{at} {}", message.body["text"].as_str().unwrap()),
        }
    };
    let mut lines: Vec<_> = messages.map(line).collect();
    // Of one instant, by their text.
    lines.sort();
    lines
}

async fn a_week(desk: &Desk) {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T12:36:00Z").await;
    let messages = desk.chat.take();
    let support = messages.iter().find(|message| message.path == "/support").unwrap();
    assert!(support.body["text"].as_str().unwrap().starts_with("<@U012AB3CD> <!here> due soon (90%)"), "{:#}", support.body);
    assert_eq!(desk.view(&issue).assignees, ["ben"]);
    // Day by day: Dora for two hours, nobody on the 20th, Ben until Monday at 9:00 in Paris, and then Ann.
    desk.at("2026-11-23T13:00:00Z").await;
    insta::assert_snapshot!(woken(desk).join("\n"), @r#"
    18. 13:00 breach ["U012AB3CD"]
    19. 13:00 breach ["dora"]
    20. 13:00 Nobody is on call until Friday 2026-11-20 23:00 UTC, so steps wake ˋbossˋ instead. Change ˋ［on_call］ˋ (E6).
    20. 13:00 breach ["boss"]
    21. 13:00 breach ["U012AB3CD"]
    22. 13:00 breach ["U012AB3CD"]
    23. 13:00 breach ["ann@night"]
    "#);
    assert_eq!(desk.view(&issue).assignees, ["ben"]);
}

story!(e6_a_step_wakes_whoever_is_on_call_at_its_instant_by_the_name_that_its_chat_knows, ON_CALL, |desk| {
    a_week(&desk).await;
});

story!(e6_a_calendar_says_who_is_on_call_as_well_as_a_rotation, CALENDAR, |desk| {
    a_week(&desk).await;
});
