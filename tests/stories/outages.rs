//! Chat that is down, slow or refuses, GitHub that is silent, and the desk that was away: what is said then, where, how often, and what
//! is said of it afterwards (`E2`, `E4`, `E7`, `R5`).

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use crate::instance::Instance;
use partner_desk::sandbox::{ChatAnswer, ChatMessage, Deliver, Fault};
use std::collections::BTreeSet;
use std::time::Duration;

/// Two channels, the second speaks for the first.
const WITH_FALLBACK: Setup = Setup {
    config: r#"
[[ladder]]
steps = [{ at = "75%", chat = ["night"] }, { at = "due", chat = ["night", "support"], repeat = "1h" }]

[[chat]]
name = "night"
kind = "webhook"
url = "{chat}/night"
fallback = "support"
"#,
    programme: None,
};

/// The same, but nobody speaks for the first.
const WITHOUT: Setup = Setup {
    config: r#"
[[ladder]]
steps = [{ at = "75%", chat = ["night"] }, { at = "due", chat = ["night", "support"], repeat = "1h" }]

[[chat]]
name = "night"
kind = "webhook"
url = "{chat}/night"
"#,
    programme: None,
};

/// Messages on a first step only, so that what is counted is clear.
const ONE_STEP: Setup = Setup { config: "[[ladder]]\nsteps = [{ at = \"75%\" }]\n", programme: Some(UNLIMITED) };
const UNLIMITED: &str = "[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"unlimited\"\nresponse = \"4h\"\n";

async fn a_ticket(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

async fn tickets(desk: &Desk, count: usize) -> Vec<Opened> {
    desk.partner("acme", "gold", &["anna"]).await;
    let mut opened = Vec::new();
    for number in 1..=count {
        opened.push(desk.opens("anna", &format!("Number {number}")).await);
    }
    opened
}

fn text(message: &ChatMessage) -> String {
    message.body["text"].as_str().unwrap_or_default().replace('\u{2060}', "")
}

/// The lines of a digest, as Slack shows them.
fn listed(message: &ChatMessage) -> Vec<String> {
    let blocks = message.body["blocks"].as_array().unwrap().iter().filter_map(|block| block["text"]["text"].as_str());
    blocks.flat_map(str::lines).filter(|line| line.contains("/issues/")).map(str::to_owned).collect()
}

/// The number of the ticket in such a line.
fn number(line: &str) -> u32 {
    line.split("/issues/").nth(1).and_then(|rest| rest.split('|').next()).unwrap().parse().unwrap()
}

/// What channels took since the last time: when, where, and what up to the ticket.
fn taken(desk: &Desk) -> Vec<String> {
    let line = |message: &ChatMessage| {
        let text = text(message);
        let what = text.split(": Acme").next().unwrap().lines().next().unwrap();
        format!("{} {} {what}", message.at.strftime("%H:%M:%S"), message.path)
    };
    let mut lines: Vec<_> = desk.chat.take().iter().filter(|message| message.accepted()).map(line).collect();
    lines.sort();
    lines
}

/// The rows of the outbox: state, channel, what is noted.
async fn outbox(desk: &Desk) -> Vec<String> {
    let rows = desk.everything().await.into_iter().filter_map(|line| line.strip_prefix("outbox ").map(str::to_owned));
    let mut rows: Vec<_> = rows
        .map(|row| {
            let row: serde_json::Value = serde_json::from_str(&row).unwrap();
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            let key = text("key");
            let (step, channel) = (key.split(':').skip(2).take(2).collect::<Vec<_>>().join("."), text("channel"));
            format!("{step} {channel} {} in {} {}", text("state"), text("sent_in"), text("note")).trim_end().to_owned()
        })
        .collect();
    rows.sort();
    rows
}

story!(e7_a_channel_that_is_down_for_nine_minutes_gets_its_message_itself, WITH_FALLBACK, |desk| {
    a_ticket(&desk).await;
    desk.chat.answer_always("/night", ChatAnswer::Down);
    desk.at("2026-11-18T12:09:00Z").await;
    assert_eq!(taken(&desk), Vec::<String>::new(), "and nobody speaks for it yet");
    desk.chat.answer_always("/night", ChatAnswer::OK);
    desk.at("2026-11-18T12:14:00Z").await;
    // It is tried once more before anybody speaks for it.
    assert_eq!(taken(&desk), ["12:10:00 /night due soon (75%)"]);
    assert_eq!(outbox(&desk).await, ["0.0 night sent in night"]);
});

story!(e7_after_ten_minutes_the_fallback_gets_it_and_the_channel_recovers_by_itself, WITH_FALLBACK, |desk| {
    let issue = a_ticket(&desk).await;
    desk.chat.answer_always("/night", ChatAnswer::Down);
    desk.at("2026-11-18T12:11:00Z").await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].path.as_str(), messages[0].at), ("/support", instant("2026-11-18T12:10:00Z")));
    insta::assert_snapshot!(text(&messages[0]).split(" Answer in").next().unwrap(), @"Sent here because the chat “night” does not answer. due soon (75%): Acme, Gold, 7x/support#1 “Login is broken”, 50m left, due 2026-11-18 13:00 UTC.");
    assert_eq!(outbox(&desk).await, ["0.0 night sent in support by the fallback `support`"]);
    desk.at("2026-11-18T12:59:00Z").await;
    assert_eq!(taken(&desk), Vec::<String>::new(), "once");
    // Nothing waited since, so the channel is tried with the next message.
    desk.chat.answer_always("/night", ChatAnswer::OK);
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(taken(&desk), ["13:00:00 /night breach (due)", "13:00:00 /support breach (due)"]);
    assert!(desk.labels(&issue).contains("[sla: breached]"));
});

