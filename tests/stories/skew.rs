//! A host whose clock is wrong says so, and holds its pings (`R7`).

use crate::desk::{Desk, REPO, instant};
use crate::door;
use crate::instance::Instance;
use jiff::SignedDuration;
use partner_desk::clock::Clock;
use std::collections::BTreeSet;

impl Desk {
    async fn clock_is(&self, seconds: i64) {
        self.sandbox.skew(SignedDuration::from_secs(seconds));
        self.app.desk.catch_up().await.unwrap();
        self.settle().await;
    }

    async fn word(&self) -> String {
        self.app.beat();
        let answer = door::CLIENT.get(format!("{}/readyz", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "a restart sets no clock");
        let ready: serde_json::Value = answer.json().await.unwrap();
        ready["clock"].as_str().unwrap().to_owned()
    }
}

story!(r7_half_a_minute_is_said_once_an_episode, |desk| {
    assert_eq!(desk.word().await, "ok");
    desk.clock_is(29).await;
    assert_eq!((desk.word().await.as_str(), desk.pings().len()), ("ok", 0));
    for _ in 0..2 {
        desk.clock_is(31).await;
    }
    assert_eq!(desk.word().await, "31 s behind GitHub's");
    let said = desk.pings();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("31 s behind GitHub") && said[0].contains("NTP"), "{said:?}");

    // GitHub tells whole seconds, so a clock at the limit is now over it and now under.
    for seconds in [29, 29, 29, 31, 31, 31] {
        desk.clock.advance_to(desk.clock.now() + SignedDuration::from_secs(10));
        desk.clock_is(seconds).await;
    }
    assert_eq!(desk.pings(), Vec::<String>::new());

    desk.clock_is(0).await;
    assert_eq!(desk.word().await, "ok");
    desk.at("2026-11-18T09:10:00Z").await;
    desk.clock_is(-32).await;
    assert_eq!(desk.word().await, "31 s ahead of GitHub's", "as far as whole seconds tell");
    assert_eq!(desk.pings().len(), 1, "another episode");
});

story!(r7_one_answer_that_is_off_says_nothing, |desk| {
    desk.clock_is(0).await;
    desk.sandbox.skew(SignedDuration::from_mins(10));
    desk.app.desk.ask_the_time().await;
    assert_eq!(desk.word().await, "ok");
    desk.sandbox.skew(SignedDuration::ZERO);
    desk.settle().await;
    assert_eq!(desk.pings().len(), 0);
});

story!(r7_two_minutes_hold_pings_and_nothing_else, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let waits = desk.opens("anna", "Waits").await;
    let answered = desk.opens("anna", "Will be answered").await;
    desk.clock_is(119).await;
    assert!(!desk.app.desk.clock_is_wrong());
    desk.clock_is(121).await;
    assert_eq!(desk.word().await, "121 s behind GitHub's; pings are held");
    let said = desk.pings();
    assert_eq!(said.len(), 2, "the warning, and that it is worse: operators are still told: {said:?}");
    assert!(said[1].contains("Pings are held"), "{said:?}");

    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new(), "three quarters of the target are gone, by a clock that is wrong");
    assert!(desk.labels(&waits).contains("sla: due soon"), "labels show what the ticket is: {}", desk.labels(&waits));
    desk.knocks_strangely().await;
    assert_eq!(desk.pings().len(), 1, "a word to the operator does not wait behind pings");

    desk.holds_webhooks();
    desk.sandbox.comment(REPO, answered.number, "ann", "Fixed.").await.unwrap();
    desk.sandbox.skew(SignedDuration::ZERO);
    for _ in 0..3 {
        desk.app.desk.ask_the_time().await;
    }
    desk.settle().await;
    let said = desk.pings();
    assert_eq!(said.len(), 1, "held, not dropped; and confirmed anew, so not about the one that was answered: {said:?}");
    assert!(said[0].contains("Waits"), "{said:?}");
    assert_eq!(desk.word().await, "ok");
});

