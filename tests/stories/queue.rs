//! The queue: who leaves it, who comes back to it, and where those who are told of late find themselves.

use crate::desk::{Desk, Opened, instant};

/// A partner with two tickets a week, both used on Wednesday.
async fn two_used(desk: &Desk) {
    desk.partner("uni", "student", &["stu"]).await;
    for title in ["One", "Two"] {
        let issue = desk.opens("stu", title).await;
        desk.says("ann", &issue, "Done.").await;
    }
}

async fn standings(desk: &Desk, issues: &[&Opened]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for issue in issues {
        found.push(desk.standing(issue).await);
    }
    found
}

story!(q10_a_waiting_ticket_that_an_agent_answers_leaves_the_queue_uncharged, |desk| {
    two_used(&desk).await;
    let third = desk.opens("stu", "Three").await;
    let fourth = desk.opens("stu", "Four").await;
    desk.says("passerby", &third, "Have you tried turning it off?").await;
    desk.says("stu", &third, "Yes.").await;
    desk.says("ann", &third, "/for uni").await;
    assert_eq!(standings(&desk, &[&third, &fourth]).await, ["waiting", "waiting"]);
    desk.says("ann", &third, "It is a setting.").await;
    assert_eq!(desk.labels(&third), "[tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Not charged** for **Uni** (Student).

    An engineer answered while this ticket waited for a slot, so it uses none of the allowance (`Q10`).
    ");
    insta::assert_snapshot!(desk.log(&third).await.join("\n"), @r"
    Q3 2 of 2 used in the week from 2026-11-16T00:00:00Z
    Q5 waits for a slot
    Q10 answered by an agent while it waited: leaves the queue uncharged
    ");
    assert!(desk.status(&fourth).contains("It is next in line"), "{}", desk.status(&fourth));
    desk.at("2026-11-24T00:00:00Z").await;
    assert_eq!(standings(&desk, &[&third, &fourth]).await, ["left", "admitted"]);
    assert_eq!(desk.ledger("uni").await.len(), 3);
    assert_eq!(desk.pings().len(), 0);
});

story!(q10_a_waiting_ticket_that_is_closed_leaves_and_reopened_stands_in_line_again, |desk| {
    two_used(&desk).await;
    let third = desk.opens("stu", "Three").await;
    desk.at("2026-11-18T10:00:00Z").await;
    desk.closes("stu", &third).await;
    insta::assert_snapshot!(desk.status(&third), @r"
    **Not charged** for **Uni** (Student).

    It was closed while it waited for a slot, so it uses none of the allowance (`Q10`).
    ");
    desk.at("2026-11-18T11:00:00Z").await;
    desk.reopens("stu", &third).await;
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
    desk.at("2026-11-23T09:00:00Z").await;
    desk.says("ann", &third, "Welcome back.").await;
    assert_eq!(desk.labels(&third), "[sla: 36h] [sla: met] [tier: Student]");
    insta::assert_snapshot!(desk.ledger_lines("uni").await, @r"
    2026-11-18T09:00:00Z charge #1 by stu: ticket 1 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-18T09:00:00Z charge #2 by stu: ticket 2 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-23T00:00:00Z charge #3 by stu: ticket 1 of 2 in the week from 2026-11-23T00:00:00Z
    ");
});

story!(q10_reopened_when_there_is_a_slot_it_is_charged_then, |desk| {
    two_used(&desk).await;
    let third = desk.opens("stu", "Three").await;
    desk.closes("stu", &third).await;
    desk.at("2026-11-24T09:00:00Z").await;
    assert_eq!(desk.ledger("uni").await.len(), 2);
    desk.reopens("stu", &third).await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-25 21:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC.

    An engineer answers by **Wednesday 2026-11-25 21:00 UTC**.
    ");
    insta::assert_snapshot!(desk.reasons(&third), @r"
    - `W2` The author was a member of this partner when the issue was opened.
    - `Q1` Charged to the week of its reopening, which began Monday 2026-11-23 00:00 UTC.
    - `S1` The promise is an answer within 36h of its reopening, Tuesday 2026-11-24 09:00 UTC.
    ");
});

story!(q11_a_ticket_told_of_late_lands_where_it_would_have_in_time, |desk| {
    two_used(&desk).await;
    desk.holds_webhooks();
    let late = desk.opens("stu", "Opened on Wednesday, told of on Tuesday").await;
    desk.at("2026-11-24T09:00:00Z").await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&late), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [sla: due soon] [tier: Student]");
    insta::assert_snapshot!(desk.comments(&late).join("\n---\n"), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC.

    An engineer answers by **Tuesday 2026-11-24 12:00 UTC**.
    ---
    @stu, a slot came free: this ticket is accepted now. An engineer answers by **Tuesday 2026-11-24 12:00 UTC**.
    ");
    insta::assert_snapshot!(desk.ledger_lines("uni").await, @r"
    2026-11-18T09:00:00Z charge #1 by stu: ticket 1 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-18T09:00:00Z charge #2 by stu: ticket 2 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-23T00:00:00Z charge #3 by stu: ticket 1 of 2 in the week from 2026-11-23T00:00:00Z
    ");
});

story!(q11_one_told_of_late_displaces_nobody_and_takes_what_is_left, |desk| {
    two_used(&desk).await;
    // Labels of deadlines that nobody shows any more are deleted by then, which GitHub tells too.
    desk.at("2026-11-18T10:00:00Z").await;
    desk.holds_webhooks();
    let late = desk.opens("stu", "Opened on Wednesday").await;
    desk.at("2026-11-23T09:00:00Z").await;
    let (monday, tuesday) = (desk.opens("stu", "Opened on Monday").await, desk.opens("stu", "Opened on Monday, too").await);
    desk.delivers(&[1, 2]).await;
    desk.at("2026-11-24T09:00:00Z").await;
    desk.delivers_the_rest().await;
    assert_eq!(standings(&desk, &[&monday, &tuesday, &late]).await, ["admitted", "admitted", "waiting"]);
    assert!(desk.status(&late).contains("Its slot opens **Monday 2026-11-30 00:00 UTC**"), "{}", desk.status(&late));
});

story!(q11_q8_one_told_of_late_finds_the_room_of_its_own_tier, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.tier_between("acme", "student", Some("2026-11-18T10:00:00Z"), None).await;
    let first = desk.opens("alice", "One").await;
    desk.holds_webhooks();
    desk.at("2026-11-18T09:30:00Z").await;
    let second = desk.opens("alice", "Two").await;
    desk.at("2026-11-18T10:00:00Z").await;
    let third = desk.opens("alice", "Three").await;
    desk.delivers(&[1]).await;
    desk.at("2026-11-18T11:00:00Z").await;
    desk.delivers_the_rest().await;
    assert_eq!(standings(&desk, &[&first, &second, &third]).await, ["admitted", "admitted", "admitted"]);
    assert!(desk.status(&second).contains("Ticket **3 of 10**"), "{}", desk.status(&second));
    assert_eq!(desk.standing(&desk.opens("alice", "Four").await).await, "waiting");
});

story!(q10_q11_the_one_created_first_goes_first_though_told_of_last, |desk| {
    two_used(&desk).await;
    desk.holds_webhooks();
    let third = desk.opens("stu", "Three").await;
    desk.at("2026-11-18T09:01:00Z").await;
    let fourth = desk.opens("stu", "Four").await;
    desk.at("2026-11-18T09:02:00Z").await;
    let fifth = desk.opens("stu", "Five").await;
    desk.delivers(&[2, 1]).await;
    desk.delivers_the_rest().await;
    assert!(desk.status(&third).contains("It is next in line"), "{}", desk.status(&third));
    assert!(desk.status(&fifth).contains("2 tickets are ahead of it. Its slot opens **Monday 2026-11-30"), "{}", desk.status(&fifth));
    desk.at("2026-11-23T00:00:00Z").await;
    assert_eq!(standings(&desk, &[&third, &fourth, &fifth]).await, ["admitted", "admitted", "waiting"]);
});

story!(q10_what_was_answered_before_its_slot_is_uncharged_though_all_is_told_afterwards, |desk| {
    two_used(&desk).await;
    desk.holds_webhooks();
    let third = desk.opens("stu", "Three").await;
    desk.at("2026-11-19T09:00:00Z").await;
    desk.says("ann", &third, "Here is how.").await;
    desk.at("2026-11-24T09:00:00Z").await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.standing(&third).await, "left");
    insta::assert_snapshot!(desk.ledger_lines("uni").await, @r"
    2026-11-18T09:00:00Z charge #1 by stu: ticket 1 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-18T09:00:00Z charge #2 by stu: ticket 2 of 2 in the week from 2026-11-16T00:00:00Z
    2026-11-23T00:00:00Z charge #3 by stu: ticket 1 of 2 in the week from 2026-11-23T00:00:00Z
    2026-11-23T00:00:00Z refund #3 by partner-desk: answered or closed while it waited, as came to light later
    ");
    assert_eq!(desk.comments(&third).len(), 1);
});

story!(q5_s1_a_desk_that_sleeps_over_the_opening_of_the_window_admits_as_of_then, |mut desk| {
    two_used(&desk).await;
    let third = desk.opens("stu", "Three").await;
    desk.clock.advance_to(instant("2026-11-23T09:00:00Z"));
    desk.restart().await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
    assert_eq!(desk.ledger("uni").await.last().unwrap().at, instant("2026-11-23T00:00:00Z"));
    assert_eq!(desk.comments(&third).len(), 2);
});

story!(q10_r3_a_close_told_after_the_reopening_leaves_it_in_line, |desk| {
    two_used(&desk).await;
    desk.holds_webhooks();
    let third = desk.opens("stu", "Three").await;
    desk.at("2026-11-18T09:30:00Z").await;
    desk.closes("stu", &third).await;
    desk.at("2026-11-18T09:31:00Z").await;
    desk.reopens("stu", &third).await;
    desk.delivers(&[0, 2, 1]).await;
    desk.delivers_the_rest().await;
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
});