story!(e7_a_channel_that_stays_down_is_spoken_for_at_once, WITH_FALLBACK, |desk| {
    a_ticket(&desk).await;
    desk.chat.answer_always("/night", ChatAnswer::Status(503, None));
    desk.at("2026-11-18T13:01:00Z").await;
    let said = taken(&desk);
    let own = "13:00:00 /support breach (due)";
    let fallback = "13:00:00 /support Sent here because the chat “night” does not answer. breach (due)";
    assert_eq!(said[1..], [fallback.to_owned(), own.to_owned()], "{said:?}");
    desk.at("2026-11-18T14:01:00Z").await;
    assert_eq!(taken(&desk).len(), 2, "and so with the repeat");
    assert!(outbox(&desk).await.iter().all(|row| row.contains(" sent in support")), "{:?}", outbox(&desk).await);
});

story!(e7_without_a_fallback_it_is_tried_until_it_is_taken, WITHOUT, |desk| {
    a_ticket(&desk).await;
    desk.chat.answer_always("/night", ChatAnswer::Status(502, None));
    desk.at("2026-11-18T12:55:00Z").await;
    let tries = desk.chat.take();
    assert!((12..25).contains(&tries.len()), "every five minutes in the end: {}", tries.len());
    let gaps: Vec<_> = tries.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at).as_secs()).collect();
    assert!(gaps[0] <= 2 && gaps.iter().all(|gap| *gap <= 300) && gaps.last().unwrap() > &200, "{gaps:?}");
    desk.chat.answer_always("/night", ChatAnswer::OK);
    desk.at("2026-11-18T13:02:00Z").await;
    let said = taken(&desk);
    assert!(said.iter().any(|line| line.contains("/night due soon")), "{said:?}");
    assert!(outbox(&desk).await.iter().all(|row| row.contains("sent")), "{:?}", outbox(&desk).await);
});

story!(e5_e7_a_reminder_that_is_not_said_overtakes_no_step, WITHOUT, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:59:00Z").await;
    let _ = taken(&desk);
    desk.chat.answer_always("/night", ChatAnswer::Down);
    desk.at("2026-11-18T14:00:00Z").await;
    let waits = async || outbox(&desk).await.iter().filter(|row| row.contains(" night ") && row.contains("pending")).count();
    assert_eq!(waits().await, 2, "the breach, and its first reminder: {:?}", outbox(&desk).await);
    desk.says("ann", &issue, "/ack").await;
    desk.chat.answer_always("/night", ChatAnswer::OK);
    desk.at("2026-11-18T14:10:00Z").await;
    let said: Vec<_> = taken(&desk).into_iter().filter(|line| line.contains("/night")).collect();
    assert!(said.len() == 1 && said[0].contains("breach (due)"), "{said:?} {:?}", outbox(&desk).await);
});

story!(e7_retry_after_is_honoured_and_the_order_is_kept, WITHOUT, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    for minute in ["00", "01", "02"] {
        desk.at(&format!("2026-11-18T09:{minute}:00Z")).await;
        desk.opens("anna", &format!("At {minute}")).await;
    }
    desk.chat.answer_next_at("/night", ChatAnswer::Status(429, Some(90)));
    desk.at("2026-11-18T12:10:00Z").await;
    let tries: Vec<_> = desk.chat.take().iter().map(|one| (one.at.strftime("%H:%M:%S").to_string(), one.body["number"].as_i64())).collect();
    let expected = [("12:00:00", 1), ("12:01:30", 1), ("12:01:30", 2), ("12:02:00", 3)];
    assert_eq!(tries, expected.map(|(at, number)| (at.to_owned(), Some(number))));
});

story!(e7_a_refusal_goes_to_the_fallback_at_once_and_the_operator_is_told_once, WITH_FALLBACK, |desk| {
    a_ticket(&desk).await;
    desk.chat.answer_always("/night", ChatAnswer::Status(404, None));
    desk.at("2026-11-18T12:00:00Z").await;
    let said = taken(&desk);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("12:00:00 /support Sent here because the chat “night” does not answer. due soon"), "{said:?}");
    assert!(said[1].starts_with("12:00:00 /support The chat ˋnightˋ refuses what it is sent: the chat host answered 404"), "{said:?}");
    desk.at("2026-11-18T15:30:00Z").await;
    let said = desk.chat.take();
    assert!(!said.iter().any(|message| text(message).contains("refuses")), "the operator knows");
    let tries = said.iter().filter(|message| message.path == "/night").count();
    assert!((1..=4).contains(&tries), "not at full pace: {tries}");
    assert!(outbox(&desk).await.iter().all(|row| row.contains(" sent in support")), "{:?}", outbox(&desk).await);
});

