//! Sending what stands in the outbox: each channel in its own order, nothing that is no longer true (`E2`, `E3`, `E7`).

use super::Desk;
use crate::chat::{ChatMessage, SendError};
use crate::domain::response::Cycle;
use crate::store::{PendingPing, Result};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

/// Nobody else sends a message while its sender holds it for this long.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// What was confirmed this recently is sent without asking again.
const FRESH: SignedDuration = SignedDuration::from_secs(5);

impl Desk {
    /// Sends what can be sent now, channels beside each other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn speak(&self) -> Result<()> {
        if self.observes() {
            return Ok(());
        }
        let mut tx = self.store.read().await?;
        let channels = tx.busy_channels().await?;
        tx.rollback().await?;
        for result in join_all(channels.iter().map(|channel| self.speak_in(channel))).await {
            result?;
        }
        Ok(())
    }

    async fn speak_in(&self, channel: &str) -> Result<()> {
        loop {
            let now = self.clock.now();
            let mut tx = self.store.write().await?;
            let Some(ping) = tx.claim_ping(channel, now, LEASE, self.clock_is_wrong()).await? else { return tx.rollback().await };
            tx.commit().await?;
            let outcome = self.send(channel, &ping, now).await?;
            let mut tx = self.store.write().await?;
            match outcome {
                Sent::Yes => tx.ping_done(&ping.key, "sent", "").await?,
                Sent::NotTrue(why) => {
                    tracing::info!(%channel, key = %ping.key, %why, "ping not sent");
                    tx.ping_done(&ping.key, "void", &why).await?;
                }
                Sent::Later(at, why) => {
                    tracing::warn!(%channel, key = %ping.key, %why, retry_at = %at, "ping could not be sent");
                    tx.ping_again(&ping.key, at, &why).await?;
                    return tx.commit().await;
                }
            }
            tx.commit().await?;
        }
    }

    async fn send(&self, channel: &str, ping: &PendingPing, now: Timestamp) -> Result<Sent> {
        let mut message: ChatMessage = match serde_json::from_str(&ping.body) {
            Ok(message) => message,
            Err(error) => return Ok(Sent::NotTrue(format!("it does not read back: {error}"))),
        };
        if let Some(why) = self.no_longer_true(ping, &mut message, now).await? {
            return Ok(Sent::NotTrue(why));
        }
        if self.chat.names().all(|name| name != channel) {
            return Ok(Sent::NotTrue(format!("no channel `{channel}` is configured any more")));
        }
        let (wait, why) = match self.chat.send(channel, &ping.key, &message, self.clock.now()).await {
            Ok(()) => {
                if let ChatMessage::Ping(said) = &message {
                    let ticket = format!("{}#{}", said.repository, said.number);
                    tracing::info!(%ticket, %channel, step = %said.step, at = %said.at, "pinged");
                }
                return Ok(Sent::Yes);
            }
            Err(error) => match &error {
                SendError::Retry { after: Some(after), .. } => (SignedDuration::try_from(*after).unwrap_or(back_off(ping.attempts)), error),
                _ => (back_off(ping.attempts), error),
            },
        };
        Ok(Sent::Later(now.saturating_add(wait).unwrap_or(now), why.to_string()))
    }

    /// Why a ping must not be sent: its cycle has ended. GitHub is asked again where the last answer is not fresh (`E3`).
    async fn no_longer_true(&self, ping: &PendingPing, message: &mut ChatMessage, now: Timestamp) -> Result<Option<String>> {
        let Some(issue) = ping.issue else { return Ok(None) };
        let known = self.ticket(issue).await?;
        let Some(known) = known else { return Ok(Some("its ticket is gone".to_owned())) };
        if now.duration_since(ping.confirmed_at) > FRESH {
            let unread = self.confirm(std::slice::from_ref(&known)).await;
            if let ChatMessage::Ping(said) = message {
                said.unconfirmed = unread.contains(&issue);
            }
        }
        let Some(ticket) = self.ticket(issue).await? else { return Ok(Some("its ticket is gone".to_owned())) };
        let running = ticket.cycles().pop().filter(Cycle::is_running);
        let Some(cycle) = running.filter(|cycle| i64::from(cycle.number) == ping.cycle) else {
            return Ok(Some("answered, closed or gone before it could be sent".to_owned()));
        };
        // It may have waited until its repository was back, and the clock stood still meanwhile (S12).
        if let ChatMessage::Ping(said) = message {
            said.due_at = cycle.due;
        }
        Ok(None)
    }

    async fn ticket(&self, issue: crate::domain::IssueId) -> Result<Option<crate::domain::ticket::Ticket>> {
        let mut tx = self.store.read().await?;
        let ticket = tx.ticket(issue).await?;
        tx.rollback().await?;
        Ok(ticket)
    }
}

enum Sent {
    Yes,
    NotTrue(String),
    Later(Timestamp, String),
}

/// 2 s, 4 s, 8 s … at most five minutes.
fn back_off(attempts: i64) -> SignedDuration {
    SignedDuration::from_secs(2_i64.saturating_pow(u32::try_from(attempts.clamp(1, 9)).unwrap_or(9)).min(300))
}
