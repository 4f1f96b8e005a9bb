//! Single values as operators write them, in the file and on the command line alike, and where they were written.

use super::days::{self, Edge};
use crate::domain::{PartnerId, UserId};
use crate::programme::problem::{Problem, Unfit, nearest, one_of};
use crate::programme::{Programme, TierId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Stands in a list of logins or ids for the one that is not known, so that the two lists still pair by position.
pub(super) const UNKNOWN: &str = "?";

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file, or what stands for it.
    pub file: String,
    /// The line in it.
    pub line: Option<usize>,
}

impl Place {
    /// The arguments of the command.
    pub(super) fn arguments() -> Self {
        Self { file: "command line".to_owned(), line: None }
    }

    /// What is wrong with a value here.
    pub(super) fn problem(&self, field: impl Into<String>, value: Option<&str>, unfit: Unfit) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line,
            field: field.into(),
            value: value.map(|value| format!("{value:?}")),
            expected: unfit.expected,
            hint: unfit.hint,
        }
    }
}

/// A person as an operator names them: by login, by id, or by both. Never by neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The login.
    pub login: Option<String>,
    /// The id.
    pub id: Option<UserId>,
}

/// A tier by its id (`gold`), whatever its case.
pub(super) fn tier(text: &str, programme: &Programme) -> Result<TierId, Unfit> {
    let ids = || programme.tiers.iter().map(|tier| tier.id.0.as_str());
    let known = programme.tier(&TierId(text.to_owned())).map(|tier| tier.id.clone());
    known.ok_or_else(|| {
        let near = nearest(text, ids()).filter(|_| !text.is_empty());
        Unfit { expected: one_of(ids()), hint: near.map(|near| format!("the nearest is \"{near}\"")) }
    })
}

/// A partner's id.
pub(super) fn partner(text: &str) -> Result<PartnerId, Unfit> {
    PartnerId::new(text).map_err(|_| Unfit::new("1 to 64 letters, digits, `-`, `_` or `.`, for example \"acme\""))
}

/// A partner's name: one line, because it is shown in lines.
pub(super) fn name(text: &str) -> Result<String, Unfit> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(Unfit::new("a name of 1 to 200 characters in one line"));
    }
    Ok(text.to_owned())
}

/// An IANA zone, in the spelling of the database.
pub(super) fn time_zone(text: &str) -> Result<String, Unfit> {
    if let Some(zone) = TimeZone::get(text).ok().filter(|zone| !zone.is_unknown()) {
        return Ok(zone.iana_name().unwrap_or(text).to_owned());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let near = nearest(text, known.iter().map(String::as_str));
    let hint = near.map(|near| format!("the nearest is \"{near}\""));
    Err(Unfit { expected: "an IANA time zone like \"Europe/Paris\" or \"UTC\"".to_owned(), hint })
}

/// A half-open time: its first instant, and the first one after it.
pub(super) type Span = (Option<Timestamp>, Option<Timestamp>);

/// The two edges of a time, both optional and in order. Complains about one field at a time.
pub(super) fn span<'t>(from: Option<&'t str>, until: Option<&'t str>, zone: &TimeZone) -> Result<Span, (Edge, &'t str, Unfit)> {
    let start = from.map(|text| days::read(text, Edge::From, zone).map_err(|unfit| (Edge::From, text, unfit))).transpose()?;
    let end = until.map(|text| days::read(text, Edge::Until, zone).map_err(|unfit| (Edge::Until, text, unfit))).transpose()?;
    if let (Some(start), Some(end), Some(from), Some(until)) = (start, end, from, until)
        && end <= start
    {
        return Err((Edge::Until, until, Unfit::new(format!("a day that is not before {from}"))));
    }
    Ok((start, end))
}

/// What may stand in a list of logins, for [`login`] and for what writes such lists.
pub(super) fn is_login(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=100).contains(&text.len()) && text.chars().all(fits) && !text.starts_with('-')
}

/// A login; an `@` in front is how people write one.
pub(super) fn login(text: &str) -> Result<String, Unfit> {
    let bare = text.strip_prefix('@').unwrap_or(text);
    if is_login(bare) { Ok(bare.to_owned()) } else { Err(Unfit::new("logins of letters, digits, `-` and `_`, separated by spaces")) }
}

/// A numeric id.
pub(super) fn user_id(text: &str) -> Result<UserId, Unfit> {
    let number = text.parse().ok().filter(|id: &i64| *id > 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(UserId).ok_or_else(|| Unfit::new("numeric ids of GitHub accounts, separated by spaces"))
}

/// Pairs logins and ids by position where both are given (`W1`). Says what is wrong with which of the two lists.
pub(super) fn people(logins: &[&str], ids: &[&str]) -> Result<Vec<Named>, Vec<(Listed, String, Unfit)>> {
    let mut wrong = Vec::new();
    let mut read = |text: &&str| match login(text) {
        _ if *text == UNKNOWN => None,
        Ok(login) => Some(login),
        Err(unfit) => {
            wrong.push((Listed::Logins, (*text).to_owned(), unfit));
            None
        }
    };
    let names: Vec<_> = logins.iter().map(&mut read).collect();
    let mut read = |text: &&str| match user_id(text) {
        _ if *text == UNKNOWN => None,
        Ok(id) => Some(id),
        Err(unfit) => {
            wrong.push((Listed::Ids, (*text).to_owned(), unfit));
            None
        }
    };
    let numbers: Vec<_> = ids.iter().map(&mut read).collect();
    if !names.is_empty() && !numbers.is_empty() && names.len() != numbers.len() {
        let expected = format!("as many ids as logins, because they pair by position: {}, found {}", names.len(), numbers.len());
        let hint = format!("write `{UNKNOWN}` for one that is not known");
        wrong.push((Listed::Ids, ids.join(" "), Unfit::because(expected, hint)));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut people = Vec::new();
    for place in 0..names.len().max(numbers.len()) {
        let person = Named { login: names.get(place).cloned().flatten(), id: numbers.get(place).copied().flatten() };
        if person.login.is_none() && person.id.is_none() {
            let list = if names.is_empty() { Listed::Ids } else { Listed::Logins };
            return Err(vec![(list, UNKNOWN.to_owned(), Unfit::new("a login or an id for every member"))]);
        }
        people.push(person);
    }
    Ok(people)
}

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// The logins.
    Logins,
    /// The ids.
    Ids,
}
