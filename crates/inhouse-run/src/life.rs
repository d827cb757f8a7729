//! How a supervisor is to live: what stands on its command line after [`SUPERVISE_ARG`](crate::SUPERVISE_ARG).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nix::sys::resource::rlim_t;

use crate::runner::{Guarded, Hidden};

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
    /// What they can not change.
    pub(crate) guarded: Vec<Guarded>,
}

/// What is guarded as it is, and what is made where it is missing.
const KEEP: &str = "keep";
const MAKE: &str = "make";

const MODES: [(Mode, &str); 3] =
    [(Mode::Reaper, "reaper"), (Mode::Namespace, "namespace"), (Mode::Attempt, "namespace-attempt")];

impl Life {
    /// As words of a command line.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mode = MODES.iter().find(|(mode, _)| *mode == self.mode).map_or("", |(_, word)| word);
        let mut words: Vec<OsString> = vec![self.open_files_max.to_string().into(), mode.into()];
        let mut about = |what: &str, path: &PathBuf| {
            let mut word = OsString::from(format!("{what}:"));
            word.push(path);
            words.push(word);
        };
        self.hidden.iter().for_each(|hidden| about(&hidden.room_depth.to_string(), &hidden.path));
        self.guarded.iter().for_each(|guarded| about(if guarded.makes { MAKE } else { KEEP }, &guarded.path));
        words
    }

    /// Reads what [`words`](Self::words) wrote.
    pub(crate) fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let open_files_max = words.next()?.to_str()?.parse().ok()?;
        let mode = words.next()?;
        let (mode, _) = MODES.iter().find(|(_, word)| mode == OsStr::new(word))?;
        let mut life = Self { open_files_max, mode: *mode, hidden: Vec::new(), guarded: Vec::new() };
        for word in words {
            let mut halves = word.as_bytes().splitn(2, |byte| *byte == b':');
            let (what, path) =
                (std::str::from_utf8(halves.next()?).ok()?, PathBuf::from(OsStr::from_bytes(halves.next()?)));
            match what {
                MAKE | KEEP => life.guarded.push(Guarded { path, makes: what == MAKE }),
                depth => life.hidden.push(Hidden { path, room_depth: depth.parse().ok()? }),
            }
        }
        Some(life)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_life_is_read_as_it_was_written() {
        let odd = PathBuf::from(OsString::from_vec(b"/a b:/\xff".to_vec()));
        let guarded = |path: &str, makes| Guarded { path: path.into(), makes };
        for (mode, hidden) in [
            (Mode::Reaper, vec![]),
            (Mode::Namespace, vec![Hidden { path: odd, room_depth: 0 }, Hidden { path: "/x".into(), room_depth: 2 }]),
            (Mode::Attempt, vec![]),
        ] {
            let guarded = vec![guarded("/p/.git/hooks", false), guarded("/p/a:b", true)];
            let life = Life { open_files_max: 1024, mode, hidden, guarded };
            assert_eq!(Life::read(life.words().into_iter()), Some(life));
        }
        for words in [
            &["1024"][..],
            &["x", "reaper"],
            &["1024", "vm"],
            &["1024", "namespace", "/x"],
            &["1024", "namespace", "x:/x"],
        ] {
            assert_eq!(Life::read(words.iter().map(OsString::from)), None, "{words:?}");
        }
    }
}
