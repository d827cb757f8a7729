//! What is asked of a server, and what the specification wants for an answer.

use inhouse_client::{Binding, ClientError, EventStream};
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::send_message_response::Payload as Sent;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::wire::{is_interrupted, is_terminal};
use serde_json::{Value, json};

use super::probe::{Finding, Probe, Verdict, lacks, refused};
use crate::cli::send::request;

const NOWHERE: &str = "inhouse-inspect-no-such-task";
const TASK_NOT_FOUND: i64 = -32001;
const NOT_CANCELABLE: i64 = -32002;
const NO_PUSH: i64 = -32003;
const UNSUPPORTED: i64 = -32004;
const NO_EXTENDED_CARD: i64 = -32007;
const VERSION_UNKNOWN: i64 = -32009;
/// Events of one stream.
const EVENTS_MAX: usize = 100_000;

/// A check, the path below the endpoint, what is posted there, and the codes of which one refuses it.
type Case = (&'static str, &'static str, &'static str, &'static [i64]);
const RPC_CASES: &[Case] = &[
    ("no JSON", "", "{", &[-32700]),
    ("no request", "", r#"{"jsonrpc":"2.0","id":1}"#, &[-32600]),
    ("unknown method", "", r#"{"jsonrpc":"2.0","id":1,"method":"NoSuchMethod","params":{}}"#, &[-32601]),
    ("wrong parameters", "", r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":1}}"#, &[-32602]),
];
/// An error without a reason of A2A has the status of HTTP for its code.
const REST_CASES: &[Case] = &[
    ("no JSON", "/message:send", "{", &[400, -32700, -32602]),
    ("unknown method", "/no/such/method", "{}", &[404, -32601]),
    ("wrong parameters", "/message:send", r#"{"message":1}"#, &[-32602, 400]),
];

/// The findings, in the order of the specification's operations.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, section: &'static str, verdict: Verdict) {
        self.0.push(Finding { check, section, verdict });
    }
}

/// All checks.
pub(super) async fn all(probe: &Probe<'_>, text: &str, webhook: Option<&str>) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    findings.add("agent card", "4.4.1", Verdict::of(card(&probe.card)));
    let (verdict, task) = send(probe, text).await;
    findings.add("SendMessage", "3.1.1", verdict);
    match task {
        Some(task) => of_a_task(probe, &task, webhook, &mut findings).await,
        None => findings.add("tasks", "3.1", Verdict::Untried("the agent has answered without a task".to_owned())),
    }
    of_no_task(probe, &mut findings).await;
    streams(probe, text, &mut findings).await;
    extended_card(probe, &mut findings).await;
    envelope(probe, &mut findings).await;
    findings.0
}

fn card(card: &v1::AgentCard) -> Option<String> {
    // Clients of gRPC take a bare host and port, and some nothing else.
    let mut of_http = card.supported_interfaces.iter().filter(|interface| interface.protocol_binding != "GRPC");
    let relative = of_http.find(|interface| !interface.url.contains("://"));
    lacks(card).or_else(|| relative.map(|interface| format!("{:?} is no absolute address", interface.url)))
}

/// A message to a task that may not take it.
fn stray(task: &str) -> v1::SendMessageRequest {
    request(Content::Text("one more".to_owned()), None, Some(task.to_owned()))
}

async fn send(probe: &Probe<'_>, text: &str) -> (Verdict, Option<v1::Task>) {
    match probe.client.send(request(Content::Text(text.to_owned()), None, None)).await.map(|reply| reply.value) {
        Ok(Sent::Message(message)) => (Verdict::of(lacks(&message)), None),
        Ok(Sent::Task(task)) => {
            let state = task.status.as_ref().map(v1::TaskStatus::state).unwrap_or_default();
            let over = is_terminal(state) || is_interrupted(state);
            let early = || (!over).then(|| format!("it is {} when the call returns", state.as_str_name()));
            (Verdict::of(lacks(&task).or_else(early)), Some(task))
        }
        Err(error) => (Verdict::wrong(error.to_string()), None),
    }
}

async fn of_a_task(probe: &Probe<'_>, task: &v1::Task, webhook: Option<&str>, findings: &mut Findings) {
    let id = &task.id;
    let same = |got: Result<v1::Task, ClientError>| match got {
        Ok(got) if got.id != *id => Verdict::wrong(format!("task {:?} in place of {id:?}", got.id)),
        Ok(got) => Verdict::of(lacks(&got)),
        Err(error) => Verdict::wrong(error.to_string()),
    };
    findings.add("GetTask", "3.1.3", same(probe.call("GetTask", &json!({"id": id})).await));
    let short = probe.call::<v1::Task>("GetTask", &json!({"id": id, "historyLength": 0})).await;
    let has_history = short.as_ref().is_ok_and(|task| !task.history.is_empty());
    let verdict = if has_history { Verdict::wrong("there is a history all the same") } else { same(short) };
    findings.add("GetTask, historyLength 0", "3.2.4", verdict);
    findings.add("ListTasks", "3.1.4", list(probe, task).await);
    if task.status.as_ref().is_some_and(|status| is_terminal(status.state())) {
        let verdict = probe.refused("SendMessage", json!(stray(id)), UNSUPPORTED).await;
        findings.add("SendMessage, ended task", "3.1.1", verdict);
        let verdict = probe.refused("CancelTask", json!({"id": id}), NOT_CANCELABLE).await;
        findings.add("CancelTask, ended task", "3.1.5", verdict);
    } else {
        findings.add("CancelTask", "3.1.5", same(probe.call("CancelTask", &json!({"id": id})).await));
    }
    push(probe, id, webhook, findings).await;
}

async fn list(probe: &Probe<'_>, task: &v1::Task) -> Verdict {
    let page = match probe.call::<Value>("ListTasks", &json!({"contextId": task.context_id, "pageSize": 1})).await {
        Ok(page) => page,
        Err(error) => return Verdict::wrong(error.to_string()),
    };
    if !page["nextPageToken"].is_string() {
        return Verdict::wrong("there is no nextPageToken");
    }
    let Some(tasks) = page["tasks"].as_array() else { return Verdict::wrong("there is no array of tasks") };
    if tasks.len() != 1 || tasks[0]["id"] != task.id.as_str() {
        return Verdict::wrong("the task is not the first of its context");
    }
    if tasks[0].get("artifacts").is_some() {
        return Verdict::wrong("artifacts are there without includeArtifacts");
    }
    Verdict::of(serde_json::from_value::<v1::ListTasksResponse>(page).err().map(|error| error.to_string()))
}

async fn push(probe: &Probe<'_>, id: &str, webhook: Option<&str>, findings: &mut Findings) {
    let (create, get, list, delete) = (
        "CreateTaskPushNotificationConfig",
        "GetTaskPushNotificationConfig",
        "ListTaskPushNotificationConfigs",
        "DeleteTaskPushNotificationConfig",
    );
    let one = json!({"taskId": id, "id": "inhouse-inspect"});
    let url = webhook.unwrap_or("https://webhook.example/");
    let config = json!({"taskId": id, "id": "inhouse-inspect", "url": url});
    if !probe.offers(|offers| offers.push_notifications) {
        let calls = [
            (create, "3.1.7", config),
            (get, "3.1.8", one.clone()),
            (list, "3.1.9", json!({"taskId": id})),
            (delete, "3.1.10", one),
        ];
        for (method, section, params) in calls {
            findings.add(method, section, not_offered(probe.refused(method, params, NO_PUSH).await));
        }
        return;
    }
    if webhook.is_some() {
        let is_same = |made: &v1::TaskPushNotificationConfig| made.url == url && made.task_id == id;
        for (method, section, params) in [(create, "3.1.7", &config), (get, "3.1.8", &one)] {
            let verdict = match probe.call::<v1::TaskPushNotificationConfig>(method, params).await {
                Ok(made) if is_same(&made) => Verdict::of(lacks(&made)),
                Ok(_) => Verdict::wrong("it is another address, or of another task"),
                Err(error) => Verdict::wrong(error.to_string()),
            };
            findings.add(method, section, verdict);
        }
    } else {
        findings.add(create, "3.1.7", Verdict::Untried("name a webhook with --webhook".to_owned()));
        findings.add(get, "3.1.8", probe.refused(get, one.clone(), TASK_NOT_FOUND).await);
    }
    let listed = probe.call::<v1::ListTaskPushNotificationConfigsResponse>(list, &json!({"taskId": id})).await;
    let verdict = match listed {
        Ok(page) if page.configs.len() == usize::from(webhook.is_some()) => Verdict::Ok,
        Ok(page) => Verdict::wrong(format!("there are {} configurations", page.configs.len())),
        Err(error) => Verdict::wrong(error.to_string()),
    };
    findings.add(list, "3.1.9", verdict);
    // Deleting what is not there has the same effect as deleting what is.
    for _ in 0..2 {
        if let Err(error) = probe.call::<Value>(delete, &one).await {
            return findings.add(delete, "3.1.10", Verdict::wrong(error.to_string()));
        }
    }
    findings.add(delete, "3.1.10", Verdict::Ok);
}

async fn of_no_task(probe: &Probe<'_>, findings: &mut Findings) {
    for (method, check) in [("GetTask", "GetTask, unknown task"), ("CancelTask", "CancelTask, unknown task")] {
        findings.add(check, "5.4", probe.refused(method, json!({"id": NOWHERE}), TASK_NOT_FOUND).await);
    }
    let verdict = probe.refused("SendMessage", json!(stray(NOWHERE)), TASK_NOT_FOUND).await;
    findings.add("SendMessage, unknown task", "3.4.2", verdict);
}

async fn streams(probe: &Probe<'_>, text: &str, findings: &mut Findings) {
    let stream = probe.client.stream(request(Content::Text(text.to_owned()), None, None)).await;
    if !probe.offers(|offers| offers.streaming) {
        findings.add("SendStreamingMessage", "3.3.4", not_offered(refused(stream, UNSUPPORTED)));
        let verdict = probe.refused("SubscribeToTask", json!({"id": NOWHERE}), UNSUPPORTED).await;
        return findings.add("SubscribeToTask", "3.3.4", not_offered(verdict));
    }
    let (verdict, left) = match stream {
        Ok(stream) => followed(stream).await,
        Err(error) => (Verdict::wrong(error.to_string()), Left::Nothing),
    };
    findings.add("SendStreamingMessage", "3.1.2", verdict);
    match left {
        Left::Ended(id) => {
            let verdict = probe.refused("SubscribeToTask", json!({"id": id}), UNSUPPORTED).await;
            findings.add("SubscribeToTask, ended task", "3.1.6", verdict);
        }
        // CancelTask was judged by the first task.
        Left::Waiting(id) => drop(probe.call::<v1::Task>("CancelTask", &json!({"id": id})).await),
        Left::Nothing => {}
    }
    let verdict = probe.refused("SubscribeToTask", json!({"id": NOWHERE}), TASK_NOT_FOUND).await;
    findings.add("SubscribeToTask, unknown task", "3.1.6", verdict);
}

/// The task of a stream that was followed.
enum Left {
    /// There is none, or nothing is known of it.
    Nothing,
    Ended(String),
    /// It asks.
    Waiting(String),
}

/// Whether a stream goes as it should, and what it leaves.
async fn followed(mut stream: EventStream) -> (Verdict, Left) {
    let (mut id, mut over) = (None, false);
    for number in 0..EVENTS_MAX {
        let payload = match stream.next().await {
            Ok(Some(event)) => event.payload,
            Ok(None) => break,
            Err(error) => return (Verdict::wrong(error.to_string()), Left::Nothing),
        };
        let state = match (number, payload) {
            (0, Payload::Message(message)) => return (Verdict::of(lacks(&message)), Left::Nothing),
            (0, Payload::Task(task)) => {
                id = Some(task.id);
                task.status.as_ref().map(v1::TaskStatus::state)
            }
            (0, _) => return (Verdict::wrong("it does not begin with a task or a message"), Left::Nothing),
            (_, Payload::StatusUpdate(update)) => update.status.as_ref().map(v1::TaskStatus::state),
            (_, Payload::ArtifactUpdate(_)) => None,
            (_, Payload::Task(task)) => task.status.as_ref().map(v1::TaskStatus::state),
            (_, Payload::Message(_)) => return (Verdict::wrong("a message in its middle"), Left::Nothing),
        };
        over = state.map_or(over, |state| is_terminal(state) || is_interrupted(state));
        if state.is_some_and(is_interrupted) {
            return (Verdict::Ok, id.map_or(Left::Nothing, Left::Waiting));
        }
    }
    match id {
        _ if !over => (Verdict::wrong("it ends before its task does"), Left::Nothing),
        id => (Verdict::Ok, id.map_or(Left::Nothing, Left::Ended)),
    }
}

async fn extended_card(probe: &Probe<'_>, findings: &mut Findings) {
    let card = probe.call::<v1::AgentCard>("GetExtendedAgentCard", &json!({})).await;
    let verdict = if probe.offers(|offers| offers.extended_agent_card) {
        match card {
            Ok(extended) => Verdict::of(self::card(&extended)),
            Err(ClientError::Rpc(error)) if error.code == NO_EXTENDED_CARD => Verdict::NotOffered,
            Err(error) => Verdict::wrong(error.to_string()),
        }
    } else {
        not_offered(refused(card, UNSUPPORTED))
    };
    findings.add("GetExtendedAgentCard", "3.1.11", verdict);
}

async fn envelope(probe: &Probe<'_>, findings: &mut Findings) {
    let (path, known, section, cases) = match probe.binding {
        Binding::JsonRpc => {
            ("", r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"x"}}"#, "9.5", RPC_CASES)
        }
        Binding::HttpJson => ("/tasks/x:cancel", "{}", "11.6", REST_CASES),
    };
    let verdict = probe.body_refused("99.0", path, known, &[VERSION_UNKNOWN]).await;
    findings.add("A2A-Version that is unknown", "3.6.2", verdict);
    for (check, path, body, codes) in cases {
        findings.add(check, section, probe.body_refused("1.0", path, body, codes).await);
    }
}

/// What is refused in the right way is not offered.
fn not_offered(verdict: Verdict) -> Verdict {
    if matches!(verdict, Verdict::Ok) { Verdict::NotOffered } else { verdict }
}
