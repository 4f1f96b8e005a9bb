//! Members as operators name them against members as they are stored (`W1`, `W2`).

use super::fields::{Named, Place};
use crate::desk::Desk;
use crate::desk::people::LookUp;
use crate::domain::partner::Membership;
use crate::domain::{PartnerId, UserId};
use crate::programme::problem::{Problem, Unfit};
use crate::store::{MemberRow, Tx};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One naming of a person as a member.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Of which partner.
    pub partner: PartnerId,
    /// Who.
    pub named: Named,
    /// Where.
    pub place: Place,
    /// The field there that holds the login.
    pub field: String,
}

/// The memberships of the desk while a command changes them.
#[derive(Debug)]
pub(super) struct Members {
    slots: Vec<Slot>,
    /// Where those of a partner are, whose membership stays theirs: a list of a hundred thousand partners asks for each.
    places: BTreeMap<PartnerId, Vec<usize>>,
    now: Timestamp,
}

/// One membership.
#[derive(Debug)]
struct Slot {
    id: Option<i64>,
    member: Membership,
    changed: bool,
    /// The command named it.
    named: bool,
}

/// What naming a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They were a member already.
    Same,
    /// They were, and something about them was put right, as this says.
    Corrected(String),
    /// They are a member now.
    Added {
        /// They were once before, so the new membership begins now and the time between stays as it was.
        again: bool,
    },
}

/// What GitHub said of logins, in lower case.
pub(super) type Answers = BTreeMap<String, LookUp>;

impl Members {
    /// Takes what is stored.
    pub(super) fn new(rows: Vec<MemberRow>, now: Timestamp) -> Self {
        let mut members = Self { slots: Vec::with_capacity(rows.len()), places: BTreeMap::new(), now };
        for row in rows {
            members.push(Slot { id: Some(row.id), member: row.member, changed: false, named: false });
        }
        members
    }

    /// Gives the place.
    fn push(&mut self, slot: Slot) -> usize {
        let place = self.slots.len();
        self.places.entry(slot.member.partner.clone()).or_default().push(place);
        self.slots.push(slot);
        place
    }

    /// The memberships of a partner, each with its place.
    fn of(&self, partner: &PartnerId) -> impl Iterator<Item = (usize, &Slot)> {
        self.places.get(partner).into_iter().flatten().filter_map(|place| Some((*place, self.slots.get(*place)?)))
    }

