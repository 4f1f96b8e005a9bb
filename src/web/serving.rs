//! Connections: how many at once, how long they may take, and how they end. `axum::serve` bounds none of that.
//!
//! Each connection is one task. It looks at itself a few times while a head may take, and finds out by a counter whether anything has
//! happened since: so a request costs no timer and no look at the clock.

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; the next one is answered 503 and closed.
    pub connections: u32,
    /// From the first byte of a request, or the opening of a connection, to the end of the request's head.
    pub head: Duration,
    /// From an answer to the next request.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A process may open 1,024 files where nobody says otherwise; what is left is for the database, GitHub and chats.
            connections: 896,
            head: Duration::from_secs(10),
            // Longer than reverse proxies keep a connection, so that none sends on one that is just being closed.
            idle: Duration::from_secs(75),
        }
    }
}

/// The head of a request may not be larger; GitHub's are below 2 KiB.
const LARGEST_HEAD: usize = 64 * 1024;
/// Who is too many hears so, as long as there are not too many of them either.
const MOST_TURNED_AWAY: usize = 64;
/// Who is turned away has this long to ask and to read it.
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// What they hear.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 30\r\n\
    retry-after: 30\r\nx-content-type-options: nosniff\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\ncache-control: no-store\r\n\
    connection: close\r\n\r\ntoo many connections are open\n";
/// A machine that is out of files gets some back when connections end; trying sooner would only burn time.
const OUT_OF_FILES: Duration = Duration::from_millis(500);
/// A connection looks at itself so often while a head may take.
const LOOKS: u32 = 4;
/// Told to stop, who has just come has this long to ask.
const LAST_CALL: Duration = Duration::from_millis(100);

/// Serves until `stop` comes, and calls `turned_away` for each connection that is too many; then takes no more connections, closes those that are idle, and comes back when what is in flight is answered.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, turned_away: impl Fn(), stop: impl Future<Output = ()>) {
    // Once, not at each request.
    let router = router.with_state::<()>(());
    let room = Arc::new(Semaphore::new(usize::try_from(limits.connections).unwrap_or(Semaphore::MAX_PERMITS)));
    let being_told = Arc::new(Semaphore::new(MOST_TURNED_AWAY));
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = &mut stop => break,
        };
        // An answer goes out at once, not when more has gathered.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = room.clone().try_acquire_owned() {
            tokio::spawn(attend(stream, router.clone(), limits, stopped.clone(), place));
            continue;
        }
        tracing::warn!(limit = limits.connections, "a connection was turned away: too many are open");
        turned_away();
        if let Ok(place) = being_told.clone().try_acquire_owned() {
            tokio::spawn(turn_away(stream, place));
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    // Each connection holds its place until it has ended.
    let _ = room.acquire_many(limits.connections).await;
}

/// The next connection, however long the machine has none to give.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // It went away before it was its turn.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken; tried again");
                tokio::time::sleep(OUT_OF_FILES).await;
            }
        }
    }
}

async fn turn_away(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let say = async {
        let mut unread = [0; 4096];
        // Answered before it has asked, a client takes the answer for a mistake.
        if stream.read(&mut unread).await? == 0 {
            return Ok(());
        }
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await?;
        // Closed with something unread, the answer would be lost on its way.
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(TURNING_AWAY, say).await;
}

/// Serves one connection to its end.
async fn attend(stream: TcpStream, router: Router, limits: Limits, mut stopped: watch::Receiver<bool>, _place: OwnedSemaphorePermit) {
    let pulse = Arc::new(Pulse::default());
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: http::Request<Incoming>| {
        pulse.comes_to(Doing::Answering);
        let (answer, pulse) = (router.call(request), pulse.clone());
        async move {
            let answer = answer.await;
            pulse.comes_to(Doing::Nothing);
            answer
        }
    });
    let mut http = http1::Builder::new();
    // Time is kept here: hyper's own limit would take a timer for each request, and cut idle connections as early as slow heads.
    http.header_read_timeout(None).max_header_size(LARGEST_HEAD);
    let io = TokioIo::new(Heard { stream, pulse: pulse.clone() });
    let mut connection = pin!(http.serve_connection(io, service));

    let look = (limits.head / LOOKS).max(Duration::from_millis(1));
    let idle_looks = u32::try_from(limits.idle.as_millis().div_ceil(look.as_millis())).unwrap_or(u32::MAX);
    let mut looks = tokio::time::interval(look);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.reset();
    let (mut last, mut still) = (pulse.now(), 0);
    let mut leaving = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke off");
                }
                return;
            }
            _ = stopped.wait_for(|stopped| *stopped), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                // Nobody has asked for anything; what was sent just before is on its way from the machine to here.
                if pulse.doing() == Doing::Opening {
                    (last, still) = (pulse.now(), LOOKS);
                    looks.reset_after(LAST_CALL);
                }
            }
            _ = looks.tick() => {
                let now = pulse.now();
                still = if now == last { still + 1 } else { 0 };
                last = now;
                let patience = match pulse.doing() {
                    Doing::Opening | Doing::Asking => LOOKS,
                    Doing::Nothing => idle_looks,
                    // What is answered has its own limits.
                    Doing::Answering => u32::MAX,
                };
                if still >= patience {
                    tracing::debug!(doing = ?pulse.doing(), "a connection on which nothing came was closed");
                    return;
                }
            }
        }
    }
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing has come yet.
    Opening,
    /// A head is on its way in.
    Asking,
    /// The request is here, the answer is not.
    Answering,
    /// Between two requests.
    Nothing,
}

/// What a connection is at, and since how many changes. Only the connection's own task touches it, from its several parts.
#[derive(Debug, Default)]
struct Pulse(AtomicU32);

impl Pulse {
    /// The last two bits say what, the others count.
    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn doing(&self) -> Doing {
        match self.now() & 3 {
            0 => Doing::Opening,
            1 => Doing::Asking,
            2 => Doing::Answering,
            _ => Doing::Nothing,
        }
    }

    fn comes_to(&self, doing: Doing) {
        let kind = match doing {
            Doing::Opening => 0,
            Doing::Asking => 1,
            Doing::Answering => 2,
            Doing::Nothing => 3,
        };
        self.0.store(((self.now() & !3).wrapping_add(4)) | kind, Ordering::Relaxed);
    }
}

/// A stream that notes when a head begins to come.
#[derive(Debug)]
struct Heard {
    stream: TcpStream,
    pulse: Arc<Pulse>,
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && matches!(self.pulse.doing(), Doing::Opening | Doing::Nothing) {
            self.pulse.comes_to(Doing::Asking);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
