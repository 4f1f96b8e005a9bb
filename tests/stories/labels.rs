//! The labels of a repository: renamed, deleted, full, and swept when nobody shows them (`G2`, `G5`).

use crate::database::Road;
use crate::desk::{Desk, Engine, Opened, REPO, Setup, run};
use crate::postgres::fresh_postgres;
use partner_desk::sandbox::{Deliver, Fault, RecordedRequest};
use std::time::Duration;

const SHOWN: &str = "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]";
const DUE: &str = "due: 2026-11-18 13:00 UTC";

async fn anna_of_acme_opens(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

fn in_repository(desk: &Desk) -> Vec<String> {
    desk.sandbox.labels(REPO).into_iter().map(|label| label.name).collect()
}

fn label_writes(desk: &Desk, mark: usize) -> Vec<RecordedRequest> {
    desk.sandbox.writes_since(mark).into_iter().filter(|write| write.path.contains("/labels")).collect()
}

async fn renames(desk: &Desk, label: &str, new: &str) {
    desk.sandbox.rename_label(REPO, "ann", label, new).await.unwrap();
    desk.settle().await;
}

async fn deletes(desk: &Desk, label: &str) {
    desk.sandbox.delete_label(REPO, "zoe", label).await.unwrap();
    desk.settle().await;
}

story!(g5_a_renamed_label_is_followed_for_every_ticket_without_a_write, |mut desk| {
    let first = anna_of_acme_opens(&desk).await;
    let mark = desk.sandbox.mark();
    renames(&desk, "tier: Gold", "Partner of Gold").await;
    renames(&desk, DUE, "by one o'clock").await;
    assert_eq!(desk.sandbox.mark(), mark, "{:?}", desk.sandbox.requests().split_off(mark));
    assert_eq!(desk.labels(&first), "[Partner of Gold] [by one o'clock] [sla: 4h]");

    desk.restart().await;
    let second = desk.opens("anna", "Logout, too").await;
    assert_eq!(desk.labels(&second), "[Partner of Gold] [by one o'clock] [sla: 4h]");
    desk.sandbox.remove_label(REPO, second.number, "zoe", "partner of gold").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&second), "[Partner of Gold] [by one o'clock] [sla: 4h]", "it comes back under its new name");
    desk.says("ann", &first, "On it.").await;
    assert_eq!(desk.labels(&first), "[Partner of Gold] [sla: 4h] [sla: met]");
    assert!(!in_repository(&desk).contains(&"tier: Gold".to_owned()), "{:?}", in_repository(&desk));
});

story!(g5_a_label_renamed_twice_and_back_is_followed_too, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    renames(&desk, "tier: Gold", "gold partner").await;
    renames(&desk, "gold partner", "VIP").await;
    let second = desk.opens("anna", "Two").await;
    assert_eq!(desk.labels(&second), "[VIP] [due: 2026-11-18 13:00 UTC] [sla: 4h]");
    // The old name is free now, and a label that takes it is nobody's but its maker's.
    desk.sandbox.add_label(REPO, issue.number, "zoe", "tier: Gold").await.unwrap();
    desk.sandbox.remove_label(REPO, issue.number, "zoe", "tier: Gold").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[VIP] [due: 2026-11-18 13:00 UTC] [sla: 4h]");
    deletes(&desk, "tier: Gold").await;
    assert_eq!(desk.labels(&issue), "[VIP] [due: 2026-11-18 13:00 UTC] [sla: 4h]");
    renames(&desk, "VIP", "TIER: GOLD").await;
    let third = desk.opens("anna", "Three").await;
    assert_eq!(desk.labels(&third), "[TIER: GOLD] [due: 2026-11-18 13:00 UTC] [sla: 4h]");
    assert_eq!(in_repository(&desk).iter().filter(|name| name.eq_ignore_ascii_case("tier: gold")).count(), 1);
});

story!(g5_a_label_renamed_to_another_of_the_desks_is_made_anew, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    // There is no `sla: met` yet, so GitHub lets it happen.
    renames(&desk, "sla: 4h", "sla: met").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: met] [tier: Gold]");
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    let next = desk.opens("anna", "Two").await;
    assert_eq!(desk.labels(&next), SHOWN);
});

