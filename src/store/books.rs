//! Loading a [`Book`] for the rules, and saving what they changed.

use super::list::list;
use super::places::{freeze, place};
use super::rights::agents_of;
use super::sql::{bundle, sql};
use super::{Arg, Outgoing, Result, Row, StoreError, Tx, to_json};
use crate::domain::book::{Book, LogLine, Place};
use crate::domain::partner::{Membership, Partner};
use crate::domain::quota::{Entry, EntryKind};
use crate::domain::ticket::{Standing, Ticket};
use crate::domain::{DeliveryId, IssueId, PartnerId, RepoId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a batch of events touches.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Issues.
    pub issues: BTreeSet<IssueId>,
    /// People, by id and by the login that they show at present.
    pub people: BTreeMap<UserId, String>,
    /// Partners as texts name them.
    pub claims: BTreeSet<String>,
    /// Partners by id.
    pub partners: BTreeSet<PartnerId>,
    /// Repositories.
    pub repos: BTreeSet<RepoId>,
    /// Instants at which an allowance may be asked for.
    pub instants: BTreeSet<Timestamp>,
    /// What GitHub said of permissions before this instant is too old (`W3`).
    pub rights_since: Timestamp,
    /// Deliveries that are being taken in, and when.
    pub deliveries: BTreeSet<DeliveryId>,
    /// When they came.
    pub received_at: Timestamp,
}

/// A book with what saving it needs to remember.
#[derive(Debug, Default)]
pub struct Loaded {
    /// For the rules.
    pub book: Book,
    /// Those of the deliveries that were not taken in before (`R1`).
    pub fresh: BTreeSet<DeliveryId>,
    received_at: Timestamp,
    /// Places of [`Book::members`] in the database.
    member_ids: Vec<i64>,
    /// Repositories as the database has them.
    known_places: BTreeMap<RepoId, Place>,
    /// Tickets that waited to hear of somebody's rights.
    pub(super) wanting: BTreeSet<IssueId>,
}

/// Repositories that look otherwise than before.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// All of them.
    pub repos: BTreeSet<RepoId>,
    /// Those that became private or public.
    pub visible: BTreeSet<RepoId>,
}

#[derive(Serialize)]
struct TicketRow<'a> {
    issue_id: i64,
    installation_id: i64,
    repo_id: i64,
    number: i64,
    partner_id: Option<&'a str>,
    standing: &'static str,
    created_ms: i64,
    next_at_ms: Option<i64>,
    live: i64,
    /// Empty: none.
    tier: &'a str,
    dirty: i64,
    doc: String,
}

/// The ledger of partners since an instant. A grant can be older than the windows in question, and with it what stands on it.
macro_rules! ledger {
    ($partners:literal, $since:literal) => {
        concat!(
            "SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger
             WHERE partner_id ",
            $partners,
            " AND at_ms >= ",
            $since,
            " UNION ALL SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason FROM ledger
             WHERE partner_id ",
            $partners,
            " AND kind = 'grant' AND until_ms > ",
            $since,
            " AND at_ms < ",
            $since,
            " UNION ALL SELECT l.key, l.partner_id, l.issue_id, l.kind, l.at_ms, l.recorded_ms, l.units, l.until_ms, l.grant_key, l.actor,
                l.reason
             FROM ledger g JOIN ledger l ON l.grant_key = g.key WHERE g.partner_id ",
            $partners,
            " AND g.kind = 'grant' AND g.until_ms > ",
            $since,
            " AND l.at_ms < ",
            $since
        )
    };
}

/// Partners as their rows are.
macro_rules! partners {
    ($partners:literal) => {
        concat!("SELECT id, name, time_zone, tiers FROM partners WHERE id ", $partners)
    };
}

/// Tickets in line.
macro_rules! waiting {
    ($partners:literal) => {
        concat!("SELECT doc FROM tickets WHERE standing = 'waiting' AND partner_id ", $partners)
    };
}

