//! What a message says, from the command line: words, files and data, each a part of it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use inhouse_proto::json::Value;
use inhouse_proto::media_type::media_type;
use inhouse_proto::v1::Part;
use inhouse_proto::v1::part::Content;

use super::problem::Problem;

/// The most that is read from stdin or a file.
const BYTES_MAX: u64 = 64 << 20;

/// The parts of a message.
#[derive(clap::Args)]
pub(crate) struct Said {
    /// The message, joined by spaces; `-`, or none with a pipe on stdin, reads it from there
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Send a file with it; can be given more than once
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// Send a value with it, as JSON or as @PATH of a file of JSON; can be given more than once
    #[arg(long, value_name = "JSON")]
    data: Vec<String>,
}

impl Said {
    /// All of it: the text first, then files, then values.
    pub(crate) fn parts(self, stdin_is_terminal: bool, stdin: impl Read) -> Result<Vec<Part>, Problem> {
        let alone = self.file.is_empty() && self.data.is_empty();
        let text = text(&self.text, alone, stdin_is_terminal, stdin)?;
        let text = text.map(|text| Ok(Part { content: Some(Content::Text(text)), ..Part::default() }));
        let files = self.file.iter().map(|path| attached(path));
        text.into_iter().chain(files).chain(self.data.iter().map(|given| value(given))).collect()
    }
}

/// What is said in words; none where it is said otherwise. Then stdin is read only for `-`: nobody has to say anything there.
fn text(words: &[String], alone: bool, stdin_is_terminal: bool, stdin: impl Read) -> Result<Option<String>, Problem> {
    let text = match words {
        [] if !alone => return Ok(None),
        [] if stdin_is_terminal => {
            return Err(Problem::usage("no message")
                .hint("give one, as in: inhouse send \"hello\"")
                .hint("or pipe one, as in: git diff | inhouse send"));
        }
        [] => read(stdin)?,
        [dash] if dash == "-" => read(stdin)?,
        words => words.join(" "),
    };
    if text.is_empty() && alone {
        Err(Problem::usage("the message is empty"))
    } else {
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

fn read(stdin: impl Read) -> Result<String, Problem> {
    utf8("stdin", whole("stdin", stdin)?)
}

fn whole(name: &str, from: impl Read) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::usage(format!("can not read {name}: {error}")))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Problem::usage(format!("{name} has more than {BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes)
        .map_err(|error| Problem::usage(format!("{name} is not UTF-8: byte {}", error.utf8_error().valid_up_to())))
}

fn file(path: &Path) -> Result<Vec<u8>, Problem> {
    let name = path.display().to_string();
    // A pipe or a device would be waited for, and has no name that says anything.
    match path.metadata() {
        Ok(found) if !found.is_file() => return Err(Problem::usage(format!("{name} is no file"))),
        _ => {}
    }
    let opened = File::open(path).map_err(|error| Problem::usage(format!("can not read {name}: {error}")))?;
    whole(&name, opened)
}

/// A file under its last name: where it stands is nobody else's business.
fn attached(path: &Path) -> Result<Part, Problem> {
    let bytes = file(path)?;
    let filename = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let media_type = media_type(&filename, &bytes).to_owned();
    Ok(Part { filename, media_type, content: Some(Content::Raw(bytes)), ..Part::default() })
}

/// A value of JSON, or that of a file.
fn value(given: &str) -> Result<Part, Problem> {
    let (name, text) = match given.strip_prefix('@') {
        Some(path) => (path, utf8(path, file(Path::new(path))?)?),
        None => ("--data", given.to_owned()),
    };
    let value = serde_json::from_str(&text).map_err(|error| {
        Problem::usage(format!("{name} is not JSON: {error}"))
            .hint("give a value, as in: --data '{\"a\": 1}', or a file: --data @FILE")
    })?;
    Ok(Part { content: Some(Content::Data(Value(value))), ..Part::default() })
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn the_message_comes_from_the_words_or_from_stdin() {
        type Case<'a> = (&'a [&'a str], bool, &'a [u8], Result<&'a str, &'a str>);
        let cases: [Case<'_>; 9] = [
            (&["hello"], true, b"", Ok("hello")),
            (&["hello", "world"], false, b"ignored", Ok("hello world")),
            (&["-"], true, b"typed\n", Ok("typed\n")),
            (&["-", "x"], false, b"ignored", Ok("- x")),
            (&[], false, "käse\n".as_bytes(), Ok("käse\n")),
            (&[], true, b"", Err("no message")),
            (&[], false, b"", Err("the message is empty")),
            (&[""], false, b"", Err("the message is empty")),
            (&[], false, b"ab\xff", Err("stdin is not UTF-8: byte 2")),
        ];
        for (words, terminal, stdin, expected) in cases {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            match (text(&words, true, terminal, stdin), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text.as_deref(), Some(expected)),
                (Err(Problem::Told { exit, what, .. }), Err(expected)) => {
                    assert_eq!((exit, what.as_str()), (Exit::Usage, expected))
                }
                (outcome, _) => panic!("{words:?}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn files_and_values_stand_behind_the_text_or_alone() {
        let folder = crate::testing::Folder::new();
        let path = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (shot, order) = (path("shot.png", "PNG"), path("order.json", "[9007199254740993]"));
        let said = |text: &[&str], data: &str| Said {
            text: text.iter().map(|&word| word.to_owned()).collect(),
            file: vec![shot.clone()],
            data: vec![data.to_owned()],
        };
        let parts = said(&["look"], &format!("@{}", order.display())).parts(false, &b"ignored"[..]).unwrap();
        assert_eq!(parts[0].content, Some(Content::Text("look".to_owned())));
        assert_eq!((parts[1].filename.as_str(), parts[1].media_type.as_str()), ("shot.png", "image/png"));
        assert_eq!(parts[1].content, Some(Content::Raw(b"PNG".to_vec())));
        assert_eq!(serde_json::to_string(&parts[2]).unwrap(), r#"{"data":[9007199254740993]}"#);
        // Nobody has to say anything on stdin, but may.
        assert_eq!(said(&[], "1").parts(false, &b"ignored"[..]).unwrap().len(), 2);
        assert_eq!(said(&["-"], "1").parts(false, &b"piped"[..]).unwrap().len(), 3);
        for (data, why) in
            [("{", "--data is not JSON"), ("@/dev/null", "/dev/null is no file"), ("@/none", "can not read")]
        {
            let problem = said(&["x"], data).parts(true, &b""[..]).unwrap_err();
            assert!(format!("{problem:?}").contains(why), "{problem:?}");
        }
    }
}
