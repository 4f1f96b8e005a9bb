//! `healthcheck`: asks the desk that serves here whether it lives. For images and service managers: it needs no other tool.

use super::CliError;
use std::io::{self, Read as _, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// `/readyz` itself waits 3 s for the database.
const PATIENCE: Duration = Duration::from_secs(4);
/// Its answers are far shorter.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// What is asked.
#[derive(Debug, clap::Args)]
pub struct Healthcheck {
    /// Ask whether it can do its work (/readyz), not only whether it lives (/healthz).
    #[arg(long)]
    ready: bool,
}

/// Asks at `host` and `port`, and prints the answer.
///
/// # Errors
/// Nobody answers there, or not with 200.
pub fn run(check: &Healthcheck, host: &str, port: u16, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    if port == 0 {
        return Err(CliError::Usage("PORT is 0, which means any port that is free: set it to the one that `serve` logged".to_owned()));
    }
    // Who listens on every interface listens on this one.
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let path = if check.ready { "/readyz" } else { "/healthz" };
    let answer = ask(host, port, path).map_err(|error| {
        CliError::Failed(format!("no answer from {host}, port {port}: {error}; is `partner-desk serve` running there?"))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or("no status");
    if status != "200" {
        return Err(CliError::Failed(format!("{path} answers {status}: {}", body.trim())));
    }
    writeln!(out, "{}", body.trim())?;
    Ok(())
}

fn ask(host: &str, port: u16, path: &str) -> io::Result<String> {
    let mut failed = io::Error::other("the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
                let mut answer = String::new();
                stream.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
                return Ok(answer);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