/// Repositories, and when they were out of the desk's hands.
macro_rules! repositories {
    ($repos:literal) => {
        concat!(
            "SELECT id, first_seen_ms, full_name, private, installation_id, seen_ms, former_names, from_ms, until_ms, why
             FROM repositories LEFT JOIN freezes ON freezes.repo_id = repositories.id WHERE id {each ints ",
            $repos,
            "} ORDER BY id, from_ms, why"
        )
    };
}

macro_rules! save_tickets {
    () => {
        "INSERT INTO tickets (issue_id, installation_id, repo_id, number, partner_id, standing, created_ms, next_at_ms, live,
                              tier, version, published, publish_at_ms, attempts, doc)
         SELECT issue_id, installation_id, repo_id, number, partner_id, standing, created_ms, next_at_ms, live,
                tier, 1, CASE WHEN dirty = 1 THEN 0 ELSE 1 END, 0, 0, doc
         FROM {rows $1: issue_id BIGINT, installation_id BIGINT, repo_id BIGINT, number BIGINT, partner_id TEXT,
               standing TEXT, created_ms BIGINT, next_at_ms BIGINT, live BIGINT, tier TEXT, dirty BIGINT, doc TEXT} WHERE true
         ON CONFLICT (issue_id) DO UPDATE SET
             installation_id = excluded.installation_id, repo_id = excluded.repo_id, number = excluded.number,
             partner_id = excluded.partner_id, standing = excluded.standing, next_at_ms = excluded.next_at_ms,
             live = excluded.live, tier = excluded.tier, doc = excluded.doc, version = tickets.version + 1,
             looking_ms = CASE WHEN excluded.next_at_ms IS NOT DISTINCT FROM tickets.next_at_ms THEN tickets.looking_ms ELSE 0 END,
             publish_at_ms = CASE WHEN tickets.attempts = 0 THEN 0 ELSE tickets.publish_at_ms END,
             published = CASE WHEN excluded.published = 1 AND tickets.applied IS NULL
                              THEN tickets.version + 1 ELSE tickets.published END"
    };
}

macro_rules! save_entries {
    ($rows:literal) => {
        concat!(
            "INSERT INTO ledger (key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason)
             SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, units, until_ms, grant_key, actor, reason
             FROM {rows ",
            $rows,
            ": key TEXT, partner_id TEXT, issue_id BIGINT, kind TEXT, at_ms BIGINT, recorded_ms BIGINT,
                   units BIGINT, until_ms BIGINT, grant_key TEXT, actor TEXT, reason TEXT} WHERE true"
        )
    };
}

macro_rules! save_log {
    () => {
        "INSERT INTO ticket_log (issue_id, at_ms, rule, text) SELECT issue_id, at_ms, rule, text
         FROM {rows $3: issue_id BIGINT, at_ms BIGINT, rule TEXT, text TEXT} WHERE true"
    };
}

const KNOWN: &str = "SELECT id FROM deliveries WHERE id {each texts $6}";
const ALIASES: &str = "SELECT a.issue_id, a.ticket_id, t.doc FROM aliases a LEFT JOIN tickets t ON t.issue_id = a.ticket_id
     WHERE a.issue_id {each ints $1}";
const TICKETS: &str = "SELECT doc FROM tickets WHERE issue_id {each ints $1}";
const AGENTS: &str = agents_of!("$2", "$5");
/// By id, and by the login that they show where no id is known; and those of whom GitHub could not be asked.
const MEMBERS: &str =
    "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members WHERE user_id {each ints $2}
     {then}
     SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members
     WHERE user_id IS NULL AND lookup_failed = 0 AND login_key {each texts $3}
     {then}
     SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members
     WHERE user_id IS NULL AND lookup_failed = 1";
const PLACES: &str = repositories!("$4");

/// What can be asked for before anything is known, over one list of arguments.
pub(super) const FACTS: &[&str] = &[KNOWN, ALIASES, TICKETS, AGENTS, MEMBERS, PLACES];
/// What belongs to partners that are known by then.
pub(super) const ACCOUNTS: &[&str] = &[partners!("{each texts $1}"), waiting!("{each texts $1}"), LEDGER];
/// Both at once, for a database to which each is a journey: of the partners whose members are among the people by id, which are nearly always
/// all of them.
pub(super) const TOGETHER: &[&str] = &[
    "WITH mine AS MATERIALIZED (SELECT ARRAY(SELECT DISTINCT partner_id FROM members WHERE user_id {in ints $2}) AS ids)",
    KNOWN,
    ALIASES,
    TICKETS,
    AGENTS,
    MEMBERS,
    PLACES,
    partners!("= ANY((SELECT ids FROM mine)::text[])"),
    waiting!("= ANY((SELECT ids FROM mine)::text[])"),
    ledger!("= ANY((SELECT ids FROM mine)::text[])", "$7"),
];
/// All that a batch changes.
pub(super) const CHANGES: &[&str] = &[
    save_tickets!(),
    save_entries!("$2"),
    save_log!(),
    "INSERT INTO deliveries (id, received_ms) SELECT id, $5 FROM {rows $4: id TEXT} WHERE true",
];
pub(super) const LEDGER: &str = ledger!("{each texts $1}", "$2");
pub(super) const REPOSITORIES: &str = repositories!("$1");
pub(super) const ENTRIES: &str = save_entries!("$1");

