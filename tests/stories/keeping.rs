//! What is kept, for how long, and how somebody is forgotten (`O2`).

use crate::desk::{Desk, Engine, Opened, REPO, Setup, instant, run};
use crate::sqlite::{beside, column};
use partner_desk::cli::CliError;
use partner_desk::cli::partner::{AddMembers, MemberCommand, PartnerCommand, run as partner};
use partner_desk::domain::DeliveryId;
use partner_desk::domain::response::{Outcome, State};
use partner_desk::sandbox::{ChatAnswer, CloseOrder};
use partner_desk::store::{Outgoing, Store};
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeSet;

impl Desk {
    /// Every row of the database as JSON, a line each, with its table in front.
    pub async fn everything(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for table in [
            "members",
            "agents",
            "tickets",
            "ledger",
            "ticket_log",
            "outbox",
            "admin_audit",
            "deliveries",
            "partners",
            "kept_deliveries",
            "threads",
        ] {
            let rows: Vec<String> = match &self.app.desk.store {
                Store::Sqlite(sqlite) => {
                    let beside = beside(sqlite);
                    let columns: Vec<String> = column(&beside, &format!("SELECT name FROM pragma_table_info('{table}')"));
                    let pairs: Vec<_> = columns.iter().map(|name| format!("'{name}', {name}")).collect();
                    column(&beside, &format!("SELECT json_object({}) FROM {table}", pairs.join(", ")))
                }
                Store::Postgres(server) => {
                    let rows = format!("SELECT row_to_json({table})::text FROM {table}");
                    let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(server.pool()).await.unwrap();
                    rows.iter().map(|row| row.get(0)).collect()
                }
            };
            lines.extend(rows.into_iter().map(|row| format!("{table} {row}")));
        }
        lines
    }

    /// Rows in which somebody stands by a name or an id.
    pub async fn traces(&self, login: &str) -> Vec<String> {
        // Whoever was renamed has no id by the old login, and is looked for by the new one.
        let id = self.sandbox.user_id(login).map_or_else(|| "none".to_owned(), |id| id.to_string());
        let whole = |line: &str| line.split(|c: char| !c.is_ascii_digit()).any(|number| number == id);
        self.everything().await.into_iter().filter(|line| line.to_lowercase().contains(login) || whole(line)).collect()
    }

    pub async fn rows(&self, table: &str) -> usize {
        self.everything().await.iter().filter(|line| line.starts_with(&format!("{table} "))).count()
    }

    pub async fn execute(&self, statement: &str) {
        match &self.app.desk.store {
            Store::Sqlite(sqlite) => beside(sqlite).execute_batch(statement).unwrap(),
            Store::Postgres(server) => drop(sqlx::raw_sql(AssertSqlSafe(statement)).execute(server.pool()).await.unwrap()),
        }
    }

    async fn command(&self, command: PartnerCommand) -> Result<String, CliError> {
        let mut out = Vec::new();
        partner(command, &self.app.desk, &mut out).await?;
        self.settle().await;
        Ok(String::from_utf8(out).unwrap())
    }

    pub async fn forgets(&self, login: &str) -> Result<String, CliError> {
        self.command(PartnerCommand::Member(MemberCommand::Forget { login: Some(login.to_owned()), id: None })).await
    }

    async fn forgets_id(&self, id: &str) -> Result<String, CliError> {
        self.command(PartnerCommand::Member(MemberCommand::Forget { login: None, id: Some(id.to_owned()) })).await
    }

    /// An operator adds a member, with the record that this leaves.
    async fn adds(&self, partner: &str, login: &str) {
        let ids = vec![self.sandbox.person(login).to_string()];
        let (partner, logins) = (partner.to_owned(), vec![login.to_owned()]);
        let args = AddMembers { partner, logins, ids, from: None, until: None, primary: false };
        self.command(PartnerCommand::Member(MemberCommand::Add(args))).await.unwrap();
    }

