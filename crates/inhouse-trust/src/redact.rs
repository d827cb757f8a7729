//! What a caller may see of an agent's stderr: one short line of plain text without anything that looks like a secret.

use crate::Secret;
use crate::text::plain;

const LINE_CHARS_MAX: usize = 300;
const MASK: &str = "[redacted]";

/// Shorter values would mask ordinary words.
const SECRET_BYTES_MIN: usize = 6;

/// Parts of the names of variables that hold secrets.
const SECRET_NAMES: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// Beginnings of well-known kinds of tokens.
const TOKEN_PREFIXES: &str =
    "sk- pk- ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xoxa- xoxb- xoxe- xoxp- xoxr- xoxs- AKIA ASIA AIza eyJ";

/// Characters that have to follow such a beginning, and the length from which any run of base64 or hex is a token.
const TOKEN_REST_MIN: usize = 8;
const TOKEN_RUN_MIN: usize = 40;

/// Masks known secrets and token-like strings. Debug shows none of them.
#[derive(Debug, Clone)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another is masked whole.
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Takes names and values of environment variables, and keeps the values of those that are named like secrets.
    pub fn new<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let named = variables.into_iter().filter(|(name, _)| {
            let name = name.to_ascii_uppercase();
            SECRET_NAMES.iter().any(|part| name.contains(part))
        });
        let mut values: Vec<&str> = named.flat_map(|(_, value)| value.lines()).map(str::trim).collect();
        values.retain(|value| value.len() >= SECRET_BYTES_MIN);
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { secrets: values.into_iter().map(|value| Secret::new(value.into())).collect() }
    }

    /// The line as a caller may see it: plain, masked, and cut to 300 characters.
    pub fn line(&self, line: &str) -> String {
        let mut line = plain(line);
        for secret in &self.secrets {
            line = line.replace(secret.expose(), MASK);
        }
        let line = mask_tokens(line.trim());
        match line.char_indices().nth(LINE_CHARS_MAX) {
            Some(_) => line.chars().take(LINE_CHARS_MAX - 1).chain(['…']).collect(),
            None => line,
        }
    }
}

/// Masks what looks like a token, wherever one can begin.
fn mask_tokens(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let (keep, hide) = token_at(before, rest);
        if hide > 0 {
            masked.push_str(&rest[..keep]);
            masked.push_str(MASK);
            rest = &rest[keep + hide..];
            before = ' ';
        } else {
            masked.push(c);
            rest = &rest[c.len_utf8()..];
            before = c;
        }
    }
    masked
}

/// How many bytes at the start of `text` to keep and how many after them to hide; nothing to hide means no token.
///
/// Each run of bytes is measured once, where it begins, so that a line of any length costs linear time.
fn token_at(before: char, text: &str) -> (usize, usize) {
    if before.is_ascii_alphanumeric() {
        return (0, 0);
    }
    if let Some(scheme) = text.get(..7).filter(|word| word.eq_ignore_ascii_case("bearer ")) {
        let keep = scheme.len() + run(&text[scheme.len()..], |b| b == b' ');
        return (keep, run(&text[keep..], |b| b != b' '));
    }
    if let Some(prefix) = TOKEN_PREFIXES.split(' ').find(|prefix| text.starts_with(prefix)) {
        let rest = run(&text[prefix.len()..], |b| is_token_byte(b) || b == b'.');
        if rest >= TOKEN_REST_MIN {
            return (0, prefix.len() + rest);
        }
    }
    if before.is_ascii() && is_token_byte(before as u8) {
        return (0, 0);
    }
    let length = run(text, is_token_byte);
    let is_token = length >= TOKEN_RUN_MIN && looks_random(&text[..length]);
    (0, if is_token { length } else { 0 })
}

/// Letters and digits together; with a slash, which paths have too, also both cases.
fn looks_random(run: &str) -> bool {
    let has = |test: fn(&u8) -> bool| run.as_bytes().iter().any(test);
    let (lower, upper) = (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase));
    has(u8::is_ascii_digit) && if run.contains('/') { lower && upper } else { lower || upper }
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'_' | b'-' | b'=')
}

/// The length of the leading bytes of `text` that pass, which all are ASCII or end before a character does.
fn run(text: &str, passes: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|b| !passes(b)).unwrap_or(text.len())
}