#[derive(Serialize)]
struct Delivery<'a> {
    id: &'a DeliveryId,
}

fn entry_rows(entries: &[Entry]) -> Result<Arg> {
    #[derive(Serialize)]
    struct EntryRow<'a> {
        key: &'a str,
        partner_id: &'a PartnerId,
        issue_id: i64,
        kind: EntryKind,
        at_ms: i64,
        recorded_ms: i64,
        units: u32,
        until_ms: Option<i64>,
        grant_key: Option<&'a str>,
        actor: &'a str,
        reason: &'a str,
    }
    let rows = entries.iter().map(|entry| EntryRow {
        key: &entry.key,
        partner_id: &entry.partner,
        issue_id: entry.issue.0,
        kind: entry.kind,
        at_ms: entry.at.as_millisecond(),
        recorded_ms: entry.recorded_at.as_millisecond(),
        units: entry.units,
        until_ms: entry.until.map(Timestamp::as_millisecond),
        grant_key: entry.grant.as_deref(),
        actor: &entry.actor,
        reason: &entry.reason,
    });
    list(&rows.collect::<Vec<_>>())
}

/// Lines that tell of a ticket's clock are looked for by what they tell of, and have rows of their own.
pub(super) const BY_ITSELF: [&str; 3] = ["E1", "E4", "R5"];

/// What an event comes to is told in several lines, which stand in one row: the rules, and as many lines of text. A row for each would cost as
/// much as all the rest of the ticket.
fn log_rows(lines: &[LogLine]) -> Result<Arg> {
    #[derive(Serialize)]
    struct LogRow {
        issue_id: i64,
        at_ms: i64,
        rule: String,
        text: String,
    }
    let together = |one: &LogLine, next: &LogLine| {
        (one.issue, one.at) == (next.issue, next.at) && ![one, next].iter().any(|line| BY_ITSELF.contains(&line.rule))
    };
    let row = |lines: &[LogLine]| {
        let first = lines.first()?;
        let rules: Vec<_> = lines.iter().map(|line| line.rule).collect();
        let texts: Vec<_> = lines.iter().map(|line| line.text.replace('\n', " ")).collect();
        Some(LogRow { issue_id: first.issue.0, at_ms: first.at.as_millisecond(), rule: rules.join(" "), text: texts.join("\n") })
    };
    list(&lines.chunk_by(together).filter_map(row).collect::<Vec<_>>())
}

/// The lines of a row of a ticket's log: rule and text.
pub(super) fn log_lines(rule: &str, text: &str) -> Vec<(String, String)> {
    let rules: Vec<_> = rule.split(' ').collect();
    rules.iter().zip(text.splitn(rules.len(), '\n')).map(|(rule, text)| ((*rule).to_owned(), text.to_owned())).collect()
}

