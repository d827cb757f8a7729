//! The files of TLS, on their way to the server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use inhouse_serve::{TlsKeys, TlsKeysError};

use crate::config::TlsFiles;
use crate::exit::Failure;

/// Reads a certificate and its key.
///
/// # Errors
/// One line that names the file, and what is wrong with it.
pub(crate) fn keys(files: &TlsFiles) -> Result<TlsKeys, String> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let (cert, key) = (read(&files.cert)?, read(&files.key)?);
    TlsKeys::new(&cert, &key).map_err(|error| {
        let file = if matches!(error, TlsKeysError::Certificates(_)) { &files.cert } else { &files.key };
        format!("{}: {error}", file.display())
    })
}

/// The same before the server listens.
///
/// # Errors
/// [`Failure`] with exit code 2.
pub(crate) fn keys_at_start(files: &TlsFiles) -> Result<TlsKeys, Failure> {
    keys(files).map_err(|why| {
        let hint = "both are PEM: openssl x509 -in CERT -noout -subject, openssl pkey -in KEY -noout";
        Failure::usage(why, Some(hint.to_owned()))
    })
}

/// What the operator should know of the private key, if anything.
pub(crate) fn warning(files: &TlsFiles) -> Option<String> {
    let mode = fs::metadata(&files.key).ok()?.permissions().mode();
    let key = files.key.display();
    (mode & 0o077 != 0).then(|| format!("{key} can be read by other users of this machine: chmod 600 {key}"))
}
