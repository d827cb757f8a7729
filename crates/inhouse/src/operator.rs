//! The operator's own right to run an agent, for what the server starts without a caller.

use inhouse_trust::{AgentName, Operation, Permit, Policy, TokenDigest, Tokens, grants};

use crate::config::owner;
use crate::token;

/// A permit, by a token that nobody else ever has; without one where the system gives no randomness.
pub(crate) fn permit(agent: &AgentName) -> Option<Permit> {
    let token = token::generate().ok()?;
    let tokens = Tokens::new([(owner(), TokenDigest::of(&token))]);
    let header = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
    let caller = tokens.caller(&[header.as_bytes()], 0).ok()?;
    grants(&caller, Operation::Send, agent, &Policy::default()).ok()
}
