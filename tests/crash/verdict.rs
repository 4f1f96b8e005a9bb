//! How it stands in the end, against how it would stand if nothing had failed.

use crate::desk::{CHANNELS, PARTNERS, STEPS, Span, Stage, TIERS, now};
use crate::load::Opened;
use jiff::{SignedDuration, Timestamp};
use partner_desk::domain::IssueId;
use partner_desk::domain::response::{Cycle, State};
use partner_desk::domain::ticket::{Standing, Ticket, Told};
use partner_desk::sandbox::{ChatMessage, CommentView, DeliveryState, IssueView};
use partner_desk::store::Store;
use sqlx::{PgPool, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

const BOT: &str = "partner-desk[bot]";
/// A message that the chat has taken is recorded within this, or something is wrong.
const RECORDED_WITHIN: SignedDuration = SignedDuration::from_secs(2);

/// What GitHub failed to deliver, and nobody has answered since. What has come is crossed off at the next look, and what was not the
/// desk's business by the one after that.
async fn still_missed(reader: &Reader, stage: &Stage) -> Vec<String> {
    let missed = reader.texts("SELECT id FROM missed_deliveries ORDER BY id").await.concat();
    let deliveries = stage.sandbox.deliveries();
    let answered: BTreeSet<_> =
        deliveries.iter().filter(|one| matches!(one.state, DeliveryState::Answered(200..=299))).map(|one| one.guid.0.as_str()).collect();
    missed.into_iter().filter(|id| !answered.contains(id.as_str())).collect()
}

/// Deliveries of which every attempt failed, and that the desk has not come by in another way: those too of which it has not heard yet.
async fn unheard_of(reader: &Reader, stage: &Stage) -> usize {
    let known: BTreeSet<_> = reader.texts("SELECT id FROM deliveries").await.concat().into_iter().collect();
    let deliveries = stage.sandbox.deliveries();
    let of = |wanted: fn(&DeliveryState) -> bool| -> BTreeSet<&str> {
        let tell = deliveries.iter().filter(|one| ["issues", "issue_comment"].contains(&&*one.event) && wanted(&one.state));
        tell.map(|one| one.guid.0.as_str()).collect()
    };
    let answered = of(|state| matches!(state, DeliveryState::Answered(200..=299)));
    let failed = of(|state| matches!(state, DeliveryState::Answered(300..) | DeliveryState::Failed(_)));
    failed.difference(&answered).filter(|id| !known.contains(**id)).count()
}

/// Answers at GitHub that the desk has not heard of: their webhooks may be lost, and the next listing finds them.
async fn unheard_answers(stage: &Stage, opened: &[Opened], store: &Store) -> usize {
    let mut unheard = 0;
    let mut tx = store.read().await.unwrap();
    for one in opened.iter().filter(|one| one.partner.is_some()) {
        let view = stage.view(one);
        let Some(ticket) = tx.ticket(view.id).await.unwrap() else { continue };
        let known: BTreeSet<_> =
            ticket.facts.iter().filter_map(|fact| if let Told::Comment { id, .. } = fact.what { Some(id) } else { None }).collect();
        unheard += answers(&view).filter(|comment| !known.contains(&comment.id)).count();
    }
    tx.rollback().await.unwrap();
    unheard
}

/// What agents said in answer on an issue.
fn answers(view: &IssueView) -> impl Iterator<Item = &CommentView> {
    view.comments.iter().filter(|comment| ["ann", "ben"].contains(&&*comment.author) && !comment.body.starts_with('/'))
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Figures {
    pub issues: usize,
    pub admitted: usize,
    pub deliveries: usize,
    pub lost: usize,
    pub failed: usize,
    pub requests: usize,
    pub pings: usize,
    pub void: usize,
    /// Pinged again because of a cut between the chat's answer and its record.
    pub twice: usize,
    /// Steps that were over when somebody looked at them.
    pub overtaken: usize,
    /// Steps of which a higher one was said instead.
    pub passed: usize,
    /// The longest time from a step's instant, or from when its ticket was heard of, to its first ping, in milliseconds. Without tickets
    /// whose webhook nobody has taken.
    pub latest: i64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issues, admitted, deliveries, lost, failed, requests, pings, void, twice, overtaken, passed, latest } = self;
        write!(
            f,
            "{issues} issues ({admitted} admitted), {deliveries} deliveries ({lost} lost, {failed} failed), {requests} requests, \
             {pings} pings ({void} no longer true, {twice} twice, {passed} passed for a higher one, {overtaken} overtaken; the latest {latest} ms \
             after its instant)"
        )
    }
}

