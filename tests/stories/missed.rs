//! What GitHub could not deliver it sends again when asked; where it cannot, it is asked what it was (`R2`).

use crate::desk::{Desk, Opened, REPO, instant};
use partner_desk::sandbox::{Deliver, DeliveryState, Fault, RecordedRequest};

const MET: &str = "[sla: 4h] [sla: met] [tier: Gold]";
const RUNS: &str = "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]";

impl Desk {
    /// Requests about the App's deliveries since a mark: `GET`, `GET 5`, `POST 5`.
    fn asked_since(&self, mark: usize) -> Vec<RecordedRequest> {
        self.sandbox.requests().into_iter().skip(mark).filter(|request| request.path.starts_with("/app/hook/deliveries")).collect()
    }

    async fn looks_at(&self, when: &str) -> Vec<String> {
        self.clock.advance_to(instant(&format!("2026-11-18T{when}Z")));
        let mark = self.sandbox.mark();
        self.app.desk.catch_up().await.unwrap();
        self.settle().await;
        let kind = |request: &RecordedRequest| match request.path.split('/').skip(4).collect::<Vec<_>>().as_slice() {
            [] => "list",
            [_] => "read",
            _ => "redeliver",
        };
        self.asked_since(mark).iter().map(|request| kind(request).to_owned()).collect()
    }

    /// Ann answers, and takes it back at once, of which the desk does not hear: no list tells of what was deleted.
    async fn an_answer_taken_back(&self, faults: usize) -> Opened {
        self.partner("acme", "gold", &["anna"]).await;
        let issue = self.opens("anna", "Login is broken").await;
        let answer = self.says("ann", &issue, "Fixed.").await.comment.unwrap();
        assert_eq!(self.labels(&issue), MET);
        self.clock.advance_to(instant("2026-11-18T09:05:00Z"));
        self.sandbox.faults().webhooks_fail("issue_comment", faults);
        let deleted = self.sandbox.delete_comment(REPO, answer, "ann").await.unwrap();
        assert!(matches!(deleted.deliveries[0].state, DeliveryState::Failed(_)), "{deleted:?}");
        self.settle().await;
        assert_eq!(self.labels(&issue), MET);
        issue
    }
}

story!(r2_a_delivery_that_failed_is_sent_again, |desk| {
    let issue = desk.an_answer_taken_back(1).await;
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver"]);
    assert_eq!(desk.labels(&issue), RUNS, "S10: void, and its clock runs on");
    let log = desk.sandbox.deliveries();
    let again: Vec<_> = log.iter().filter(|attempt| attempt.redelivery).collect();
    assert_eq!(again.iter().map(|attempt| attempt.status()).collect::<Vec<_>>(), [Some(202)]);
    assert_eq!(desk.looks_at("09:11:00").await, ["list"], "it came, so nothing more is asked");
    assert_eq!(desk.looks_at("09:30:00").await, ["list"]);
});

story!(r2_a_delivery_that_github_cannot_send_again_is_read_at_the_next_look, |desk| {
    let issue = desk.an_answer_taken_back(usize::MAX).await;
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver"]);
    assert_eq!(desk.labels(&issue), MET, "it failed once more");
    assert_eq!(desk.looks_at("09:11:00").await, ["list", "read"]);
    assert_eq!(desk.labels(&issue), RUNS);
    // Webhooks about the desk's own comments fail, too.
    desk.sandbox.faults().clear();
    desk.looks_at("09:16:00").await;
    assert_eq!(desk.looks_at("09:21:00").await, ["list"], "though it is listed as failed for three days");
    let log = desk.sandbox.deliveries();
    assert_eq!(log.iter().filter(|attempt| attempt.redelivery && attempt.action == "deleted").count(), 1, "asked for once");
});

