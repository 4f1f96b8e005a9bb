//! What goes on around the tickets: a chat that refuses, an operator who only watches, people and repositories that change.

use crate::desk::{REPO, Setup};
use partner_desk::sandbox::ChatAnswer;

story!(e7_a_chat_that_asks_to_wait_gets_its_ping_then_and_in_order, |desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    desk.opens("anna", "Everything is down").await;
    desk.chat.answer_next(ChatAnswer::Status(429, Some(600)));
    desk.at("2026-11-18T11:15:00Z").await;
    assert_eq!(desk.chat.messages().len(), 1, "refused once, and left alone as it asked");
    desk.at("2026-11-18T11:25:00Z").await;
    let taken: Vec<_> = desk.chat.messages().into_iter().filter(partner_desk::sandbox::ChatMessage::accepted).collect();
    assert_eq!(taken.len(), 1, "the same ping, once");
    assert!(taken[0].text().contains("75%"), "{}", taken[0].text());
    desk.chat.answer_next(ChatAnswer::Hangup);
    desk.at("2026-11-18T12:10:00Z").await;
    let steps: Vec<_> =
        desk.chat.messages().into_iter().filter(partner_desk::sandbox::ChatMessage::accepted).map(|said| said.text()).collect();
    let places: Vec<_> =
        ["75%", "90%", "due"].iter().map(|step| steps.iter().position(|text| text.contains(&format!("({step})")))).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2)], "{steps:?}");
});

const OBSERVE: Setup = Setup { config: "mode = \"observe\"", programme: None };

story!(o1_an_observing_desk_decides_everything_and_writes_nothing, OBSERVE, |mut desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    let issue = desk.opens("anna", "Everything is down").await;
    desk.at("2026-11-18T14:30:00Z").await;
    assert_eq!(desk.standing(&issue).await, "admitted");
    assert_eq!(desk.ledger("acme").await.len(), 1);
    assert!(desk.log(&issue).await.iter().any(|line| line.starts_with("E1 step `breach`")), "{:?}", desk.log(&issue).await);
    assert_eq!(desk.sandbox.writes().into_iter().filter(|write| !write.is_token_mint()).count(), 0);
    assert_eq!(desk.pings(), Vec::<String>::new());

    // Told to act, it does not say what it kept to itself.
    desk.restart_with(Setup::default()).await;
    desk.at("2026-11-18T14:40:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 3h] [sla: breached] [tier: Platinum]");
});

story!(s12_a_repository_that_is_renamed_changes_nothing, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.sandbox.rename_repository(REPO, "ann", "helpdesk").await.unwrap();
    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(desk.pings().len(), 1, "the clock runs on");
    desk.sandbox.comment("7x/helpdesk", issue.number, "ann", "On it.").await.unwrap();
    desk.settle().await;
    let view = desk.sandbox.issue("7x/helpdesk", issue.number).unwrap();
    assert_eq!(view.labels, ["sla: 4h", "sla: met", "tier: Gold"]);
    assert_eq!(view.comments_by("partner-desk[bot]").len(), 1);
});

story!(s12_an_issue_that_is_deleted_ends_its_clock, |desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    let issue = desk.opens("anna", "Everything is down").await;
    desk.sandbox.delete_issue(REPO, issue.number, "ann").await.unwrap();
    desk.at("2026-11-18T14:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert!(desk.ticket(&issue).await.unwrap().is_gone());
});
