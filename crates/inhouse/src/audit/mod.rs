//! The audit: where its lines go and what seals them, and the commands that read them again.

mod file;
mod read;
mod verbs;
mod verify;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use inhouse_serve::{AuditBounds, AuditKey, AuditLog, AuditSeal, AuditTail, HeadEvery};

use crate::assemble::size;
use crate::config::{Audit, AuditTo, Config, Origin};
use crate::exit::Failure;
use crate::whole;
use file::{AuditFile, End};

pub(crate) use verbs::{AuditArgs, run};

/// The open audit.
pub(crate) struct Open {
    pub(crate) log: AuditLog,
    /// The public key of its heads, if they are signed.
    pub(crate) key: Option<String>,
    /// What a crash has torn, by its digest.
    pub(crate) torn_sha256: Option<String>,
}

/// Opens the audit.
///
/// # Errors
/// [`Failure`] when its file or its key can not be used.
pub(crate) fn open(config: &Config) -> Result<Open, Failure> {
    let (Audit { to, file, key, sync, .. }, limits) = (&config.audit, &config.limits);
    let is_wished = key.origin != Origin::Default;
    // Where nobody has asked for anything to be written, a key is used that is there, and none is made.
    let makes = is_wished || to.value != AuditTo::Stderr;
    let path = key.value.as_deref().filter(|path| makes || path.exists());
    let key = match path.map(signing_key).transpose() {
        // Nobody has asked for it: without a place for a key there are no heads.
        Err(failure) if !is_wished => {
            tracing::warn!("no head of the audit is signed: {failure}");
            None
        }
        key => key?,
    };
    let public = key.as_ref().map(AuditKey::public);
    let every =
        HeadEvery { lines: limits.audit_head_lines.value, time: Duration::from_millis(limits.audit_head_ms.value) };
    let opened = match (&to.value, &file.value) {
        (AuditTo::Stderr, _) => None,
        (AuditTo::File | AuditTo::Both, Some(path)) => {
            let bounds = file::Bounds {
                bytes_max: limits.audit_file_bytes_max.value,
                files_max: limits.audit_files_max.value,
                sync: sync.value,
            };
            Some(AuditFile::open(path, bounds).map_err(|error| not_opened(path, &error))?)
        }
        // The configuration has seen to it that there is one.
        (AuditTo::File | AuditTo::Both, None) => None,
    };
    let (file, End { link, torn_sha256 }) =
        opened.map_or_else(|| (None, End::default()), |(file, end)| (Some(file), end));
    let writer = Out { is_shown: file.is_none() || to.value == AuditTo::Both, file };
    let bounds =
        AuditBounds { buffer_bytes_max: size(&limits.audit_bytes_max), wait_ms_max: limits.audit_wait_ms_max.value };
    let tail = AuditTail::new(size(&limits.audit_shown_max));
    let log = AuditLog::sealed(bounds, writer, AuditSeal::new(link, key, every), tail);
    let log = log.map_err(|error| Failure::failed(format!("the system gives no thread: {error}"), None))?;
    Ok(Open { log, key: public, torn_sha256 })
}

/// Reads the key that signs heads; one that is not there yet is made.
fn signing_key(path: &Path) -> Result<AuditKey, Failure> {
    let failed = |error: io::Error| Failure::usage(format!("the audit's key {}: {error}", path.display()), None);
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = AuditKey::generate().ok_or_else(|| Failure::failed("the system gives no random bytes", None))?;
            let folder = path.parent().unwrap_or(Path::new("/"));
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
            whole::put(path, 0o600, &text).map_err(failed)?;
            text
        }
        read => read.map_err(failed)?,
    };
    AuditKey::new(&text).map_err(|error| {
        let hint = format!("openssl genpkey -algorithm ed25519 -out {}", path.display());
        Failure::usage(format!("the audit's key {} {error}", path.display()), Some(hint))
    })
}

fn not_opened(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => Failure::usage(
            format!("another server writes the audit {}", path.display()),
            Some("give this one a file of its own in [audit]".to_owned()),
        ),
        io::ErrorKind::InvalidData => Failure::usage(
            format!("the audit {}: {error}", path.display()),
            Some("put it away, and start again".to_owned()),
        ),
        _ => Failure::usage(format!("the audit {}: {error}", path.display()), None),
    }
}

/// Where lines go: the file counts, and what stderr does not take is lost there alone.
struct Out {
    file: Option<AuditFile>,
    is_shown: bool,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return io::stderr().write(bytes) };
        let written = file.write(bytes)?;
        if self.is_shown {
            let _ = io::stderr().write_all(&bytes[..written]);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), AuditFile::flush)
    }
}
