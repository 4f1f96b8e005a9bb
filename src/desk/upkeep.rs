//! What people do to the desk's own labels and comments, and how it puts them right without a fight (`G2`, `G5`).

use super::Desk;
use super::intake::Outcome;
use crate::domain::event::LabelEvent;
use crate::store::{Result, Tx};
use jiff::Timestamp;

impl Desk {
    pub(super) async fn take_label(&self, _tx: &mut Tx, _event: &LabelEvent, _now: Timestamp) -> Result<Outcome> {
        Ok(Outcome::Ignored("labels are not followed yet"))
    }
}