impl Tx {
    /// Notes a delivery; says whether it was not known yet (`R1`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_delivery(&mut self, id: &DeliveryId, now: Timestamp) -> Result<bool> {
        let statement = sql!("INSERT INTO deliveries (id, received_ms) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING");
        Ok(self.run(statement, [id.0.as_str().into(), now.as_millisecond().into()]).await? > 0)
    }

    /// Loads everything that the rules may look at for these needs. `ledger_since` says from when on the ledger is needed for
    /// an allowance at an instant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn load(&mut self, mut needs: Needs, ledger_since: &(dyn Fn(Timestamp) -> Timestamp + Sync)) -> Result<Loaded> {
        let mut loaded = Loaded { received_at: needs.received_at, ..Loaded::default() };
        let since = |needs: &Needs| needs.instants.first().map(|earliest| ledger_since(*earliest));
        let asked = since(&needs);
        let mut facts = self.facts(&needs, true, asked).await?;
        let accounts = facts.split_off(FACTS.len());
        loaded.fresh = std::mem::take(&mut needs.deliveries);
        for row in facts.first().into_iter().flatten() {
            loaded.fresh.remove(&DeliveryId(row.text("id")?));
        }
        // Most batches are of issues that are new, and need no more than this.
        if take_tickets(&facts, &mut needs, &mut loaded)? {
            facts = self.facts(&needs, false, None).await?;
        }
        take_people(&facts, &mut loaded)?;
        take_accounts(&accounts, asked.is_some(), &mut loaded.book)?;
        let mut partners: BTreeSet<_> = loaded.book.members.iter().map(|member| member.partner.clone()).collect();
        partners.extend(self.named_partners(&needs).await?);
        let known_since = asked;
        let asked = since(&needs);
        if asked != known_since || partners.iter().any(|partner| !loaded.book.partners.contains_key(partner)) {
            self.load_accounts(&partners, asked, &mut loaded.book).await?;
        }
        // Those in line are their partners' and no others', but may have come before everything that was asked for.
        let mut repos = needs.repos.clone();
        let queue = loaded.book.tickets.values().filter_map(|ticket| match &ticket.standing {
            Standing::Waiting(waiting) => Some((waiting.since, ticket.repo)),
            _ => None,
        });
        for (since, repo) in queue {
            needs.instants.insert(since);
            repos.insert(repo);
        }
        if since(&needs) < asked || (asked.is_none() && !needs.instants.is_empty()) {
            let partners: Vec<_> = loaded.book.partners.keys().map(ToString::to_string).collect();
            let since = since(&needs).unwrap_or_default().as_millisecond();
            take_ledger(&self.rows(sql!(LEDGER), [partners.into(), since.into()]).await?, &mut loaded.book)?;
        }
        if repos != needs.repos {
            let rows = self.rows(sql!(REPOSITORIES), [repos.iter().map(|repo| repo.0).collect::<Vec<_>>().into()]).await?;
            take_places(&rows, &mut loaded.book)?;
        }
        loaded.known_places.clone_from(&loaded.book.places);
        Ok(loaded)
    }

    /// What can be asked for before anything is known; `tickets` says whether the issues themselves are. On PostgreSQL what belongs to most
    /// partners comes with it, their ledger from an instant on.
    async fn facts(&mut self, needs: &Needs, tickets: bool, since: Option<Timestamp>) -> Result<Vec<Vec<Row>>> {
        let issues = needs.issues.iter().filter(|_| tickets).map(|issue| issue.0).collect::<Vec<_>>();
        let logins: BTreeSet<_> = needs.people.values().map(|login| login.to_ascii_lowercase()).collect();
        let args = [
            issues.into(),
            needs.people.keys().map(|user| user.0).collect::<Vec<_>>().into(),
            logins.into_iter().collect::<Vec<_>>().into(),
            needs.repos.iter().map(|repo| repo.0).collect::<Vec<_>>().into(),
            needs.rights_since.as_millisecond().into(),
            needs.deliveries.iter().map(|id| id.0.clone()).collect::<Vec<_>>().into(),
            since.map_or(i64::MAX, Timestamp::as_millisecond).into(),
        ];
        match self {
            Self::Postgres(_) if tickets => self.rows_of_each(bundle!(TOGETHER), args).await,
            _ => self.rows_of_each(bundle!(FACTS), args).await,
        }
    }

    /// The partners that texts and tickets name, by id or by name.
    async fn named_partners(&mut self, needs: &Needs) -> Result<BTreeSet<PartnerId>> {
        if needs.partners.is_empty() && needs.claims.is_empty() {
            return Ok(BTreeSet::new());
        }
        let claims: Vec<_> = needs.claims.iter().map(|claim| claim.trim().to_lowercase()).collect();
        let ids: Vec<_> = needs.partners.iter().map(PartnerId::as_str).chain(claims.iter().map(String::as_str)).collect();
        let statement =
            sql!("SELECT id FROM partners WHERE id {in texts $1} UNION ALL SELECT id FROM partners WHERE name_key {in texts $2}");
        let rows = self.rows(statement, [list(&ids)?, list(&claims)?]).await?;
        rows.iter().map(|row| partner_id(row, "id")).collect()
    }

    /// Loads partners into the book, with who waits in their lines, and their ledger from an instant on; without an instant none is needed.
    async fn load_accounts(&mut self, partners: &BTreeSet<PartnerId>, since: Option<Timestamp>, book: &mut Book) -> Result<()> {
        if partners.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = partners.iter().map(ToString::to_string).collect();
        let args = [ids.into(), since.map_or(i64::MAX, Timestamp::as_millisecond).into()];
        take_accounts(&self.rows_of_each(bundle!(ACCOUNTS), args).await?, since.is_some(), book)
    }

    /// Saves what the rules changed. `wakes` gives the next instant of a ticket, `shows` whether GitHub may have to be told.
    ///
    /// # Errors
    /// The database fails, or a charge stands in the ledger already (`Q4`); then nothing is saved.
    pub async fn save(
        &mut self,
        loaded: &Loaded,
        wakes: &(dyn Fn(&Ticket) -> Option<Timestamp> + Sync),
        shows: &(dyn Fn(&Ticket) -> bool + Sync),
    ) -> Result<()> {
        let book = &loaded.book;
        let tickets = book.changes.tickets.iter().filter_map(|id| book.tickets.get(id));
        let rows = tickets.map(|ticket| ticket_row(ticket, wakes(ticket), shows(ticket))).collect::<Result<Vec<_>>>()?;
        let deliveries: Vec<_> = loaded.fresh.iter().map(|id| Delivery { id }).collect();
        let (entries, log) = (entry_rows(&book.changes.entries)?, log_rows(&book.changes.log)?);
        let args = [list(&rows)?, entries, log, list(&deliveries)?, loaded.received_at.as_millisecond().into()];
        self.change(bundle!(CHANGES), args).await?;
        self.save_wanted(loaded).await?;
        for (issue, ticket) in &book.changes.aliases {
            let statement = sql!(
                "INSERT INTO aliases (issue_id, ticket_id) VALUES ($1, $2) ON CONFLICT (issue_id) DO UPDATE SET ticket_id = excluded.ticket_id"
            );
            self.run(statement, [issue.0.into(), ticket.0.into()]).await?;
            // What was shown where it was may be lost on the way; it is looked for, and put on again.
            self.show_anew(*ticket).await?;
        }
        self.save_people(loaded).await
    }

    /// Adds lines to the ledger.
    ///
    /// # Errors
    /// The database fails, or a line of that key stands there already (`Q4`).
    pub async fn save_entries(&mut self, entries: &[Entry]) -> Result<()> {
        self.run(sql!(ENTRIES), [entry_rows(entries)?]).await?;
        Ok(())
    }

    /// Bindings to ids happen once a person: rare enough for a statement each.
    async fn save_people(&mut self, loaded: &Loaded) -> Result<()> {
        for place in &loaded.book.changes.members {
            let (Some(member), Some(id)) = (loaded.book.members.get(*place), loaded.member_ids.get(*place)) else { continue };
            let statement = sql!("UPDATE members SET user_id = $2, login = $3, login_key = $4, lookup_failed = $5 WHERE id = $1");
            let args = [
                (*id).into(),
                member.user.map(|user| user.0).into(),
                member.login.as_str().into(),
                member.login.to_ascii_lowercase().into(),
                i64::from(member.lookup_failed).into(),
            ];
            self.run(statement, args).await?;
        }
        for (login, user) in &loaded.book.changes.agents {
            self.run(sql!("UPDATE agents SET user_id = $2 WHERE login_key = $1"), [login.as_str().into(), user.0.into()]).await?;
        }
        Ok(())
    }

    /// Saves how repositories were seen while the book was open, those that are new or look otherwise than before (`S12`). Says
    /// which of those known before look otherwise.
    ///
    /// # Errors
    /// The database fails.
    pub async fn save_places(&mut self, loaded: &Loaded) -> Result<Changed> {
        let mut changed = Changed::default();
        for (id, place) in &loaded.book.places {
            let known = loaded.known_places.get(id);
            if known.is_some_and(|known| known.is_as(place)) {
                continue;
            }
            let Some(first_seen) = loaded.book.first_seen.get(id) else { continue };
            self.put_place(*id, place, *first_seen).await?;
            if let Some(known) = known {
                changed.repos.insert(*id);
                if known.private != place.private {
                    changed.visible.insert(*id);
                }
            }
        }
        Ok(changed)
    }

    /// Puts pings into the outbox; one that stands there already stays as it is (`E2`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn send_later(&mut self, pings: &[Outgoing]) -> Result<()> {
        if pings.is_empty() {
            return Ok(());
        }
        let statement = sql!(
            "INSERT INTO outbox (key, channel, issue_id, cycle, body, at_ms, created_ms, confirmed_ms, lease_ms, attempts, state, note)
             SELECT key, channel, issue_id, cycle, body, at_ms, created_ms, confirmed_ms, 0, 0, 'pending', ''
             FROM {rows $1: key TEXT, channel TEXT, issue_id BIGINT, cycle BIGINT, body TEXT, at_ms BIGINT, created_ms BIGINT,
                   confirmed_ms BIGINT} WHERE true
             ON CONFLICT (key) DO NOTHING"
        );
        self.run(statement, [list(&pings)?]).await?;
        Ok(())
    }

    /// Whether time asks for a ticket that nobody looks at: one of those of which it is not known whose they are, or of the others.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_due_tickets(&mut self, now: Timestamp, checking: bool) -> Result<bool> {
        let statement = sql!(
            "SELECT issue_id FROM tickets WHERE next_at_ms <= $1 AND looking_ms <= $1
                 AND CASE WHEN standing = 'checking' THEN 1 ELSE 0 END = $2 LIMIT 1"
        );
        Ok(!self.rows(statement, [now.as_millisecond().into(), i64::from(checking).into()]).await?.is_empty())
    }

    /// Tickets that time asks for, the longest overdue first, which from now on nobody else looks at until an instant, or until time asks
    /// for them at another. What is heard of them meanwhile gives them to nobody else. Beside them those that do not read back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_due_tickets(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        checking: bool,
        most: i64,
    ) -> Result<(Vec<Ticket>, Vec<(IssueId, StoreError)>)> {
        let statement = sql!(
            "UPDATE tickets SET looking_ms = $2 WHERE issue_id IN (
                 SELECT issue_id FROM tickets WHERE next_at_ms <= $1 AND looking_ms <= $1
                     AND CASE WHEN standing = 'checking' THEN 1 ELSE 0 END = $3 ORDER BY next_at_ms LIMIT $4)
             RETURNING issue_id, doc"
        );
        let args: [Arg; 4] = [now.as_millisecond().into(), until.as_millisecond().into(), i64::from(checking).into(), most.into()];
        let (mut tickets, mut unread) = (Vec::new(), Vec::new());
        for row in self.rows(statement, args).await? {
            match row.json("doc") {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => unread.push((IssueId(row.int("issue_id")?), error)),
            }
        }
        Ok((tickets, unread))
    }

    /// Has the clock of every live ticket looked at. Says how many there are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_at_clocks(&mut self, now: Timestamp) -> Result<u64> {
        let statement = sql!(
            "UPDATE tickets SET next_at_ms = $1, looking_ms = 0
             WHERE live = 1 AND standing = 'admitted' AND (next_at_ms IS NULL OR next_at_ms > $1)"
        );
        self.run(statement, [now.as_millisecond().into()]).await
    }

    /// Leaves a ticket's clock alone until an instant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_later(&mut self, issue: IssueId, until: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE tickets SET looking_ms = $2 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), until.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Where a ticket is, like `acme/app#12`, as far as it can be told without reading it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn place_of(&mut self, issue: IssueId) -> Result<String> {
        let statement = sql!(
            "SELECT number, repo_id, (SELECT full_name FROM repositories WHERE repositories.id = tickets.repo_id) AS full_name
             FROM tickets WHERE issue_id = $1"
        );
        let rows = self.rows(statement, [issue.0.into()]).await?;
        let Some(row) = rows.first() else { return Ok(format!("the issue of id {issue}")) };
        let (number, repo) = (row.int("number")?, row.int("repo_id")?);
        Ok(match row.maybe_text("full_name")? {
            Some(name) => format!("{name}#{number}"),
            None => format!("issue {number} of the repository of id {repo}"),
        })
    }

    /// Sets when a ticket is looked at next, for one whose look changed nothing else.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_next_at(&mut self, issue: IssueId, at: Option<Timestamp>) -> Result<()> {
        let args = [issue.0.into(), at.map(Timestamp::as_millisecond).into()];
        self.run(sql!("UPDATE tickets SET next_at_ms = $2 WHERE issue_id = $1"), args).await?;
        Ok(())
    }

    /// The earliest instant at which any ticket needs the desk.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_at(&mut self) -> Result<Option<Timestamp>> {
        let rows = self.rows(sql!("SELECT next_at_ms FROM tickets WHERE next_at_ms IS NOT NULL ORDER BY next_at_ms LIMIT 1"), []).await?;
        rows.first().map_or(Ok(None), |row| row.maybe_instant("next_at_ms"))
    }

    /// Tickets by their issues, those that there are and that read back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tickets(&mut self, issues: &[IssueId]) -> Result<Vec<Ticket>> {
        Ok(self.known_tickets(issues).await?.into_values().flatten().collect())
    }

    /// Tickets by their issues, those that there are; `None`: it does not read back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn known_tickets(&mut self, issues: &[IssueId]) -> Result<BTreeMap<IssueId, Option<Ticket>>> {
        let rows = self.rows(sql!("SELECT issue_id, doc FROM tickets WHERE issue_id {in ints $1}"), [list(&issues)?]).await?;
        rows.iter().map(|row| Ok((IssueId(row.int("issue_id")?), row.json("doc").ok()))).collect()
    }

    /// The tickets whose clocks run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn running_tickets(&mut self) -> Result<BTreeSet<IssueId>> {
        let rows = self.rows(sql!("SELECT issue_id FROM tickets WHERE next_at_ms IS NOT NULL AND standing = 'admitted'"), []).await?;
        rows.iter().map(|row| Ok(IssueId(row.int("issue_id")?))).collect()
    }

    /// The ticket of an issue by its place; where several have been there, the latest.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ticket_at(&mut self, repository: &str, number: i64) -> Result<Option<Ticket>> {
        let statement = sql!(
            "SELECT doc FROM tickets WHERE number = $2 AND repo_id IN (SELECT id FROM repositories WHERE lower(full_name) = $1)
             ORDER BY created_ms DESC LIMIT 1"
        );
        let rows = self.rows(statement, [repository.trim().to_lowercase().into(), number.into()]).await?;
        rows.first().map(|row| row.json("doc")).transpose()
    }

    /// One ticket.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ticket(&mut self, issue: IssueId) -> Result<Option<Ticket>> {
        let rows = self.rows(sql!("SELECT doc FROM tickets WHERE issue_id = $1"), [issue.0.into()]).await?;
        rows.first().map(|row| row.json("doc")).transpose()
    }
}

