//! A delivery that cannot be taken in is kept whole, tried again, shown, and stops nobody else's (`R4`).

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use crate::door;
use futures_util::future::join_all;
use jiff::SignedDuration;
use partner_desk::cli::CliError;
use partner_desk::cli::deliveries::{Deliveries, run};
use partner_desk::sandbox::Deliver;
use partner_desk::store::KeptDelivery;
use serde_json::{Value, json};

/// Of the right event, but of a shape that this version does not know.
const STRANGE: &str = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"},"zen":"Keep it logically awesome."}"#;

impl Desk {
    async fn kept(&self) -> Vec<KeptDelivery> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let kept = tx.kept_deliveries().await.unwrap();
        tx.rollback().await.unwrap();
        kept
    }

    async fn deliveries(&self, command: Deliveries) -> Result<String, CliError> {
        let mut out = Vec::new();
        let outcome = run(&command, &self.app.desk, &mut out).await;
        self.settle().await;
        outcome.map(|()| String::from_utf8(out).unwrap())
    }

    async fn knocks(&self, event: &str, id: &str, body: &str) -> (u16, String) {
        let answer = door::signed(&self.url, event, id, body).send().await.unwrap();
        let answered = (answer.status().as_u16(), answer.text().await.unwrap());
        self.settle().await;
        answered
    }

    async fn ready(&self) -> Value {
        self.app.beat();
        let answer = door::CLIENT.get(format!("{}/readyz", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "what is kept is no reason to be restarted");
        answer.json().await.unwrap()
    }

    /// A ticket's record that does not read back, as after a disk's error.
    async fn spoils(&self, issue: &Opened) {
        self.execute(&format!("UPDATE tickets SET doc = 'spoilt ' || doc WHERE issue_id = {}", issue.id)).await;
    }

    async fn mends(&self, issue: &Opened) {
        self.execute(&format!("UPDATE tickets SET doc = replace(doc, 'spoilt ', '') WHERE issue_id = {}", issue.id)).await;
    }
}

story!(r4_json_of_a_known_event_that_does_not_fit_is_kept_and_answered_202, |desk| {
    let (status, text) = desk.knocks("issues", "72d3162e-1", STRANGE).await;
    assert_eq!(status, 202, "{text}");
    assert!(text.starts_with("kept, to be tried again: an `issues` payload does not fit: "), "{text}");
    let kept = desk.kept().await;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].body.as_str(), kept[0].place.as_str(), kept[0].attempts), (STRANGE, "7x/support#7", 1), "byte for byte");
    let headers: Vec<_> = kept[0].headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["x-github-delivery: 72d3162e-1", "x-github-event: issues"]);
    let wait = kept[0].next.duration_since(desk.clock.now());
    assert!(wait >= SignedDuration::from_mins(1) && wait <= SignedDuration::from_secs(68), "{wait}");

    let said = desk.pings();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("7x/support") && said[0].contains("partner-desk deliveries list"), "{said:?}");
    assert_eq!(desk.ready().await["kept_deliveries"], 1);

    desk.knocks("issue_comment", "72d3162e-2", r#"{"action":"created"}"#).await;
    assert_eq!((desk.kept().await.len(), desk.pings().len()), (2, 0), "said once a day");
    desk.at("2026-11-19T09:00:00Z").await;
    desk.knocks("label", "72d3162e-3", r#"{"action":"deleted"}"#).await;
    assert_eq!((desk.kept().await.len(), desk.pings().len()), (3, 1));
});

story!(r4_a_poison_delivery_stops_nobody_elses_and_lands_when_its_cause_is_mended, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let spoilt = desk.opens("anna", "Spoilt").await;
    let whole = desk.opens("anna", "Whole").await;
    desk.holds_webhooks();
    desk.says("ann", &spoilt, "On it.").await;
    desk.says("ben", &whole, "On it, too.").await;
    for number in 3..=8 {
        desk.sandbox.open_issue(REPO, "anna", &format!("Number {number}"), "").await.unwrap();
    }
    desk.spoils(&spoilt).await;
    let held = desk.sandbox.held();
    let answers = join_all(held.iter().map(|one| door::deliver(&desk.url, one))).await;
    assert!(answers.iter().all(|answer| answer.status() == 202), "each is on disk, one way or the other: {answers:?}");
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    desk.settle().await;

    let kept = desk.kept().await;
    assert_eq!(kept.iter().map(|kept| kept.place.as_str()).collect::<Vec<_>>(), ["7x/support#1"], "only that one");
    assert!(kept[0].why.contains("does not read back"), "{}", kept[0].why);
    assert_eq!(kept[0].id, held[0].guid);
    assert_eq!(desk.labels(&whole), "[sla: 4h] [sla: met] [tier: Gold]");
    for number in 3..=8 {
        assert_eq!(desk.standing_of(desk.sandbox.issue(REPO, number).unwrap().id).await, "admitted");
    }
    assert_eq!(desk.pings().len(), 1);

    // Tried again after one minute, two, four, and a little.
    for (at, attempts, wait) in [("09:01:08", 2, 2), ("09:03:30", 3, 4), ("09:08:10", 4, 8)] {
        desk.at(&format!("2026-11-18T{at}Z")).await;
        let kept = desk.kept().await.remove(0);
        assert_eq!(kept.attempts, attempts);
        let until = kept.next.duration_since(desk.clock.now());
        assert!(until > SignedDuration::from_mins(wait - 1) && until <= SignedDuration::from_mins(wait + 1), "{attempts}: {until}");
    }
    assert_eq!(desk.pings().len(), 0, "and is not spoken of again");
    desk.mends(&spoilt).await;
    desk.at("2026-11-18T09:18:00Z").await;
    assert_eq!(desk.kept().await, Vec::new(), "the payload goes when it is taken in");
    assert_eq!(desk.labels(&spoilt), "[sla: 4h] [sla: met] [tier: Gold]");
    assert!(desk.status(&spoilt).contains("09:00 UTC"), "by its own time: {}", desk.status(&spoilt));
    assert_eq!(desk.ready().await["kept_deliveries"], 0);

    let (mark, again) = (desk.sandbox.mark(), door::deliver(&desk.url, &held[0]).await);
    assert_eq!(again.text().await.unwrap(), "taken in before\n");
    desk.settle().await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
});

