//! Repositories and installations as a whole: what becomes of their tickets when they are archived, suspended, moved or made public
//! (`S12`, `G3`).

use super::Desk;
use super::intake::Outcome;
use crate::domain::event::PlaceEvent;
use crate::store::{Result, Tx};
use jiff::Timestamp;

impl Desk {
    pub(super) async fn take_place(&self, _tx: &mut Tx, _event: &PlaceEvent, _now: Timestamp) -> Result<Outcome> {
        Ok(Outcome::Ignored("places are not followed yet"))
    }
}
