//! Two members of one partner at the same moment, and one slot left (`Q4`).

use crate::desk::{Desk, Engine, REPO, Setup, run};
use crate::door;
use partner_desk::desk::intake::Incoming;
use partner_desk::domain::{DeliveryId, IssueId};
use partner_desk::github::wire::{self, Read};
use partner_desk::sandbox::Deliver;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const PARTNERS: usize = 200;

/// One ticket a week; and nothing is written to GitHub, whose share in this is told elsewhere.
const ONE_SLOT: Setup = Setup {
    config: "mode = \"observe\"",
    programme: Some("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"1/week\"\nresponse = \"4h\"\n"),
};

/// Every partner's two members open an issue each, and both webhooks arrive at once, at the doors of these instances.
async fn both_at_once(desk: &Desk, urls: [&str; 2]) {
    desk.sandbox.deliveries_go(Deliver::Held);
    for number in 0..PARTNERS {
        let members = [format!("ada-{number}"), format!("bob-{number}")];
        desk.partner(&format!("p{number}"), "team", &[&members[0], &members[1]]).await;
        for member in &members {
            desk.sandbox.open_issue(REPO, member, "Only one of us", "Mine!").await.unwrap();
        }
    }
    let held = desk.sandbox.held();
    assert_eq!(held.len(), 2 * PARTNERS);
    for (number, pair) in held.chunks(2).enumerate() {
        let (one, other) = tokio::join!(door::deliver(urls[0], &pair[0]), door::deliver(urls[1], &pair[1]));
        assert_eq!((one.status(), other.status()), (reqwest::StatusCode::ACCEPTED, reqwest::StatusCode::ACCEPTED));
        let mut standings = Vec::new();
        for delivery in pair {
            let id = IssueId(delivery.payload()["issue"]["id"].as_i64().unwrap());
            standings.push(desk.standing_of(id).await);
        }
        standings.sort_unstable();
        assert_eq!(standings, ["admitted", "waiting"], "partner {number}");
        assert_eq!(desk.ledger(&format!("p{number}")).await.len(), 1, "partner {number}");
    }
    assert_eq!(desk.sandbox.drop_held(), 2 * PARTNERS);
}

story!(q4_of_two_at_once_exactly_one_gets_the_last_slot, ONE_SLOT, |desk| {
    both_at_once(&desk, [&desk.url, &desk.url]).await;
});

story!(q4_of_two_at_once_at_two_instances_exactly_one_gets_the_last_slot, ONE_SLOT, |desk| {
    let other = desk.another_instance().await;
    both_at_once(&desk, [&desk.url, &other.url]).await;
    other.stop().await;
});

story!(q4_one_delivery_at_two_instances_at_once_is_taken_in_once, ONE_SLOT, |desk| {
    let other = desk.another_instance().await;
    desk.partner("acme", "team", &["alice"]).await;
    desk.sandbox.deliveries_go(Deliver::Held);
    for number in 1..=20 {
        let opened = desk.sandbox.open_issue(REPO, "alice", "Twice", "On its way twice.").await.unwrap();
        let delivery = &opened.deliveries[0];
        let (one, two) = tokio::join!(door::deliver(&desk.url, delivery), door::deliver(&other.url, delivery));
        let mut answers = [one.text().await.unwrap(), two.text().await.unwrap()];
        answers.sort_unstable();
        assert_eq!(answers, ["taken in before\n".to_owned(), format!("taken in: {REPO}#{number}\n")]);
    }
    assert_eq!(desk.ledger("acme").await.len(), 1);
    desk.sandbox.drop_held();
    other.stop().await;
});

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn r1_one_sender_without_a_pause_lets_other_instances_write() {
    run(async {
        let desk = Desk::start(Engine::Postgres, ONE_SLOT).await;
        desk.partner("acme", "team", &["alice"]).await;
        let other = desk.another_instance().await;
        desk.sandbox.deliveries_go(Deliver::Held);
        let opened = desk.sandbox.open_issue(REPO, "alice", "Again", "And again.").await.unwrap();
        let Ok(Read::News(news)) = wire::read("issues", opened.deliveries[0].body.as_bytes(), desk.clock.now()) else {
            panic!("{:?}", opened.deliveries)
        };
        let send = async |name: String| {
            desk.app.deliver(Incoming { delivery: Some(DeliveryId(name)), news: (*news).clone() }).await.unwrap();
        };
        // One sends as soon as it has its answer. Two that come while it waits for one are mostly taken together without it: the writers' lock is
        // kept for them, and there is always something to write from then on.
        let (begun, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
        let sends = async {
            while !enough.load(Ordering::Relaxed) {
                send(format!("one-by-one-{}", begun.fetch_add(1, Ordering::Relaxed))).await;
            }
        };
        let writes = async {
            for round in 0..10 {
                let before = begun.load(Ordering::Relaxed);
                while begun.load(Ordering::Relaxed) == before {
                    tokio::task::yield_now().await;
                }
                tokio::join!(send(format!("two-at-once-{round}-1")), send(format!("two-at-once-{round}-2")));
                let turn = tokio::time::timeout(Duration::from_secs(15), other.app.desk.store.write()).await;
                turn.expect("its turn within seconds").unwrap().rollback().await.unwrap();
            }
            enough.store(true, Ordering::Relaxed);
        };
        tokio::join!(sends, writes);
        desk.sandbox.drop_held();
        other.stop().await;
        desk.end().await;
    });
}