story!(r4_what_one_start_could_not_read_the_next_one_tries_at_once, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let spoilt = desk.opens("anna", "Spoilt").await;
    desk.spoils(&spoilt).await;
    desk.says("ann", &spoilt, "On it.").await;
    assert_eq!(desk.kept().await.len(), 1);
    desk.mends(&spoilt).await;
    desk.restart().await;
    assert_eq!(desk.kept().await.len(), 1, "its turn has not come");
    assert_eq!(desk.app.desk.retry_all_kept().await.unwrap(), 1, "but that is how `serve` begins");
    desk.settle().await;
    assert_eq!(desk.labels(&spoilt), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(desk.kept().await, Vec::new());
});

story!(r4_github_sends_again_what_is_kept, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let spoilt = desk.opens("anna", "Spoilt").await;
    desk.spoils(&spoilt).await;
    let said = desk.says("ann", &spoilt, "On it.").await;
    let guid = said.deliveries[0].guid.clone();
    assert_eq!(desk.sandbox.redeliver(&guid).await.unwrap().status(), Some(202));
    assert_eq!(desk.kept().await.iter().map(|kept| kept.attempts).collect::<Vec<_>>(), [2], "one row, tried twice");
    desk.mends(&spoilt).await;
    assert_eq!(desk.sandbox.redeliver(&guid).await.unwrap().status(), Some(202));
    desk.settle().await;
    assert_eq!(desk.labels(&spoilt), "[sla: 4h] [sla: met] [tier: Gold]");
    desk.at("2026-11-18T09:10:00Z").await;
    assert_eq!(desk.kept().await, Vec::new(), "it finds that it was taken in");
    assert_eq!(desk.comments(&spoilt).len(), 1);
});

story!(r4_what_listing_finds_and_cannot_take_in_stops_no_other_repository, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.repository("7x/zebra");
    desk.app.desk.catch_up().await.unwrap();
    let spoilt = desk.opens("anna", "Spoilt").await;
    desk.holds_webhooks();
    desk.clock.advance_to(instant("2026-11-18T09:30:00Z"));
    desk.says("ann", &spoilt, "On it.").await;
    let other = desk.sandbox.open_issue("7x/zebra", "anna", "Elsewhere", "").await.unwrap().issue.unwrap();
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    desk.spoils(&spoilt).await;
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.standing_of(other.id).await, "admitted");
    desk.mends(&spoilt).await;
    desk.clock.advance_to(instant("2026-11-18T09:35:00Z"));
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&spoilt), "[sla: 4h] [sla: met] [tier: Gold]", "it was listed again");
});

