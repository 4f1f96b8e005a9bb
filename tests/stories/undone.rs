//! What people undo by hand of what the desk shows comes back, and nobody fights (`G5`).

use crate::desk::{Desk, Opened, REPO};
use partner_desk::sandbox::{Deliver, Fault};
use std::time::Duration;

const SHOWN: &str = "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]";

async fn anna_of_acme_opens(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

async fn takes_off(desk: &Desk, issue: &Opened, label: &str) {
    desk.sandbox.remove_label(REPO, issue.number, "zoe", label).await.unwrap();
    desk.settle().await;
}

async fn g5_log(desk: &Desk, issue: &Opened) -> Vec<String> {
    desk.log(issue).await.into_iter().filter(|line| line.starts_with("G5")).collect()
}

story!(g5_a_label_taken_off_by_hand_comes_back, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mark = desk.sandbox.mark();
    takes_off(&desk, &issue, "tier: Gold").await;
    assert_eq!(desk.labels(&issue), SHOWN);
    assert_eq!(desk.sandbox.writes_since(mark).len(), 1, "{:?}", desk.sandbox.writes_since(mark));
    assert_eq!(g5_log(&desk, &issue).await, ["G5 `zoe` took the label `tier: Gold` off; it is put back"]);
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(g5_labels_taken_off_together_come_back_together, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.add_label(REPO, issue.number, "zoe", "bug").await.unwrap();
    desk.sandbox.deliveries_go(Deliver::Held);
    for label in ["sla: 4h", "bug", "tier: Gold"] {
        desk.sandbox.remove_label(REPO, issue.number, "zoe", label).await.unwrap();
    }
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&issue), SHOWN, "what is not the desk's stays off");
});

story!(g5_a_label_that_its_remover_puts_back_costs_nothing, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    let mark = desk.sandbox.mark();
    desk.sandbox.remove_label(REPO, issue.number, "zoe", "tier: Gold").await.unwrap();
    desk.sandbox.add_label(REPO, issue.number, "zoe", "tier: Gold").await.unwrap();
    desk.delivers_the_rest().await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
    assert_eq!(desk.labels(&issue), SHOWN);
});

story!(g5_what_the_desk_does_itself_changes_nothing_when_it_comes_back, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let ours: Vec<_> = desk.sandbox.deliveries().into_iter().filter(|one| one.payload()["sender"]["type"] == "Bot").collect();
    let (events, actions): (Vec<_>, Vec<_>) =
        ours.iter().map(|one| (one.event.clone(), one.payload()["action"].as_str().unwrap().to_owned())).unzip();
    for (event, action) in [("issues", "unlabeled"), ("issue_comment", "edited"), ("label", "deleted")] {
        assert!(events.iter().zip(&actions).any(|(e, a)| e == event && a == action), "{event}.{action}: {events:?} {actions:?}");
    }
    let mark = desk.sandbox.mark();
    for delivery in &ours {
        // Not even where its id is another one.
        let body = delivery.payload().to_string();
        let guid = format!("again-{}", delivery.guid);
        assert!(crate::door::signed(&desk.url, &delivery.event, &guid, &body).send().await.unwrap().status().is_success());
        desk.settle().await;
    }
    assert_eq!(desk.sandbox.mark(), mark, "{:?}", desk.sandbox.requests().split_off(mark));
    assert_eq!(g5_log(&desk, &issue).await, Vec::<String>::new());
});

story!(g5_what_the_ticket_should_not_show_any_more_does_not_come_back, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.remove_label(REPO, issue.number, "zoe", "due: 2026-11-18 13:00 UTC").await.unwrap();
    desk.says("ann", &issue, "On it.").await;
    desk.delivers(&[1]).await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(g5_log(&desk, &issue).await, Vec::<String>::new());
});

story!(g5_what_was_undone_while_github_was_away_comes_back_later, |mut desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.faults().outage(true);
    takes_off(&desk, &issue, "tier: Gold").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h]");
    desk.sandbox.faults().outage(false);
    desk.restart().await;
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.labels(&issue), SHOWN, "also after a restart");
});

story!(g5_what_is_undone_while_the_desk_still_writes_comes_back, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    // The labels are on, the comment is on its way, and nothing of it is recorded yet.
    desk.sandbox.faults().next("POST", "/comments", Fault::Delay(Duration::from_millis(300)));
    let opened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "It does not work.").await.unwrap();
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    let publisher = desk.publishes();
    while desk.comments(&issue).is_empty() {
        tokio::task::yield_now().await;
    }
    desk.sandbox.remove_label(REPO, issue.number, "zoe", "tier: Gold").await.unwrap();
    let comment = desk.view(&issue).comments[0].id;
    desk.sandbox.delete_comment(REPO, comment, "zoe").await.unwrap();
    publisher.await.unwrap().unwrap();
    desk.settle().await;
    assert_eq!((desk.labels(&issue).as_str(), desk.comments(&issue).len()), (SHOWN, 1));
});

