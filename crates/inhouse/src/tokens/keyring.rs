//! The file of the tokens that `inhouse token` has issued: of each its name, whose it is, what it is good for, and the digests of its
//! secrets. A server reads it again when it changes.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inhouse_proto::json::Timestamp;
use inhouse_trust::{AgentName, CallerLimits, Credential, Principal, Rights, Scope, TokenDigest};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::reread;

const VERSION: u32 = 1;

/// Why the file can not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyringError {
    /// It can not be read or written.
    #[error("the tokens file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else could change it.
    #[error("the tokens file {} can be changed by others", .0.display())]
    Open(PathBuf),
    /// It is none, or of a later version.
    #[error("the tokens file {} can not be read: {why}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl KeyringError {
    /// What to do next.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Open(path) => Some(format!("chmod 600 {}", path.display())),
            Self::File { .. } => None,
            Self::Form { path, .. } => {
                Some(format!("put {} away and issue its tokens again: inhouse token new NAME", path.display()))
            }
        }
    }
}

/// A token's secret, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// In hexadecimal digits.
    pub(crate) sha256: String,
    /// From then on it is good for nothing: another one has taken its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
}

/// A token that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issued {
    /// By which it is revoked.
    pub(crate) name: String,
    /// Whose tasks are asked for with it.
    pub(crate) caller: String,
    /// The newest last: two, while one takes the place of the other.
    pub(crate) secrets: Vec<Kept>,
    pub(crate) scopes: Vec<String>,
    /// All, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agents: Option<Vec<String>>,
    pub(crate) issued: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) starts_per_minute_max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) running_max: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queued_max: Option<usize>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyring {
    version: u32,
    pub(crate) tokens: Vec<Issued>,
}

impl Default for Keyring {
    fn default() -> Self {
        Self { version: VERSION, tokens: Vec::new() }
    }
}

impl Keyring {
    /// Reads the file; one that is not there has no tokens.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub(crate) fn read(path: &Path) -> Result<Self, KeyringError> {
        Self::find(path).map(Option::unwrap_or_default)
    }

    /// Reads the file, if it is there.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, KeyringError> {
        let failed = |source| KeyringError::File { path: path.to_path_buf(), source };
        let text = match reread::guarded(path, reread::FILE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(failed)?.ok_or_else(|| KeyringError::Open(path.to_path_buf()))?,
        };
        let wrong = |why: String| KeyringError::Form { path: path.to_path_buf(), why };
        let keyring: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if keyring.version != VERSION {
            return Err(wrong(format!(
                "it is of version {}, and this program knows version {VERSION}",
                keyring.version
            )));
        }
        keyring.credentials().map_err(wrong)?;
        Ok(Some(keyring))
    }

    /// Changes the file as nobody else does meanwhile, and whole or not at all; `change` gives back what its caller wants to know.
    ///
    /// # Errors
    /// [`KeyringError`], or what `change` says, and then the file is as it was.
    pub(crate) fn change<T, E: From<KeyringError>>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let failed = |source| KeyringError::File { path: path.to_path_buf(), source };
        let folder = path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let owned = |options: &mut OpenOptions, path: &Path| options.write(true).mode(0o600).open(path);
        let lock = owned(OpenOptions::new().create(true).truncate(false), &path.with_extension("lock"));
        let _lock =
            Flock::lock(lock.map_err(failed)?, FlockArg::LockExclusive).map_err(|(_, error)| failed(error.into()))?;
        let mut keyring = Self::read(path)?;
        let said = change(&mut keyring)?;
        let text = serde_json::to_string_pretty(&keyring).map_err(|error| failed(error.into()))? + "\n";
        let beside = path.with_extension("new");
        let write = || {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = owned(OpenOptions::new().create_new(true), &beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(failed)?;
        Ok(said)
    }

    /// The callers that have tokens.
    pub(crate) fn callers(&self) -> impl Iterator<Item = Principal> {
        self.tokens.iter().filter_map(|token| Principal::new(&token.caller).ok())
    }

    /// What the door has to know of all tokens, or what is wrong with one.
    pub(crate) fn credentials(&self) -> Result<Vec<Credential>, String> {
        let of = |token: &Issued| token.credentials().map_err(|why| format!("token {:?}: {why}", token.name));
        Ok(self.tokens.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl Issued {
    fn credentials(&self) -> Result<Vec<Credential>, String> {
        let principal = Principal::new(&self.caller).map_err(|error| error.to_string())?;
        let scope = |name: &String| Scope::named(name).ok_or_else(|| format!("there is no scope {name:?}"));
        let scopes = self.scopes.iter().map(scope).collect::<Result<BTreeSet<_>, _>>()?;
        let agent = |name: &String| AgentName::new(name).map_err(|error| error.to_string());
        let agents = self.agents.as_ref().map(|names| names.iter().map(agent).collect()).transpose()?;
        let limits = CallerLimits {
            starts_per_minute_max: self.starts_per_minute_max,
            running_max: self.running_max,
            queued_max: self.queued_max,
        };
        let rights = Rights { scopes, agents, expires_at_s: None, limits };
        let of = |kept: &Kept| {
            let ends = [self.until, kept.until].into_iter().flatten().min();
            let expires_at_s = ends.map(|end| u64::try_from(end.millis / 1_000).unwrap_or(0));
            let token = TokenDigest::from_sha256(kept.digest().ok_or("a digest is not 64 hexadecimal digits")?);
            let rights = Arc::new(Rights { expires_at_s, ..rights.clone() });
            Ok(Credential { principal: principal.clone(), token, rights })
        };
        self.secrets.iter().map(of).collect()
    }
}

impl Kept {
    fn digest(&self) -> Option<[u8; 32]> {
        let mut digest = [0; 32];
        if self.sha256.len() != 2 * digest.len() || !self.sha256.is_ascii() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(self.sha256.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(digest)
    }
}
