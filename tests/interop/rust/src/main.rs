//! Clients of A2A 1.0 in Rust that others wrote, against a running server: a2a-client-lf (the official one) and a2a-protocol-client,
//! each over JSON-RPC and HTTP+JSON. What they read and write is compared as JSON, so that both go through the same steps.
//!
//! usage: inhouse-interop-rust URL TOKEN PROJECT_FOLDER WEBHOOK_PORT

mod lf;
mod protocol;
mod receiver;

use std::fmt::Debug;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use receiver::Receiver;

const STEP_MAX: Duration = Duration::from_secs(60);

/// What both clients can do, in JSON.
pub(crate) trait Client {
    async fn send(&self, request: Value) -> Result<Value, String>;
    /// All events, each shown to `seen` as it comes.
    async fn stream(&self, request: Value, seen: impl FnMut(&Value)) -> Result<Vec<Value>, String>;
    async fn subscribe(&self, id: &str, seen: impl FnMut(&Value)) -> Result<Vec<Value>, String>;
    async fn get(&self, id: &str) -> Result<Value, String>;
    async fn list(&self, context: &str) -> Result<Value, String>;
    async fn cancel(&self, id: &str) -> Result<Value, String>;
    async fn push_create(&self, config: Value) -> Result<Value, String>;
    async fn push_list(&self, task: &str) -> Result<Value, String>;
    async fn push_delete(&self, task: &str, id: &str) -> Result<(), String>;
}

/// JSON as a message of a client's own model.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| format!("{error}: {value}"))
}

/// A message of a client's own model as JSON.
pub(crate) fn written(value: &impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(said)
}

pub(crate) fn said(error: impl Debug) -> String {
    format!("{error:?}")
}

fn message(text: &str) -> Value {
    let id = uuid::Uuid::new_v4().to_string();
    json!({"message": {"messageId": id, "role": "ROLE_USER", "parts": [{"text": text}]}})
}

fn with(mut request: Value, member: &str, value: Value) -> Value {
    request["configuration"][member] = value;
    request
}

/// The text of a task's artifacts.
fn text_of(task: &Value) -> String {
    let artifacts = task["artifacts"].as_array().into_iter().flatten();
    let parts = artifacts.flat_map(|artifact| artifact["parts"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["text"].as_str()).collect()
}

/// The text that an event of a stream adds.
fn text_of_event(event: &Value) -> String {
    match event.get("artifactUpdate") {
        Some(update) => text_of(&json!({"artifacts": [update["artifact"]]})),
        None => text_of(&event["task"]),
    }
}

fn state(holder: &Value) -> &str {
    holder["status"]["state"].as_str().unwrap_or_default()
}

fn check(right: bool, seen: impl Debug) -> Result<(), String> {
    if right { Ok(()) } else { Err(format!("{seen:?}").chars().take(1_000).collect()) }
}

struct Lane<'a, C> {
    client: C,
    name: &'a str,
    folder: PathBuf,
    receiver: &'a Receiver,
    failed: u32,
}

