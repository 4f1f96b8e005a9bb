//! Leases: which instance does what one of them has to do. Nothing that is right rests on one, only that work is not done twice (`E2` is
//! kept by unique keys).

use super::row::unfit;
use super::{Result, Store};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;

/// No lease lasts longer, with what hosts' clocks may be apart.
const LONGEST: SignedDuration = SignedDuration::from_mins(1);

impl Store {
    /// Takes a lease that nobody holds any more, or renews one that is held already. Says whether it is held now. A lease of somebody else
    /// is only looked at. SQLite is one process's, and has no leases.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn hold(&self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Result<bool> {
        let Self::Postgres(postgres) = self else { return Ok(true) };
        // One that ends later than any lease may was taken by a clock that was ahead, and is nobody's.
        let (now, latest) = (now.as_millisecond(), now.saturating_add(LONGEST).unwrap_or(now).as_millisecond());
        // Taking locks the row even where nothing is taken, so others look first.
        let look = sqlx::query("SELECT holder, until_ms FROM leases WHERE name = $1").bind(name);
        let held = postgres.ask(async |connection| look.fetch_optional(connection).await).await?;
        if let Some(row) = held
            && row.try_get::<&str, _>("holder")? != holder
            && (now + 1..=latest).contains(&row.try_get::<i64, _>("until_ms")?)
        {
            return Ok(false);
        }
        let take = "INSERT INTO leases (name, holder, until_ms) VALUES ($1, $2, $3)
                    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
                    WHERE leases.holder = excluded.holder OR leases.until_ms <= $4 OR leases.until_ms > $5";
        let take = sqlx::query(take).bind(name).bind(holder).bind(until.as_millisecond()).bind(now).bind(latest);
        let taken = postgres.ask(async |connection| take.execute(connection).await).await?;
        Ok(taken.rows_affected() == 1)
    }

    /// What the clock of PostgreSQL's host shows, which several instances have in common. SQLite has the clock of this host.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn time(&self) -> Result<Option<Timestamp>> {
        let Self::Postgres(postgres) = self else { return Ok(None) };
        let ask = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT AS now_ms");
        let row = postgres.ask(async |connection| ask.fetch_one(connection).await).await?;
        Ok(Some(Timestamp::from_millisecond(row.try_get("now_ms")?).map_err(|error| unfit("now_ms", &error.to_string()))?))
    }

    /// Lets a lease go, so that nobody has to wait for its end.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn let_go(&self, name: &str, holder: &str) -> Result<()> {
        if let Self::Postgres(postgres) = self {
            let let_go = sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2").bind(name).bind(holder);
            postgres.ask(async |connection| let_go.execute(connection).await).await?;
        }
        Ok(())
    }
}
