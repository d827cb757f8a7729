//! An agent that does what a test says, step by step.

use inhouse_engine::agent::{AgentEvent, ArtifactUpdate, End, Note, Output};
use inhouse_proto::v1;
use tokio::sync::Notify;

use super::{Script, note, part, permission};

/// One thing that an agent does.
#[derive(Debug, Clone)]
pub enum Step {
    Text(String),
    /// An artifact of this name.
    Artifact(&'static str, String),
    Message(String),
    /// Says that it works.
    Works(String),
    Withdraw,
    /// Leaves an artifact behind.
    Leave(&'static str, &'static str),
    Ask(&'static str),
    /// Waits for what was asked.
    Reply,
    Unask,
    /// Waits until the test tells it to go on.
    Told,
    Hang,
    Panic,
}

impl Step {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An agent that takes these steps in each of its turns.
pub fn steps<const N: usize>(steps: [Step; N]) -> Script {
    Script::Steps(steps.to_vec(), std::sync::Arc::default())
}

pub(super) async fn walk(steps: &[Step], told: &Notify, output: &mut dyn Output) -> End {
    let done = End::Completed(Note::default());
    for step in steps {
        let event = match step.clone() {
            Step::Text(text) => AgentEvent::Text(text),
            Step::Artifact(id, text) => AgentEvent::Artifact(update(id, part(&text))),
            Step::Message(text) => AgentEvent::Message(vec![part(&text)]),
            Step::Withdraw => AgentEvent::Withdraw,
            Step::Works(text) => AgentEvent::Working(note(&text)),
            step => {
                other(&step, told, output).await;
                continue;
            }
        };
        if output.emit(event).await.is_err() {
            return done;
        }
    }
    done
}

async fn other(step: &Step, told: &Notify, output: &mut dyn Output) {
    match step {
        Step::Leave(id, text) => drop(output.leave(update(id, part(text))).await),
        Step::Ask(id) => drop(output.ask(permission(id)).await),
        Step::Reply => drop(output.reply().await),
        Step::Unask => output.unask(),
        Step::Told => told.notified().await,
        Step::Hang => std::future::pending().await,
        _ => panic!("on purpose"),
    }
}

fn update(id: &str, part: v1::Part) -> ArtifactUpdate {
    ArtifactUpdate { artifact_id: Some(id.to_owned()), parts: vec![part], ..ArtifactUpdate::default() }
}
