//! The plan that Claude Code keeps with its task tools, where it is started with them: what these tools say of it.

use crate::claude::line::{Block, Entry};
use crate::dialogue::Said;
use crate::plan::Plan;

/// The tools whose results tell of the plan. Any other tool's result, and so what a server of tools makes up, is none of it.
const TOOLS: [&str; 3] = ["TaskCreate", "TaskUpdate", "TaskList"];
/// Uses of these tools that are under way.
const USES_MAX: usize = 100;

/// The plan, and what may change it.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    plan: Plan,
    /// The ids of the uses that have no result yet.
    uses: Vec<String>,
}

impl Planned {
    /// As it stood after an earlier turn of the process.
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, uses: Vec::new() }
    }

    /// As it stands.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The agent uses a tool.
    pub(crate) fn uses(&mut self, block: &Block) {
        if TOOLS.contains(&block.name.text()) && self.uses.len() < USES_MAX {
            self.uses.push(block.id.text().to_owned());
        }
    }

    /// What has come of the use of a tool.
    pub(crate) fn done(&mut self, line: &Entry, said: &mut Said) {
        let blocks = line.message.0.iter().flat_map(|message| message.content.0.iter());
        let ids: Vec<_> = blocks.filter_map(|block| block.0.as_ref()).map(|block| block.tool_use_id.text()).collect();
        let uses = self.uses.len();
        self.uses.retain(|id| !ids.contains(&id.as_str()));
        let Some(done) = line.tool_use_result.0.as_ref().filter(|_| self.uses.len() < uses) else { return };
        let before = self.plan.clone();
        let told = done.tasks.0.iter().chain([&done.task]).filter_map(|task| task.0.as_ref());
        for task in told.filter(|task| !task.id.text().is_empty()) {
            self.plan.put(task.id.text(), task.subject.text(), task.status.text());
        }
        match done.status_change.0.as_ref().map(|change| change.to.text()) {
            Some("deleted") => self.plan.remove(done.task_id.text()),
            Some(state) => self.plan.set(done.task_id.text(), state),
            None => {}
        }
        if self.plan != before {
            said.plan(self.plan.steps());
        }
    }
}
