//! `partner member forget` (`O2`).

use super::fields::{self, Place};
use super::misused;
use crate::cli::CliError;
use crate::desk::Desk;
use crate::desk::forget::{Forgot, Found, Known};
use crate::programme::problem::{Unfit, nearest};
use std::fmt::Write as _;

/// Erases a person, and says where they stood.
pub(super) async fn forget(login: Option<&str>, id: Option<&str>, desk: &Desk) -> Result<String, CliError> {
    let known = match (login, id) {
        (_, Some(id)) => by_id("--id", id, desk).await?,
        (Some(login), None) => by_login(login, desk).await?,
        (None, None) => return Err(misused("LOGIN", "", Unfit::new("a login or an id"))),
    };
    let forgot = desk.forget(&known).await?;
    Ok(said(&known, &forgot, desk))
}

async fn by_login(text: &str, desk: &Desk) -> Result<Known, CliError> {
    let login = fields::login(text).map_err(|unfit| misused("LOGIN", text, unfit))?;
    match desk.person_called(&login).await? {
        Found::One(known) => Ok(known),
        Found::Several(users) => {
            let ids: Vec<_> = users.iter().map(ToString::to_string).collect();
            let hint = format!("the login has changed hands; name one by `--id`: {}", ids.join(" or "));
            Err(misused("LOGIN", text, Unfit::because("the login of one person", hint)))
        }
        Found::Nobody if fields::user_id(text).is_ok() => by_id("LOGIN", text, desk).await,
        Found::Nobody => {
            let mut tx = desk.store.read().await?;
            let members = tx.all_members(None).await?;
            tx.rollback().await?;
            let logins = members.iter().map(|row| row.member.login.as_str()).filter(|login| fields::is_login(login));
            let hint = nearest(&login, logins).map(|near| format!("the nearest is \"{near}\""));
            Err(nobody("LOGIN", text, hint))
        }
    }
}

async fn by_id(field: &str, text: &str, desk: &Desk) -> Result<Known, CliError> {
    let user = fields::user_id(text).map_err(|unfit| misused(field, text, unfit))?;
    match desk.person_with_id(user).await? {
        Found::One(known) => Ok(known),
        Found::Nobody | Found::Several(_) => Err(nobody(field, text, None)),
    }
}

fn nobody(field: &str, text: &str, hint: Option<String>) -> CliError {
    let unfit = Unfit { expected: "a person whom the desk knows: a member, an agent, or somebody on a ticket".to_owned(), hint };
    CliError::Failed(Place::arguments().problem(field, Some(text), unfit).to_string())
}

fn said(known: &Known, forgot: &Forgot, desk: &Desk) -> String {
    let mut text = format!("forgotten, in {forgot}\n");
    if forgot.comments > 0 {
        let _ =
            writeln!(text, "the desk's comments on {} of the tickets named them, and are written anew while `serve` runs", forgot.comments);
    }
    for name in known.names.iter().filter(|name| desk.agents.logins.contains(*name)) {
        let _ = writeln!(text, "`agents` in the configuration still names {name}: take it out, or the next start knows them again");
    }
    text
}