    async fn outcome(&self, issue: &Opened) -> Option<Outcome> {
        match self.ticket(issue).await.unwrap().cycles().pop()?.state {
            State::Ended { outcome, .. } => Some(outcome),
            State::Running => None,
        }
    }
}

const TEN_DAYS: Setup = Setup { config: "retention = \"10d\"", programme: None };

story!(o2_what_is_old_goes_and_the_ledger_and_the_tickets_stay, TEN_DAYS, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let done = desk.opens("alice", "Answered").await;
    desk.at("2026-11-18T12:30:00Z").await;
    desk.says("ann", &done, "Fixed.").await;
    // The label of the deadline is deleted now, and GitHub tells so (G2).
    desk.at("2026-11-18T12:36:00Z").await;
    assert_eq!(desk.pings().len(), 1);
    let (ticket, ledger) = (desk.ticket(&done).await, desk.ledger("acme").await);
    assert!((desk.rows("deliveries").await >= 2) && !desk.log(&done).await.is_empty() && desk.rows("outbox").await == 1);

    desk.at("2026-11-28T08:59:59Z").await;
    assert_eq!(desk.app.desk.tidy().await.unwrap(), 0, "not a second before ten days");
    desk.at("2026-11-28T18:00:00Z").await;
    assert!(desk.app.desk.tidy().await.unwrap() > 0);
    for table in ["deliveries", "outbox", "ticket_log"] {
        assert_eq!(desk.rows(table).await, 0, "{table}");
    }
    assert_eq!((desk.ticket(&done).await, desk.ledger("acme").await), (ticket, ledger));
    assert_eq!(desk.app.desk.tidy().await.unwrap(), 0);

    let mark = desk.sandbox.mark();
    desk.app.desk.catch_up().await.unwrap();
    desk.settle().await;
    assert_eq!(desk.sandbox.writes_since(mark).len(), 0);
    assert_eq!(desk.ledger("acme").await.len(), 1, "what was forgotten about is not charged again");
});

story!(
    o2_the_log_of_a_ticket_that_waits_or_runs_stays_until_it_does_no_more,
    Setup {
        config: "retention = \"4d\"",
        programme: Some(
            "[[tier]]\nid = \"none\"\nname = \"None\"\ntickets = \"0/week\"\nresponse = \"4h\"\n\
             [[tier]]\nid = \"slow\"\nname = \"Slow\"\ntickets = \"5/week\"\nresponse = \"30d\"\n"
        ),
    },
    |desk| {
        desk.partner("acme", "none", &["alice"]).await;
        desk.partner("beta", "slow", &["bob"]).await;
        let waiting = desk.opens("alice", "Waits").await;
        let running = desk.opens("bob", "Runs").await;
        let (waits, runs) = (desk.log(&waiting).await, desk.log(&running).await);
        desk.at("2026-11-28T09:00:00Z").await;
        desk.app.desk.tidy().await.unwrap();
        assert_eq!((desk.log(&waiting).await, desk.log(&running).await), (waits, runs));

        desk.closes("alice", &waiting).await;
        desk.says("ann", &running, "Done.").await;
        desk.app.desk.tidy().await.unwrap();
        assert_eq!(desk.log(&waiting).await, ["Q10 closed while it waited: leaves the queue uncharged"]);
        assert_eq!(desk.log(&running).await, Vec::<String>::new());
    }
);

story!(o2_a_message_that_was_not_sent_is_never_deleted, TEN_DAYS, |desk| {
    desk.chat.answer_always("/support", ChatAnswer::Status(500, None));
    let words = Outgoing {
        key: "operator:1".to_owned(),
        channel: "support".to_owned(),
        issue_id: None,
        cycle: 0,
        body: r#"{"type":"notice","text":"Mind the gap"}"#.to_owned(),
        at_ms: desk.clock.now().as_millisecond(),
        created_ms: desk.clock.now().as_millisecond(),
        confirmed_ms: desk.clock.now().as_millisecond(),
    };
    let mut tx = desk.app.desk.store.write().await.unwrap();
    tx.send_later(&[words]).await.unwrap();
    tx.commit().await.unwrap();
    desk.settle().await;
    desk.clock.advance_to(instant("2026-12-24T09:00:00Z"));
    desk.app.desk.tidy().await.unwrap();
    assert_eq!(desk.rows("outbox").await, 1);
    desk.chat.answer_always("/support", ChatAnswer::OK);
    desk.settle().await;
    desk.app.desk.tidy().await.unwrap();
    assert_eq!(desk.rows("outbox").await, 0, "as old as it was decided");
});

