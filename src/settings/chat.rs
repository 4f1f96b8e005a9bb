//! `[[chat]]`: the channels that pings go to.

use super::Sources;
use super::environment::address;
use super::keys::under;
use super::mail::{self, Mail, has_password, is_mail_address};
use crate::programme::document::{Field, Section};
use crate::programme::problem::{Unfit, nearest};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;
use toml::de::DeValue;

/// What is spoken to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatKind {
    /// Slack's incoming webhooks, and what is compatible with them.
    Slack,
    /// Mattermost's incoming webhooks.
    Mattermost,
    /// Discord's webhooks.
    Discord,
    /// Microsoft Teams' workflows.
    Teams,
    /// Google Chat's incoming webhooks.
    GoogleChat,
    /// Mail, by SMTP.
    Email,
    /// JSON to any address, signed if there is a secret.
    Webhook,
}

/// A channel that pings go to.
#[derive(Debug, Clone)]
pub struct ChatChannel {
    /// Its name, for ladders and messages.
    pub name: String,
    /// What it understands.
    pub kind: ChatKind,
    /// Where it is; who knows it can write there. With a bot, where its API is.
    pub url: SecretString,
    /// The bot that speaks there: its token, and the channel as the chat calls it (`E8`).
    pub bot: Option<(SecretString, String)>,
    /// What a [`ChatKind::Email`] has beside.
    pub mail: Option<Mail>,
    /// What a [`ChatKind::Webhook`] is signed with.
    pub secret: Option<Signing>,
    /// The channel that speaks for it while it does not answer (`E7`).
    pub fallback: Option<String>,
    /// It is told of each new ticket (`E1`).
    pub new_tickets: bool,
    /// Whether the address, where that is a secret, or the bot's token or the mail's password, stands in the configuration file itself.
    pub literal_url: bool,
    /// Where the address, the token or the password comes from, as the file says it; never what it is.
    pub origin: String,
    /// The variable that should hold the address, the token, or the secret, is not set, and `origin` names it; only commands that speak to nobody get
    /// this far without it.
    pub unset: bool,
}

/// What messages are signed with.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The key.
    pub secret: SecretString,
    /// Whether it stands in the configuration file itself.
    pub literal: bool,
}

/// An address that counts as a secret.
#[derive(Debug, Clone)]
pub struct SecretAddress {
    /// What it is.
    pub url: SecretString,
    /// Whether it stands in the configuration file itself.
    pub literal: bool,
    /// Where it comes from, as the file says it; never what it is.
    pub origin: String,
    /// The variable that should hold it is not set, and `origin` names it; only commands that do not ask there get this far without it.
    pub unset: bool,
}

/// What [`SecretAddress::origin`] and [`ChatChannel::origin`] say of what stands there itself.
const HERE: &str = "the configuration file";

/// A bot as it is configured.
struct Bot {
    token: String,
    channel: String,
    literal: bool,
    origin: String,
}

/// Slack's API, where no other is named.
const SLACK_API: &str = "https://slack.com/api";

/// Stands for an address that is not known, in commands that do not need it. No name ends like this (RFC 2606).
pub(super) const UNSET: &str = "http://not-set.invalid/";

const KINDS: &str = "\"slack\", \"mattermost\", \"discord\", \"teams\", \"google_chat\", \"webhook\" or \"email\"";
const NAMES: [(&str, ChatKind); 7] = [
    ("slack", ChatKind::Slack),
    ("mattermost", ChatKind::Mattermost),
    ("discord", ChatKind::Discord),
    ("teams", ChatKind::Teams),
    ("google_chat", ChatKind::GoogleChat),
    ("webhook", ChatKind::Webhook),
    ("email", ChatKind::Email),
];

