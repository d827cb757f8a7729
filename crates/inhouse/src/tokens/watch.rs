//! Tells the door of tokens that were issued or revoked.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inhouse_trust::{Credential, Tokens};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::keyring::Keyring;

/// By what a file is known to be another one.
type Look = Option<(u64, u64, i64, i64)>;

/// Looks at the file every so often, and takes over what it says beside the tokens that are `configured`. A file that can not be used
/// changes nothing, and the log says so once.
pub(crate) async fn follow(
    path: PathBuf,
    configured: Vec<Credential>,
    tokens: watch::Sender<Arc<Tokens>>,
    every: Duration,
) {
    let mut seen = look(&path);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = look(&path);
        if now == seen {
            continue;
        }
        seen = now;
        let read = Keyring::read(&path).map_err(|error| error.to_string()).and_then(|keyring| keyring.credentials());
        match read {
            Ok(issued) => {
                tracing::info!(tokens = issued.len(), "the tokens file has changed and is in force");
                tokens.send_replace(Arc::new(Tokens::new(configured.iter().cloned().chain(issued))));
            }
            Err(why) => tracing::error!("{why}: the tokens of before stay in force"),
        }
    }
}

fn look(path: &Path) -> Look {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}
