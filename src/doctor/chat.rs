//! The channels: where their addresses come from, whether they take messages.

use super::database::Stored;
use super::{Findings, Mark};
use crate::app::chat;
use crate::chat::{ChatMessage, Looked, Message, Notice};
use crate::clock::Clock;
use crate::settings::Settings;
use secrecy::ExposeSecret as _;

const READ_ALONG: &str = "its address is http://: whoever is on the way reads along";

/// Whether an address is this machine.
fn is_here(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    ["localhost", "127.", "[::1]"].iter().any(|start| host.starts_with(start))
}

fn stands_there(what: &str) -> String {
    format!("its {what}, which is a secret, stands in the configuration file")
}

fn put_away(key: &str) -> String {
    format!("put it into a variable or a file, and name that as {key} = \"env:NAME\" or \"file:PATH\"")
}

/// The dead man's switch, if there is one. It is not asked: that would say that the desk lives.
pub(super) fn heartbeat(settings: &Settings, findings: &mut Findings) {
    const WHAT: &str = "heartbeat";
    let Some(address) = &settings.heartbeat_url else { return };
    if address.unset {
        findings.fail(WHAT, format!("{} is not set here", address.origin), "set the variable; `serve` does not start without it");
        return;
    }
    let url = address.url.expose_secret();
    let (mut doubts, mut remedies) = (Vec::new(), Vec::new());
    if address.literal {
        doubts.push(stands_there("address"));
        remedies.push(put_away("heartbeat_url"));
    }
    if is_here(url) {
        doubts.push("its address is this machine: who listens here goes down with it".to_owned());
        remedies.push("name a switch that runs elsewhere".to_owned());
    } else if url.starts_with("http://") {
        doubts.push(READ_ALONG.to_owned());
        remedies.push("use https://".to_owned());
    }
    if doubts.is_empty() {
        findings.ok(WHAT, format!("address from {}", address.origin));
    } else {
        findings.warn(WHAT, doubts.join("; "), remedies.join("; "));
    }
}

pub(super) async fn look(settings: &Settings, clock: &Clock, stored: Option<&Stored>, ping: bool, findings: &mut Findings) {
    if settings.chat.is_empty() {
        findings.warn("chat", "no channel: nobody is pinged", "add a [[chat]] to partner-desk.toml");
        return;
    }
    let chat = match chat(settings) {
        Ok(chat) => Some(chat),
        Err(error) => {
            findings.fail("chat", error.to_string(), "correct that channel in partner-desk.toml; `serve` does not start with it");
            None
        }
    };
    for channel in &settings.chat {
        let what = format!("chat \"{}\"", channel.name);
        if channel.unset {
            findings.fail(&what, format!("{} is not set here", channel.origin), "set the variable; `serve` does not start without it");
            continue;
        }
        let url = channel.url.expose_secret();
        let here = is_here(url);
        let (mut doubts, mut remedies) = (Vec::new(), Vec::new());
        if channel.literal_url {
            let (what, key) = match &channel.mail {
                _ if channel.bot.is_some() => ("token", "token"),
                Some(mail) if mail.password.is_some() => ("password", "password"),
                Some(_) => ("address, with a password in it", "url"),
                None => ("address", "url"),
            };
            doubts.push(stands_there(what));
            remedies.push(put_away(key));
        }
        if channel.secret.as_ref().is_some_and(|signing| signing.literal) {
            doubts.push(stands_there("key, with which its messages are signed"));
            remedies.push(put_away("secret"));
        }
        if let Some(mail) = &channel.mail {
            // A mail server on this machine is usual.
            if mail.unencrypted && !here {
                doubts.push("its mail goes unencrypted: whoever is on the way reads along, and can be taken for the server".to_owned());
                remedies.push("use smtps://, or leave `unencrypted` out".to_owned());
            }
        } else if here {
            doubts.push("its address is this machine".to_owned());
            remedies.push("see that a chat listens here".to_owned());
        } else if url.starts_with("http://") {
            doubts.push(READ_ALONG.to_owned());
            remedies.push("use https://".to_owned());
        }
        let mark = if doubts.is_empty() { Mark::Ok } else { Mark::Warn };
        let seen = if doubts.is_empty() {
            match &channel.mail {
                Some(mail) => {
                    let to: Vec<_> = mail.to.iter().map(|to| to.email.to_string()).collect();
                    let secret = mail.password.is_some() && !channel.literal_url;
                    let password = if secret { format!(", password from {}", channel.origin) } else { String::new() };
                    format!("mail from {} to {}{password}", mail.from.email, to.join(", "))
                }
                None => format!("{} from {}", if channel.bot.is_some() { "token" } else { "address" }, channel.origin),
            }
        } else {
            doubts.join("; ")
        };
        findings.judge(mark, &what, seen, remedies.join("; "));
        if let Some(state) = stored.and_then(|stored| stored.failing.get(&channel.name)) {
            let seen = format!("does not take what it is sent, since {}: {}", state.since, state.why);
            findings.warn(&what, seen, "see to the channel at the chat's side, or give it a new address; `doctor --ping` tries it");
        }
        if let Some(chat) = chat.as_ref().filter(|_| ping) {
            match chat.look(&channel.name, clock.now()).await {
                None => {}
                Some(Ok(Looked { seen, doubt: None })) => {
                    findings.ok(&what, seen);
                    continue;
                }
                Some(Ok(Looked { seen, doubt: Some((doubt, remedy)) })) => {
                    findings.warn(&what, format!("{seen}; {doubt}"), remedy);
                    continue;
                }
                Some(Err(error)) => {
                    findings.fail(
                        &what,
                        format!("its bot may not post: {error}"),
                        "correct `token` or `channel`, or the bot at the chat's side",
                    );
                    continue;
                }
            }
            let text = "Partner Desk: a test message by `partner-desk doctor --ping`. Nothing is to be done.".to_owned();
            let now = clock.now();
            let key = format!("doctor:{}", now.as_millisecond());
            let notice = ChatMessage::Notice(Notice { text });
            match chat.send(&channel.name, Message { key: &key, what: &notice, instead_of: &[], thread: None }, now).await {
                Ok(_) => findings.ok(&what, "took a test message"),
                Err(error) => findings.fail(
                    &what,
                    format!("did not take a test message: {error}"),
                    "correct the address, or the channel at the chat's side",
                ),
            }
        }
    }
}
