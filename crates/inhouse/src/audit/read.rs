//! Reads audits again, line by line: the files that one is made of in their order, or what comes on standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::file::earlier;

/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Full files that are looked for.
const FILES_MAX: u64 = 100_000;

/// A part of an audit, and what to call it.
pub(super) struct Part {
    pub(super) name: String,
    /// Other lines may stand between those of the audit.
    pub(super) is_mixed: bool,
    input: Box<dyn BufRead>,
}

/// The parts of one audit, the oldest first. `-` is standard input.
pub(super) fn parts(files: &[PathBuf]) -> Result<Vec<Part>, String> {
    let mut all = Vec::new();
    for file in files {
        if file.as_os_str() == "-" {
            all.push(Part { name: "stdin".into(), is_mixed: true, input: Box::new(BufReader::new(io::stdin())) });
            continue;
        }
        let full = (1..=FILES_MAX).map(|number| earlier(file, number)).take_while(|path| path.exists());
        let full: Vec<_> = full.collect();
        for path in full.iter().rev().map(PathBuf::as_path).chain([file.as_path()]) {
            all.push(opened(path)?);
        }
    }
    Ok(all)
}

fn opened(path: &Path) -> Result<Part, String> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    Ok(Part { name, is_mixed: false, input: Box::new(BufReader::new(file)) })
}

impl Part {
    /// The next line without its end, and whether it had one; nothing at the end.
    pub(super) fn line(&mut self) -> Result<Option<(String, bool)>, String> {
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.input).take(LINE_BYTES_MAX);
        bounded.read_until(b'\n', &mut bytes).map_err(|error| format!("{}: {error}", self.name))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let is_whole = bytes.last() == Some(&b'\n');
        if is_whole {
            bytes.pop();
        }
        Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), is_whole)))
    }
}
