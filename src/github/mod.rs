//! GitHub: its webhooks read tolerantly, its API called carefully.

pub mod client;
pub mod deliveries;
pub mod listing;
pub mod rights;
pub mod signature;
mod skew;
pub mod wire;
