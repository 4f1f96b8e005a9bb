//! Story tests: the real app behind its real doors, a sandbox GitHub and a chat sink around it, on both databases. Each reads as a
//! conversation. The rules that a story holds are in its name.
#![expect(
    clippy::allow_attributes,
    clippy::disallowed_methods,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail, and nobody else uses it"
)]

#[macro_use]
mod desk;

mod allowance;
mod books;
mod clock;
mod door;
mod key;
mod openapi;
mod queue;
mod races;
mod seen;
mod who;