/// What these rows of tickets hold, but for those that do not read back: what is asked of many is not kept from all by one. Whoever has to
/// do something about such a ticket finds it by itself, see [`Tx::claim_due_tickets`].
fn readable<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        match read(row) {
            Err(error @ StoreError::Unreadable { .. }) => tracing::debug!(%error, "left out"),
            read => all.push(read?),
        }
    }
    Ok(all)
}

/// Puts the tickets found into the book, and what they touch to the needs. Says whether there were any.
fn take_tickets(found: &[Vec<Row>], needs: &mut Needs, loaded: &mut Loaded) -> Result<bool> {
    let [_, aliases, tickets, ..] = found else { return Ok(false) };
    let mut there = Vec::new();
    for row in aliases {
        loaded.book.aliases.insert(IssueId(row.int("issue_id")?), IssueId(row.int("ticket_id")?));
        there.extend(row.maybe_json::<Ticket>("doc")?);
    }
    for row in tickets {
        there.push(row.json("doc")?);
    }
    for ticket in there {
        needs.add(&ticket);
        if !ticket.unasked().is_empty() {
            loaded.wanting.insert(ticket.issue);
        }
        loaded.book.tickets.insert(ticket.issue, ticket);
    }
    Ok(!loaded.book.tickets.is_empty())
}

