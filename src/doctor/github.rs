//! GitHub's side: the App, its permissions and events, its webhook, where it is installed, and who is who there.

use super::database::Stored;
use super::{Findings, Mark};
use crate::clock::Clock;
use crate::desk::skew::{HOLDS, WARNS};
use crate::domain::InstallationId;
use crate::domain::event::Repo;
use crate::github::about::{AppInfo, Installed};
use crate::github::client::{ApiError, GitHub};
use crate::github::deliveries::Attempt;
use crate::github::needs::{PERMISSIONS, events, is_enough};
use crate::settings::{AgentEntry, AppCredentials, Settings};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use secrecy::ExposeSecret as _;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Where webhooks go to.
const PATH: &str = "/api/github/webhooks";
/// A secret of fewer bytes can be tried out.
const SHORT: usize = 20;
/// So many different bytes any random secret has.
const VARIED: usize = 8;
/// Logins that GitHub is asked about, at most: asking costs calls of the hour.
const MOST_LOGINS: usize = 50;
/// Repositories whose labels are looked at, at most, for the same reason.
const MOST_LABELLED: usize = 10;
/// More deadlines than this are not all of open tickets.
const MANY_DEADLINES: usize = 200;
/// Its last tenth of calls is little.
const LITTLE: i64 = 10;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Answers whose time was measured before anything is said of the clock.
const ANSWERS: usize = 3;

pub(super) async fn look(settings: &Settings, clock: &Clock, stored: Option<&Stored>, findings: &mut Findings) {
    let Some(app) = &settings.app else {
        findings.fail("App", "none is set up: `serve` takes no webhooks", "start `serve`: it prints a link to a page that makes one; or create one with the permissions and events of app-manifest.yml, and set APP_ID, PRIVATE_KEY or PRIVATE_KEY_PATH, and WEBHOOK_SECRET");
        return;
    };
    secret(app, findings);
    let github = match GitHub::new(app, &settings.api_url, clock.clone()) {
        Ok(github) => github,
        Err(error) => {
            findings.fail(
                "App",
                error.to_string(),
                "set PRIVATE_KEY or PRIVATE_KEY_PATH to the whole PEM file that the App's page generated",
            );
            return;
        }
    };
    let about = github.about_app().await;
    if !matches!(about, Err(ApiError::NoAnswer(_))) {
        for _ in 1..ANSWERS {
            github.ask_the_time().await;
        }
    }
    the_clock(&github, stored.and_then(|stored| stored.ahead), findings);
    match about {
        Ok(about) => {
            findings.ok("App", format!("{}, id {}", about.slug, app.app_id));
            let page = format!(
                "{}/settings/apps/{} (of an organisation: {}/organizations/ORG/settings/apps/{})",
                settings.web_url, about.slug, settings.web_url, about.slug
            );
            granted(settings, &about, &page, findings);
            hook(settings, &github, &page, findings).await;
            deliveries(&github, clock.now(), findings).await;
            installations(settings, &github, &about, stored, findings).await;
        }
        Err(error) if matches!(error.status(), Some(401 | 403 | 404)) && !error.is_a_limit() => findings.fail(
            "App",
            format!("GitHub does not accept APP_ID {} with this private key: {error}", app.app_id),
            "take APP_ID and a private key from one App's page, and see that the host's clock is right",
        ),
        Err(error) => {
            findings.fail("GitHub", error.to_string(), format!("see that {} can be reached from here, and try again", settings.api_url));
        }
    }
}

/// How strong the webhook secret is; never what it is.
fn secret(app: &AppCredentials, findings: &mut Findings) {
    let secret = app.webhook_secret.expose_secret();
    let different = secret.bytes().collect::<BTreeSet<_>>().len();
    let remedy = "make one with `openssl rand -hex 32`, and set it at the App's page and in WEBHOOK_SECRET";
    if secret.len() < SHORT {
        findings.warn("webhook secret", format!("weak: {} bytes, {SHORT} are the least that cannot be tried out", secret.len()), remedy);
    } else if different < VARIED {
        findings.warn("webhook secret", format!("weak: it is made of {different} different characters"), remedy);
    } else {
        findings.ok("webhook secret", format!("{} bytes", secret.len()));
    }
}