story!(g5_a_label_of_people_may_be_called_what_they_like, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.add_label(REPO, issue.number, "zoe", "bug").await.unwrap();
    let mark = desk.sandbox.mark();
    renames(&desk, "bug", "defect").await;
    deletes(&desk, "defect").await;
    assert_eq!(label_writes(&desk, mark).iter().filter(|write| write.method == "POST").count(), 0);
    assert_eq!(desk.labels(&issue), SHOWN);
});

story!(g5_a_deleted_label_is_created_again_and_put_back_where_it_belongs, |desk| {
    let first = anna_of_acme_opens(&desk).await;
    let second = desk.opens("anna", "Two").await;
    let answered = desk.opens("anna", "Three").await;
    desk.says("ann", &answered, "On it.").await;
    desk.closes("ann", &answered).await;
    let color = |desk: &Desk| desk.sandbox.labels(REPO).into_iter().find(|label| label.name == "tier: Gold").map(|label| label.color);
    let before = color(&desk);
    deletes(&desk, "tier: Gold").await;
    assert_eq!((desk.labels(&first).as_str(), desk.labels(&second).as_str()), (SHOWN, SHOWN));
    assert_eq!(color(&desk), before, "with its colour");
    assert_eq!(desk.labels(&answered), "[sla: 4h] [sla: met]", "an issue that is closed gets it when it changes");
    desk.at("2026-11-18T09:10:00Z").await;
    desk.reopens("anna", &answered).await;
    assert_eq!(desk.labels(&answered), SHOWN);
    assert!(desk.log(&first).await.contains(&"G5 the label `tier: gold` is gone from the repository; it is put back".to_owned()));
});

story!(g5_a_renamed_label_that_is_deleted_comes_back_under_the_desks_name, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    renames(&desk, "tier: Gold", "VIP").await;
    deletes(&desk, "VIP").await;
    assert_eq!(desk.labels(&issue), SHOWN);
});

story!(g5_a_deadlines_label_that_no_ticket_should_show_stays_deleted, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.says("ann", &issue, "On it.").await;
    deletes(&desk, DUE).await;
    desk.at("2026-11-18T12:00:00Z").await;
    assert!(!in_repository(&desk).contains(&DUE.to_owned()), "{:?}", in_repository(&desk));
});

story!(g5_a_label_that_is_deleted_again_and_again_is_left_alone_and_told_once, |desk| {
    let first = anna_of_acme_opens(&desk).await;
    let second = desk.opens("anna", "Two").await;
    for round in 1..=3 {
        deletes(&desk, "tier: Gold").await;
        assert_eq!((desk.labels(&first).as_str(), desk.labels(&second).as_str()), (SHOWN, SHOWN), "round {round}");
    }
    deletes(&desk, "tier: Gold").await;
    assert_eq!(desk.labels(&first), "[due: 2026-11-18 13:00 UTC] [sla: 4h]");
    assert_eq!(desk.labels(&second), "[due: 2026-11-18 13:00 UTC] [sla: 4h]");
    let pings = desk.pings();
    assert_eq!(pings.len(), 1, "{pings:?}");
    assert!(pings[0].contains("on 2 open tickets"), "{pings:?}");
});

