//! Chat: how a message gets out of the house.
//!
//! [`root`] is the first message about a ticket where a bot speaks, written anew as it goes on (`E8`). [`heartbeat`] only says that the desk lives. [`message`] is what is said, [`slack`], [`mattermost`], [`discord`], [`teams`], [`google_chat`], [`email`] and
//! [`webhook`] are how each host wants it, [`Chat`] sends. Nothing here decides, stores or tries again: the desk's outbox does, told by
//! [`SendError`] whether and when.

pub mod discord;
pub mod email;
pub mod google_chat;
pub mod heartbeat;
pub mod mattermost;
pub mod message;
pub mod neutral;
pub mod root;
pub mod slack;
pub mod teams;
pub mod webhook;

mod bot;
mod card;
mod send;

pub use bot::{Looked, Posted, Renewed};
pub use message::{ChatMessage, Correction, Digest, Named, Notice, Ping, PingKind, Recovery, Report, ReportedTicket, TierCount, minute};
pub use root::{Root, RootState};
pub use send::{BotAccess, Channel, Chat, ChatError, Kind, Message, SendError, TIMEOUT};
