//! JSON-RPC 2.0 over HTTP (spec 9): envelope, version, method table, and errors in the caller's generation.

use bytes::Bytes;
use hyper::StatusCode;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::{self, Request};

use super::{Answer, Audited, Call, first, v1};

/// The generation of the protocol that a method belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// A2A 1.0.
    V1,
    /// A2A 0.1: `tasks/send` and its kin.
    First,
}

/// A method that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    V1(v1::Method),
    First(first::Method),
}

/// Answers one request body.
pub(crate) async fn answer(call: &Call<'_>, body: &[u8]) -> Answer {
    let mut audited = Audited::default();
    let request = match Request::parse(body) {
        Ok(request) => request,
        Err(refused) => return refusal(&refused.id, Generation::V1, &refused.error, audited),
    };
    let method = match method(call, &request) {
        Ok(method) => method,
        Err(error) => return refusal(&request.id, Generation::V1, &error, audited),
    };
    let (generation, result) = match method {
        Method::V1(method) => (Generation::V1, v1::answer(call, method, &request, &mut audited).await),
        Method::First(method) => (Generation::First, first::answer(call, method, &request, &mut audited).await),
    };
    match result {
        Ok(answer) => Answer { audited, ..answer },
        Err(error) => refusal(&request.id, generation, &error, audited),
    }
}

/// The method, if it belongs to the version that the caller speaks. 1.0's names need no version header; the first
/// generation knew no header at all.
fn method(call: &Call<'_>, request: &Request<'_>) -> Result<Method, A2aError> {
    let version = call.version()?;
    let v1 = v1::Method::named(&request.method).map(Method::V1);
    let method = v1.or_else(|| first::Method::named(&request.method).map(Method::First));
    match (method, version.map(major_minor)) {
        (_, Some(Err(()))) => Err(version_refused(version)),
        (Some(method), None) => Ok(method),
        (Some(method @ Method::V1(_)), Some(Ok((1, 0)))) => Ok(method),
        (Some(method @ Method::First(_)), Some(Ok((0, 1)))) => Ok(method),
        (_, Some(Ok(version_number))) if !matches!(version_number, (1, 0) | (0, 1)) => Err(version_refused(version)),
        _ => Err(A2aError::new(ErrorKind::MethodNotFound)
            .with("method", request.method.chars().take(64).collect::<String>())),
    }
}

/// `1.0` and `1.0.3` are the same version (spec 3.6).
fn major_minor(version: &str) -> Result<(u32, u32), ()> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().map_err(|_| ()));
    let (major, minor) = (numbers.next().ok_or(())??, numbers.next().ok_or(())??);
    match (numbers.next(), numbers.next()) {
        (None | Some(Ok(_)), None) => Ok((major, minor)),
        _ => Err(()),
    }
}

fn version_refused(version: Option<&str>) -> A2aError {
    let asked: String = version.unwrap_or_default().chars().take(32).collect();
    A2aError::new(ErrorKind::VersionNotSupported).with("version", asked).with("supportedVersions", "1.0, 0.1")
}

/// An error as the answer to a request. HTTP's own codes are for what HTTP's own tools handle; the rest is 200 (spec 9.5).
pub(crate) fn refusal(id: &jsonrpc::Id, generation: Generation, error: &A2aError, audited: Audited) -> Answer {
    let json: Bytes = match generation {
        Generation::V1 => jsonrpc::error_response(id, error),
        Generation::First => jsonrpc::plain_error_response(id, error),
    };
    let status = match error.kind {
        ErrorKind::ResourceExhausted
        | ErrorKind::Unavailable
        | ErrorKind::PayloadTooLarge
        | ErrorKind::PermissionDenied => StatusCode::from_u16(error.kind.http_status()).unwrap_or(StatusCode::OK),
        _ => StatusCode::OK,
    };
    let audited = Audited { refusal: Some(error.kind.reason()), ..audited };
    Answer { status, retry_after_s: error.retry_after_s, audited, ..Answer::json(json) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_numbers_do_not_matter_and_other_forms_are_no_versions() {
        for (version, parsed) in [
            ("1.0", Ok((1, 0))),
            ("1.0.7", Ok((1, 0))),
            ("0.3", Ok((0, 3))),
            ("9.9", Ok((9, 9))),
            ("1", Err(())),
            ("1.0.0.0", Err(())),
            ("1.x", Err(())),
            ("v1.0", Err(())),
            ("1.0-rc", Err(())),
        ] {
            assert_eq!(major_minor(version), parsed, "{version}");
        }
    }
}
