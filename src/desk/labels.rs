//! Putting labels on an issue and taking them off, under the names that they have in its repository (`G2`, `G5`, `G6`).

use super::Desk;
use super::gate::Stop;
use super::limits::{MOST_LABELS, rank};
use super::publish::{Place, place_name};
use crate::domain::RepoId;
use crate::domain::projection::{Label, Projection};
use crate::domain::ticket::Ticket;
use crate::github::client::GitHub;
use crate::store::{Applied, RepoLabel, Result as Stored, same_name};

type Result<T> = std::result::Result<T, Stop>;

/// What a repository's labels are called there.
struct Names(Vec<RepoLabel>);

impl Names {
    fn find(&self, name: &str) -> Option<&RepoLabel> {
        self.0.iter().find(|label| label.key == name.to_lowercase())
    }

    /// A label by the name that it has there.
    fn there<'n>(&'n self, name: &'n str) -> &'n str {
        self.find(name).and_then(|label| label.called.as_deref()).unwrap_or(name)
    }
}

impl Desk {
    /// Sends the difference in labels: all that come in one request, and each that goes (`G6`).
    pub(super) async fn show_labels(
        &self,
        github: &GitHub,
        (place, ticket): (&Place<'_>, &Ticket),
        wanted: &Projection,
        applied: &mut Applied,
    ) -> Result<()> {
        let come: Vec<_> = wanted.labels.iter().filter(|label| !applied.has_label(&label.name)).collect();
        let go = |applied: &Applied| -> Vec<String> {
            let goes = |name: &&String| !wanted.labels.iter().any(|label| same_name(&label.name, name));
            applied.labels.iter().chain(&applied.tried).filter(goes).cloned().collect()
        };
        let resumed = wanted.resumed_by.filter(|comment| applied.resumed_by != Some(comment.0));
        if come.is_empty() && go(applied).is_empty() && resumed.is_none() {
            return Ok(());
        }
        let pausing = &self.policy.labels.waiting_partner.name;
        let used = wanted.labels.iter().map(|label| &label.name).chain(&applied.labels).chain(&applied.tried).chain([pausing]);
        let names = self.names(place.repo, used.map(|name| name.to_lowercase()).collect()).await;
        if !come.is_empty() {
            self.create_missing(github, place, &come, &names).await?;
            let there: Vec<_> = come.iter().map(|label| names.there(&label.name).to_owned()).collect();
            let pass = place.gate.pass().await?;
            // While the turn is certain: who has lost it knows no longer what is applied.
            self.note_tried(ticket, &come, applied).await;
            match pass.send(github.add_labels(place.installation, place.repo, place.number, &there)).await {
                Ok(()) => {
                    tracing::info!(ticket = %place_name(ticket), labels = ?there, "labels put on");
                    applied.labels.extend(come.iter().map(|label| label.name.clone()));
                    applied.tried.retain(|name| !come.iter().any(|label| same_name(&label.name, name)));
                }
                Err(error) if error.is_too_many_labels() => {
                    // What goes makes room for what comes.
                    for name in go(applied) {
                        self.take_off(github, (place, ticket), &names, &name, applied).await?;
                    }
                    self.show_what_fits(github, (place, ticket), wanted, &names, applied).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        for name in go(applied) {
            self.take_off(github, (place, ticket), &names, &name, applied).await?;
        }
        if let Some(comment) = resumed {
            let pass = place.gate.pass().await?;
            pass.send(github.remove_label(place.installation, place.repo, place.number, names.there(pausing))).await?;
            tracing::info!(ticket = %place_name(ticket), label = %pausing, "label taken off: the clock runs again");
            applied.resumed_by = Some(comment.0);
        }
        Ok(())
    }

    async fn take_off(
        &self,
        github: &GitHub,
        (place, ticket): (&Place<'_>, &Ticket),
        names: &Names,
        name: &str,
        applied: &mut Applied,
    ) -> Result<()> {
        let pass = place.gate.pass().await?;
        if applied.has_label(name) {
            // From here on it may be off: should it be wanted again before anybody heard, it is put on again (R6).
            applied.labels.retain(|other| !same_name(other, name));
            applied.tried.push(name.to_owned());
            self.note(ticket, applied).await;
        }
        pass.send(github.remove_label(place.installation, place.repo, place.number, names.there(name))).await?;
        tracing::info!(ticket = %place_name(ticket), label = %name, "label taken off");
        applied.tried.retain(|other| !same_name(other, name));
        Ok(())
    }

    /// Records which labels are about to be put on: should nobody hear whether they arrived, they are taken off all the same when they
    /// are no longer wanted (`R6`). Where the database fails here, it is as if they had never been tried.
    async fn note_tried(&self, ticket: &Ticket, come: &[&Label], applied: &mut Applied) {
        let new: Vec<_> = come.iter().map(|label| &label.name).filter(|name| !applied.tried.contains(name)).cloned().collect();
        if new.is_empty() {
            return;
        }
        applied.tried.extend(new);
        self.note(ticket, applied).await;
    }

    async fn note(&self, ticket: &Ticket, applied: &Applied) {
        if let Ok(mut tx) = self.store.write().await {
            let _ = tx.about_to_apply(ticket, applied).await;
            let _ = tx.commit().await;
        }
    }

    /// The issue is full: puts on as many labels as fit beside those of people, the most important ones (`G2`). The rest is told of in
    /// the ticket's log, and tried again with the ticket's next change.
    async fn show_what_fits(
        &self,
        github: &GitHub,
        (place, ticket): (&Place<'_>, &Ticket),
        wanted: &Projection,
        names: &Names,
        applied: &mut Applied,
    ) -> Result<()> {
        let on = github.labels_on(place.installation, place.repo, place.number).await?;
        let is_on = |label: &Label| on.iter().any(|other| same_name(other, names.there(&label.name)));
        let of_people = on.len() - wanted.labels.iter().filter(|label| is_on(label)).count();
        let mut ranked: Vec<_> = wanted.labels.iter().collect();
        ranked.sort_by_key(|label| rank(&self.policy.labels, &label.name));
        let (fit, rest) = ranked.split_at(MOST_LABELS.saturating_sub(of_people).min(ranked.len()));
        for label in rest.iter().filter(|label| is_on(label)) {
            self.take_off(github, (place, ticket), names, &label.name, applied).await?;
        }
        let come: Vec<_> = fit.iter().filter(|label| !is_on(label)).map(|label| names.there(&label.name).to_owned()).collect();
        if !come.is_empty() {
            let pass = place.gate.pass().await?;
            match pass.send(github.add_labels(place.installation, place.repo, place.number, &come)).await {
                // Somebody was quicker; the ticket's next change tries again.
                Err(error) if error.is_too_many_labels() => return Ok(()),
                added => added?,
            }
        }
        applied.labels.retain(|name| fit.iter().any(|label| same_name(&label.name, name)));
        let new: Vec<_> = fit.iter().filter(|label| !applied.has_label(&label.name)).map(|label| label.name.clone()).collect();
        applied.labels.extend(new);
        applied.tried.clear();
        if !rest.is_empty() {
            let rest: Vec<_> = rest.iter().map(|label| format!("`{}`", label.name)).collect();
            let text = format!("the issue has {MOST_LABELS} labels, as many as GitHub allows: left out {}", rest.join(", "));
            tracing::warn!(ticket = %place_name(ticket), rule = "G2", "{text}");
            // A database that fails here costs a line, no more than that.
            if let Ok(mut tx) = self.store.write().await {
                let _ = tx.note_once(ticket.issue, self.clock.now(), "G2", &text).await;
                let _ = tx.commit().await;
            }
        }
        Ok(())
    }

    /// A database that fails here costs a request more, no more than that.
    async fn names(&self, repo: RepoId, keys: Vec<String>) -> Names {
        let labels = async {
            let mut tx = self.store.read().await?;
            let labels = tx.labels_of(repo, &keys).await?;
            tx.rollback().await?;
            Stored::Ok(labels)
        };
        Names(labels.await.unwrap_or_default())
    }

    /// Creates the labels that a repository lacks, with their colours; asked once a label and repository (`G6`).
    async fn create_missing(&self, github: &GitHub, place: &Place<'_>, labels: &[&Label], names: &Names) -> Result<()> {
        for label in labels.iter().filter(|label| names.find(&label.name).is_none()) {
            let pass = place.gate.pass().await?;
            let created = pass.send(github.create_label(place.installation, place.repo, label)).await?;
            if let Ok(mut tx) = self.store.write().await {
                let _ = tx.label_exists(place.repo, &label.name, created).await;
                let _ = tx.commit().await;
            }
        }
        Ok(())
    }
}