impl Desk {
    /// A delivery that nobody can read, so that the desk has something to tell its operator.
    async fn knocks_strangely(&self) {
        let answer = door::signed(&self.url, "issues", "strange", r#"{"action":"opened"}"#).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        self.settle().await;
    }
}

story!(r7_what_a_clock_decided_that_was_ahead_waits_for_its_instant, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Waits").await;
    for _ in 0..2 {
        desk.clock_is(-180).await;
    }
    assert!(desk.app.desk.clock_is_wrong());
    desk.at("2026-11-18T12:00:00Z").await;
    let _ = desk.pings();
    // So was a later one, two hours ahead: it overtakes nothing before its time.
    desk.execute(
        "INSERT INTO outbox (key, channel, issue_id, cycle, body, at_ms, created_ms, confirmed_ms, lease_ms, attempts, state, note)
         SELECT key || ':later', channel, issue_id, cycle, body, at_ms + 7200000, created_ms, confirmed_ms, 0, 0, 'pending', ''
         FROM outbox WHERE issue_id IS NOT NULL AND state = 'pending'",
    )
    .await;
    // The step was decided ten minutes before its instant, by a clock that shows the right time from now on.
    desk.execute("UPDATE outbox SET at_ms = at_ms + 600000 WHERE issue_id IS NOT NULL AND state = 'pending'").await;
    desk.sandbox.skew(SignedDuration::ZERO);
    for _ in 0..3 {
        desk.app.desk.ask_the_time().await;
    }
    desk.settle().await;
    assert!(!desk.app.desk.clock_is_wrong());
    desk.at("2026-11-18T12:09:59Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(desk.app.desk.lanes().await.unwrap(), BTreeSet::new(), "nobody takes the writers' lock for what may not go yet");
    for _ in 0..2 {
        desk.clock_is(-180).await;
    }
    desk.at("2026-11-18T12:12:00Z").await;
    let _ = desk.pings();
    desk.sandbox.skew(SignedDuration::ZERO);
    for _ in 0..3 {
        desk.app.desk.ask_the_time().await;
    }
    desk.at("2026-11-18T12:12:01Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].contains("Waits"), "{said:?}");
});

story!(r7_what_a_clock_dealt_with_that_was_ahead_is_dealt_with_in_time, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Waits").await;
    // Another instance, or this one before a restart, a month ahead: every step and every reminder has passed there.
    let ahead = Instance::build(desk.settings(), Clock::manual(instant("2026-12-18T14:00:00Z"))).await;
    ahead.app.desk.lives_on().await.unwrap();
    assert!(ahead.app.desk.escalate().await.unwrap() > 0);
    ahead.app.desk.publish().await.unwrap();
    ahead.stop().await;
    assert!(desk.labels(&issue).contains("sla: breached"), "{}", desk.labels(&issue));
    // Neither GitHub nor a channel answered there.
    let then = instant("2026-12-18T14:00:10Z").as_millisecond();
    desk.execute(&format!("UPDATE gates SET pause_ms = {then}, quiet_ms = {then}")).await;
    desk.execute(&format!("UPDATE tickets SET attempts = 3, publish_at_ms = {then}, version = version + 1")).await;
    desk.execute(&format!(
        "INSERT INTO channels (name, failures, since_ms, open_ms, refused, why) VALUES ('support', 3, {then}, {then}, 0, 'hung up')"
    ))
    .await;

    desk.app.desk.come_back().await.unwrap();
    desk.settle().await;
    assert!(!desk.labels(&issue).contains("sla: breached"), "{}", desk.labels(&issue));
    assert_eq!(desk.pings(), Vec::<String>::new());
    desk.at("2026-11-18T12:00:01Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].starts_with("due soon (75%)"), "{said:?}");
    desk.at("2026-11-18T13:00:01Z").await;
    let said = desk.pings();
    assert!(said.len() == 2 && said[0].starts_with("on-call (90%)") && said[1].starts_with("breach (due)"), "{said:?}");
    assert!(desk.labels(&issue).contains("sla: breached"), "{}", desk.labels(&issue));
});

story!(r7_what_a_clock_put_off_that_was_ahead_does_not_wait_as_long, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Waits").await;
    let (now, then) = (desk.clock.now().as_millisecond(), instant("2026-12-18T14:00:00Z").as_millisecond());
    // The channel had failed before, and a word for it is on its way, both by a clock that was a month ahead at last.
    let since = now - 60_000;
    desk.execute(&format!(
        "INSERT INTO channels (name, failures, since_ms, open_ms, refused, why) VALUES ('support', 3, {since}, {then}, 0, 'hung up')"
    ))
    .await;
    desk.execute(&format!(
        r#"INSERT INTO outbox (key, channel, issue_id, cycle, body, at_ms, created_ms, confirmed_ms, lease_ms, attempts, state, note)
           VALUES ('n', 'support', NULL, 0, '{{"type":"notice","text":"A word."}}', {since}, {since}, {since}, {then}, 1, 'pending', '')"#
    ))
    .await;
    desk.execute(&format!(
        "INSERT INTO missed_deliveries (id, attempt, event, delivered_ms, asked_ms) VALUES ('d', 7, 'issues', {since}, {then})"
    ))
    .await;
    desk.execute(&format!("UPDATE gates SET lease_ms = {then}")).await;
    desk.app.desk.clock_was_ahead(SignedDuration::from_hours(720)).await.unwrap();
    let rows = desk.everything().await;
    assert!(!rows.iter().any(|row| row.contains(&then.to_string())), "{rows:#?}");
    desk.at("2026-11-18T09:02:01Z").await;
    assert_eq!(desk.pings(), ["A word."]);
});

story!(r7_a_clock_that_was_ahead_while_the_desk_ran_is_looked_after_until_it_is_done, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Waits").await;
    let ahead = Instance::build(desk.settings(), Clock::manual(instant("2026-11-18T14:00:00Z"))).await;
    assert!(ahead.app.desk.escalate().await.unwrap() > 0);
    ahead.stop().await;
    let lives = async || {
        let mut tx = desk.app.desk.store.read().await.unwrap();
        let life = tx.life().await.unwrap();
        tx.rollback().await.unwrap();
        life.alive.unwrap()
    };
    let before = lives().await;
    assert!(before > desk.clock.now());
    desk.app.desk.clock_was_ahead(SignedDuration::from_secs(30)).await.unwrap();
    assert_eq!(lives().await, before, "half a minute is no matter");
    let github = desk.app.desk.github.clone().unwrap();
    let mut tx = desk.app.desk.store.read().await.unwrap();
    let installation = tx.ticket(issue.id).await.unwrap().unwrap().installation;
    tx.rollback().await.unwrap();
    github.keep_quiet(installation, instant("2026-11-18T14:30:00Z"));
    desk.app.desk.look_if_owed().await.unwrap();
    assert_eq!(lives().await, before, "nor is there anything else to look after");
    // The database refuses it at first.
    desk.execute("ALTER TABLE gates RENAME TO gates_away").await;
    desk.app.desk.clock_was_ahead(SignedDuration::from_hours(5)).await.unwrap_err();
    assert_eq!(lives().await, before);
    desk.execute("ALTER TABLE gates_away RENAME TO gates").await;
    desk.app.desk.look_if_owed().await.unwrap();
    assert_eq!(github.quiet_until(installation), None);
    assert_eq!(lives().await, desk.clock.now(), "the sign of life is not of a time to come");
    // Whatever is heard of the ticket before its clock is looked at.
    desk.says("anna", &issue, "Any news?").await;
    desk.settle().await;
    assert!(!desk.labels(&issue).contains("sla: breached"), "{}", desk.labels(&issue));
    desk.at("2026-11-18T12:00:01Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].starts_with("due soon (75%)"), "{said:?}");
});

story!(r7_a_step_whose_clock_is_set_back_while_github_is_asked_waits_for_its_instant, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Waits").await;
    let wrong = Clock::system();
    let ahead = Instance::build(desk.settings(), wrong.clone()).await;
    let shows = |there| wrong.put_right(there, wrong.now(), wrong.now());
    assert!(shows(instant("2026-11-18T14:00:00Z")).is_some());
    let asked = format!("{}", issue.number);
    desk.sandbox.faults().weather({
        let wrong = wrong.clone();
        let mut once = true;
        move |_, path| {
            if path.contains(&asked) && std::mem::take(&mut once) {
                let now = wrong.now();
                assert!(wrong.put_right(now - SignedDuration::from_hours(5), now, now).is_some());
            }
            None
        }
    });
    assert_eq!(ahead.app.desk.escalate().await.unwrap(), 1, "by the clock that it began with");
    assert!(wrong.now() < instant("2026-11-18T10:00:00Z"), "{}", wrong.now());
    let said = desk.everything().await.into_iter().filter(|row| row.starts_with("outbox "));
    assert_eq!(said.collect::<Vec<_>>(), Vec::<String>::new());
    ahead.app.desk.clock_was_ahead(SignedDuration::from_hours(5)).await.unwrap();
    ahead.stop().await;
    desk.at("2026-11-18T12:00:01Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].starts_with("due soon (75%)"), "{said:?}");
});
