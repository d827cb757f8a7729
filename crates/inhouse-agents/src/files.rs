//! The raw parts of a message as files, for one turn: in a folder that only this user can enter, under our own names.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use inhouse_engine::agent::{End, Reason};
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use serde::Serialize;

use crate::dialogue::failed;
use crate::folder::{fresh, remove, room};

const EXTENSION_CHARS_MAX: usize = 8;
/// Characters of a caller's name or type for a file that are told.
const WORD_CHARS_MAX: usize = 100;

/// One raw part, written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct File {
    pub(crate) path: String,
    /// As the caller named it: a word, not a place.
    filename: String,
    media_type: String,
    #[serde(skip)]
    bytes: usize,
}

impl File {
    /// A file for tests of what is told of it.
    #[cfg(test)]
    pub(crate) fn at(path: &str) -> Self {
        Self { path: path.to_owned(), filename: String::new(), media_type: String::new(), bytes: 1 }
    }

    /// One line for an agent: where it is, and what its caller says of it, in which nothing is left that a program could take for a
    /// command or a reference.
    fn line(&self) -> String {
        let named = match shown(&self.filename, " ()[]+,=") {
            name if name.is_empty() => String::new(),
            name => format!(", named \"{name}\" by whoever sent it"),
        };
        let media_type = match shown(&self.media_type, "/+") {
            media_type if media_type.is_empty() => "any bytes".to_owned(),
            media_type => media_type,
        };
        format!("file: {} ({media_type}, {} bytes{named})", self.path, self.bytes)
    }
}

/// Letters, digits, a few marks, and an underscore for each other character.
fn shown(word: &str, marks: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || "-._".contains(c) || marks.contains(c);
    word.chars().take(WORD_CHARS_MAX).map(|c| if safe(c) { c } else { '_' }).collect()
}

/// The folder. Dropping it removes it with all that is in it.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Nothing, where there are no files.
    path: Option<PathBuf>,
    /// One for each part that is a file, at the place of the part.
    files: Vec<Option<File>>,
}

impl Folder {
    /// Writes those raw parts of a message that are to be files; without any there is no folder.
    ///
    /// # Errors
    /// The end of a turn whose files can not be written. Why is for the operator.
    pub(crate) fn of(message: &v1::Message, is_file: impl Fn(&v1::Part) -> bool) -> Result<Self, End> {
        Self::written(message, is_file).map_err(|error| {
            tracing::error!(target: "agent", %error, "the files of a message were not written");
            failed(Reason::Internal, "the files of the message can not be written")
        })
    }

    fn written(message: &v1::Message, is_file: impl Fn(&v1::Part) -> bool) -> io::Result<Self> {
        let mut folder = Self { path: None, files: Vec::new() };
        for part in &message.parts {
            let file = match &part.content {
                Some(Content::Raw(bytes)) if is_file(part) => Some(folder.write(part, bytes)?),
                _ => None,
            };
            folder.files.push(file);
        }
        Ok(folder)
    }

    fn write(&mut self, part: &v1::Part, bytes: &[u8]) -> io::Result<File> {
        let number = self.files().count() + 1;
        let folder = match &mut self.path {
            Some(path) => path,
            none => none.insert(fresh(&room()?)?),
        };
        let path = folder.join(format!("file-{number}.{}", extension(part)));
        OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(bytes)?;
        let path =
            path.into_os_string().into_string().map_err(|_| io::Error::other("the folder's path is no UTF-8"))?;
        let (filename, media_type) = (part.filename.clone(), part.media_type.clone());
        Ok(File { path, filename, media_type, bytes: bytes.len() })
    }

    /// What was written.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().flatten()
    }

    /// What a part was written to.
    pub(crate) fn file(&self, part: usize) -> Option<&File> {
        self.files.get(part)?.as_ref()
    }

    /// The paths of all files.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.files().map(|file| file.path.clone()).collect()
    }
}

/// What an agent is told of files; nothing, where there are none.
pub(crate) fn told<'a>(files: impl IntoIterator<Item = &'a File>) -> Option<String> {
    let lines: String = files.into_iter().map(|file| format!("\n{}", file.line())).collect();
    (!lines.is_empty()).then(|| format!("With the message came files, which are there until its turn ends:{lines}"))
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.path.take().into_iter().for_each(remove);
    }
}

