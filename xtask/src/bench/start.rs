//! Starting: from the start of the process to its first card, and how large the program is.

use std::fs;

use super::Bench;
use super::error::{During, Result};
use super::target::Kind;

const STARTS: usize = 20;

/// Cold starts, all targets in turn, and the program's size.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    for round in 0..STARTS {
        for at in bench.in_turn(round) {
            let kind = bench.kinds()[at];
            let started_in = bench.place.start(kind)?.started_in;
            bench.report.add("start_ms", kind, started_in.as_secs_f64() * 1e3);
        }
    }
    for kind in bench.kinds().into_iter().filter(|kind| *kind != Kind::Floor) {
        let size = fs::metadata(&bench.place.server).during("look at the server's program")?.len();
        bench.report.add("binary_mb", kind, size as f64 / 1e6);
    }
    Ok(())
}
