//! Times in which a repository is out of the desk's hands, and how its tickets keep up with it (`S12`).

use super::book::Book;
use super::ids::InstallationId;
use super::response::Cycle;
use super::ticket::{Freeze, FreezeReason, Standing, Ticket};
use jiff::Timestamp;

/// Notes that a repository is out of the desk's hands from `at` on, for this reason. Says whether that was news.
pub fn begin(freezes: &mut Vec<Freeze>, why: FreezeReason, at: Timestamp) -> bool {
    freezes.retain(|freeze| freeze.why != why || freeze.from != at || freeze.until != Some(at));
    // What began before something ended is the beginning of that, though it is heard of later (R3).
    let same = freezes.iter_mut().filter(|freeze| freeze.why == why && freeze.until.is_none_or(|until| until > at));
    match same.min_by_key(|freeze| freeze.from) {
        Some(known) if known.from <= at => return false,
        Some(known) => known.from = at,
        None => freezes.push(Freeze { from: at, until: None, why }),
    }
    sort(freezes);
    true
}

/// Notes that this reason holds at present, since `since`: what is known to the contrary is not so. Says whether that was news.
pub fn hold(freezes: &mut Vec<Freeze>, why: FreezeReason, since: Timestamp) -> bool {
    let news = begin(freezes, why, since);
    let last = freezes.iter_mut().filter(|freeze| freeze.why == why).max_by_key(|freeze| (freeze.until.is_none(), freeze.until));
    news | last.is_some_and(|last| last.until.take().is_some())
}

/// Notes that this reason is none any more from `at` on. Says whether that was news.
pub fn end(freezes: &mut [Freeze], why: FreezeReason, at: Timestamp) -> bool {
    let Some(open) = freezes.iter_mut().find(|freeze| freeze.why == why && freeze.until.is_none()) else { return false };
    open.until = Some(at.max(open.from));
    true
}

/// The same for an end whose beginning may be heard of later: what has not begun yet is kept as a time without length.
pub fn end_for_good(freezes: &mut Vec<Freeze>, why: FreezeReason, at: Timestamp) -> bool {
    if end(freezes, why, at) {
        return true;
    }
    let known = freezes.iter().any(|freeze| freeze.why == why && freeze.until.is_some_and(|until| until >= at));
    if !known {
        freezes.push(Freeze { from: at, until: Some(at), why });
        sort(freezes);
    }
    !known
}

/// Whether any reason holds at present.
#[must_use]
pub fn is_frozen(freezes: &[Freeze]) -> bool {
    freezes.iter().any(|freeze| freeze.until.is_none())
}

fn sort(freezes: &mut [Freeze]) {
    freezes.sort_by_key(|freeze| (freeze.from, freeze.why, freeze.until));
}

impl FreezeReason {
    /// The word by which the database knows it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Suspended => "suspended",
            Self::Uninstalled => "uninstalled",
        }
    }

    /// What is the matter, after the repository's name.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Archived => "is archived",
            Self::Suspended => "belongs to an installation that is suspended",
            Self::Uninstalled => "is not in any installation of the App",
        }
    }
}

impl std::str::FromStr for FreezeReason {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Archived, Self::Suspended, Self::Uninstalled]
            .into_iter()
            .find(|why| why.word() == word)
            .ok_or_else(|| format!("`{word}` is no reason of a freeze"))
    }
}

impl Ticket {
    /// Whether its repository is out of the desk's hands at present.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        is_frozen(&self.frozen)
    }

    /// Whether it waits for a slot or for an answer: such a ticket keeps up with its repository at once, others when something
    /// happens to them.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.standing, Standing::Waiting(_)) || self.cycles().last().is_some_and(Cycle::is_running)
    }
}

