//! Tasks as people read them. Pure.

use inhouse_proto::json::Timestamp;
use inhouse_proto::v1::{Task, TaskState};

use super::text::{ago, one_line, state_name, table};
use super::transcript::{note_of, text_of};

/// A page of the list; its head stands once, above the first page.
pub(crate) fn list(tasks: &[Task], with_head: bool, now_ms: i64) -> String {
    if tasks.is_empty() {
        return "no tasks\n".to_owned();
    }
    let head = ["TASK", "STATE", "UPDATED", "CONTEXT"].map(str::to_owned).to_vec();
    let rows = tasks.iter().map(|task| {
        vec![
            one_line(&task.id).into_owned(),
            state_name(state(task)).to_owned(),
            updated(task, now_ms),
            one_line(&task.context_id).into_owned(),
        ]
    });
    table(&with_head.then_some(head).into_iter().chain(rows).collect::<Vec<_>>())
}

/// A task in one line.
pub(crate) fn line(task: &Task) -> String {
    format!("task {}: {}\n", one_line(&task.id), state_name(state(task)))
}

/// A task with all that it says.
pub(crate) fn task(task: &Task, now_ms: i64) -> String {
    let mut rows = vec![
        row("task", one_line(&task.id)),
        row("state", state_name(state(task))),
        row("updated", updated(task, now_ms)),
        row("context", one_line(&task.context_id)),
    ];
    let note = task.status.as_ref().and_then(|status| status.message.as_ref()).map(|message| note_of(&message.parts));
    if let Some(note) = note.filter(|note| !note.is_empty()) {
        rows.push(row("says", one_line(note.trim_end())));
    }
    let mut out = table(&rows);
    for artifact in &task.artifacts {
        let name = if artifact.name.is_empty() { &artifact.artifact_id } else { &artifact.name };
        out.push_str(&format!("\n{}\n", one_line(name)));
        let text = text_of(&artifact.parts);
        out.push_str(&text);
        if !text.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn state(task: &Task) -> TaskState {
    task.status.as_ref().map_or(TaskState::Unspecified, |status| status.state())
}

fn updated(task: &Task, now_ms: i64) -> String {
    match task.status.as_ref().and_then(|status| status.timestamp.as_ref()) {
        Some(Timestamp { millis }) => ago(now_ms, *millis),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_MS: i64 = 1_767_225_600_000;

    fn example(id: &str, state: &str) -> Task {
        serde_json::from_value(json!({
            "id": id, "contextId": "c1",
            "status": {"state": state, "timestamp": "2025-12-31T23:58:00Z", "message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "a\nb"}]}},
            "artifacts": [{"artifactId": "answer", "parts": [{"text": "one"}, {"text": " two"}]}, {"artifactId": "x", "name": "log", "parts": [{"text": "l\n"}]}],
        }))
        .unwrap()
    }

    #[test]
    fn tasks_are_listed_in_aligned_columns() {
        let tasks = [
            example("t1", "TASK_STATE_WORKING"),
            example("longer-id", "TASK_STATE_INPUT_REQUIRED"),
            Task { id: "bare\u{1b}".into(), ..Task::default() },
        ];
        let expected = "\
TASK        STATE           UPDATED  CONTEXT
t1          working         2m ago   c1
longer-id   input-required  2m ago   c1
bare\\u{1b}  unknown         -
";
        assert_eq!(list(&tasks, true, NOW_MS), expected);
        assert_eq!(list(&tasks[..1], false, NOW_MS), "t1  working  2m ago  c1\n");
        assert_eq!(list(&[], true, NOW_MS), "no tasks\n");
    }

    #[test]
    fn a_task_is_shown_with_all_that_it_says() {
        let expected = "\
task     t1
state    completed
updated  2m ago
context  c1
says     a\\u{a}b

answer
one two

log
l
";
        assert_eq!(task(&example("t1", "TASK_STATE_COMPLETED"), NOW_MS), expected);
        assert_eq!(line(&example("t1", "TASK_STATE_CANCELED")), "task t1: canceled\n");
    }
}
