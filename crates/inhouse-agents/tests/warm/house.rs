//! The agent, its turns, and what there is of its processes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use inhouse_agents::{AgentSpec, Limits, ProgramSpec, Protocol, build};
use inhouse_engine::agent::{Agent, End, Note, Turn};
use inhouse_engine::cancel::{Cancel, CancelSource};
use inhouse_run::{Options, Runner, Tier};
use inhouse_trust::{HostEnv, Input};

use crate::support::{Collected, command, permit_of, take_again, turn};

/// A case and its name, which is its promise.
pub(crate) type Case = (&'static str, fn());

/// Within this time what is to happen has happened.
const SOON: Duration = Duration::from_secs(10);
const MARK: &str = "WARM_MARK";

/// Speaks the protocol. `$0 $1` is the option with the conversation's id; each answer begins with the pid, the number of the turn in
/// this process and that option, and a word in the text does the rest.
const SCRIPT: &str = r#"
ok() { echo '{"type":"control_response","response":{"subtype":"success","request_id":"'$1'","response":{"mcpServers":['$2']}}}'; }
init() { echo '{"type":"system","subtype":"init"}'; }
says() { echo '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'"$1"'"}}}'; }
ends() { echo '{"type":"result","subtype":"success","is_error":false,"result":"'"$1"'"}'; }
setsid -f sleep 300 >/dev/null
asked=0; turns=0; cut=
while read -r line; do
  case $line in
  *initialize*) ok initialize ;;
  *mcp_status*) asked=$((asked + 1))
    if [ $asked -lt 3 ]; then ok mcp_status '{"status":"connected"},{"status":"pending"}'; continue; fi
    setsid -f sleep 300 >/dev/null; ok mcp_status '{"status":"connected"}' ;;
  *'"request_id":"interrupt"'*) echo '{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming"}' ;;
  *'"type":"user"'*) turns=$((turns + 1)); more=
    [ -z "$cut" ] || { cut=; ends stale; }
    case $line in *dies*) exit 1 ;; esac
    init
    case $line in
    *daemons*) setsid -f sleep 300; (setsid sh -c 'sleep 300 & exit' &); sleep 300 & ;;
    *hangs*) says begun; continue ;;
    *fails*) echo '{"type":"result","subtype":"error_max_turns","is_error":true}'; continue ;;
    *fills*) says "$(head -c 3000 /dev/zero | tr '\0' x)"; continue ;;
    *env*) more=" $A2A_CONTEXT_ID/$INHOUSE_HOPS/$A2A_TASK_ID/$A2A_TURN/$TRACEPARENT" ;;
    *asks*) echo '{"type":"control_request","request_id":"7","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"}}}'
      read -r told; case $told in *'"behavior":"allow"'*) more=' may' ;; *) more=' not' ;; esac ;;
    *works*) echo '{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"b"}]}' ;;
    *puts*) echo x > put ;;
    *oops*) echo oops >&2 ;;
    esac
    ends "$$ $turns $0$more"
    case $line in
    *chatters*) echo '{"type":"system","subtype":"task_updated"}'; echo 'no JSON'; echo noise >&2; cut=yes; printf 'no ' ;;
    *mumbles*) sleep 300; cut=yes; printf 'no '; : > "${TMPDIR:-/tmp}/warm-$WARM_MARK" ;;
    *acts*) sleep 0.1; init ;;
    *wants*) sleep 0.1; echo '{"type":"control_request","request_id":"9","request":{"subtype":"can_use_tool"}}' ;;
    *floods*) while :; do echo '{"type":"system","subtype":"status"}'; done ;;
    *leaves*) exit 0 ;;
    *closes*) exec >&- ;;
    esac ;;
  esac
done
"#;

/// An agent, its runner, and the mark of its processes.
pub(crate) struct House {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) runner: Runner,
    pub(crate) mark: String,
}

/// Runs a case in a runtime of its own.
pub(crate) fn run<F: Future<Output = ()>>(body: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), body).await.expect("the case takes too long")
    });
}

/// The bounds that differ from the usual ones.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

pub(crate) fn runner(tier: Tier) -> Runner {
    Runner::new(Options { tier: Some(tier), kill_grace_ms: 500, ..Options::default() }).unwrap()
}

impl House {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with(runner(Tier::Reaper), |spec| spec.limits = limits)
    }

    pub(crate) fn with(runner: Runner, change: impl FnOnce(&mut ProgramSpec)) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut command = command("/bin/sh", &["-c", SCRIPT], Input::Protocol);
        command.env_set.push((MARK.to_owned(), mark.clone()));
        let mut spec = ProgramSpec { keeps_conversations: true, ..ProgramSpec::new(command, Protocol::Claude) };
        change(&mut spec);
        let agent = build(AgentSpec::Program(Box::new(spec)), &runner, &HostEnv::new(std::env::vars_os()));
        Self { agent, runner, mark }
    }

    /// A turn of a caller in a context, to its end.
    pub(crate) async fn take(&self, caller: &str, context: &str, text: &str) -> (Collected, End) {
        let (_source, cancel) = CancelSource::new();
        let mut output = Collected::default();
        let end = self.take_into(&turn_of(caller, context, text, cancel), &mut output).await;
        (output, end)
    }

    pub(crate) async fn take_into(&self, turn: &Turn, output: &mut Collected) -> End {
        take_again(&self.agent, turn, output).await
    }

    /// A turn of ann's that ends well.
    pub(crate) async fn said(&self, context: &str, text: &str) -> Said {
        self.said_to("ann", context, text).await
    }

    pub(crate) async fn said_to(&self, caller: &str, context: &str, text: &str) -> Said {
        let (output, end) = self.take(caller, context, text).await;
        assert_eq!(end, End::Completed(Note::default()), "{:?}", output.events);
        Said::read(&output.text)
    }

    /// All living processes of the agent.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let wanted = format!("{MARK}={}", self.mark);
        let marked = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        let pids = std::fs::read_dir("/proc").unwrap().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(marked).collect()
    }

    /// Waits until so many of them are seen: one that executes another program at this moment shows no environment for a while.
    pub(crate) async fn see(&self, count: usize) -> Vec<u32> {
        assert!(self.alive().len() <= count, "{:?}", self.alive());
        let mut seen = Vec::new();
        eventually("the processes live", || {
            seen = self.alive();
            seen.len() == count
        })
        .await;
        seen
    }

    /// Whether a process of the agent lives.
    pub(crate) fn has(&self, pid: u32) -> bool {
        self.alive().contains(&pid)
    }

    /// Waits until nothing of the agent lives.
    pub(crate) async fn is_empty(&self) {
        eventually("no process of the agent lives", || self.alive().is_empty()).await;
    }
}

/// What the agent said of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) pid: u32,
    pub(crate) turns: u32,
    pub(crate) option: String,
    pub(crate) more: String,
}

impl Said {
    pub(crate) fn read(text: &str) -> Self {
        let words: Vec<_> = text.split(' ').collect();
        let [pid, turns, option, more @ ..] = words.as_slice() else { panic!("{text}") };
        let (pid, turns) = (pid.parse().unwrap(), turns.parse().unwrap());
        Self { pid, turns, option: (*option).to_owned(), more: more.join(" ") }
    }
}

pub(crate) fn turn_of(caller: &str, context: &str, text: &str, cancel: Cancel) -> Turn {
    Turn { permit: permit_of(caller), context_id: context.into(), ..turn(text, cancel) }
}

/// Waits for a condition, but not for long.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
