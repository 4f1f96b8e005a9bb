//! `forget-app`: lets go of the App that the set-up page stored.

use super::CliError;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::{AuditLine, Store};
use std::io::Write;

/// Whether it is meant.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Its private key and its webhook secret are gone with it; GitHub gives them to nobody a second time, but makes new ones. \
The App itself stays at GitHub. A `serve` that runs goes on with it until it is restarted; then it offers the set-up page again, or takes \
the App of the environment."
)]
pub struct ForgetApp {
    /// Do it. Without, it is only said what would be done.
    #[arg(long)]
    yes: bool,
}

/// Deletes the App's credentials, and whoever was let into the set-up, with a line in the record of operators' acts.
///
/// # Errors
/// It was not said to be meant; there is none; the database fails.
pub async fn run(forget: &ForgetApp, settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    // The one TLS backend; a second call finds it installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // The database alone: credentials that do not work are a reason to come here.
    let store = Store::open(&settings.database_url).await?;
    let forgotten = forget_in(&store, forget.yes).await;
    store.close().await;
    writeln!(out, "{}", forgotten?)?;
    let next = if settings.app.is_some() { "takes the App of the environment" } else { "offers the set-up page again" };
    writeln!(out, "next: restart `partner-desk serve`, which {next}; delete the old private key at the App's page at GitHub")?;
    Ok(())
}

async fn forget_in(store: &Store, yes: bool) -> Result<String, CliError> {
    let mut tx = store.write().await?;
    let Some(app) = tx.stored_app().await? else {
        tx.rollback().await?;
        return Err(CliError::Failed("the set-up page has stored no App in this database: there is nothing to forget".to_owned()));
    };
    let name = format!("the App {}, id {}, stored {}", app.slug, app.app_id, app.made.strftime("%Y-%m-%d %H:%M UTC"));
    if !yes {
        tx.rollback().await?;
        let why = "its private key and its webhook secret cannot be had again, only made anew at";
        return Err(CliError::Usage(format!(
            "this would forget {name}; {why} {}. Nothing was changed: say --yes if it is meant",
            app.page
        )));
    }
    tx.forget_app().await?;
    tx.audit(&AuditLine { at: Clock::system().now(), act: "forget-app".to_owned(), detail: name.clone() }).await?;
    tx.commit().await?;
    Ok(format!("forgotten: {name}"))
}
