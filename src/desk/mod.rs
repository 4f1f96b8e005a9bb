//! What the desk does: take in what happened, show it at GitHub, say what is due. Each part loads, lets the rules decide, and
//! saves in one transaction; effects outside follow from what was saved.

pub mod acknowledge;
pub mod behind;
pub mod catch_up;
pub mod counts;
pub mod escalate;
pub mod forget;
pub mod gate;
pub mod intake;
pub mod keep;
mod labels;
pub mod life;
mod limits;
pub mod missed;
pub mod people;
pub mod places;
pub mod publish;
mod refusal;
pub mod reports;
pub mod retarget;
pub mod rights;
pub mod setup;
pub mod skew;
pub mod speak;
mod sweep;
mod threads;
pub mod tidy;
mod upkeep;

use crate::chat::Chat;
use crate::clock::Clock;
use crate::domain::book::Place;
use crate::domain::decide::Rules;
use crate::domain::projection::Projection;
use crate::domain::ticket::Ticket;
use crate::domain::window::Window;
use crate::github::client::GitHub;
use crate::programme::{Allowance, Mode, Policy, Programme, WindowKind};
use crate::store::Store;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;
use tokio::sync::Notify;

/// Everything that the parts of the desk share.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The database.
    pub store: Store,
    /// GitHub; `None` without an App.
    pub github: Option<Arc<GitHub>>,
    /// The chat channels.
    pub chat: Arc<Chat>,
    /// The tiers.
    pub programme: Arc<Programme>,
    /// What the operator chose.
    pub policy: Arc<Policy>,
    /// Repositories to watch, as `owner/name` in lower case; empty: all of the installation.
    pub repositories: Arc<Vec<String>>,
    /// The configured agents.
    pub agents: Arc<Agents>,
    /// The time.
    pub clock: Clock,
    /// Called when something was saved that GitHub or a chat has to be told.
    pub wakes: Arc<Wakes>,
    /// What could not be listed at GitHub the last time.
    pub behind: Arc<behind::Behind>,
    /// When labels that nobody shows may be deleted next, in epoch milliseconds.
    pub sweep_from: Arc<AtomicI64>,
    /// What was said of the host's clock.
    pub said_of_the_clock: Arc<skew::SaidOfTheClock>,
    /// What this instance knows of the desk's life.
    pub life: Arc<life::Pulse>,
    /// Makes the links by which pings are acknowledged (`E5`); `None`: pings have none.
    pub links: Option<Arc<acknowledge::Links>>,
    /// Which hours this instance has summed up.
    pub summed: Arc<reports::Summed>,
    /// What this instance has seen since it started, counted.
    pub counts: Arc<counts::Counts>,
}

/// Who answers tickets, as the operator lists it (`W3`); empty: whoever may triage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agents {
    /// Logins, in lower case.
    pub logins: BTreeSet<String>,
    /// Teams as `org/slug`, in lower case.
    pub teams: BTreeSet<String>,
}

impl Agents {
    /// Whether nobody is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.logins.is_empty() && self.teams.is_empty()
    }
}

/// What wakes the senders. A wake that comes while they work is remembered.
#[derive(Debug, Default)]
pub struct Wakes {
    /// For [`Desk::publish`].
    pub publish: Notify,
    /// For [`Desk::speak`].
    pub speak: Notify,
    /// For [`Desk::ask_rights`].
    pub rights: Notify,
    /// The desk shuts down: what is in flight is finished, nothing new is begun (`R6`).
    pub stopping: AtomicBool,
    /// GitHub did not tell all that [`Desk::catch_up`] asked for, or a delivery was refused: to be asked for again soon.
    pub behind: AtomicBool,
}

/// What works off what intake has left looks for it at once, and again no sooner than this: under load one look is for many.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Waits for the next wake after a look.
pub async fn next_look(wake: &Notify) {
    tokio::time::sleep(BETWEEN_LOOKS).await;
    wake.notified().await;
}

impl Wakes {
    /// Wakes all of them.
    pub fn all(&self) {
        self.rights.notify_one();
        self.publish.notify_one();
        self.speak.notify_one();
    }
}

impl Desk {
    /// The rules over this programme and policy.
    #[must_use]
    pub fn rules(&self) -> Rules<'_> {
        Rules { programme: &self.programme, policy: &self.policy }
    }

    /// Whether the desk only watches (`O1`).
    #[must_use]
    pub fn observes(&self) -> bool {
        self.policy.mode == Mode::Observe
    }

    /// Puts on record that the desk acts from now on, or only watches, where that was otherwise at the last start (`O1`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_mode(&self) -> crate::store::Result<()> {
        const ACT: &str = "mode";
        let mode = self.policy.mode.to_string();
        let mut tx = self.store.read().await?;
        let last = tx.last_act(ACT).await?;
        tx.rollback().await?;
        if last.unwrap_or_else(|| Mode::default().to_string()) == mode {
            return Ok(());
        }
        self.record_act(ACT, mode).await
    }

    /// Whether a repository is watched.
    #[must_use]
    pub fn covers(&self, full_name: &str) -> bool {
        self.repositories.is_empty() || self.repositories.contains(&full_name.to_ascii_lowercase())
    }

    /// Whether a repository is watched that is called so now and was seen before as `known`. One that was watched by another name goes
    /// on being watched (`S12`).
    fn watches(&self, full_name: &str, known: Option<&Place>) -> bool {
        let named_before = |known: &Place| self.covers(&known.full_name) || known.former.iter().any(|name| self.covers(name));
        self.covers(full_name) || known.is_some_and(named_before)
    }

    /// From when on a partner's ledger matters for an allowance at `at`: the earliest start of the programme's windows.
    #[must_use]
    pub fn ledger_since(&self, at: Timestamp) -> Timestamp {
        let kinds = [WindowKind::Week, WindowKind::Month, WindowKind::Quarter];
        let used = |kind: &WindowKind| {
            self.programme.tiers.iter().any(|tier| matches!(tier.tickets, Some(Allowance::PerWindow { window, .. }) if window == *kind))
        };
        let starts = kinds.into_iter().filter(used).map(|kind| Window::at(&self.policy.time_zone, kind, at).start);
        starts.min().unwrap_or(at)
    }

    /// Whether GitHub has to be told anything of a ticket that it was never told of.
    fn shows(&self, ticket: &Ticket) -> bool {
        ticket.projection(&self.programme, &self.policy) != Projection::default()
    }
}
