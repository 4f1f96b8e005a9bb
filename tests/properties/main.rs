//! Rules that have an algebra, held over many random cases: windows tile time, a window never takes more than its allowance
//! and takes as many as in order, any order of events gives the same ticket. Pure: no database, no clock.
//!
//! A case that fails is printed smaller and smaller by proptest, with the seed to see it again.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there is a failed test")]

mod allowances;
mod book;
mod model;
mod tickets;
mod windows;