impl<C: Client> Lane<'_, C> {
    async fn step(&mut self, name: &str, step: impl AsyncFnOnce(&Self) -> Result<(), String>) {
        let result = tokio::time::timeout(STEP_MAX, step(self)).await;
        match result.unwrap_or_else(|_| Err("not in time".to_owned())) {
            Ok(()) => println!("ok   {} {name}", self.name),
            Err(error) => {
                self.failed += 1;
                println!("FAIL {} {name}: {error}", self.name);
            }
        }
    }

    async fn task(&self, text: &str) -> Result<Value, String> {
        Ok(self.client.send(message(text)).await?["task"].clone())
    }

    fn open_gate(&self, name: &str) {
        let _ = std::fs::write(self.folder.join(name), "open");
    }

    async fn run(mut self) -> u32 {
        self.step("blocking_send: multi-byte text comes back exact", async |lane| {
            let text = "Grüße, 漢字 und 🦀\n".repeat(700);
            let task = lane.task(&format!("say {text}")).await?;
            check(state(&task) == "TASK_STATE_COMPLETED" && text_of(&task) == text, task)
        })
        .await;
        self.step("streaming_send: a stream brings task, chunks and the end", async |lane| {
            let gate = uuid::Uuid::new_v4().to_string();
            let open = |_: &Value| lane.open_gate(&gate);
            let events = lane.client.stream(message(&format!("count 200 {gate}")), open).await?;
            let text: String = events.iter().map(text_of_event).collect();
            let wanted: String = (0..200).map(|number| format!("{number} Zeile 漢🦀\n")).collect();
            let last = &events[events.len() - 1]["statusUpdate"];
            check(events[0]["task"].is_object() && state(last) == "TASK_STATE_COMPLETED" && text == wanted, last)
        })
        .await;
        self.step("get and list: a finished task can be found again", async |lane| {
            let sent = lane.task("say again").await?;
            let (id, context) =
                (sent["id"].as_str().unwrap_or_default(), sent["contextId"].as_str().unwrap_or_default());
            let task = lane.client.get(id).await?;
            check(text_of(&task) == "again" && task["history"][0]["parts"][0]["text"] == "say again", &task)?;
            let page = lane.client.list(context).await?;
            check(page["tasks"][0]["id"] == id && page["totalSize"] == 1, page)
        })
        .await;
        self.step("cancel: a waiting task is canceled", async |lane| {
            let task = lane.task("ask").await?;
            let canceled = lane.client.cancel(task["id"].as_str().unwrap_or_default()).await?;
            check(state(&canceled) == "TASK_STATE_CANCELED", canceled)
        })
        .await;
        self.step("subscribe: a second reader joins in mid-stream", async |lane| {
            let gate = uuid::Uuid::new_v4().to_string();
            let sent = with(message(&format!("gate {gate}")), "returnImmediately", true.into());
            let task = lane.client.send(sent).await?["task"].clone();
            let open = |event: &Value| {
                if text_of_event(event).contains("before") {
                    lane.open_gate(&gate);
                }
            };
            let events = lane.client.subscribe(task["id"].as_str().unwrap_or_default(), open).await?;
            let text: String = events.iter().map(text_of_event).collect();
            check(events[0]["task"].is_object() && text == "before\nafter\n", events)
        })
        .await;
        self.step("unknown_task: a task that never was is not found", async |lane| {
            let error = lane.client.get("nowhere").await.err().unwrap_or_default();
            check(error.contains("Task not found") || error.contains("TaskNotFound"), error)
        })
        .await;
        self.run_push().await;
        self.failed
    }

    async fn run_push(&mut self) {
        self.step("push_configs: whom to tell is made, listed and deleted", async |lane| {
            let task = lane.task("ask").await?;
            let id = task["id"].as_str().unwrap_or_default();
            let made = lane.client.push_create(json!({"taskId": id, "id": "one", "url": lane.receiver.url})).await?;
            check(made["url"] == lane.receiver.url.as_str(), made)?;
            let listed = lane.client.push_list(id).await?;
            check(listed["configs"][0]["id"] == "one", listed)?;
            lane.client.push_delete(id, "one").await?;
            let listed = lane.client.push_list(id).await?;
            check(listed["configs"].as_array().is_none_or(Vec::is_empty), listed)
        })
        .await;
        self.step("webhook: a receiver is told of the end", async |lane| {
            let token = uuid::Uuid::new_v4().to_string();
            let config = json!({"url": lane.receiver.url, "token": token});
            lane.client.send(with(message("say told"), "taskPushNotificationConfig", config)).await?;
            lane.receiver
                .wait_for(&token, |body| {
                    let over = if body["task"].is_object() { &body["task"] } else { &body["statusUpdate"] };
                    state(over) == "TASK_STATE_COMPLETED"
                })
                .await
        })
        .await;
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, token, folder, port] = words.as_slice() else {
        eprintln!("usage: inhouse-interop-rust URL TOKEN PROJECT_FOLDER WEBHOOK_PORT");
        return ExitCode::from(2);
    };
    let receiver = Receiver::new(port.parse().expect("a port"));
    let mut failed = 0;
    for binding in ["JSONRPC", "HTTP+JSON"] {
        let lane = |name| format!("{name} {binding}");
        let (folder, receiver) = (PathBuf::from(folder), &receiver);
        match lf::Lf::connect(url, token, binding).await {
            Ok(client) => {
                failed += Lane { client, name: &lane("a2a-client-lf"), folder: folder.clone(), receiver, failed: 0 }
                    .run()
                    .await
            }
            Err(error) => {
                println!("FAIL {}: {error}", lane("a2a-client-lf"));
                failed += 1;
            }
        }
        match protocol::Protocol::connect(url, token, binding).await {
            Ok(client) => {
                failed += Lane { client, name: &lane("a2a-protocol-client"), folder, receiver, failed: 0 }.run().await
            }
            Err(error) => {
                println!("FAIL {}: {error}", lane("a2a-protocol-client"));
                failed += 1;
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
