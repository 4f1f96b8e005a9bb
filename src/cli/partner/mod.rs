//! `partner`: who has which tier, and who belongs to whom (`W1`, `W2`, `W5`, `Q8`, `Q9`).
//!
//! Each command that changes anything does it in one transaction with a line for the record, and has the tickets judged again
//! that other partners, tiers or members might admit.

mod cells;
mod change;
pub(super) mod days;
mod export;
mod fields;
mod forget;
mod import;
mod list;
mod member;
mod people;
mod rows;
mod show;
mod status;
mod timeline;

#[cfg(test)]
mod tests;

use super::CliError;
use crate::desk::Desk;
use crate::domain::PartnerId;
use crate::domain::partner::Partner;
use crate::programme::Programme;
use crate::programme::problem::{Problem, Problems, Unfit, nearest};
use crate::store::{AuditLine, Tx};
use fields::Place;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use people::Members;

/// What is wrong with a list of partners, without a database.
#[must_use]
pub fn problems_in(file: &str, bytes: &[u8], programme: &Programme, zone: &TimeZone) -> Vec<Problem> {
    rows::read(file, bytes, programme, zone).1
}

/// Partners, their tiers over time and their members.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum PartnerCommand {
    /// Take over a list of partners: what it has is added or changed, what it lacks stays.
    ///
    /// Columns: `partner,name,tier,logins,github_ids,from,until,time_zone`. The first four are required, in any order. Logins and
    /// ids are separated by spaces and pair by position; `?` stands for one that is not known. A day is one of the programme's
    /// time zone, the last one included; RFC 3339 instants are taken as well. Several rows of one partner are its tiers over
    /// time. The file counts as a whole: if any of it is wrong, nothing is changed.
    Import {
        /// The file, or `-` for standard input.
        file: String,
    },
    /// Write the list of partners as `import` reads it.
    Export {
        /// The file; standard output if there is none, or for `-`.
        file: Option<String>,
    },
    /// Add a partner.
    Add(AddPartner),
    /// List the partners with their tiers and what they have used.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one partner: subscription, what the tier includes, members, balance and ledger.
    Show {
        /// The partner's id.
        id: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a partner another tier, and tell what comes and goes.
    SetTier {
        /// The partner's id.
        id: String,
        /// The tier's id, as in the programme.
        tier: String,
        /// First day or instant; now, if left out.
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// Last day, or the instant at which it ends.
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
    },
    /// End a partner's subscription; its members stay known as such.
    End {
        /// The partner's id.
        id: String,
        /// The day with whose beginning it ends, or an instant; now, if left out.
        #[arg(long, value_name = "DAY")]
        at: Option<String>,
    },
    /// Give a partner extra tickets, used when its window is full.
    Grant {
        /// The partner's id.
        id: String,
        /// How many.
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
        tickets: u32,
        /// Why; the ledger keeps it.
        #[arg(long)]
        reason: String,
        /// Last day on which they can be used, or an instant; the end of the present window, if left out.
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
    },
    /// Members of a partner.
    #[command(subcommand)]
    Member(MemberCommand),
}

/// What `partner add` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct AddPartner {
    /// The partner's id: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What people read.
    #[arg(long)]
    pub name: String,
    /// The tier's id, as in the programme.
    #[arg(long)]
    pub tier: String,
    /// A member's login; may be repeated.
    #[arg(long = "login", value_name = "LOGIN")]
    pub logins: Vec<String>,
    /// A member's numeric GitHub id; may be repeated. With logins, they pair by position.
    #[arg(long = "id", value_name = "NUMBER")]
    pub ids: Vec<String>,
    /// First day or instant of the tier; since always, if left out.
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// Last day of the tier, or the instant at which it ends.
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// IANA zone in which instants are shown to the partner.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
}

/// Members of a partner.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum MemberCommand {
    /// Add members, or change the dates of those that are.
    Add(AddMembers),
    /// End a membership. What the person opened before stays the partner's.
    Remove {
        /// The partner's id.
        partner: String,
        /// The member's login.
        #[arg(required_unless_present = "id", conflicts_with = "id")]
        login: Option<String>,
        /// The member's numeric GitHub id.
        #[arg(long, value_name = "NUMBER")]
        id: Option<String>,
        /// The day with whose beginning it ends, or an instant; now, if left out.
        #[arg(long, value_name = "DAY")]
        at: Option<String>,
    },
    /// Erase a person's name and id everywhere: memberships, agents, tickets, ledger, logs and messages. What they opened or answered
    /// stays counted, without them. This cannot be taken back.
    Forget {
        /// The person's login, present or former; or their id, if nobody is called so.
        #[arg(required_unless_present = "id", conflicts_with = "id")]
        login: Option<String>,
        /// The person's numeric GitHub id.
        #[arg(long, value_name = "NUMBER")]
        id: Option<String>,
    },
}

