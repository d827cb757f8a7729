//! The one JSON object that a program of the native contract reads from its standard input.

use inhouse_engine::agent::Turn;
use inhouse_proto::v1;
use serde::Serialize;

use crate::files::{File, Folder};

/// The version of the contract.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    version: u32,
    task_id: &'a str,
    context_id: &'a str,
    turn: u32,
    message: &'a v1::Message,
    history: &'a [v1::Message],
    accepted_output_modes: &'a [String],
    files: Vec<&'a File>,
}

/// The object of a turn, with a line feed.
pub(crate) fn input(turn: &Turn, folder: &Folder) -> Vec<u8> {
    let input = Input {
        version: VERSION,
        task_id: &turn.task_id,
        context_id: &turn.context_id,
        turn: turn.number,
        message: &turn.message,
        history: &turn.history,
        accepted_output_modes: &turn.accepted_output_modes,
        files: folder.files().collect(),
    };
    let mut bytes = serde_json::to_vec(&input).expect("a turn came as JSON, and our file names are UTF-8");
    bytes.push(b'\n');
    bytes
}
