//! Every bound of the server: its key in `[limits]`, its default, its range and, where there is one, its environment name.

use std::ops::RangeInclusive;

use super::origin::Setting;

/// A bound, apart from its value.
pub(crate) struct LimitKey {
    /// The key in `[limits]`; its unit stands last.
    pub(crate) key: &'static str,
    /// What holds when nobody says anything.
    pub(crate) default: u64,
    /// What may be chosen.
    pub(crate) range: RangeInclusive<u64>,
    /// The environment name.
    pub(crate) environment: Option<&'static str>,
}

macro_rules! limits {
    ($($(#[$doc:meta])+ $key:ident = $default:expr, $range:expr $(, $environment:literal)?;)+) => {
        /// All bounds, as chosen.
        #[derive(Debug, Clone)]
        pub(crate) struct Limits {
            $($(#[$doc])+ pub(crate) $key: Setting<u64>,)+
        }

        /// All bounds, in the order of the documentation.
        pub(crate) const LIMITS: &[LimitKey] = &[
            $(LimitKey {
                key: stringify!($key),
                default: $default,
                range: $range,
                environment: [$(Some($environment),)? None][0],
            },)+
        ];

        impl Limits {
            /// Asks `choose` for every bound, in the order of [`LIMITS`].
            pub(crate) fn choose(mut choose: impl FnMut(&LimitKey) -> Setting<u64>) -> Self {
                let mut keys = LIMITS.iter();
                let mut next = || choose(keys.next().expect("the macro makes a key for every field"));
                Self { $($key: next(),)+ }
            }

            /// Keeps these bounds as others have them.
            pub(super) fn keep(&mut self, keys: &[&str], others: &Self) {
                $(if keys.contains(&stringify!($key)) {
                    self.$key = others.$key.clone();
                })+
            }

            /// All bounds with their keys.
            pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Setting<u64>)> {
                [$((stringify!($key), &self.$key),)+].into_iter()
            }
        }
    };
}

const DAY_S: u64 = 86_400;
const TIB: u64 = 1 << 40;

/// What a turn's total time may be, in milliseconds.
pub(crate) const TURN_MS: RangeInclusive<u64> = 1..=DAY_S * 1000;

/// What the processes of a turn may have of memory, in bytes.
pub(crate) const MEMORY_BYTES: RangeInclusive<u64> = 1 << 20..=TIB;

/// How many processes and threads a turn may have. Linux knows no more.
pub(crate) const PROCESSES: RangeInclusive<u64> = 1..=1 << 22;

limits! {
    /// A turn's total time, in milliseconds.
    request_timeout_ms = 300_000, TURN_MS, "REQUEST_TIMEOUT_MS";
    /// Turns that a caller may start in a minute.
    rate_limit_rpm = 30, 1..=1_000_000, "RATE_LIMIT_RPM";
    /// A request's body, in bytes.
    body_bytes_max = 1 << 20, 1..=1 << 30, "MAX_BODY_BYTES";
    /// What a task keeps of its agent's output, in bytes.
    output_bytes_max = 64 << 20, 1..=TIB;
    /// How long a finished task is kept, in seconds.
    finished_s_max = 3_600, 1..=366 * DAY_S;
    /// How many tasks at rest are kept: finished, or waiting for their caller.
    finished_tasks_max = 200_000, 1..=100_000_000;
    /// What the tasks at rest keep together: finished, or waiting for their caller; in bytes.
    finished_bytes_max = 512 << 20, 1..=TIB;
    /// How long a task waits for its caller's next message, in seconds.
    waiting_s_max = DAY_S, 1..=366 * DAY_S;
    /// Turns of one agent that run at the same time.
    running_per_agent_max = 16, 1..=100_000;
    /// Turns of one caller that run at the same time on one agent.
    running_per_caller_max = 8, 1..=100_000;
    /// Turns that wait for one agent.
    queued_per_agent_max = 256, 0..=1_000_000;
    /// Turns of one caller that wait for one agent.
    queued_per_caller_max = 64, 0..=1_000_000;
    /// Turns of one agent that wait for an answer of their callers, each with its process.
    asking_per_agent_max = 64, 1..=100_000;
    /// Turns of one caller that wait for an answer, on one agent.
    asking_per_caller_max = 16, 1..=100_000;
    /// How long an agent waits for the answer to what it asks, in milliseconds; then the answer is no.
    ask_ms_max = 600_000, 1..=86_400_000;
    /// What a caller is told to wait when the queue is full, in seconds.
    queue_retry_s = 5, 1..=3_600;
    /// A message that has come through so many agents, which called one another, is refused.
    hops_max = 4, 1..=255;
    /// Supervisor processes that are kept ready for the next runs.
    supervisors_idle_max = 16, 0..=1_000;
    /// Processes of one agent that are kept for the next turn of their context.
    warm_per_agent_max = 4, 0..=10_000;
    /// How long one is kept, in milliseconds.
    warm_idle_ms_max = 600_000, 1..=DAY_S * 1000;
    /// Large answers in the words of an older generation, or by gRPC, that clients are reading, in bytes.
    copied_bytes_max = 256 << 20, 1_048_576..=TIB;
    /// The longest line of an agent's protocol, in bytes.
    line_bytes_max = 16 << 20, 1_024..=1 << 30;
    /// How long an agent may take to end after it has said how its turn ended, in milliseconds.
    exit_grace_ms = 2_000, 0..=600_000;
    /// How long an interrupted agent may take to say so before it is asked by signal, in milliseconds.
    interrupt_grace_ms = 400, 0..=600_000;
    /// From the wish to stop an agent until all of it is killed, in milliseconds.
    kill_grace_ms = 1_500, 0..=600_000;
    /// From asking an adapter to end its turn until it is dropped, in milliseconds.
    stop_grace_ms = 5_000, 0..=600_000;
    /// How long a server that is asked to stop goes on as before, but says that it is not ready (`/readyz`), in milliseconds.
    drain_ms = 0, 0..=DAY_S * 1000;
    /// How long running turns may go on when the server stops, in milliseconds.
    shutdown_grace_ms = 5_000, 0..=DAY_S * 1000;
    /// How often the files of issued tokens, of issuers' keys and of TLS are looked at, in milliseconds.
    files_reload_ms = 1_000, 100..=DAY_S * 1000;
    /// How often an issuer's keys are fetched, in milliseconds.
    jwks_refresh_ms = 3_600_000, 1_000..=DAY_S * 1000;
    /// The least time between two fetches of them, in milliseconds: after one that failed, or for a token whose key is not known.
    jwks_retry_ms = 10_000, 100..=3_600_000;
    /// How long fetching them may take, in milliseconds.
    jwks_fetch_ms_max = 10_000, 1..=600_000;
    /// A set of keys, or what an issuer tells of where it is, in bytes.
    jwks_bytes_max = 1 << 20, 1_024..=1 << 26;
    /// How long a workspace may be unused before it is removed, in milliseconds.
    workspace_idle_ms = 7 * DAY_S * 1000, 1..=366 * DAY_S * 1000;
    /// Workspaces of one agent; beyond them the longest unused one is removed.
    workspaces_per_agent_max = 64, 1..=100_000;
    /// Workspaces of one caller of an agent; beyond them his longest unused one is removed.
    workspaces_per_caller_max = 32, 1..=100_000;
    /// How long one git command of ours may take, in milliseconds.
    git_ms_max = 60_000, 1..=DAY_S * 1000;
    /// Changed files of a turn that are given whole.
    changed_files_max = 100, 0..=100_000;
    /// What they have together, in bytes.
    changed_bytes_max = 8 << 20, 0..=1 << 30;
    /// Changed files of a turn that are listed.
    changed_listed_max = 1_000, 1..=100_000;
    /// The longest patch of a turn that is given, in bytes.
    patch_bytes_max = 8 << 20, 0..=1 << 30;
    /// Files and folders of a temporary workspace that are looked at.
    looked_files_max = 10_000, 1..=10_000_000;
    /// What is read of them to compare, in bytes.
    looked_bytes_max = 256 << 20, 0..=TIB;
    /// Open connections in all.
    connections_max = 10_000, 1..=1_000_000;
    /// Open connections of one source; does not hold for loopback.
    connections_per_source_max = 512, 1..=1_000_000;
    /// Requests under way on one connection, where it can have several (HTTP/2).
    streams_per_connection_max = 64, 1..=1_000_000;
    /// From a request's first byte to the end of its headers, in milliseconds.
    header_read_ms_max = 10_000, 1..=600_000;
    /// From a connection's beginning until TLS is agreed on, in milliseconds.
    tls_handshake_ms_max = 10_000, 1..=600_000;
    /// How long a certificate of `tls = "auto"` is good, in seconds; after half of it there is another one.
    tls_auto_s = 7 * DAY_S, 10..=366 * DAY_S;
    /// How long a connection may be open between two requests, in milliseconds.
    idle_ms_max = 60_000, 1..=DAY_S * 1000;
    /// How long a client may take nothing while something is there to be written, in milliseconds.
    write_stall_ms_max = 60_000, 1..=DAY_S * 1000;
    /// Header lines of a request.
    headers_max = 64, 8..=1_000;
    /// Request line and headers together, in bytes.
    header_bytes_max = 16 << 10, 1_024..=1 << 20;
    /// A request's target, in bytes.
    uri_bytes_max = 8 << 10, 64..=1 << 16;
    /// A whole body, in milliseconds.
    body_read_ms_max = 30_000, 1..=DAY_S * 1000;
    /// What a body must bring each second, in bytes.
    body_bytes_per_s_min = 1 << 10, 0..=1 << 30;
    /// How long a body may lag behind that, in milliseconds.
    body_lag_ms_max = 5_000, 1..=600_000;
    /// How long a refused client's bytes are thrown away, so that it reads the answer, in milliseconds.
    linger_ms_max = 2_000, 0..=60_000;
    /// How much is thrown away so, in bytes.
    linger_bytes_max = 4 << 20, 0..=1 << 30;
    /// Refusals of one source that are told and written down in a minute. A valid token is never limited by it.
    failures_per_minute_max = 20, 1..=1_000_000;
    /// What the audit keeps unwritten before requests wait, in bytes.
    audit_bytes_max = 1 << 20, 4_096..=1 << 30;
    /// How long a request waits for room in the audit before it is refused, in milliseconds.
    audit_wait_ms_max = 5_000, 0..=600_000;
    /// When the audit begins another file, in bytes.
    audit_file_bytes_max = 64 << 20, 1 << 10..=TIB;
    /// Full files of the audit that are kept.
    audit_files_max = 16, 0..=100_000;
    /// Lines of the audit after which a head is signed.
    audit_head_lines = 1_000, 1..=1_000_000;
    /// How long a line of the audit is under no head, in milliseconds.
    audit_head_ms = 60_000, 1..=DAY_S * 1000;
    /// Lines of the audit that `/admin/audit` shows: the last ones.
    audit_shown_max = 1_000, 0..=100_000;
    /// How often an idle stream gets a comment, in milliseconds.
    keep_alive_ms = 15_000, 100..=600_000;
    /// Push notification configs of a task.
    push_configs_per_task_max = 16, 1..=1_000;
    /// Push notification configs whose tasks can go on, in all.
    push_followed_max = 1_000, 1..=100_000;
    /// The same of one caller.
    push_followed_per_caller_max = 256, 1..=100_000;
    /// Webhooks' names that are looked up at the same time, in all.
    push_lookups_max = 64, 1..=500;
    /// The same for one caller.
    push_lookups_per_caller_max = 4, 1..=500;
    /// For a webhook's name to be resolved, and again for its answer to come, in milliseconds.
    push_timeout_ms = 10_000, 1..=600_000;
    /// How often one notification is tried before its webhook is given up.
    push_attempts_max = 10, 1..=1_000;
    /// The pause after the first failure, in milliseconds; each further one doubles it.
    push_backoff_ms = 500, 1..=600_000;
    /// The longest pause between two attempts, in milliseconds.
    push_backoff_ms_max = 60_000, 1..=DAY_S * 1000;
    /// A receiver that fails so often in a row rests.
    push_breaker_failures = 5, 1..=1_000_000;
    /// How long it rests, in milliseconds.
    push_breaker_ms = 30_000, 0..=DAY_S * 1000;
    /// How long a server that stops goes on telling webhooks what has happened, in milliseconds.
    push_shutdown_grace_ms = 2_000, 0..=600_000;
}
