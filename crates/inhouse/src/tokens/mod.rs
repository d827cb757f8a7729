//! Tokens that are issued and revoked while a server runs: the file that has them, and the commands that change it.

mod keyring;
mod verbs;

pub(crate) use keyring::{Keyring, KeyringError};
pub(crate) use verbs::{TokenArgs, run};
