//! The two names that every decision is about: who asks, and which agent is meant.

use std::fmt;
use std::sync::Arc;

/// The name of someone who may ask: 1 to 128 printable ASCII characters without spaces. Cloning costs a counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

/// The name of a configured agent: `[a-z0-9][a-z0-9-]{0,62}`, so that it fits a path, a host label and a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentName(Arc<str>);

/// A name that can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The principal's name is empty, too long, or has other characters than printable ASCII.
    #[error("principal {0:?} is not 1 to 128 printable ASCII characters without spaces")]
    Principal(String),
    /// The agent's name has another shape.
    #[error("agent name {0:?} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit")]
    Agent(String),
}

impl Principal {
    /// Takes a name as it stands in the configuration, or refuses it with [`NameError::Principal`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        let fits = (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(name.into())) } else { Err(NameError::Principal(name.chars().take(128).collect())) }
    }
}

impl AgentName {
    /// Takes a name as it stands in the configuration or in a path, or refuses it with [`NameError::Agent`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-');
        if fits { Ok(Self(name.into())) } else { Err(NameError::Agent(name.chars().take(63).collect())) }
    }
}

macro_rules! readable {
    ($($name:ident),*) => {$(
        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

readable!(Principal, AgentName);