story!(e7_of_unknown_fate_it_is_sent_again_under_the_same_key, WITHOUT, |desk| {
    a_ticket(&desk).await;
    desk.chat.answer_next_at("/night", ChatAnswer::Hangup);
    desk.at("2026-11-18T12:00:30Z").await;
    let keys: Vec<_> = desk.chat.take().iter().map(|message| message.headers["x-partner-desk-delivery"].clone()).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
});

/// Waits until something is so, for as long as a test may take.
async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "{what}");
}

story!(e7_a_slow_channel_holds_up_no_other, WITHOUT, |desk| {
    a_ticket(&desk).await;
    let mut instance = desk.another_instance().await;
    // Whoever speaks in it gets no answer within any patience.
    desk.chat.answer_always("/night", ChatAnswer::Slow(Duration::from_mins(1)));
    instance.start().await;
    desk.clock.advance_to(instant("2026-11-18T13:00:00Z"));
    let said = |path: &'static str, what: &'static str| {
        let chat = desk.chat.clone();
        move || chat.messages().iter().any(|message| message.path == path && text(message).starts_with(what))
    };
    until("the slow channel is spoken to", said("/night", "breach (due)")).await;
    until("and the other", said("/support", "breach (due)")).await;
    desk.clock.advance_to(instant("2026-11-18T14:00:00Z"));
    until("also while the slow one still thinks", said("/support", "breach (due), repeat 1")).await;
    assert!(!said("/night", "breach (due), repeat 1")(), "which has its own order");
    instance.stop().await;
});

/// Another instance speaks in all its channels, and is stopped while it waits for the channel's answer.
async fn is_killed_while_sending(desk: &Desk, other: Instance) {
    let speaking = other.app.desk.clone();
    let sending = tokio::spawn(async move { speaking.speak().await });
    let chat = desk.chat.clone();
    until("it has begun to send", move || !chat.messages().is_empty()).await;
    sending.abort();
    let _ = sending.await;
    other.stop().await;
}

story!(e7_when_an_instance_dies_while_sending_another_goes_on_within_fifteen_seconds, WITHOUT, |desk| {
    a_ticket(&desk).await;
    let other = desk.another_instance().await;
    desk.chat.answer_next_at("/night", ChatAnswer::Slow(Duration::from_mins(1)));
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    desk.app.desk.escalate().await.unwrap();
    is_killed_while_sending(&desk, other).await;
    desk.settle().await;
    assert_eq!(desk.chat.take().len(), 1, "it is held still");
    desk.clock.advance_to(instant("2026-11-18T12:00:14Z"));
    desk.settle().await;
    assert_eq!(taken(&desk), ["12:00:14 /night due soon (75%)"]);
    assert_eq!(outbox(&desk).await, ["0.0 night sent in night"]);
});

story!(e7_who_was_stopped_for_longer_than_its_lease_does_not_send, WITHOUT, |desk| {
    a_ticket(&desk).await;
    let other = desk.another_instance().await;
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    desk.app.desk.escalate().await.unwrap();
    // It asks GitHub before it sends, and there it is stopped.
    desk.clock.advance_to(instant("2026-11-18T12:00:06Z"));
    desk.sandbox.faults().next("GET", "/issues/*", Fault::Delay(Duration::from_millis(700)));
    let speaking = other.app.desk.clone();
    let stopped = tokio::spawn(async move { speaking.speak().await });
    let faults = &desk.sandbox;
    until("it asks", || faults.faults().pending() == 0).await;
    desk.clock.advance_to(instant("2026-11-18T12:00:30Z"));
    desk.app.desk.speak().await.unwrap();
    assert_eq!(taken(&desk), ["12:00:30 /night due soon (75%)"], "the other one took over");
    stopped.await.unwrap().unwrap();
    assert_eq!(taken(&desk), Vec::<String>::new(), "so it is not sent again");
    other.stop().await;
});

story!(e2_github_is_silent_with_three_hundred_steps_due_at_once, ONE_STEP, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    for number in 1..=300 {
        desk.sandbox.open_issue(REPO, "anna", &format!("Number {number}"), "").await.unwrap();
    }
    desk.delivers_the_rest().await;
    desk.sandbox.faults().next_times(10_000, "GET", "", Fault::Delay(Duration::from_secs(30)));
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    // A second for GitHub, whatever is due; the rest of this patience is for the machine.
    let escalated = tokio::time::timeout(Duration::from_secs(5), desk.app.desk.escalate()).await;
    assert_eq!(escalated.expect("it waits for GitHub").unwrap(), 300);
    desk.app.desk.speak().await.unwrap();
    let messages = desk.chat.take();
    assert!(messages.iter().all(|message| message.at == instant("2026-11-18T12:00:00Z")));
    // A storm is a few digests, in which every ticket stands once (E4).
    assert!(messages.len() < 20, "{}", messages.len());
    let lines: Vec<_> = messages.iter().flat_map(listed).collect();
    let numbers: BTreeSet<_> = lines.iter().map(|line| number(line)).collect();
    assert_eq!((lines.len(), numbers.len()), (300, 300), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("not confirmed")), "{lines:#?}");
    desk.sandbox.faults().clear();
});

