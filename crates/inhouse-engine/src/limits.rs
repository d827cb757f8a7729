//! The engine's bounds, each with its unit in the name.

use crate::window::WindowOptions;

/// Bounds of the turn queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Turns of one agent that run at the same time.
    pub running_per_agent_max: usize,
    /// Turns of one caller that run at the same time on one agent.
    pub running_per_caller_max: usize,
    /// Turns that wait for one agent.
    pub queued_per_agent_max: usize,
    /// Turns of one caller that wait for one agent.
    pub queued_per_caller_max: usize,
    /// Turns of one agent that wait for an answer of their callers, each with its process.
    pub asking_per_agent_max: usize,
    /// Turns of one caller that wait for an answer, on one agent.
    pub asking_per_caller_max: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            running_per_agent_max: 16,
            running_per_caller_max: 8,
            queued_per_agent_max: 256,
            queued_per_caller_max: 64,
            asking_per_agent_max: 64,
            asking_per_caller_max: 16,
        }
    }
}

/// When a repeated send is a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Idempotency {
    /// When the message id is a UUID, or the request carries an `Idempotency-Key`.
    #[default]
    Auto,
    /// Whenever the message id repeats.
    Always,
    /// Only with an `Idempotency-Key`.
    Off,
}

/// Bounds of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// The turn queue.
    pub queue: QueueLimits,
    /// What a task may keep of its agent's output, in bytes.
    pub output_bytes_max: usize,
    /// How many artifacts a turn may make beside its answer.
    pub artifacts_max: usize,
    /// How long a stream waits for the first word of an agent that may answer without a task, before it shows the task, in
    /// milliseconds.
    pub direct_wait_ms: u64,
    /// How long an adapter may take to end its run after it was asked to, in milliseconds.
    pub stop_grace_ms: u64,
    /// How long running turns may go on when the server stops, in milliseconds.
    pub shutdown_grace_ms: u64,
    /// How many turns a caller may start, and in what time.
    pub starts: WindowOptions,
    /// How long an agent waits for the answer to what it asks, in milliseconds; then the answer is no.
    pub ask_ms_max: u64,
    /// The retry time that a caller gets when the queue is full, in seconds.
    pub queue_retry_s: u64,
    /// A reader looks at the log at least this often, should a wake-up get lost, in milliseconds.
    pub recheck_ms: u64,
    /// When a repeated send is a retry.
    pub idempotency: Idempotency,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            queue: QueueLimits::default(),
            output_bytes_max: 64 << 20,
            artifacts_max: 1_000,
            direct_wait_ms: 1_000,
            stop_grace_ms: 5_000,
            shutdown_grace_ms: 5_000,
            starts: WindowOptions::default(),
            ask_ms_max: 600_000,
            queue_retry_s: 5,
            recheck_ms: 5_000,
            idempotency: Idempotency::Auto,
        }
    }
}
