//! Two members of one partner at the same moment, and one slot left (`Q4`).

use crate::desk::{Desk, REPO, Setup};
use crate::door;
use partner_desk::domain::IssueId;
use partner_desk::sandbox::Deliver;

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
