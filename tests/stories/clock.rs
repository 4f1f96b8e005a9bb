//! The response clock: when it starts, what stops it, and how it ends.

use crate::desk::{Desk, Opened, REPO, Setup};
use partner_desk::domain::response::{Outcome, State};
use partner_desk::sandbox::{CloseOrder, Fault};

story!(g4_g6_a_ticket_is_admitted_labelled_and_answered_at_once, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let mark = desk.sandbox.mark();
    let issue = desk.opens("alice", "Login is broken").await;

    assert_eq!(issue.answer, Some(202));
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-18 13:00 UTC**.
    ");
    let writes: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation()).collect();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert_eq!(desk.ledger("acme").await.len(), 1);

    desk.at("2026-11-18T10:12:00Z").await;
    let mark = desk.sandbox.mark();
    desk.says("ann", &issue, "On it.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 10:12 UTC, after 1h 12m of the promised 4h.
    ");
    let writes: Vec<_> = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation()).collect();
    assert!(writes.len() <= 4, "{writes:?}");
    desk.at("2026-11-19T10:12:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(e1_nobody_answers, |desk| {
    desk.partner("acme", "platinum", &["alice"]).await;
    let issue = desk.opens("alice", "Everything is down").await;
    desk.at("2026-11-18T13:00:00Z").await;
    insta::assert_snapshot!(desk.pings().join("\n"), @r"
    due soon (75%): Acme, Platinum, 7x/support#1 “Everything is down”, 45m left, due 2026-11-18 12:00 UTC. Answer in a public comment to stop the clock. https://github.com/7x/support/issues/1
    on-call (90%): Acme, Platinum, 7x/support#1 “Everything is down”, 18m left, due 2026-11-18 12:00 UTC. Answer in a public comment to stop the clock. https://github.com/7x/support/issues/1
    breach (due): Acme, Platinum, 7x/support#1 “Everything is down”, due now, due 2026-11-18 12:00 UTC. Answer in a public comment now; every answer after the deadline counts as late. https://github.com/7x/support/issues/1
    breach (due), repeat 1 of 12: Acme, Platinum, 7x/support#1 “Everything is down”, overdue by 1h, due 2026-11-18 12:00 UTC. Answer in a public comment now; every answer after the deadline counts as late. https://github.com/7x/support/issues/1
    ");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 12:00 UTC] [sla: 3h] [sla: breached] [tier: Platinum]");
    desk.says("ben", &issue, "Sorry, on it now.").await;
    assert_eq!(desk.labels(&issue), "[sla: 3h] [sla: breached] [tier: Platinum]");
    desk.at("2026-11-19T13:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});

/// Whether its clock runs still.
async fn runs(desk: &Desk, issue: &Opened) -> bool {
    desk.ticket(issue).await.unwrap().cycles().last().unwrap().is_running()
}

/// How its clocks ended, in order.
async fn outcomes(desk: &Desk, issue: &Opened) -> Vec<Outcome> {
    let cycles = desk.ticket(issue).await.unwrap().cycles();
    let ended = cycles.iter().filter_map(|cycle| match &cycle.state {
        State::Ended { outcome, .. } => Some(*outcome),
        State::Running => None,
    });
    ended.collect()
}

story!(s2_only_words_by_an_agent_are_an_answer, |desk| {
    desk.partner("acme", "gold", &["alice", "carol"]).await;
    desk.partner("beta", "gold", &["bob"]).await;
    let issue = desk.opens("alice", "Help").await;
    for (author, text) in [
        ("alice", "Any news?"),
        ("carol", "I see it, too."),
        ("bob", "So do we at Beta."),
        ("passerby", "Works for me."),
        ("partner-desk[bot]", "Thanks for the report!"),
        ("ann", "/for acme"),
        ("ann", "> Any news?\n\n/ack 30m"),
    ] {
        desk.says(author, &issue, text).await;
        assert!(runs(&desk, &issue).await, "{author}: {text}");
    }
    desk.sandbox.add_label(REPO, issue.number, "ann", "bug").await.unwrap();
    desk.sandbox.react(REPO, issue.number, None, "ann", "eyes").await.unwrap();
    desk.sandbox.lock(REPO, issue.number, "ann").await.unwrap();
    desk.sandbox.unlock(REPO, issue.number, "ann").await.unwrap();
    let bare = desk.says("ann", &issue, "/none").await.comment.unwrap();
    desk.sandbox.edit_comment(REPO, bare, "ann", "On second thought: try again.").await.unwrap();
    desk.settle().await;
    assert!(runs(&desk, &issue).await, "labels, reactions, locks and edits are no answer");
    desk.says("ann", &issue, "```\ncargo update\n```").await;
    assert!(!runs(&desk, &issue).await);
    assert_eq!(desk.labels(&issue), "[bug] [sla: 4h] [sla: met] [tier: Gold]");
});

story!(s3_an_answer_at_the_due_second_is_met, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T13:00:00Z").await;
    assert!(desk.view(&issue).has_label("sla: breached"));
    desk.says("ann", &issue, "Just in time.").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met]);
});

