//! How long an agent may say nothing: until its first word or deed, and between any two signs of life.

use std::time::Duration;

use tokio::time::Instant;

use crate::process::Limits;

/// The clocks of one process.
#[derive(Debug)]
pub(crate) struct Silence {
    began: Instant,
    wrote: Instant,
    spoke: bool,
    broken: Option<String>,
    limits: Limits,
}

impl Silence {
    /// A process that begins now.
    pub(crate) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self { began: now, wrote: now, spoke: false, broken: None, limits }
    }

    /// It has written something, or was given something new to do.
    pub(crate) fn wrote(&mut self) {
        self.wrote = Instant::now();
    }

    /// It has said or done something that its caller sees.
    pub(crate) fn spoke(&mut self) {
        self.spoke = true;
    }

    /// When it is too late.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.first().into_iter().chain(self.idle()).min()
    }

    /// It is too late.
    pub(crate) fn broken(&mut self) {
        let (what, limit) = match (self.first(), self.idle()) {
            (Some(first), idle) if idle.is_none_or(|idle| first <= idle) => {
                ("said nothing", self.limits.first_event_ms)
            }
            _ => ("wrote nothing", self.limits.idle_ms),
        };
        self.broken = Some(format!("the agent {what} for {} ms", limit.unwrap_or_default()));
    }

    /// Why the turn was ended, if it was for this.
    pub(crate) fn verdict(&self) -> Option<String> {
        self.broken.clone()
    }

    fn first(&self) -> Option<Instant> {
        let limit = self.limits.first_event_ms.filter(|_| !self.spoke)?;
        Some(self.began + Duration::from_millis(limit))
    }

    fn idle(&self) -> Option<Instant> {
        Some(self.wrote + Duration::from_millis(self.limits.idle_ms?))
    }
}
