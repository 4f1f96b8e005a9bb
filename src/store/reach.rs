//! Why a PostgreSQL cannot be reached, in words: where it was looked for, and never with which password.

use super::{NO_ANSWER, StoreError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use std::io::ErrorKind;
use tokio::time::timeout;

/// Connects once and parts again.
///
/// # Errors
/// It cannot be reached, or does not let anybody in.
pub(super) async fn knock(options: &PgConnectOptions) -> Result<(), StoreError> {
    let explained = |why: String| StoreError::Unreachable { place: place(options), why };
    match timeout(NO_ANSWER, options.connect()).await {
        Ok(Ok(connection)) => {
            // Whether it hears that nobody is there any more is no matter.
            drop(connection.close().await);
            Ok(())
        }
        Ok(Err(error)) => Err(explained(in_words(&error))),
        Err(_) => Err(explained(format!("no answer within {} s", NO_ANSWER.as_secs()))),
    }
}

/// What stands behind an error of connecting. A pool that has waited in vain does not say for what.
pub(super) async fn why(options: &PgConnectOptions, error: sqlx::Error) -> StoreError {
    if matches!(error, sqlx::Error::PoolTimedOut)
        && let Err(why) = knock(options).await
    {
        return why;
    }
    StoreError::Unreachable { place: place(options), why: in_words(&error) }
}

/// Where it is, and who asks for what there.
fn place(options: &PgConnectOptions) -> String {
    let user = options.get_username();
    let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    format!("{host}:{}, database `{}`, user `{user}`", options.get_port(), options.get_database().unwrap_or(user))
}

fn in_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => format!("nothing listens there ({error})"),
            ErrorKind::NotFound => format!("no socket is there ({error})"),
            // The standard library has no kind for it.
            _ if error.to_string().starts_with("failed to lookup address") => format!("the host is not found ({error})"),
            _ => error.to_string(),
        },
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01") => format!("the user or the password is wrong ({})", error.message()),
            Some("28000") => format!("it does not let the user in ({})", error.message()),
            Some("3D000") => format!("there is no such database ({})", error.message()),
            _ => error.message().to_owned(),
        },
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::str::FromStr as _;

    #[test]
    fn what_is_wrong_is_said_with_the_place_and_without_the_password() {
        let options = |url: &str| PgConnectOptions::from_str(url).unwrap();
        let with = options("postgres://desk:very-secret@db.example.com:5433/partners?sslmode=require");
        assert_eq!(place(&with), "db.example.com:5433, database `partners`, user `desk`");
        assert_eq!(place(&options("postgres://desk:very-secret@[::1]/")), "[::1]:5432, database `desk`, user `desk`");
        let lookup = "failed to lookup address information: Name or service not known";
        for (error, words) in [
            (io::Error::from(ErrorKind::ConnectionRefused), "nothing listens there (connection refused)"),
            (io::Error::from(ErrorKind::NotFound), "no socket is there (entity not found)"),
            (io::Error::other(lookup), "the host is not found (failed to lookup address information: Name or service not known)"),
            (io::Error::from(ErrorKind::ConnectionReset), "connection reset"),
        ] {
            assert_eq!(in_words(&sqlx::Error::Io(error)), words);
        }
    }
}
