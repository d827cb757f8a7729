//! The raw parts of a message as files, for one turn: in a folder that only this user can enter, under our own names.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use serde::Serialize;

use crate::folder::{fresh, remove};

const EXTENSION_CHARS_MAX: usize = 8;

/// One raw part, written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct File {
    path: String,
    /// As the caller named it: a word, not a place.
    filename: String,
    media_type: String,
}

/// The folder. Dropping it removes it with all that is in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    files: Vec<File>,
}

impl Folder {
    /// Writes the raw parts of a message; without any there is no folder.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn of(message: &v1::Message) -> io::Result<Option<Self>> {
        let raw = message.parts.iter().filter_map(|part| match &part.content {
            Some(Content::Raw(bytes)) => Some((part, bytes)),
            _ => None,
        });
        let mut raw = raw.peekable();
        if raw.peek().is_none() {
            return Ok(None);
        }
        let mut folder = Self { path: fresh(&std::env::temp_dir())?, files: Vec::new() };
        for (number, (part, bytes)) in raw.enumerate() {
            let path = folder.path.join(format!("file-{}.{}", number + 1, extension(&part.filename)));
            OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(bytes)?;
            let path =
                path.into_os_string().into_string().map_err(|_| io::Error::other("the folder's path is no UTF-8"))?;
            let (filename, media_type) = (part.filename.clone(), part.media_type.clone());
            folder.files.push(File { path, filename, media_type });
        }
        Ok(Some(folder))
    }

    /// What was written.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(std::mem::take(&mut self.path));
    }
}

/// The extension of a caller's file name, if it is a short plain word.
fn extension(filename: &str) -> &str {
    match filename.rsplit_once('.') {
        Some((_, word))
            if (1..=EXTENSION_CHARS_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            word
        }
        _ => "bin",
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
            ("a.png", "png"),
            ("../../etc/passwd", "bin"),
            ("x.p/../n", "bin"),
            ("", "bin"),
            ("x.averylongone", "bin"),
        ];
        let mut message = v1::Message::default();
        for (name, _) in names {
            message.parts.push(raw(name, name.as_bytes()));
        }
        let folder = Folder::of(&message).unwrap().unwrap();
        let path = folder.path.clone();
        for (number, (file, (name, extension))) in folder.files().iter().zip(names).enumerate() {
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
        assert!(Folder::of(&v1::Message::default()).unwrap().is_none());
    }
}
