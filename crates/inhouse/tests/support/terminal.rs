//! A program on a pseudo-terminal: what a person would see of it, and type.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::pty::openpty;

use super::{gather, signal, wait};

/// A running program with the terminal that it was started on; dropping it kills it.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    pub fn start(program: impl Into<Command>) -> Self {
        let pty = openpty(None, None).unwrap();
        let side = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = program.into().stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let (keyboard, screen) = (File::from(pty.master), Arc::new(Mutex::new(String::new())));
        gather(keyboard.try_clone().unwrap(), Arc::clone(&screen));
        Self { child, keyboard, screen }
    }

    /// Waits until the screen shows this, and forgets it up to there; what stood before it.
    pub fn shows(&self, text: &str) -> String {
        wait(text, || {
            let mut screen = self.screen.lock().unwrap();
            let at = screen.find(text)?;
            let shown: String = screen.drain(..at + text.len()).collect();
            Some(shown)
        })
    }

    pub fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// What Ctrl-C does, where the terminal is nobody's own.
    pub fn interrupt(&self) {
        signal(self.child.id(), "INT");
    }

    /// Waits for the program to end: its exit code.
    pub fn end(mut self) -> i32 {
        wait("the program to end", || self.child.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