/// Reads the database beside the desk: each cell as text.
pub enum Reader {
    Sqlite(rusqlite::Connection),
    Postgres(PgPool),
}

macro_rules! cells {
    ($row:expr) => {
        (0..$row.columns().len()).map(|place| $row.get::<Option<String>, _>(place).unwrap_or_default()).collect()
    };
}

impl Reader {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite") {
            Self::Sqlite(rusqlite::Connection::open(url.trim_start_matches("sqlite://")).unwrap())
        } else {
            Self::Postgres(PgPool::connect(url).await.unwrap())
        }
    }

    pub async fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql).unwrap();
                let columns = statement.column_count();
                let cells = |row: &rusqlite::Row<'_>| {
                    (0..columns).map(|place| Ok(row.get::<_, Option<String>>(place)?.unwrap_or_default())).collect()
                };
                statement.query_map([], cells).unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres(pool) => {
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| cells!(row)).collect()
            }
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        self.texts(sql).await[0][0].parse().unwrap()
    }
}

/// Waits until the desk has nothing left to do, and GitHub nothing left to tell.
pub async fn quiet(stage: &Stage, opened: &[Opened], patience: Duration) {
    let reader = Reader::open(&stage.database).await;
    let store = Store::open(&stage.database).await.unwrap();
    let end = now() + SignedDuration::try_from(patience).unwrap();
    let mut calm = 0;
    loop {
        let mut busy = Vec::new();
        let mut count = async |what: &str, sql: &str| {
            let found = reader.number(sql).await;
            if found > 0 {
                busy.push(format!("{found} {what}"));
            }
        };
        count("messages to send", "SELECT CAST(count(*) AS TEXT) FROM outbox WHERE state = 'pending'").await;
        count("tickets to show", "SELECT CAST(count(*) AS TEXT) FROM tickets WHERE version <> published").await;
        let soon = (now() + SignedDuration::from_mins(10)).as_millisecond();
        count("tickets with a step ahead", &format!("SELECT CAST(count(*) AS TEXT) FROM tickets WHERE next_at_ms < {soon}")).await;
        let known =
            reader.texts("SELECT CAST(issue_id AS TEXT) FROM tickets").await.into_iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>();
        let unheard = opened.iter().filter(|one| !known.contains(&stage.view(one).id.to_string())).count();
        if unheard > 0 {
            busy.push(format!("{unheard} issues unheard of"));
        }
        let missed = still_missed(&reader, stage).await.len();
        if missed > 0 {
            busy.push(format!("{missed} deliveries that were missed and have not come"));
        }
        let unheard = unheard_answers(stage, opened, &store).await;
        if unheard > 0 {
            busy.push(format!("{unheard} answers unheard of"));
        }
        let failed = unheard_of(&reader, stage).await;
        if failed > 0 {
            busy.push(format!("{failed} failed deliveries unheard of"));
        }
        let underway = stage.sandbox.deliveries().iter().filter(|one| one.state == DeliveryState::Queued).count();
        if underway > 0 {
            busy.push(format!("{underway} deliveries on their way"));
        }
        calm = if busy.is_empty() { calm + 1 } else { 0 };
        if calm == 3 {
            store.close().await;
            return;
        }
        assert!(now() < end, "no quiet within {patience:?}: {}\n{}", busy.join(", "), stage.last_words());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

impl Stage {
    fn view(&self, opened: &Opened) -> IssueView {
        self.sandbox.issue(&opened.repo, opened.number).unwrap()
    }
}

/// Everything that is not as it should be.
pub async fn judge(stage: &Stage, opened: &[Opened]) -> (Figures, Vec<String>) {
    let reader = Reader::open(&stage.database).await;
    let mut wrong = Vec::new();
    if let Reader::Sqlite(_) = reader {
        let said = reader.texts("PRAGMA integrity_check").await.concat();
        if said != ["ok"] {
            wrong.push(format!("PRAGMA integrity_check says {said:?}"));
        }
    }
    // Nothing of this story is unreadable, and all of it has come in the end.
    let kept = reader.texts("SELECT id, event, place, why FROM kept_deliveries ORDER BY id").await;
    wrong.extend(kept.iter().map(|row| format!("a delivery is kept: {row:?}")));
    wrong.extend(still_missed(&reader, stage).await.iter().map(|id| format!("delivery {id} failed and has not come")));
    // Who is killed just then, or is another instance, cannot know yet that GitHub has asked for quiet.
    wrong.extend(stage.sandbox.violations().into_iter().filter(|violation| !violation.contains("had asked for quiet")));
    let store = Store::open(&stage.database).await.unwrap();
    let mut tickets = BTreeMap::new();
    let mut logs = BTreeMap::new();
    let mut tx = store.read().await.unwrap();
    for one in opened {
        let id = stage.view(one).id;
        match tx.ticket(id).await.unwrap() {
            Some(ticket) => drop(tickets.insert(id, ticket)),
            None => wrong.push(format!("{}#{} has no ticket", one.repo, one.number)),
        }
        logs.insert(id, tx.log_of(id).await.unwrap());
    }
    tx.rollback().await.unwrap();
    store.close().await;

    let deliveries = stage.sandbox.deliveries();
    let mut figures = Figures {
        issues: opened.len(),
        deliveries: deliveries.len(),
        lost: deliveries.iter().filter(|one| one.state == DeliveryState::Lost).count(),
        failed: deliveries.iter().filter(|one| one.is_failure()).count(),
        requests: stage.sandbox.mark(),
        ..Figures::default()
    };
    charges(&reader, stage, opened, &tickets, &mut figures, &mut wrong).await;
    for one in opened {
        let view = stage.view(one);
        if let Some(ticket) = tickets.get(&view.id) {
            for problem in shown(one, &view, ticket) {
                wrong.push(format!("{}#{} {problem}", one.repo, one.number));
            }
        }
    }
    pings(&reader, stage, &tickets, &logs, &mut figures, &mut wrong).await;
    (figures, wrong)
}

/// As many admitted as if nothing had failed, and every charge once (`Q4`, `Q11`).
async fn charges(
    reader: &Reader,
    stage: &Stage,
    opened: &[Opened],
    tickets: &BTreeMap<IssueId, Ticket>,
    figures: &mut Figures,
    wrong: &mut Vec<String>,
) {
    let lines = reader.texts("SELECT partner_id, kind, CAST(issue_id AS TEXT), CAST(units AS TEXT), key FROM ledger ORDER BY key").await;
    for (place, partner) in PARTNERS.iter().enumerate() {
        let of = |kind: &str| lines.iter().filter(|line| line[0] == partner.id && line[1] == kind).collect::<Vec<_>>();
        let mine: Vec<_> = opened.iter().filter(|one| one.partner == Some(place)).collect();
        let admitted: BTreeSet<_> = mine
            .iter()
            .filter(|one| !one.withdrawn)
            .map(|one| stage.view(one).id)
            .filter(|id| tickets.get(id).is_some_and(|ticket| matches!(ticket.standing, Standing::Admitted(_))))
            .collect();
        figures.admitted += admitted.len();
        let withdrawn = mine.iter().filter(|one| one.withdrawn).count();
        let limit = TIERS[partner.tier].limit + usize::from(partner.granted);
        let expected = limit.min(mine.len() - withdrawn);
        if admitted.len() != expected {
            wrong.push(format!("{}: {} of {} are admitted, expected {expected}", partner.id, admitted.len(), mine.len()));
        }
        let (charged, back) = (of("charge"), of("refund").len() + of("withdrawal").len() + of("waiver").len());
        if charged.len() - back != expected || back > withdrawn {
            wrong.push(format!("{}: {} charged and {back} given back, expected {expected} used", partner.id, charged.len()));
        }
        let mut seen = BTreeSet::new();
        for line in &charged {
            let id = IssueId(line[2].parse().unwrap());
            if !seen.insert(id) {
                wrong.push(format!("{}: {id} is charged twice: {charged:?}", partner.id));
            }
            if back == 0 && !admitted.contains(&id) {
                wrong.push(format!("{}: {id} is charged and not admitted", partner.id));
            }
        }
        let granted = of("grant");
        if granted.len() != usize::from(partner.granted) || granted.iter().any(|line| line[3] != "1") {
            wrong.push(format!("{}: granted {granted:?}", partner.id));
        }
    }
}

/// Labels and comments, worked out from what stands at GitHub (`G2`, `G4`, `C`).
fn shown(one: &Opened, view: &IssueView, ticket: &Ticket) -> Vec<String> {
    let mut wrong = Vec::new();
    let comments = view.comments_by(BOT);
    let Some(partner) = one.partner.map(|place| &PARTNERS[place]) else {
        if !view.labels.is_empty() || !comments.is_empty() {
            wrong.push(format!("is a stranger's and shows {:?} and {} comments", view.labels, comments.len()));
        }
        return wrong;
    };
    let mut markers: BTreeMap<&str, usize> = BTreeMap::new();
    for comment in &comments {
        *markers.entry(comment.body.lines().next().unwrap_or_default()).or_default() += 1;
    }
    let kinds = ["status", "reply", "admitted"].map(|kind| markers.keys().filter(|marker| marker.contains(&format!(":{kind}:"))).count());
    let waited = matches!(&ticket.standing, Standing::Admitted(admission) if admission.waited);
    if markers.values().any(|count| *count != 1) || kinds != [1, one.questions, usize::from(waited)] {
        wrong.push(format!(
            "expected one status comment, {} replies and {} word of admission; found {markers:#?}",
            one.questions,
            u8::from(waited)
        ));
    }

    let tier = &TIERS[partner.tier];
    let mut labels = vec![format!("tier: {}", tier.name)];
    let cycle = ticket.cycles().pop();
    match (&ticket.standing, &cycle) {
        (Standing::Waiting(_), None) => labels.push("quota: waiting".to_owned()),
        (Standing::Left { .. }, None) if one.withdrawn => {}
        (Standing::Admitted(_), Some(cycle)) => {
            labels.push(format!("sla: {}s", tier.target));
            if !waited && cycle.start != view.created_at {
                wrong.push(format!("its clock starts at {}, expected {}", cycle.start, view.created_at));
            }
            let due = cycle.start + SignedDuration::from_secs(tier.target);
            let answered = answers(view).map(|comment| comment.created_at).min();
            match (answered, view.closed_at) {
                (Some(at), _) => labels.push(if at <= due { "sla: met" } else { "sla: breached" }.to_owned()),
                (None, Some(at)) if at <= due => {}
                (None, Some(_)) => labels.push("sla: breached".to_owned()),
                (None, None) => {
                    let half_hours = due.as_second().div_euclid(1800) * 1800;
                    let rounded = Timestamp::from_second(half_hours).unwrap();
                    labels.push(format!("due: {} UTC", rounded.strftime("%Y-%m-%d %H:%M")));
                    labels.push("sla: breached".to_owned());
                }
            }
            if (answered.is_some() || view.closed_at.is_some()) && cycle.is_running() {
                wrong.push("is answered or closed, and its clock runs".to_owned());
            }
        }
        other => wrong.push(format!("stands as {other:?}")),
    }
    labels.sort();
    if labels != view.labels {
        wrong.push(format!("shows {:?}, expected {labels:?}", view.labels));
    }
    wrong
}

/// When the desk said that it had taken in the opening of each issue.
fn heard(stage: &Stage) -> BTreeMap<IssueId, Timestamp> {
    let mut heard = BTreeMap::new();
    for delivery in stage.sandbox.deliveries() {
        let taken = delivery.event == "issues" && delivery.action == "opened" && !delivery.is_failure();
        if let (true, Some(at), Some(id)) = (taken, delivery.ended_at, delivery.payload()["issue"]["id"].as_i64()) {
            let first = heard.entry(IssueId(id)).or_insert(at);
            *first = at.min(*first);
        }
    }
    heard
}

fn covers(span: &Span, from: Timestamp, until: Timestamp) -> bool {
    span.0 <= until && span.1.is_none_or(|end| end >= from)
}

/// Whether a message is about a later step of the same clock, in the same channel: `TICKET:CYCLE:STEP:OCCURRENCE:CHANNEL`.
fn is_of_a_later_step(other: &str, key: &str) -> bool {
    let parts = |key: &str| {
        let mut parts = key.splitn(5, ':').map(str::to_owned).collect::<Vec<_>>();
        let step = (parts.len() == 5).then(|| parts.remove(2).parse::<u32>().ok()).flatten();
        (step, parts)
    };
    let ((later, of), (step, its)) = (parts(other), parts(key));
    of == its && later > step
}

/// Each step once, or recorded as no longer true; twice only where a cut fell between the chat's answer and its record (`E2`, `E3`, `E4`).
async fn pings(
    reader: &Reader,
    stage: &Stage,
    tickets: &BTreeMap<IssueId, Ticket>,
    logs: &BTreeMap<IssueId, Vec<(Timestamp, String, String)>>,
    figures: &mut Figures,
    wrong: &mut Vec<String>,
) {
    let cuts = stage.cuts.lock().unwrap().clone();
    let cut = |from: Timestamp, until: Timestamp| cuts.iter().any(|span| covers(span, from, until));
    let mut taken: BTreeMap<String, Vec<ChatMessage>> = BTreeMap::new();
    for message in stage.chat.messages().into_iter().filter(ChatMessage::accepted) {
        let key = message.headers.get("x-partner-desk-delivery").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
        taken.entry(key).or_default().push(message);
    }
    let outbox: BTreeMap<String, Vec<String>> = reader
        .texts("SELECT key, state, note, CAST(issue_id AS TEXT), CAST(cycle AS TEXT) FROM outbox ORDER BY key")
        .await
        .into_iter()
        .map(|row| (row[0].clone(), row))
        .collect();
    figures.pings = taken.values().map(Vec::len).sum();
    for (key, messages) in &taken {
        for pair in messages.windows(2) {
            let (first, again) = (pair[0].at, pair[1].at);
            if cut(first, first + RECORDED_WITHIN) {
                figures.twice += 1;
            } else {
                let nearest = cuts.iter().map(|span| span.0).filter(|at| *at >= first).min();
                wrong.push(format!("{key} is said at {first} and again at {again}; the next cut after the first is {nearest:?}"));
            }
        }
        if key.starts_with("digest:") {
            if !outbox.values().any(|row| row[2].contains(key)) && !cut(messages[0].at, messages[0].at + RECORDED_WITHIN) {
                wrong.push(format!("{key} was said at {}, and no message is in it", messages[0].at));
            }
            continue;
        }
        let state = outbox.get(key).map(|row| row[1].as_str());
        // Said, cut off before it was recorded, and answered before it was said again.
        let forgotten = state == Some("void") && cut(messages[0].at, messages[0].at + RECORDED_WITHIN);
        if state != Some("sent") && !forgotten {
            wrong.push(format!("{key} was said at {} and is {state:?} in the outbox", messages[0].at));
        }
    }
    for (key, row) in &outbox {
        let digest = row[2].split(", ").find_map(|note| note.strip_prefix("in "));
        match row[1].as_str() {
            "sent" if taken.contains_key(key) || digest.is_some_and(|digest| taken.contains_key(digest)) => {}
            "void" if row[2].starts_with("superseded") => {
                figures.passed += 1;
                let later = outbox.keys().filter(|other| is_of_a_later_step(other, key)).count();
                if later == 0 {
                    wrong.push(format!("{key} is said to be superseded, and no later step is to be said there"));
                }
            }
            "void" => {
                figures.void += 1;
                let ticket = row[3].parse().ok().and_then(|id| tickets.get(&IssueId(id)));
                let runs = |cycle: &Cycle| cycle.is_running() && cycle.number.to_string() == row[4];
                if ticket.is_some_and(|ticket| ticket.cycles().iter().any(runs)) {
                    wrong.push(format!("{key} is void though its clock runs: {}", row[2]));
                }
            }
            state => wrong.push(format!("{key} is `{state}` ({}) and the chat has not taken it", row[2])),
        }
    }
    let heard = heard(stage);
    for (id, ticket) in tickets {
        for cycle in ticket.cycles() {
            let ended = match &cycle.state {
                State::Ended { at, .. } => Some(*at),
                State::Running => None,
            };
            let target = cycle.due.duration_since(cycle.start);
            for (step, (share, after)) in STEPS.iter().enumerate() {
                let at = cycle.start
                    + SignedDuration::from_millis(i64::try_from(target.as_millis()).unwrap() * share / 100)
                    + SignedDuration::from_secs(*after);
                if at > ended.unwrap_or_else(now) {
                    continue;
                }
                let name = format!("{}#{} step {} of cycle {}", ticket.repo_name, ticket.number, step + 1, cycle.number);
                let keys_of = |step: usize| CHANNELS.map(|channel| format!("{id}:{}:{step}:0:{channel}", cycle.number));
                let is_queued = |step: usize| keys_of(step).iter().all(|key| outbox.contains_key(key));
                let noted =
                    |rule: &str, what: &str| logs[id].iter().any(|(when, by, text)| by == rule && *when == at && text.starts_with(what));
                let keys = keys_of(step);
                let rows = keys.iter().filter(|key| outbox.contains_key(*key)).count();
                if rows == CHANNELS.len() {
                    for first in keys.iter().filter_map(|key| Some(taken.get(key)?[0].at)) {
                        if first < at {
                            wrong.push(format!("{name}, due at {at}, was said early, at {first}"));
                        }
                        if let Some(heard) = heard.get(id) {
                            let late = first.duration_since(at.max(*heard)).as_millis();
                            figures.latest = figures.latest.max(i64::try_from(late).unwrap());
                        }
                    }
                } else if rows > 0 {
                    wrong.push(format!("{name} is in the outbox for {rows} of {} channels", CHANNELS.len()));
                } else if noted("E4", &format!("step {} of cycle {} passed unsaid", step + 1, cycle.number)) {
                    figures.passed += 1;
                    if !(step + 1..STEPS.len()).any(is_queued) {
                        wrong.push(format!("{name} passed unsaid, and no higher step was to be said"));
                    }
                } else if ended.is_some() && noted("E3", &format!("step {} of cycle {} is not said", step + 1, cycle.number)) {
                    figures.overtaken += 1;
                } else {
                    wrong.push(format!("{name}, due at {at}, was neither said nor recorded (the cycle ended: {ended:?}); {:#?}", logs[id]));
                }
            }
        }
    }
}
