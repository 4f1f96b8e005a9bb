//! Stories of issues that are transferred or converted (`S12`), and of the account that `explain` and `/why` print (`C`).

use crate::desk::{Desk, Opened, REPO};
use partner_desk::cli;
use partner_desk::domain::IssueId;
use partner_desk::domain::response::{Outcome, State};
use partner_desk::messages;
use partner_desk::sandbox::{Deliver, Fault};

const OTHER: &str = "7x/other";

/// The issue's place after its transfer, with its labels in one line.
fn there(desk: &Desk, number: u64) -> String {
    let view = desk.sandbox.issue(OTHER, number).unwrap();
    view.labels.iter().map(|label| format!("[{label}]")).collect::<Vec<_>>().join(" ")
}

async fn transfers(desk: &Desk, issue: &Opened, to: &str) -> (u64, IssueId) {
    let happened = desk.sandbox.transfer_issue(REPO, issue.number, to, "ann").await.unwrap();
    desk.settle().await;
    let there = happened.issue.unwrap();
    (there.number, there.id)
}

async fn outcomes(desk: &Desk, issue: &Opened) -> Vec<Option<Outcome>> {
    let cycles = desk.ticket(issue).await.unwrap().cycles();
    let outcome = |state| match state {
        State::Running => None,
        State::Ended { outcome, .. } => Some(outcome),
    };
    cycles.into_iter().map(|cycle| outcome(cycle.state)).collect()
}

story!(s12_a_ticket_follows_its_issue_to_a_covered_repository, |desk| {
    desk.sandbox.repository(OTHER);
    desk.app.desk.catch_up().await.unwrap();
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "In the wrong place").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let (number, id) = transfers(&desk, &issue, OTHER).await;
    assert_eq!(there(&desk, number), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.ledger("acme").await.len(), 1, "charged once");
    assert_eq!(desk.standing_of(id).await, "unknown", "no ticket of its own");
    let comments = desk.sandbox.issue(OTHER, number).unwrap();
    assert_eq!(comments.comments_by("partner-desk[bot]").len(), 1, "one status comment");

    desk.at("2026-11-18T11:00:00Z").await;
    desk.sandbox.comment(OTHER, number, "ann", "Here is how.").await.unwrap();
    desk.settle().await;
    assert_eq!(there(&desk, number), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met)]);
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(s12_a_ticket_that_is_being_shown_while_it_moves_is_shown_where_it_is, |desk| {
    desk.sandbox.repository(OTHER);
    desk.app.desk.catch_up().await.unwrap();
    desk.partner("acme", "gold", &["alice"]).await;
    // What GitHub answers to the comment is on its way for long.
    desk.sandbox.faults().next("POST", "/comments", Fault::Delay(std::time::Duration::from_millis(700)));
    let opened = desk.sandbox.open_issue(REPO, "alice", "In the wrong place", "Help").await.unwrap();
    let issue = Opened { number: opened.number(), id: opened.issue.unwrap().id, answer: None };
    let publisher = desk.publishes();
    while desk.comments(&issue).is_empty() {
        tokio::task::yield_now().await;
    }
    let moved = desk.sandbox.transfer_issue(REPO, issue.number, OTHER, "ann").await.unwrap();
    publisher.await.unwrap().unwrap();
    desk.settle().await;
    let number = moved.issue.unwrap().number;
    assert_eq!(there(&desk, number), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    assert_eq!(desk.sandbox.issue(OTHER, number).unwrap().comments_by("partner-desk[bot]").len(), 1, "one status comment");
    desk.sandbox.comment(OTHER, number, "ann", "Here is how.").await.unwrap();
    desk.settle().await;
    assert_eq!(there(&desk, number), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(desk.sandbox.issue(OTHER, number).unwrap().comments_by("partner-desk[bot]").len(), 1);
});

story!(s12_the_two_halves_of_a_transfer_come_in_either_order, |desk| {
    desk.sandbox.repository(OTHER);
    desk.app.desk.catch_up().await.unwrap();
    desk.partner("acme", "gold", &["alice"]).await;
    let mut tickets = 0;
    for (title, order) in [("One", [0, 1, 2]), ("Two", [1, 0, 2]), ("Three", [2, 1, 0]), ("Four", [2, 0, 1])] {
        let issue = desk.opens("alice", title).await;
        desk.holds_webhooks();
        let (number, _) = transfers(&desk, &issue, OTHER).await;
        desk.sandbox.comment(OTHER, number, "alice", "Still waiting").await.unwrap();
        desk.delivers(&order).await;
        desk.delivers_the_rest().await;
        assert_eq!(there(&desk, number), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]", "{title}");
        let units: i64 = desk.ledger("acme").await.iter().map(|entry| if entry.kind.as_str() == "charge" { 1 } else { -1 }).sum();
        tickets += 1;
        assert_eq!(units, tickets, "{title}");
    }
});

story!(s12_a_transfer_out_of_coverage_ends_the_clock_and_warns, |desk| {
    desk.sandbox.leave_out("7x/elsewhere").unwrap();
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Not for us").await;
    desk.at("2026-11-18T10:00:00Z").await;
    transfers(&desk, &issue, "7x/elsewhere").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::LeftCoverage)]);
    let warned = desk.pings();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("7x/support#1 was transferred to 7x/elsewhere"), "{warned:?}");
    desk.at("2026-11-19T10:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new(), "no step is said of it");
});