story!(g2_a_deadlines_label_that_nobody_shows_is_deleted_after_a_while, |desk| {
    let first = anna_of_acme_opens(&desk).await;
    let second = desk.opens("anna", "Two").await;
    assert_eq!(desk.labels(&second), SHOWN);
    desk.says("ann", &first, "On it.").await;
    desk.at("2026-11-18T09:30:00Z").await;
    let mark = desk.sandbox.mark();
    assert!(in_repository(&desk).contains(&DUE.to_owned()), "the other one shows it");
    desk.says("ann", &second, "On it.").await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 3, "the answer costs what it did (G6)");
    desk.at("2026-11-18T09:34:59Z").await;
    assert!(in_repository(&desk).contains(&DUE.to_owned()), "the next ticket may want it");
    desk.at("2026-11-18T09:35:00Z").await;
    assert_eq!(in_repository(&desk), ["tier: Gold", "sla: 4h", "sla: met"]);

    // It can be made again, and is deleted again.
    let mark = desk.sandbox.mark();
    desk.closes("ann", &second).await;
    desk.at("2026-11-18T09:36:00Z").await;
    desk.reopens("anna", &second).await;
    assert_eq!(desk.labels(&second), "[due: 2026-11-18 13:30 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-11-18T09:40:00Z").await;
    desk.says("ann", &second, "On it again.").await;
    desk.at("2026-11-18T10:00:00Z").await;
    assert_eq!(in_repository(&desk), ["tier: Gold", "sla: 4h", "sla: met"]);
    desk.at("2026-11-20T10:00:00Z").await;
    let deleted = label_writes(&desk, mark).into_iter().filter(|write| write.method == "DELETE" && !write.path.contains("/issues/"));
    assert_eq!(deleted.count(), 1);
});

story!(g2_a_label_on_an_issue_of_somebody_elses_is_not_deleted, |desk| {
    let other = desk.opens("zoe", "No ticket").await;
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.add_label(REPO, other.number, "ann", DUE).await.unwrap();
    desk.sandbox.close(REPO, other.number, "ann", "completed").await.unwrap();
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T12:00:00Z").await;
    assert!(in_repository(&desk).contains(&DUE.to_owned()));
    // A day later it is looked at again.
    desk.sandbox.remove_label(REPO, other.number, "ann", DUE).await.unwrap();
    desk.at("2026-11-19T12:00:00Z").await;
    assert!(!in_repository(&desk).contains(&DUE.to_owned()));
});

story!(g2_a_label_that_was_there_before_the_desk_or_was_renamed_is_never_deleted, |desk| {
    let other = desk.opens("zoe", "No ticket").await;
    desk.sandbox.add_label(REPO, other.number, "ann", DUE).await.unwrap();
    desk.sandbox.remove_label(REPO, other.number, "ann", DUE).await.unwrap();
    let issue = anna_of_acme_opens(&desk).await;
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let second = desk.opens("anna", "Two").await;
    renames(&desk, "due: 2026-11-18 14:00 UTC", "before two").await;
    desk.says("ann", &second, "On it.").await;
    desk.at("2026-11-25T09:00:00Z").await;
    let labels = in_repository(&desk);
    assert!(labels.contains(&DUE.to_owned()) && labels.contains(&"before two".to_owned()), "{labels:?}");
});

story!(g2_an_issue_that_is_gone_shows_its_deadline_no_more, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    desk.sandbox.delete_issue(REPO, issue.number, "ann").await.unwrap();
    desk.settle().await;
    desk.at("2026-11-18T09:10:00Z").await;
    assert!(!in_repository(&desk).contains(&DUE.to_owned()), "{:?}", in_repository(&desk));
});

story!(g2_sweeping_waits_while_github_is_away_and_does_a_few_at_a_time, |desk| {
    desk.partner("acme", "platinum", &["anna"]).await;
    let mut issues = Vec::new();
    for half_hour in 0..6 {
        desk.at(&format!("2026-11-18T{:02}:{:02}:00Z", 9 + half_hour / 2, 30 * (half_hour % 2))).await;
        issues.push(desk.opens("anna", "More").await);
    }
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    for issue in &issues {
        desk.says("ann", issue, "On it.").await;
    }
    let left = |desk: &Desk| in_repository(desk).iter().filter(|name| name.starts_with("due: ")).count();
    assert_eq!(left(&desk), 6);
    desk.sandbox.faults().outage(true);
    desk.at("2026-11-18T11:40:00Z").await;
    desk.sandbox.faults().outage(false);
    let mark = desk.sandbox.mark();
    desk.settle().await;
    assert_eq!((left(&desk), desk.sandbox.mark() - mark), (6, 0), "GitHub did not answer: it is left alone for a while");
    desk.at("2026-11-18T11:45:00Z").await;
    assert_eq!(left(&desk), 3);
    desk.at("2026-11-18T11:46:00Z").await;
    desk.at("2026-11-19T11:46:00Z").await;
    desk.at("2026-11-19T11:48:00Z").await;
    assert_eq!(left(&desk), 0);
});

