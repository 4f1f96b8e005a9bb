//! The commands over a database of their own and a clock that stands still.

mod commands;
mod importing;
mod refusals;
mod round_trip;

use super::{PartnerCommand, run};
use crate::chat::Chat;
use crate::cli::CliError;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::domain::PartnerId;
use crate::domain::partner::{Membership, Partner};
use crate::programme::{Policy, Programme};
use crate::store::Store;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) const NOW: &str = "2026-11-22T10:00:00Z";

/// A desk, and a directory that goes with it.
pub(super) struct Fixture {
    pub desk: Desk,
    dir: PathBuf,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: PartnerCommand,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        Self::in_zone("UTC").await
    }

    pub(super) async fn in_zone(zone: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("partner-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = Store::open(&format!("sqlite://{}", dir.join("desk.db").display())).await.unwrap();
        let policy = Policy { time_zone: TimeZone::get(zone).unwrap(), time_zone_name: zone.to_owned(), ..Policy::default() };
        let desk = Desk {
            store,
            github: None,
            chat: Arc::new(Chat::new([]).unwrap()),
            programme: Arc::new(Programme::builtin()),
            policy: Arc::new(policy),
            repositories: Arc::default(),
            agents: Arc::default(),
            clock: Clock::manual(NOW.parse().unwrap()),
            wakes: Arc::default(),
            behind: Arc::default(),
            sweep_from: Arc::default(),
            said_of_the_clock: Arc::default(),
            life: Arc::default(),
            links: None,
            summed: Arc::default(),
            counts: Arc::default(),
        };
        Self { desk, dir }
    }

    /// The database, looked at beside the desk.
    pub(super) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.join("desk.db")).unwrap()
    }

    pub(super) fn at(&self, instant: &str) {
        self.desk.clock.advance_to(instant.parse().unwrap());
    }

    pub(super) fn path(&self, file: &str) -> String {
        self.dir.join(file).display().to_string()
    }

    /// Runs a command line; every word of its own.
    pub(super) async fn run(&self, words: &[&str]) -> Result<String, CliError> {
        let line = <Line as clap::Parser>::try_parse_from(["partner"].iter().chain(words)).unwrap();
        let mut out = Vec::new();
        run(line.command, &self.desk, &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    pub(super) async fn ok(&self, words: &[&str]) -> String {
        self.run(words).await.unwrap()
    }

    /// The message and exit code of a refusal.
    pub(super) async fn refused(&self, words: &[&str]) -> (u8, String) {
        let error = self.run(words).await.unwrap_err();
        (error.exit_code(), error.to_string())
    }

    async fn import_bytes(&self, bytes: &[u8]) -> Result<String, CliError> {
        let path = self.path("list.csv");
        std::fs::write(&path, bytes).unwrap();
        self.run(&["import", &path]).await
    }

    pub(super) async fn import(&self, list: &str) -> String {
        self.import_bytes(list.as_bytes()).await.unwrap()
    }

    /// The message that a list is refused with; nothing may have come of it.
    pub(super) async fn refused_list(&self, bytes: &[u8]) -> String {
        let before = self.export().await;
        let error = self.import_bytes(bytes).await.unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert_eq!(self.export().await, before);
        error.to_string().replace(&self.path("list.csv"), "list.csv")
    }

    pub(super) async fn export(&self) -> String {
        self.ok(&["export"]).await
    }

    pub(super) async fn partner(&self, id: &str) -> Partner {
        let mut tx = self.desk.store.read().await.unwrap();
        tx.partner(&PartnerId::new(id).unwrap()).await.unwrap().unwrap()
    }

    pub(super) async fn members(&self) -> Vec<Membership> {
        let mut tx = self.desk.store.read().await.unwrap();
        tx.all_members(None).await.unwrap().into_iter().map(|row| row.member).collect()
    }

    /// A partner's tiers as `tier from until`, with `-` for an open edge.
    pub(super) async fn tiers(&self, id: &str) -> Vec<String> {
        let edge = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let tiers = self.partner(id).await.tiers;
        tiers.iter().map(|period| format!("{} {} {}", period.tier, edge(period.from), edge(period.until))).collect()
    }
}
