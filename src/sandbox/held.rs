//! Webhooks that come late, twice, in another order or never, as a test says.

use super::Sandbox;
use super::webhooks::{Deliver, DeliveryRecord, DeliveryState, send};
use crate::domain::ids::DeliveryId;

impl Sandbox {
    /// When webhooks go out from now on. What is held stays held.
    pub fn deliveries_go(&self, mode: Deliver) {
        self.inner.post.set_mode(mode);
    }

    /// What becomes of each webhook that goes in the background from now on: an attempt after each of the delays that `fate` gives,
    /// none waiting for another, so that they come late, twice and in another order; it is lost where there is none.
    pub fn deliveries_meet(&self, fate: impl FnMut() -> Vec<std::time::Duration> + Send + 'static) {
        self.inner.post.set_fate(Some(Box::new(fate)));
    }

    /// Webhooks go once and in order again.
    pub fn deliveries_are_safe(&self) {
        self.inner.post.set_fate(None);
    }

    /// The log: every attempt, made or not.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.inner.post.records()
    }

    /// What is held, in the order in which it happened.
    #[must_use]
    pub fn held(&self) -> Vec<DeliveryRecord> {
        self.inner.post.held()
    }

    /// Delivers everything that is held, in order.
    pub async fn deliver_all(&self) -> Vec<DeliveryRecord> {
        self.deliver(usize::MAX).await
    }

    /// Delivers the first `n` that are held.
    pub async fn deliver(&self, n: usize) -> Vec<DeliveryRecord> {
        let ids: Vec<i64> = self.held().iter().take(n).map(|r| r.id).collect();
        self.deliver_ids(&ids).await
    }

    /// Delivers what is held at these places of [`Self::held`], in the order given. A place given twice is delivered twice;
    /// one that does not exist is passed over.
    pub async fn deliver_in_order(&self, places: &[usize]) -> Vec<DeliveryRecord> {
        let held = self.held();
        let mut ids = Vec::with_capacity(places.len());
        for record in places.iter().filter_map(|place| held.get(*place)) {
            // A second attempt has a number of its own and the same GUID.
            let again = ids.contains(&record.id).then(|| self.inner.post.new_attempt(|r| r.id == record.id, self.inner.clock.now()));
            ids.push(again.flatten().unwrap_or(record.id));
        }
        self.deliver_ids(&ids).await
    }

    /// Delivers what is held and fits, in order.
    pub async fn deliver_where(&self, fits: impl Fn(&DeliveryRecord) -> bool) -> Vec<DeliveryRecord> {
        let ids: Vec<i64> = self.held().iter().filter(|r| fits(r)).map(|r| r.id).collect();
        self.deliver_ids(&ids).await
    }

    async fn deliver_ids(&self, ids: &[i64]) -> Vec<DeliveryRecord> {
        self.inner.post.release(ids, &DeliveryState::Queued);
        for id in ids {
            send(&self.inner, *id).await;
        }
        ids.iter().filter_map(|id| self.inner.post.record(*id)).collect()
    }

    /// Loses everything that is held: GitHub never attempts it and does not list it. Only the issues themselves tell.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn drop_held(&self) -> usize {
        self.let_go(&DeliveryState::Lost)
    }

    /// Everything that is held counts as attempted in vain: GitHub lists it as failed and redelivers it when asked (`R2`).
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn fail_held(&self) -> usize {
        self.let_go(&DeliveryState::Failed("timed out".to_owned()))
    }

    fn let_go(&self, state: &DeliveryState) -> usize {
        let ids: Vec<i64> = self.held().iter().map(|r| r.id).collect();
        self.inner.post.release(&ids, state);
        ids.len()
    }

    /// Delivers an event again, under the same GUID, and waits for the answer. None where there is no such event.
    pub async fn redeliver(&self, guid: &DeliveryId) -> Option<DeliveryRecord> {
        let id = self.inner.post.new_attempt(|r| r.guid == *guid, self.inner.clock.now())?;
        send(&self.inner, id).await;
        self.inner.post.record(id)
    }

    /// Waits until nothing is on its way in the background. The desk may go on to write afterwards.
    pub async fn settle(&self) {
        self.inner.post.settle().await;
    }
}
