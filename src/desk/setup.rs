//! The first run: from a link in the terminal to an App with its credentials stored. Everything that lets somebody in is random, ends by
//! itself, and is kept by its SHA-256 alone; it is kept in the database, so that any of several instances takes any of the steps.

use super::Desk;
use crate::clock::Clock;
use crate::github::client::ApiError;
use crate::github::manifest;
use crate::store::{AuditLine, FirstSigns, Pass, PassKind, Result, Store, StoreError, StoredApp};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The link is good for so long, and once.
pub const LINK: SignedDuration = SignedDuration::from_hours(1);
/// Whoever came by it is let in for so long.
const BROWSER: SignedDuration = SignedDuration::from_hours(12);
/// GitHub's own limit for a manifest's way to GitHub and back.
const STATE: SignedDuration = SignedDuration::from_hours(1);
/// Another instance may have had the App made: it is looked for so often.
const LOOKS: Duration = Duration::from_secs(2);
/// Strangers are looked up so often at once, and one more each [`STRANGER_EACH`].
const STRANGERS: i64 = 30;
const STRANGER_EACH: SignedDuration = SignedDuration::from_secs(2);
/// Browsers that are let in whatever strangers do.
const MOST_KNOWN: usize = 8;

/// Addresses that the set-up needs.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where people reach the desk.
    pub public_url: String,
    /// GitHub's pages.
    pub web_url: String,
    /// GitHub's API.
    pub api_url: String,
    /// Where GitHub's webhooks can be sent to and fetched from, if `--relay` says so.
    pub relay: Option<String>,
}

/// The first run.
#[derive(Debug)]
pub struct SetUp {
    store: Store,
    clock: Clock,
    places: Places,
    public_url: OnceLock<String>,
    made: Notify,
    strangers: Mutex<Strangers>,
    /// Digests that this instance has let in or printed.
    known: Mutex<VecDeque<String>>,
}

/// How many more may be looked up, as of an instant.
#[derive(Debug)]
struct Strangers {
    left: i64,
    at: Timestamp,
}

