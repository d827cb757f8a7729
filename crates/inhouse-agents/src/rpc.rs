//! JSON-RPC in lines, as agents speak it on their standard input and output: both sides ask, and both sides answer.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::lenient::{Object, Scalar};
use crate::lines::line_of;

/// The code of JSON-RPC for a method that does not exist.
const METHOD_NOT_FOUND: i64 = -32601;

/// A request, a notification or an answer.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "P: DeserializeOwned, R: DeserializeOwned"))]
pub(crate) struct Message<P, R> {
    #[serde(default)]
    id: Scalar,
    #[serde(default)]
    method: Scalar,
    #[serde(default)]
    params: Object<P>,
    #[serde(default)]
    result: Object<R>,
    #[serde(default)]
    error: Object<Fault>,
}

/// What a message is.
pub(crate) enum Heard<P, R> {
    /// Something that happened: its name, and what there is to say of it.
    Told(Scalar, P),
    /// Something that must be answered: its id, its name, and what is asked.
    Asked(Scalar, Scalar, P),
    /// The answer to our request of this id.
    Answered(Scalar, Result<R, Fault>),
}

impl<P: Default, R: Default> Message<P, R> {
    /// What it is. A request has an id and a name, an answer an id alone.
    pub(crate) fn heard(self) -> Heard<P, R> {
        let params = self.params.0.unwrap_or_default();
        match (self.method.text(), &*self.id) {
            ("", _) => {
                let answer = match self.error.0 {
                    Some(fault) => Err(fault),
                    None => Ok(self.result.0.unwrap_or_default()),
                };
                Heard::Answered(self.id, answer)
            }
            (_, Value::Null) => Heard::Told(self.method, params),
            (_, _) => Heard::Asked(self.id, self.method, params),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fault {
    pub(crate) code: Scalar,
    pub(crate) message: Scalar,
    pub(crate) data: Object<FaultData>,
}

/// What agents add to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FaultData {
    pub(crate) details: Scalar,
    pub(crate) error_name: Scalar,
}

/// The line of a request.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    line_of(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// The line of a notification.
pub(crate) fn notification(method: &str, params: &Value) -> Vec<u8> {
    line_of(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// The line that answers a request.
pub(crate) fn answer(id: &Value, result: &Value) -> Vec<u8> {
    line_of(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// The line that answers a request that is not known: nobody waits for nothing.
pub(crate) fn not_supported(id: &Value) -> Vec<u8> {
    let error = json!({"code": METHOD_NOT_FOUND, "message": "this method is not supported"});
    line_of(&json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

/// The id of a request, as our name for it.
pub(crate) fn name_of(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}
