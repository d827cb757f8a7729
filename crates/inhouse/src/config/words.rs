//! Splits a command line into words by the quoting rules of a shell, and nothing else of a shell: no variables, no
//! patterns, no pipes. The way back quotes a word so that a shell reads it as it is.

use std::borrow::Cow;

/// A command line that ends inside a quote or an escape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    /// A quote is never closed.
    #[error("the quote {quote} at character {position} is never closed")]
    Unclosed {
        /// `'` or `"`.
        quote: char,
        /// Where it opens, in characters from 1.
        position: usize,
    },
    /// A backslash is the last character.
    #[error("the backslash at character {position} has nothing after it")]
    Dangling {
        /// Where it stands, in characters from 1.
        position: usize,
    },
}

/// Splits at spaces, tabs and line ends. `'…'` is literal; in `"…"` a backslash escapes `"`, `\`, `$`, `` ` `` and the end of
/// the line; outside of quotes it escapes any character.
///
/// # Errors
/// [`SplitError`] with the position of what is left open.
pub(crate) fn split(line: &str) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().enumerate().map(|(index, c)| (index + 1, c));
    while let Some((position, c)) = rest.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' | '"' => quoted(&mut rest, c, position, word.get_or_insert_default())?,
            '\\' => match rest.next() {
                Some((_, '\n')) => {}
                Some((_, escaped)) => word.get_or_insert_default().push(escaped),
                None => return Err(SplitError::Dangling { position }),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    rest: &mut impl Iterator<Item = (usize, char)>,
    quote: char,
    position: usize,
    word: &mut String,
) -> Result<(), SplitError> {
    let unclosed = SplitError::Unclosed { quote, position };
    loop {
        match rest.next().ok_or_else(|| unclosed.clone())? {
            (_, c) if c == quote => return Ok(()),
            (_, '\\') if quote == '"' => match rest.next().ok_or_else(|| unclosed.clone())?.1 {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            (_, c) => word.push(c),
        }
    }
}

/// The word as a shell has to be given it.
pub(crate) fn quote(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_splits_as_a_shell_would() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \t\n", &[]),
            ("codex", &["codex"]),
            ("node my-bot.js", &["node", "my-bot.js"]),
            ("  node   my-bot.js\n", &["node", "my-bot.js"]),
            ("python 'my agent.py' \"--name=a b\"", &["python", "my agent.py", "--name=a b"]),
            (r"python my\ agent.py", &["python", "my agent.py"]),
            (r#"a "b \"c\" \\ \n \$x \`y" d"#, &["a", r#"b "c" \ \n $x `y"#, "d"]),
            (r"a 'b \ c'", &["a", r"b \ c"]),
            (r#"a'b'"c"d"#, &["abcd"]),
            (r#"a '' """#, &["a", "", ""]),
            ("a $HOME *.js | b; c", &["a", "$HOME", "*.js", "|", "b;", "c"]),
            ("a \\\nb", &["a", "b"]),
            ("日本 'ü ö'", &["日本", "ü ö"]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).unwrap(), *words, "{line}");
        }
    }

    #[test]
    fn what_is_left_open_is_named_with_its_place() {
        let cases = [
            ("node 'my bot", SplitError::Unclosed { quote: '\'', position: 6 }),
            ("é \"a\\\"", SplitError::Unclosed { quote: '"', position: 3 }),
            ("\"a\\", SplitError::Unclosed { quote: '"', position: 1 }),
            ("node\\", SplitError::Dangling { position: 5 }),
        ];
        for (line, error) in cases {
            assert_eq!(split(line), Err(error), "{line}");
        }
        assert_eq!(split("a 'b").unwrap_err().to_string(), "the quote ' at character 3 is never closed");
    }

    #[test]
    fn what_is_quoted_splits_back_into_the_same_word() {
        for word in ["", "plain", "/usr/my bin/inhouse", "it's", "a\"b", "$x `y` \\", "two\nlines", "~", "日本"] {
            assert_eq!(split(&quote(word)).unwrap(), [word], "{word}");
        }
        assert_eq!(quote("/usr/bin/inhouse"), "/usr/bin/inhouse");
        assert_eq!(quote("/my bin/x"), "'/my bin/x'");
    }
}