/// The clock that the desk goes by, and this host's, by the answers so far; `ahead`: how far this host's is ahead of the database's, where
/// the desk goes by that one.
fn the_clock(github: &GitHub, ahead: Option<SignedDuration>, findings: &mut Findings) {
    let Some(skew) = github.skew() else { return };
    let off = |skew: SignedDuration| {
        let side = if skew.is_negative() { "behind" } else { "ahead of" };
        format!("{} s {side} GitHub's", skew.abs().as_secs())
    };
    let ours = skew - ahead.unwrap_or_default();
    let remedy = if ahead.is_some() { "have the clock of PostgreSQL's host set by NTP" } else { "have the host's clock set by NTP" };
    if ours.abs() > HOLDS {
        findings.fail("clock", format!("{}: pings are held", off(ours)), remedy);
    } else if ours.abs() > WARNS {
        findings.warn("clock", off(ours), remedy);
    } else {
        findings.ok("clock", "as GitHub's");
    }
    if ahead.is_some() && skew.abs() > WARNS {
        let seen = format!("{}, and GitHub may refuse the tokens that are made here", off(skew));
        findings.warn("this host's clock", seen, "have it set by NTP");
    }
}

/// What the App asks for, held against what it needs.
fn granted(settings: &Settings, about: &AppInfo, page: &str, findings: &mut Findings) {
    let has_teams = settings.agents.iter().any(|agent| matches!(agent, AgentEntry::Team { .. }));
    let mut well = true;
    for need in PERMISSIONS {
        let level = about.permissions.get(need.name).map(String::as_str);
        if is_enough(level, need.level) {
            continue;
        }
        well = false;
        let mark = if need.name == "members" && !has_teams { Mark::Warn } else { Mark::Fail };
        let seen = format!("`{}` is {}, {} is needed: {}", need.name, level.unwrap_or("not granted"), need.level, need.without);
        let remedy = format!("at {page}, Permissions & events, give `{}: {}`, then have each owner accept it", need.name, need.level);
        findings.judge(mark, "permissions", seen, remedy);
    }
    for (name, level) in &about.permissions {
        let needed = PERMISSIONS.iter().find(|need| need.name == name);
        if needed.is_none_or(|need| !is_enough(Some(need.level), level)) {
            let needs = needed.map_or("nothing of it", |need| need.level);
            findings.warn(
                "permissions",
                format!("`{name}: {level}` is more than the desk uses ({needs})"),
                format!("take it away at {page}"),
            );
        }
    }
    if well {
        findings.ok("permissions", PERMISSIONS.iter().map(|need| format!("{}: {}", need.name, need.level)).collect::<Vec<_>>().join(", "));
    }
    let missing: Vec<_> = events().filter(|event| about.events.iter().all(|known| known != event)).collect();
    if missing.is_empty() {
        findings.ok("events", events().collect::<Vec<_>>().join(", "));
        return;
    }
    // Without these there is no ticket and no answer; what the others tell is found out later.
    let mark = if missing.iter().any(|event| matches!(*event, "issues" | "issue_comment")) { Mark::Fail } else { Mark::Warn };
    findings.judge(
        mark,
        "events",
        format!("not subscribed to: {}", missing.join(", ")),
        format!("tick them at {page}, Permissions & events"),
    );
}

