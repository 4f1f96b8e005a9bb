//! Story tests: the real app behind its real doors, a sandbox GitHub and a chat sink around it, on both databases. Each reads as a
//! conversation. The rules that a story holds are in its name.
#![expect(
    clippy::allow_attributes,
    clippy::disallowed_methods,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail, and nobody else uses it"
)]

#[macro_use]
mod desk;

mod door;
mod key;
mod openapi;
mod races;
mod rules_admission;
