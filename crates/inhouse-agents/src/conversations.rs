//! Conversations that an agent keeps: which one a turn belongs to, and under which id the agent has it, ours or its own.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use inhouse_engine::agent::Turn;
use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::process::Program;

/// What a caller is told of a context that he named and in which nothing is known: it can be one of before a restart.
const BEGINS: &str = "there is no earlier conversation in this context: one begins";
/// What a caller is told when the agent does not have the conversation that it was to go on with.
pub(crate) const BEGINS_ANEW: &str = "the earlier conversation can not be resumed: a new one begins";

/// So many conversations are known.
const KNOWN_MAX: usize = 10_000;

/// What is known of an agent's conversations.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The agent's id, by ours.
    ids: HashMap<String, String>,
    oldest_first: VecDeque<String>,
}

/// The conversation that a turn belongs to, as it stands before the turn.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Our id.
    pub(crate) id: String,
    /// The agent's, once it has begun.
    pub(crate) theirs: Option<String>,
    /// What the caller is told when it is open.
    pub(crate) note: Option<&'static str>,
}

/// The id of the conversation that a turn belongs to. It is made of the caller, the agent, its folder and the context: whoever
/// names another caller's context means a conversation of his own, and after a restart the id is the same.
fn id_of(turn: &Turn, program: &Program) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest_of(turn, &program.directory(turn))[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// What tells the caller, the agent, a folder and the context of a turn from all others.
pub(crate) fn digest_of(turn: &Turn, folder: &Path) -> [u8; 32] {
    let (caller, agent) = (turn.permit.principal().as_str(), turn.permit.agent().as_str());
    let mut digest = Sha256::new();
    for part in [caller.as_bytes(), agent.as_bytes(), folder.as_os_str().as_encoded_bytes(), turn.context_id.as_bytes()]
    {
        digest.update(part);
        // None of them has one.
        digest.update([0]);
    }
    digest.finalize().into()
}

impl Conversations {
    /// The one that a turn belongs to.
    pub(crate) fn of(&self, turn: &Turn, program: &Program) -> Conversation {
        let id = id_of(turn, program);
        let theirs = self.known(&id);
        let note = (theirs.is_none() && !turn.begins_context).then_some(BEGINS);
        Conversation { id, theirs, note }
    }

    fn known(&self, id: &str) -> Option<String> {
        self.lock().ids.get(id).cloned()
    }

    /// It has begun; the agent has it under `theirs`.
    pub(crate) fn begun(&self, id: &str, theirs: &str) {
        let mut known = self.lock();
        if known.ids.insert(id.to_owned(), theirs.to_owned()).is_none() {
            known.oldest_first.push_back(id.to_owned());
        }
        if known.ids.len() > KNOWN_MAX
            && let Some(oldest) = known.oldest_first.pop_front()
        {
            known.ids.remove(&oldest);
        }
    }

    /// The agent does not have it.
    pub(crate) fn gone(&self, id: &str) {
        let mut known = self.lock();
        if known.ids.remove(id).is_some() {
            known.oldest_first.retain(|other| other != id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_known_up_to_a_bound() {
        let known = Conversations::default();
        for id in 0..=KNOWN_MAX {
            known.begun(&id.to_string(), "first");
            known.begun(&id.to_string(), "second");
        }
        assert_eq!((known.known("0"), known.known("1").as_deref()), (None, Some("second")));
        known.gone("1");
        known.gone("1");
        assert!(known.known("1").is_none() && known.known("2").is_some());
        let known = known.lock();
        assert_eq!((known.ids.len(), known.oldest_first.len()), (KNOWN_MAX - 1, KNOWN_MAX - 1));
    }
}
