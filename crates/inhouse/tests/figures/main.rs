//! What attacks cost the server, measured and printed: `cargo xtask figures`. In the tests they are small; sizes that are stable are
//! asserted, times are only shown, as ratios within one run.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod frames;
mod output;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::time::Instant;

use support::http::{headers, request};
use support::{Launch, Server, TOKEN, scratch, script};

/// How much of it.
struct Size {
    /// What a task may keep, in bytes.
    output_bytes: usize,
    flood_bytes: u64,
    readers: usize,
    connections: usize,
    frames: usize,
    samples: usize,
    guesses: usize,
}

/// Small, or as large as the threats say with FIGURES=full.
fn size() -> Size {
    if std::env::var("FIGURES").is_ok_and(|size| size == "full") {
        let (flood_bytes, readers, connections, frames) = (10_000_000_000, 4_000, 5_000, 100_000);
        return Size {
            output_bytes: 64 << 20,
            flood_bytes,
            readers,
            connections,
            frames,
            samples: 5_000,
            guesses: 100_000,
        };
    }
    let (flood_bytes, readers, connections, frames) = (200_000_000, 300, 300, 20_000);
    Size { output_bytes: 8 << 20, flood_bytes, readers, connections, frames, samples: 300, guesses: 3_000 }
}

/// A line of the table: what was measured, how it came out, what is promised.
fn figure(what: &str, measured: &str, promised: &str) {
    eprintln!("figure | {what:<58} | {measured:>24} | {promised}");
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A server with these limits whose agent runs this script.
fn server(agent: &str, limits: &str) -> Server {
    let folder = scratch("figures");
    fs::write(folder.join("inhouse.toml"), format!("[limits]\n{limits}")).unwrap();
    let agent = script("sh", agent);
    // Each of the many connections takes a descriptor, here and there.
    let line = format!("ulimit -n $(ulimit -Hn); exec '{}' serve", env!("CARGO_BIN_EXE_inhouse"));
    let launch = Launch::through("sh", &["-c", &line]).directory(&folder);
    let server = launch.env("AGENT_CMD", agent).env("AGENT_INPUT", "stdin").start();
    // What is made only once is there before anything is measured.
    for _ in 0..20 {
        list(&server);
    }
    server
}

/// The most that was ever resident, in bytes.
fn peak_bytes(server: &Server) -> usize {
    let status = fs::read_to_string(Path::new("/proc").join(server.pid().to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn list(server: &Server) {
    let authorization = format!("Bearer {TOKEN}");
    let answer =
        request(server.address, "GET", "/tasks?pageSize=1", &headers(&[("Authorization", &authorization)]), b"");
    assert_eq!(answer.status, 200);
}

/// The time that 99 of 100 of a healthy caller's requests do not exceed, in microseconds.
fn p99_us(server: &Server, samples: usize) -> u128 {
    let mut times: Vec<_> = (0..samples)
        .map(|_| {
            let began = Instant::now();
            list(server);
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    times[(times.len() * 99).div_ceil(100) - 1]
}

/// A healthy caller's time among something, against the one without it.
fn ratio(during: u128, without: u128) -> String {
    format!("{:.2}x ({during} us / {without} us)", during as f64 / without.max(1) as f64)
}

/// Raises what this process may open to all that it may have.
fn many_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}
