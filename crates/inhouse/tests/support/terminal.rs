//! A program on a pseudo-terminal: what a person would see of it, and type.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use nix::pty::openpty;

use super::{Launch, gather, wait};

/// A running program with the terminal that it was started on; dropping it kills it.
pub struct Terminal {
    child: Child,
    keys: File,
    seen: Arc<Mutex<String>>,
    /// How much of it was looked for already.
    read: usize,
}

impl Terminal {
    pub fn start(launch: Launch) -> Self {
        let pty = openpty(None, None).unwrap();
        let (keys, slave) = (File::from(pty.master), pty.slave);
        let end = || Stdio::from(slave.try_clone().unwrap());
        let mut command = launch.command;
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        gather(keys.try_clone().unwrap(), Arc::clone(&seen));
        Self { child, keys, seen, read: 0 }
    }

    /// Waits until this stands on the screen, behind what was seen before.
    pub fn sees(&mut self, text: &str) {
        let at = wait(text, || self.seen.lock().unwrap()[self.read..].find(text));
        self.read += at + text.len();
    }

    pub fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    /// Everything that was shown so far.
    pub fn shown(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for the program to end: its exit code.
    pub fn ends(&mut self) -> Option<i32> {
        wait("the program to end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
