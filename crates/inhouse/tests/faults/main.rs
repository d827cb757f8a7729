//! Faults of the machine under the real binary: the server is killed, or has no space, no descriptors, no processes, another clock,
//! nobody who reads what it writes, or garbage in its files. It goes on, or starts again, and says what is wrong.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod clock;
mod descriptors;
mod dice;
mod garbage;
mod kills;
mod outputs;
mod processes;
mod space;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Launch, Server, rpc, scratch};

/// A folder with a server's configuration and all that the server keeps.
struct House(PathBuf);

impl House {
    fn new(config: &str) -> Self {
        let house = Self(scratch("faults"));
        house.write("inhouse.toml", config);
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn launch(&self, args: &[&str]) -> Launch {
        self.through(env!("CARGO_BIN_EXE_inhouse"), args)
    }

    fn through(&self, program: &str, args: &[&str]) -> Launch {
        Launch::through(program, args).directory(&self.0).env("HOME", &self.0)
    }

    /// What `audit verify` finds: its exit code, and its report.
    fn verified(&self) -> (i32, Value) {
        let (code, out, err) = self.launch(&["audit", "verify", "--json"]).run();
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code} {out}{err}")))
    }

    /// Nothing of the audit was changed or lost.
    fn holds(&self) {
        let (code, report) = self.verified();
        assert_eq!((code, &report["broken"]), (0, &Value::Null), "{report}");
    }
}

/// What somebody with this token is answered.
fn status(server: &Server, token: &str) -> u16 {
    let headers = headers(&[("Authorization", &format!("Bearer {token}")), ("Content-Type", "application/json")]);
    request(server.address, "POST", "/a2a", &headers, &rpc("ListTasks", json!({}))).status
}

/// A file for which an agent waits.
fn raise(flag: &Path) {
    fs::write(flag, "").unwrap();
}

/// Sets a limit of a running process of this user's.
fn limit(pid: u32, which: &str) {
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), which]).status().unwrap();
    assert!(done.success(), "prlimit {which}");
}

/// Lines of the log that hold these words.
fn said(server: &Server, words: &str) -> usize {
    server.stderr().lines().filter(|line| line.contains(words)).count()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}
