//! The table of jobs, each woken by its name as the scheduler does: what comes of it.

use crate::desk::{Desk, REPO, Setup, instant};
use crate::door;
use crate::heartbeat::switch;
use partner_desk::jobs::{JOBS, work};
use partner_desk::sandbox::Deliver;
use std::collections::BTreeSet;

/// Of a shape that this version does not know.
const STRANGE: &str = r#"{"action":"opened","issue":{"id":"I_kw","number":7},"repository":{"id":1,"full_name":"7x/support"}}"#;

fn configured(switch: &str) -> Setup {
    let config = format!("heartbeat_url = \"{switch}\"\nretention = \"10d\"\n[daily_digest]\nat = \"08:00\"\n");
    Setup { config: Box::leak(config.into_boxed_str()), programme: None }
}

async fn wakes(desk: &Desk, left: &mut BTreeSet<&str>, name: &str) {
    assert!(left.remove(name), "`{name}` is in the table, and woken once here");
    if name != "lead" {
        // As it does each second: whoever leads, leads on.
        desk.app.lead.look(0).await.unwrap();
    }
    work(&desk.app, name).await.unwrap();
}

/// Texts that chat took since the last time.
async fn said(desk: &Desk) -> Vec<String> {
    desk.app.desk.speak().await.unwrap();
    desk.chat.take().iter().map(|message| message.body["text"].as_str().unwrap().to_owned()).collect()
}

/// Ann answers, and the webhook is lost.
async fn answers_unheard(desk: &Desk, number: u64) {
    desk.sandbox.deliveries_go(Deliver::Held);
    desk.sandbox.comment(REPO, number, "ann", "On it.").await.unwrap();
    assert!(desk.sandbox.drop_held() > 0);
    desk.sandbox.deliveries_go(Deliver::AtOnce);
}

story!(each_job_does_what_it_is_for_when_it_is_woken, |mut desk| {
    let (url, alarm) = switch("200 OK");
    desk.restart_with(configured(&url)).await;
    let mut left: BTreeSet<_> = JOBS.iter().map(|(name, _)| *name).collect();
    desk.partner("acme", "gold", &["anna"]).await;
    let first = desk.opens("anna", "Login is broken").await;
    let second = desk.opens("anna", "Search is broken").await;

    if !desk.app.lead.is_ours() {
        for name in ["escalate", "retry", "heartbeat", "sum up", "tidy", "catch up"] {
            work(&desk.app, name).await.unwrap();
        }
        assert_eq!(alarm.try_iter().count(), 0, "who does not lead leaves that to who does");
    }
    wakes(&desk, &mut left, "lead").await;
    assert!(desk.app.lead.is_ours());

    // What goes by a clock that is set by hand goes by nobody's; see the story of the time of the database.
    let now = desk.clock.now();
    wakes(&desk, &mut left, "time").await;
    assert_eq!(desk.clock.now(), now);

    desk.app.beat();
    wakes(&desk, &mut left, "heartbeat").await;
    assert_eq!(alarm.try_iter().collect::<Vec<_>>(), ["GET /hush HTTP/1.1"]);

    // As long as the host's clock seems to be off, GitHub is asked for the time.
    let github = desk.app.desk.github.clone().unwrap();
    let hears = async |skew: i64| {
        desk.sandbox.skew(jiff::SignedDuration::from_secs(skew));
        for _ in 0..20 {
            github.ask_the_time().await;
        }
    };
    hears(-45).await;
    let before = desk.sandbox.mark();
    wakes(&desk, &mut left, "clock").await;
    let asked = desk.sandbox.requests().split_off(before);
    assert!(asked.iter().any(|request| request.path == "/app"), "{asked:?}");
    hears(0).await;

    assert_eq!(door::signed(&desk.url, "issues", "strange-1", STRANGE).send().await.unwrap().status(), 202);
    let tries = async |desk: &Desk| {
        let mut tx = desk.app.desk.store.read().await.unwrap();
        let kept = tx.kept_deliveries().await.unwrap();
        tx.rollback().await.unwrap();
        kept[0].attempts
    };
    let tried = tries(&desk).await;
    desk.clock.advance_to(desk.clock.now() + jiff::SignedDuration::from_secs(110));
    wakes(&desk, &mut left, "retry").await;
    assert_eq!(tries(&desk).await, tried + 1);

    answers_unheard(&desk, first.number).await;
    wakes(&desk, &mut left, "catch up").await;
    desk.settle().await;
    assert!(desk.labels(&first).contains("[sla: met]"), "{}", desk.labels(&first));

    desk.at("2026-11-18T11:59:59Z").await;
    let _ = said(&desk).await;
    desk.clock.advance_to(instant("2026-11-18T12:00:00Z"));
    wakes(&desk, &mut left, "escalate").await;
    let steps = said(&desk).await;
    assert!(steps.len() == 1 && steps[0].starts_with("due soon (75%): Acme, Gold, 7x/support#2"), "{steps:?}");

    answers_unheard(&desk, second.number).await;
    work(&desk.app, "catch up if behind").await.unwrap();
    desk.settle().await;
    assert!(!desk.labels(&second).contains("[sla: met]"), "it does not know that it is behind");
    desk.app.desk.is_behind();
    wakes(&desk, &mut left, "catch up if behind").await;
    desk.settle().await;
    assert!(desk.labels(&second).contains("[sla: met]"), "{}", desk.labels(&second));

    desk.at("2026-11-19T07:59:59Z").await;
    let _ = said(&desk).await;
    desk.clock.advance_to(instant("2026-11-19T08:00:00Z"));
    wakes(&desk, &mut left, "sum up").await;
    let day = said(&desk).await;
    assert!(day.len() == 1 && day[0].starts_with("Today ") && day[0].contains("2 opened, 2 answered"), "{day:?}");

    assert!(desk.rows("deliveries").await > 0);
    desk.at("2026-11-29T09:00:00Z").await;
    wakes(&desk, &mut left, "tidy").await;
    assert_eq!((desk.rows("deliveries").await, desk.rows("kept_deliveries").await), (0, 0));
    assert_eq!(left, BTreeSet::new(), "nobody wakes these here");
});
