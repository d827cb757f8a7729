//! What a run may use: its processes share these bounds, however many they are.

use std::fmt;

/// What all processes of a run may use together. They are held where a run has a supervisor, which ends the whole run when it uses more; by the
/// kernel, where it has a [control group](crate::Options::cgroup).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Memory that is not a file's, in bytes, with what of it is swapped out. What processes share counts once.
    pub memory_bytes_max: Option<u64>,
    /// Processes and their threads, at a time.
    pub processes_max: Option<u32>,
}

/// What a run has used more of than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Memory.
    Memory,
    /// Processes and threads.
    Processes,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
        })
    }
}

/// What control groups of their own do for runs, beside ending all that is in them. The kernel holds these bounds at each moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cgroup {
    /// They bound memory, that of files in memory with it.
    pub memory: bool,
    /// They bound processes and threads.
    pub processes: bool,
}

impl fmt::Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("memory", self.memory), ("pids", self.processes), ("kill", true)];
        let parts: Vec<_> = parts.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        f.write_str(&parts.join(", "))
    }
}
