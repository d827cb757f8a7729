//! What is written to a process in one turn: its input, and then the replies to what it says.

use inhouse_run::Stdin;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// The writer of one turn.
pub(super) struct Feeder {
    stdin: Option<Stdin>,
    bytes: Vec<u8>,
    written: usize,
    queue: mpsc::Receiver<Vec<u8>>,
}

impl Feeder {
    /// Begins with the input; the end of the queue is the end of the process's input.
    pub(super) fn new(stdin: Option<Stdin>, input: Vec<u8>, queue: mpsc::Receiver<Vec<u8>>) -> Self {
        Self { stdin, bytes: input, written: 0, queue }
    }

    /// Writes until nothing more can come. An agent that does not read, or has ended, is no error. Cancel safe.
    pub(super) async fn feed(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            if self.written < self.bytes.len() {
                match stdin.write(&self.bytes[self.written..]).await {
                    Ok(bytes) => self.written += bytes,
                    Err(_) => self.stdin = None,
                }
                continue;
            }
            (self.bytes, self.written) = (Vec::new(), 0);
            match self.queue.recv().await {
                Some(bytes) => self.bytes = bytes,
                None => self.stdin = None,
            }
        }
    }

    /// Whether the process has been given all that it was to get, and could be given more.
    pub(super) fn is_done(&self) -> bool {
        self.stdin.is_some() && self.written == self.bytes.len() && self.queue.is_empty()
    }

    /// The pipe, for the next turn.
    pub(super) fn into_stdin(self) -> Option<Stdin> {
        self.stdin
    }
}