story!(s3_an_answer_a_second_later_is_late_and_stays_late, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T13:00:01Z").await;
    desk.says("ann", &issue, "Too late?").await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: breached] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 13:00:01 UTC, 1s later than the promised 4h.
    ");
    desk.closes("ann", &issue).await;
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Late]);
});

story!(s3_an_answer_in_time_that_is_told_after_the_breach_corrects_everything, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T12:59:00Z").await;
    desk.holds_webhooks();
    desk.says("ann", &issue, "Here.").await;
    // GitHub neither sends the comment nor shows it when it is asked before the breach is said.
    desk.sandbox.faults().next_times(100, "GET", "/issues/*", Fault::status(502, "Bad gateway"));
    desk.at("2026-11-18T13:20:00Z").await;
    desk.sandbox.faults().clear();
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: breached] [tier: Gold]");
    assert!(desk.status(&issue).contains("is late. The team has been told."), "{}", desk.status(&issue));

    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Answered by `ann` on Wednesday 2026-11-18 12:59 UTC, after 3h 59m of the promised 4h.
    ");
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met]);
    let said = desk.pings().len();
    desk.at("2026-11-19T13:00:00Z").await;
    let corrections = desk.pings();
    assert_eq!((said > 0, corrections.len()), (true, 1), "{corrections:?}");
    assert!(corrections[0].contains("was wrong"), "{corrections:?}");
});

const GOLD_IN_A_DAY: &str = "[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"1/week\"\nresponse = \"24h\"\n";

story!(s5_editing_the_programme_changes_no_promise_that_was_given, |mut desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (done, open) = (desk.opens("alice", "Done").await, desk.opens("alice", "Open").await);
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &done, "Here.").await;
    desk.at("2026-11-18T12:30:00Z").await;
    desk.restart_with(Setup { programme: Some(GOLD_IN_A_DAY), ..Setup::default() }).await;
    assert_eq!(desk.labels(&open), "[due: 2026-11-18 13:00 UTC] [sla: 4h] [sla: due soon] [tier: Gold]");
    desk.at("2026-11-18T13:00:01Z").await;
    desk.says("ann", &open, "Sorry.").await;
    assert_eq!(outcomes(&desk, &open).await, [Outcome::Late]);
    desk.says("ben", &done, "And here.").await;
    assert_eq!(desk.labels(&done), "[sla: 4h] [sla: met] [tier: Gold]");
    let next = desk.opens("alice", "Under the new programme").await;
    assert_eq!(desk.labels(&next), "[quota: waiting] [tier: Gold]");
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(desk.labels(&next), "[due: 2026-11-24 00:00 UTC] [sla: 24h] [tier: Gold]");
});

story!(s6_hours_are_hours_also_when_the_clocks_are_turned, Setup { config: "time_zone = \"Europe/Paris\"", programme: None }, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    desk.zone("uni", "Europe/Paris").await;
    desk.at("2027-03-27T12:00:00Z").await;
    let issue = desk.opens("stu", "Over the weekend").await;
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2027-03-29 00:00 Europe/Paris.

    An engineer answers by **Monday 2027-03-29 00:00 UTC** (Monday 2027-03-29 02:00 Europe/Paris).
    ");
    desk.at("2027-03-29T00:00:00Z").await;
    desk.says("ann", &issue, "After 36 hours, 37 by the clock on the wall.").await;
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met]);
});

story!(s8_what_falls_into_one_second_is_answered_then_closed_then_opened_again, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.holds_webhooks();
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T09:30:00Z").await;
    desk.closes("alice", &issue).await;
    desk.reopens("alice", &issue).await;
    desk.says("ann", &issue, "Here.").await;
    desk.delivers(&[2, 1, 3, 0]).await;
    desk.delivers_the_rest().await;
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met]);
    assert!(runs(&desk, &issue).await);
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 13:30 UTC] [sla: 4h] [tier: Gold]");
});

