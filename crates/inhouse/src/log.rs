//! The operator's log: one line an event on stderr. Results go to stdout, so that the two can be told apart.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogChoice;

/// The targets that are ours: the crates of this project, and what agents write to their stderr.
const OURS: [&str; 2] = ["inhouse", "agent"];

/// Starts the log. Libraries never say more than warnings, unless everything is asked for.
pub(crate) fn start(choice: LogChoice) {
    let level = choice.level();
    let others = if choice == LogChoice::Trace { level } else { level.min(LevelFilter::WARN) };
    let targets = Targets::new().with_default(others).with_targets(OURS.map(|target| (target, level)));
    let lines = fmt::layer().compact().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // A second subscriber can not be there: this is called once, by main.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}
