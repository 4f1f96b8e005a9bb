//! Tidying up: what is older than `retention` is deleted, a few rows at a time (`O2`). The ledger and the tickets stay.

use super::Desk;
use crate::store::{Old, Result};

/// Rows deleted in one transaction: a few milliseconds, in which nobody else writes.
const MOST_AT_ONCE: i64 = 1000;

impl Desk {
    /// Deletes deliveries, lines of tickets' logs and sent messages that are older than they are kept. Says how many rows went.
    ///
    /// # Errors
    /// The database fails; what was deleted until then stays deleted.
    pub async fn tidy(&self) -> Result<u64> {
        let now = self.clock.now();
        let before = now.saturating_sub(self.policy.retention).unwrap_or(now);
        let mut all = 0;
        for what in Old::ALL {
            let mut deleted = 0;
            loop {
                let mut tx = self.store.write().await?;
                let rows = tx.delete_old(what, before, MOST_AT_ONCE).await?;
                tx.commit().await?;
                deleted += rows;
                if i64::try_from(rows).unwrap_or(i64::MAX) < MOST_AT_ONCE {
                    break;
                }
                // Deliveries that came meanwhile have waited for their turn to write.
                tokio::task::yield_now().await;
            }
            if deleted > 0 {
                tracing::info!(?what, rows = deleted, %before, "deleted what is no longer kept");
            }
            all += deleted;
        }
        Ok(all)
    }
}
