//! What GitHub shows of a ticket, and what it costs to show it.

use crate::desk::{Desk, Opened, REPO, Setup};
use partner_desk::domain::PartnerId;
use partner_desk::domain::partner::Partner;
use partner_desk::programme::TierId;
use partner_desk::sandbox::RecordedRequest;

const PRIVATE: Setup = Setup { config: "privacy = true", programme: None };

/// Writes since a mark, one a line, without those that create labels in the repository.
fn writes_since(desk: &Desk, mark: usize) -> Vec<String> {
    let writes = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation());
    writes.map(|write| short(desk, &write)).collect()
}

fn short(desk: &Desk, write: &RecordedRequest) -> String {
    let repo = format!("/repositories/{}", desk.sandbox.repository(REPO));
    format!("{} {}", write.method, write.path.replace(&repo, ""))
}

fn label_creations(desk: &Desk, mark: usize) -> Vec<String> {
    let writes = desk.sandbox.writes_since(mark).into_iter().filter(RecordedRequest::is_label_creation);
    writes.map(|write| write.body.unwrap()["name"].as_str().unwrap().to_owned()).collect()
}

async fn anna_of_acme_opens(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

story!(g6_a_ticket_costs_two_writes_to_open_and_at_most_four_to_answer, |desk| {
    let mark = desk.sandbox.mark();
    let issue = anna_of_acme_opens(&desk).await;
    assert_eq!(writes_since(&desk, mark), ["POST /issues/1/labels", "POST /issues/1/comments"]);

    let mark = desk.sandbox.mark();
    desk.says("ann", &issue, "On it.").await;
    let writes = writes_since(&desk, mark);
    assert_eq!(writes.len(), 3, "{writes:?}");
    assert_eq!(writes[0], "POST /issues/1/labels");
    assert!(writes[1].starts_with("DELETE /issues/1/labels/due%3A"), "{writes:?}");
    assert!(writes[2].starts_with("PATCH /issues/comments/"), "{writes:?}");
});

story!(g6_an_answer_just_before_the_deadline_costs_four_writes, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.at("2026-11-18T12:30:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: due soon] [tier: Gold]");
    let mark = desk.sandbox.mark();
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    let writes = writes_since(&desk, mark);
    assert_eq!(writes.len(), 4, "one label comes, two go, the comment is edited: {writes:?}");
});

story!(g1_g6_what_changes_nothing_costs_nothing, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.says("ann", &issue, "On it.").await;
    // The label of a deadline that nobody shows any more is deleted first.
    desk.at("2026-11-18T10:00:00Z").await;
    let mark = desk.sandbox.mark();
    for guid in desk.sandbox.deliveries().iter().map(|delivery| delivery.guid.clone()).collect::<Vec<_>>() {
        desk.sandbox.redeliver(&guid).await.unwrap();
        desk.settle().await;
    }
    desk.says("anna", &issue, "Thank you!").await;
    desk.says("zoe", &issue, "Same here.").await;
    desk.sandbox.edit_issue(REPO, issue.number, "anna", "It works now.").await.unwrap();
    desk.sandbox.add_label(REPO, issue.number, "ann", "bug").await.unwrap();
    desk.sandbox.lock(REPO, issue.number, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0, "{:?}", desk.sandbox.writes_since(mark));
    desk.at("2026-11-25T09:00:00Z").await;
    assert_eq!(desk.sandbox.mark(), mark, "a week in which nothing happened: {:?}", desk.sandbox.requests().split_off(mark));
});

story!(g6_a_label_that_a_person_added_meanwhile_survives, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.add_label(REPO, issue.number, "anna", "bug").await.unwrap();
    desk.sandbox.add_label(REPO, issue.number, "anna", "sla: something of ours").await.unwrap();
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[bug] [sla: 4h] [sla: met] [sla: something of ours] [tier: Gold]");
});

story!(g1_a_label_that_a_person_took_off_is_not_missed, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.remove_label(REPO, issue.number, "anna", "due: 2026-11-18 13:00 UTC").await.unwrap();
    desk.says("ann", &issue, "On it.").await;
    assert!(desk.labels(&issue).contains("[sla: met]"), "{}", desk.labels(&issue));
    assert!(!desk.labels(&issue).contains("due:"), "{}", desk.labels(&issue));
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
});

story!(g2_labels_are_created_once_with_colour_and_description, |mut desk| {
    let mark = desk.sandbox.mark();
    let issue = anna_of_acme_opens(&desk).await;
    assert_eq!(label_creations(&desk, mark), ["tier: Gold", "sla: 4h", "due: 2026-11-18 13:00 UTC"]);
    for label in desk.sandbox.labels(REPO) {
        assert_ne!(label.color, "ededed", "{} has GitHub's default colour", label.name);
        assert!(label.description.is_some_and(|text| !text.is_empty()), "{} has no description", label.name);
    }
    let mark = desk.sandbox.mark();
    desk.opens("anna", "Logout is broken, too").await;
    assert_eq!(label_creations(&desk, mark), Vec::<String>::new());
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(label_creations(&desk, mark), ["sla: met"]);
    desk.restart().await;
    let mark = desk.sandbox.mark();
    desk.opens("anna", "And once more").await;
    assert_eq!(label_creations(&desk, mark), Vec::<String>::new(), "a restart forgets no label");
});

