//! What a request says in its headers (spec 3.2.6, "service parameters"): the version, where a stream goes on; extensions have
//! a file of their own.
//! Each stands there once, or is refused by its name.

use hyper::header::HeaderValue;
use inhouse_proto::error::A2aError;

use super::Call;
use super::checked::{ID_RULE, is_id};

const VERSION: &str = "A2A-Version";

impl Call<'_> {
    /// `A2A-Version`; without the header the parameter of that name in the request's target (spec 3.6.1).
    pub(crate) fn version(&self) -> Result<Option<&str>, A2aError> {
        let header = self.header(VERSION)?;
        let mut values = versions(self.query);
        let parameter = values.next().filter(|value| !value.is_empty());
        match (header, values.next()) {
            (Some(version), _) => Ok(Some(version)),
            (None, None) => Ok(parameter),
            (None, Some(_)) => Err(A2aError::invalid(VERSION, "must not be there several times")),
        }
    }

    /// `Last-Event-ID`: the number of the last event that the caller has seen.
    pub(crate) fn last_event_id(&self) -> Result<Option<u64>, A2aError> {
        self.header("Last-Event-ID")?.map(event_number).transpose()
    }

    /// `Idempotency-Key`: at most 128 printable ASCII characters.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, A2aError> {
        match self.header("Idempotency-Key")? {
            Some(key) if !is_id(key) => Err(A2aError::invalid("Idempotency-Key", ID_RULE)),
            key => Ok(key.map(str::to_owned)),
        }
    }

    /// A header's one value; an empty one is none.
    fn header(&self, name: &str) -> Result<Option<&str>, A2aError> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(A2aError::invalid(name, "must not be there several times"));
        }
        Ok(Some(text(name, value)?).filter(|value| !value.is_empty()))
    }
}

/// The versions that a query names.
pub(crate) fn versions(query: Option<&str>) -> impl Iterator<Item = &str> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| name.eq_ignore_ascii_case(VERSION)).map(|(_, value)| value)
}

pub(super) fn event_number(text: &str) -> Result<u64, A2aError> {
    text.parse().map_err(|_| A2aError::invalid("Last-Event-ID", "must be an event's number"))
}

pub(super) fn text<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str, A2aError> {
    value.to_str().map(str::trim).map_err(|_| A2aError::invalid(name, "must be printable ASCII"))
}