/// Where webhooks go.
async fn hook(settings: &Settings, github: &GitHub, page: &str, findings: &mut Findings) {
    let right = if settings.public_url.starts_with("https://") {
        format!("{}{PATH}", settings.public_url)
    } else {
        format!("https://YOUR-HOST{PATH}")
    };
    let found = match github.hook().await {
        Ok(found) => found.and_then(|hook| Some((hook.url.clone().filter(|url| !url.is_empty())?, hook))),
        Err(error) => {
            findings.warn("webhook", format!("GitHub does not say where it goes: {error}"), "try again");
            return;
        }
    };
    let Some((url, hook)) = found else {
        findings.fail("webhook", "the App has no webhook address", format!("at {page}, tick Webhook: Active, and set the address {right}"));
        return;
    };
    let before = findings.0.len();
    let address = Url::parse(&url).ok();
    let host = address.as_ref().and_then(Url::host_str).unwrap_or_default();
    let path = address.as_ref().map_or("", Url::path);
    let own = Url::parse(&settings.public_url).ok().is_some_and(|own| own.host_str() == Some(host));
    if !is_reached(host, is_elsewhere(&settings.web_url)) {
        findings.fail(
            "webhook",
            format!("GitHub sends to {url}, which is not reachable from outside"),
            format!("at {page}, set the address {right}"),
        );
    } else if !path.trim_end_matches('/').ends_with(PATH) && (own || host.is_empty()) {
        findings.fail(
            "webhook",
            format!("GitHub sends to {url}, where the desk does not listen"),
            format!("at {page}, set the address {right}"),
        );
    } else if !path.trim_end_matches('/').ends_with(PATH) {
        // Whoever has a relay's address can read along, so no more of it is told than the host.
        findings.warn(
            "webhook",
            format!("GitHub sends to {host}, and not to the desk: right for a relay, as long as `serve --relay` fetches from it"),
            format!("start `serve --relay` with the webhook's address at {page}; where GitHub can reach the desk, set {right} there"),
        );
    } else if settings.public_url.starts_with("https://") && url.trim_end_matches('/') != right {
        findings.warn(
            "webhook",
            format!("GitHub sends to {url}, PUBLIC_URL is {}", settings.public_url),
            format!("at {page}, set the address {right}, or correct PUBLIC_URL"),
        );
    }
    if address.as_ref().is_some_and(|address| address.scheme() == "http") {
        findings.warn(
            "webhook",
            format!("GitHub sends to {url}: whoever is on the way reads along"),
            "use https://, by a reverse proxy that speaks TLS",
        );
    }
    if hook.is_insecure() {
        findings.warn("webhook", "GitHub does not look at the certificate", format!("at {page}, switch SSL verification on"));
    }
    if hook.content_type.as_deref().is_some_and(|kind| kind != "json") {
        findings.fail(
            "webhook",
            "GitHub sends forms, and the desk reads JSON",
            "PATCH /app/hook/config with content_type json, as the App",
        );
    }
    if !hook.has_secret() {
        findings.fail(
            "webhook",
            "it has no secret: GitHub signs nothing, and the desk refuses everything",
            format!("at {page}, set WEBHOOK_SECRET as the webhook's secret"),
        );
    }
    if findings.0.len() == before {
        findings.ok("webhook", format!("{url}, with a secret"));
    }
}

/// Whether this GitHub is on the internet, and not a server of the operator's own.
fn is_elsewhere(web_url: &str) -> bool {
    let host = Url::parse(web_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_none_or(|host| host == "github.com" || host.ends_with(".ghe.com"))
}

/// Whether GitHub can reach a host at all: nobody but itself reaches its own machine, and a private network only who is in it, as an
/// Enterprise Server may be.
fn is_reached(host: &str, from_elsewhere: bool) -> bool {
    let address = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        Ok(address) => address,
        Err(_) => return host != "localhost" && !host.ends_with(".localhost"),
    };
    let private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    !(address.is_loopback() || address.is_unspecified() || private && from_elsewhere)
}