story!(o2_more_than_fits_one_statement_is_deleted_in_several, TEN_DAYS, |desk| {
    let ids: BTreeSet<_> = (0..2500).map(|number| DeliveryId(format!("old-{number}"))).collect();
    let mut tx = desk.app.desk.store.write().await.unwrap();
    for id in &ids {
        assert!(tx.note_delivery(id, instant("2026-11-01T00:00:00Z")).await.unwrap());
    }
    assert!(tx.note_delivery(&DeliveryId("new".to_owned()), desk.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(desk.app.desk.tidy().await.unwrap(), 2500);
    assert_eq!(desk.rows("deliveries").await, 1);
});

/// A student's tickets in one week: answered, closed by the author, and one that waited until Monday and is late since.
async fn a_week_of(desk: &Desk, login: &str) -> [Opened; 3] {
    desk.partner("stu", "student", &[]).await;
    desk.adds("stu", login).await;
    let answered = desk.opens(login, "Answered").await;
    desk.says("ann", &answered, "Fixed.").await;
    let closed = desk.opens(login, "Closed").await;
    // So late that it is not given back.
    desk.at("2026-11-18T09:20:00Z").await;
    desk.closes(login, &closed).await;
    let waited = desk.opens(login, "Waits").await;
    desk.at("2026-11-24T13:00:00Z").await;
    [answered, closed, waited]
}

story!(o2_a_member_who_is_forgotten_leaves_no_trace_and_every_count, |desk| {
    let issues = a_week_of(&desk, "alice").await;
    let [answered, closed, waited] = &issues;
    desk.sandbox.rename_person("alice", "alicia").unwrap();
    desk.says("alicia", waited, "Any news?").await;
    assert!(desk.comments(waited)[1].contains("@alice"), "{:?}", desk.comments(waited));
    assert!(desk.status(closed).contains("`alice`"), "{}", desk.status(closed));
    let kinds: BTreeSet<_> = desk.traces("alicia").await.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["admin_audit", "members", "tickets"].map(str::to_owned).into());
    assert!(desk.traces("alice").await.iter().any(|line| line.starts_with("ledger") || line.starts_with("outbox")));
    let labels = issues.each_ref().map(|issue| desk.labels(issue));
    let ledger = desk.ledger("stu").await;
    let comments = issues.each_ref().map(|issue| desk.comments(issue).len());

    let mark = desk.sandbox.mark();
    assert_eq!(
        desk.forgets("Alicia").await.unwrap(),
        "forgotten, in members 1, agents 0, tickets 3, ledger 3, ticket log 0, outbox 4, audit 1, deliveries 0\n\
         the desk's comments on 2 of the tickets named them, and are written anew while `serve` runs\n"
    );
    for name in ["alice", "alicia"] {
        assert_eq!(desk.traces(name).await, Vec::<String>::new());
        let said = format!("{:?}", issues.each_ref().map(|issue| desk.comments(issue)));
        assert!(!said.contains(name), "{said}");
    }
    assert_eq!(desk.sandbox.writes_since(mark).len(), 2, "only the comments that named her");
    assert_eq!(
        desk.status(closed).lines().last().unwrap(),
        "Closed by `[forgotten]` on Wednesday 2026-11-18 09:20 UTC; the clock has stopped."
    );
    assert!(desk.comments(waited)[1].starts_with("A slot came free"), "{:?}", desk.comments(waited));

    assert_eq!(issues.each_ref().map(|issue| desk.labels(issue)), labels);
    assert_eq!(issues.each_ref().map(|issue| desk.comments(issue).len()), comments);
    assert_eq!((desk.outcome(answered).await, desk.outcome(closed).await), (Some(Outcome::Met), Some(Outcome::Cancelled)));
    let after = desk.ledger("stu").await;
    assert!(after.iter().all(|entry| entry.actor == "[forgotten]"), "{after:?}");
    assert_eq!(
        after.iter().map(|entry| (&entry.key, entry.at)).collect::<Vec<_>>(),
        ledger.iter().map(|entry| (&entry.key, entry.at)).collect::<Vec<_>>()
    );

    // What GitHub tells of old issues brings nothing back.
    desk.sandbox.edit_issue(REPO, waited.number, "ann", "In other words.").await.unwrap();
    desk.sandbox.edit_issue(REPO, closed.number, "alicia", "In other words.").await.unwrap();
    desk.app.desk.catch_up().await.unwrap();
    desk.at("2026-11-24T15:00:00Z").await;
    assert_eq!((desk.traces("alice").await, desk.traces("alicia").await), (Vec::new(), Vec::new()));
    assert!(desk.pings().last().unwrap().contains("Waits"));

    let later = desk.opens("alicia", "Remember me?").await;
    assert_eq!(desk.standing(&later).await, "nobody");
    assert!(desk.forgets("alice").await.is_err(), "the old name is nobody's");
    assert!(desk.forgets("alicia").await.unwrap().starts_with("forgotten, in members 0, agents 0, tickets 1,"), "for the stranger's issue");
    desk.adds("stu", "alicia").await;
    desk.at("2026-11-30T09:00:00Z").await;
    let again = desk.opens("alicia", "A new start").await;
    assert_eq!(desk.standing(&again).await, "admitted");
});

story!(o2_answers_of_an_agent_who_is_forgotten_stay_answers, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let one = desk.opens("alice", "One").await;
    desk.says("ann", &one, "Fixed.").await;
    let two = desk.opens("alice", "Two").await;
    // The close comes first, so that only the closer's being the commenter makes it an answer.
    desk.sandbox.close_with_comment(REPO, two.number, "ann", "completed", "Done.", CloseOrder::CloseFirst).await.unwrap();
    desk.settle().await;
    let own = desk.opens("ann", "Renew the certificate").await;
    assert_eq!((desk.outcome(&one).await, desk.outcome(&two).await), (Some(Outcome::Met), Some(Outcome::Met)));

    let said = desk.forgets("@ann").await.unwrap();
    assert!(said.starts_with("forgotten, in members 0, agents 1, tickets 3, "), "{said}");
    assert!(said.ends_with("`agents` in the configuration still names ann: take it out, or the next start knows them again\n"), "{said}");
    assert_eq!(desk.traces("ann").await, Vec::<String>::new());
    assert_eq!((desk.outcome(&one).await, desk.outcome(&two).await), (Some(Outcome::Met), Some(Outcome::Met)));
    assert!(desk.status(&one).contains("Answered by `[forgotten]`"), "{}", desk.status(&one));
    assert_eq!(desk.labels(&one), "[sla: 4h] [sla: met] [tier: Gold]");

    let three = desk.opens("alice", "Three").await;
    desk.says("ann", &three, "Fixed.").await;
    assert_eq!(desk.outcome(&three).await, None, "an agent no more");
    desk.says("ben", &three, "Fixed.").await;
    assert_eq!(desk.outcome(&three).await, Some(Outcome::Met));
    desk.sandbox.edit_issue(REPO, own.number, "ben", "Until Friday.").await.unwrap();
    desk.settle().await;
    assert!(desk.ticket(&own).await.unwrap().author_sides.agent, "and it is still no stranger's issue");
});

