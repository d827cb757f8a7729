//! What the engine tells of its turns, on its way to the audit and to the counters.

use inhouse_engine::agent::DecidedBy;
use inhouse_engine::{Effect, Ended, Witness};
use inhouse_trust::{AgentName, Decision, Principal};
use serde::Serialize;

use crate::audit_log::now_ms;
use crate::{AuditLog, Metrics};

/// Writes turns down and counts them.
pub struct Observer {
    audit: AuditLog,
    metrics: Metrics,
}

/// The line of a turn that has ended. Names and ids have no character that a terminal would act on.
#[derive(Serialize)]
struct Turn<'a> {
    time_ms: u64,
    who: &'a str,
    operation: &'static str,
    agent: &'a str,
    task: &'a str,
    outcome: &'static str,
    waited_ms: u64,
    took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

impl Observer {
    /// To these.
    pub fn new(audit: AuditLog, metrics: Metrics) -> Self {
        Self { audit, metrics }
    }
}

impl Witness for Observer {
    fn decided(&self, who: &Principal, agent: &AgentName, task: &str, tool: &str, decision: &str, by: DecidedBy) {
        let time_ms = now_ms();
        let approver = if let DecidedBy::Approver(approver) = &by { Some(approver) } else { None };
        let is_no = decision == Effect::Deny.name();
        let line = Decision { time_ms, who, agent, task, tool, outcome: decision, by: by.name(), approver }.line();
        if is_no { self.audit.mention(&line) } else { self.audit.record(&line) }
    }

    fn has_room(&self) -> bool {
        self.audit.has_room_for_decisions()
    }

    fn began(&self, agent: &AgentName) {
        self.metrics.began(agent);
    }

    fn ended(&self, turn: &Ended<'_>) {
        self.metrics.ended(turn);
        let usage = turn.usage.unwrap_or_default();
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let line = Turn {
            time_ms: now_ms(),
            who: turn.who.as_str(),
            operation: "turn",
            agent: turn.agent.as_str(),
            task: turn.task,
            outcome: turn.outcome,
            waited_ms: ms(turn.waited),
            took_ms: ms(turn.took),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_usd: usage.cost_usd,
        };
        // Texts and numbers always become JSON.
        if let Ok(line) = serde_json::to_string(&line) {
            self.audit.record(&line);
        }
    }
}
