//! Allowances: windows, the queue, and the ledger.

use crate::desk::instant;

story!(q5_the_third_of_two_waits_and_is_admitted_when_the_window_opens, |desk| {
    desk.partner("uni", "student", &["stu"]).await;
    let first = desk.opens("stu", "One").await;
    let second = desk.opens("stu", "Two").await;
    let third = desk.opens("stu", "Three").await;
    assert_eq!((desk.standing(&first).await, desk.standing(&second).await), ("admitted", "admitted"));
    assert_eq!(desk.labels(&third), "[quota: waiting] [tier: Student]");
    insta::assert_snapshot!(desk.status(&third), @r"
    **Waiting for a slot** for **Uni** (Student). **2 of 2** tickets of the week until Monday 2026-11-23 00:00 UTC are used.

    It is next in line. Its slot opens **Monday 2026-11-23 00:00 UTC**: it is accepted then, by itself, and the clock starts. The issue stays open meanwhile.
    ");
    desk.says("ann", &first, "Here.").await;
    desk.says("ann", &second, "Here.").await;
    desk.at("2026-11-23T00:00:30Z").await;
    assert_eq!(desk.labels(&third), "[due: 2026-11-24 12:00 UTC] [sla: 36h] [tier: Student]");
    insta::assert_snapshot!(desk.comments(&third).join("\n---\n"), @r"
    **Accepted** for **Uni** (Student). Ticket **1 of 2**, week until Monday 2026-11-30 00:00 UTC.

    An engineer answers by **Tuesday 2026-11-24 12:00 UTC**.
    ---
    @stu, a slot came free: this ticket is accepted now. An engineer answers by **Tuesday 2026-11-24 12:00 UTC**.
    ");
    assert_eq!(desk.ledger("uni").await.last().unwrap().at, instant("2026-11-23T00:00:00Z"));
});
