//! What changes while the server runs: the files of issued tokens, of issuers' keys and of TLS are read again when they are other ones, and on SIGHUP. A
//! file that can not be used leaves in force what was, and the log says so. An authority of the server's own makes another certificate in
//! time.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inhouse_serve::TlsKeys;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::entrants::{Entrants, Trusted};
use crate::issuers::refresh;
use crate::tls::Source;

/// The tasks that look; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Reload {
    every: Duration,
    tasks: Vec<AbortHandle>,
    issuers: Vec<(Arc<Trusted>, AbortHandle)>,
}

impl Drop for Reload {
    fn drop(&mut self) {
        self.tasks.iter().chain(self.issuers.iter().map(|(_, task)| task)).for_each(AbortHandle::abort);
    }
}

impl Reload {
    /// Looks at nothing yet. From here on SIGHUP ends the process no more.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn new(every: Duration) -> io::Result<Self> {
        drop(signal(SignalKind::hangup())?);
        Ok(Self { every, tasks: Vec::new(), issuers: Vec::new() })
    }

    /// Takes over the tokens that are issued.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn tokens(&mut self, entrants: Arc<Entrants>) -> io::Result<()> {
        let files = entrants.files();
        if files.is_empty() {
            return Ok(());
        }
        self.follow(move || looks(&files), move || entrants.renew())
    }

    /// Takes over the keys of the issuers that are believed now, and of no others any more.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn issuers(&mut self, entrants: &Arc<Entrants>) -> io::Result<()> {
        let issuers = entrants.issuers();
        let is_believed = |known: &Arc<Trusted>| issuers.iter().any(|issuer| Arc::ptr_eq(issuer, known));
        for (_, task) in self.issuers.extract_if(.., |(known, _)| !is_believed(known)) {
            task.abort();
        }
        for issuer in issuers {
            if !self.issuers.iter().any(|(known, _)| Arc::ptr_eq(known, &issuer)) {
                let task = self.issuer(Arc::clone(entrants), Arc::clone(&issuer))?;
                self.issuers.push((issuer, task));
            }
        }
        Ok(())
    }

    fn issuer(&self, entrants: Arc<Entrants>, issuer: Arc<Trusted>) -> io::Result<AbortHandle> {
        let hangup = signal(SignalKind::hangup())?;
        let Some(file) = issuer.config.file().map(Path::to_path_buf) else {
            return Ok(tokio::spawn(refresh(entrants, issuer, hangup)).abort_handle());
        };
        let (looked, seen) = (file.clone(), look(&file));
        let changed = move || {
            let read = entrants.keys().read(&issuer.config, &file);
            entrants.renew_issuer(&issuer, read);
        };
        Ok(tokio::spawn(follow(seen, move || look(&looked), self.every, hangup, changed)).abort_handle())
    }

    /// Takes over certificates and their keys.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn tls(&mut self, source: Source, keys: watch::Sender<TlsKeys>) -> io::Result<()> {
        let source = Arc::new(source);
        let (files, looked) = (source.files(), Arc::clone(&source));
        self.follow(
            move || (looks(&files), looked.occasion()),
            move || match source.keys() {
                Ok(read) => {
                    tracing::info!("the certificate is read again and in force");
                    keys.send_replace(read);
                }
                Err(why) => tracing::error!("{why}: the certificate of before stays in force"),
            },
        )
    }

    fn follow<L: PartialEq + Send + 'static>(
        &mut self,
        look: impl Fn() -> L + Send + 'static,
        changed: impl FnMut() + Send + 'static,
    ) -> io::Result<()> {
        let hangup = signal(SignalKind::hangup())?;
        // Before anybody hears of the server: what changes from then on is seen.
        let seen = look();
        self.tasks.push(tokio::spawn(follow(seen, look, self.every, hangup, changed)).abort_handle());
        Ok(())
    }
}

/// Calls `changed` whenever a look shows something else than the one before, of which `seen` was the first, and on SIGHUP.
async fn follow<L: PartialEq>(
    mut seen: L,
    look: impl Fn() -> L,
    every: Duration,
    mut hangup: Signal,
    mut changed: impl FnMut(),
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            _ = hangup.recv() => true,
        };
        let now = look();
        if asked || now != seen {
            seen = now;
            changed();
        }
    }
}

/// By what a file is known to be another one.
type Look = Option<(u64, u64, i64, i64)>;

fn looks(paths: &[PathBuf]) -> Vec<Look> {
    paths.iter().map(|path| look(path)).collect()
}

fn look(path: &Path) -> Look {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}
