//! PURE. The rules: who is who, allowances, clocks, steps, and what GitHub should show. No async, no IO, no clock.
//!
//! The desk loads a [`Book`](book::Book) (the tickets, partners and ledger that an event touches), lets the
//! [`Rules`](decide::Rules) change it, and saves what changed. A test can hold a whole desk in one `Book`.

pub mod account;
pub mod beats;
pub mod book;
pub mod clock;
pub mod command;
pub mod decide;
pub mod escalation;
pub mod event;
pub mod forget;
pub mod freeze;
pub mod gate;
pub mod hands;
pub mod ids;
pub mod partner;
pub mod projection;
mod queue;
pub mod quota;
pub mod response;
pub mod rights;
pub mod ticket;
pub mod turns;
pub mod window;

pub use ids::{CommentId, DeliveryId, InstallationId, IssueId, PartnerId, RepoId, UserId};
