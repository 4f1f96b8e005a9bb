//! Secrets that the desk makes for itself.

use super::sql::sql;
use super::{Result, Tx};

impl Tx {
    /// The secret of this name: the one that is kept, else `fresh`, which is kept from now on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn key(&mut self, name: &str, fresh: &str) -> Result<String> {
        self.run(sql!("INSERT INTO keys (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"), [name.into(), fresh.into()])
            .await?;
        let rows = self.rows(sql!("SELECT secret FROM keys WHERE name = $1"), [name.into()]).await?;
        rows.first().map_or_else(|| Ok(fresh.to_owned()), |row| row.text("secret"))
    }
}
