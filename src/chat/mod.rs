//! Chat: how a message gets out of the house.
//!
//! [`heartbeat`] only says that the desk lives. [`message`] is what is said, [`slack`], [`mattermost`], [`discord`], [`teams`], [`google_chat`] and
//! [`webhook`] are how each host wants it, [`Chat`] sends. Nothing here decides, stores or tries again: the desk's outbox does, told by
//! [`SendError`] whether and when.

pub mod discord;
pub mod google_chat;
pub mod heartbeat;
pub mod mattermost;
pub mod message;
pub mod neutral;
pub mod slack;
pub mod teams;
pub mod webhook;

mod card;
mod send;

pub use message::{ChatMessage, Correction, Digest, Named, Notice, Ping, PingKind, Recovery, Report, ReportedTicket, TierCount, minute};
pub use send::{Channel, Chat, ChatError, Kind, Message, SendError, TIMEOUT};