story!(r2_r5_what_a_clock_that_was_ahead_has_noted_loses_nothing, |mut desk| {
    let issue = desk.an_answer_taken_back(1).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    let unheard = desk.sandbox.open_issue(REPO, "anna", "Nobody told", "").await.unwrap().issue.unwrap().id;
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    // An hour, and it was put right since.
    desk.execute("UPDATE recovery SET looked_ms = looked_ms + 3600000").await;
    desk.execute("UPDATE repositories SET listed_ms = coalesce(listed_ms, first_seen_ms) + 3600000").await;
    desk.execute("UPDATE life SET alive_ms = alive_ms + 3600000").await;
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver"]);
    assert_eq!((desk.labels(&issue).as_str(), desk.standing_of(unheard).await), (RUNS, "admitted"));
    assert_eq!(desk.looks_at("09:11:00").await, ["list"], "and from now on by the clock as it is");
    desk.restart().await;
    desk.stop().await;
    let _ = desk.chat.take();
    desk.clock.advance_to(instant("2026-11-18T09:50:00Z"));
    desk.go_on().await;
    desk.at("2026-11-18T09:52:00Z").await;
    let said: Vec<_> = desk.chat.take().iter().map(|message| message.body["text"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(said.len() == 1 && said[0].starts_with("The desk was down from 2026-11-18 09:1"), "{said:?}");
});

story!(r2_what_was_missed_while_the_desk_was_away_is_found_after_a_restart, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let answer = desk.says("ann", &issue, "Fixed.").await.comment.unwrap();
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T09:05:00Z"));
    desk.sandbox.delete_comment(REPO, answer, "ann").await.unwrap();
    desk.clock.advance_to(instant("2026-11-18T11:00:00Z"));
    desk.go_on().await;
    assert_eq!(desk.labels(&issue), RUNS);
});

story!(r2_a_webhook_secret_that_changes_at_one_end_first_loses_nothing, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    let answer = desk.says("ann", &issue, "Fixed.").await.comment.unwrap();
    let second = desk.says("ann", &issue, "Look again.").await.comment.unwrap();
    // No list tells of what was deleted, so it is the deliveries themselves that come back.
    desk.restart_with_secret("the next one").await;
    desk.clock.advance_to(instant("2026-11-18T09:05:00Z"));
    let deleted = desk.sandbox.delete_comment(REPO, answer, "ann").await.unwrap();
    assert_eq!(deleted.deliveries[0].status(), Some(401), "{deleted:?}");
    desk.sandbox.delete_comment(REPO, second, "ann").await.unwrap();
    assert_eq!(desk.labels(&issue), MET);
    // GitHub's still differs: what it sends again is refused as well, and then read.
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver", "redeliver"]);
    assert_eq!(desk.labels(&issue), MET);
    // The webhooks about the desk's own writes were refused, too.
    assert_eq!(desk.looks_at("09:11:00").await[..3], ["list", "read", "read"]);
    assert_eq!(desk.labels(&issue), RUNS);

    // Changed at both ends: what was refused in between is sent again.
    let third = desk.sandbox.comment(REPO, issue.number, "ann", "Now it is.").await.unwrap();
    assert_eq!(third.deliveries[0].status(), Some(401));
    desk.restart_with_secret("sandbox-webhook-secret").await;
    assert_eq!(desk.labels(&issue), MET);
    assert!(desk.sandbox.deliveries().iter().any(|attempt| attempt.redelivery && attempt.status() == Some(202)));
});

story!(r2_more_failures_than_fit_on_a_page, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.sandbox.faults().webhooks_fail("issue_comment", 120);
    for number in 0..120 {
        desk.clock.advance_to(instant("2026-11-18T09:00:00Z") + jiff::SignedDuration::from_secs(number));
        desk.sandbox.comment(REPO, issue.number, "zoe", "Same here.").await.unwrap();
    }
    desk.clock.advance_to(instant("2026-11-18T09:05:00Z"));
    let mark = desk.sandbox.mark();
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    let asked = desk.asked_since(mark);
    let lists: Vec<_> = asked.iter().filter(|request| request.path.ends_with("/deliveries")).collect();
    assert_eq!(lists.len(), 2);
    for list in &lists {
        let has = |name: &str, value: &str| list.query.iter().any(|(key, is)| key == name && is == value);
        assert!(has("status", "failure") && has("per_page", "100"), "{list:?}");
    }
    assert!(lists[1].query.iter().any(|(name, _)| name == "cursor"));
    assert_eq!(asked.len() - 2, 120, "each is sent again, once");
    let again = desk.sandbox.deliveries().into_iter().filter(|attempt| attempt.redelivery).collect::<Vec<_>>();
    assert!(again.len() == 120 && again.iter().all(|attempt| attempt.status() == Some(202)));
    assert_eq!(desk.looks_at("09:10:00").await, ["list", "list"]);
});

story!(r2_more_failures_than_a_look_asks_about, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.sandbox.faults().webhooks_fail("issue_comment", usize::MAX);
    for number in 0..170 {
        desk.clock.advance_to(instant("2026-11-18T09:00:00Z") + jiff::SignedDuration::from_secs(number));
        desk.sandbox.comment(REPO, issue.number, "zoe", "Same here.").await.unwrap();
    }
    let count = |kinds: Vec<String>, kind: &str| kinds.iter().filter(|is| *is == kind).count();
    assert_eq!(count(desk.looks_at("09:05:00").await, "redeliver"), 150, "the rest has to wait for its turn");
    let next = desk.looks_at("09:10:00").await;
    assert_eq!((count(next.clone(), "read"), count(next, "redeliver")), (150, 0));
    assert_eq!(count(desk.looks_at("09:15:00").await, "redeliver"), 20);
    assert_eq!(count(desk.looks_at("09:20:00").await, "read"), 20);
    assert_eq!(desk.looks_at("09:40:00").await, ["list"]);
});