story!(o2_who_is_forgotten_is_found_behind_more_rows_than_are_looked_at_at_once, |desk| {
    // None of them names her, and there are two pages and more.
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)";
    desk.execute(&format!(
        "{many} INSERT INTO tickets (issue_id, installation_id, repo_id, number, standing, created_ms, version, published, publish_at_ms,
             attempts, doc) SELECT -i, 0, 0, i, 'left', 0, 1, 1, 0, 0, '{{}}' FROM n"
    ))
    .await;
    desk.execute(&format!("{many} INSERT INTO ticket_log (issue_id, at_ms, rule, text) SELECT -i, 0, 'Q3', 'admitted' FROM n")).await;
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "One").await;
    let line = format!("INSERT INTO ticket_log (issue_id, at_ms, rule, text) VALUES ({}, 0, 'Q7', 'granted by alice')", issue.id);
    desk.execute(&line).await;
    let said = desk.forgets("alice").await.unwrap();
    assert!(said.starts_with("forgotten, in members 1, agents 0, tickets 1, ledger 1, ticket log 1, "), "{said}");
    assert_eq!(desk.traces("alice").await, Vec::<String>::new());
});

story!(o2_who_is_not_known_cannot_be_forgotten, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.joins("acme", "bobby", |member| (member.user, member.from) = (None, Some(instant("2027-01-01T00:00:00Z")))).await;
    desk.opens("alice", "One").await;
    let before = desk.everything().await;
    for who in ["time", "alcie", "acme", "17"] {
        let error = desk.forgets(who).await.unwrap_err();
        assert_eq!(error.exit_code(), 1, "{error}");
        assert!(error.to_string().contains("expected a person whom the desk knows"), "{error}");
    }
    assert!(desk.forgets("alcie").await.unwrap_err().to_string().ends_with("; the nearest is \"alice\""));
    assert_eq!(desk.forgets_id("17").await.unwrap_err().exit_code(), 1);
    assert_eq!(desk.forgets("not a login").await.unwrap_err().exit_code(), 2);
    assert_eq!(desk.everything().await, before);

    assert!(desk.forgets("BOBBY").await.unwrap().starts_with("forgotten, in members 1, agents 0, tickets 0, "), "by its login alone");
    let id = desk.sandbox.user_id("alice").unwrap().to_string();
    assert!(desk.forgets(&id).await.unwrap().starts_with("forgotten, in members 1, agents 0, tickets 1, "), "by the bare id");
    assert_eq!((desk.traces("alice").await, desk.traces("bobby").await), (Vec::new(), Vec::new()));
    let list = desk.command(PartnerCommand::Export { file: None }).await.unwrap();
    assert_eq!(list, "partner,name,tier,logins,github_ids,from,until,time_zone\nacme,Acme,gold,,,,,\n", "members no more");
});

