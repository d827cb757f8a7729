//! The public keys of issuers, on their way from the disk.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use inhouse_serve::JwtKeys;

use crate::config::JwtConfig;
use crate::exit::Failure;
use crate::tokens::is_guarded;

/// The largest set of keys that is read: some hundreds.
const KEYS_BYTES_MAX: u64 = 1 << 20;

/// The keys of an issuer for a start, or for somebody who only looks.
///
/// # Errors
/// [`Failure`] with exit code 2 when they can not be used.
pub(crate) fn open(issuer: &JwtConfig) -> Result<Arc<JwtKeys>, Failure> {
    let hint = "jwks_file is the issuer's JSON Web Key Set, from the jwks_uri of its openid-configuration; chmod go-w";
    keys(issuer).map_err(|why| Failure::usage(why, Some(hint.to_owned())))
}

/// Reads the keys of an issuer.
///
/// # Errors
/// One line that names the issuer and the file, and what is wrong with it.
pub(crate) fn keys(issuer: &JwtConfig) -> Result<Arc<JwtKeys>, String> {
    let (name, path) = (&issuer.rules.name, issuer.jwks_file.display());
    let read = || {
        let file = File::open(&issuer.jwks_file).map_err(|error| format!(": {error}"))?;
        if !is_guarded(&file.metadata().map_err(|error| format!(": {error}"))?) {
            return Err(" can be changed by others".to_owned());
        }
        let mut text = Vec::new();
        file.take(KEYS_BYTES_MAX).read_to_end(&mut text).map_err(|error| format!(": {error}"))?;
        JwtKeys::read(&text, &issuer.rules.algorithms).map_err(|error| format!(" {error}"))
    };
    read().map(Arc::new).map_err(|why: String| format!("issuer {name}: {path}{why}"))
}