/// Puts people and places into the book.
fn take_people(found: &[Vec<Row>], loaded: &mut Loaded) -> Result<()> {
    let book = &mut loaded.book;
    let [_, _, _, agents, members, repos] = found else { return Ok(()) };
    book.agents = super::rights::agents(agents)?;
    let mut members = members.iter().map(|row| Ok((row.int("id")?, membership(row)?))).collect::<Result<Vec<_>>>()?;
    members.sort_by_key(|(id, _)| *id);
    (loaded.member_ids, book.members) = members.into_iter().unzip();
    take_places(repos, book)
}

/// Puts partners into the book, with who waits in their lines, and their ledger where it was asked for.
fn take_accounts(found: &[Vec<Row>], with_ledger: bool, book: &mut Book) -> Result<()> {
    let [partners, waiting, ledger] = found else { return Ok(()) };
    for row in partners {
        let partner = partner(row)?;
        book.partners.insert(partner.id.clone(), partner);
    }
    for ticket in readable(waiting, |row| row.json::<Ticket>("doc"))? {
        book.tickets.insert(ticket.issue, ticket);
    }
    if with_ledger { take_ledger(ledger, book) } else { Ok(()) }
}

/// Makes these the book's ledger, each partner's in the order of its instants.
fn take_ledger(rows: &[Row], book: &mut Book) -> Result<()> {
    book.ledger.clear();
    for row in rows {
        let entry = entry(row)?;
        book.ledger.entry(entry.partner.clone()).or_default().push(entry);
    }
    for entries in book.ledger.values_mut() {
        entries.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    }
    Ok(())
}

