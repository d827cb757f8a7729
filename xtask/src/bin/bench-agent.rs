//! The agent of the benchmark: a program that does what the caller's text says, as cheaply as a process can. It is started for
//! each send, so it is a program of its own.
//!
//! Its text comes on standard input, so one server with one agent can be asked for every load.

#[path = "../bench/script.rs"]
mod script;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use script::{ECHO, PATTERN, line, now_ns};

/// Bytes that `bytes` writes at once.
const WRITE_BYTES: usize = 64 << 10;

/// Reads the text and answers. A reader that is gone ends it.
fn main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    // Not through the standard library's line buffer: one write here is one write of the process.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let numbers: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
    match (name, numbers.as_slice()) {
        ("lines", &[count]) => lines(&mut out, count),
        ("bytes", &[count]) => bytes(&mut out, count),
        ("ticks", &[per_second, count]) => ticks(&mut out, per_second, count),
        ("hold", &[seconds]) => {
            out.write_all(b"held\n")?;
            sleep(Duration::from_secs(seconds));
            Ok(())
        }
        _ => out.write_all(format!("{ECHO}{text}").as_bytes()),
    }
}

/// Each line in a write of its own.
fn lines(out: &mut File, count: u64) -> io::Result<()> {
    (1..=count).try_for_each(|number| out.write_all(line(number).as_bytes()))
}

fn bytes(out: &mut File, count: u64) -> io::Result<()> {
    let block = PATTERN.repeat(WRITE_BYTES / PATTERN.len());
    let mut left = count;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        out.write_all(&block[..size])?;
        left -= size as u64;
    }
    Ok(())
}

/// At an even rate, each line with the time at which it is written.
fn ticks(out: &mut File, per_second: u64, count: u64) -> io::Result<()> {
    let (start, every_ns) = (Instant::now(), 1_000_000_000 / per_second.max(1));
    for number in 0..count {
        sleep(Duration::from_nanos(every_ns * number).saturating_sub(start.elapsed()));
        out.write_all(format!("{}\n", now_ns()).as_bytes())?;
    }
    Ok(())
}