    /// Logins that are new and come without an id: whom GitHub has to be asked for.
    pub(super) fn strangers<'w>(&self, wanted: &'w [Wanted]) -> Vec<&'w str> {
        let mut with_id = BTreeSet::new();
        for Wanted { partner, named, .. } in wanted {
            if let (Some(login), Some(_)) = (&named.login, named.id) {
                with_id.insert((partner, login.to_ascii_lowercase()));
            }
        }
        let mut seen = BTreeSet::new();
        let mut strangers = Vec::new();
        for Wanted { partner, named, .. } in wanted {
            let Named { login: Some(login), id: None } = named else { continue };
            let key = login.to_ascii_lowercase();
            if self.by_login(partner, login).is_none() && !with_id.contains(&(partner, key.clone())) && seen.insert(key) {
                strangers.push(login.as_str());
            }
        }
        strangers
    }

    /// Strangers that GitHub does not know either, each with the place where it was written.
    pub(super) fn unknown(&self, wanted: &[Wanted], answers: &Answers) -> Vec<Problem> {
        let mut problems = Vec::new();
        for Wanted { partner, named, place, field } in wanted {
            let Named { login: Some(login), id: None } = named else { continue };
            let answer = answers.get(&login.to_ascii_lowercase());
            if answer == Some(&LookUp::NoSuchAccount) && self.by_login(partner, login).is_none() {
                let unfit = Unfit::because("the login of a GitHub account", "GitHub knows no such account");
                problems.push(place.problem(field.clone(), Some(login), unfit));
            }
        }
        problems
    }

    /// Makes a person a member, since always unless they were one before (`W2`). Gives the place of the membership.
    pub(super) fn admit(&mut self, partner: &PartnerId, named: &Named, answers: &Answers) -> (usize, Outcome) {
        let mut login = named.login.clone();
        let mut user = named.id;
        let mut failed = false;
        // By login it is whoever bears it here; GitHub was asked only for those whom nobody here does.
        if user.is_none()
            && let Some(written) = &named.login
            && self.by_login(partner, written).is_none()
        {
            match answers.get(&written.to_ascii_lowercase()) {
                Some(LookUp::Found(id, spelling)) => (user, login) = (Some(*id), Some(spelling.clone())),
                Some(LookUp::NoApp) => {}
                // Not asked: somebody removed them while GitHub was being asked about the others.
                Some(LookUp::Failed(_) | LookUp::NoSuchAccount) | None => failed = true,
            }
        }
        let found = user.and_then(|user| self.by_id(partner, user)).or_else(|| {
            let at = self.by_login(partner, login.as_deref()?)?;
            // Somebody else had this login; the id decides (W1).
            let bound = self.slots.get(at)?.member.user;
            (user.is_none() || bound.is_none()).then_some(at)
        });
        let Some(slot) = found.and_then(|at| self.slots.get_mut(at)) else {
            let again = self.of(partner).any(|(_, slot)| is_called(&slot.member, login.as_deref(), user));
            let member = Membership {
                partner: partner.clone(),
                user,
                login: login.unwrap_or_default(),
                from: again.then_some(self.now),
                until: None,
                primary: false,
                lookup_failed: failed,
            };
            let place = self.push(Slot { id: None, member, changed: true, named: true });
            return (place, Outcome::Added { again });
        };
        slot.named = true;
        let mut corrected = None;
        if let (None, Some(id)) = (slot.member.user, user) {
            slot.member.user = Some(id);
            slot.member.lookup_failed = false;
            corrected = Some(format!("{} has the id {id}", slot.member.login));
        }
        if let Some(login) = login
            && !slot.member.login.eq_ignore_ascii_case(&login)
        {
            corrected = Some(format!("{} is now called {login}", called(&slot.member)));
            slot.member.login = login;
        }
        slot.changed |= corrected.is_some();
        (found.unwrap_or_default(), corrected.map_or(Outcome::Same, Outcome::Corrected))
    }

    /// The membership at a place.
    pub(super) fn at(&self, place: usize) -> Option<&Membership> {
        self.slots.get(place).map(|slot| &slot.member)
    }

    /// Changes the membership at a place; says whether that made a difference.
    pub(super) fn change(&mut self, place: usize, change: impl FnOnce(&mut Membership)) -> bool {
        let Some(slot) = self.slots.get_mut(place) else { return false };
        let before = slot.member.clone();
        change(&mut slot.member);
        let differs = slot.member != before;
        slot.changed |= differs;
        differs
    }

    /// Places of everybody's memberships for which something holds.
    pub(super) fn places(&self, holds: impl Fn(&Membership) -> bool) -> Vec<usize> {
        self.slots.iter().enumerate().filter(|(_, slot)| holds(&slot.member)).map(|(place, _)| place).collect()
    }

    /// Members of a partner whom the command did not name, though they have not left.
    pub(super) fn others(&self, partner: &PartnerId) -> impl Iterator<Item = &Membership> {
        self.of(partner).filter(|(_, slot)| !slot.named && self.stays(slot)).map(|(_, slot)| &slot.member)
    }

    /// Whether there is anything to save.
    pub(super) fn changed(&self) -> bool {
        self.slots.iter().any(|slot| slot.changed)
    }

    /// Saves what changed.
    pub(super) async fn save(&self, tx: &mut Tx) -> crate::store::Result<()> {
        for slot in self.slots.iter().filter(|slot| slot.changed) {
            tx.put_member(slot.id, &slot.member).await?;
        }
        Ok(())
    }

    /// A membership that is in force or will be.
    fn stays(&self, slot: &Slot) -> bool {
        slot.member.until.is_none_or(|until| until > self.now)
    }

    fn by_id(&self, partner: &PartnerId, user: UserId) -> Option<usize> {
        self.of(partner).find(|(_, slot)| slot.member.user == Some(user) && self.stays(slot)).map(|(place, _)| place)
    }

    fn by_login(&self, partner: &PartnerId, login: &str) -> Option<usize> {
        self.of(partner).find(|(_, slot)| slot.member.login.eq_ignore_ascii_case(login) && self.stays(slot)).map(|(place, _)| place)
    }
}

/// Whether a membership is this person's, as far as they are known. The id decides where both have one (`W1`).
pub(super) fn is_called(member: &Membership, login: Option<&str>, user: Option<UserId>) -> bool {
    match (member.user, user) {
        (Some(one), Some(other)) => one == other,
        _ => login.is_some_and(|login| member.login.eq_ignore_ascii_case(login)),
    }
}

/// How a member is named to people.
pub(super) fn called(member: &Membership) -> String {
    match (member.login.as_str(), member.user) {
        ("", Some(id)) => format!("id {id}"),
        ("", None) => "nobody".to_owned(),
        (login, Some(id)) => format!("{login} ({id})"),
        (login, None) => login.to_owned(),
    }
}

/// Asks GitHub for logins, all at once and outside of any transaction. What failed is told in one line of the log.
pub(super) async fn ask(desk: &Desk, strangers: &[&str]) -> Answers {
    if strangers.is_empty() {
        return Answers::new();
    }
    let logins: Vec<_> = strangers.iter().map(|login| (*login).to_owned()).collect();
    let found = desk.look_up(&logins).await;
    let failed: Vec<_> = logins.iter().zip(&found).filter(|(_, found)| matches!(found, LookUp::Failed(_))).collect();
    if let Some((_, LookUp::Failed(why))) = failed.first() {
        let logins: Vec<_> = failed.iter().map(|(login, _)| login.as_str()).collect();
        tracing::warn!(logins = %logins.join(" "), %why, "ids could not be asked; they are bound at first sight");
    }
    logins.iter().map(|login| login.to_ascii_lowercase()).zip(found).collect()
}
