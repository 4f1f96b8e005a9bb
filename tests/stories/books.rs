//! What operators do in the stories: partners, tiers and members, straight in the database as the command line does it.

use crate::desk::{Desk, instant};
use partner_desk::domain::PartnerId;
use partner_desk::domain::partner::{Membership, Partner};
use partner_desk::programme::TierId;

impl Desk {
    /// A partner with a tier since ever, and its members.
    pub async fn partner(&self, id: &str, tier: &str, members: &[&str]) {
        self.partner_between(id, tier, members, None, None).await;
    }

    /// A partner with a tier over a time.
    pub async fn partner_between(&self, id: &str, tier: &str, members: &[&str], from: Option<&str>, until: Option<&str>) {
        let id = PartnerId::new(id).unwrap();
        let name = format!("{}{}", id.as_str()[..1].to_uppercase(), &id.as_str()[1..]);
        let mut partner = Partner { id: id.clone(), name, time_zone: None, tiers: Vec::new() };
        partner.put_tier(TierId(tier.to_owned()), from.map(instant), until.map(instant));
        let mut tx = self.app.desk.store.write().await.unwrap();
        tx.put_partner(&partner).await.unwrap();
        tx.commit().await.unwrap();
        for login in members {
            self.joins(partner.id.as_str(), login, |_| {}).await;
        }
    }

    /// A partner gets a member: since ever and for good, known by id, unless `otherwise`.
    pub async fn joins(&self, partner: &str, login: &str, otherwise: impl FnOnce(&mut Membership)) {
        let mut member = Membership {
            partner: PartnerId::new(partner).unwrap(),
            user: Some(self.sandbox.person(login)),
            login: login.to_owned(),
            from: None,
            until: None,
            primary: false,
            lookup_failed: false,
        };
        otherwise(&mut member);
        let mut tx = self.app.desk.store.write().await.unwrap();
        tx.put_member(None, &member).await.unwrap();
        tx.look_again(self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
    }

    /// A member leaves now.
    pub async fn leaves(&self, partner: &str, login: &str) {
        let now = self.clock.now();
        let mut tx = self.app.desk.store.write().await.unwrap();
        let rows = tx.all_members(Some(&PartnerId::new(partner).unwrap())).await.unwrap();
        for row in rows.into_iter().filter(|row| row.member.login == login) {
            tx.put_member(Some(row.id), &Membership { until: Some(now), ..row.member }).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// The logins of a partner's members.
    pub async fn members(&self, partner: &str) -> Vec<String> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let rows = tx.all_members(Some(&PartnerId::new(partner).unwrap())).await.unwrap();
        tx.rollback().await.unwrap();
        rows.into_iter().map(|row| row.member.login).collect()
    }

    /// Another tier from now on.
    pub async fn set_tier(&self, id: &str, tier: &str) {
        let now = self.clock.now();
        self.change(id, |partner| partner.put_tier(TierId(tier.to_owned()), Some(now), None)).await;
    }

    /// A tier over a time, as it is recorded now.
    pub async fn tier_between(&self, id: &str, tier: &str, from: Option<&str>, until: Option<&str>) {
        self.change(id, |partner| partner.put_tier(TierId(tier.to_owned()), from.map(instant), until.map(instant))).await;
    }

    /// The subscription ends now.
    pub async fn subscription_ends(&self, id: &str) {
        let now = self.clock.now();
        self.change(id, |partner| partner.end(now)).await;
    }

    /// Instants are shown to this partner in its zone, too.
    pub async fn zone(&self, id: &str, zone: &str) {
        self.change(id, |partner| partner.time_zone = Some(zone.to_owned())).await;
    }

    async fn change(&self, id: &str, change: impl FnOnce(&mut Partner)) {
        let mut tx = self.app.desk.store.write().await.unwrap();
        let mut partner = tx.partner(&PartnerId::new(id).unwrap()).await.unwrap().unwrap();
        change(&mut partner);
        tx.put_partner(&partner).await.unwrap();
        tx.look_again(self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
    }
}