impl Sources<'_> {
    /// The channels of the file, and the names of all, also of those with which something is wrong. `folder` is where it lies.
    pub(super) fn channels(&self, root: &Section<'_>, folder: &Path) -> (Vec<ChatChannel>, Vec<String>) {
        let sections = root.get("chat").map(|field| field.sections("[[chat]] tables")).unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        let mut channels = Vec::new();
        let mut fallbacks = Vec::new();
        for (index, section) in sections.into_iter().enumerate() {
            let place = match section.get("name").as_ref().map(Field::value) {
                Some(DeValue::String(name)) if !name.trim().is_empty() => format!("chat \"{}\"", name.trim()),
                _ => format!("chat {}", index + 1),
            };
            let section = section.named(place);
            let name = section.require("name", "a name for the channel").and_then(|field| {
                let name = field.filled()?.to_owned();
                if names.contains(&name) {
                    field.refuse(Unfit::new("a name that no other [[chat]] has"));
                }
                names.push(name.clone());
                Some(name)
            });
            fallbacks.extend(section.get("fallback").map(|field| (name.clone(), field)));
            channels.extend(self.channel(&section, name, folder));
        }
        for (name, to) in fallbacks_of(fallbacks, &names) {
            if let Some(channel) = channels.iter_mut().find(|channel: &&mut ChatChannel| channel.name == name) {
                channel.fallback = Some(to);
            }
        }
        (channels, names)
    }

    fn channel(&self, section: &Section<'_>, name: Option<String>, folder: &Path) -> Option<ChatChannel> {
        section.only(&under("chat[]"));
        let kind = section.require("kind", KINDS).and_then(|field| kind(&field));
        let mut origin = HERE.to_owned();
        let bot = self.bot(section, kind, folder);
        let (token, slack) = (section.get("token").is_some(), kind == Some(ChatKind::Slack));
        let url = match section.get("url") {
            Some(field) => self.door(&field, kind, folder, &mut origin),
            // Slack's API has one address for all but those whose cloud is another.
            None if token && slack => Some((SLACK_API.to_owned(), false)),
            None if kind == Some(ChatKind::Email) => section.require("url", mail::ADDRESS).and(None),
            None => section.require("url", "\"env:NAME\", \"file:PATH\" or an address").and(None),
        };
        let mail = self.mail(section, kind, url.as_ref().map(|(url, _)| url.as_str()), folder);
        let secret_field = section.get("secret");
        let unsigned = NAMES.iter().find(|(_, known)| Some(*known) == kind && *known != ChatKind::Webhook);
        if let (Some(field), Some((name, _))) = (&secret_field, unsigned) {
            field.refuse_hidden(Unfit::because(format!("no secret for the kind \"{name}\""), "only the kind \"webhook\" is signed"));
        }
        let secret = secret_field.as_ref().and_then(|field| self.secret(field, folder));
        let new_tickets = section.get("new_tickets").and_then(|field| field.flag()).unwrap_or_default();
        let (url, literal_url) = url?;
        let unsigned = secret.as_ref().is_some_and(|(secret, _)| secret == UNSET);
        if let Some(named) = secret_field.as_ref().and_then(Field::secret_text).filter(|_| unsigned && url != UNSET) {
            named.trim().clone_into(&mut origin);
        }
        let (bot, literal_url) = match bot.ok()? {
            Some(bot) => {
                if url != UNSET {
                    origin = bot.origin;
                }
                (Some((bot.token, bot.channel)), bot.literal)
            }
            None => (None, literal_url),
        };
        let mail = mail.ok()?;
        // A mail server's address is no secret, but for a password in it.
        let literal_url = mail.as_ref().map_or(literal_url, |mail| mail.literal || (literal_url && has_password(&url)));
        let unsigned = unsigned
            || mail.as_ref().and_then(|mail| mail.mail.password.as_ref()).is_some_and(|password| password.expose_secret() == UNSET);
        if let Some(named) = mail.as_ref().and_then(|mail| mail.origin.clone()).filter(|_| url != UNSET) {
            origin = named;
        }
        let nobody = bot.as_ref().is_some_and(|(token, _)| token == UNSET);
        let unset = unsigned || nobody || url == UNSET;
        let secret = secret.map(|(secret, literal)| Signing { secret: secret.into(), literal });
        let bot = bot.map(|(token, channel)| (token.into(), channel));
        Some(ChatChannel {
            name: name?,
            kind: kind?,
            url: url.into(),
            bot,
            mail: mail.map(|mail| mail.mail),
            secret,
            fallback: None,
            new_tickets,
            literal_url,
            origin,
            unset,
        })
    }

    fn door(&self, field: &Field<'_>, kind: Option<ChatKind>, folder: &Path, origin: &mut String) -> Option<(String, bool)> {
        let (url, literal) = self.secret(field, folder)?;
        if let Some(named) = field.secret_text().filter(|_| !literal) {
            named.trim().clone_into(origin);
        }
        let checked = match kind {
            _ if url == UNSET => Ok(()),
            Some(ChatKind::Email) if is_mail_address(&url) => Ok(()),
            Some(ChatKind::Email) => Err(Unfit::new(mail::ADDRESS)),
            _ => address(&url),
        };
        checked.map_err(|unfit| field.refuse_hidden(unfit)).ok()?;
        Some((url, literal))
    }

    /// The bot of a channel, if a key of one is there; an error where one is wrong, which has been said.
    fn bot(&self, section: &Section<'_>, kind: Option<ChatKind>, folder: &Path) -> Result<Option<Bot>, ()> {
        let (token, channel) = (section.get("token"), section.get("channel"));
        if token.is_none() && channel.is_none() {
            return Ok(None);
        }
        if let Some(kind) = kind.filter(|kind| !matches!(kind, ChatKind::Slack | ChatKind::Mattermost)) {
            let name = NAMES.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name);
            let why = "a bot speaks to the kinds \"slack\" and \"mattermost\" only";
            for (field, what) in [(token, "token"), (channel, "channel")] {
                if let Some(field) = field {
                    field.refuse_hidden(Unfit::because(format!("no {what} for the kind \"{name}\""), why));
                }
            }
            return Err(());
        }
        let token = section.require("token", "the bot's token, as \"env:NAME\" or \"file:PATH\"").and_then(|field| {
            let (token, literal) = self.secret(&field, folder)?;
            let origin = field.secret_text().filter(|_| !literal).map_or(HERE, |named| named.trim()).to_owned();
            if token.bytes().all(|b| b.is_ascii_graphic()) {
                return Some((token, literal, origin));
            }
            field.refuse_hidden(Unfit::new("a token: one word, as the chat shows it"));
            None
        });
        let slack = kind == Some(ChatKind::Slack);
        let form = if slack { "the channel's id, like \"C012AB3CD\"" } else { "the channel's id: 26 letters and digits" };
        let channel = section.require("channel", form).and_then(|field| {
            let id = field.filled()?.to_owned();
            let fits = match kind {
                Some(ChatKind::Slack) => {
                    id.starts_with(['C', 'G', 'D']) && id.len() >= 7 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                }
                _ => id.len() == 26 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            };
            if !fits {
                let hint = if slack {
                    "in Slack it stands at the end of what *View channel details* shows"
                } else {
                    "in Mattermost it stands at the end of what *View Info* shows"
                };
                field.refuse(Unfit::because(form, hint));
            }
            fits.then_some(id)
        });
        let ((token, literal, origin), channel) = token.zip(channel).ok_or(())?;
        Ok(Some(Bot { token, channel, literal, origin }))
    }

    /// An address that is a secret.
    pub(super) fn secret_address(&self, field: &Field<'_>, folder: &Path) -> Option<SecretAddress> {
        let (url, literal) = self.secret(field, folder)?;
        address(&url).map_err(|unfit| field.refuse_hidden(unfit)).ok()?;
        let origin = field.secret_text().filter(|_| !literal).map_or(HERE, str::trim).to_owned();
        Some(SecretAddress { unset: url == UNSET, url: url.into(), literal, origin })
    }

    /// The secret that a field means, and whether it stands there itself.
    pub(super) fn secret(&self, field: &Field<'_>, folder: &Path) -> Option<(String, bool)> {
        let text = field.secret_text()?.trim();
        if let Some(variable) = text.strip_prefix("env:") {
            if variable.trim().is_empty() {
                field.refuse(Unfit::because("\"env:NAME\"", "the name of the variable is missing"));
                return None;
            }
            let value = self.variable(variable.trim());
            if value.is_none() && self.offline {
                return Some((UNSET.to_owned(), false));
            }
            if value.is_none() {
                field.refuse(Unfit::new(format!("the environment variable {} to be set", variable.trim())));
            }
            return Some((value?, false));
        }
        if let Some(path) = text.strip_prefix("file:") {
            if path.trim().is_empty() {
                field.refuse(Unfit::because("\"file:PATH\"", "the path is missing"));
                return None;
            }
            let path = folder.join(path.trim());
            return match (self.read)(&path) {
                Ok(content) if !content.trim().is_empty() => Some((content.trim().to_owned(), false)),
                Ok(_) => {
                    field.refuse(Unfit::because("a file with something in it", format!("{} is empty", path.display())));
                    None
                }
                Err(error) => {
                    field.refuse(Unfit::because("a file that can be read", format!("{}: {error}", path.display())));
                    None
                }
            };
        }
        if text.is_empty() {
            field.refuse(Unfit::new("a text that is not empty"));
            return None;
        }
        Some((text.to_owned(), true))
    }
}

