//! Chat: how a message gets out of the house.
//!
//! [`heartbeat`] only says that the desk lives. [`message`] is what is said, [`slack`] and [`webhook`] are how each host wants it, [`Chat`] sends. Nothing here decides, stores or
//! tries again: the desk's outbox does, told by [`SendError`] whether and when.

pub mod heartbeat;
pub mod message;
pub mod neutral;
pub mod slack;
pub mod webhook;

mod send;

pub use message::{ChatMessage, Correction, Digest, Named, Notice, Ping, PingKind, Recovery, minute};
pub use send::{Channel, Chat, ChatError, Kind, Message, SendError, TIMEOUT};
