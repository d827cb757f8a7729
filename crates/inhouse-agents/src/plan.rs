//! The plan of an agent that makes and changes its steps one at a time: what has become of it, whole, as callers are shown it.

/// Steps that are kept; of more the first ones.
const STEPS_MAX: usize = 100;
/// What is kept of an id or a text, in characters.
const WORD_CHARS_MAX: usize = 1_000;

/// The steps, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
struct Step {
    id: String,
    text: String,
    state: String,
}

impl Plan {
    /// A new step, or the same one told again.
    pub(crate) fn put(&mut self, id: &str, text: &str, state: &str) {
        let step = Step { id: beginning(id), text: beginning(text), state: beginning(state) };
        match self.0.iter().position(|known| known.id == step.id) {
            Some(at) => self.0[at] = step,
            None if self.0.len() < STEPS_MAX => self.0.push(step),
            None => {}
        }
    }

    /// A step, if there is such a one, is in another state.
    pub(crate) fn set(&mut self, id: &str, state: &str) {
        let id = beginning(id);
        self.0.iter_mut().filter(|known| known.id == id).for_each(|known| known.state = beginning(state));
    }

    /// A step is none any more.
    pub(crate) fn remove(&mut self, id: &str) {
        let id = beginning(id);
        self.0.retain(|known| known.id != id);
    }

    /// Each step's text and state.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|step| (step.text.as_str(), step.state.as_str()))
    }
}

fn beginning(word: &str) -> String {
    word.chars().take(WORD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(plan: &Plan) -> Vec<(&str, &str)> {
        plan.steps().collect()
    }

    #[test]
    fn steps_stand_in_the_order_in_which_they_were_made_and_change_in_place() {
        let mut plan = Plan::default();
        plan.put("1", "read", "pending");
        plan.put("2", "write", "pending");
        plan.set("1", "completed");
        plan.set("9", "completed");
        assert_eq!(steps(&plan), [("read", "completed"), ("write", "pending")]);
        plan.put("1", "read all", "in_progress");
        plan.remove("2");
        plan.remove("9");
        assert_eq!(steps(&plan), [("read all", "in_progress")]);
    }

    #[test]
    fn a_plan_is_kept_up_to_a_bound() {
        let mut plan = Plan::default();
        for number in 0..=STEPS_MAX {
            plan.put(&number.to_string(), &"é".repeat(WORD_CHARS_MAX + 1), "pending");
        }
        let kept = steps(&plan);
        assert_eq!((kept.len(), kept[0].0.chars().count()), (STEPS_MAX, WORD_CHARS_MAX));
    }
}
