//! Deliveries that could not be taken in, kept whole until they are (`R4`), and those that GitHub could not deliver (`R2`).

use super::list::list;
use super::sql::sql;
use super::{Arg, Result, Row, StoreError, Tx, to_json};
use crate::domain::DeliveryId;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// A delivery that could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDelivery {
    /// GitHub's name for it.
    pub id: DeliveryId,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The headers that say what it is and where it comes from.
    pub headers: BTreeMap<String, String>,
    /// The payload, as it was signed. Empty: it was taken out, and only that there was a delivery is left.
    pub body: String,
    /// The ticket, as `owner/name#12`, or what else it is about; empty where that could not be read.
    pub place: String,
    /// When it came.
    pub received: Timestamp,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next: Timestamp,
    /// Why it could not be taken in the last time.
    pub why: String,
}

/// A delivery that GitHub lists as failed and that never came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedDelivery {
    /// GitHub's name for it.
    pub id: DeliveryId,
    /// GitHub's number of the attempt that failed.
    pub attempt: i64,
    /// `X-GitHub-Event`.
    pub event: String,
    /// When it was attempted.
    pub delivered: Timestamp,
    /// When GitHub was asked to send it again.
    pub asked: Option<Timestamp>,
}

impl StoreError {
    /// Whether what was to be stored, or the rows that it touches, are at fault: the database itself works, and other deliveries can
    /// be taken in.
    #[must_use]
    pub fn is_of_its_own(&self) -> bool {
        match self {
            Self::Unreadable { .. } => true,
            // Error, too big, constraint, mismatch, range; and what does not read back.
            Self::Sqlite(error) => super::kind_of(error).is_none_or(|kind| matches!(kind, 1 | 18 | 19 | 20 | 25)),
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                // Data, constraints, syntax and names, limits of a statement, exceptions that triggers raise.
                ["22", "23", "42", "54", "P0"].iter().any(|class| code.starts_with(class))
            }
            Self::Database(error) => matches!(
                error,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) | sqlx::Error::ColumnNotFound(_)
            ),
            Self::Migration(_) | Self::Unmigrated { .. } | Self::Url(_) | Self::File(_) | Self::Away(_) | Self::Unreachable { .. } => false,
        }
    }
}