async fn fills(desk: &Desk, issue: &Opened, many: usize) {
    for number in 0..many {
        desk.sandbox.add_label(REPO, issue.number, "zoe", &format!("label {number}")).await.unwrap();
    }
}

story!(g2_on_an_issue_that_is_full_the_most_important_labels_stand, |desk| {
    desk.holds_webhooks();
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Everything").await;
    fills(&desk, &issue, 98).await;
    desk.delivers_the_rest().await;
    let ours = |desk: &Desk| {
        let labels = desk.view(&issue).labels;
        labels.into_iter().filter(|name| !name.starts_with("label ")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(ours(&desk), "due: 2026-11-18 13:00 UTC, tier: Gold");
    assert_eq!(desk.comments(&issue).len(), 1, "the comment does not suffer");
    let told = "G2 the issue has 100 labels, as many as GitHub allows: left out `sla: 4h`";
    assert_eq!(desk.log(&issue).await.iter().filter(|line| *line == told).count(), 1, "{:?}", desk.log(&issue).await);
    let mark = desk.sandbox.mark();
    desk.at("2026-11-18T11:00:00Z").await;
    assert_eq!(desk.sandbox.mark(), mark, "it is not tried for ever");

    desk.at("2026-11-18T12:00:00Z").await;
    assert_eq!(ours(&desk), "due: 2026-11-18 13:00 UTC, sla: due soon");
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(ours(&desk), "due: 2026-11-18 13:00 UTC, sla: breached");
    desk.sandbox.remove_label(REPO, issue.number, "zoe", "label 7").await.unwrap();
    desk.at("2026-11-18T13:10:00Z").await;
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(ours(&desk), "sla: 4h, sla: breached, tier: Gold", "and with room for all, all");
});

story!(g2_where_people_left_no_room_the_desk_goes_without, |desk| {
    desk.holds_webhooks();
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Everything").await;
    fills(&desk, &issue, 100).await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.view(&issue).labels.len(), 100);
    assert!(desk.status(&issue).starts_with("**Accepted**"), "{}", desk.status(&issue));
    desk.says("ann", &issue, "On it.").await;
    assert!(desk.status(&issue).contains("Answered by `ann`"), "{}", desk.status(&issue));
});

const LONG: Setup = Setup {
    config: "",
    programme: Some(
        "[[tier]]\nid = \"a\"\nname = \"Enterprise with everything, for all of Europe\"\ntickets = \"9/week\"\nresponse = \"4h\"\n\
         [[tier]]\nid = \"b\"\nname = \"Enterprise with everything, for all of Eurasia\"\ntickets = \"9/week\"\nresponse = \"3h\"\n",
    ),
};

story!(g2_names_that_are_too_long_are_shortened_and_stay_two, LONG, |desk| {
    desk.partner("acme", "a", &["anna"]).await;
    desk.partner("globex", "b", &["gil"]).await;
    let tier = |desk: &Desk, issue: &Opened| desk.view(issue).labels.into_iter().find(|name| name.starts_with("tier: ")).unwrap();
    let (one, other) = (desk.opens("anna", "One").await, desk.opens("gil", "Two").await);
    let (one, other) = (tier(&desk, &one), tier(&desk, &other));
    assert_ne!(one, other);
    assert!(one.starts_with("tier: Enterprise with everything, for all") && one.contains('…'), "{one}");
});

story!(g2_g5_case_does_not_matter, |mut desk| {
    let somebodys = desk.opens("zoe", "Not a ticket").await;
    desk.sandbox.add_label(REPO, somebodys.number, "ann", "SLA: Met").await.unwrap();
    let issue = anna_of_acme_opens(&desk).await;
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[SLA: Met] [sla: 4h] [tier: Gold]");
    desk.sandbox.remove_label(REPO, issue.number, "zoe", "SLA: Met").await.unwrap();
    desk.settle().await;
    assert_eq!(desk.labels(&issue), "[SLA: Met] [sla: 4h] [tier: Gold]");
    // The operator writes it otherwise: it is the same label.
    let mark = desk.sandbox.mark();
    desk.restart_with(Setup { config: "[labels]\nmet = \"sla: MET\"\n", programme: None }).await;
    desk.says("zoe", &issue, "Same here.").await;
    assert_eq!(label_writes(&desk, mark).len(), 0, "{:?}", label_writes(&desk, mark));
    deletes(&desk, "SLA: Met").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: MET] [tier: Gold]");
});

