//! Who may ask, what may run, and what is written down: pure functions over values, no input or output, no async.
//!
//! Three proof types lead a request through the house: [`Tokens`] make a [`Caller`], [`grants`] makes a [`Permit`] of it,
//! [`launch`] makes a [`LaunchPlan`] of that. Each has private fields and this one constructor, so a crate above can not skip a check: it
//! would not compile.

mod principal;
mod secret;
mod rights;
mod caller;
mod grants;
mod launch;
mod environment;
mod host;
mod approval;
mod audit;
mod chain;
mod redact;
mod text;

pub use approval::{Approvals, NotARule, Verdict};
pub use audit::{Deed, Record};
pub use caller::{AuthError, Caller, Credential, Tokens, Vouched, Vouchers};
pub use chain::{Break, Chained, Link};
pub use environment::HostEnv;
pub use grants::{Decides, Denied, Operation, Permit, Policy, administers, grants, sees};
pub use host::{HostError, HostRule, OriginError, OriginRule};
pub use launch::{ARGUMENT_BYTES_MAX, AgentCommand, Input, LaunchError, LaunchPlan, launch};
pub use principal::{AgentName, NameError, Principal};
pub use redact::Redactor;
pub use rights::{CallerLimits, Rights, Scope};
pub use secret::{Secret, TokenDigest};
