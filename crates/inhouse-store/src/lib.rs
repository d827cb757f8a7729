//! Task stores. The memory store is the default: nothing on disk, and no task survives the server.

mod memory;

pub use memory::{MemoryLimits, MemoryStore};
