//! What is measured: a server as a child of the benchmark, on a free loopback port, ended when its guard is dropped.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::{BenchError, During, Result};

/// The token of the benchmark's only caller.
pub(super) const TOKEN: &str = "bench-0123456789abcdef0123456789abcdef";
/// How long a server may take to answer for the first time, and to end.
const START_MAX: Duration = Duration::from_secs(10);
const STOP_MAX: Duration = Duration::from_secs(5);
/// The bounds that would otherwise be measured instead of the server, and the one that the flood is measured against.
const CONFIG: &str = "\
[limits]
running_per_agent_max = 256
running_per_caller_max = 256
queued_per_agent_max = 1024
queued_per_caller_max = 1024
rate_limit_rpm = 1000000
finished_tasks_max = 1000000
finished_bytes_max = 4294967296
output_bytes_max = 67108864
";
/// What a task may keep of its agent's output, in bytes (see `CONFIG`).
pub(super) const OUTPUT_BYTES_MAX: u64 = 64 << 20;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The floor.
    Floor,
    /// The server with a process for each turn, in this containment tier.
    Inhouse(&'static str),
    /// The server with its built-in agent, which needs no process.
    Demo,
}

/// The programs and folders of a benchmark.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// This program.
    pub(super) this: PathBuf,
    /// The agent's program.
    pub(super) agent: PathBuf,
    /// The server's program.
    pub(super) server: PathBuf,
    /// A folder for configuration and results.
    pub(super) folder: PathBuf,
    /// Whether the servers' own words are shown.
    pub(super) log: bool,
}

/// A running server.
pub(super) struct Target {
    /// Its column in the report.
    pub(super) name: &'static str,
    /// Which it is.
    pub(super) kind: Kind,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// The path of its JSON-RPC endpoint.
    pub(super) endpoint: &'static str,
    /// The caller's token.
    pub(super) token: &'static str,
    /// From its start to its first card.
    pub(super) started_in: Duration,
    child: Child,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Inhouse(tier) => tier,
            Self::Demo => "demo",
        }
    }
}

impl Place {
    /// Starts a server and waits for its card.
    pub(super) fn start(&self, kind: Kind) -> Result<Target> {
        let address = free_address()?;
        let mut command = self.command(kind)?;
        let output = || if self.log { Stdio::inherit() } else { Stdio::null() };
        command.env("PORT", address.port().to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output());
        let began = Instant::now();
        let child = command.spawn().during(format!("start {}", command.get_program().display()))?;
        let (name, endpoint) = (kind.name(), "/a2a");
        let mut target = Target { name, kind, address, endpoint, token: TOKEN, started_in: Duration::ZERO, child };
        target.await_card(began)?;
        target.started_in = began.elapsed();
        Ok(target)
    }

    #[expect(clippy::disallowed_methods, reason = "the benchmark starts its servers")]
    fn command(&self, kind: Kind) -> Result<Command> {
        let mut command = Command::new(if kind == Kind::Floor { &self.this } else { &self.server });
        if kind == Kind::Floor {
            command.arg("__floor").arg(&self.agent);
            return Ok(command);
        }
        let folder = self.folder.join(kind.name());
        let empty = folder.join("home");
        fs::create_dir_all(&empty).during(format!("make {}", empty.display()))?;
        fs::write(folder.join("inhouse.toml"), CONFIG).during("write inhouse.toml")?;
        command.current_dir(&folder).env_clear().env("HOME", &empty).env("PATH", &empty);
        command.env("HOST", "127.0.0.1").env("API_TOKEN", TOKEN).arg("serve");
        match kind {
            Kind::Inhouse(tier) => {
                command.args(["--containment", tier]).env("AGENT_INPUT", "stdin");
                command.env("AGENT_CMD", format!("'{}'", self.agent.display()));
            }
            Kind::Floor | Kind::Demo => {
                command.args(["--agent", "demo"]);
            }
        }
        Ok(command)
    }
}

impl Target {
    /// A request of this caller with `body` for the JSON-RPC endpoint.
    pub(super) fn request(&self, body: &str) -> Vec<u8> {
        self.post(self.endpoint, body)
    }

    /// A request of this caller with `body` for `path`.
    pub(super) fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let (address, token, length) = (self.address, self.token, body.len());
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\na2a-version: 1.0\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Memory of the server's process that is resident, in bytes.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        status_bytes(self.child.id(), "VmRSS:")
    }

    /// The most that was resident since the last `forget_peak`, in bytes.
    pub(super) fn peak_bytes(&self) -> Result<u64> {
        status_bytes(self.child.id(), "VmHWM:")
    }

    /// The peak begins anew.
    pub(super) fn forget_peak(&self) -> Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").during("reset the peak of memory")
    }

    /// What the server's helper processes use alone or in their share, in bytes.
    pub(super) fn helper_bytes(&self) -> u64 {
        descendants(self.child.id()).into_iter().filter_map(proportional_bytes).sum()
    }

    /// How many agents are running below the server.
    pub(super) fn agents(&self) -> usize {
        let is_agent =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "bench-agent\n");
        descendants(self.child.id()).iter().filter(|pid| is_agent(pid)).count()
    }

    fn await_card(&mut self, began: Instant) -> Result<()> {
        let path = "/.well-known/agent-card.json";
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        loop {
            if let Ok(mut stream) = TcpStream::connect(self.address) {
                let mut answer = Vec::new();
                stream.set_read_timeout(Some(START_MAX)).during("set a time limit")?;
                let read = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
                if read.is_ok() && answer.starts_with(b"HTTP/1.1 200") {
                    return Ok(());
                }
                return Err(super::error::wrong("the card", &answer));
            }
            let ended = self.child.try_wait().during("look at the server")?;
            if let Some(status) = ended {
                let hint = "its own words are shown with --log";
                return Err(BenchError::Wrong(format!(
                    "{} ended with {status} before its first card; {hint}",
                    self.name
                )));
            }
            if began.elapsed() > START_MAX {
                return Err(BenchError::Wrong(format!("{} did not listen within {START_MAX:?}", self.name)));
            }
            sleep(Duration::from_micros(100));
        }
    }
}

impl Drop for Target {
    /// Asks first: in the group tier a killed server would leave its agents behind.
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("find a free port")?;
    listener.local_addr().during("find a free port")
}

fn status_bytes(pid: u32, field: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).during(&path)?;
    let kib = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| BenchError::Wrong(format!("{path} has no {field}")))
}

fn proportional_bytes(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib: u64 =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// The processes below `pid`, at any depth.
fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| parent(&entry.ok()?.path())).collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(above) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// The process of this folder in /proc, and its parent.
fn parent(folder: &Path) -> Option<(u32, u32)> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The name stands in parentheses and may hold any character.
    let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
    Some((pid, parent))
}
