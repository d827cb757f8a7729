//! What a message brings of the way that it has come: through how many agents, and in which trace. Callers say it in headers, an
//! agent gets it as variables, and a client that the agent starts makes headers of them again.

use std::fmt;

/// The header that counts agents; in gRPC the metadata of that name.
pub const HOPS_HEADER: &str = "Inhouse-Hops";
/// The variable that counts agents, the one that has it included.
pub const HOPS_VARIABLE: &str = "INHOUSE_HOPS";
/// The header that names a trace (W3C Trace Context, section 3.2).
pub const TRACE_HEADER: &str = "traceparent";
/// The variable that names a trace.
pub const TRACE_VARIABLE: &str = "TRACEPARENT";

/// Version, trace id, parent id and flags, with a dash after each of the first three.
const TRACE_BYTES: usize = 55;
const TRACE_BYTES_MAX: usize = 512;

/// The way that a message has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Via {
    /// The agents that it has passed through.
    pub hops: u8,
    /// The trace that it belongs to, if somebody traces it.
    pub trace: Option<TraceParent>,
}

/// How many agents a text says: digits, and no more than 255.
pub fn hops(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// A place in a trace, as its caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Reads one. What is none is to be ignored (W3C Trace Context, section 4.3).
    ///
    /// ```
    /// use inhouse_proto::via::TraceParent;
    /// let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("it is one");
    /// assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.split_at_checked(TRACE_BYTES)?;
        let mut fields = head.split('-');
        let mut next = |length: usize| fields.next().filter(|field| field.len() == length && is_hex(field));
        let (version, trace, parent) = (next(2)?, next(32)?, next(16)?);
        next(2)?;
        let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
        // A later version may have more behind a dash.
        let more = match version {
            "00" => rest.is_empty(),
            "ff" => false,
            _ => rest.is_empty() || rest.starts_with('-') && rest.bytes().all(|byte| byte.is_ascii_graphic()),
        };
        (more && text.len() <= TRACE_BYTES_MAX && !is_zero(trace) && !is_zero(parent)).then(|| Self(text.to_owned()))
    }

    /// The trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// All of it, as it is passed on.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(field: &str) -> bool {
    field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_what_the_recommendation_says() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let zeros = "0".repeat(32);
        for (text, is_one) in [
            (format!("00-{trace}-{parent}-01"), true),
            (format!("00-{trace}-{parent}-00"), true),
            (format!("cc-{trace}-{parent}-01"), true),
            (format!("cc-{trace}-{parent}-01-more"), true),
            (format!("cc-{trace}-{parent}-01more"), false),
            (format!("cc-{trace}-{parent}-01-\u{e4}"), false),
            (format!("cc-{trace}-{parent}-01-{}", "x".repeat(500)), false),
            (format!("00-{trace}-{parent}-01-more"), false),
            (format!("ff-{trace}-{parent}-01"), false),
            (format!("00-{}-{parent}-01", trace.to_uppercase()), false),
            (format!("00-{zeros}-{parent}-01"), false),
            (format!("00-{trace}-{}-01", &zeros[..16]), false),
            (format!("00-{trace}-{parent}-1"), false),
            (format!("00_{trace}_{parent}_01"), false),
            (format!("00-{trace}{parent}-01--"), false),
            (format!("00-{}-{parent}-0\u{e4}", &trace[..31]), false),
            (String::new(), false),
        ] {
            let read = TraceParent::parse(&text);
            assert_eq!(read.is_some(), is_one, "{text}");
            assert!(read.is_none_or(|read| read.as_str() == text && read.trace_id() == trace), "{text}");
        }
    }

    #[test]
    fn a_count_is_digits_up_to_255() {
        for (text, count) in
            [("0", Some(0)), ("4", Some(4)), ("255", Some(255)), ("256", None), ("-1", None), ("+1", None), ("", None)]
        {
            assert_eq!(hops(text), count, "{text}");
        }
    }
}