story!(r4_the_command_line_lists_shows_retries_and_drops, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let nothing = desk.deliveries(Deliveries::List { json: false }).await.unwrap();
    assert_eq!(nothing, "no deliveries are kept: all that came were taken in\n");
    assert_eq!(desk.deliveries(Deliveries::Retry { id: None, all: true }).await.unwrap(), "no deliveries are kept\n");

    let spoilt = desk.opens("anna", "Spoilt").await;
    desk.spoils(&spoilt).await;
    let said = desk.says("ann", &spoilt, "On it.").await.deliveries.remove(0);
    desk.at("2026-11-18T09:00:30Z").await;
    desk.knocks("issues", "strange-1", STRANGE).await;
    let list = desk.deliveries(Deliveries::List { json: false }).await.unwrap();
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 6, "{list}");
    assert_eq!(lines[0], format!("{}  `issue_comment` about 7x/support#1", said.guid));
    assert!(lines[1].starts_with("    received 2026-11-18 09:00:00 UTC, tried once, next try 2026-11-18 09:01:0"), "{list}");
    assert!(lines[2].contains("does not read back"), "{list}");
    assert_eq!(lines[3], "strange-1  `issues` about 7x/support#7");
    assert!(lines[5].contains("does not fit"), "{list}");
    let rows: Value = serde_json::from_str(&desk.deliveries(Deliveries::List { json: true }).await.unwrap()).unwrap();
    assert_eq!((&rows[1]["id"], &rows[1]["about"], &rows[1]["attempts"]), (&json!("strange-1"), &json!("7x/support#7"), &json!(1)));

    let show = |id: &str, raw| Deliveries::Show { id: id.to_owned(), raw };
    assert_eq!(desk.deliveries(show("strange-1", true)).await.unwrap(), STRANGE);
    let whole: Value = serde_json::from_str(&desk.deliveries(show(&said.guid.0, false)).await.unwrap()).unwrap();
    assert_eq!(whole["headers"]["x-github-event"], "issue_comment");
    assert_eq!(whole["headers"].get("x-hub-signature-256"), None);
    assert_eq!(whole["payload"], said.payload());

    let retry = |id: &str| Deliveries::Retry { id: Some(id.to_owned()), all: false };
    let error = desk.deliveries(retry("strange-1")).await.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (1, "1 of 1 could not be taken in"));
    desk.mends(&spoilt).await;
    let error = desk.deliveries(Deliveries::Retry { id: None, all: true }).await.unwrap_err();
    assert_eq!(error.to_string(), "1 of 2 could not be taken in");
    assert_eq!(desk.labels(&spoilt), "[sla: 4h] [sla: met] [tier: Gold]");
    let kept = desk.kept().await;
    assert_eq!(kept.iter().map(|kept| (kept.id.0.as_str(), kept.attempts)).collect::<Vec<_>>(), [("strange-1", 3)]);

    let unknown = [
        retry("none"),
        show("none", false),
        show("none", true),
        Deliveries::Drop { id: "none".to_owned(), reason: String::new() },
        retry(&said.guid.0),
    ];
    for command in unknown {
        let error = desk.deliveries(command).await.unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains("`partner-desk deliveries list` names those that are"), "{error}");
    }
    let drop = Deliveries::Drop { id: "strange-1".to_owned(), reason: "a test of GitHub's".to_owned() };
    assert_eq!(desk.deliveries(drop).await.unwrap(), "strange-1: dropped\n");
    assert_eq!(desk.kept().await, Vec::new());
    let audit: Vec<_> = desk.everything().await.into_iter().filter(|line| line.starts_with("admin_audit ")).collect();
    let retried = |id: &str| audit.iter().filter(|line| line.contains("deliveries retry") && line.contains(id)).count();
    assert_eq!((retried("strange-1"), retried(&said.guid.0)), (2, 1), "each try has its line, whatever came of it: {audit:?}");
    assert!(audit.last().unwrap().contains("strange-1, issues about 7x/support#7: a test of GitHub's"), "{audit:?}");
    // It was judged: also a version that could read it would not take it in.
    assert!(desk.everything().await.iter().any(|line| line.starts_with("deliveries ") && line.contains("strange-1")));
    // Nor is it kept again when GitHub sends it again.
    let (status, said) = desk.knocks("issues", "strange-1", STRANGE).await;
    assert_eq!((status, said.as_str()), (202, "taken in before\n"));
    assert_eq!(desk.kept().await, Vec::new());
});

story!(r4_o2_what_is_kept_is_kept_as_long_as_deliveries_are, Setup { config: "retention = \"10d\"", programme: None }, |desk| {
    desk.knocks("issues", "strange-1", STRANGE).await;
    desk.at("2026-11-28T08:59:59Z").await;
    let kept = desk.kept().await.remove(0);
    assert!((40..60).contains(&kept.attempts), "every six hours at last: {}", kept.attempts);
    let _ = desk.app.desk.tidy().await.unwrap();
    assert_eq!(desk.kept().await.len(), 1);
    desk.at("2026-11-28T09:00:01Z").await;
    assert!(desk.app.desk.tidy().await.unwrap() > 0);
    assert_eq!(desk.kept().await, Vec::new());
});

story!(r4_o2_who_is_forgotten_is_forgotten_in_what_is_kept_and_the_rest_of_it_still_lands, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.spoils(&issue).await;
    desk.says("ann", &issue, "On it, @alice.").await;
    desk.knocks("issues", "strange-1", &STRANGE.replace("Keep it", "alice, keep it")).await;
    assert_eq!(desk.kept().await.len(), 2);
    desk.mends(&issue).await;
    let said = desk.forgets("alice").await.unwrap();
    assert!(said.contains("deliveries 2"), "{said}");
    let traces: Vec<_> = desk.traces("alice").await;
    assert_eq!(traces, Vec::<String>::new());

    desk.at("2026-11-18T09:05:00Z").await;
    assert_eq!(desk.kept().await.iter().map(|kept| kept.id.0.as_str()).collect::<Vec<_>>(), ["strange-1"]);
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]", "ann's answer is hers, and counts");
    assert_eq!(desk.traces("alice").await, Vec::<String>::new(), "and it brings nobody back");
});
