//! What each fuzz target does with its bytes. `tests/corpus.rs` does the same with every input that was kept, on each run of the tests.
//!
//! A target fails when something panics, or when what it reads does not hold what its own text promises.

#![allow(dead_code, clippy::allow_attributes, reason = "each target uses one of these")]

use jiff::Timestamp;
use partner_desk::cli::partner;
use partner_desk::domain::book::Book;
use partner_desk::domain::command;
use partner_desk::domain::decide::Rules;
use partner_desk::domain::event::News;
use partner_desk::domain::partner::{Membership, Partner};
use partner_desk::domain::{PartnerId, UserId};
use partner_desk::github::signature::is_signed;
use partner_desk::github::wire::{self, Read};
use partner_desk::messages::{self, View};
use partner_desk::programme::Programme;
use partner_desk::settings::Settings;
use std::path::Path;
use std::sync::LazyLock;

/// With a chat, agents and a partner's member, as most desks have them.
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let file = "agents = [\"ann\"]\n[[chat]]\nname = \"support\"\nkind = \"slack\"\nurl = \"https://chat.example/hook\"\n";
    settings(file, "").expect("these settings are right")
});

/// Settings by this file and this calendar.
fn settings(file: &str, calendar: &str) -> Result<Settings, String> {
    let env = |name: &str| (name == "PARTNER_DESK_CONFIG").then(|| "partner-desk.toml".to_owned());
    let read = |path: &Path| match path.file_name() {
        Some(name) if name == "partner-desk.toml" => Ok(file.to_owned()),
        Some(name) if name == "calendar.ics" && !calendar.is_empty() => Ok(calendar.to_owned()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    Settings::load(&env, &read).map_err(|problems| problems.to_string())
}

fn instant() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("an instant of this century")
}

/// The first line is a signature, the second a secret, the third an event's name; the rest is the body.
pub(crate) fn envelope(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (signature, secret, event, body) = (next(), next(), next(), next());
    let signature = String::from_utf8_lossy(signature);
    if is_signed(secret, body, &signature) {
        let mut other = body.to_vec();
        other.push(b' ');
        assert!(!is_signed(secret, &other, &signature), "one signature for two bodies");
    }
    let _ = wire::read(&String::from_utf8_lossy(event), body, instant());
}

/// Payloads, a line each, one after the other about the same desk. `EVENT JSON`.
pub(crate) fn payload(data: &[u8]) {
    let settings = &*SETTINGS;
    let rules = Rules { programme: &settings.programme, policy: &settings.policy };
    let mut book = Book::default();
    if let Ok(id) = PartnerId::new("acme") {
        let tiers = serde_tiers();
        book.partners.insert(id.clone(), Partner { id: id.clone(), name: "Acme".to_owned(), time_zone: None, tiers });
        let member = |user: i64| Membership {
            partner: id.clone(),
            user: Some(UserId(user)),
            login: format!("member-{user}"),
            from: None,
            until: None,
            primary: false,
            lookup_failed: false,
        };
        book.members.extend([1, 2].map(member));
    }
    book.agents.ids.insert(UserId(9));
    let mut now = instant();
    for line in data.split(|byte| *byte == b'\n').take(12) {
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (event, body) = line.split_at(space);
        now = now.saturating_add(jiff::SignedDuration::from_mins(7)).unwrap_or(now);
        let Ok(Read::News(news)) = wire::read(&String::from_utf8_lossy(event), body, now) else { continue };
        let News::Ticket(event) = *news else { continue };
        rules.take(&mut book, &event, now);
        let Some(ticket) = book.tickets.get(&event.issue.id) else { continue };
        let _ = rules.next_at(&book, ticket, now);
        let wanted = ticket.projection(&settings.programme, &settings.policy);
        assert!(wanted.labels.iter().all(|label| label.name.chars().count() <= 50), "a label that GitHub refuses (G2)");
        let partner = ticket.partner().and_then(|id| book.partners.get(id));
        let view = View { ticket, partner, programme: &settings.programme, policy: &settings.policy, ledger: &[], log: &[], now };
        for post in wanted.posts {
            let _ = messages::comment(&view, post);
        }
        let stored = ticket_text(ticket);
        assert_eq!(Some(&stored), ticket_again(&stored).as_ref().map(ticket_text).as_ref(), "a ticket reads back as it was");
    }
}

fn serde_tiers() -> Vec<partner_desk::domain::partner::TierPeriod> {
    serde_json::from_str(r#"[{"tier":"gold","from":null,"until":null}]"#).expect("a tier since always")
}

fn ticket_text(ticket: &partner_desk::domain::ticket::Ticket) -> String {
    serde_json::to_string(ticket).expect("a ticket can be written")
}

fn ticket_again(text: &str) -> Option<partner_desk::domain::ticket::Ticket> {
    serde_json::from_str(text).ok()
}

/// The text of a comment.
pub(crate) fn command(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let once = command::read(&text);
    // Quoted, nothing is a command (C).
    let quoted = text.split(['\n', '\r']).fold(String::new(), |quoted, line| quoted + "> " + line + "\n");
    assert!(command::read(&quoted).commands.is_empty(), "a command in a quotation");
    drop(once);
}

/// A programme's file.
pub(crate) fn programme(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(problems) = Programme::parse("programme.toml", &text) {
        assert!(!problems.is_empty(), "refused without a reason");
        for problem in problems {
            assert!(!problem.to_string().is_empty(), "a problem without words");
        }
    }
}

/// `partner-desk.toml`.
pub(crate) fn configuration(data: &[u8]) {
    if let Err(problems) = settings(&String::from_utf8_lossy(data), "") {
        assert!(!problems.is_empty(), "refused without a reason");
    }
}

/// An iCalendar file, as shifts and as holidays.
pub(crate) fn calendar(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = |_: &Path| Ok(text.clone().into_owned());
    let holidays =
        "[[calendar]]\nid = \"a\"\nzone = \"Europe/Paris\"\nhours = { mon-fri = [\"09:00-18:00\"] }\nholidays_file = \"calendar.ics\"\n";
    let tier = "[[tier]]\nid = \"b\"\nname = \"B\"\nresponse = \"8h\"\ncalendar = \"a\"\n";
    let _ = Programme::parse_with(Path::new("programme.toml"), &format!("{holidays}{tier}"), &read);
    let Ok(settings) = settings("[on_call]\ncalendar = \"calendar.ics\"\n", &text) else { return };
    let on_call = settings.policy.on_call.expect("it was read");
    for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, instant(), Timestamp::MAX] {
        let shift = on_call.shift(at);
        assert_eq!(shift.person, on_call.at(at), "a shift is of whom it is of");
        assert!(shift.from.is_none_or(|from| from <= at) && shift.until.is_none_or(|until| at < until), "a shift holds its instant");
    }
}

/// A list of partners, as CSV.
pub(crate) fn partners(data: &[u8]) {
    let _ = partner::problems_in("partners.csv", data, &SETTINGS.programme, &SETTINGS.policy.time_zone);
}
