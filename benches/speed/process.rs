//! A server as a process of its own, and what it cost the machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks of `/proc/PID/stat` in a second, on every Linux that Rust supports.
const TICKS: f64 = 100.0;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From its start until it said that it was ready.
    pub(crate) ready: Duration,
}

impl Server {
    /// Starts a server that takes its port from `PORT`, and waits until `path` answers 200.
    pub(crate) fn start(command: &mut Command, path: &str, log: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        command.env("PORT", address.port().to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::OpenOptions::new().create(true).append(true).open(log).unwrap());
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        while !answers(address, path) {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command:?} ended with {status}: {}", fs::read_to_string(log).unwrap_or_default());
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{command:?} is not ready after a minute");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, address, ready: begun.elapsed() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        // The second field is the name in parentheses, which may hold blanks.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
        (ticks(11) + ticks(12)) / TICKS
    }

    /// Bytes that it caused to be written to disk so far.
    pub(crate) fn written(&self) -> f64 {
        field(&self.proc("io"), "write_bytes:")
    }

    /// Resident memory in MB: now, and at its highest.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = self.proc("status");
        (field(&status, "VmRSS:") / 1024.0, field(&status, "VmHWM:") / 1024.0)
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.id())).unwrap_or_default()
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(mut self) {
        let _ = Command::new("kill").arg(self.id().to_string()).status();
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number behind its name; not a number where this system has no such file.
fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}

/// Calls of `fsync` and its like by a process while `work` runs; `None` where there is no `strace` that may look.
pub(crate) fn syncs(server: &Server, work: impl FnOnce()) -> Option<f64> {
    let out = std::env::temp_dir().join(format!("pd_speed_strace_{}", server.id()));
    let mut trace = Command::new("strace");
    trace.args(["-f", "-qq", "-c", "-U", "calls,name", "-e", "trace=fsync,fdatasync", "-o"]).arg(&out);
    let mut trace = trace.args(["-p", &server.id().to_string()]).stderr(Stdio::null()).spawn().ok()?;
    std::thread::sleep(Duration::from_millis(500));
    if trace.try_wait().ok()?.is_some() {
        return None;
    }
    work();
    let _ = Command::new("kill").args(["-INT", &trace.id().to_string()]).status();
    let _ = trace.wait();
    let table = fs::read_to_string(&out).ok()?;
    let _ = fs::remove_file(&out);
    let calls = table.lines().filter(|line| line.trim_end().ends_with("sync"));
    Some(calls.filter_map(|line| line.split_whitespace().next()?.parse::<f64>().ok()).sum())
}
