//! The escalation ladder: when it speaks, what it says, and when it keeps silent.

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use partner_desk::domain::ticket::Ticket;
use partner_desk::sandbox::{ChatAnswer, ChatMessage, Deliver, Fault};

const LADDERS: Setup = Setup {
    config: r#"
[[ladder]]
tiers = ["gold"]
steps = [
  { at = "50%", chat = ["night"] },
  { at = "-30m", name = "half an hour", chat = ["support", "night"], mention = ["ben"] },
  { at = "due", chat = ["support"], repeat = "20m", times = 2 },
  { at = "+1h", name = "the boss" },
]

[[ladder]]
steps = [{ at = "due", chat = ["support"] }]

[[chat]]
name = "night"
kind = "webhook"
url = "{chat}/night"
"#,
    programme: None,
};

const IN_SECONDS: Setup =
    Setup { config: "", programme: Some("[[tier]]\nid = \"quick\"\nname = \"Quick\"\ntickets = \"unlimited\"\nresponse = \"20s\"\n") };

/// What was said since the last time: when, where, and the message up to what is to be done.
fn said(desk: &Desk) -> Vec<String> {
    let line = |message: &ChatMessage| {
        let text = message.body["text"].as_str().unwrap();
        format!("{} {} {}", message.at.strftime("%d. %H:%M:%S"), message.path, text.split(". ").next().unwrap())
    };
    let mut said: Vec<_> = desk.chat.take().iter().map(line).collect();
    // Channels do not wait for each other.
    said.sort();
    said
}

/// What was said since the last time: when, and which step.
fn steps(desk: &Desk) -> Vec<String> {
    let said = said(desk);
    said.iter().map(|line| line.replace("/support ", "").split(": ").next().unwrap().to_owned()).collect()
}

