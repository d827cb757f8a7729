//! What a request says in its headers (spec 3.2.6, "service parameters"): the version, extensions, where a stream goes on.
//! Each stands there once, or is refused by its name.

use hyper::header::HeaderValue;
use inhouse_proto::error::A2aError;

use super::{Call, is_id};

const EXTENSIONS: &str = "A2A-Extensions";
const EXTENSIONS_MAX: usize = 32;
const EXTENSION_BYTES_MAX: usize = 256;
const VERSION: &str = "A2A-Version";

impl Call<'_> {
    /// `A2A-Version`; without the header the parameter of that name in the request's target (spec 3.6.1).
    pub(crate) fn version(&self) -> Result<Option<&str>, A2aError> {
        let header = self.header(VERSION)?;
        let pairs = self.query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(VERSION)).map(|(_, value)| value);
        let parameter = values.next().filter(|value| !value.is_empty());
        match (header, values.next()) {
            (Some(version), _) => Ok(Some(version)),
            (None, None) => Ok(parameter),
            (None, Some(_)) => Err(A2aError::invalid(VERSION, "must not be there several times")),
        }
    }

    /// `A2A-Extensions`: URIs between commas. We know no extension, so none is activated and the answer names none; a list
    /// that is malformed is refused.
    pub(crate) fn check_extensions(&self) -> Result<(), A2aError> {
        let mut named = 0;
        for value in self.headers.get_all(EXTENSIONS) {
            for uri in text(EXTENSIONS, value)?.split(',').map(str::trim).filter(|uri| !uri.is_empty()) {
                named += 1;
                if named > EXTENSIONS_MAX {
                    return Err(A2aError::invalid(
                        EXTENSIONS,
                        format!("must name at most {EXTENSIONS_MAX} extensions"),
                    ));
                }
                if uri.len() > EXTENSION_BYTES_MAX || !is_absolute_uri(uri) {
                    let what = format!("must be absolute URIs of at most {EXTENSION_BYTES_MAX} bytes, between commas");
                    return Err(A2aError::invalid(EXTENSIONS, what));
                }
            }
        }
        Ok(())
    }

    /// `Last-Event-ID`: the number of the last event that the caller has seen.
    pub(crate) fn last_event_id(&self) -> Result<Option<u64>, A2aError> {
        let number =
            |text: &str| text.parse().map_err(|_| A2aError::invalid("Last-Event-ID", "must be an event's number"));
        self.header("Last-Event-ID")?.map(number).transpose()
    }

    /// `Idempotency-Key`: at most 128 printable ASCII characters.
    pub(crate) fn idempotency_key(&self) -> Result<Option<String>, A2aError> {
        match self.header("Idempotency-Key")? {
            Some(key) if !is_id(key) => {
                Err(A2aError::invalid("Idempotency-Key", "must be 1 to 128 printable ASCII characters"))
            }
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

fn text<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str, A2aError> {
    value.to_str().map(str::trim).map_err(|_| A2aError::invalid(name, "must be printable ASCII"))
}

/// A scheme, a colon and more (RFC 3986 section 3), of characters that a URI may have.
fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let in_rest = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let begins_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    begins_well && scheme.bytes().all(in_scheme) && !rest.is_empty() && rest.bytes().all(in_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_uris_name_extensions() {
        for uri in ["https://example.com/ext/v1", "urn:a2a:x", "a+b.c-1:x#y", "http://[::1]/?a=b%20c"] {
            assert!(is_absolute_uri(uri), "{uri}");
        }
        for uri in
            ["", "x", "/ext/v1", "//example.com", ":x", "1a:x", "https:", "a b:c", "https://a b", "https://ä", "x:<"]
        {
            assert!(!is_absolute_uri(uri), "{uri}");
        }
    }
}