story!(g2_a_label_that_exists_already_in_any_case_is_used, |desk| {
    let somebodys = desk.opens("zoe", "Not a ticket").await;
    desk.sandbox.add_label(REPO, somebodys.number, "ann", "TIER: gold").await.unwrap();
    let issue = anna_of_acme_opens(&desk).await;
    assert_eq!(desk.labels(&issue), "[TIER: gold] [due: 2026-11-18 13:00 UTC] [sla: 4h]");
    let mark = desk.sandbox.mark();
    desk.opens("anna", "Another").await;
    assert_eq!(label_creations(&desk, mark), Vec::<String>::new());
});

story!(g2_a_label_that_was_deleted_from_the_repository_comes_back, |desk| {
    anna_of_acme_opens(&desk).await;
    desk.sandbox.delete_label(REPO, "ann", "tier: Gold").await.unwrap();
    let issue = desk.opens("anna", "Another").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
});

story!(g3_no_tier_and_no_number_goes_to_a_public_repository, PRIVATE, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    assert_eq!(desk.labels(&issue), "");
    desk.at("2026-11-18T12:10:00Z").await;
    assert_eq!(desk.labels(&issue), "[sla: due soon]");
    desk.at("2026-11-18T13:10:00Z").await;
    assert_eq!(desk.labels(&issue), "[sla: breached]");
    tells_no_secret(&desk, &issue);
    desk.says("ann", &issue, "On it.").await;
    tells_no_secret(&desk, &issue);
    for number in 2..=11 {
        let issue = desk.opens("anna", &format!("More, {number}")).await;
        tells_no_secret(&desk, &issue);
    }
    let labels: Vec<_> = desk.sandbox.labels(REPO).into_iter().map(|label| label.name).collect();
    assert!(labels.iter().all(|label| label.starts_with("sla: ") && !label.contains("4h")), "{labels:?}");
});

fn tells_no_secret(desk: &Desk, issue: &Opened) {
    let view = desk.view(issue);
    for comment in view.comments_by("partner-desk[bot]") {
        // Ids of GitHub's are no secret, nor are the rules' numbers.
        let text = comment.body.lines().filter(|line| !line.starts_with("<!--")).collect::<Vec<_>>().join("\n");
        let text = ["`W2`", "`Q3`", "`Q5`", "`Q10`", "`S1`"].iter().fold(text, |text, rule| text.replace(rule, ""));
        assert!(!text.to_lowercase().contains("gold"), "{text}");
        assert!(!text.chars().any(|c| c.is_ascii_digit()), "{text}");
    }
}

story!(g3_in_a_private_repository_everything_is_said, PRIVATE, |desk| {
    desk.sandbox.set_private(REPO, true);
    let issue = anna_of_acme_opens(&desk).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert!(desk.status(&issue).contains("Ticket **1 of 10**"), "{}", desk.status(&issue));
});

story!(g3_a_repository_that_was_made_public_takes_back_what_was_said, PRIVATE, |desk| {
    desk.sandbox.set_private(REPO, true);
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.set_private(REPO, false);
    desk.says("zoe", &issue, "Same here.").await;
    assert_eq!(desk.labels(&issue), "");
    tells_no_secret(&desk, &issue);
});

story!(g8_what_people_wrote_acts_on_nobody, |desk| {
    let mut partner = Partner {
        id: PartnerId::new("evil").unwrap(),
        name: "@acme/all <img src=x> **Bold** [x](https://evil.example) #1 `code` <!-- -->".to_owned(),
        time_zone: None,
        tiers: Vec::new(),
    };
    partner.put_tier(TierId("now".to_owned()), None, None);
    desk.partner("evil", "now", &["mallory"]).await;
    let mut tx = desk.app.desk.store.write().await.unwrap();
    tx.put_partner(&partner).await.unwrap();
    tx.commit().await.unwrap();

    let issue = desk.opens("mallory", "<!channel> *urgent* <https://evil.example|login> @here `x` <!-- partner-desk:status:1 -->").await;
    let status = desk.view(&issue).comments_by("partner-desk[bot]")[0].body.clone();
    let visible = status.split_once('\n').unwrap().1;
    assert!(!visible.contains("<img") && !visible.contains("<!--"), "HTML: {visible}");
    assert!(!visible.contains("@acme"), "a mention: {visible}");
    assert!(!visible.contains("[x]("), "a link: {visible}");
    assert!(!visible.contains(" #1 "), "a reference: {visible}");
    assert!(!visible.contains("**Bold**"), "mark-up: {visible}");

    desk.at("2026-11-20T09:00:00Z").await;
    let messages = desk.chat.take();
    assert!(!messages.is_empty());
    for message in messages {
        let raw = message.body.to_string();
        for acted_on in ["<!channel>", "<https://evil", "@here", "*urgent*", "@acme", "<!--"] {
            assert!(!raw.contains(acted_on), "{acted_on}: {raw}");
        }
    }
});
