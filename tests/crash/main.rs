//! Nothing is lost (`R1`, `R2`, `R6`, `E2`, `Q4`, `G4`, `G7`): the binary itself, killed at random moments under load, again and again, while GitHub,
//! the network and the chat fail in every way they know; then the weather clears, and all must be as if nothing had happened.
//!
//! ```text
//! tests/run --test crash                                          the short run
//! PARTNER_DESK_CRASH_KILLS=300 tests/run --test crash killed      the long one
//! PARTNER_DESK_CRASH_SEED=1234 tests/run --test crash             a seed that a run has printed
//! ```
//!
//! The seed makes the dice fall alike, not the machine: which request meets which fault depends on who comes first.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "in a test what is not there is a failure, and nobody reaches into it"
)]

mod desk;
mod dice;
#[path = "../stories/key.rs"]
mod key;
mod load;
#[path = "../common/postgres.rs"]
mod postgres;
mod trials;
mod verdict;
