//! Tokens that are issued and revoked while a server runs: the file that has them, the commands that change it, and the server's eye
//! on it.

mod keyring;
mod verbs;
mod watch;

pub(crate) use keyring::{Keyring, KeyringError};
pub(crate) use verbs::{TokenArgs, run};
pub(crate) use watch::follow;