story!(s12_e3_an_issue_that_is_said_to_be_elsewhere_is_gone_only_where_another_one_is_there, |desk| {
    desk.sandbox.repository(OTHER);
    desk.app.desk.catch_up().await.unwrap();
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "In the right place").await;
    let home = format!("{}/repositories/{}/issues/1", desk.sandbox.url(), desk.sandbox.repository(REPO));
    desk.sandbox.faults().next("GET", "/issues/1", Fault::moved(301, &home));
    desk.at("2026-11-18T12:00:00Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].contains("due soon") && !said[0].contains("not confirmed"), "it is read where it is: {said:?}");

    desk.sandbox.faults().next("GET", "/issues/1", Fault::moved(301, "https://strangers.example/issues/1"));
    desk.at("2026-11-18T12:36:00Z").await;
    let said = desk.pings();
    assert!(said.len() == 1 && said[0].contains("on-call") && said[0].contains("not confirmed"), "strangers say nothing: {said:?}");
    assert_eq!((desk.sandbox.faults().pending(), outcomes(&desk, &issue).await), (0, vec![None]));

    desk.holds_webhooks();
    desk.sandbox.transfer_issue(REPO, issue.number, OTHER, "ann").await.unwrap();
    desk.sandbox.drop_held();
    desk.sandbox.deliveries_go(Deliver::AtOnce);
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!((desk.pings(), desk.ticket(&issue).await.unwrap().is_gone()), (vec![], true));
});

story!(s12_q6_an_issue_made_a_discussion_before_an_answer_ends_and_is_given_back, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Let us talk").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.sandbox.convert_to_discussion(REPO, issue.number, "ann").await.unwrap();
    desk.settle().await;
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert!(desk.ticket(&issue).await.unwrap().is_gone());
    assert!(desk.ledger_lines("acme").await.contains("refund #1 by ann: deleted or converted before an answer"));
});

story!(c_explain_and_why_give_the_same_account, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Why is that").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &issue, "Try this.").await;
    desk.at("2026-11-18T10:30:00Z").await;
    desk.says("alice", &issue, "/why").await;
    let reply = desk.comments(&issue).last().cloned().unwrap();
    insta::assert_snapshot!(reply, @r"
    | when (UTC) | rule | who | what |
    |---|---|---|---|
    | 2026-11-18 09:00:00 | `W2` | alice | opened, as a member of acme then |
    | 2026-11-18 09:00:00 | `Q1` | alice | charge for acme: ticket 1 of 10 in the week from 2026-11-16T00:00:00Z |
    | 2026-11-18 09:00:00 | `S1` |  | clock 1 starts: admitted; answer within 4h, due 2026-11-18T13:00:00Z |
    | 2026-11-18 10:00:00 | `W3` | ann | counts as a support engineer: was one when this was written |
    | 2026-11-18 10:00:00 | `S3` | ann | clock 1 stops: answered in time: met |
    | 2026-11-18 10:30:00 | `C` | alice | /why: answered |
    ");
    let told = cli::explain::account(&desk.app.desk, &format!("{REPO}#{}", issue.number)).await.unwrap();
    let rows: Vec<_> = reply.lines().filter(|line| line.starts_with("| 20")).map(str::to_owned).collect();
    // What the reply itself adds is the line about the question.
    assert_eq!(messages::account_rows(&told), rows);
});

story!(s4_a_thumbs_up_by_an_agent_settles_a_thank_you, crate::desk::Setup { config: "response = \"every\"", programme: None }, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.says("ann", &issue, "Here is how.").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let thanks = desk.says("alice", &issue, "Thank you!").await;
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), None]);
    desk.sandbox.react(REPO, issue.number, thanks.comment, "ann", "+1").await.unwrap();
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
    assert_eq!(outcomes(&desk, &issue).await, [Some(Outcome::Met), Some(Outcome::Settled)]);
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");

    desk.at("2026-11-18T16:00:00Z").await;
    let more = desk.says("alice", &issue, "Does it work on Mondays?").await;
    desk.sandbox.react(REPO, issue.number, more.comment, "alice", "+1").await.unwrap();
    desk.at("2026-11-18T19:00:00Z").await;
    assert_eq!(desk.pings().len(), 1, "the partner's own thumbs-up settles nothing");
});

const SHORTER: &str = "[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"10/week\"\nresponse = \"2h\"\n";
const LONGER: &str = "[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"10/week\"\nresponse = \"6h\"\n";

story!(s5_an_edit_of_the_programme_changes_a_running_clock_only_by_retarget, |mut desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let done = desk.opens("alice", "Answered before").await;
    desk.at("2026-11-18T12:30:00Z").await;
    desk.says("ann", &done, "Done.").await;
    let issue = desk.opens("alice", "Open now").await;
    desk.restart_with(crate::desk::Setup { config: "", programme: Some(SHORTER) }).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 16:30 UTC] [sla: 4h] [tier: Gold]");
    let changed = desk.app.desk.retarget(None).await.unwrap();
    desk.settle().await;
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 14:30 UTC] [sla: 2h] [tier: Gold]");
    assert_eq!(desk.labels(&done), "[sla: 4h] [sla: met] [tier: Gold]", "what has ended is never judged again");
    assert!(desk.log(&issue).await.iter().any(|line| line.starts_with("S5 retarget")));
    assert_eq!(desk.app.desk.retarget(None).await.unwrap().len(), 0, "and again changes nothing");

    desk.restart_with(crate::desk::Setup { config: "", programme: Some(LONGER) }).await;
    desk.at("2026-11-18T14:40:00Z").await;
    desk.app.desk.retarget(None).await.unwrap();
    desk.settle().await;
    assert!(desk.labels(&issue).contains("[sla: breached]"), "a breach stays a breach: {}", desk.labels(&issue));
});
