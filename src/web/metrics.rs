//! `/metrics`: what Prometheus asks for, in its text format 0.0.4. Nothing in it names a person, a partner, a repository or a ticket.

use super::rate::{Shared, too_many};
use crate::app::App;
use crate::desk::counts::{DELAYS, Histogram, LEFT, PROMISES};
use crate::domain::response::Outcome;
use crate::store::StoreError;
use axum::extract::{Extension, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// All that there is to tell. A database that does not answer is told as such, and the rest all the same.
pub(super) async fn metrics(State(app): State<Arc<App>>, Extension(last): Extension<Arc<Shared<String>>>) -> Response {
    match last.get(app.desk.clock.now(), tell(&app)).await {
        Some(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        None => too_many(),
    }
}

async fn tell(app: &App) -> String {
    let mut page = Page::default();
    page.family("partner_desk_build_info", "gauge", "The version that runs, as a label; always 1.");
    page.sample("partner_desk_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("partner_desk_deliveries_total", "counter", "Webhooks since this instance started, by how they were answered.");
    for (result, count) in app.answers.each() {
        page.sample("partner_desk_deliveries_total", &[("result", result)], count.load(Ordering::Relaxed));
    }
    page.family("partner_desk_scheduler_silence_seconds", "gauge", "Since this instance's scheduler last did its work.");
    page.sample("partner_desk_scheduler_silence_seconds", &[], Seconds(app.since_beat().max(0)));
    page.family("partner_desk_leads", "gauge", "Whether this instance watches the clocks: 1 on one of several that share a database.");
    page.sample("partner_desk_leads", &[], i64::from(app.lead.is_ours()));
    counted(app, &mut page);
    let read = tokio::time::timeout(std::time::Duration::from_secs(5), stored(app)).await;
    let database = match read {
        Ok(Ok(stored)) => Some(stored),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the metrics of the database could not be read");
            None
        }
        Err(_) => None,
    };
    page.family("partner_desk_database_up", "gauge", "Whether the database answered this request.");
    page.sample("partner_desk_database_up", &[], i64::from(database.is_some()));
    page.text.push_str(&database.unwrap_or_default());
    page.text
}

/// What this instance has seen since it started. Series that are known to come begin with 0, so that their first increase is seen.
fn counted(app: &App, page: &mut Page) {
    let (desk, counted) = (&app.desk, app.desk.counts.now());
    let tier_ids = desk.programme.tiers.iter().map(|tier| tier.id.0.clone());
    let tiers: BTreeSet<String> =
        tier_ids.chain(counted.ended.keys().map(|(tier, _)| tier.clone())).chain(counted.breaches.keys().cloned()).collect();
    let channels: BTreeSet<String> =
        desk.chat.names().map(str::to_owned).chain(counted.messages.keys().map(|(channel, _)| channel.clone())).collect();

    page.family("partner_desk_tickets_total", "counter", "Tickets that came to stand so since this instance started, by tier.");
    for ((tier, standing), count) in &counted.tickets {
        page.sample("partner_desk_tickets_total", &[("tier", named(tier)), ("standing", standing)], count);
    }
    page.family("partner_desk_clocks_ended_total", "counter", "Clocks that ended since this instance started, by tier and outcome.");
    for tier in &tiers {
        for outcome in Outcome::ALL.map(Outcome::word) {
            let count = counted.ended.get(&(tier.clone(), outcome)).copied().unwrap_or_default();
            page.sample("partner_desk_clocks_ended_total", &[("tier", tier), ("outcome", outcome)], count);
        }
    }
    page.family("partner_desk_breaches_total", "counter", "Promises that were broken since this instance started, from the due second on.");
    for tier in &tiers {
        page.sample("partner_desk_breaches_total", &[("tier", tier)], counted.breaches.get(tier).copied().unwrap_or_default());
    }
    let (responses, left, delays) = (Histogram::new(PROMISES), Histogram::new(LEFT), Histogram::new(DELAYS));
    page.family("partner_desk_time_to_response_seconds", "histogram", "From the start of a clock to its answer.");
    for tier in &tiers {
        page.histogram("partner_desk_time_to_response_seconds", ("tier", tier), counted.to_response.get(tier).unwrap_or(&responses));
    }
    page.family("partner_desk_time_to_due_seconds", "histogram", "What was left until due when it was answered; 0: it was late.");
    for tier in &tiers {
        page.histogram("partner_desk_time_to_due_seconds", ("tier", tier), counted.to_due.get(tier).unwrap_or(&left));
    }
    page.family("partner_desk_messages_total", "counter", "Messages to a chat since this instance started, by what became of each try.");
    for channel in &channels {
        for result in ["sent", "retried", "refused", "void"] {
            let count = counted.messages.get(&(channel.clone(), result)).copied().unwrap_or_default();
            page.sample("partner_desk_messages_total", &[("channel", channel), ("result", result)], count);
        }
    }
    page.family("partner_desk_step_delay_seconds", "histogram", "From the instant of a step until the chat had taken it.");
    for channel in &channels {
        page.histogram("partner_desk_step_delay_seconds", ("channel", channel), counted.delays.get(channel).unwrap_or(&delays));
    }
    page.family("partner_desk_github_requests_total", "counter", "Requests to GitHub since this instance started, by what became of them.");
    for (kind, outcome, count) in desk.github.iter().flat_map(|github| github.requests.each()) {
        page.sample("partner_desk_github_requests_total", &[("kind", kind), ("outcome", outcome)], count);
    }
    page.family("partner_desk_github_calls_left", "gauge", "Calls of this hour that GitHub last said to be left to an installation.");
    for (installation, left) in desk.github.iter().flat_map(|github| github.calls_heard_of()) {
        page.sample("partner_desk_github_calls_left", &[("installation", &installation.0.to_string())], left);
    }
}

/// A tier's label.
const fn named(tier: &str) -> &str {
    if tier.is_empty() { "none" } else { tier }
}

/// What the database knows, alike on every instance.
async fn stored(app: &App) -> Result<String, StoreError> {
    let now = app.desk.clock.now();
    let mut tx = app.desk.store.read().await?;
    let (open, unshown, unsent) = (tx.open_tickets().await?, tx.unshown_tickets().await?, tx.unsent_messages().await?);
    let (budgets, kept, next) = (tx.budgets_left(now).await?, tx.count_kept_deliveries().await?, tx.next_at().await?);
    tx.rollback().await?;
    let since = |then: jiff::Timestamp| Seconds((now.as_millisecond() - then.as_millisecond()).max(0));

    let mut page = Page::default();
    page.family("partner_desk_tickets_open", "gauge", "Tickets that wait for a slot or for an answer, by tier and standing.");
    for tickets in &open {
        page.sample("partner_desk_tickets_open", &[("tier", named(&tickets.tier)), ("standing", &tickets.standing)], tickets.tickets);
    }
    page.family("partner_desk_tickets_unshown", "gauge", "Tickets that GitHub does not show as they are yet.");
    page.sample("partner_desk_tickets_unshown", &[], unshown);
    page.family("partner_desk_deliveries_kept", "gauge", "Deliveries that could not be taken in and are kept.");
    page.sample("partner_desk_deliveries_kept", &[], kept);
    page.family("partner_desk_sweep_lag_seconds", "gauge", "How long the ticket that is due next has been waiting to be looked at.");
    page.sample("partner_desk_sweep_lag_seconds", &[], next.map_or(Seconds(0), since));
    page.family("partner_desk_outbox_messages", "gauge", "Messages that wait to be sent, by channel.");
    for waiting in &unsent {
        page.sample("partner_desk_outbox_messages", &[("channel", &waiting.channel)], waiting.messages);
    }
    page.family("partner_desk_outbox_age_seconds", "gauge", "How long the oldest message has been waiting to be sent, by channel.");
    for waiting in &unsent {
        page.sample("partner_desk_outbox_age_seconds", &[("channel", &waiting.channel)], since(waiting.since));
    }
    page.family("partner_desk_github_budget_left", "gauge", "Requests that an installation may still write within this window.");
    for budget in &budgets {
        let id = budget.installation.0.to_string();
        page.sample("partner_desk_github_budget_left", &[("installation", &id), ("window", "minute")], budget.minute);
        page.sample("partner_desk_github_budget_left", &[("installation", &id), ("window", "hour")], budget.hour);
    }
    page.family("partner_desk_github_quiet_seconds", "gauge", "For how long GitHub asked an installation for quiet from now on.");
    for budget in &budgets {
        let left = Seconds((budget.quiet.as_millisecond() - now.as_millisecond()).max(0));
        page.sample("partner_desk_github_quiet_seconds", &[("installation", &budget.installation.0.to_string())], left);
    }
    Ok(page.text)
}

/// Milliseconds that are told as seconds, the base unit.
#[derive(Clone, Copy)]
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn histogram(&mut self, name: &str, label: (&str, &str), histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.up_to() {
            self.sample(&bucket, &[label, ("le", &bound.to_string())], count);
        }
        self.sample(&bucket, &[label, ("le", "+Inf")], histogram.count());
        self.sample(&format!("{name}_sum"), &[label], Seconds(histogram.sum_ms()));
        self.sample(&format!("{name}_count"), &[label], histogram.count());
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Seconds};

    #[test]
    fn what_a_label_may_not_hold_is_escaped() {
        let mut page = Page::default();
        page.sample("m", &[("channel", "a\"b\\c\nd")], Seconds(61_005));
        assert_eq!(page.text, "m{channel=\"a\\\"b\\\\c\\nd\"} 61.005\n");
    }
}
