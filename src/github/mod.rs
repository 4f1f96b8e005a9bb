//! GitHub: its webhooks read tolerantly, its API called carefully.

pub mod client;
pub mod listing;
pub mod rights;
pub mod signature;
pub mod wire;