story!(o2_of_two_who_bore_one_login_only_the_one_is_forgotten, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let hers = desk.opens("alice", "Mine").await;
    desk.sandbox.rename_person("alice", "alicia").unwrap();
    desk.partner("beta", "gold", &["alice"]).await;
    let other = desk.opens("alice", "Mine, too").await;
    let error = desk.forgets("alice").await.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let id = desk.sandbox.user_id("alicia").unwrap().to_string();
    assert!(error.to_string().contains("the login has changed hands") && error.to_string().contains(&id), "{error}");

    desk.forgets_id(&id).await.unwrap();
    assert!(desk.ticket(&hers).await.unwrap().author.unwrap().is_forgotten());
    assert_eq!(desk.ledger("acme").await[0].actor, "[forgotten]");
    assert_eq!(desk.ticket(&other).await.unwrap().author.unwrap().login, "alice");
    assert_eq!((desk.ledger("beta").await[0].actor.as_str(), desk.members("beta").await), ("alice", vec!["alice".to_owned()]));
    let again = desk.opens("alice", "Still here").await;
    assert_eq!(desk.standing(&again).await, "admitted");
});

story!(o2_a_name_in_the_log_and_in_messages_that_wait_goes_too, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    desk.chat.answer_always("/support", ChatAnswer::Status(500, None));
    let issue = desk.opens("alice", "alice cannot log in").await;
    desk.at("2026-11-18T12:00:00Z").await;
    let id = issue.id;
    for text in ["waived for @alice: outage", "acknowledged by `Alice`", "alice is away", "alice-b is not"] {
        desk.execute(&format!("INSERT INTO ticket_log (issue_id, at_ms, rule, text) VALUES ({id}, 0, 'Q7', '{text}')")).await;
    }
    let said = desk.forgets("alice").await.unwrap();
    assert!(said.contains("ticket log 3, outbox 1, "), "{said}");
    let log = desk.log(&issue).await;
    assert_eq!(
        log[log.len() - 4..],
        ["Q7 waived for [forgotten]: outage", "Q7 acknowledged by `[forgotten]`", "Q7 [forgotten] is away", "Q7 alice-b is not"]
    );
    let _ = desk.chat.take();
    desk.chat.answer_always("/support", ChatAnswer::OK);
    desk.at("2026-11-18T12:10:00Z").await;
    let ping = desk.chat.take().remove(0).body.to_string();
    assert!(
        ping.contains("forgotten")
            && ping.contains("alice cannot log in")
            && ping.matches("alice").count() == ping.matches("alice cannot").count(),
        "{ping}"
    );
});

