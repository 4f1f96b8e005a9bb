//! What a `[[chat]]` of the kind `email` says beside its address: whom mail is from, who gets it, how its server is trusted.

use super::Sources;
use super::chat::{ChatKind, UNSET};
use crate::programme::document::{Field, Section};
use crate::programme::problem::Unfit;
use lettre::message::Mailbox;
use reqwest::Url;
use secrecy::SecretString;
use std::path::Path;

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The password of the address's user.
    pub password: Option<SecretString>,
    /// Whom it is from.
    pub from: Mailbox,
    /// Who gets all of it.
    pub to: Vec<Mailbox>,
    /// Certificates, as PEM, that are trusted beside the machine's own.
    pub roots: Option<String>,
    /// `smtp://` without encryption.
    pub unencrypted: bool,
}

/// Mail as it is configured.
pub(super) struct Configured {
    pub(super) mail: Mail,
    /// The password stands in the configuration file itself.
    pub(super) literal: bool,
    /// Where the password comes from, if there is one of its own.
    pub(super) origin: Option<String>,
}

/// What an address looks like.
pub(super) const ADDRESS: &str =
    "a mail server, like \"smtps://USER@mail.example.com\", or \"smtp://USER@mail.example.com:587\" for STARTTLS";
const FROM: &str = "the sender, like \"Partner Desk <desk@example.com>\"";
const TO: &str = "a list of addresses in brackets, for example [\"support@example.com\"]";
const ONLY_MAIL: [&str; 5] = ["password", "from", "to", "ca_file", "unencrypted"];

impl Sources<'_> {
    /// The mail of a channel, if its kind is that; an error where something is wrong, which has been said. `url` is its address, where
    /// that is known.
    pub(super) fn mail(
        &self,
        section: &Section<'_>,
        kind: Option<ChatKind>,
        url: Option<&str>,
        folder: &Path,
    ) -> Result<Option<Configured>, ()> {
        if kind != Some(ChatKind::Email) {
            let strays = ONLY_MAIL.into_iter().filter_map(|key| section.get(key).map(|field| (key, field)));
            let mut found = false;
            for (key, field) in strays.filter(|_| kind.is_some()) {
                field.refuse_hidden(Unfit::new(format!("no `{key}`: that is for the kind \"email\"")));
                found = true;
            }
            return if found { Err(()) } else { Ok(None) };
        }
        let password = section.get("password").map(|field| {
            let (password, literal) = self.secret(&field, folder)?;
            let origin = field.secret_text().filter(|_| !literal).map(|named| named.trim().to_owned());
            Some((field, password, literal, origin))
        });
        let from = section.require("from", FROM).and_then(|field| mailbox(&field, FROM));
        let to = section.require("to", TO).and_then(|field| addressees(&field));
        let roots = section.get("ca_file").map(|field| self.certificates(&field, folder));
        let unencrypted = section.get("unencrypted").map_or(Some(false), |field| {
            let flag = field.flag()?;
            if flag && url.is_some_and(|url| url.starts_with("smtps://")) {
                field.refuse(Unfit::because("false, or no `unencrypted` at all", "`smtps://` is encrypted from the first byte"));
                return None;
            }
            Some(flag)
        });
        let user = url.filter(|url| *url != UNSET).map(user);
        match (&password, user) {
            (Some(Some((field, ..))), Some(None)) => {
                field.refuse_hidden(Unfit::because(
                    "a user before the host of `url`",
                    "like \"smtps://USER@mail.example.com\"; an @ in it is written %40",
                ));
                return Err(());
            }
            (Some(Some((field, ..))), Some(Some(true))) => {
                field.refuse_hidden(Unfit::because("one password", "another one stands in `url`"));
                return Err(());
            }
            (None, Some(Some(false))) => {
                section.refuse(
                    "password",
                    Unfit::because("the password of the user in `url`, as \"env:NAME\" or \"file:PATH\"", "the key is missing"),
                );
                return Err(());
            }
            _ => {}
        }
        let (password, literal, origin) = match password {
            None => (None, false, None),
            Some(Some((_, password, literal, origin))) => (Some(password), literal, origin),
            Some(None) => return Err(()),
        };
        let mail = Mail {
            password: password.map(SecretString::from),
            from: from.ok_or(())?,
            to: to.ok_or(())?,
            roots: roots.map_or(Ok(None), |roots| roots.map(Some).ok_or(()))?,
            unencrypted: unencrypted.ok_or(())?,
        };
        Ok(Some(Configured { mail, literal, origin }))
    }

    fn certificates(&self, field: &Field<'_>, folder: &Path) -> Option<String> {
        const FORM: &str = "a file with certificates as PEM, relative to this file";
        let path = folder.join(field.filled()?);
        match (self.read)(&path) {
            Ok(content) if content.contains("-----BEGIN CERTIFICATE-----") => return Some(content),
            Ok(_) => field.refuse(Unfit::because(FORM, format!("no certificate is in {}", path.display()))),
            Err(error) => field.refuse(Unfit::because(FORM, format!("{}: {error}", path.display()))),
        }
        None
    }
}

/// Whether it is a mail server's address, as far as one can see without talking to it.
pub(super) fn is_mail_address(url: &str) -> bool {
    let fits = |url: Url| matches!(url.scheme(), "smtps" | "smtp") && url.has_host() && url.path().len() < 2 && url.query().is_none();
    !url.contains(char::is_whitespace) && url.parse().is_ok_and(fits)
}

/// Whether an address has a user, and whether a password stands with it.
fn user(url: &str) -> Option<bool> {
    let url = url.parse::<Url>().ok()?;
    (!url.username().is_empty()).then(|| url.password().is_some())
}

/// Whether a password stands in an address.
pub(super) fn has_password(url: &str) -> bool {
    user(url) == Some(true)
}

fn mailbox(field: &Field<'_>, form: &str) -> Option<Mailbox> {
    let parsed = field.filled()?.parse::<Mailbox>();
    field.checked(parsed.map_err(|error| Unfit::because(form, error.to_string().to_lowercase())))
}

fn addressees(field: &Field<'_>) -> Option<Vec<Mailbox>> {
    let elements = field.list(TO)?;
    if elements.is_empty() {
        field.refuse(Unfit::new("at least one address"));
        return None;
    }
    elements.iter().map(|element| mailbox(element, "an address, like \"support@example.com\"")).collect()
}