impl Tx {
    /// Keeps a delivery; one that is kept already is counted as tried once more, as it comes now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_delivery(&mut self, kept: &KeptDelivery) -> Result<()> {
        let statement = sql!(
            "INSERT INTO kept_deliveries (id, event, headers, body, place, received_ms, attempts, next_ms, why)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id) DO UPDATE SET headers = excluded.headers, body = excluded.body, place = excluded.place,
                 attempts = kept_deliveries.attempts + 1, next_ms = excluded.next_ms, why = excluded.why"
        );
        let args: [Arg; 9] = [
            kept.id.0.as_str().into(),
            kept.event.as_str().into(),
            to_json(&kept.headers)?.into(),
            kept.body.as_str().into(),
            kept.place.as_str().into(),
            kept.received.as_millisecond().into(),
            kept.attempts.into(),
            kept.next.as_millisecond().into(),
            kept.why.as_str().into(),
        ];
        self.run(statement, args).await?;
        Ok(())
    }

    /// Whether a delivery was taken in or dropped before (`R1`, `R4`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_done_with(&mut self, id: &DeliveryId) -> Result<bool> {
        Ok(!self.rows(sql!("SELECT id FROM deliveries WHERE id = $1"), [id.0.as_str().into()]).await?.is_empty())
    }

    /// Notes that a kept delivery was tried in vain once more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tried_in_vain(&mut self, id: &DeliveryId, next: Timestamp, why: &str) -> Result<()> {
        let statement = sql!("UPDATE kept_deliveries SET attempts = attempts + 1, next_ms = $2, why = $3 WHERE id = $1");
        self.run(statement, [id.0.as_str().into(), next.as_millisecond().into(), why.into()]).await?;
        Ok(())
    }

    /// Every kept delivery, in the order in which they came.
    ///
    /// # Errors
    /// The database fails.
    pub async fn kept_deliveries(&mut self) -> Result<Vec<KeptDelivery>> {
        let rows = self.rows(sql!("SELECT * FROM kept_deliveries ORDER BY received_ms, id"), []).await?;
        rows.iter().map(kept).collect()
    }

    /// One kept delivery.
    ///
    /// # Errors
    /// The database fails.
    pub async fn kept_delivery(&mut self, id: &DeliveryId) -> Result<Option<KeptDelivery>> {
        let rows = self.rows(sql!("SELECT * FROM kept_deliveries WHERE id = $1"), [id.0.as_str().into()]).await?;
        rows.first().map(kept).transpose()
    }

    /// How many deliveries are kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_kept_deliveries(&mut self) -> Result<i64> {
        let rows = self.rows(sql!("SELECT count(*) AS kept FROM kept_deliveries"), []).await?;
        rows.first().map_or(Ok(0), |row| row.int("kept"))
    }

    /// The ids of those whose time has come, in the order in which they came.
    ///
    /// # Errors
    /// The database fails.
    pub async fn deliveries_to_retry(&mut self, now: Timestamp, most: i64) -> Result<Vec<DeliveryId>> {
        let statement = sql!("SELECT id FROM kept_deliveries WHERE next_ms <= $1 AND body <> '' ORDER BY received_ms, id LIMIT $2");
        let rows = self.rows(statement, [now.as_millisecond().into(), most.into()]).await?;
        rows.iter().map(|row| Ok(DeliveryId(row.text("id")?))).collect()
    }

    /// When the next kept delivery is tried again, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_retry(&mut self) -> Result<Option<Timestamp>> {
        let rows = self.rows(sql!("SELECT min(next_ms) AS at_ms FROM kept_deliveries WHERE body <> ''"), []).await?;
        rows.first().map_or(Ok(None), |row| row.maybe_instant("at_ms"))
    }

    /// Has every kept delivery tried at once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn retry_all_deliveries(&mut self, now: Timestamp) -> Result<()> {
        self.run(sql!("UPDATE kept_deliveries SET next_ms = $1 WHERE next_ms > $1"), [now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Lets a kept delivery go: it was taken in, or nobody wants it. Says whether it was there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn let_go_of(&mut self, id: &DeliveryId) -> Result<bool> {
        Ok(self.run(sql!("DELETE FROM kept_deliveries WHERE id = $1"), [id.0.as_str().into()]).await? > 0)
    }

    /// Up to when GitHub was asked for failed deliveries.
    ///
    /// # Errors
    /// The database fails.
    pub async fn looked_for_failures(&mut self) -> Result<Option<Timestamp>> {
        let rows = self.rows(sql!("SELECT looked_ms FROM recovery WHERE id = 1"), []).await?;
        rows.first().map(|row| row.instant("looked_ms")).transpose()
    }

    /// Notes what GitHub lists as failed up to an instant, but for what came all the same. An earlier note of an instant after `credible` was
    /// made by a clock that was ahead, and does not count.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_missed(&mut self, missed: &[MissedDelivery], looked: Timestamp, credible: Timestamp) -> Result<()> {
        #[derive(Serialize)]
        struct Missed<'a> {
            id: &'a DeliveryId,
            attempt: i64,
            event: &'a str,
            delivered_ms: i64,
        }
        let row = |one| {
            let MissedDelivery { id, attempt, event, delivered, .. }: &MissedDelivery = one;
            Missed { id, attempt: *attempt, event, delivered_ms: delivered.as_millisecond() }
        };
        let rows: Vec<_> = missed.iter().map(row).collect();
        let statement = sql!(
            "INSERT INTO missed_deliveries (id, attempt, event, delivered_ms)
             SELECT id, attempt, event, delivered_ms FROM {rows $1: id TEXT, attempt BIGINT, event TEXT, delivered_ms BIGINT} WHERE true
             ON CONFLICT (id) DO NOTHING"
        );
        if !rows.is_empty() {
            self.run(statement, [list(&rows)?]).await?;
        }
        let statement = sql!(
            "INSERT INTO recovery (id, looked_ms) VALUES (1, $1)
             ON CONFLICT (id) DO UPDATE SET looked_ms = CASE WHEN recovery.looked_ms BETWEEN excluded.looked_ms AND $2
                 THEN recovery.looked_ms ELSE excluded.looked_ms END"
        );
        self.run(statement, [looked.as_millisecond().into(), credible.as_millisecond().into()]).await?;
        Ok(())
    }

    /// What was missed and has not come since, in the order in which it was attempted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn still_missed(&mut self) -> Result<Vec<MissedDelivery>> {
        // Of both in one condition, PostgreSQL makes tables of all deliveries that there are.
        let taken_in =
            sql!("DELETE FROM missed_deliveries WHERE (SELECT 1 FROM deliveries WHERE deliveries.id = missed_deliveries.id) IS NOT NULL");
        self.run(taken_in, []).await?;
        let kept = sql!(
            "DELETE FROM missed_deliveries WHERE (SELECT 1 FROM kept_deliveries WHERE kept_deliveries.id = missed_deliveries.id) IS NOT NULL"
        );
        self.run(kept, []).await?;
        let rows = self.rows(sql!("SELECT * FROM missed_deliveries ORDER BY delivered_ms, attempt"), []).await?;
        let missed = |row: &Row| {
            Ok(MissedDelivery {
                id: DeliveryId(row.text("id")?),
                attempt: row.int("attempt")?,
                event: row.text("event")?,
                delivered: row.instant("delivered_ms")?,
                asked: row.maybe_instant("asked_ms")?,
            })
        };
        rows.iter().map(missed).collect()
    }

    /// Notes that GitHub was asked to send these again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn asked_to_redeliver(&mut self, ids: &[DeliveryId], now: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE missed_deliveries SET asked_ms = $2 WHERE id {in texts $1}");
        self.run(statement, [list(&ids)?, now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Has deliveries asked for again that were asked for after an instant that is still to come, by a clock that was ahead.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_asking_after(&mut self, now: Timestamp) -> Result<()> {
        self.run(sql!("UPDATE missed_deliveries SET asked_ms = NULL WHERE asked_ms > $1"), [now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Has a delivery asked for again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ask_anew(&mut self, id: &DeliveryId) -> Result<()> {
        self.run(sql!("UPDATE missed_deliveries SET asked_ms = NULL WHERE id = $1"), [id.0.as_str().into()]).await?;
        Ok(())
    }

    /// Looks for a missed delivery no more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn not_missed(&mut self, id: &DeliveryId) -> Result<()> {
        self.run(sql!("DELETE FROM missed_deliveries WHERE id = $1"), [id.0.as_str().into()]).await?;
        Ok(())
    }
}

fn kept(row: &Row) -> Result<KeptDelivery> {
    Ok(KeptDelivery {
        id: DeliveryId(row.text("id")?),
        event: row.text("event")?,
        headers: row.json("headers")?,
        body: row.text("body")?,
        place: row.text("place")?,
        received: row.instant("received_ms")?,
        attempts: row.int("attempts")?,
        next: row.instant("next_ms")?,
        why: row.text("why")?,
    })
}
