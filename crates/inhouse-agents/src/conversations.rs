//! Conversations that an agent keeps under ids of our choice: which one a turn belongs to, and whether it has begun.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use inhouse_engine::agent::Turn;
use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::process::Program;

/// So many conversations are remembered as begun. One that is forgotten costs a start of its agent more.
const BEGUN_MAX: usize = 10_000;

/// What is known of an agent's conversations.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    begun: Mutex<Begun>,
}

#[derive(Debug, Default)]
struct Begun {
    ids: HashSet<String>,
    oldest_first: VecDeque<String>,
}

/// The id of the conversation that a turn belongs to. It is made of the caller, the agent, its folder and the context: whoever
/// names another caller's context means a conversation of his own, and after a restart the id is the same.
pub(crate) fn id_of(turn: &Turn, program: &Program) -> String {
    let (caller, agent) = (turn.permit.principal().as_str(), turn.permit.agent().as_str());
    let folder = program.command.directory.as_os_str().as_encoded_bytes();
    let mut digest = Sha256::new();
    for part in [caller.as_bytes(), agent.as_bytes(), folder, turn.context_id.as_bytes()] {
        digest.update(part);
        // None of them has one.
        digest.update([0]);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

impl Conversations {
    /// Whether it is known to have begun.
    pub(crate) fn has_begun(&self, id: &str) -> bool {
        self.begun().ids.contains(id)
    }

    /// It has begun, or not: the agent says so.
    pub(crate) fn set_begun(&self, id: &str, has_begun: bool) {
        let mut begun = self.begun();
        if has_begun && begun.ids.insert(id.to_owned()) {
            begun.oldest_first.push_back(id.to_owned());
        } else if !has_begun && begun.ids.remove(id) {
            begun.oldest_first.retain(|other| other != id);
        }
        if begun.oldest_first.len() > BEGUN_MAX
            && let Some(oldest) = begun.oldest_first.pop_front()
        {
            begun.ids.remove(&oldest);
        }
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_is_remembered_up_to_a_bound() {
        let known = Conversations::default();
        for id in 0..=BEGUN_MAX {
            known.set_begun(&id.to_string(), true);
            known.set_begun(&id.to_string(), true);
        }
        assert!(!known.has_begun("0") && known.has_begun("1"));
        known.set_begun("1", false);
        known.set_begun("1", false);
        assert!(!known.has_begun("1") && known.has_begun("2"));
        let begun = known.begun();
        assert_eq!((begun.ids.len(), begun.oldest_first.len()), (BEGUN_MAX - 1, BEGUN_MAX - 1));
    }
}
