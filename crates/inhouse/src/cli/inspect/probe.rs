//! Calls of a server that is judged, by one of its bindings: as they are, with the errors that the specification wants.

use inhouse_client::{Binding, Client, ClientError};
use inhouse_proto::v1;
use inhouse_proto::validate::Validate;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::problem::Problem;

/// The longest that is told of a finding.
const DETAIL_CHARS_MAX: usize = 200;

/// What a check has shown.
pub(super) enum Verdict {
    /// As the specification has it.
    Ok,
    /// Not so, and how.
    Wrong(String),
    /// The card does not offer it, and it is refused in the right way.
    NotOffered,
    /// It was not tried, and why.
    Untried(String),
}

/// One check of a server.
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) section: &'static str,
    pub(super) verdict: Verdict,
}

/// A server that is judged.
pub(super) struct Probe<'a> {
    pub(super) client: &'a Client,
    pub(super) binding: Binding,
    pub(super) card: v1::AgentCard,
}

impl Finding {
    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.verdict, Verdict::Wrong(_))
    }
}

impl Verdict {
    pub(super) fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Ok => ("ok", ""),
            Self::Wrong(how) => ("wrong", how),
            Self::NotOffered => ("not offered", ""),
            Self::Untried(why) => ("not tried", why),
        }
    }

    /// Wrong, and how.
    pub(super) fn wrong(how: impl Into<String>) -> Self {
        Self::Wrong(how.into().chars().take(DETAIL_CHARS_MAX).collect())
    }

    /// Ok where nothing is wrong.
    pub(super) fn of(wrong: Option<String>) -> Self {
        wrong.map_or(Self::Ok, Self::wrong)
    }
}

impl<'a> Probe<'a> {
    /// Reads the card. A server that can not be reached, or does not know the caller, is not judged.
    pub(super) async fn new(connection: &'a Connection, binding: Binding) -> Result<Self, Problem> {
        let card = connection.client.card().await.map_err(|error| Problem::of(&error, connection))?.value;
        let probe = Self { client: &connection.client, binding, card };
        match probe.call::<Value>("GetTask", &json!({"id": "inhouse-inspect"})).await {
            Err(
                error @ (ClientError::Unauthorized { .. }
                | ClientError::Unreachable { .. }
                | ClientError::Timeout { .. }),
            ) => Err(Problem::of(&error, connection)),
            _ => Ok(probe),
        }
    }

    /// What the card offers.
    pub(super) fn offers(&self, what: impl Fn(&v1::AgentCapabilities) -> Option<bool>) -> bool {
        self.card.capabilities.as_ref().and_then(what).unwrap_or(false)
    }

    /// Any method, with any parameters.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<T, ClientError> {
        let result = self.client.any(method, params).await?;
        serde_json::from_str(result.get()).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// The call is refused with this code.
    pub(super) async fn refused(&self, method: &str, params: Value, code: i64) -> Verdict {
        refused(self.call::<Value>(method, &params).await, code)
    }

    /// What is posted to a path, in any version, is refused with one of these codes.
    pub(super) async fn body_refused(&self, version: &'static str, path: &str, body: &str, codes: &[i64]) -> Verdict {
        let outcome = self.client.raw(version, path, body.to_owned()).await;
        let code = match &outcome {
            Err(ClientError::Rpc(error)) => codes.iter().find(|code| **code == error.code),
            _ => None,
        };
        refused(outcome, *code.unwrap_or(&codes[0]))
    }
}

/// A refusal with this code.
pub(super) fn refused<T>(outcome: Result<T, ClientError>, code: i64) -> Verdict {
    match outcome {
        Err(ClientError::Rpc(error)) if error.code == code => Verdict::Ok,
        Err(ClientError::Rpc(error)) => {
            Verdict::wrong(format!("error {} in place of {code}: {}", error.code, error.message))
        }
        Err(error) => Verdict::wrong(format!("no error {code}: {error}")),
        Ok(_) => Verdict::wrong(format!("a result in place of error {code}")),
    }
}

/// What a message lacks of what the specification requires.
pub(super) fn lacks(message: &impl Validate) -> Option<String> {
    let violations = message.violations();
    let told: Vec<_> =
        violations.iter().map(|violation| format!("{} {}", violation.field, violation.description)).collect();
    (!told.is_empty()).then(|| told.join(", "))
}