fn take_places(rows: &[Row], book: &mut Book) -> Result<()> {
    book.freezes.clear();
    for row in rows {
        let id = RepoId(row.int("id")?);
        book.first_seen.insert(id, row.instant("first_seen_ms")?);
        book.places.insert(id, place(row)?);
        if row.maybe_int("from_ms")?.is_some() {
            book.freezes.entry(id).or_default().push(freeze(row)?);
        }
    }
    Ok(())
}

impl Needs {
    fn add(&mut self, ticket: &Ticket) {
        self.repos.insert(ticket.repo);
        self.partners.extend(ticket.partner().cloned());
        self.claims.extend(ticket.claim.clone());
        self.instants.insert(ticket.created_at);
        if let Some(author) = &ticket.author {
            self.people.entry(author.id).or_insert_with(|| author.login.clone());
        }
        self.people.extend(ticket.unasked().into_values().map(|person| (person.id, person.login)));
        for fact in &ticket.facts {
            self.claims.extend(fact.what.claim().map(str::to_owned));
        }
    }
}

fn ticket_row(ticket: &Ticket, next_at: Option<Timestamp>, dirty: bool) -> Result<TicketRow<'_>> {
    Ok(TicketRow {
        issue_id: ticket.issue.0,
        installation_id: ticket.installation.0,
        repo_id: ticket.repo.0,
        number: ticket.number,
        partner_id: ticket.partner().map(PartnerId::as_str),
        standing: ticket.standing_word(),
        created_ms: ticket.created_at.as_millisecond(),
        next_at_ms: next_at.map(Timestamp::as_millisecond),
        live: i64::from(ticket.is_live()),
        tier: ticket.tier().map_or("", |tier| tier.0.as_str()),
        dirty: i64::from(dirty),
        doc: to_json(ticket)?,
    })
}