/// What became of what GitHub sent.
async fn deliveries(github: &GitHub, now: Timestamp, findings: &mut Findings) {
    let since = now.saturating_sub(DAY).unwrap_or(now);
    let (last, failed) = match (github.last_attempts().await, github.failed_attempts(since).await) {
        (Ok(last), Ok(failed)) => (last, failed),
        (Err(error), _) | (_, Err(error)) => {
            findings.warn("deliveries", format!("GitHub does not list them: {error}"), "try again");
            return;
        }
    };
    // GitHub knocks with one while the App is made and nobody has its secret yet; nothing is lost with it.
    let tells = |attempt: &&Attempt| attempt.event != "ping";
    let failed: Vec<_> = failed.iter().filter(tells).collect();
    let Some(newest) = last.iter().find(tells) else {
        if let Some(ping) = last.first().filter(|ping| (200..300).contains(&ping.status_code)) {
            findings.ok("deliveries", format!("pings alone in three days; the last came at {}", ping.delivered_at));
            return;
        }
        findings.warn(
            "deliveries",
            "GitHub has sent nothing in three days",
            "see at the App's page that Webhook: Active is ticked; its Advanced page sends a ping",
        );
        return;
    };
    let Some(latest) = failed.first() else {
        findings.ok("deliveries", format!("none failed in the last day; the last came at {}", newest.delivered_at));
        return;
    };
    let mut by_status: BTreeMap<i64, usize> = BTreeMap::new();
    for attempt in &failed {
        *by_status.entry(attempt.status_code).or_default() += 1;
    }
    let counted: Vec<_> = by_status.iter().map(|(status, count)| format!("{count} with {status}")).collect();
    let seen = format!("failed attempts in the last day: {} ({}), the last at {}", failed.len(), counted.join(", "), latest.delivered_at);
    let remedy = match latest.status_code {
        // Too many of them hear 429.
        401 | 429 => "WEBHOOK_SECRET is not what the App's page has: make them the same",
        404 | 405 => "correct the webhook's address at the App's page",
        503 => "look into the log of `serve`: it was overloaded, its database was away, or it has no App",
        500.. | 0 => "see that `serve` runs and that GitHub can reach it; `serve` has them sent again",
        _ => "look at the answer on the App's Advanced page",
    };
    // What came through since shows that it works again.
    let mark = if (200..300).contains(&newest.status_code) { Mark::Warn } else { Mark::Fail };
    findings.judge(mark, "deliveries", seen, remedy);
}

/// Where the App is installed, what it reaches there, and who is who.
async fn installations(settings: &Settings, github: &GitHub, about: &AppInfo, stored: Option<&Stored>, findings: &mut Findings) {
    let installed = match github.installed().await {
        Ok(installed) => installed,
        Err(error) => {
            findings.fail("installations", error.to_string(), "try again");
            return;
        }
    };
    if installed.is_empty() {
        findings.fail(
            "installations",
            "the App is installed nowhere",
            format!("install it: {}/apps/{}/installations/new", settings.web_url, about.slug),
        );
        return;
    }
    let mut reached: BTreeMap<String, bool> = BTreeMap::new();
    let mut watched = Vec::new();
    let mut working: Option<InstallationId> = None;
    let mut all_seen = true;
    for one in &installed {
        if let Some(repos) = installation(github, about, one, findings).await {
            working = working.or(Some(one.id));
            for (repo, archived) in repos {
                let name = repo.full_name.to_ascii_lowercase();
                if !archived
                    && (settings.repositories.is_empty() || settings.repositories.iter().any(|wanted| wanted.eq_ignore_ascii_case(&name)))
                {
                    watched.push((one, repo));
                }
                reached.insert(name, archived);
            }
        } else {
            all_seen = false;
        }
    }
    for wanted in &settings.repositories {
        match reached.get(&wanted.to_ascii_lowercase()) {
            Some(false) => findings.ok("repositories", format!("{wanted} is watched")),
            Some(true) => findings.warn("repositories", format!("{wanted} is archived"), "take it out of `repositories`, or unarchive it"),
            None if all_seen => findings.fail(
                "repositories",
                format!("no installation reaches {wanted}, which `repositories` names"),
                "correct its name, or select the repository at the installation's page",
            ),
            None => {}
        }
    }
    for (one, repo) in watched.iter().take(MOST_LABELLED) {
        labels(settings, github, one, repo, findings).await;
    }
    if watched.len() > MOST_LABELLED {
        findings.ok("labels", format!("of {} repositories the first {MOST_LABELLED} were looked at, to save calls", watched.len()));
    }
    let Some(working) = working else { return };
    people(settings, github, working, &installed, stored, findings).await;
}