story!(o2_a_name_in_a_commands_reason_and_in_a_reply_goes_too, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "Help").await;
    desk.says("ann", &issue, "/waive alice was ill").await;
    desk.says("ann", &issue, "/why").await;
    let comments = desk.view(&issue).comments_by("partner-desk[bot]").len();
    assert!(desk.view(&issue).comments_by("partner-desk[bot]").last().unwrap().body.contains("alice was ill"));
    let traces = desk.traces("alice").await;
    assert!(traces.iter().any(|line| line.starts_with("ledger") && line.contains("alice was ill")), "{traces:?}");

    desk.forgets("alice").await.unwrap();
    assert_eq!(desk.traces("alice").await, Vec::<String>::new());
    let view = desk.view(&issue);
    let after = view.comments_by("partner-desk[bot]");
    assert_eq!(after.len(), comments, "edited, not said again");
    assert!(after.iter().all(|comment| !comment.body.contains("alice")), "{after:?}");
    assert!(after.last().unwrap().body.contains("forgotten"), "{after:?}");
    assert_eq!(desk.ledger("acme").await.len(), 2);
});

story!(o2_a_person_on_more_tickets_than_are_read_at_a_time_is_forgotten_on_all, |desk| {
    desk.partner("acme", "gold", &["alice"]).await;
    let issue = desk.opens("alice", "The first of many").await;
    let columns =
        "installation_id, repo_id, number, partner_id, standing, created_ms, next_at_ms, version, published, publish_at_ms, attempts";
    let id = issue.id;
    desk.execute(&format!(
        "INSERT INTO tickets (issue_id, {columns}, doc)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
         SELECT {id} + i, {columns}, replace(doc, '\"issue\":{id},', '\"issue\":' || ({id} + i) || ',') FROM n, tickets WHERE issue_id = {id};
         INSERT INTO ticket_log (issue_id, at_ms, rule, text)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) SELECT {id}, i, 'W1', 'seen: @alice' FROM n;"
    ))
    .await;
    let said = desk.forgets("alice").await.unwrap();
    assert!(said.contains("tickets 1201, ledger 1, ticket log 1200, "), "{said}");
    assert_eq!(desk.traces("alice").await, Vec::<String>::new());
});

/// Two forgettings at once, of one person, at two instances.
#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn o2_one_person_forgotten_at_two_instances_at_once() {
    run(async {
        let desk = Desk::start(Engine::Postgres, Setup::default()).await;
        let other = desk.another_instance().await;
        desk.partner("acme", "gold", &["alice"]).await;
        desk.opens("alice", "Once").await;
        let known = match desk.app.desk.person_called("alice").await.unwrap() {
            partner_desk::desk::forget::Found::One(known) => known,
            found => panic!("{found:?}"),
        };
        let (one, two) = tokio::join!(desk.app.desk.forget(&known), other.app.desk.forget(&known));
        assert_eq!(one.unwrap().tickets + two.unwrap().tickets, 1);
        assert_eq!(desk.traces("alice").await, Vec::<String>::new());
        other.stop().await;
        desk.end().await;
    });
}
