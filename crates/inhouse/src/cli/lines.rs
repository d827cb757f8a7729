//! stdin, line by line, while other things are waited for.

use std::io::{BufRead as _, BufReader, Read as _};
use std::thread;

use nix::sys::termios::{FlushArg, tcflush};
use tokio::sync::mpsc::{Receiver, channel};

use super::problem::Problem;

/// The longest line.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Lines that are read before they are asked for.
const LINES_MAX: usize = 64;

/// The lines that a person types, or that a pipe brings.
pub(crate) struct Lines(Receiver<Result<String, Problem>>);

impl Lines {
    /// Those of this process's stdin. Reading blocks, so a thread does it; it ends with the process.
    pub(crate) fn of_stdin() -> Self {
        let (sender, lines) = channel(LINES_MAX);
        thread::spawn(move || {
            let mut stdin = BufReader::new(std::io::stdin());
            loop {
                let line = line(&mut stdin);
                let is_last = !matches!(line, Some(Ok(_)));
                if line.is_none_or(|line| sender.blocking_send(line).is_err()) || is_last {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// The next line, without its end; none after the last. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Problem> {
        self.0.recv().await.transpose()
    }

    /// Drops what was typed before now; how many lines of it were read already.
    pub(crate) fn forget(&mut self) -> usize {
        // Where stdin is no terminal there is nothing to flush.
        let _ = tcflush(std::io::stdin(), FlushArg::TCIFLUSH);
        std::iter::from_fn(|| self.0.try_recv().ok()).count()
    }
}

fn line(stdin: &mut BufReader<std::io::Stdin>) -> Option<Result<String, Problem>> {
    let mut line = Vec::new();
    match stdin.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line) {
        Ok(0) => return None,
        Ok(_) => {}
        Err(error) => return Some(Err(Problem::usage(format!("can not read stdin: {error}")))),
    }
    if line.len() as u64 > LINE_BYTES_MAX {
        return Some(Err(Problem::usage(format!("a line has more than {LINE_BYTES_MAX} bytes"))
            .hint("send a long text with: inhouse send - < FILE")));
    }
    let text = String::from_utf8(line).map_err(|_| Problem::usage("a line is not UTF-8"));
    Some(text.map(|text| text.trim_end_matches(['\n', '\r']).to_owned()))
}
