//! What gives a unit back, what adds some, and what a change of tier does to them.

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use partner_desk::cli::partner::{PartnerCommand, run};
use partner_desk::domain::response::{Outcome, State};
use partner_desk::sandbox::CloseOrder;

/// The ledger without instants and actors: `charge #1`.
async fn ledger(desk: &Desk, partner: &str) -> Vec<String> {
    let lines = desk.ledger_lines(partner).await;
    lines.lines().map(|line| line.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ")).collect()
}

async fn closes_as(desk: &Desk, actor: &str, issue: &Opened, reason: &str) {
    desk.sandbox.close(REPO, issue.number, actor, reason).await.unwrap();
    desk.settle().await;
}

/// What an operator reads of a partner, from the line `used` on, without what the tier includes.
async fn shown(desk: &Desk, partner: &str) -> String {
    let mut out = Vec::new();
    run(PartnerCommand::Show { id: partner.to_owned(), json: false }, &desk.app.desk, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    let used = text.lines().find(|line| line.starts_with("used:")).unwrap();
    let ledger = text.split_once("\nledger").unwrap().1;
    format!("{used}\nledger{}", ledger.trim_end())
}

async fn outcomes(desk: &Desk, issue: &Opened) -> Vec<Outcome> {
    let cycles = desk.ticket(issue).await.unwrap().cycles();
    let ended = cycles.iter().filter_map(|cycle| match &cycle.state {
        State::Ended { outcome, .. } => Some(*outcome),
        State::Running => None,
    });
    ended.collect()
}

story!(q6_an_early_close_by_the_author_is_given_back_once_a_window, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("stu", "One").await;
    let second = desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!(desk.standing(&third).await, "waiting");
    desk.at("2026-11-18T09:15:00Z").await;
    closes_as(&desk, "stu", &first, "completed").await;
    // The unit that came back goes to the next in line.
    assert_eq!(desk.labels(&third), "[due: 2026-11-19 21:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.status(&first), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-23 00:00 UTC. Given back: closed by the partner within 15 minutes, unanswered.

    Closed by `stu` on Wednesday 2026-11-18 09:15 UTC; the clock has stopped.
    ");
    closes_as(&desk, "stu", &second, "not_planned").await;
    insta::assert_snapshot!(desk.status(&second), @r"
    **Accepted** for **Uni** (Student). Ticket **2 of 2**, week until Monday 2026-11-23 00:00 UTC. Not given back: only one early close a week is (`Q6`).

    Closed by `stu` on Wednesday 2026-11-18 09:15 UTC; the clock has stopped.
    ");
    desk.at("2026-11-18T09:15:01Z").await;
    closes_as(&desk, "stu", &third, "completed").await;
    assert_eq!(ledger(&desk, "uni").await, ["charge #1", "charge #2", "withdrawal #1", "charge #3"]);
    // The next window has one of its own.
    desk.at("2026-11-23T00:00:00Z").await;
    let next = desk.opens("stu", "Four").await;
    closes_as(&desk, "stu", &next, "completed").await;
    assert_eq!(ledger(&desk, "uni").await.last().unwrap(), "withdrawal #4");
});

story!(q6_what_is_no_early_close, |desk| {
    desk.partner("acme", "gold", &["alice", "carol"]).await;
    let late = desk.opens("alice", "Sixteen minutes").await;
    let answered = desk.opens("alice", "Answered").await;
    let colleague = desk.opens("alice", "Closed by another member").await;
    desk.says("ann", &answered, "Here.").await;
    desk.at("2026-11-18T09:01:00Z").await;
    closes_as(&desk, "alice", &answered, "completed").await;
    closes_as(&desk, "carol", &colleague, "completed").await;
    desk.at("2026-11-18T09:15:01Z").await;
    closes_as(&desk, "alice", &late, "completed").await;
    assert_eq!(ledger(&desk, "acme").await, ["charge #1", "charge #2", "charge #3"]);
});

story!(q6_closed_by_an_agent_as_duplicate_or_not_planned_before_an_answer, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (duplicate, unplanned) = (desk.opens("alice", "One").await, desk.opens("alice", "Two").await);
    let (done, answered, with_words) =
        (desk.opens("alice", "Three").await, desk.opens("alice", "Four").await, desk.opens("alice", "Five").await);
    desk.says("ann", &answered, "Here.").await;
    desk.at("2026-11-18T14:00:00Z").await;
    closes_as(&desk, "ann", &duplicate, "duplicate").await;
    closes_as(&desk, "ann", &unplanned, "not_planned").await;
    closes_as(&desk, "ann", &done, "completed").await;
    closes_as(&desk, "ann", &answered, "duplicate").await;
    // Closed with words, these are the answer (S9).
    let order = CloseOrder::CloseFirst;
    desk.sandbox.close_with_comment(REPO, with_words.number, "ann", "not_planned", "We shall not.", order).await.unwrap();
    desk.settle().await;
    let entries = ledger(&desk, "acme").await;
    assert!(entries.contains(&"refund #1".to_owned()) && entries.contains(&"refund #2".to_owned()), "{entries:?}");
    assert!(shown(&desk, "acme").await.starts_with("used: 3 of 10,"), "{entries:?}");
    assert_eq!(outcomes(&desk, &duplicate).await, [Outcome::ClosedLate], "given back, and late all the same");
});

story!(q6_an_agent_refunds_by_command_once_also_after_an_answer, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "One").await;
    desk.says("ann", &issue, "It was our own fault.\n/refund our fault").await;
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-11-23 00:00 UTC. Given back: our fault.

    Answered by `ann` on Wednesday 2026-11-18 09:00 UTC, after 0s of the promised 4h.
    ");
    desk.at("2026-11-18T09:10:00Z").await;
    desk.says("ann", &issue, "/refund twice").await;
    assert_eq!(desk.comments(&issue).last().unwrap(), "`/refund` was not carried out: this ticket uses no unit that could be given back.");
    insta::assert_snapshot!(shown(&desk, "acme").await, @r"
    used: 0 of 10, 10 left, week until Monday 2026-11-23 00:00 UTC
    ledger, latest 2 of 2
      2026-11-18T09:00:00Z  refund  7x/support#1  our fault (ann)
      2026-11-18T09:00:00Z  charge  7x/support#1  ticket 1 of 10 in the week from 2026-11-16T00:00:00Z (alice)
    ");
});

story!(q6_deleted_or_converted_before_an_answer, |mut desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (deleted, converted) = (desk.opens("alice", "One").await, desk.opens("alice", "Two").await);
    let answered = desk.opens("alice", "Three").await;
    desk.says("ann", &answered, "Here.").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.sandbox.delete_issue(REPO, deleted.number, "alice").await.unwrap();
    desk.sandbox.delete_issue(REPO, answered.number, "alice").await.unwrap();
    desk.settle().await;
    // GitHub tells of a conversion in the issue's history only.
    desk.stop().await;
    desk.sandbox.convert_to_discussion(REPO, converted.number, "ann").await.unwrap();
    desk.go_on().await;
    desk.at("2026-11-18T13:10:00Z").await;
    let entries = ledger(&desk, "acme").await;
    assert_eq!(entries.len(), 5, "{entries:?}");
    assert!(entries.contains(&"refund #1".to_owned()) && entries.contains(&"refund #2".to_owned()), "{entries:?}");
    assert_eq!(desk.pings(), Vec::<String>::new());
});

