//! One process between two turns. What it writes goes nowhere, and must not be much; it ends when its time is over, when it acts
//! unasked, and when it is told so.

use std::io;
use std::time::Duration;

use inhouse_run::{Run, Stderr, Stdout};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::dialogue::Rest;
use crate::lines::Lines;
use crate::process::Limits;

/// What is read at once: an idle process writes little, and its watch is to be small.
const READ_BYTES: usize = 4 << 10;
/// The longest line that is looked at; an event of a process at rest is shorter.
const LINE_BYTES_MAX: usize = 64 << 10;

/// A process with its pipes that can take a turn.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) run: Run,
    pub(crate) rest: Rest,
}

/// The turn that wants a process.
pub(super) type Wanted = oneshot::Sender<Live>;

/// The watch over one process.
pub(super) struct Idle {
    live: Live,
    lines: Lines,
    /// What it may still write.
    bytes_left: usize,
    exit_grace: Duration,
}

/// Why it does not rest any more.
struct Unfit;

impl Idle {
    pub(super) fn new(live: Live, limits: Limits) -> Self {
        let lines = Lines::new(LINE_BYTES_MAX).after_the_next_feed(live.rest.mid_line);
        let exit_grace = Duration::from_millis(limits.exit_grace_ms);
        Self { live, lines, bytes_left: limits.line_bytes_max, exit_grace }
    }

    /// Watches until a turn wants the process, for which it is returned; or until nobody can want it any more, the time is over or
    /// the process is unfit: then it is gone.
    pub(super) async fn watch(mut self, wish: oneshot::Receiver<Wanted>, until: Instant) -> Option<(Live, Wanted)> {
        let turn = tokio::select! {
            turn = wish => turn.ok(),
            _ = self.unfit() => None,
            () = tokio::time::sleep_until(until) => None,
        };
        if let Some(turn) = turn
            && self.look().is_ok()
        {
            self.live.rest.mid_line = self.lines.is_mid_line();
            return Some((self.live, turn));
        }
        self.end().await;
        None
    }

    /// Returns when the process is unfit for a turn: also when it has ended, which closes its pipes. Cancel safe.
    async fn unfit(&mut self) -> Unfit {
        loop {
            let Run { stdout: Some(stdout), stderr: Some(stderr), .. } = &self.live.run else { return Unfit };
            tokio::select! {
                _ = stdout.readable() => {}
                _ = stderr.readable() => {}
            }
            if let Err(unfit) = self.look() {
                return unfit;
            }
        }
    }

    /// Takes all that the process has written until now, without waiting.
    fn look(&mut self) -> Result<(), Unfit> {
        let mut buffer = [0; READ_BYTES];
        while let Some(bytes) = read(self.live.run.stdout.as_ref(), Stdout::try_read, &mut buffer)? {
            self.count(bytes)?;
            self.lines.push(&buffer[..bytes]);
            while let Some(line) = self.lines.next_line() {
                if line.whole().is_none_or(self.live.rest.acts) {
                    return Err(Unfit);
                }
            }
        }
        while let Some(bytes) = read(self.live.run.stderr.as_ref(), Stderr::try_read, &mut buffer)? {
            self.count(bytes)?;
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Unfit> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(Unfit)?;
        Ok(())
    }

    /// The end of its input is the sign to end; later it is asked by signal, and killed.
    async fn end(self) {
        let Live { mut run, .. } = self.live;
        drop((run.stdin.take(), run.stdout.take(), run.stderr.take()));
        if timeout(self.exit_grace, run.gone()).await.is_err() {
            run.terminate();
            run.gone().await;
        }
    }
}

/// Reads once: the number of bytes, or nothing where there are none yet. A pipe that has ended is none of a process that rests.
fn read<P>(
    pipe: Option<&P>,
    read: impl Fn(&P, &mut [u8]) -> io::Result<usize>,
    buffer: &mut [u8],
) -> Result<Option<usize>, Unfit> {
    match read(pipe.ok_or(Unfit)?, buffer) {
        Ok(0) => Err(Unfit),
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(_) => Err(Unfit),
    }
}