async fn a_gold_ticket(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

/// Time passes, but the desk sleeps.
fn asleep_until(desk: &Desk, when: &str) {
    desk.clock.advance_to(instant(when));
}

story!(e1_the_default_ladder_warns_breaches_and_repeats_hourly_twelve_times, |desk| {
    let issue = a_gold_ticket(&desk).await;
    assert_eq!(said(&desk), Vec::<String>::new(), "no ping for a new ticket");
    desk.at("2026-11-18T15:30:00Z").await;
    insta::assert_snapshot!(said(&desk).join("\n"), @r"
    18. 12:00:00 /support due soon (75%): Acme, Gold, 7x/support#1 “Login is broken”, 1h left, due 2026-11-18 13:00 UTC
    18. 12:36:00 /support on-call (90%): Acme, Gold, 7x/support#1 “Login is broken”, 24m left, due 2026-11-18 13:00 UTC
    18. 13:00:00 /support breach (due): Acme, Gold, 7x/support#1 “Login is broken”, due now, due 2026-11-18 13:00 UTC
    18. 14:00:00 /support breach (due), repeat 1 of 12: Acme, Gold, 7x/support#1 “Login is broken”, overdue by 1h, due 2026-11-18 13:00 UTC
    18. 15:00:00 /support breach (due), repeat 2 of 12: Acme, Gold, 7x/support#1 “Login is broken”, overdue by 2h, due 2026-11-18 13:00 UTC
    ");
    assert!(desk.labels(&issue).contains("[sla: breached]"), "{}", desk.labels(&issue));
    desk.at("2026-11-20T09:00:00Z").await;
    let rest = steps(&desk);
    assert_eq!(rest.len(), 10, "{rest:?}");
    assert_eq!(rest[0], "18. 16:00:00 breach (due), repeat 3 of 12");
    assert_eq!(rest[9], "19. 01:00:00 breach (due), repeat 12 of 12", "and then silence");
});

story!(e1_steps_of_a_twenty_second_promise_come_at_their_instants, IN_SECONDS, |desk| {
    desk.partner("acme", "quick", &["anna"]).await;
    let issue = desk.opens("anna", "Quick!").await;
    desk.at("2026-11-18T09:00:59Z").await;
    assert_eq!(steps(&desk), ["18. 09:00:15 due soon (75%)", "18. 09:00:18 on-call (90%)", "18. 09:00:20 breach (due)"]);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 09:00 UTC] [sla: 20s] [sla: breached] [tier: Quick]");
});

story!(e1_a_ladder_of_its_own_for_a_tier_with_channels_for_each_step, LADDERS, |desk| {
    a_gold_ticket(&desk).await;
    desk.at("2026-11-19T09:00:00Z").await;
    insta::assert_snapshot!(said(&desk).join("\n"), @r"
    18. 11:00:00 /night due soon (50%): Acme, Gold, 7x/support#1 “Login is broken”, 2h left, due 2026-11-18 13:00 UTC
    18. 12:30:00 /night half an hour (-30m): Acme, Gold, 7x/support#1 “Login is broken”, 30m left, due 2026-11-18 13:00 UTC
    18. 12:30:00 /support ben half an hour (-30m): Acme, Gold, 7x/support#1 “Login is broken”, 30m left, due 2026-11-18 13:00 UTC
    18. 13:00:00 /support breach (due): Acme, Gold, 7x/support#1 “Login is broken”, due now, due 2026-11-18 13:00 UTC
    18. 13:20:00 /support breach (due), repeat 1 of 2: Acme, Gold, 7x/support#1 “Login is broken”, overdue by 20m, due 2026-11-18 13:00 UTC
    18. 13:40:00 /support breach (due), repeat 2 of 2: Acme, Gold, 7x/support#1 “Login is broken”, overdue by 40m, due 2026-11-18 13:00 UTC
    18. 14:00:00 /night the boss (+1h): Acme, Gold, 7x/support#1 “Login is broken”, overdue by 1h, due 2026-11-18 13:00 UTC
    18. 14:00:00 /support the boss (+1h): Acme, Gold, 7x/support#1 “Login is broken”, overdue by 1h, due 2026-11-18 13:00 UTC
    ");
    desk.partner("uni", "basic", &["stu"]).await;
    desk.opens("stu", "Mine has another tier").await;
    desk.at("2026-11-21T09:00:00Z").await;
    insta::assert_snapshot!(said(&desk).join("\n"), @"20. 09:00:00 /support breach (due): Uni, Basic, 7x/support#2 “Mine has another tier”, due now, due 2026-11-20 09:00 UTC");
});

story!(e1_an_answer_ends_the_ladder, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(steps(&desk), ["18. 12:00:00 due soon (75%)"]);
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-20T09:00:00Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
});

story!(e2_a_step_is_said_once_though_two_look_at_the_same_time, |desk| {
    a_gold_ticket(&desk).await;
    for (when, step) in [("12:00:00", "due soon (75%)"), ("12:36:00", "on-call (90%)"), ("13:00:00", "breach (due)")] {
        asleep_until(&desk, &format!("2026-11-18T{when}Z"));
        let look = |desk: &Desk| {
            let app = desk.app.clone();
            tokio::spawn(async move {
                app.desk.escalate().await.unwrap();
                app.desk.speak().await.unwrap();
            })
        };
        for one in [look(&desk), look(&desk), look(&desk)] {
            one.await.unwrap();
        }
        desk.settle().await;
        assert_eq!(steps(&desk), [format!("18. {when} {step}")]);
    }
});

story!(e2_a_step_is_said_once_by_two_instances, |desk| {
    a_gold_ticket(&desk).await;
    let other = desk.another_instance().await;
    for when in ["12:00:00", "12:36:00", "13:00:00", "14:00:00"] {
        asleep_until(&desk, &format!("2026-11-18T{when}Z"));
        let (one, two) = tokio::join!(desk.app.settle(), other.app.settle());
        one.and(two).unwrap();
        desk.settle().await;
        assert_eq!(steps(&desk).len(), 1, "{when}");
    }
    other.stop().await;
});

story!(e2_a_step_is_not_said_again_after_a_restart, |mut desk| {
    a_gold_ticket(&desk).await;
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(steps(&desk).len(), 3);
    desk.restart().await;
    desk.at("2026-11-18T13:59:59Z").await;
    assert_eq!(steps(&desk), Vec::<String>::new());
    desk.at("2026-11-18T14:00:00Z").await;
    assert_eq!(steps(&desk), ["18. 14:00:00 breach (due), repeat 1 of 12"]);
});

story!(e2_killed_between_the_decision_and_the_message, |mut desk| {
    a_gold_ticket(&desk).await;
    asleep_until(&desk, "2026-11-18T12:00:00Z");
    desk.app.desk.escalate().await.unwrap();
    desk.restart().await;
    assert_eq!(steps(&desk), ["18. 12:00:00 due soon (75%)"]);
});

/// Something happens whose webhook is lost; when the step falls due, the desk reads the issue again and keeps silent.
async fn nothing_is_said(desk: &Desk, issue: &Opened, labels: &str) {
    assert!(desk.sandbox.drop_held() > 0);
    desk.at("2026-11-18T12:05:00Z").await;
    assert_eq!(said(desk), Vec::<String>::new());
    let log = desk.log(issue).await;
    assert!(log.iter().any(|line| line.starts_with("E3 ")), "why it was not said: {log:#?}");
    if let Some(view) = desk.sandbox.issue(REPO, issue.number) {
        assert_eq!(view.labels.iter().map(|label| format!("[{label}]")).collect::<Vec<_>>().join(" "), labels);
    }
    desk.at("2026-11-19T12:00:00Z").await;
    assert_eq!(said(desk), Vec::<String>::new());
}

story!(e3_answered_but_the_webhook_was_lost, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.says("ann", &issue, "On it.").await;
    nothing_is_said(&desk, &issue, "[sla: 4h] [sla: met] [tier: Gold]").await;
    assert!(desk.status(&issue).contains("after 2h of the promised 4h"), "{}", desk.status(&issue));
});

