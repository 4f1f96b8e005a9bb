//! The channels: where their addresses come from, whether they take messages.

use super::database::Stored;
use super::{Findings, Mark};
use crate::app::{StartError, chat};
use crate::chat::{ChatMessage, Message, Notice};
use crate::clock::Clock;
use crate::settings::Settings;
use secrecy::ExposeSecret as _;

pub(super) async fn look(
    settings: &Settings,
    clock: &Clock,
    stored: Option<&Stored>,
    ping: bool,
    findings: &mut Findings,
) -> Result<(), StartError> {
    if settings.chat.is_empty() {
        findings.warn("chat", "no channel: nobody is pinged", "add a [[chat]] to partner-desk.toml");
        return Ok(());
    }
    let chat = chat(settings)?;
    for channel in &settings.chat {
        let what = format!("chat \"{}\"", channel.name);
        if channel.unset {
            findings.fail(&what, format!("{} is not set here", channel.origin), "set the variable; `serve` does not start without it");
            continue;
        }
        let url = channel.url.expose_secret();
        let host = url.split_once("://").map_or("", |(_, rest)| rest);
        let here = ["localhost", "127.", "[::1]"].iter().any(|start| host.starts_with(start));
        let (mut doubts, mut remedies) = (Vec::new(), Vec::new());
        if channel.literal_url {
            doubts.push("its address, which is a secret, stands in the configuration file");
            remedies.push("put it into a variable or a file, and name that as url = \"env:NAME\" or \"file:PATH\"");
        }
        if here {
            doubts.push("its address is this machine");
            remedies.push("see that a chat listens here");
        } else if url.starts_with("http://") {
            doubts.push("its address is http://: whoever is on the way reads along");
            remedies.push("use https://");
        }
        let mark = if doubts.is_empty() { Mark::Ok } else { Mark::Warn };
        let seen = if doubts.is_empty() { format!("address from {}", channel.origin) } else { doubts.join("; ") };
        findings.judge(mark, &what, seen, remedies.join("; "));
        if let Some(state) = stored.and_then(|stored| stored.failing.get(&channel.name)) {
            let seen = format!("does not take what it is sent, since {}: {}", state.since, state.why);
            findings.warn(&what, seen, "see to the channel at the chat's side, or give it a new address; `doctor --ping` tries it");
        }
        if ping {
            let text = "Partner Desk: a test message by `partner-desk doctor --ping`. Nothing is to be done.".to_owned();
            let now = clock.now();
            let key = format!("doctor:{}", now.as_millisecond());
            let notice = ChatMessage::Notice(Notice { text });
            match chat.send(&channel.name, Message { key: &key, what: &notice, instead_of: &[] }, now).await {
                Ok(()) => findings.ok(&what, "took a test message"),
                Err(error) => findings.fail(
                    &what,
                    format!("did not take a test message: {error}"),
                    "correct the address, or the channel at the chat's side",
                ),
            }
        }
    }
    Ok(())
}
