//! What the engine tells of its turns, on its way to the audit and to the counters.

use inhouse_engine::agent::DecidedBy;
use inhouse_engine::{Effect, Ended, Witness};
use inhouse_trust::{AgentName, Deed, Principal};

use crate::audit_log::now_ms;
use crate::{AuditLog, Metrics};

/// Writes turns down and counts them.
pub struct Observer {
    audit: AuditLog,
    metrics: Metrics,
}

impl Observer {
    /// To these.
    pub fn new(audit: AuditLog, metrics: Metrics) -> Self {
        Self { audit, metrics }
    }
}

impl Witness for Observer {
    fn decided(&self, who: &Principal, agent: &AgentName, task: &str, tool: &str, decision: &str, by: DecidedBy) {
        let approver = if let DecidedBy::Approver(approver) = &by { Some(approver) } else { None };
        let is_no = decision == Effect::Deny.name();
        let deed = Deed { time_ms: now_ms(), who, agent, task, outcome: decision };
        let line = deed.decided(tool, by.name(), approver);
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
        let ms = |time: std::time::Duration| time.as_millis() as f64;
        let deed = Deed { time_ms: now_ms(), who: turn.who, agent: turn.agent, task: turn.task, outcome: turn.outcome };
        self.audit.record(&deed.ended(&[
            ("waited_ms", Some(ms(turn.waited))),
            ("took_ms", Some(ms(turn.took))),
            ("input_tokens", usage.input_tokens.map(|tokens| tokens as f64)),
            ("output_tokens", usage.output_tokens.map(|tokens| tokens as f64)),
            ("cost_usd", usage.cost_usd),
        ]));
    }
}
