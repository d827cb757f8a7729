//! Reads audits again, line by line: the files that one is made of in their order, or what comes on standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::file::earlier;

/// No line of an audit is longer, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Full files that are looked for.
const FILES_MAX: u64 = 100_000;

/// A part of an audit, and what to call it.
pub(super) struct Part {
    pub(super) name: String,
    /// Other lines may stand between those of the audit.
    pub(super) is_mixed: bool,
    input: Box<dyn BufRead>,
}

/// A line as it was found.
#[derive(Debug)]
pub(super) struct Line {
    /// Without its end. Of one that is too long, the beginning.
    pub(super) bytes: Vec<u8>,
    /// Whether it has an end.
    pub(super) is_ended: bool,
}

/// The parts of one audit, the oldest first. `-` is standard input.
pub(super) fn parts(files: &[PathBuf]) -> Result<Vec<Part>, String> {
    let mut all: Vec<Part> = Vec::new();
    for file in files {
        if file.as_os_str() == "-" {
            all.push(Part::of("stdin", true, io::stdin()));
            continue;
        }
        // While one file takes the place of another, a number may be missing.
        let is_there = |number: &u64| earlier(file, *number).exists() || earlier(file, number + 1).exists();
        let full: Vec<_> = (1..=FILES_MAX).take_while(is_there).map(|number| earlier(file, number)).collect();
        let full = full.iter().rev().filter(|path| path.exists()).map(PathBuf::as_path);
        for path in full.chain([file.as_path()]) {
            // A pattern names the full ones as well.
            if all.iter().all(|part| Path::new(&part.name) != path) {
                all.push(opened(path)?);
            }
        }
    }
    Ok(all)
}

fn opened(path: &Path) -> Result<Part, String> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    Ok(Part::of(&name, false, file))
}

impl Part {
    pub(super) fn of(name: &str, is_mixed: bool, input: impl io::Read + 'static) -> Self {
        Self { name: name.to_owned(), is_mixed, input: Box::new(BufReader::new(input)) }
    }

    /// The next line; nothing at the end.
    pub(super) fn line(&mut self) -> Result<Option<Line>, String> {
        self.read().map_err(|error| format!("{}: {error}", self.name))
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut is_ended = bytes.pop_if(|byte| *byte == b'\n').is_some();
        if !is_ended && bytes.len() as u64 == LINE_BYTES_MAX {
            is_ended = self.input.skip_until(b'\n')? > 0;
        }
        Ok(Some(Line { bytes, is_ended }))
    }
}