/// One installation; its repositories, and whether each is archived, where they can be listed.
async fn installation(github: &GitHub, about: &AppInfo, one: &Installed, findings: &mut Findings) -> Option<Vec<(Repo, bool)>> {
    let what = format!("installation on {}", one.account);
    if let Some(since) = one.suspended {
        findings.warn(&what, format!("suspended since {since}"), format!("its owner ends that at {}", one.page));
        return None;
    }
    for need in PERMISSIONS {
        let level = one.permissions.get(need.name).map(String::as_str);
        // What the App does not ask for is told of the App.
        if is_enough(about.permissions.get(need.name).map(String::as_str), need.level) && !is_enough(level, need.level) {
            let seen = format!("its owner has not accepted `{}: {}`: {}", need.name, need.level, need.without);
            let mark = if need.name == "members" { Mark::Warn } else { Mark::Fail };
            findings.judge(mark, &what, seen, format!("its owner accepts it at {}", one.page));
        }
    }
    match github.repositories(one.id).await {
        Ok(listing) if listing.repos.is_empty() => {
            findings.warn(&what, "reaches no repository", format!("select some at {}", one.page));
            Some(Vec::new())
        }
        Ok(listing) => {
            let archived = listing.repos.iter().filter(|(_, archived)| *archived).count();
            findings.ok(&what, format!("repositories: {}, of them archived: {archived}", listing.repos.len()));
            calls(github, one, &what, findings).await;
            Some(listing.repos)
        }
        Err(error) => {
            findings.fail(&what, error.to_string(), format!("see what its owner allows at {}, and try again", one.page));
            None
        }
    }
}

/// The labels of a repository, held against those that the desk shows (`G2`).
async fn labels(settings: &Settings, github: &GitHub, one: &Installed, repo: &Repo, findings: &mut Findings) {
    let what = format!("labels in {}", repo.full_name);
    let names = match github.labels_of(one.id, repo.id).await {
        Ok(names) => names,
        Err(error) => {
            findings.warn(
                &what,
                format!("GitHub does not list them: {error}"),
                format!("see what its owner allows at {}, and try again", one.page),
            );
            return;
        }
    };
    let (style, programme) = (&settings.policy.labels, &settings.programme);
    let (deadlines, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| style.is_due_name(name));
    let ours = others.iter().filter(|name| style.uses(programme, name)).count() + deadlines.len();
    if deadlines.len() > MANY_DEADLINES {
        findings.warn(
            &what,
            format!("{} deadlines; the desk deletes those of its own that no open ticket carries", deadlines.len()),
            "let `serve` in its log say why it could not (rule=G2); delete by hand what somebody else made",
        );
    } else {
        let seen = format!("{ours} that the desk shows, {} of them deadlines; it makes what is missing when it is needed", deadlines.len());
        findings.ok(&what, seen);
    }
}

async fn calls(github: &GitHub, one: &Installed, what: &str, findings: &mut Findings) {
    match github.calls_left(one.id).await {
        Ok(None) => findings.ok(what, "this GitHub does not count calls"),
        Ok(Some(calls)) => {
            let anew = Timestamp::from_second(calls.reset).map_or_else(|_| String::new(), |at| format!(", given anew at {at}"));
            let mark = if calls.remaining * LITTLE < calls.limit { Mark::Warn } else { Mark::Ok };
            let seen = format!("{} of {} calls left this hour{anew}", calls.remaining, calls.limit);
            findings.judge(mark, what, seen, "wait; and see whether something else uses this App's key");
        }
        Err(error) => findings.warn(what, format!("its calls are not told: {error}"), "try again"),
    }
}

