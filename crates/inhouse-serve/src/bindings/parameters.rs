//! What a request says in its headers (spec 3.2.6, "service parameters"): the version, where a stream goes on, which way a message has
//! come; extensions have a file of their own. Each stands there once, or is refused by its name; but for the trace, which is then none.

use hyper::header::{HeaderMap, HeaderValue};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::via::{self, TraceParent, Via};

use super::Call;
use super::checked::{ID_RULE, is_id};

const VERSION: &str = "A2A-Version";
const HOPS_RULE: &str = "must be the number of agents that the message has come through, from 0 to 255";

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

    /// `Inhouse-Hops` and `traceparent`. A count that is none is refused, since a loop would begin again with it; what is no trace is
    /// ignored.
    ///
    /// # Errors
    /// Hop limit, for a message that has passed through too many agents.
    pub(crate) fn via(&self) -> Result<Via, A2aError> {
        let count = |text: &str| via::hops(text).ok_or_else(|| A2aError::invalid(via::HOPS_HEADER, HOPS_RULE));
        let hops = self.header(via::HOPS_HEADER)?.map(count).transpose()?.unwrap_or_default();
        let max = self.endpoint.hops_max;
        if hops >= max {
            let error =
                A2aError::new(ErrorKind::HopLimit).with("hops", hops.to_string()).with("hopsMax", max.to_string());
            return Err(error.detail(format!("the message has come through {hops} of them, and hops_max is {max}")));
        }
        Ok(Via { hops, trace: trace(self.headers) })
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

/// The trace that a request belongs to, if it names one, and only one.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(via::TRACE_HEADER).iter();
    let (first, None) = (values.next()?, values.next()) else { return None };
    TraceParent::parse(first.to_str().ok()?.trim())
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