story!(q6_q4_reopened_after_a_refund_it_is_charged_once_to_the_window_of_the_reopening, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let issue = desk.opens("stu", "One").await;
    desk.at("2026-11-18T09:10:00Z").await;
    closes_as(&desk, "stu", &issue, "completed").await;
    desk.at("2026-11-24T10:00:00Z").await;
    desk.holds_webhooks();
    desk.reopens("stu", &issue).await;
    desk.says("stu", &issue, "It is back.").await;
    desk.delivers(&[1, 0, 0, 1]).await;
    desk.delivers_the_rest().await;
    insta::assert_snapshot!(desk.ledger_lines("uni").await, @r"
    2026-11-18T09:00:00Z charge #1 by stu: ticket 1 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-18T09:00:00Z withdrawal #1 by stu: closed by the partner within 15 minutes, unanswered
    2026-11-24T10:00:00Z charge #1 by stu: ticket 1 of 2 in the week from 2026-11-23T00:00:00Z
    ");
    assert_eq!(desk.labels(&issue), "[due: 2026-11-25 22:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-25 22:00 UTC**.
    ");
    insta::assert_snapshot!(desk.reasons(&issue), @r"
    - `W2` The author was a member of this partner when the issue was opened.
    - `Q1` Charged to the week of its reopening, which began Monday 2026-11-23 00:00 UTC.
    - `S1` The promise is an answer within 36h of its reopening, Tuesday 2026-11-24 10:00 UTC.
    ");
    // Closed again within 15 minutes, it is given back in its new window.
    desk.at("2026-11-24T10:05:00Z").await;
    closes_as(&desk, "stu", &issue, "completed").await;
    assert_eq!(ledger(&desk, "uni").await.last().unwrap(), "withdrawal #1");
});

story!(q6_q5_reopened_after_a_refund_it_waits_where_the_window_is_full, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let issue = desk.opens("stu", "One").await;
    desk.at("2026-11-18T09:10:00Z").await;
    closes_as(&desk, "stu", &issue, "completed").await;
    for title in ["Two", "Three"] {
        let other = desk.opens("stu", title).await;
        desk.says("ann", &other, "Here.").await;
    }
    desk.at("2026-11-18T10:00:00Z").await;
    desk.reopens("stu", &issue).await;
    assert_eq!(desk.labels(&issue), "[quota: waiting] [tier: Student]");
    assert!(desk.status(&issue).contains("Its slot opens **Monday 2026-11-23 00:00 UTC**"), "{}", desk.status(&issue));
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
    assert!(desk.comments(&issue)[1].starts_with("@stu, a slot came free"), "{:?}", desk.comments(&issue));
    assert_eq!(ledger(&desk, "uni").await, ["charge #1", "withdrawal #1", "charge #2", "charge #3", "charge #1"]);
});

story!(q6_q9_reopened_after_a_refund_it_needs_a_subscription, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (refunded, answered) = (desk.opens("alice", "One").await, desk.opens("alice", "Two").await);
    desk.says("ann", &answered, "Here.").await;
    desk.at("2026-11-18T09:10:00Z").await;
    closes_as(&desk, "alice", &refunded, "completed").await;
    closes_as(&desk, "alice", &answered, "completed").await;
    desk.at("2026-11-19T09:00:00Z").await;
    desk.subscription_ends("acme").await;
    desk.at("2026-11-20T09:00:00Z").await;
    desk.reopens("alice", &refunded).await;
    desk.reopens("alice", &answered).await;
    assert_eq!(desk.standing(&refunded).await, "no_subscription");
    insta::assert_snapshot!(desk.status(&refunded), @r"
    **Not accepted**: the subscription of **Acme** ended Thursday 2026-11-19 09:00 UTC (`Q9`).

    Please renew it and open a new issue. Tickets that were accepted before keep their promise.
    ");
    // What was charged keeps the promise that it was given.
    assert_eq!(desk.labels(&answered), "[due: 2026-11-20 13:00 UTC] [sla: 4h] [tier: Gold]");
});

story!(s9_q6_reopened_within_fourteen_days_is_free_and_later_it_is_charged, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let (within, after) = (desk.opens("alice", "One").await, desk.opens("alice", "Two").await);
    for issue in [&within, &after] {
        desk.says("ann", issue, "Here.").await;
        closes_as(&desk, "ann", issue, "completed").await;
    }
    desk.at("2026-12-02T09:00:00Z").await;
    desk.reopens("alice", &within).await;
    assert_eq!(desk.labels(&within), "[due: 2026-12-02 13:00 UTC] [sla: 4h] [tier: Gold]");
    desk.at("2026-12-02T09:00:01Z").await;
    desk.reopens("alice", &after).await;
    assert_eq!(ledger(&desk, "acme").await, ["charge #1", "charge #2", "charge #2"]);
    insta::assert_snapshot!(desk.status(&after), @r"
    **Accepted** for **Acme** (Gold). Ticket **1 of 10**, week until Monday 2026-12-07 00:00 UTC.

    An engineer answers by **Wednesday 2026-12-02 13:00:01 UTC**.
    ");
    assert_eq!(outcomes(&desk, &after).await, [Outcome::Met]);
});

story!(q7_a_waived_ticket_uses_nothing_and_keeps_its_promise, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let charged = desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let (third, fourth) = (desk.opens("stu", "Three").await, desk.opens("stu", "Four").await);
    desk.at("2026-11-18T10:00:00Z").await;
    // On one that waits: it is admitted, and needs no slot.
    desk.says("ann", &fourth, "/waive they found our bug").await;
    assert_eq!((desk.standing(&third).await, desk.standing(&fourth).await), ("waiting", "admitted"));
    assert_eq!(desk.labels(&fourth), "[due: 2026-11-19 22:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.comments(&fourth).join("\n---\n"), @r"
    **Accepted** for **Uni** (Student). Waived: it uses none of the allowance.

    An engineer answers by **Thursday 2026-11-19 22:00 UTC**.
    ---
    @stu, this ticket was waived, needs no slot, and is accepted now. An engineer answers by **Thursday 2026-11-19 22:00 UTC**.
    ");
    insta::assert_snapshot!(desk.reasons(&fourth), @r"
    - `W2` The author was a member of this partner when the issue was opened.
    - `Q7` It was waived, so it needs no slot.
    - `S1` The promise is an answer within 36h of its admission, Wednesday 2026-11-18 10:00 UTC.
    ");
    // On one that is charged: its unit goes to the next in line, its clock runs on.
    desk.at("2026-11-18T11:00:00Z").await;
    desk.says("ann", &charged, "/waive our outage").await;
    assert_eq!(desk.labels(&charged), "[due: 2026-11-19 21:00 UTC] [sla: 36h] [tier: Student]");
    assert_eq!(desk.labels(&third), "[due: 2026-11-19 23:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.status(&charged), @r"
    **Accepted** for **Uni** (Student). Waived: it uses none of the allowance.

    An engineer answers by **Thursday 2026-11-19 21:00 UTC**.
    ");
    desk.at("2026-11-18T12:00:00Z").await;
    desk.says("ann", &charged, "/waive again").await;
    assert_eq!(desk.comments(&charged).last().unwrap(), "`/waive` was not carried out: this ticket uses no unit that could be given back.");
    insta::assert_snapshot!(shown(&desk, "uni").await, @r"
    used: 2 of 2, 0 left, week until Monday 2026-11-23 00:00 UTC
    ledger, latest 5 of 5
      2026-11-18T11:00:00Z  charge  7x/support#3  ticket 2 of 2 in the week from 2026-11-16T00:00:00Z (stu)
      2026-11-18T10:00:00Z  waiver  7x/support#4  they found our bug (ann)
      2026-11-18T09:00:00Z  waiver  7x/support#1  our outage (ann)
      2026-11-18T09:00:00Z  charge  7x/support#2  ticket 2 of 2 in the week from 2026-11-16T00:00:00Z (stu)
      2026-11-18T09:00:00Z  charge  7x/support#1  ticket 1 of 2 in the week from 2026-11-16T00:00:00Z (stu)
    ");
});

story!(q7_granted_tickets_admit_those_in_line_until_they_end, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    let (third, fourth, fifth) = (desk.opens("stu", "Three").await, desk.opens("stu", "Four").await, desk.opens("stu", "Five").await);
    desk.at("2026-11-18T10:00:00Z").await;
    desk.says("ann", &first, "/grant 2 for the outage").await;
    assert_eq!(
        (desk.standing(&third).await, desk.standing(&fourth).await, desk.standing(&fifth).await),
        ("admitted", "admitted", "waiting")
    );
    assert_eq!(desk.labels(&third), "[due: 2026-11-19 22:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Accepted** for **Uni** (Student). An extra ticket that was granted; the 2 of the week until Monday 2026-11-23 00:00 UTC are used.

    An engineer answers by **Thursday 2026-11-19 22:00 UTC**.
    ");
    insta::assert_snapshot!(desk.reasons(&third), @r"
    - `W2` The author was a member of this partner when the issue was opened.
    - `Q7` It waited for a slot and was admitted Wednesday 2026-11-18 10:00 UTC on an extra ticket that was granted.
    - `S1` The promise is an answer within 36h of its admission, Wednesday 2026-11-18 10:00 UTC.
    ");
    insta::assert_snapshot!(shown(&desk, "uni").await, @r"
    used: 2 of 2, 0 left, week until Monday 2026-11-23 00:00 UTC
    ledger, latest 5 of 5
      2026-11-18T10:00:00Z  grant of 2  7x/support#1  for the outage (ann)
      2026-11-18T10:00:00Z  charge      7x/support#4  an extra ticket that was granted (stu)
      2026-11-18T10:00:00Z  charge      7x/support#3  an extra ticket that was granted (stu)
      2026-11-18T09:00:00Z  charge      7x/support#2  ticket 2 of 2 in the week from 2026-11-16T00:00:00Z (stu)
      2026-11-18T09:00:00Z  charge      7x/support#1  ticket 1 of 2 in the week from 2026-11-16T00:00:00Z (stu)
    ");
    // What stands on a grant goes back to it.
    closes_as(&desk, "ann", &third, "duplicate").await;
    assert_eq!(desk.standing(&fifth).await, "admitted");
});

story!(q7_a_grant_ends_with_its_day_or_with_the_window, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("stu", "One").await;
    desk.opens("stu", "Two").await;
    desk.says("ann", &first, "/grant 1 this week").await;
    desk.says("ann", &first, "/grant 1 until 2026-11-24 a gift").await;
    desk.at("2026-11-23T00:00:00Z").await;
    desk.opens("stu", "Three").await;
    desk.opens("stu", "Four").await;
    let fifth = desk.opens("stu", "Five, on the gift").await;
    let sixth = desk.opens("stu", "Six").await;
    assert_eq!((desk.standing(&fifth).await, desk.standing(&sixth).await), ("admitted", "waiting"));
    desk.at("2026-11-23T10:00:00Z").await;
    desk.says("ann", &first, "/grant 1 until 2026-11-22 too late").await;
    assert_eq!(desk.standing(&sixth).await, "waiting");
});

const ZERO: Setup = Setup {
    config: "",
    programme: Some(
        "[[tier]]\nid = \"zero\"\nname = \"Zero\"\ntickets = \"0/week\"\nresponse = \"24h\"\n\
         [[tier]]\nid = \"none\"\nname = \"None\"\nresponse = \"24h\"\n",
    ),
};

story!(q3_q7_zero_a_week_waits_for_a_grant, ZERO, |desk| {
    desk.partner("acme", "zero", &["alice"]).await;
    let issue = desk.opens("alice", "Some day").await;
    desk.at("2026-12-02T09:00:00Z").await;
    assert_eq!(desk.standing(&issue).await, "waiting");
    desk.says("ann", &issue, "/grant 1 by way of trial").await;
    assert_eq!(desk.labels(&issue), "[due: 2026-12-03 09:00 UTC] [sla: 24h] [tier: Zero]");
    insta::assert_snapshot!(desk.status(&issue), @r"
    **Accepted** for **Acme** (Zero). An extra ticket that was granted.

    An engineer answers by **Thursday 2026-12-03 09:00 UTC**.
    ");
    assert_eq!(ledger(&desk, "acme").await, ["charge #1", "grant #1"]);
});

story!(q8_a_rise_from_a_week_to_a_month_counts_what_the_month_used, |desk| {
    desk.partner("acme", "student", &["alice"]).await;
    for title in ["One", "Two"] {
        let issue = desk.opens("alice", title).await;
        desk.says("ann", &issue, "Here.").await;
    }
    let waiting = desk.opens("alice", "Three").await;
    desk.at("2026-11-19T10:00:00Z").await;
    desk.set_tier("acme", "basic").await;
    assert_eq!(desk.labels(&waiting), "[due: 2026-11-20 10:00 UTC] [sla: 24h] [tier: Basic]");
    assert!(desk.status(&waiting).contains("Ticket **3 of 15**, month until Tuesday 2026-12-01 00:00 UTC."), "{}", desk.status(&waiting));
});

story!(q8_a_change_from_a_month_to_a_week_counts_what_the_week_used, |desk| {
    desk.partner("acme", "basic", &["alice"]).await;
    desk.at("2026-11-22T23:00:00Z").await;
    for _ in 0..6 {
        desk.opens("alice", "Last week").await;
    }
    desk.at("2026-11-23T09:00:00Z").await;
    for _ in 0..4 {
        desk.opens("alice", "This week").await;
    }
    desk.at("2026-11-24T09:00:00Z").await;
    desk.set_tier("acme", "professional").await;
    let fifth = desk.opens("alice", "Five of this week").await;
    assert!(desk.status(&fifth).contains("Ticket **5 of 5**, week until Monday 2026-11-30 00:00 UTC."), "{}", desk.status(&fifth));
    let sixth = desk.opens("alice", "Six of this week").await;
    assert_eq!(desk.standing(&sixth).await, "waiting");
    // Down again to a month: eleven of fifteen are used, and the one in line finds a slot at once.
    desk.at("2026-11-24T10:00:00Z").await;
    desk.set_tier("acme", "starter").await;
    assert!(desk.status(&sixth).contains("Ticket **12 of 15**, month until"), "{}", desk.status(&sixth));
    assert_eq!(desk.labels(&sixth), "[due: 2026-11-25 22:00 UTC] [sla: 36h] [tier: Starter]");
});

story!(q8_a_fall_claws_nothing_back, |desk| {
    desk.partner("acme", "starter", &["alice"]).await;
    let mut issues = Vec::new();
    for _ in 0..4 {
        issues.push(desk.opens("alice", "Under the old tier").await);
    }
    desk.at("2026-11-18T10:00:00Z").await;
    desk.set_tier("acme", "student").await;
    for issue in &issues {
        assert_eq!(desk.labels(issue), "[due: 2026-11-19 21:00 UTC] [sla: 36h] [tier: Starter]");
    }
    let next = desk.opens("alice", "Under the new one").await;
    assert!(desk.status(&next).contains("**4 of 2** tickets of the week"), "{}", desk.status(&next));
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(desk.standing(&next).await, "admitted");
    assert_eq!(desk.ledger("acme").await.last().unwrap().at, instant("2026-11-23T00:00:00Z"));
});
