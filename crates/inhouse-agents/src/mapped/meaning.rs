//! What the lines of a program mean, by JSON pointers (RFC 6901), or by how they begin.

use serde_json::Value;

/// The meaning of a program's lines. The first entry that fits a line decides; a line that fits none is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// In the order in which they are tried.
    pub lines: Vec<Meaning>,
    /// Arguments that resume a session, with `{session}` in the place of its id; none where the program remembers nothing.
    pub resume: Vec<String>,
}

/// What one kind of line means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meaning {
    /// What the line must hold: a string, or a number, `true`, `false` or `null` as JSON writes them.
    pub when: Vec<(Pointer, String)>,
    /// How the line must begin, as it stands. To the pointers it is one JSON string then, so that the empty one points at it.
    pub begins: Option<String>,
    /// A piece of the answer.
    pub text: Option<Pointer>,
    /// The whole answer, which counts if no piece of it has come.
    pub answer: Option<Pointer>,
    /// The name of a tool that is used.
    pub tool: Option<Pointer>,
    /// The id of the session, with which it can be resumed.
    pub session: Option<Pointer>,
    /// Tokens that the model read, in this turn.
    pub input_tokens: Option<Pointer>,
    /// Tokens that it wrote.
    pub output_tokens: Option<Pointer>,
    /// What the turn cost, in US dollars.
    pub cost_usd: Option<Pointer>,
    /// The turn ends with a question to the caller.
    pub question: Option<Pointer>,
    /// The turn has failed, for this reason.
    pub error: Option<Pointer>,
    /// The turn has ended well.
    pub done: bool,
}

/// A JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// The pointer of this text; none when it is no pointer (RFC 6901 section 3).
    pub fn new(text: &str) -> Option<Self> {
        let begins = text.is_empty() || text.starts_with('/');
        let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        (begins && escapes).then(|| Self(text.to_owned()))
    }

    /// What it points at.
    pub(crate) fn at<'a>(&self, line: &'a Value) -> Option<&'a Value> {
        line.pointer(&self.0)
    }
}

impl Mapping {
    /// Whether a line tells that a turn has ended well, so that an exit code alone is not enough.
    pub fn tells_success(&self) -> bool {
        self.lines.iter().any(|meaning| meaning.done)
    }

    /// Whether lines count as they stand.
    pub(crate) fn reads_text(&self) -> bool {
        self.lines.iter().any(|meaning| meaning.begins.is_some())
    }

    /// Whether lines count as JSON.
    pub(crate) fn reads_json(&self) -> bool {
        self.lines.iter().any(|meaning| meaning.begins.is_none())
    }

    /// What a line means, and as what: as JSON, or as it stands.
    pub(crate) fn of<'a>(&self, text: &'a Value, json: Option<&'a Value>) -> Option<(&Meaning, &'a Value)> {
        self.lines.iter().find_map(|meaning| match (&meaning.begins, json) {
            (Some(begins), _) => text.as_str()?.starts_with(begins).then_some((meaning, text)),
            (None, Some(json)) => meaning.fits(json).then_some((meaning, json)),
            (None, None) => None,
        })
    }
}

impl Meaning {
    fn fits(&self, line: &Value) -> bool {
        self.when.iter().all(|(pointer, expected)| match pointer.at(line) {
            Some(Value::String(found)) => found == expected,
            Some(found @ (Value::Bool(_) | Value::Number(_) | Value::Null)) => {
                let written = found.to_string();
                written == *expected
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pointer_is_one_of_the_standard() {
        for (text, is_one) in [
            ("", true),
            ("/", true),
            ("/a/0/b~1c~0", true),
            ("a", false),
            ("/a~", false),
            ("/a~2", false),
            ("#/a", false),
        ] {
            assert_eq!(Pointer::new(text).is_some(), is_one, "{text}");
        }
    }

    #[test]
    fn the_first_entry_that_fits_decides() {
        let meaning = |when: &[(&str, &str)], done| {
            let when = when.iter().map(|(at, is)| (Pointer::new(at).unwrap(), (*is).to_owned())).collect();
            Meaning { when, done, ..Meaning::default() }
        };
        let lines = vec![meaning(&[("/type", "end"), ("/ok", "true")], true), meaning(&[("/type", "end")], false)];
        let mapping = Mapping { lines, resume: Vec::new() };
        for (line, done) in [
            (json!({"type": "end", "ok": true}), Some(true)),
            (json!({"type": "end", "ok": "true"}), Some(true)),
            (json!({"type": "end", "ok": [true]}), Some(false)),
            (json!({"type": "end"}), Some(false)),
            (json!({"type": ["end"]}), None),
            (json!([1]), None),
        ] {
            assert_eq!(mapping.of(&Value::Null, Some(&line)).map(|(meaning, _)| meaning.done), done, "{line}");
        }
    }
}