story!(e4_twenty_at_once_are_said_one_by_one_and_one_more_is_a_storm, ONE_STEP, |desk| {
    tickets(&desk, 20).await;
    desk.at("2026-11-18T12:00:00Z").await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 20);
    assert!(messages.iter().all(|message| text(message).starts_with("due soon (75%): Acme, Gold, ")));

    desk.clock.advance_to(instant("2026-11-19T09:00:00Z"));
    tickets(&desk, 21).await;
    desk.at("2026-11-19T11:59:59Z").await;
    assert_eq!(desk.chat.take().len(), 0);
    // The chat does not take the first: it is the same digest that is said two seconds later.
    desk.chat.answer_next(ChatAnswer::Status(503, None));
    desk.at("2026-11-19T12:00:10Z").await;
    let messages = desk.chat.take();
    let accepted: Vec<_> = messages.iter().filter(|message| message.accepted()).collect();
    assert_eq!((messages.len(), accepted.len()), (2, 1), "{:?}", messages.iter().map(text).collect::<Vec<_>>());
    assert!(text(accepted[0]).starts_with("21 tickets wait for an answer:"), "{}", text(accepted[0]));
    assert_eq!(listed(accepted[0]).len(), 21);
    let rows = outbox(&desk).await;
    assert_eq!(rows.iter().filter(|row| row.contains("sent in support in digest:support:")).count(), 21, "{rows:?}");
});

story!(e4_a_storm_breaks_over_a_channel_that_fails_in_the_middle_of_it, ONE_STEP, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    for number in 1..=60 {
        desk.sandbox.open_issue(REPO, "anna", &format!("Number {number} of {}", "many, ".repeat(20)), "").await.unwrap();
    }
    desk.at("2026-11-18T11:59:59Z").await;
    // The second of the digests is not taken at first.
    desk.chat.answer_next(ChatAnswer::OK);
    desk.chat.answer_next(ChatAnswer::Status(503, None));
    desk.at("2026-11-18T12:00:10Z").await;
    let (accepted, refused): (Vec<_>, Vec<_>) = desk.chat.take().into_iter().partition(ChatMessage::accepted);
    let numbers: Vec<_> = accepted.iter().flat_map(listed).map(|line| number(&line)).collect();
    let once: BTreeSet<_> = numbers.iter().collect();
    assert_eq!((numbers.len(), once.len(), refused.len()), (60, 60, 1));
    assert!((2..6).contains(&accepted.len()), "{}", accepted.len());
    let second: Vec<_> = listed(&refused[0]).iter().map(|line| number(line)).collect();
    assert_eq!(second, listed(&accepted[1]).iter().map(|line| number(line)).collect::<Vec<_>>(), "it is tried again as it was");
    let rows = outbox(&desk).await;
    let digests: BTreeSet<_> = rows.iter().map(|row| row.split(" in digest:").nth(1).unwrap()).collect();
    assert_eq!((rows.len(), digests.len()), (60, accepted.len()), "each has a name of its own: {digests:?}");
});

story!(e2_one_installation_that_is_silent_takes_no_time_from_another, ONE_STEP, |desk| {
    desk.sandbox.repository("globex/support");
    desk.app.desk.catch_up().await.unwrap();
    desk.partner("acme", "gold", &["anna"]).await;
    for number in 1..=3 {
        desk.sandbox.open_issue(REPO, "anna", &format!("Number {number}"), "").await.unwrap();
        desk.sandbox.open_issue("globex/support", "anna", &format!("Number {number}"), "").await.unwrap();
    }
    desk.settle().await;
    let silent = desk.sandbox.issue(REPO, 1).unwrap();
    let repo = desk.ticket(&Opened { number: 1, id: silent.id, answer: None }).await.unwrap().repo.to_string();
    for number in 1..=3 {
        desk.sandbox.faults().next("GET", &format!("/{repo}/issues/{number}"), Fault::Delay(Duration::from_secs(30)));
    }
    desk.at("2026-11-18T12:00:00Z").await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 6);
    for message in &messages {
        assert_eq!(text(message).contains("(not confirmed"), text(message).contains(REPO), "{}", text(message));
    }
});

story!(e2_two_instances_look_at_the_same_time_and_github_is_asked_once, ONE_STEP, |desk| {
    tickets(&desk, 10).await;
    let other = desk.another_instance().await;
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    let before = desk.sandbox.mark();
    let (one, two) = tokio::join!(desk.app.desk.escalate(), other.app.desk.escalate());
    assert_eq!(one.unwrap() + two.unwrap(), 10, "each ticket is one instance's");
    let asked = desk.sandbox.requests().split_off(before);
    let asked = asked.iter().filter(|request| request.path.contains("/issues/") && !request.path.contains("/comments")).count();
    assert_eq!(asked, 10);
    tokio::try_join!(desk.app.desk.speak(), other.app.desk.speak()).unwrap();
    desk.settle().await;
    assert_eq!(desk.chat.take().len(), 10);
    other.stop().await;
});