story!(e3_answered_in_the_second_before_the_step, |desk| {
    let issue = a_gold_ticket(&desk).await;
    asleep_until(&desk, "2026-11-18T11:59:59Z");
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.says("ann", &issue, "On it.").await;
    nothing_is_said(&desk, &issue, "[sla: 4h] [sla: met] [tier: Gold]").await;
});

story!(e3_closed_but_the_webhook_was_lost, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.closes("anna", &issue).await;
    nothing_is_said(&desk, &issue, "[sla: 4h] [tier: Gold]").await;
});

story!(e3_deleted_but_the_webhook_was_lost, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.delete_issue(REPO, issue.number, "ann").await.unwrap();
    nothing_is_said(&desk, &issue, "").await;
});

story!(e3_transferred_but_the_webhook_was_lost, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.transfer_issue(REPO, issue.number, "7x/elsewhere", "ann").await.unwrap();
    nothing_is_said(&desk, &issue, "").await;
});

story!(e3_somebody_else_commented_so_it_is_said_all_the_same, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.says("zoe", &issue, "Same here.").await;
    desk.says("anna", &issue, "Anybody?").await;
    desk.says("ann", &issue, "/ack").await;
    assert!(desk.sandbox.drop_held() > 0);
    desk.at("2026-11-18T12:05:00Z").await;
    assert_eq!(steps(&desk), ["18. 12:00:00 due soon (75%)"]);
});

story!(e3_github_is_unreachable_so_it_is_said_as_not_confirmed, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.sandbox.faults().unreachable(true);
    desk.at("2026-11-18T12:05:00Z").await;
    let messages = desk.chat.take();
    assert_eq!(messages.len(), 1);
    insta::assert_snapshot!(messages[0].body["text"].as_str().unwrap().split(" http").next().unwrap(), @"due soon (75%) (not confirmed with GitHub): Acme, Gold, 7x/support#1 “Login is broken”, 1h left, due 2026-11-18 13:00 UTC. Answer in a public comment to stop the clock.");
    desk.sandbox.faults().unreachable(false);
    desk.at("2026-11-18T12:36:00Z").await;
    assert!(!desk.chat.take()[0].text().contains("not confirmed"));
    assert!(desk.labels(&issue).contains("[sla: due soon]"), "{}", desk.labels(&issue));
});