story!(r2_errors_about_deliveries_do_not_stop_the_listing, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let faults = [
        Fault::status(404, "Not Found"),
        Fault::status(403, "Resource not accessible by integration"),
        Fault::status(500, "Server Error"),
        Fault::secondary_limit(60),
        Fault::DropBeforeEffect,
        Fault::Status { status: 200, headers: Vec::new(), body: serde_json::json!({ "no": "list" }) },
    ];
    for (number, fault) in (1..).zip(faults) {
        desk.clock.advance_to(instant(&format!("2026-11-18T09:{number}0:00Z").replace(":60:", ":59:")));
        desk.holds_webhooks();
        let lost = desk.opens("anna", "Lost").await;
        desk.sandbox.drop_held();
        desk.sandbox.deliveries_go(Deliver::AtOnce);
        desk.sandbox.faults().next("GET", "/app/hook/deliveries", fault.clone());
        desk.app.desk.catch_up().await.unwrap();
        desk.settle().await;
        assert_eq!(desk.sandbox.faults().pending(), 0, "{fault:?}");
        assert_eq!(desk.standing(&lost).await, "admitted", "{fault:?}");
    }
});

story!(r2_what_github_would_not_send_or_show_is_asked_for_again, |desk| {
    let issue = desk.an_answer_taken_back(usize::MAX).await;
    let faults = desk.sandbox.faults();
    faults.next("POST", "/attempts", Fault::status(500, "Server Error"));
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver"]);
    faults.next("POST", "/attempts", Fault::status(422, "No"));
    assert_eq!(desk.looks_at("09:11:00").await, ["list", "redeliver"], "the first was no answer to that");
    faults.next("GET", "/app/hook/deliveries/*", Fault::status(502, "Bad Gateway"));
    assert_eq!(desk.looks_at("09:16:00").await, ["list", "read"]);
    faults.next("GET", "/app/hook/deliveries", Fault::status(503, "Service Unavailable"));
    assert_eq!(desk.looks_at("09:21:00").await, ["list", "read"], "what is to be read is known, whatever the list");
    assert_eq!(desk.labels(&issue), RUNS);
});

story!(r2_what_github_will_not_show_is_asked_for_again, |desk| {
    let issue = desk.an_answer_taken_back(usize::MAX).await;
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver"]);
    desk.sandbox.faults().next("GET", "/app/hook/deliveries/*", Fault::status(422, "No"));
    assert_eq!(desk.looks_at("09:11:00").await, ["list", "read"]);
    desk.sandbox.faults().clear();
    assert_eq!(desk.looks_at("09:16:00").await, ["list", "redeliver"]);
    assert_eq!(desk.labels(&issue), RUNS);
});

story!(r2_a_look_that_the_database_ends_is_made_again_within_a_minute, |desk| {
    desk.app.desk.is_behind();
    desk.execute("ALTER TABLE missed_deliveries RENAME TO gone").await;
    desk.app.desk.catch_up_if_behind().await.unwrap_err();
    desk.execute("ALTER TABLE gone RENAME TO missed_deliveries").await;
    let before = desk.sandbox.mark();
    desk.app.desk.catch_up_if_behind().await.unwrap();
    assert!(desk.sandbox.mark() > before);
    let before = desk.sandbox.mark();
    desk.app.desk.catch_up_if_behind().await.unwrap();
    assert_eq!(desk.sandbox.mark(), before, "and then no more");
});

story!(r2_after_three_days_github_has_forgotten, |desk| {
    let issue = desk.an_answer_taken_back(usize::MAX).await;
    assert_eq!(desk.looks_at("09:06:00").await, ["list", "redeliver"]);
    desk.clock.advance_to(instant("2026-11-22T09:00:00Z"));
    let mark = desk.sandbox.mark();
    desk.app.desk.catch_up().await.unwrap();
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.asked_since(mark).len(), 3, "listed, read in vain, listed");
    assert_eq!(desk.labels(&issue), MET);
});

story!(r2_r4_what_is_read_and_cannot_be_taken_in_is_kept, |desk| {
    let issue = desk.an_answer_taken_back(usize::MAX).await;
    let spoilt = "UPDATE tickets SET doc = 'spoilt ' || doc";
    desk.looks_at("09:06:00").await;
    desk.execute(spoilt).await;
    assert_eq!(desk.looks_at("09:11:00").await, ["list", "read"]);
    assert_eq!(desk.app.desk.count_kept().await.unwrap(), 1);
    desk.execute("UPDATE tickets SET doc = replace(doc, 'spoilt ', '')").await;
    desk.at("2026-11-18T09:13:00Z").await;
    assert_eq!(desk.app.desk.count_kept().await.unwrap(), 0);
    assert_eq!(desk.labels(&issue), RUNS);
});
