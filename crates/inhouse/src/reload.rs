//! What changes while the server runs: the files of issued tokens and of TLS are read again when they are other ones, and on SIGHUP. A
//! file that can not be used leaves in force what was, and the log says so. An authority of the server's own makes another certificate in
//! time.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inhouse_serve::TlsKeys;
use inhouse_trust::{Credential, Tokens};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::access::Access;
use crate::config::Config;
use crate::exit::Failure;
use crate::tls::Source;
use crate::tokens::Keyring;

/// The tasks that look; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Reload {
    every: Duration,
    tasks: Vec<AbortHandle>,
}

impl Drop for Reload {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Reload {
    /// Looks at nothing yet. From here on SIGHUP ends the process no more.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn new(every: Duration) -> io::Result<Self> {
        drop(signal(SignalKind::hangup())?);
        Ok(Self { every, tasks: Vec::new() })
    }

    /// Takes over the tokens that are issued.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn tokens(&mut self, entrants: Arc<Entrants>) -> io::Result<()> {
        let files: Vec<_> = entrants.file.iter().cloned().collect();
        self.follow(move || looks(&files), move || entrants.renew())
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
        self.tasks.push(tokio::spawn(follow(look, self.every, hangup, changed)).abort_handle());
        Ok(())
    }
}

/// Who may come in: by a token that is configured, or by one that is issued.
pub(crate) struct Entrants {
    file: Option<PathBuf>,
    // Held for a copy, never across an await.
    configured: Mutex<Vec<Credential>>,
    tokens: watch::Sender<Arc<Tokens>>,
}

impl Entrants {
    /// Those of a configuration, whose tokens are known.
    ///
    /// # Errors
    /// What is wrong with a token that was issued.
    pub(crate) fn new(config: &Config, access: &Access) -> Result<Self, Failure> {
        let file = config.server.tokens_file.value.clone();
        let tokens = watch::Sender::new(Arc::new(access.tokens(&config.issued)?));
        Ok(Self { file, configured: Mutex::new(access.configured.clone()), tokens })
    }

    /// What is in force, now and later.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Tokens>> {
        self.tokens.subscribe()
    }

    /// Takes over others that are configured, beside those that are issued.
    pub(crate) fn configure(&self, configured: Vec<Credential>) {
        *lock(&self.configured) = configured;
        self.renew();
    }

    fn renew(&self) {
        let read = self.file.as_deref().map_or_else(|| Ok(Keyring::default()), Keyring::read);
        match read.map_err(|error| error.to_string()).and_then(|keyring| keyring.credentials()) {
            Ok(issued) => {
                tracing::info!(tokens = issued.len(), "the tokens file is read again and in force");
                let configured = lock(&self.configured).clone();
                self.tokens.send_replace(Arc::new(Tokens::new(configured.into_iter().chain(issued))));
            }
            Err(why) => tracing::error!("{why}: the tokens of before stay in force"),
        }
    }
}

/// A copy or a replacement is never half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `changed` whenever a look shows something else than the one before, and on SIGHUP.
async fn follow<L: PartialEq>(look: impl Fn() -> L, every: Duration, mut hangup: Signal, mut changed: impl FnMut()) {
    let mut seen = look();
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
