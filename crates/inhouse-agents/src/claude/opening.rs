//! The way to the first text of a process that may be kept: it says that it has begun, and that the helpers of its configuration have.
//! What it has started by then may stay; what it starts later ends with its turn.

use serde_json::{Value, json};

use crate::claude::line::Response;
use crate::dialogue::Said;
use crate::lines::line_of;

const INITIALIZE: &str = "initialize";
const HELPERS: &str = "mcp_status";

/// The opening of one process.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The line with the caller's text, until it is given.
    text: Option<Vec<u8>>,
    knows_helpers: bool,
}

impl Opening {
    /// Before the first request, which is the second value.
    pub(crate) fn new(text: Vec<u8>) -> (Self, Vec<u8>) {
        (Self { text: Some(text), knows_helpers: false }, request(INITIALIZE))
    }

    /// Whether the process has told that its helpers have begun.
    pub(crate) fn knows_helpers(&self) -> bool {
        self.knows_helpers
    }

    /// Takes an answer of the process. One that knows a request of ours not is ready as it is.
    pub(crate) fn answered(&mut self, response: &Response, said: &mut Said) {
        if self.text.is_none() {
            return;
        }
        let is_known = response.subtype.text() == "success";
        match response.request_id.text() {
            INITIALIZE if is_known => said.replies.push(request(HELPERS)),
            HELPERS if is_known && response.has_pending_servers() => said.again = Some(request(HELPERS)),
            id @ (INITIALIZE | HELPERS) => {
                self.knows_helpers = is_known && id == HELPERS;
                self.text.take().into_iter().for_each(|text| said.begin(text));
            }
            _ => {}
        }
    }
}

/// A request of that name, which is its id as well.
pub(crate) fn request(name: &str) -> Vec<u8> {
    let request: Value = json!({"type": "control_request", "request_id": name, "request": {"subtype": name}});
    line_of(&request)
}