/// The extension of a caller's file name, if it is a short plain word, or else what its type is called: some programs read only what they
/// know by it.
fn extension(part: &v1::Part) -> &str {
    let fits = |word: &&str| {
        (1..=EXTENSION_CHARS_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let named = part.filename.rsplit_once('.').map(|(_, word)| word).filter(fits);
    let kind = part.media_type.split(';').next().and_then(|bare| bare.trim().rsplit(['/', '+']).next()).filter(fits);
    match (named, kind) {
        (Some(word), _) => word,
        (None, Some("plain")) => "txt",
        (None, kind) => kind.unwrap_or("bin"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{fs, thread};

    use super::*;

    fn raw(filename: &str, bytes: &[u8]) -> v1::Part {
        v1::Part {
            filename: filename.to_owned(),
            media_type: "image/png".to_owned(),
            content: Some(Content::Raw(bytes.to_vec())),
            ..v1::Part::default()
        }
    }

    #[test]
    fn raw_parts_are_files_of_ours_as_long_as_the_turn_takes() {
        let names = [
            ("a.svg", "image/png", "svg"),
            ("../../etc/passwd", "image/png", "png"),
            ("x.p/../n", "application/octet-stream", "bin"),
            ("", "", "bin"),
            ("", "text/plain; charset=utf-8", "txt"),
            ("", "application/ld+json", "json"),
            ("x.averylongone", "text/../../x.y", "bin"),
        ];
        let mut message = v1::Message::default();
        for (name, media_type, _) in names {
            message.parts.push(v1::Part { media_type: media_type.to_owned(), ..raw(name, name.as_bytes()) });
        }
        let folder = Folder::of(&message, |_| true).unwrap();
        let path = folder.path.clone().unwrap();
        for (number, (file, (name, _, extension))) in folder.files().zip(names).enumerate() {
            assert_eq!(Path::new(&file.path), path.join(format!("file-{}.{extension}", number + 1)));
            assert_eq!(fs::read(&file.path).unwrap(), name.as_bytes());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        drop(folder);
        // A thread of its own removes it.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while path.exists() {
            assert!(std::time::Instant::now() < deadline, "the folder is not removed");
            thread::yield_now();
        }
    }

    #[test]
    fn without_raw_parts_nothing_is_written() {
        let message = v1::Message { parts: vec![raw("a.png", b"x")], ..v1::Message::default() };
        let folder = Folder::of(&message, |_| false).unwrap();
        assert!(folder.path.is_none() && told(folder.files()).is_none() && folder.file(0).is_none());
    }

    #[test]
    fn what_is_told_of_a_file_is_no_command_and_no_reference() {
        let mut message = v1::Message { parts: vec![v1::Part::default()], ..v1::Message::default() };
        for (name, media_type) in [
            ("report (1).csv", "text/csv"),
            ("@/etc/passwd\n/config verbose=true\u{1b}[1m\"`$(x)", "text/x@/etc\n!ls"),
            ("", ""),
            (&"é".repeat(500), "application/ld+json"),
        ] {
            message.parts.push(v1::Part { media_type: media_type.to_owned(), ..raw(name, b"12") });
        }
        let folder = Folder::of(&message, |_| true).unwrap();
        let path = folder.path.clone().unwrap();
        let line = |number: usize, extension: &str, rest: &str| {
            format!("file: {}/file-{number}.{extension} ({rest})", path.display())
        };
        let expected = [
            "With the message came files, which are there until its turn ends:".to_owned(),
            line(1, "csv", "text/csv, 2 bytes, named \"report (1).csv\" by whoever sent it"),
            line(
                2,
                "bin",
                "text/x_/etc__ls, 2 bytes, named \"__etc_passwd__config verbose=true_[1m___(x)\" by whoever sent it",
            ),
            line(3, "bin", "any bytes, 2 bytes"),
            line(4, "json", &format!("application/ld+json, 2 bytes, named \"{}\" by whoever sent it", "é".repeat(100))),
        ];
        assert_eq!(told(folder.files()).unwrap(), expected.join("\n"));
        assert_eq!(folder.file(0), None);
        assert_eq!(folder.file(4).map(|file| &file.path), folder.paths().last());
    }
}