story!(e2_what_is_heard_of_a_ticket_while_an_instance_looks_at_it_gives_it_to_no_other, ONE_STEP, |desk| {
    let opened = tickets(&desk, 1).await;
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    let mut tx = desk.app.desk.store.write().await.unwrap();
    let claimed = tx.claim_due_tickets(desk.clock.now(), instant("2026-11-18T12:00:10Z"), false, 10).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.0.len(), 1);
    desk.sandbox.comment(REPO, opened[0].number, "zoe", "Same here.").await.unwrap();
    assert_eq!(desk.app.desk.escalate().await.unwrap(), 0, "it is looked at still");
    desk.clock.advance_to(instant("2026-11-18T12:00:11Z"));
    assert_eq!(desk.app.desk.escalate().await.unwrap(), 1);
});

story!(r4_a_ticket_that_does_not_read_back_holds_up_no_other, ONE_STEP, |desk| {
    let opened = tickets(&desk, 3).await;
    desk.partner("beta", "gold", &["bert"]).await;
    let of_beta = desk.opens("bert", "Beta's").await;
    desk.settle().await;
    assert_eq!(desk.chat.take().len(), 0);
    let broken = opened[0].number;
    desk.execute(&format!("UPDATE tickets SET doc = 'x' || doc, version = version + 1 WHERE number = {broken}")).await;
    desk.execute("UPDATE partners SET tiers = 'x' || tiers WHERE id = 'beta'").await;
    desk.execute(&format!("UPDATE tickets SET version = version + 1 WHERE number = {}", of_beta.number)).await;
    desk.execute(&format!("INSERT INTO hands (issue_id, again_ms, doc) VALUES ({}, 0, 'x')", opened[1].id)).await;
    // What GitHub shows of a third does not; its clock is as it should be.
    let third = opened[2].number;
    desk.execute(&format!("UPDATE tickets SET applied = 'x' || applied, version = version + 1 WHERE number = {third}")).await;
    // GitHub is told of the others, and their clocks run.
    let later = desk.opens("anna", "Opened since").await;
    desk.settle().await;
    assert!(desk.sandbox.issue(REPO, later.number).unwrap().labels.iter().any(|label| label.starts_with("due:")));
    desk.clock.advance_to(instant("2026-11-18T12:00:05Z"));
    desk.settle().await;
    let mut said: Vec<_> = desk.chat.take().iter().map(text).collect();
    let told = |said: &[String], of: u64| said.iter().filter(|text| text.contains(&format!("{REPO}#{of} “"))).count();
    for of in [opened[1].number, opened[2].number] {
        assert_eq!(told(&said, of), 1, "{said:?}");
    }
    assert_eq!(told(&said, broken) + told(&said, of_beta.number), 0, "{said:?}");
    let warned: Vec<_> = said.extract_if(.., |text| text.contains("does not read back")).collect();
    assert!(warned.len() == 1 && warned[0].contains(&format!("{REPO}#")), "one word a day to the operator: {warned:?}");
    // It is mended, and looked at again within ten minutes; so is what GitHub shows.
    desk.execute(&format!("UPDATE tickets SET doc = substr(doc, 2) WHERE number = {broken}")).await;
    desk.execute("UPDATE partners SET tiers = substr(tiers, 2) WHERE id = 'beta'").await;
    desk.execute("UPDATE tickets SET applied = substr(applied, 2) WHERE applied LIKE 'x%'").await;
    desk.clock.advance_to(instant("2026-11-18T12:10:06Z"));
    desk.settle().await;
    let said: Vec<_> = desk.chat.take().iter().map(text).collect();
    assert_eq!([broken, of_beta.number].map(|of| told(&said, of)), [1, 1], "{said:?}");
    for of in [broken, of_beta.number, opened[2].number] {
        let labels = desk.sandbox.issue(REPO, of).unwrap().labels;
        assert!(labels.iter().any(|label| label == "sla: due soon"), "{of}: {labels:?}");
    }
});

story!(e7_what_waits_of_a_ticket_that_does_not_read_back_is_said_as_not_confirmed, ONE_STEP, |desk| {
    let opened = tickets(&desk, 2).await;
    desk.chat.answer_always("/support", ChatAnswer::Down);
    desk.clock.advance_to(instant("2026-11-18T12:00:05Z"));
    desk.settle().await;
    desk.execute(&format!("UPDATE tickets SET doc = 'x' || doc WHERE number = {}", opened[0].number)).await;
    let _ = desk.chat.take();
    desk.chat.answer_always("/support", ChatAnswer::OK);
    desk.at("2026-11-18T12:10:00Z").await;
    let said: Vec<_> = desk.chat.take().iter().flat_map(|message| [text(message), message.body.to_string()]).collect();
    let about = |of: u64| said.iter().find(|text| text.contains(&format!("{REPO}#{of}")) && !text.contains("does not read back"));
    for one in &opened {
        assert!(about(one.number).is_some(), "{said:?} {:?}", outbox(&desk).await);
    }
    assert!(said.iter().any(|text| text.contains("not confirmed")), "{said:?}");
    assert!(outbox(&desk).await.iter().all(|row| !row.contains(" void ")), "{:?}", outbox(&desk).await);
});

