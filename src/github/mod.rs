//! GitHub: its webhooks read tolerantly, its API called carefully.

pub mod about;
pub mod client;
pub mod deliveries;
pub mod listing;
pub mod manifest;
pub mod needs;
pub mod rights;
pub mod signature;
mod skew;
pub mod wire;
