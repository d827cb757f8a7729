//! HTTP+JSON (spec 11): paths and queries in, plain JSON and google.rpc.Status out.

mod push;
pub(super) mod query;
mod target;

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use hyper::{HeaderMap, StatusCode};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::json;
use inhouse_proto::snapshot::View;
use inhouse_proto::{v0_3_proto, v1};
use serde::de::DeserializeOwned;

use super::checked::{Checked, valid_json};
use super::dialect::{self, Dialect, Envelope};
use super::events::Until;
use super::operation::{self, Asked, Kind, Send, Subscribe};
use super::version::{Generation, version_refused};
use super::words::{Written, in_words_of};
use super::{Answer, Audited, Call};

pub(crate) use target::{Resource, Target};

const JSON: &str = "application/json";
const A2A_JSON: &str = "application/a2a+json";

/// Answers one request.
pub(crate) async fn answer(call: &Call<'_>, target: &Target, kind: Kind, body: &[u8]) -> Answer {
    let mut audited = Audited { method: kind.name(), ..Audited::default() };
    // Whoever names a version means it, whatever the path looks like.
    let named = call.generation();
    let generation = named.as_ref().ok().copied().flatten().unwrap_or(target.generation);
    let result = match named {
        Ok(_) => perform(call, generation, target, kind, body, &mut audited).await,
        Err(error) => Err(error),
    };
    let answer = match result {
        Ok(answer) => Answer { audited, ..answer },
        Err(error) => {
            let error = in_words_of(generation, Written::Service, kind, error);
            refusal(generation, &error, audited)
        }
    };
    Answer { media_type: media_type(call.headers), ..answer }
}

async fn perform(
    call: &Call<'_>,
    generation: Generation,
    target: &Target,
    kind: Kind,
    body: &[u8],
    audited: &mut Audited,
) -> Result<Answer, A2aError> {
    check_content_type(call.headers, body)?;
    if generation == Generation::First {
        return Err(version_refused(generation.version(), "1.0, 0.3"));
    }
    operation::offered(call, generation, Written::Service, kind)?;
    let asked = asked(call, generation, target, kind, body)?;
    let extensions = call.extensions(generation, &asked)?;
    let dialect: Box<dyn Dialect> = match generation {
        Generation::V1 => Box::new(dialect::V1(extensions)),
        Generation::V03 | Generation::First => Box::new(dialect::V03Proto),
    };
    let outcome = operation::perform(call, asked, audited).await?;
    Ok(Answer { extensions, ..dialect::write(call, envelope(generation), dialect, outcome)? })
}

/// What is asked. Between the generations only bodies differ.
fn asked(call: &Call<'_>, generation: Generation, target: &Target, kind: Kind, body: &[u8]) -> Result<Asked, A2aError> {
    Ok(match (kind, &target.resource) {
        (Kind::Send, _) => Asked::Send(send(generation, body)?),
        (Kind::Stream, _) => Asked::Stream(send(generation, body)?),
        (_, Resource::Tasks) => Asked::List(valid_json(&query::json(call.query, &[])?, Ok)?),
        (_, Resource::Task(id)) => Asked::Get(valid_json(&query::json(call.query, &[("id", id)])?, Ok)?),
        (_, Resource::Cancel(id)) => {
            Asked::Cancel(of_task(call, id, body, |id, request| v1::CancelTaskRequest { id, ..request })?)
        }
        (_, Resource::Subscribe(id)) => Asked::Subscribe(Subscribe {
            request: of_task(call, id, body, |id, request| v1::SubscribeToTaskRequest { id, ..request })?,
            view: View::ALL,
            until: Until::Finished,
            finished_too: generation == Generation::V03,
        }),
        (kind, Resource::Configs(task)) => Asked::Push(push::configs(generation, kind, task, call.query, body)?),
        (kind, Resource::Config(task, config)) => Asked::Push(push::config(kind, call.query, task, config)?),
        (_, _) => Asked::ExtendedCard(json::decode(&query::json(call.query, &[])?)?),
    })
}

fn send(generation: Generation, body: &[u8]) -> Result<Box<Send>, A2aError> {
    let request = match generation {
        Generation::V1 => request(body, Ok)?,
        Generation::V03 | Generation::First => request(body, v0_3_proto::SendMessageRequest::into_v1)?,
    };
    Ok(Box::new(Send { request, task_id: None, direct: true, label: generation.label() }))
}

/// The request that the body is, and without one the query, about the task that the path names.
fn of_task<V: Checked + DeserializeOwned>(
    call: &Call<'_>,
    id: &str,
    body: &[u8],
    named: impl FnOnce(String, V) -> V,
) -> Result<V, A2aError> {
    match body.is_empty() {
        true => valid_json(&query::json(call.query, &[("id", id)])?, Ok),
        false => request(body, |request| Ok(named(id.to_owned(), request))),
    }
}

/// The request that the body is.
fn request<T: DeserializeOwned, V: Checked>(
    body: &[u8],
    into: impl FnOnce(T) -> Result<V, A2aError>,
) -> Result<V, A2aError> {
    json::check_request(body)?;
    valid_json(body, into)
}

/// Refuses what is no JSON before it is parsed. Nothing needs no type.
fn check_content_type(headers: &HeaderMap, body: &[u8]) -> Result<(), A2aError> {
    if body.is_empty() || is_json(headers) {
        return Ok(());
    }
    let supported = "application/json, application/a2a+json";
    Err(A2aError::new(ErrorKind::ContentTypeNotSupported).with("supported", supported))
}

/// Whether a request's body is JSON: `application/json`, or A2A's own media type (spec 14.1.1); parameters do not matter.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    [JSON, A2A_JSON].iter().any(|known| media_type.eq_ignore_ascii_case(known))
}

/// A2A's own media type goes to whoever names it, the plain one to everybody else.
pub(crate) fn media_type(headers: &HeaderMap) -> &'static str {
    let names_it = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.any(|value| value.to_ascii_lowercase().contains(A2A_JSON))
    };
    if names_it(&ACCEPT) || names_it(&CONTENT_TYPE) { A2A_JSON } else { JSON }
}

fn envelope(generation: Generation) -> Envelope {
    match generation {
        Generation::V03 => Envelope::Bare03,
        Generation::V1 | Generation::First => Envelope::Bare,
    }
}

/// An error as the answer to a request (spec 11.6).
fn refusal(generation: Generation, error: &A2aError, audited: Audited) -> Answer {
    let status = StatusCode::from_u16(error.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let audited = Audited { refusal: Some(error.kind.reason()), ..audited };
    Answer { status, retry_after_s: error.retry_after_s, audited, ..Answer::json(envelope(generation).error(error)) }
}
