//! Story tests: the real app behind its real doors, a sandbox GitHub and a chat sink around it, on both databases. Each reads as a
//! conversation. The rules that a story holds are in its name.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    unreachable_pub,
    reason = "in a test what is not there is a failure, and nobody reaches into it"
)]

#[macro_use]
mod desk;

mod acknowledge;
mod allowance;
mod audit;
mod books;
mod calendars;
mod chats;
mod clock;
mod commands;
mod connections;
mod database;
mod doctor;
mod door;
mod doors;
mod escalation;
mod every;
mod examples;
mod extremes;
mod gate;
mod guarded;
mod heartbeat;
mod instance;
mod jobs;
mod keeping;
mod kept;
mod key;
mod labels;
mod leases;
mod listing;
mod logs;
mod mail;
mod metrics;
mod migrations;
mod missed;
mod moves;
mod night;
mod on_call;
mod once;
mod openapi;
mod openapi_check;
mod operating;
mod outages;
mod outside;
mod pauses;
mod places;
#[path = "../common/postgres.rs"]
mod postgres;
mod projection;
mod queue;
mod quiet;
mod races;
mod receiving;
mod recovery;
mod refunds;
mod relay;
mod rights;
mod seen;
mod setup;
mod skew;
#[path = "../common/sqlite.rs"]
mod sqlite;
mod steps;
mod threads;
mod undone;
mod who;
mod wishes;
