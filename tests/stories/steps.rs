//! What steps do beside speaking: labels, people, and the word about a new ticket (`E1`).

use crate::desk::{Desk, REPO, Setup, instant};
use partner_desk::sandbox::Deliver;

const HANDS: &str = r#"
[[ladder]]
steps = [
  { at = "50%", name = "half", label = "needs a senior", assign = ["ben"] },
  { at = "75%", chat = [], label = "Needs a senior" },
  { at = "due", label = "escalated", assign = ["@ben", "ann", "stranger"], repeat = "1h", times = 2 },
]
"#;
const STEPS: Setup = Setup { config: HANDS, programme: None };
const IN_PRIVATE: Setup = Setup {
    config: "privacy = true\n\n[[ladder]]\nsteps = [{ at = \"50%\", label = \"gold is late\", assign = [\"ben\"] }]\n",
    programme: None,
};
const NEW: Setup = Setup {
    config: "[[chat]]\nname = \"floor\"\nkind = \"webhook\"\nurl = \"{chat}/floor\"\nnew_tickets = true\n\n[[ladder]]\nsteps = [{ at = \"due\" }]\n",
    programme: None,
};

fn assigned(desk: &Desk, mark: usize) -> Vec<String> {
    let writes = desk.sandbox.writes_since(mark).into_iter().filter(|write| write.path.ends_with("/assignees"));
    writes.map(|write| write.body.unwrap_or_default()["assignees"].to_string()).collect()
}

/// What the floor was told since the last time: event, step and ticket.
fn floor(desk: &Desk) -> Vec<String> {
    let messages = desk.chat.take().into_iter().filter(|message| message.path == "/floor");
    let line = |body: &serde_json::Value| {
        format!("{} {} #{}", body["event"].as_str().unwrap(), body["step"].as_str().unwrap_or(""), body["number"])
    };
    messages.map(|message| line(&message.body)).collect()
}

story!(e1_a_step_labels_and_assigns_when_it_is_reached_and_its_label_goes_with_the_answer, STEPS, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T10:59:59Z").await;
    assert_eq!((desk.labels(&issue).contains("senior"), assigned(&desk, mark)), (false, vec![]));
    desk.at("2026-11-18T11:00:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [needs a senior] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.view(&issue).assignees, ["ben"]);
    desk.restart().await;
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [escalated] [needs a senior] [sla: 4h] [sla: breached] [tier: Gold]");
    assert_eq!(desk.view(&issue).assignees, ["ben", "ann"]);
    assert_eq!(assigned(&desk, mark), [r#"["ben"]"#, r#"["ben","ann","stranger"]"#], "once a step, whatever repeats and restarts");
    // Whom GitHub leaves out is told of once, and stands in each ticket's log.
    let other = desk.opens("anna", "So is the search").await;
    desk.at("2026-11-18T19:00:00Z").await;
    let told = desk.pings().into_iter().filter(|text| text.contains("stranger")).count();
    assert_eq!(told, 1);
    for issue in [&issue, &other] {
        assert!(
            desk.log(issue).await.iter().any(|line| line.starts_with("E1 `stranger`, whom the step `breach` assigns, cannot be assigned"))
        );
    }
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: breached] [tier: Gold]");
    assert_eq!(desk.view(&issue).assignees, ["ben", "ann"], "people stay");
});

story!(e1_an_answer_in_time_spares_label_and_people, STEPS, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let mark = desk.sandbox.mark();
    // Nobody hears of the answer before the step asks for it.
    desk.holds_webhooks();
    desk.clock.advance_to(instant("2026-11-18T10:30:00Z"));
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T12:00:00Z").await;
    assert_eq!((assigned(&desk, mark), desk.view(&issue).assignees), (vec![], vec![]));
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    desk.delivers_the_rest().await;
});

story!(g3_a_step_puts_no_label_of_its_own_on_an_issue_that_the_public_reads, IN_PRIVATE, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.at("2026-11-18T11:00:00Z").await;
    assert_eq!((desk.labels(&issue), desk.view(&issue).assignees), (String::new(), vec!["ben".to_owned()]));
});

story!(e1_a_channel_that_asks_is_told_of_each_new_ticket_once_and_the_others_are_not, NEW, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.partner("uni", "student", &["stu"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 1, "{messages:#?}");
    insta::assert_snapshot!(messages[0].body["text"].as_str().unwrap(), @"new ticket: Acme, Gold, 7x/support#1 “Login is broken”, 4h left, due 2026-11-18 13:00 UTC. Answer in a public comment to stop the clock.");
    desk.restart().await;
    desk.says("anna", &issue, "Anybody?").await;
    // Two of a Student's issues a week; the third waits until Monday, and is no ticket before.
    for title in ["one", "two", "three"] {
        desk.opens("stu", title).await;
    }
    assert_eq!(floor(&desk), ["ticket.new new ticket #2", "ticket.new new ticket #3"]);
    desk.says("ann", &issue, "On it.").await;
    desk.closes("ann", &issue).await;
    desk.reopens("anna", &issue).await;
    assert_eq!(floor(&desk), Vec::<String>::new(), "opened again it is not new");
    desk.at("2026-11-23T00:00:00Z").await;
    let told = floor(&desk);
    assert_eq!(told.iter().filter(|line| line.starts_with("ticket.new")).collect::<Vec<_>>(), ["ticket.new new ticket #4"], "{told:?}");
});

story!(e4_a_new_ticket_that_is_heard_of_late_is_told_of_unless_a_step_says_more, NEW, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T09:10:00Z"));
    desk.sandbox.deliver_all().await;
    desk.settle().await;
    assert_eq!(floor(&desk), ["ticket.new new ticket #1"]);
    desk.sandbox.open_issue(REPO, "anna", "So is the search", "It does not work.").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T13:30:00Z"));
    desk.delivers_the_rest().await;
    let told = floor(&desk);
    assert_eq!(told, ["ticket.step breach #1", "ticket.step breach #2"]);
});