/// What became of somebody who came by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// They are let in by this.
    In(String),
    /// The link was used before.
    Used,
    /// There is no such link, or not any more.
    Unknown,
    /// Too many try.
    TooMany,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The state was not given to this browser, was used, or has ended.
    #[error("the state does not fit")]
    State,
    /// GitHub does not know the code.
    #[error("GitHub does not know the code")]
    Code,
    /// GitHub could not be asked; the same can be tried again.
    #[error("{0}")]
    Again(ApiError),
    /// What GitHub gave cannot be worked with.
    #[error("{0}")]
    Unfit(ApiError),
    /// There is an App already.
    #[error("there is an App already")]
    TooLate,
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SetUp {
    /// The set-up of a desk.
    #[must_use]
    pub fn new(desk: &Desk, places: Places) -> Self {
        let strangers = Mutex::new(Strangers { left: STRANGERS, at: desk.clock.now() });
        Self {
            store: desk.store.clone(),
            clock: desk.clock.clone(),
            places,
            public_url: OnceLock::new(),
            made: Notify::new(),
            strangers,
            known: Mutex::default(),
        }
    }

    /// Addresses.
    #[must_use]
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// Where people reach the desk, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.public_url.get().unwrap_or(&self.places.public_url)
    }

    /// Says where people reach the desk, where the settings could not know the port.
    pub fn is_reached_at(&self, url: String) {
        let _ = self.public_url.set(url);
    }

    /// A new link for the terminal; as secret as what it leads to. Whoever came by an earlier link, at whatever instance, is let in no
    /// more: a start is what the log advises against somebody who was not meant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn link(&self) -> Result<String> {
        let mut tx = self.store.write().await?;
        tx.end_entries().await?;
        tx.commit().await?;
        let token = self.issue(PassKind::Link, "", LINK).await?;
        Ok(format!("{}/setup?token={token}", self.public_url()))
    }

    /// Lets in who comes by a link for the first time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enter(&self, token: &str) -> Result<Entry> {
        let digest = digest(token);
        if !self.may_ask(&digest) {
            return Ok(Entry::TooMany);
        }
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let entry = match tx.pass(PassKind::Link, &digest, now).await? {
            None => Entry::Unknown,
            Some(link) if link.spent => Entry::Used,
            Some(link) => {
                tx.put_pass(&Pass { spent: true, ..link }, now).await?;
                Entry::In(random()?)
            }
        };
        if let Entry::In(browser) = &entry {
            tx.put_pass(&self.pass(PassKind::Browser, browser, "", BROWSER), now).await?;
        }
        tx.commit().await?;
        if let Entry::In(browser) = &entry {
            self.knows(self::digest(browser));
            tracing::info!("the set-up link was used; if that was not you, stop the desk now and start it again");
        }
        Ok(entry)
    }

    /// Whether this browser came by a link. `None`: too many strangers ask.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_let_in(&self, browser: &str) -> Result<Option<bool>> {
        let digest = digest(browser);
        if !self.may_ask(&digest) {
            return Ok(None);
        }
        let mut tx = self.store.read().await?;
        let found = tx.pass(PassKind::Browser, &digest, self.clock.now()).await?;
        tx.rollback().await?;
        if found.is_some() {
            self.knows(digest);
        }
        Ok(Some(found.is_some()))
    }

    /// Begins a way to GitHub and back, and gives its state.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin(&self, browser: &str) -> Result<String> {
        self.issue(PassKind::State, &digest(browser), STATE).await
    }

    /// Ends it: the App's credentials are fetched, looked at, and stored.
    ///
    /// # Errors
    /// See [`NotMade`]. Where GitHub could not be asked, the state is good for another try.
    pub async fn finish(&self, browser: &str, state: &str, code: &str) -> std::result::Result<(), NotMade> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let found = tx.pass(PassKind::State, &digest(state), now).await?;
        let ours = |pass: &Pass| {
            let same = |one: &str, other: &str| verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok();
            same(&pass.holder, &digest(browser)) && same(&pass.digest, &digest(state)) && !pass.spent
        };
        let Some(pass) = found.filter(ours) else { return Err(NotMade::State) };
        // Before GitHub is asked: of two that come with it at once, one gets no further.
        tx.put_pass(&Pass { spent: true, ..pass.clone() }, now).await?;
        tx.commit().await?;

        let made = match manifest::convert(&self.places.api_url, code).await {
            Ok(made) => made,
            Err(error) if error.status() == Some(404) => return Err(NotMade::Code),
            Err(error) if matches!(error, ApiError::NoAnswer(_)) || error.is_a_limit() || matches!(error.status(), Some(500..)) => {
                let mut tx = self.store.write().await?;
                tx.put_pass(&pass, self.clock.now()).await?;
                tx.commit().await?;
                return Err(NotMade::Again(error));
            }
            Err(error) => return Err(NotMade::Unfit(error)),
        };
        made.check(&self.places.api_url, self.clock.clone()).map_err(NotMade::Unfit)?;

        let now = self.clock.now();
        let app = StoredApp {
            app_id: made.id,
            slug: made.slug,
            page: made.html_url,
            private_key: made.pem,
            webhook_secret: made.webhook_secret,
            client_id: made.client_id,
            client_secret: made.client_secret,
            made: now,
        };
        let mut tx = self.store.write().await?;
        // Another instance may have ended what this browser was let in by while GitHub was asked.
        if tx.pass(PassKind::Browser, &digest(browser), now).await?.is_none() {
            return Err(NotMade::State);
        }
        if !tx.put_app(&app).await? {
            return Err(NotMade::TooLate);
        }
        tx.end_passes().await?;
        let detail = format!("App {} ({}) made and stored", app.app_id, app.slug);
        tx.audit(&AuditLine { at: now, act: "setup".to_owned(), detail }).await?;
        tx.commit().await?;
        tracing::info!(app = app.app_id, slug = app.slug, "the App is made, and its credentials are stored");
        self.made.notify_one();
        Ok(())
    }

    /// Comes back when an App is stored, by this instance or another.
    pub async fn is_made(&self) {
        loop {
            tokio::select! {
                () = self.made.notified() => return,
                () = tokio::time::sleep(LOOKS) => match self.app().await {
                    Ok(Some(_)) => return,
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "whether an App is stored could not be seen; looked again in 2 s"),
                }
            }
        }
    }

    /// The App that was made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn app(&self) -> Result<Option<StoredApp>> {
        let mut tx = self.store.read().await?;
        let app = tx.stored_app().await?;
        tx.rollback().await?;
        Ok(app)
    }

    /// What was seen so far of an App that works.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_signs(&self) -> Result<FirstSigns> {
        let mut tx = self.store.read().await?;
        let signs = tx.first_signs().await?;
        tx.rollback().await?;
        Ok(signs)
    }

    async fn issue(&self, kind: PassKind, holder: &str, life: SignedDuration) -> Result<String> {
        let secret = random()?;
        let pass = self.pass(kind, &secret, holder, life);
        let mut tx = self.store.write().await?;
        tx.put_pass(&pass, self.clock.now()).await?;
        tx.commit().await?;
        if kind == PassKind::Link {
            self.knows(pass.digest);
        }
        Ok(secret)
    }

    fn pass(&self, kind: PassKind, secret: &str, holder: &str, life: SignedDuration) -> Pass {
        let now = self.clock.now();
        Pass { digest: digest(secret), kind, holder: holder.to_owned(), until: now.saturating_add(life).unwrap_or(now), spent: false }
    }

    fn knows(&self, digest: String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&digest) {
            return;
        }
        if known.len() == MOST_KNOWN {
            // The first one is the link of the terminal.
            known.remove(1);
        }
        known.push_back(digest);
    }

    /// Whether the database may be asked: what is known is looked up as often as it comes, what is not only so often.
    fn may_ask(&self, digest: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|known| verify_slices_are_equal(known.as_bytes(), digest.as_bytes()).is_ok()) {
            return true;
        }
        drop(known);
        let now = self.clock.now();
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let more = now.duration_since(strangers.at).as_secs() / STRANGER_EACH.as_secs();
        if more > 0 {
            *strangers = Strangers { left: strangers.left.saturating_add(more).min(STRANGERS), at: now };
        }
        let may = strangers.left > 0;
        strangers.left -= i64::from(may);
        may
    }
}

/// 256 bits that nobody can guess, in hexadecimal digits.
fn random() -> Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| StoreError::Away("the machine gives no random numbers".to_owned()))?;
    Ok(hex::encode(bytes))
}

fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
