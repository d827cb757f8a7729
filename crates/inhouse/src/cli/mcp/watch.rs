//! A task while it works: its events are folded into a transcript, the client hears of its progress, and every wait has an end.

use std::time::{Duration, Instant};

use inhouse_client::ClientError;
use inhouse_proto::wire::{is_interrupted, is_terminal};
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio::time::{interval, sleep_until, timeout};

use super::report::clipped;
use crate::cli::source::Source;
use crate::cli::text::{one_line, state_name};
use crate::cli::transcript::{Step, Transcript};

/// How often the client may hear of more text.
const PULSE: Duration = Duration::from_secs(1);
/// Pulses without news, after which the client hears that the task still works.
const QUIET_PULSES_MAX: u32 = 10;
/// A client that takes no notification for so long misses it.
const NOTIFY_WAIT: Duration = Duration::from_secs(1);
const NOTICE_BYTES_MAX: usize = 300;

/// How watching ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The task has ended, or it asks.
    Answered,
    /// The wait is over; the task goes on.
    Late,
    /// The answer is larger than is kept; the task goes on.
    TooLong,
    /// The client has canceled the call, or has gone.
    Stopped,
    /// The server can not be read any more; the task may go on.
    Lost(ClientError),
}

/// Reads events until the task has ended or asks, as long as the call may wait.
pub(super) async fn watch(
    source: &mut Source,
    transcript: &mut Transcript,
    context: &RequestContext<RoleServer>,
    wait: Duration,
) -> Ended {
    let mut progress = Progress::of(context);
    let deadline = tokio::time::Instant::now() + wait;
    let mut pulse = interval(PULSE);
    loop {
        // Kept over the pulses: what it waits for may take longer than one.
        let next = source.next();
        tokio::pin!(next);
        let next = loop {
            tokio::select! {
                biased;
                () = context.ct.cancelled() => return Ended::Stopped,
                () = sleep_until(deadline) => return Ended::Late,
                _ = pulse.tick() => progress.pulse(transcript).await,
                next = &mut next => break next,
            }
        };
        let payload = match next {
            Ok(Some(payload)) => payload,
            Ok(None) => return Ended::Answered,
            Err(error) => return Ended::Lost(error),
        };
        match transcript.apply(&payload) {
            Ok(steps) => progress.tell(steps).await,
            Err(_) => return Ended::TooLong,
        }
        if transcript.state.is_some_and(|state| is_terminal(state) || is_interrupted(state)) {
            return Ended::Answered;
        }
    }
}

/// The task's id, where it is not known yet: read for a moment more.
pub(super) async fn id_of(source: &mut Source, transcript: &mut Transcript, wait: Duration) -> Option<String> {
    let _ = timeout(wait, async {
        while transcript.task_id.is_none() {
            let Ok(Some(payload)) = source.next().await else { break };
            let _ = transcript.apply(&payload);
        }
    })
    .await;
    transcript.task_id.clone()
}

/// What a client hears of a call that is not answered yet, if it wants to.
struct Progress {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    begun: Instant,
    count: u32,
    /// The last line of the text that was not told yet.
    line: String,
    quiet_pulses: u32,
}

impl Progress {
    fn of(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        let peer = context.peer.clone();
        Self { peer, token, begun: Instant::now(), count: 0, line: String::new(), quiet_pulses: 0 }
    }

    async fn tell(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Text(text) => self.line = last_line(&std::mem::take(&mut self.line), &text),
                Step::Withdrawn => self.line.clear(),
                Step::File(file) => self.say(&format!("file: {file}")).await,
                Step::Status(state, None) => self.say(state_name(state)).await,
                Step::Status(_, Some(note)) => self.say(&note).await,
            }
        }
    }

    async fn pulse(&mut self, transcript: &Transcript) {
        self.quiet_pulses += 1;
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.say(&line).await;
        } else if self.quiet_pulses >= QUIET_PULSES_MAX {
            let state = transcript.state.map_or("waiting for the agent", state_name);
            self.say(&format!("{state}, {} s", self.begun.elapsed().as_secs())).await;
        }
    }

    async fn say(&mut self, message: &str) {
        self.quiet_pulses = 0;
        let Some(token) = self.token.clone() else { return };
        self.count += 1;
        let message = one_line(clipped(message, NOTICE_BYTES_MAX)).into_owned();
        let told = ProgressNotificationParam::new(token, f64::from(self.count)).with_message(message);
        let _ = timeout(NOTIFY_WAIT, self.peer.notify_progress(told)).await;
    }
}

/// The last line that says something, of a line and of what follows it.
fn last_line(before: &str, text: &str) -> String {
    let whole = format!("{before}{text}");
    let line = whole.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    clipped(line, NOTICE_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_told() {
        for (before, text, line) in [("", "a\nb", "b"), ("b", "c\n\n", "bc"), ("x", "\n \n", "x"), ("", "", "")] {
            assert_eq!(last_line(before, text), line);
        }
    }
}
