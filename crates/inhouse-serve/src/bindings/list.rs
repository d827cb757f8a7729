//! `ListTasks` (spec 3.1.4): pages of a caller's tasks, bounded in tasks and in bytes.

use inhouse_engine::store::{Filter, Page, Place};
use inhouse_proto::error::A2aError;
use inhouse_proto::json;
use inhouse_proto::snapshot::{Pieces, View};
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::quoted;
use inhouse_trust::Operation;

use super::Call;
use super::checked::{history_length, is_id};

const PAGE_SIZE_DEFAULT: i32 = 50;
pub(super) const PAGE_SIZE_MAX: i32 = 100;
/// A page ends with the task that makes it as large as this.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// A page, and what of each task the caller wants to see.
pub(crate) struct ListPage {
    page: Page,
    view: View,
    page_size: i32,
}

/// Answers one call.
pub(crate) async fn list(call: &Call<'_>, params: v1::ListTasksRequest) -> Result<ListPage, A2aError> {
    let page_size = params.page_size.unwrap_or(PAGE_SIZE_DEFAULT);
    let artifacts = params.include_artifacts.unwrap_or(false);
    let view = View { history_length: history_length(params.history_length), artifacts };
    let filter = Filter {
        context_id: Some(params.context_id.as_str()).filter(|id| !id.is_empty()).map(Into::into),
        state: Some(params.status()).filter(|state| *state != TaskState::Unspecified),
        since_ms: params.status_timestamp_after.as_ref().map(|time| time.millis),
        after: page_token(&params.page_token)?,
        limit: usize::try_from(page_size).unwrap_or(1),
        artifacts,
    };
    let page = call.endpoint.engine.list(&call.permit(Operation::List)?, &filter).await?;
    Ok(ListPage { page, view, page_size })
}

impl ListPage {
    /// Adds the v1 `ListTasksResponse` as JSON.
    pub(crate) fn write_v1(self, out: &mut Pieces) {
        write_page(self.page, self.view, self.page_size, PAGE_BYTES_MAX, out);
    }

    /// The same as a message.
    pub(crate) fn into_v1(self) -> Result<v1::ListTasksResponse, A2aError> {
        let mut out = Pieces::default();
        self.write_v1(&mut out);
        Ok(json::decode_own(&out.finish().concat())?)
    }
}

/// About what a small task takes in a list.
const TASK_BYTES: usize = 640;

fn write_page(page: Page, view: View, page_size: i32, bytes_max: usize, out: &mut Pieces) {
    out.reserve(page.tasks.len() * TASK_BYTES);
    out.copy(b"{\"tasks\":[");
    let mut next = page.next;
    let mut last: Option<Place> = None;
    for task in page.tasks {
        if last.is_some() {
            if out.bytes() >= bytes_max {
                next = last;
                break;
            }
            out.copy(b",");
        }
        task.write_v1(view, out);
        last = Some(Place { time_ms: task.status_time_ms, id: task.id });
    }
    out.copy(b"],\"nextPageToken\":");
    out.copy(&quoted(&next.as_ref().map(token_of).unwrap_or_default()));
    out.copy(format!(",\"pageSize\":{page_size},\"totalSize\":{}}}", page.total).as_bytes());
}

/// The token that a page begins with.
pub(super) fn token_of(place: &Place) -> String {
    format!("{:x}.{}", place.time_ms, place.id)
}

/// Where a page begins: the place of the last task of the page before. It says nothing about tasks of others, so a foreign
/// token shows its bearer nothing but its own tasks.
pub(super) fn page_token(token: &str) -> Result<Option<Place>, A2aError> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = token.split_once('.').and_then(|(time, id)| {
        let time_ms = i64::from_str_radix(time, 16).ok()?;
        // No sign: nothing of ours was written before the epoch.
        (is_id(id) && time.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| Place { time_ms, id: id.into() })
    });
    place.map(Some).ok_or_else(|| A2aError::invalid("pageToken", "is not a token of this server"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use inhouse_proto::snapshot::Snapshot;

    fn task(id: &str, time_ms: i64) -> Snapshot {
        Snapshot {
            id: id.into(),
            context_id: "c".into(),
            head: inhouse_proto::snapshot::head(id, "c"),
            generation: 1,
            state: TaskState::Completed,
            status_time_ms: time_ms,
            status: Bytes::from_static(b"{}"),
            history: vec![format!("\"{}\"", "x".repeat(1000)).into()],
            artifacts: Vec::new(),
            metadata: None,
            message: None,
            label: 0,
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_and_says_where_the_next_begins() {
        for (bytes_max, kept, token) in
            [(10_000, vec!["a", "b", "c"], "1.z"), (2_000, vec!["a", "b"], "10.b"), (10, vec!["a"], "11.a")]
        {
            let tasks = vec![task("a", 17), task("b", 16), task("c", 15)];
            let page = Page { tasks, next: Some(Place { time_ms: 1, id: "z".into() }), total: 9 };
            let mut out = Pieces::default();
            write_page(page, View::ALL, 3, bytes_max, &mut out);
            let json: serde_json::Value = serde_json::from_slice(&out.finish().concat()).unwrap();
            let tasks = json["tasks"].as_array().unwrap();
            let ids: Vec<_> = tasks.iter().map(|task| task["id"].as_str().unwrap()).collect();
            assert_eq!((ids, &json["nextPageToken"]), (kept, &token.into()));
            assert_eq!(json["totalSize"], 9);
        }
    }
}
