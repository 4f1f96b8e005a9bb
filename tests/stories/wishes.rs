//! What commands wish for at GitHub: open or closed, a thumbs-up, the pausing label off, one reply (`C`). The projections are written
//! by hand here; which command wishes for what is told elsewhere.

use crate::desk::{Desk, Opened, REPO};
use partner_desk::domain::CommentId;
use partner_desk::domain::event::CloseReason;
use partner_desk::domain::projection::{Post, Projection, Wish};
use partner_desk::messages::{View, marker};
use partner_desk::sandbox::Fault;
use partner_desk::store::Applied;

/// What this ticket shows, with something more that is wished for.
async fn projection(desk: &Desk, issue: &Opened, more: impl FnOnce(&mut Projection)) -> Projection {
    let ticket = desk.ticket(issue).await.unwrap();
    let mut projection = ticket.projection(&desk.app.desk.programme, &desk.app.desk.policy);
    more(&mut projection);
    projection
}

/// Shows it; the writes that it took, one a line.
async fn show(desk: &Desk, issue: &Opened, wanted: &Projection, applied: &mut Applied) -> Vec<String> {
    let ticket = desk.ticket(issue).await.unwrap();
    let mut tx = desk.app.desk.store.read().await.unwrap();
    let partner = tx.partner(ticket.partner().unwrap()).await.unwrap();
    tx.rollback().await.unwrap();
    let view = View {
        ticket: &ticket,
        partner: partner.as_ref(),
        programme: &desk.app.desk.programme,
        policy: &desk.app.desk.policy,
        ledger: &[],
        log: &[],
        now: desk.clock.now(),
    };
    let mark = desk.sandbox.mark();
    desk.app.desk.show(desk.app.desk.github.as_ref().unwrap(), &view, wanted.clone(), applied, false).await.unwrap();
    let repo = format!("/repositories/{}", desk.sandbox.repository(REPO));
    let writes = desk.sandbox.writes_since(mark).into_iter().filter(|write| !write.is_label_creation());
    let writes = writes.map(|write| format!("{} {}", write.method, write.path.replace(&repo, ""))).collect();
    desk.settle().await;
    writes
}

async fn applied(desk: &Desk, issue: &Opened) -> Applied {
    let mut tx = desk.app.desk.store.read().await.unwrap();
    let holder = tx.holder(issue.id).await.unwrap().unwrap();
    tx.rollback().await.unwrap();
    holder.applied
}

async fn anna_of_acme_opens(desk: &Desk) -> Opened {
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await
}

story!(c_an_issue_is_closed_as_wished_and_once, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    for (cause, close, state) in [
        (11, Some(CloseReason::Duplicate), ("closed", "duplicate")),
        (12, None, ("open", "reopened")),
        (13, Some(CloseReason::Completed), ("closed", "completed")),
        (14, None, ("open", "reopened")),
        (15, Some(CloseReason::NotPlanned), ("closed", "not_planned")),
        // It is so already: no harm.
        (16, Some(CloseReason::NotPlanned), ("closed", "not_planned")),
    ] {
        let wish = Wish { cause: CommentId(cause), close };
        let wanted = projection(&desk, &issue, |projection| projection.wish = Some(wish)).await;
        let writes = show(&desk, &issue, &wanted, &mut applied).await;
        assert_eq!(writes.iter().filter(|write| *write == "PATCH /issues/1").count(), 1, "{writes:?}");
        let view = desk.view(&issue);
        assert_eq!((view.state.as_str(), view.state_reason.as_deref().unwrap()), state);
        let wanted = projection(&desk, &issue, |projection| projection.wish = Some(wish)).await;
        show(&desk, &issue, &wanted, &mut applied).await;
        assert_eq!(applied.wish, Some(cause));
    }
    // Who opens it now has the last word.
    desk.reopens("anna", &issue).await;
    let wish = Wish { cause: CommentId(16), close: Some(CloseReason::NotPlanned) };
    let wanted = projection(&desk, &issue, |projection| projection.wish = Some(wish)).await;
    show(&desk, &issue, &wanted, &mut applied).await;
    assert_eq!(desk.view(&issue).state, "open");
});

story!(c_a_server_that_knows_no_duplicates_gets_not_planned, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    desk.sandbox.faults().next("PATCH", "/issues/1", Fault::status(422, "Validation Failed"));
    let wish = Wish { cause: CommentId(11), close: Some(CloseReason::Duplicate) };
    let wanted = projection(&desk, &issue, |projection| projection.wish = Some(wish)).await;
    show(&desk, &issue, &wanted, &mut applied).await;
    assert_eq!(desk.view(&issue).state_reason.as_deref(), Some("not_planned"));
});