story!(g1_g7_labels_of_unknown_fate_go_when_they_are_no_longer_wanted, |desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.sandbox.faults().next("POST", "/issues/1/labels", Fault::DropAfterEffect);
    let issue = desk.opens("anna", "Login is broken").await;
    assert_eq!(desk.labels(&issue), SHOWN, "they arrived, and the desk has not heard of it");
    desk.says("ann", &issue, "On it.").await;
    desk.at("2026-11-18T09:01:00Z").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

story!(g1_r6_labels_that_were_put_on_in_the_desks_last_moment_go_when_they_are_no_longer_wanted, |mut desk| {
    desk.partner("acme", "gold", &["anna"]).await;
    // Done at once, and the answer is on its way for longer than the desk lives.
    desk.sandbox.faults().next("POST", "/issues/1/labels", Fault::Delay(Duration::from_mins(1)));
    let happened = desk.sandbox.open_issue(REPO, "anna", "Login is broken", "").await.unwrap();
    let issue = Opened { number: happened.number(), id: happened.issue.clone().unwrap().id, answer: happened.status() };
    let put_on = async {
        while desk.labels(&issue) != SHOWN {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = desk.settle() => panic!("the desk does not wait for GitHub's answer"),
        () = put_on => {}
    }
    desk.stop().await;
    desk.sandbox.comment(REPO, issue.number, "ann", "On it.").await.unwrap();
    desk.clock.advance_to("2026-11-18T09:05:00Z".parse().unwrap());
    desk.go_on().await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
});

/// How often the database is asked until a label is put back on so many issues that was deleted from their repository.
async fn journeys_of_putting_back(issues: usize) -> usize {
    let plenty = "[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"999/week\"\nresponse = \"4h\"\n";
    let plenty = Setup { config: "", programme: Some(plenty) };
    let road = Road::to(&fresh_postgres(&format!("pd_put_back_{}_{issues}", std::process::id())).await).await;
    let mut desk = Desk::start(Engine::Sqlite, plenty.clone()).await;
    desk.stop().await;
    desk.app.desk.store.close().await;
    desk.go_on_at(&road.url, plenty).await;
    desk.partner("acme", "team", &["anna"]).await;
    let mut ids = vec![desk.opens("anna", "The first").await.id];
    for number in 1..issues {
        let opened = desk.sandbox.open_issue(REPO, "anna", &format!("Of many, {number}"), "…").await.unwrap();
        ids.push(opened.issue.unwrap().id);
    }
    let before = road.journeys();
    assert_eq!(desk.sandbox.delete_label(REPO, "zoe", "sla: 4h").await.unwrap().status(), Some(202));
    let journeys = road.journeys() - before;
    let mut tx = desk.app.desk.store.read().await.unwrap();
    assert_eq!(tx.hands_of(&ids).await.unwrap().len(), issues);
    tx.rollback().await.unwrap();
    desk.end().await;
    road.listening.abort();
    journeys
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn g5_a_deleted_label_is_put_back_on_many_issues_in_as_few_statements_as_on_two() {
    run(async {
        let (few, many) = (journeys_of_putting_back(2).await, journeys_of_putting_back(200).await);
        assert!(few > 5 && many <= few + 5, "{few} journeys to the database for two issues, {many} for two hundred");
    });
}