/// Agents that GitHub does not know, and members of partners without an id.
async fn people(
    settings: &Settings,
    github: &GitHub,
    working: InstallationId,
    installed: &[Installed],
    stored: Option<&Stored>,
    findings: &mut Findings,
) {
    let before = findings.0.len();
    let mut asked = 0;
    for agent in &settings.agents {
        asked += 1;
        if asked > MOST_LOGINS {
            break;
        }
        match agent {
            AgentEntry::Login(login) => match github.user_id(working, login).await {
                Ok(Some(_)) => {}
                Ok(None) => findings.fail(
                    "agents",
                    format!("GitHub knows no account `{login}`: nobody's answer counts as theirs"),
                    "correct `agents` in partner-desk.toml",
                ),
                Err(error) => findings.warn("agents", format!("`{login}` could not be looked up: {error}"), "try again"),
            },
            AgentEntry::Team { org, slug } => {
                let team = format!("@{org}/{slug}");
                let Some(home) = installed.iter().find(|one| one.account.eq_ignore_ascii_case(org) && one.suspended.is_none()) else {
                    findings.fail(
                        "agents",
                        format!("{team}: the App is not installed on {org}"),
                        format!("install it on {org}, or correct `agents`"),
                    );
                    continue;
                };
                match github.team_members(home.id, org, slug).await {
                    Ok(members) if members.is_empty() => {
                        findings.warn("agents", format!("{team} has no members"), "add some, or correct `agents`");
                    }
                    Ok(_) => {}
                    Err(error) if error.status() == Some(404) => findings.fail(
                        "agents",
                        format!("GitHub knows no team {team}"),
                        "correct `agents` in partner-desk.toml: \"@ORG/SLUG\"",
                    ),
                    Err(error) if error.status() == Some(403) && !error.is_a_limit() => {
                        findings.fail(
                            "agents",
                            format!("GitHub does not tell who is in {team}: {error}"),
                            "give the App `members: read`, and have the owner accept it",
                        );
                    }
                    Err(error) => findings.warn("agents", format!("{team} could not be looked up: {error}"), "try again"),
                }
            }
        }
    }
    if findings.0.len() == before {
        let listed = settings.agents.len();
        findings.ok(
            "agents",
            if listed == 0 { "none listed: whoever may triage".to_owned() } else { format!("{listed} listed, each known to GitHub") },
        );
    }
    let Some(stored) = stored else { return };
    let before = findings.0.len();
    for row in stored.unbound.iter().take(MOST_LOGINS) {
        let (login, partner) = (&row.member.login, &row.member.partner);
        let what = format!("partner {partner}");
        match github.user_id(working, login).await {
            Ok(Some(_)) => findings.warn(
                &what,
                format!("`{login}` was not looked up yet"),
                "restart `serve`, or import the partner again: both look it up",
            ),
            Ok(None) => findings.warn(
                &what,
                format!("GitHub knows no account `{login}`: whoever opens issues under another name is nobody"),
                format!("`partner-desk partner member remove {partner} {login}`, then add the right one"),
            ),
            Err(error) => findings.warn(&what, format!("`{login}` could not be looked up: {error}"), "try again"),
        }
    }
    if findings.0.len() == before {
        findings.ok("partners", "every member's login was looked up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_reaches_goes_by_addresses_and_not_by_how_they_begin() {
        for (host, from_elsewhere, from_inside) in [
            ("desk.example.com", true, true),
            ("10.example.com", true, true),
            ("127.example.com", true, true),
            ("192.168.example.com", true, true),
            ("203.0.113.7", true, true),
            ("100.100.0.1", true, true),
            ("172.32.0.1", true, true),
            ("[2001:db8::1]", true, true),
            ("10.0.0.7", false, true),
            ("172.16.0.1", false, true),
            ("192.168.178.2", false, true),
            ("169.254.1.1", false, true),
            ("[fd00::1]", false, true),
            ("[fe80::1]", false, true),
            ("[::ffff:10.0.0.7]", false, true),
            ("localhost", false, false),
            ("desk.localhost", false, false),
            ("127.0.0.1", false, false),
            ("127.1.2.3", false, false),
            ("0.0.0.0", false, false),
            ("[::1]", false, false),
            ("[::]", false, false),
        ] {
            assert_eq!((is_reached(host, true), is_reached(host, false)), (from_elsewhere, from_inside), "{host}");
        }
        assert!(is_elsewhere("https://github.com") && is_elsewhere("https://acme.ghe.com"));
        assert!(!is_elsewhere("https://github.example.com") && !is_elsewhere("https://notghe.com"));
    }
}