story!(c_a_thumbs_up_is_given_once_and_its_failure_is_nobodys_business, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    let first = desk.says("zoe", &issue, "Same here.").await.comment.unwrap();
    let second = desk.says("zoe", &issue, "Still so.").await.comment.unwrap();
    desk.sandbox.faults().next("POST", "/reactions", Fault::status(500, "Server Error"));
    let wanted = projection(&desk, &issue, |projection| projection.thanked = vec![first, second]).await;
    let writes = show(&desk, &issue, &wanted, &mut applied).await;
    let thanks: Vec<_> = writes.into_iter().filter(|write| write.ends_with("/reactions")).collect();
    assert_eq!(thanks, [first, second].map(|id| format!("POST /issues/comments/{id}/reactions")));
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, Vec::<String>::new(), "each is tried once");
    let reactions: Vec<_> = desk.view(&issue).comments_by("zoe").iter().map(|comment| comment.reactions.clone()).collect();
    assert_eq!(reactions, [vec![], vec!["+1".to_owned()]]);
});

story!(c_s7_the_label_that_paused_is_taken_off_once_for_each_comment, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    desk.sandbox.add_label(REPO, issue.number, "ann", "Waiting: Partner").await.unwrap();
    let wanted = projection(&desk, &issue, |projection| projection.resumed_by = Some(CommentId(11))).await;
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, ["DELETE /issues/1/labels/waiting%3A%20partner"]);
    assert!(!desk.view(&issue).has_label("waiting: partner"));
    // An agent pauses again: that is left alone until the next comment that resumes.
    desk.sandbox.add_label(REPO, issue.number, "ann", "waiting: partner").await.unwrap();
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, Vec::<String>::new());
    let wanted = projection(&desk, &issue, |projection| projection.resumed_by = Some(CommentId(12))).await;
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await.len(), 1);
});

story!(c_g5_the_pausing_label_is_taken_off_under_the_name_that_it_was_given, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    desk.sandbox.add_label(REPO, issue.number, "ann", "waiting: partner").await.unwrap();
    desk.sandbox.rename_label(REPO, "ann", "waiting: partner", "your turn").await.unwrap();
    desk.settle().await;
    let wanted = projection(&desk, &issue, |projection| projection.resumed_by = Some(CommentId(11))).await;
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, ["DELETE /issues/1/labels/your%20turn"]);
    assert!(!desk.view(&issue).has_label("your turn"));
});

story!(c_a_reply_is_said_once_found_again_and_never_edited, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    let reply = Post::Reply(CommentId(11));
    let wanted = projection(&desk, &issue, |projection| projection.posts.push(reply)).await;
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, ["POST /issues/1/comments"]);
    let key = marker(issue.id, reply);
    // As if it were not known whether it arrived, and it had another text by now.
    let known = applied.comments.get_mut(&key).unwrap();
    known.id = None;
    known.digest = String::new();
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, Vec::<String>::new());
    assert!(applied.comments[&key].id.is_some());
    "of another text".clone_into(&mut applied.comments.get_mut(&key).unwrap().digest);
    assert_eq!(show(&desk, &issue, &wanted, &mut applied).await, Vec::<String>::new());
    assert_eq!(desk.comments(&issue).len(), 2);
});

story!(c_g6_labels_come_first_then_comments_then_the_wish_then_thanks, |desk| {
    let issue = anna_of_acme_opens(&desk).await;
    let mut applied = applied(&desk, &issue).await;
    let comment = desk.says("zoe", &issue, "Same here.").await.comment.unwrap();
    desk.sandbox.add_label(REPO, issue.number, "ann", "waiting: partner").await.unwrap();
    let wanted = projection(&desk, &issue, |projection| {
        projection.labels.retain(|label| !label.name.starts_with("sla:"));
        projection.resumed_by = Some(comment);
        projection.posts.push(Post::Reply(comment));
        projection.wish = Some(Wish { cause: comment, close: Some(CloseReason::Completed) });
        projection.thanked = vec![comment];
    })
    .await;
    applied.labels.retain(|label| !label.starts_with("tier:"));
    let writes = show(&desk, &issue, &wanted, &mut applied).await;
    assert_eq!(
        writes,
        [
            "POST /issues/1/labels".to_owned(),
            "DELETE /issues/1/labels/sla%3A%204h".to_owned(),
            "DELETE /issues/1/labels/waiting%3A%20partner".to_owned(),
            "POST /issues/1/comments".to_owned(),
            "PATCH /issues/1".to_owned(),
            format!("POST /issues/comments/{comment}/reactions"),
        ]
    );
});