pub(super) fn partner(row: &Row) -> Result<Partner> {
    Ok(Partner { id: partner_id(row, "id")?, name: row.text("name")?, time_zone: row.maybe_text("time_zone")?, tiers: row.json("tiers")? })
}

pub(super) fn partner_id(row: &Row, column: &'static str) -> Result<PartnerId> {
    PartnerId::new(&row.text(column)?).map_err(|error| StoreError::Unreadable { what: column, why: error.to_string() })
}

pub(super) fn membership(row: &Row) -> Result<Membership> {
    Ok(Membership {
        partner: partner_id(row, "partner_id")?,
        user: row.maybe_int("user_id")?.map(UserId),
        login: row.text("login")?,
        from: row.maybe_instant("from_ms")?,
        until: row.maybe_instant("until_ms")?,
        primary: row.flag("is_primary")?,
        lookup_failed: row.flag("lookup_failed")?,
    })
}

pub(super) fn entry(row: &Row) -> Result<Entry> {
    let kind = row.text("kind")?;
    let kind = EntryKind::named(&kind).ok_or(StoreError::Unreadable { what: "ledger.kind", why: kind })?;
    Ok(Entry {
        key: row.text("key")?,
        partner: partner_id(row, "partner_id")?,
        issue: IssueId(row.int("issue_id")?),
        kind,
        at: row.instant("at_ms")?,
        recorded_at: row.instant("recorded_ms")?,
        units: u32::try_from(row.int("units")?).unwrap_or_default(),
        until: row.maybe_instant("until_ms")?,
        grant: row.maybe_text("grant_key")?,
        actor: row.text("actor")?,
        reason: row.text("reason")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::list::{Cell, List, cell};

    fn line(issue: i64, at: i64, rule: &'static str, text: &str) -> LogLine {
        LogLine { issue: IssueId(issue), at: Timestamp::from_second(at).unwrap(), rule, text: text.to_owned() }
    }

    #[test]
    fn what_an_event_comes_to_is_one_row_and_reads_back_line_by_line() {
        let lines = [
            line(1, 1, "W2", "opened"),
            line(1, 1, "Q3", "admitted,\nin two lines"),
            line(1, 2, "S2", "answered"),
            line(1, 2, "E1", "due soon"),
            line(1, 2, "S5", "another"),
            line(2, 2, "W2", "opened"),
        ];
        let Arg::List(List::Rows(rows)) = log_rows(&lines).unwrap() else { panic!("no rows") };
        let text = |row, place, name| match cell(row, place, name) {
            Cell::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        let rows: Vec<_> = rows.iter().map(|row| (text(row, 2, "rule"), text(row, 3, "text"))).collect();
        let rules: Vec<_> = rows.iter().map(|(rule, _)| rule.as_str()).collect();
        assert_eq!(rules, ["W2 Q3", "S2", "E1", "S5", "W2"]);
        let read: Vec<_> = rows.iter().flat_map(|(rule, text)| log_lines(rule, text)).collect();
        let said: Vec<_> = lines.iter().map(|line| (line.rule.to_owned(), line.text.replace('\n', " "))).collect();
        assert_eq!(read, said);
        // As earlier versions wrote it.
        assert_eq!(log_lines("Q7", "granted:\ntwo more"), [("Q7".to_owned(), "granted:\ntwo more".to_owned())]);
    }
}
