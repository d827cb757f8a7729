//! What an agent does while it works: a sentence for people, and for programs the same as metadata of the status message, under the
//! name of an extension of the protocol (spec 4.6).

use inhouse_proto::json::Struct;
use serde_json::{Map, Value, json};

/// The extension's name. `inhouse` versions it: under one name a member never changes its meaning, and members that a reader does not
/// know are to be passed over.
pub const ACTIVITY: &str = "urn:inhouse:a2a:activity:v1";

/// Steps of a plan that are shown.
const STEPS_MAX: usize = 100;
/// Characters of a step that are shown.
const STEP_CHARS_MAX: usize = 1_000;
/// Characters of one thought that are shown.
const REASONING_CHARS_MAX: usize = 10_000;

/// One thing that an agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// It uses a tool. What the tool acts on stays inside: it may hold what a caller should not see.
    Tool {
        /// As the agent calls it.
        name: String,
    },
    /// The model's provider failed, and is asked again.
    Retry(Retry),
    /// What it means to do, whole each time that it changes.
    Plan(Vec<Step>),
    /// What its model thinks, one thought whole. Callers see it where the agent's operator lets them.
    Reasoning(String),
}

/// A provider's failure, as far as the agent tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retry {
    /// The HTTP status of the provider's answer.
    pub status: Option<u64>,
    /// The provider's word for it.
    pub error: Option<String>,
    /// Which attempt follows, from 1.
    pub attempt: Option<u64>,
    /// So many follow at most.
    pub attempts_max: Option<u64>,
    /// How long the agent waits before it, in milliseconds.
    pub delay_ms: Option<u64>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// For people.
    pub text: String,
    /// How far it is.
    pub state: StepState,
}

/// How far a step of a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
}

impl Activity {
    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Tool { name } => format!("the agent uses the tool {name}"),
            Self::Retry(retry) => retry.sentence(),
            Self::Plan(steps) => {
                let lines = shown(steps).map(|(text, state)| format!("\n- [{}] {text}", state.mark()));
                format!("the agent's plan:{}", lines.collect::<String>())
            }
            Self::Reasoning(text) => format!("the agent thinks:\n{}", beginning(text, REASONING_CHARS_MAX)),
        }
    }

    /// For programs: one member, which says what it is.
    pub(crate) fn metadata(&self) -> Struct {
        let value = match self {
            Self::Tool { name } => json!({"tool": {"name": name}}),
            Self::Retry(retry) => json!({"retry": retry.members()}),
            Self::Plan(steps) => {
                let steps: Vec<_> =
                    shown(steps).map(|(text, state)| json!({"text": text, "state": state.name()})).collect();
                json!({"plan": {"steps": steps}})
            }
            Self::Reasoning(text) => json!({"reasoning": {"text": beginning(text, REASONING_CHARS_MAX)}}),
        };
        Struct(Map::from_iter([(ACTIVITY.to_owned(), value)]))
    }
}

fn shown(steps: &[Step]) -> impl Iterator<Item = (&str, StepState)> {
    steps.iter().take(STEPS_MAX).map(|step| (beginning(&step.text, STEP_CHARS_MAX), step.state))
}

fn beginning(text: &str, chars_max: usize) -> &str {
    &text[..text.char_indices().nth(chars_max).map_or(text.len(), |(end, _)| end)]
}

impl Retry {
    fn sentence(&self) -> String {
        let why = [self.status.map(|status| status.to_string()), self.error.clone()];
        let why: Vec<_> = why.into_iter().flatten().filter(|word| !word.is_empty()).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(" ")) };
        match (self.attempt, self.attempts_max) {
            (Some(attempt), Some(max)) => format!("the model provider failed{why}: retry {attempt} of {max}"),
            _ => format!("the model provider failed{why}: it is asked again"),
        }
    }

    /// What is known of it; nothing stands for what is not.
    fn members(&self) -> Value {
        let numbers = [
            ("status", self.status),
            ("attempt", self.attempt),
            ("attemptsMax", self.attempts_max),
            ("delayMs", self.delay_ms),
        ];
        let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, Value::from(number?))));
        let error = self.error.as_deref().map(|error| ("error", error.into()));
        Value::Object(numbers.chain(error).map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl StepState {
    /// The state that agents call so; what is not known has not begun.
    pub fn of(name: &str) -> Self {
        match name {
            "completed" => Self::Completed,
            "in_progress" | "inProgress" => Self::InProgress,
            _ => Self::Pending,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "inProgress",
            Self::Completed => "completed",
        }
    }

    fn mark(self) -> char {
        match self {
            Self::Pending => ' ',
            Self::InProgress => '>',
            Self::Completed => 'x',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_is_a_sentence_and_one_member() {
        let retry = Retry { status: Some(529), error: Some("overloaded".to_owned()), ..Retry::default() };
        let counted = Retry { attempt: Some(1), attempts_max: Some(3), delay_ms: Some(500), ..Retry::default() };
        let step = |text: &str, state: &str| Step { text: text.to_owned(), state: StepState::of(state) };
        let steps = vec![step("read", "completed"), step("write", "in_progress"), step("test", "blocked")];
        for (activity, sentence, metadata) in [
            (
                Activity::Tool { name: "Bash".to_owned() },
                "the agent uses the tool Bash",
                json!({"tool": {"name": "Bash"}}),
            ),
            (
                Activity::Retry(retry),
                "the model provider failed (529 overloaded): it is asked again",
                json!({"retry": {"status": 529, "error": "overloaded"}}),
            ),
            (
                Activity::Retry(counted),
                "the model provider failed: retry 1 of 3",
                json!({"retry": {"attempt": 1, "attemptsMax": 3, "delayMs": 500}}),
            ),
            (
                Activity::Reasoning("why not".to_owned()),
                "the agent thinks:\nwhy not",
                json!({"reasoning": {"text": "why not"}}),
            ),
            (
                Activity::Plan(steps),
                "the agent's plan:\n- [x] read\n- [>] write\n- [ ] test",
                json!({"plan": {"steps": [
                    {"text": "read", "state": "completed"},
                    {"text": "write", "state": "inProgress"},
                    {"text": "test", "state": "pending"},
                ]}}),
            ),
        ] {
            assert_eq!(activity.sentence(), sentence);
            assert_eq!(activity.metadata().0.get(ACTIVITY), Some(&metadata));
        }
    }

    #[test]
    fn a_plan_is_shown_up_to_a_bound() {
        let step = Step { text: "é".repeat(STEP_CHARS_MAX + 1), state: StepState::Pending };
        let plan = Activity::Plan(vec![step; STEPS_MAX + 1]);
        let steps = plan.metadata().0[ACTIVITY]["plan"]["steps"].as_array().unwrap().clone();
        assert_eq!((steps.len(), steps[0]["text"].as_str().unwrap().chars().count()), (STEPS_MAX, STEP_CHARS_MAX));
    }
}