impl Book {
    /// Brings a ticket up to date with its repository: its name, its visibility, its installation, and the times since the opening
    /// in which it was out of the desk's hands. Every one of these is a line in the ticket's log. A ticket that was transferred keeps
    /// the times of where it was before.
    pub fn relocate(&mut self, ticket: &mut Ticket) {
        if let Some(place) = self.places.get(&ticket.repo) {
            if ticket.repo_name != place.full_name {
                ticket.url = ticket.url.replacen(&format!("/{}/", ticket.repo_name), &format!("/{}/", place.full_name), 1);
                ticket.repo_name.clone_from(&place.full_name);
            }
            ticket.private = place.private;
            if place.installation != InstallationId(0) {
                ticket.installation = place.installation;
            }
        }
        let before = ticket.frozen.iter().filter_map(|freeze| {
            let left = ticket.here_since.filter(|left| freeze.from < *left)?;
            Some(Freeze { until: Some(freeze.until.map_or(left, |until| until.min(left))), ..*freeze })
        });
        let all = self.freezes.get(&ticket.repo).map_or(&[][..], Vec::as_slice);
        let came = ticket.here_since.unwrap_or(ticket.created_at);
        let touches = |freeze: &&Freeze| freeze.until.is_none_or(|until| until > came && until > freeze.from);
        let here = all.iter().filter(touches).map(|freeze| match ticket.here_since {
            Some(came) => Freeze { from: freeze.from.max(came), ..*freeze },
            None => *freeze,
        });
        let frozen: Vec<_> = before.chain(here).collect();
        for freeze in frozen.iter().filter(|freeze| !ticket.frozen.contains(freeze)) {
            let Freeze { from, until, why } = freeze;
            let (what, repo) = (why.reason(), &ticket.repo_name);
            match until {
                None => self.note(ticket.issue, *from, "S12", format!("{repo} {what}: unmanaged since {from}")),
                Some(until) => self.note(ticket.issue, *until, "S12", format!("{repo} {what} no more: unmanaged from {from} to {until}")),
            }
        }
        ticket.frozen = frozen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FreezeReason::{Archived, Suspended};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn times(freezes: &[Freeze]) -> Vec<(i64, Option<i64>, FreezeReason)> {
        let minute = |at: Timestamp| at.as_second() / 60;
        freezes.iter().map(|freeze| (minute(freeze.from), freeze.until.map(minute), freeze.why)).collect()
    }

    #[test]
    fn s12_each_reason_has_its_own_times() {
        let mut freezes = Vec::new();
        assert!(begin(&mut freezes, Archived, at(10)));
        assert!(begin(&mut freezes, Suspended, at(20)));
        assert!(!begin(&mut freezes, Archived, at(25)), "it is archived already");
        assert!(end(&mut freezes, Archived, at(30)));
        assert!(is_frozen(&freezes));
        assert!(!end(&mut freezes, Archived, at(31)));
        assert!(end(&mut freezes, Suspended, at(40)));
        assert!(!is_frozen(&freezes));
        assert!(begin(&mut freezes, Archived, at(50)));
        assert_eq!(times(&freezes), [(10, Some(30), Archived), (20, Some(40), Suspended), (50, None, Archived)]);
    }

    #[test]
    fn s12_a_beginning_may_be_heard_of_after_its_end() {
        let mut freezes = Vec::new();
        assert!(end_for_good(&mut freezes, Suspended, at(20)));
        assert!(!is_frozen(&freezes));
        assert!(!end_for_good(&mut freezes, Suspended, at(20)), "told twice");
        assert!(begin(&mut freezes, Suspended, at(10)));
        assert_eq!(times(&freezes), [(10, Some(20), Suspended)]);
        assert!(!begin(&mut freezes, Suspended, at(10)), "told twice");
        assert!(begin(&mut freezes, Suspended, at(20)), "once more at the same instant");
        assert_eq!(times(&freezes), [(10, Some(20), Suspended), (20, None, Suspended)]);
    }

    #[test]
    fn s12_told_of_an_end_that_is_not_so() {
        let mut freezes = Vec::new();
        assert!(begin(&mut freezes, Suspended, at(10)));
        assert!(end(&mut freezes, Suspended, at(30)), "of an earlier time, but who knows");
        assert!(hold(&mut freezes, Suspended, at(20)));
        assert!(!hold(&mut freezes, Suspended, at(20)));
        assert_eq!(times(&freezes), [(10, None, Suspended)]);
        assert!(end(&mut freezes, Suspended, at(40)));
        assert!(hold(&mut freezes, Suspended, at(40)));
        assert_eq!(times(&freezes), [(10, Some(40), Suspended), (40, None, Suspended)]);
    }

    #[test]
    fn s12_found_late_and_then_told_exactly() {
        let mut freezes = Vec::new();
        assert!(begin(&mut freezes, Suspended, at(15)));
        assert!(begin(&mut freezes, Suspended, at(10)), "earlier than it was noticed");
        assert_eq!(times(&freezes), [(10, None, Suspended)]);
    }
}