story!(e2_what_an_instance_left_undone_another_does_within_fifteen_seconds, ONE_STEP, |desk| {
    tickets(&desk, 2).await;
    let other = desk.another_instance().await;
    desk.sandbox.faults().next_times(2, "GET", "/issues/*", Fault::Delay(Duration::from_millis(900)));
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    let looking = other.app.desk.clone();
    let looks = tokio::spawn(async move { looking.escalate().await });
    let sandbox = &desk.sandbox;
    until("it looks", || sandbox.faults().pending() == 0).await;
    looks.abort();
    let _ = looks.await;
    other.stop().await;
    assert_eq!(desk.app.desk.escalate().await.unwrap(), 0, "they are the other's still");
    desk.clock.advance_to(instant("2026-11-18T12:00:11Z"));
    desk.settle().await;
    assert_eq!(taken(&desk), ["12:00:11 /support due soon (75%)", "12:00:11 /support due soon (75%)"]);
});

story!(e4_after_an_hour_of_downtime_twelve_tickets_are_one_digest_without_those_answered_meanwhile, |mut desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    let issues = {
        let mut issues = Vec::new();
        for number in 1..=12 {
            desk.clock.advance_to(instant(&format!("2026-11-18T09:{number:02}:00Z")));
            issues.push(desk.opens("anna", &format!("Number {number} <!channel>")).await);
        }
        issues
    };
    let target = desk.ticket(&issues[0]).await.unwrap().running().unwrap().due;
    assert_eq!(target, instant("2026-11-18T12:01:00Z"));
    desk.at("2026-11-18T11:10:00Z").await;
    desk.stop().await;
    for issue in &issues[..3] {
        desk.clock.advance_to(instant("2026-11-18T11:40:00Z"));
        desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    }
    desk.clock.advance_to(instant("2026-11-18T12:20:00Z"));
    desk.go_on().await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 1, "{:?}", messages.iter().map(text).collect::<Vec<_>>());
    insta::assert_snapshot!(text(&messages[0]), @r"
    9 tickets wait for an answer, all overdue:
    7x/support#4 Acme, Platinum: breach (due), late, overdue by 16m, due 2026-11-18 12:04 UTC. “Number 4 &lt;!channel&gt;”
    7x/support#5 Acme, Platinum: breach (due), late, overdue by 15m, due 2026-11-18 12:05 UTC. “Number 5 &lt;!channel&gt;”
    7x/support#6 Acme, Platinum: breach (due), late, overdue by 14m, due 2026-11-18 12:06 UTC. “Number 6 &lt;!channel&gt;”
    7x/support#7 Acme, Platinum: breach (due), late, overdue by 13m, due 2026-11-18 12:07 UTC. “Number 7 &lt;!channel&gt;”
    7x/support#8 Acme, Platinum: breach (due), late, overdue by 12m, due 2026-11-18 12:08 UTC. “Number 8 &lt;!channel&gt;”
    7x/support#9 Acme, Platinum: breach (due), late, overdue by 11m, due 2026-11-18 12:09 UTC. “Number 9 &lt;!channel&gt;”
    7x/support#10 Acme, Platinum: breach (due), late, overdue by 10m, due 2026-11-18 12:10 UTC. “Number 10 &lt;!channel&gt;”
    7x/support#11 Acme, Platinum: breach (due), late, overdue by 9m, due 2026-11-18 12:11 UTC. “Number 11 &lt;!channel&gt;”
    7x/support#12 Acme, Platinum: breach (due), late, overdue by 8m, due 2026-11-18 12:12 UTC. “Number 12 &lt;!channel&gt;”
    ");
    let rows = outbox(&desk).await;
    assert_eq!(rows.len(), 9, "{rows:?}");
    assert!(rows.iter().all(|row| row.contains("sent in support in digest:support:")), "{rows:?}");
    // And the next steps are said as ever.
    desk.at("2026-11-18T12:20:03Z").await;
    insta::assert_snapshot!(desk.chat.take().iter().map(text).collect::<Vec<_>>().join("\n"), @r"
    The desk was down from 2026-11-18 11:10 UTC to 2026-11-18 12:20 UTC, 1h 10m.
    Caught up with 3 events.
    Answered meanwhile: 3 (Acme 7x/support#1, Acme 7x/support#2, Acme 7x/support#3).
    Breached meanwhile: 9 (Acme 7x/support#4, Acme 7x/support#5, Acme 7x/support#6, Acme 7x/support#7, Acme 7x/support#8, Acme 7x/support#9, Acme 7x/support#10, Acme 7x/support#11, Acme 7x/support#12).
    Not said, because no longer true: 21 steps.
    ");
    desk.at("2026-11-18T13:06:00Z").await;
    assert_eq!(desk.chat.take().len(), 3, "repeats of the fourth, the fifth and the sixth");
});

story!(e4_a_digest_is_sent_again_as_one_and_only_with_what_is_true_by_then, |mut desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    let mut issues = Vec::new();
    for number in 1..=7 {
        issues.push(desk.opens("anna", &format!("Number {number}")).await);
    }
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T12:05:00Z"));
    for _ in 0..3 {
        desk.chat.answer_next(ChatAnswer::Hangup);
    }
    desk.go_on().await;
    let first = desk.chat.take().remove(0);
    assert!(text(&first).starts_with("7 tickets wait"), "{}", text(&first));
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.says("ann", &issues[0], "On it.").await;
    desk.says("ann", &issues[1], "On it.").await;
    desk.sandbox.drop_held();
    desk.at("2026-11-18T12:05:40Z").await;
    let said: Vec<_> = desk.chat.take().iter().filter(|message| message.accepted()).map(text).collect();
    assert!(said[0].starts_with("5 tickets wait for an answer, all overdue:"), "{said:?}");
    assert!(said.len() == 2 && said[1].starts_with("The desk was down"), "{said:?}");
    let rows = outbox(&desk).await;
    assert_eq!(rows.iter().filter(|row| row.contains("void in - answered, closed or gone")).count(), 2, "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row.contains("sent in support in digest:")).count(), 5, "{rows:?}");
});

story!(e4_e7_steps_that_gathered_for_one_ticket_become_the_latest, |desk| {
    let issue = a_ticket(&desk).await;
    desk.chat.answer_always("", ChatAnswer::Down);
    desk.at("2026-11-18T15:01:00Z").await;
    desk.chat.answer_always("", ChatAnswer::OK);
    desk.at("2026-11-18T15:10:00Z").await;
    let said = taken(&desk);
    assert!(said.len() == 1 && said[0].ends_with("/support breach (due), repeat 2 of 12"), "{said:?}");
    let rows = outbox(&desk).await;
    assert_eq!(rows.iter().filter(|row| row.ends_with("void in - superseded by a later step")).count(), 4, "{rows:?}");
    assert!(desk.labels(&issue).contains("[sla: breached]"));
});

story!(e4_e7_what_gathered_while_a_channel_was_out_is_one_digest_there, WITH_FALLBACK, |desk| {
    tickets(&desk, 8).await;
    desk.chat.answer_always("/night", ChatAnswer::Down);
    desk.at("2026-11-18T12:10:30Z").await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 1);
    let text = text(&messages[0]);
    assert!(text.starts_with("Sent here because the chat “night” does not answer. 8 tickets wait for an answer:"), "{text}");
    let rows = outbox(&desk).await;
    assert!(
        rows.len() == 8 && rows.iter().all(|row| row.contains("sent in support by the fallback `support`, in digest:support:")),
        "{rows:?}"
    );
});

story!(r5_down_for_an_hour_and_nothing_missed_is_one_message, |mut desk| {
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.go_on().await;
    desk.at("2026-11-18T12:00:00Z").await;
    let said: Vec<_> = desk.chat.take().iter().map(text).collect();
    assert_eq!(said, ["The desk was down from 2026-11-18 09:00 UTC to 2026-11-18 10:00 UTC, 1h.\nNothing was missed."]);
    // A minute is no downtime.
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T12:02:00Z"));
    desk.go_on().await;
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(desk.chat.take().len(), 0);
});

story!(r5_after_downtime_one_message_tells_what_was_missed, WITH_FALLBACK, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let answered = desk.opens("anna", "Answered meanwhile").await;
    let late = desk.opens("anna", "Breached meanwhile").await;
    desk.at("2026-11-18T09:30:00Z").await;
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.sandbox.open_issue(REPO, "anna", "New", "").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T12:30:00Z"));
    desk.sandbox.comment(REPO, answered.number, "ann", "On it.").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T13:30:00Z"));
    desk.go_on().await;
    assert!(desk.labels(&answered).contains("met") && desk.labels(&late).contains("breached"));
    let _ = desk.chat.take();
    desk.at("2026-11-18T13:30:30Z").await;
    let messages = desk.chat.take();
    let paths: Vec<_> = messages.iter().map(|message| message.path.as_str()).collect();
    assert!(paths.len() == 2 && paths.contains(&"/night") && paths.contains(&"/support"), "each channel once: {paths:?}");
    insta::assert_snapshot!(text(&messages[0]), @r"
    The desk was down from 2026-11-18 09:30 UTC to 2026-11-18 13:30 UTC, 4h.
    Caught up with 2 events.
    Answered meanwhile: 1 (Acme 7x/support#1).
    Breached meanwhile: 1 (Acme 7x/support#2).
    Not said, because no longer true: 2 steps.
    ");
    desk.restart().await;
    desk.at("2026-11-18T13:55:00Z").await;
    assert_eq!(desk.chat.take().len(), 0, "and never again");
});

story!(r5_github_is_away_when_the_desk_comes_back, |mut desk| {
    desk.stop().await;
    desk.sandbox.faults().outage(true);
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    desk.go_on().await;
    desk.at("2026-11-18T10:02:00Z").await;
    let said: Vec<_> = desk.chat.take().iter().map(text).collect();
    assert!(said.len() == 1 && said[0].contains("GitHub does not answer yet"), "{said:?}");
    desk.sandbox.faults().outage(false);
});

story!(r5_nothing_is_said_to_be_missed_before_all_was_asked_for, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    for (hour, what, path) in [
        (10, "of a repository", "/issues"),
        (12, "of an installation", "/installation/repositories"),
        (14, "failed", "/app/hook/deliveries"),
    ] {
        desk.stop().await;
        desk.sandbox.open_issue(REPO, "anna", "Meanwhile", "").await.unwrap();
        desk.clock.advance_to(instant(&format!("2026-11-18T{hour}:00:00Z")));
        desk.sandbox.faults().next_times(4, "GET", path, Fault::status(502, "Bad Gateway"));
        desk.go_on().await;
        desk.at(&format!("2026-11-18T{hour}:00:20Z")).await;
        let _ = desk.chat.take();
        desk.at(&format!("2026-11-18T{hour}:00:50Z")).await;
        desk.sandbox.faults().clear();
        let mut said: Vec<_> = desk.chat.take().iter().map(text).collect();
        desk.clock.advance_to(instant(&format!("2026-11-18T{hour}:02:00Z")));
        desk.app.desk.catch_up().await.unwrap();
        desk.at(&format!("2026-11-18T{hour}:03:00Z")).await;
        said.extend(desk.chat.take().iter().map(text));
        let said: Vec<_> = said.iter().filter(|text| text.starts_with("The desk was down")).collect();
        assert!(said.len() == 1 && !said[0].contains("Nothing was missed"), "{what}: {said:?}");
    }
});

story!(r5_two_instances_that_come_back_tell_it_once, |mut desk| {
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T10:00:00Z"));
    let other = desk.another_instance_alone().await;
    desk.go_on().await;
    let (one, two) = tokio::join!(desk.app.settle(), other.app.settle());
    one.and(two).unwrap();
    desk.at("2026-11-18T10:30:00Z").await;
    other.app.settle().await.unwrap();
    assert_eq!(desk.chat.take().len(), 1);
    other.stop().await;
});

story!(r5_s3_a_breach_that_was_none_is_put_right_in_one_message, |desk| {
    let issues = tickets(&desk, 3).await;
    desk.at("2026-11-18T12:50:00Z").await;
    desk.sandbox.deliveries_go(Deliver::Held);
    for issue in &issues[..2] {
        desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    }
    desk.sandbox.faults().unreachable(true);
    desk.at("2026-11-18T13:01:00Z").await;
    let said = desk.chat.take();
    assert_eq!(said.iter().filter(|message| text(message).starts_with("breach (due) (not confirmed")).count(), 3);
    desk.sandbox.faults().unreachable(false);
    desk.at("2026-11-18T13:20:00Z").await;
    desk.delivers_the_rest().await;
    assert!(desk.labels(&issues[0]).contains("[sla: met]"), "{}", desk.labels(&issues[0]));
    assert_eq!(desk.chat.take().len(), 0, "collected");
    desk.at("2026-11-18T13:25:00Z").await;
    insta::assert_snapshot!(desk.chat.take().iter().map(text).collect::<Vec<_>>().join("\n"), @r"
    2 pings were wrong.
    Acme 7x/support#1: “breach”, said 2026-11-18 13:00 UTC, was wrong: answered 2026-11-18 12:50 UTC, in time.
    Acme 7x/support#2: “breach”, said 2026-11-18 13:00 UTC, was wrong: answered 2026-11-18 12:50 UTC, in time.
    ");
    desk.at("2026-11-18T13:55:00Z").await;
    assert_eq!(desk.chat.take().len(), 0, "and once");
});

story!(s3_a_breach_on_whose_way_the_answer_is_heard_of_is_put_right, |desk| {
    let issues = tickets(&desk, 1).await;
    desk.at("2026-11-18T12:58:00Z").await;
    let _ = desk.chat.take();
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.comment(REPO, issues[0].number, "ann", "On it.").await.unwrap();
    desk.sandbox.faults().unreachable(true);
    desk.clock.advance_to(instant("2026-11-18T13:00:00Z"));
    assert_eq!(desk.app.desk.escalate().await.unwrap(), 1);
    desk.sandbox.faults().unreachable(false);
    // The chat has it, and takes its time to say so; meanwhile the webhook comes.
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    desk.chat.on_message(move |_| told.send(()).unwrap_or_default());
    desk.chat.answer_next(ChatAnswer::Slow(Duration::from_millis(1500)));
    let webhook = async {
        hears.recv().await.unwrap();
        desk.sandbox.deliver_all().await;
    };
    let (said, ()) = tokio::join!(desk.app.desk.speak(), webhook);
    said.unwrap();
    desk.settle().await;
    let said = desk.chat.take();
    assert!(said.len() == 1 && text(&said[0]).starts_with("breach (due) (not confirmed"), "{said:?}");
    desk.at("2026-11-18T13:02:00Z").await;
    let said = desk.chat.take();
    assert!(said.len() == 1 && text(&said[0]).starts_with("One ping was wrong"), "{said:?}");
});

story!(r5_what_was_true_when_it_was_said_is_not_put_right, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(desk.chat.take().len(), 1);
    desk.says("ann", &issue, "On it.").await;
    desk.closes("ann", &issue).await;
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(desk.chat.take().len(), 0);
});