story!(e3_answered_while_the_chat_was_down, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.chat.answer_always("", ChatAnswer::Status(503, None));
    desk.at("2026-11-18T12:00:30Z").await;
    assert!(desk.chat.take().iter().all(|message| !message.accepted()));
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.says("ann", &issue, "On it.").await;
    desk.sandbox.drop_held();
    desk.chat.answer_always("", ChatAnswer::OK);
    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(said(&desk), Vec::<String>::new(), "no longer true when the chat came back");
});

story!(e4_after_a_night_only_the_highest_step_is_said_and_marked_late, |mut desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.stop().await;
    asleep_until(&desk, "2026-11-18T14:10:00Z");
    desk.go_on().await;
    assert_eq!(steps(&desk), ["18. 14:10:00 breach (due), repeat 1 of 12, late"]);
    let log = desk.log(&issue).await;
    assert_eq!(log.iter().filter(|line| line.starts_with("E4 ")).count(), 3, "{log:#?}");
    desk.at("2026-11-18T14:10:02Z").await;
    assert!(said(&desk)[0].contains("The desk was down from"));
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(steps(&desk), ["18. 15:00:00 breach (due), repeat 2 of 12"]);
});

story!(e4_what_was_answered_while_the_desk_was_down_is_caught_up_first, |mut desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.stop().await;
    asleep_until(&desk, "2026-11-18T11:00:00Z");
    desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    asleep_until(&desk, "2026-11-18T14:10:00Z");
    desk.go_on().await;
    assert_eq!(said(&desk), Vec::<String>::new());
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(e1_s9_a_reopened_ticket_climbs_the_ladder_again, |desk| {
    let issue = a_gold_ticket(&desk).await;
    desk.at("2026-11-18T12:40:00Z").await;
    desk.says("ann", &issue, "On it.").await;
    desk.closes("ann", &issue).await;
    assert_eq!(steps(&desk).len(), 2);
    desk.at("2026-11-19T09:00:00Z").await;
    desk.reopens("anna", &issue).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-19 13:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-19T13:00:00Z").await;
    let climbed = ["19. 12:00:00 due soon (75%)", "19. 12:36:00 on-call (90%)", "19. 13:00:00 breach (due)"];
    assert_eq!(steps(&desk), climbed);
    assert_eq!(desk.ledger("acme").await.len(), 1, "no new charge");
    assert_eq!(desk.ticket(&issue).await.as_ref().map(Ticket::cycles).unwrap().len(), 2);
});

story!(e3_steps_that_passed_unseen_on_a_clock_that_had_ended_are_each_in_the_log, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let known = desk.opens("anna", "Known").await;
    desk.stop().await;
    let opened = desk.sandbox.open_issue(REPO, "anna", "Never heard of", "").await.unwrap();
    let unheard = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    desk.clock.advance_to(instant("2026-11-18T12:40:00Z"));
    for issue in [&known, &unheard] {
        desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    }
    desk.clock.advance_to(instant("2026-11-18T13:30:00Z"));
    desk.go_on().await;
    for issue in [&known, &unheard] {
        let log = desk.log(issue).await.into_iter().filter(|line| line.starts_with("E3")).collect::<Vec<_>>();
        // Due was after the answer.
        let expected = [1, 2].map(|step| format!("E3 step {step} of cycle 1 is not said: its clock had ended before it was looked at"));
        assert_eq!(log, expected);
    }
    assert!(!desk.pings().iter().any(|ping| ping.contains("due soon") || ping.contains("on-call")));
    desk.restart().await;
    assert_eq!(desk.log(&known).await.iter().filter(|line| line.starts_with("E3")).count(), 2, "once");
});

story!(e3_what_was_said_is_not_said_to_have_passed_unseen, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.holds_webhooks();
    desk.at("2026-11-18T11:00:00Z").await;
    desk.sandbox.comment(REPO, issue.number, "zoe", "Same here.").await.unwrap();
    desk.sandbox.faults().next_times(2, "GET", "/issues/1", Fault::status(502, "Bad Gateway"));
    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(desk.pings().len(), 1);
    desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    // What comes late has its steps looked at again, and then its clock has ended.
    desk.delivers_the_rest().await;
    assert_eq!(desk.log(&issue).await.into_iter().filter(|line| line.starts_with("E3")).collect::<Vec<_>>(), Vec::<String>::new());
});