/// Which channel speaks for which. Following them leads to an end.
fn fallbacks_of(fields: Vec<(Option<String>, Field<'_>)>, names: &[String]) -> Vec<(String, String)> {
    const FORM: &str = "the name of another [[chat]]";
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, field) in fields {
        let (Some(name), Some(to)) = (name, field.filled()) else { continue };
        if !names.iter().any(|known| known == to) {
            let others = names.iter().filter(|known| **known != name).map(String::as_str);
            let near = nearest(to, others).map_or_else(|| "the file has no other".to_owned(), |near| format!("the nearest is \"{near}\""));
            field.refuse(Unfit::because(FORM, near));
            continue;
        }
        let mut way = vec![to];
        while let Some((_, next)) = way.last().and_then(|last| found.iter().find(|(from, _)| from == last)) {
            way.push(next);
        }
        if way.contains(&name.as_str()) {
            let hint = match way.as_slice() {
                [_] => "a channel that does not answer cannot speak for itself".to_owned(),
                way => format!("it leads back to itself: {name}, {}", way.join(", ")),
            };
            field.refuse(Unfit::because(FORM, hint));
            continue;
        }
        found.push((name, to.to_owned()));
    }
    found
}

fn kind(field: &Field<'_>) -> Option<ChatKind> {
    let written = field.text()?.trim();
    if let Some((_, kind)) = NAMES.iter().find(|(name, _)| *name == written) {
        return Some(*kind);
    }
    let near = nearest(written, NAMES.iter().map(|(name, _)| *name)).filter(|_| !written.is_empty());
    let hint = near.map(|near| format!("the nearest is \"{near}\""));
    field.refuse(Unfit { expected: KINDS.to_owned(), hint });
    None
}
