//! The operator's log: one line an event on stderr. Results go to stdout, so that the two can be told apart.
//!
//! A thread of its own writes the lines. Where nobody reads them, lines are lost; the server never waits for its log.

use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::LogChoice;

/// The targets that are ours: the crates of this project, and what agents write to their stderr.
const OURS: [&str; 2] = ["inhouse", "agent"];

/// Lines that may wait for the reader of stderr.
const LINES_MAX: usize = 1_024;

static LINES: OnceLock<SyncSender<Vec<u8>>> = OnceLock::new();

/// What is said now; may be something else later.
static SAID: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Starts the log. Libraries never say more than warnings, unless everything is asked for.
pub(crate) fn start(choice: LogChoice) {
    let (sender, lines) = sync_channel(LINES_MAX);
    if thread::Builder::new().name("log".into()).spawn(move || write(&lines)).is_ok() {
        let _ = LINES.set(sender);
    }
    let (targets, said) = reload::Layer::new(targets(choice));
    let _ = SAID.set(said);
    let lines = fmt::layer().compact().with_writer(|| Line).with_ansi(has_colours());
    // A second subscriber can not be there: this is called once, by main.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}

/// Says so much from now on.
pub(crate) fn renew(choice: LogChoice) {
    // It can not be gone before the program is.
    let _ = SAID.get().map(|said| said.reload(targets(choice)));
}

fn targets(choice: LogChoice) -> Targets {
    let level = choice.level();
    let others = if choice == LogChoice::Trace { level } else { level.min(LevelFilter::WARN) };
    Targets::new().with_default(others).with_targets(OURS.map(|target| (target, level)))
}

/// Says a line to the operator, whatever the level of the log.
pub(crate) fn say(line: &str) {
    let _ = Line.write(format!("{line}\n").as_bytes());
}

/// On a terminal, unless somebody wants none (NO_COLOR).
fn has_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|wish| wish.is_empty())
}

fn write(lines: &Receiver<Vec<u8>>) {
    for line in lines {
        // Whoever has closed stderr does not want it.
        let _ = io::stderr().write_all(&line);
    }
}

/// Takes whole lines, and never waits.
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(lines) = LINES.get() {
            let _ = lines.try_send(line.to_vec());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