story!(g5_a_deleted_status_comment_is_said_again, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let before = desk.status(&issue);
    let comment = desk.view(&issue).comments[0].id;
    let mark = desk.sandbox.mark();
    desk.sandbox.delete_comment(REPO, comment, "zoe").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.comments(&issue), [before]);
    assert_eq!(desk.sandbox.writes_since(mark).len(), 1);
    assert_eq!(g5_log(&desk, &issue).await, ["G5 `zoe` deleted the status comment; it is put back"]);
});

story!(g5_an_edited_status_comment_is_put_right, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let before = desk.status(&issue);
    let comment = desk.view(&issue).comments[0].id;
    let mark = desk.sandbox.mark();
    desk.sandbox.edit_comment(REPO, comment, "zoe", "Answered within a minute, says the desk.").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.comments(&issue), [before]);
    assert_eq!(desk.sandbox.writes_since(mark).len(), 1);
    let own = desk.says("zoe", &issue, "Same here.").await.comment.unwrap();
    let mark = desk.sandbox.mark();
    desk.sandbox.edit_comment(REPO, own, "zoe", "Not here.").await.unwrap();
    desk.sandbox.delete_comment(REPO, own, "zoe").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.sandbox.mark(), mark, "what people wrote is theirs");
});

story!(g5_after_three_rounds_in_ten_minutes_the_desk_stops_and_says_so_once, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    for minute in 1..=3 {
        desk.at(&format!("2026-11-18T09:0{minute}:00Z")).await;
        takes_off(&desk, &issue, "tier: Gold").await;
        assert_eq!(desk.labels(&issue), SHOWN, "round {minute}");
    }
    assert_eq!(desk.pings(), Vec::<String>::new());
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T09:04:00Z").await;
    takes_off(&desk, &issue, "tier: Gold").await;
    let left = "[due: 2026-11-18 13:00 UTC] [sla: 4h]";
    assert_eq!(desk.labels(&issue), left);
    assert_eq!(
        desk.pings(),
        [
            "7x/support#1: zoe took the label tier: Gold off. That was the third time within ten minutes that something there was undone after the desk had put it back. It is left as it is until the ticket's own labels change, or nobody has touched it for an hour."
        ]
    );
    assert_eq!(
        g5_log(&desk, &issue).await.last().unwrap(),
        "G5 `zoe` took the label `tier: Gold` off; after three rounds within ten minutes it is left so, and told"
    );
    // Neither label nor comment is restored now, and nothing more is said.
    takes_off(&desk, &issue, "sla: 4h").await;
    let comment = desk.view(&issue).comments[0].id;
    desk.sandbox.edit_comment(REPO, comment, "zoe", "Ha!").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC]");
    assert_eq!((desk.status(&issue), desk.pings()), ("Ha!".to_owned(), Vec::new()));
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);

    // The ticket's own change is shown, and all that belongs to it.
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
    takes_off(&desk, &issue, "tier: Gold").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met]", "which is no reason to begin anew");
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(g5_an_hour_after_the_last_trouble_it_is_tried_again, |mut desk| {
    let issue = anna_of_acme_opens(&desk).await;
    for _ in 0..4 {
        takes_off(&desk, &issue, "tier: Gold").await;
    }
    assert_eq!(desk.pings().len(), 1);
    desk.at("2026-11-18T09:30:00Z").await;
    takes_off(&desk, &issue, "sla: 4h").await;
    desk.restart().await;
    desk.at("2026-11-18T10:29:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC]");
    desk.at("2026-11-18T10:30:00Z").await;
    assert_eq!(desk.labels(&issue), SHOWN);
    for _ in 0..4 {
        takes_off(&desk, &issue, "tier: Gold").await;
    }
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h]");
    assert_eq!(desk.pings().len(), 1, "another fight, another word");
});

story!(g5_tidying_up_or_taking_ones_time_is_no_fight, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    for label in ["tier: Gold", "sla: 4h", "due: 2026-11-18 13:00 UTC"] {
        takes_off(&desk, &issue, label).await;
    }
    let comment = desk.view(&issue).comments[0].id;
    desk.sandbox.delete_comment(REPO, comment, "zoe").await.unwrap();
    desk.settle().await;
    assert_eq!((desk.labels(&issue).as_str(), desk.comments(&issue).len()), (SHOWN, 1), "each once is no round");
    for minute in [11, 17, 23, 29, 35, 41, 47] {
        desk.at(&format!("2026-11-18T09:{minute}:00Z")).await;
        takes_off(&desk, &issue, "tier: Gold").await;
        assert_eq!(desk.labels(&issue), SHOWN, "at :{minute}");
    }
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(g5_a_fight_over_the_status_comment_ends_the_same_way, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    for round in 1..=4 {
        let comment = desk.view(&issue).comments_by("partner-desk[bot]")[0].id;
        if round % 2 == 0 {
            desk.sandbox.edit_comment(REPO, comment, "zoe", "Ha!").await.unwrap();
        } else {
            desk.sandbox.delete_comment(REPO, comment, "zoe").await.unwrap();
        }
        desk.settle().await;
        assert_eq!(desk.comments(&issue).len(), 1, "round {round}");
    }
    assert_eq!((desk.status(&issue), desk.pings().len()), ("Ha!".to_owned(), 1));
});
