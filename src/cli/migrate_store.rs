//! `migrate-store`: from one database to another.

use super::CliError;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::copy::copy;
use std::io::Write;

/// From where, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct MigrateStore {
    /// The database as it is: `sqlite://FILE`, `postgres://…`, or `env:NAME` for a variable that holds one of these.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The new one, empty or not there yet.
    #[arg(long, value_name = "URL")]
    to: String,
}

/// What addresses of databases begin with.
const KINDS: [&str; 3] = ["sqlite:", "postgres://", "postgresql://"];

/// Copies everything, and prints each table with its rows and their digest, which is the same on both sides.
///
/// # Errors
/// One of them cannot be opened or is in use; the new one is not empty; what was written does not read back the same.
pub async fn run(migrate: &MigrateStore, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    // The one TLS backend; a second call finds it installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (from, to) = (address("--from", &migrate.from)?, address("--to", &migrate.to)?);
    let copied = copy(&from, &to, Clock::system().now()).await.map_err(|error| CliError::Failed(error.to_string()))?;
    for table in &copied.tables {
        writeln!(out, "{:<18} {:>10}  {}", table.table, table.rows, table.digest)?;
    }
    for table in &copied.left {
        writeln!(out, "not copied: {table}, which is none of the desk's tables")?;
    }
    let copied = copied.tables;
    writeln!(out, "copied and checked: {} tables, {} rows", copied.len(), copied.iter().map(|table| table.rows).sum::<u64>())?;
    writeln!(
        out,
        "next: set DATABASE_URL to the new database, start `partner-desk serve`, and keep the old one until you have seen it work"
    )?;
    Ok(())
}

/// Other users of the machine can read a command's arguments, so that a password may stand in the environment.
fn address(option: &str, given: &str) -> Result<String, CliError> {
    let url = match given.strip_prefix("env:") {
        Some(name) => Settings::process_variable(name)
            .ok_or_else(|| CliError::Usage(format!("{option} env:{name}: expected the environment variable {name} to be set")))?,
        None => given.to_owned(),
    };
    if KINDS.iter().any(|kind| url.starts_with(kind)) {
        return Ok(url);
    }
    // It may hold a password, so only the scheme is repeated.
    let seen = url.split_once("://").map_or_else(String::new, |(scheme, _)| format!("; it begins with {scheme}://"));
    Err(CliError::Usage(format!("{option}: expected an address that begins with sqlite:// or postgres://, or env:NAME{seen}")))
}