story!(s9_closed_by_an_agent_without_a_word_is_neither_met_nor_breached, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.closes("ann", &issue).await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Closed by `ann` on Wednesday 2026-11-18 09:00 UTC without an answer; the clock has stopped.
    ");
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::ClosedUnanswered]);
    desk.at("2026-11-19T09:00:00Z").await;
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(s9_closed_after_it_was_due_stays_breached, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T13:00:01Z").await;
    desk.closes("alice", &issue).await;
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: breached] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Closed by `alice` on Wednesday 2026-11-18 13:00:01 UTC, after the promised time had passed without an answer.
    ");
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::ClosedLate]);
});

story!(s9_close_with_comment_is_an_answer_in_whatever_order_it_is_told, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    for order in [CloseOrder::CommentFirst, CloseOrder::CloseFirst] {
        let issue = desk.opens("alice", "Help").await;
        desk.sandbox.close_with_comment(REPO, issue.number, "ann", "completed", "Fixed.", order).await.unwrap();
        desk.settle().await;
        assert_eq!(outcomes(&desk, &issue).await, [Outcome::Met], "{order:?}");
        assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: met] [tier: Gold]");
    }
});

story!(s9_a_comment_up_to_five_seconds_after_the_close_came_with_it, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (soon, later, other) =
        (desk.opens("alice", "Five").await, desk.opens("alice", "Six").await, desk.opens("alice", "Not the closer").await);
    for issue in [&soon, &later, &other] {
        desk.closes("ann", issue).await;
    }
    desk.at("2026-11-18T09:00:05Z").await;
    desk.says("ann", &soon, "Fixed.").await;
    desk.says("ben", &other, "Fixed.").await;
    desk.at("2026-11-18T09:00:06Z").await;
    desk.says("ann", &later, "Fixed.").await;
    assert_eq!(outcomes(&desk, &soon).await, [Outcome::Met]);
    assert_eq!(outcomes(&desk, &later).await, [Outcome::ClosedUnanswered]);
    assert_eq!(outcomes(&desk, &other).await, [Outcome::ClosedUnanswered]);
});

story!(s9_closed_by_the_partner_is_cancelled_and_reopened_it_runs_anew_without_a_charge, |desk| {
    desk.partner("acme", "gold", &["alice", "carol"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T09:10:00Z").await;
    desk.closes("carol", &issue).await;
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    Closed by `carol` on Wednesday 2026-11-18 09:10 UTC; the clock has stopped.
    ");
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Cancelled]);
    desk.at("2026-11-19T09:00:00Z").await;
    desk.reopens("alice", &issue).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-19 13:00 UTC] [sla: 4h] [tier: Gold]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC.

    An engineer answers by **Thursday 2026-11-19 13:00 UTC**. The issue was reopened, which starts a new clock; it is not charged again.
    ");
    assert_eq!(desk.ledger("acme").await.len(), 1);
});

story!(s9_reopened_after_an_answer_the_old_outcome_stands, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.at("2026-11-18T14:00:00Z").await;
    desk.says("ann", &issue, "Late, but here.").await;
    desk.closes("ann", &issue).await;
    desk.at("2026-11-18T15:00:00Z").await;
    desk.reopens("alice", &issue).await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-18 19:00 UTC] [sla: 4h] [sla: breached] [tier: Gold]");
    desk.at("2026-11-18T15:00:01Z").await;
    desk.says("ann", &issue, "Here again.").await;
    assert_eq!(outcomes(&desk, &issue).await, [Outcome::Late, Outcome::Met]);
    assert_eq!(desk.labels(&issue), "[sla: 4h] [sla: breached] [tier: Gold]");
    assert_eq!(desk.ledger("acme").await.len(), 1);
});

story!(s10_an_agent_who_leaves_takes_no_answer_along, |mut desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (answered, open) = (desk.opens("alice", "Help").await, desk.opens("alice", "Help again").await);
    desk.says("ann", &answered, "Here.").await;
    desk.restart_with(Setup { config: "agents = [\"ben\"]", ..Setup::default() }).await;
    desk.says("ann", &open, "I work elsewhere now.").await;
    assert!(runs(&desk, &open).await);
    assert_eq!(desk.labels(&answered), "[sla: 4h] [sla: met] [tier: Gold]");
    assert_eq!(outcomes(&desk, &answered).await, [Outcome::Met]);
});
