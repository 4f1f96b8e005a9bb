//! The App that the set-up page made, and who is let into the set-up until then.

use super::sql::sql;
use super::{Result, Tx};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

/// An App with its credentials, as GitHub handed them out.
#[derive(Debug, Clone)]
pub struct StoredApp {
    /// Its id.
    pub app_id: i64,
    /// Its short name.
    pub slug: String,
    /// Its page at GitHub.
    pub page: String,
    /// Its private key as a PEM file.
    pub private_key: SecretString,
    /// What GitHub signs webhooks with.
    pub webhook_secret: SecretString,
    /// For signing in.
    pub client_id: String,
    /// For signing in.
    pub client_secret: SecretString,
    /// When it was stored.
    pub made: Timestamp,
}

/// What somebody is let in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassKind {
    /// The link that `serve` prints: once.
    Link,
    /// The browser that came by it.
    Browser,
    /// A way to GitHub and back: once.
    State,
}

impl PassKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Browser => "browser",
            Self::State => "state",
        }
    }
}

/// A pass, by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// SHA-256 of it, in hexadecimal digits.
    pub digest: String,
    /// What it is for.
    pub kind: PassKind,
    /// The digest of the browser that it belongs to; empty: of none.
    pub holder: String,
    /// It ends then.
    pub until: Timestamp,
    /// It was used, and is good once.
    pub spent: bool,
}

/// The first signs that everything works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSigns {
    /// When the first webhook was taken in.
    pub delivery: Option<Timestamp>,
    /// Some repositories that the App reaches, as `owner/name`.
    pub repositories: Vec<String>,
    /// The first ticket, as `owner/name#1`.
    pub ticket: Option<String>,
}

impl Tx {
    /// The App that the set-up page made, if it did.
    ///
    /// # Errors
    /// The database fails.
    pub async fn stored_app(&mut self) -> Result<Option<StoredApp>> {
        let statement =
            sql!("SELECT app_id, slug, page, private_key, webhook_secret, client_id, client_secret, made_ms FROM github_app WHERE id = 1");
        let rows = self.rows(statement, []).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(StoredApp {
            app_id: row.int("app_id")?,
            slug: row.text("slug")?,
            page: row.text("page")?,
            private_key: row.text("private_key")?.into(),
            webhook_secret: row.text("webhook_secret")?.into(),
            client_id: row.text("client_id")?,
            client_secret: row.text("client_secret")?.into(),
            made: row.instant("made_ms")?,
        }))
    }

    /// Keeps an App, if there is none yet. Says whether it was kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_app(&mut self, app: &StoredApp) -> Result<bool> {
        let statement = sql!(
            "INSERT INTO github_app (id, app_id, slug, page, private_key, webhook_secret, client_id, client_secret, made_ms)
             VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING"
        );
        let args = [
            app.app_id.into(),
            app.slug.as_str().into(),
            app.page.as_str().into(),
            app.private_key.expose_secret().into(),
            app.webhook_secret.expose_secret().into(),
            app.client_id.as_str().into(),
            app.client_secret.expose_secret().into(),
            app.made.as_millisecond().into(),
        ];
        Ok(self.run(statement, args).await? == 1)
    }

    /// Lets go of the App, and of everybody who was let in to make it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_app(&mut self) -> Result<()> {
        self.run(sql!("DELETE FROM github_app WHERE id = 1"), []).await?;
        self.run(sql!("DELETE FROM setup_passes"), []).await?;
        Ok(())
    }

    /// Keeps a pass, and forgets those that have ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_pass(&mut self, pass: &Pass, now: Timestamp) -> Result<()> {
        self.run(sql!("DELETE FROM setup_passes WHERE until_ms <= $1"), [now.as_millisecond().into()]).await?;
        let args = [
            pass.digest.as_str().into(),
            pass.kind.text().into(),
            pass.holder.as_str().into(),
            pass.until.as_millisecond().into(),
            i64::from(pass.spent).into(),
        ];
        let statement = sql!(
            "INSERT INTO setup_passes (digest, kind, holder, until_ms, spent) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (digest) DO UPDATE SET spent = excluded.spent"
        );
        self.run(statement, args).await?;
        Ok(())
    }

    /// A pass of this kind that has not ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn pass(&mut self, kind: PassKind, digest: &str, now: Timestamp) -> Result<Option<Pass>> {
        let statement = sql!("SELECT digest, holder, until_ms, spent FROM setup_passes WHERE digest = $1 AND kind = $2 AND until_ms > $3");
        let rows = self.rows(statement, [digest.into(), kind.text().into(), now.as_millisecond().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (digest, holder) = (row.text("digest")?, row.text("holder")?);
        Ok(Some(Pass { digest, kind, holder, until: row.instant("until_ms")?, spent: row.flag("spent")? }))
    }

    /// Nobody is let in any more who came by a link; links that nobody came by stay as good as they are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_entries(&mut self) -> Result<()> {
        self.run(sql!("DELETE FROM setup_passes WHERE kind <> 'link'"), []).await?;
        Ok(())
    }

    /// Nobody is let in any more, but for looking on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_passes(&mut self) -> Result<()> {
        self.run(sql!("DELETE FROM setup_passes WHERE kind <> 'browser'"), []).await?;
        Ok(())
    }

    /// The first signs that webhooks come.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_signs(&mut self) -> Result<FirstSigns> {
        let delivery = self.rows(sql!("SELECT min(received_ms) AS received_ms FROM deliveries"), []).await?;
        let repositories = self.rows(sql!("SELECT full_name FROM repositories WHERE id > 0 ORDER BY id LIMIT 5"), []).await?;
        let ticket = sql!(
            "SELECT r.full_name AS full_name, t.number AS number FROM tickets t JOIN repositories r ON r.id = t.repo_id
             WHERE t.issue_id = (SELECT min(issue_id) FROM tickets)"
        );
        let ticket = self.rows(ticket, []).await?;
        Ok(FirstSigns {
            delivery: match delivery.first() {
                Some(row) => row.maybe_instant("received_ms")?,
                None => None,
            },
            repositories: repositories.iter().map(|row| row.text("full_name")).collect::<Result<_>>()?,
            ticket: match ticket.first() {
                Some(row) => Some(format!("{}#{}", row.text("full_name")?, row.int("number")?)),
                None => None,
            },
        })
    }
}
