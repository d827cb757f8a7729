//! How a supervisor is to live: what stands on its command line after [`SUPERVISE_ARG`](crate::SUPERVISE_ARG).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nix::sys::resource::rlim_t;

use crate::runner::Hidden;

/// What kind of supervisor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A subreaper.
    Reaper,
    /// The first process of namespaces of its own.
    Namespace,
    /// The same, but it serves nobody: it says on its standard output whether it can be.
    Attempt,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    /// The limit on open files that agents have.
    pub(crate) open_files_max: rlim_t,
    pub(crate) mode: Mode,
    /// What agents do not see.
    pub(crate) hidden: Vec<Hidden>,
}

const MODES: [(Mode, &str); 3] =
    [(Mode::Reaper, "reaper"), (Mode::Namespace, "namespace"), (Mode::Attempt, "namespace-attempt")];

impl Life {
    /// As words of a command line.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mode = MODES.iter().find(|(mode, _)| *mode == self.mode).map_or("", |(_, word)| word);
        let mut words: Vec<OsString> = vec![self.open_files_max.to_string().into(), mode.into()];
        for Hidden { path, room_depth } in &self.hidden {
            let mut word = OsString::from(format!("{room_depth}:"));
            word.push(path);
            words.push(word);
        }
        words
    }

    /// Reads what [`words`](Self::words) wrote.
    pub(crate) fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let open_files_max = words.next()?.to_str()?.parse().ok()?;
        let mode = words.next()?;
        let (mode, _) = MODES.iter().find(|(_, word)| mode == OsStr::new(word))?;
        let hidden = words.map(|word| hidden(&word)).collect::<Option<_>>()?;
        Some(Self { open_files_max, mode: *mode, hidden })
    }
}

fn hidden(word: &OsString) -> Option<Hidden> {
    let mut halves = word.as_bytes().splitn(2, |byte| *byte == b':');
    let room_depth = std::str::from_utf8(halves.next()?).ok()?.parse().ok()?;
    Some(Hidden { path: PathBuf::from(OsStr::from_bytes(halves.next()?)), room_depth })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_life_is_read_as_it_was_written() {
        let odd = PathBuf::from(OsString::from_vec(b"/a b:/\xff".to_vec()));
        for (mode, hidden) in [
            (Mode::Reaper, vec![]),
            (Mode::Namespace, vec![Hidden { path: odd, room_depth: 0 }, Hidden { path: "/x".into(), room_depth: 2 }]),
            (Mode::Attempt, vec![]),
        ] {
            let life = Life { open_files_max: 1024, mode, hidden };
            assert_eq!(Life::read(life.words().into_iter()), Some(life));
        }
        for words in [&["1024"][..], &["x", "reaper"], &["1024", "vm"], &["1024", "namespace", "/x"]] {
            assert_eq!(Life::read(words.iter().map(OsString::from)), None, "{words:?}");
        }
    }
}