/// What `partner member add` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct AddMembers {
    /// The partner's id.
    pub partner: String,
    /// The members' logins. A number here is a login too; ids go behind `--id`.
    #[arg(required_unless_present = "ids", value_name = "LOGIN")]
    pub logins: Vec<String>,
    /// A member's numeric GitHub id; may be repeated. With logins, they pair by position.
    #[arg(long = "id", value_name = "NUMBER")]
    pub ids: Vec<String>,
    /// First day or instant; since always, if left out.
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// Last day, or the instant at which it ends.
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// For people of several partners: what they open counts for this one unless they choose another (`W5`).
    #[arg(long)]
    pub primary: bool,
}

/// Does what a `partner` command asks and writes what came of it.
///
/// # Errors
/// What was asked cannot be done, and then nothing was changed.
pub async fn run(command: PartnerCommand, desk: &Desk, out: &mut dyn std::io::Write) -> Result<(), CliError> {
    let text = match command {
        PartnerCommand::Import { file } => import::import(&file, desk).await?,
        PartnerCommand::Export { file } => {
            let (text, rows, partners) = export::export(desk).await?;
            match file.filter(|file| file != "-") {
                Some(file) => {
                    export::write(&file, &text)?;
                    format!("{file}: {rows} rows, {partners} partners\n")
                }
                None => text,
            }
        }
        PartnerCommand::Add(args) => change::add(&args, desk).await?,
        PartnerCommand::List { json } => list::list(json, desk).await?,
        PartnerCommand::Show { id, json } => show::show(&id, json, desk).await?,
        PartnerCommand::SetTier { id, tier, from, until } => change::set_tier(&id, &tier, from.as_deref(), until.as_deref(), desk).await?,
        PartnerCommand::End { id, at } => change::end(&id, at.as_deref(), desk).await?,
        PartnerCommand::Grant { id, tickets, reason, until } => change::grant(&id, tickets, &reason, until.as_deref(), desk).await?,
        PartnerCommand::Member(MemberCommand::Add(args)) => member::add(&args, desk).await?,
        PartnerCommand::Member(MemberCommand::Remove { partner, login, id, at }) => {
            member::remove(&partner, login.as_deref(), id.as_deref(), at.as_deref(), desk).await?
        }
        PartnerCommand::Member(MemberCommand::Forget { login, id }) => forget::forget(login.as_deref(), id.as_deref(), desk).await?,
    };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}

/// Complaint about an argument.
pub(super) fn misused(field: &str, value: &str, unfit: Unfit) -> CliError {
    CliError::Usage(Problems(vec![Place::arguments().problem(field, Some(value), unfit)]).to_string())
}

/// The partner that an argument names.
async fn named_partner(tx: &mut Tx, id: &str) -> Result<Partner, CliError> {
    let partners = tx.all_partners().await?;
    let wanted = PartnerId::new(id).ok();
    if let Some(partner) = partners.iter().find(|partner| wanted.as_ref() == Some(&partner.id)) {
        return Ok(partner.clone());
    }
    let near = nearest(id, partners.iter().map(|partner| partner.id.as_str()));
    let hint = near.map_or_else(|| "there is none yet".to_owned(), |near| format!("the nearest is \"{near}\""));
    Err(misused("ID", id, Unfit::because("the id of a partner", hint)))
}

/// Puts an act on record.
async fn note(tx: &mut Tx, now: Timestamp, act: &str, detail: &str) -> Result<(), CliError> {
    tx.audit(&AuditLine { at: now, act: act.to_owned(), detail: detail.to_owned() }).await?;
    Ok(())
}

/// Saves members and ends the transaction. If anything changed, tickets that it may admit are judged again.
async fn save_members(mut tx: Tx, members: &Members, more_changed: bool, now: Timestamp) -> Result<(), CliError> {
    if !more_changed && !members.changed() {
        return Ok(tx.rollback().await?);
    }
    members.save(&mut tx).await?;
    tx.look_again(now).await?;
    Ok(tx.commit().await?)
}
