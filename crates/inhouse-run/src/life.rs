//! How a supervisor is to live: what stands on its command line after [`SUPERVISE_ARG`](crate::SUPERVISE_ARG).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nix::sys::resource::rlim_t;

use crate::sights::{Guarded, Hidden};

/// What kind of supervisor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A subreaper.
    Reaper,
    /// The first process of namespaces of its own.
    Namespace,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    /// The limit on open files that agents have.
    pub(crate) open_files_max: rlim_t,
    pub(crate) mode: Mode,
    /// It serves nobody: it says on its standard output whether it can be.
    pub(crate) is_attempt: bool,
    /// Where it makes the control group of its run, if it has one.
    pub(crate) cgroup: Option<PathBuf>,
    /// What agents do not see.
    pub(crate) hidden: Vec<Hidden>,
    /// What they can not change.
    pub(crate) guarded: Vec<Guarded>,
}

/// What is guarded as it is, and what is made where it is missing.
const KEEP: &str = "keep";
const MAKE: &str = "make";

/// Before the place of a control group.
const CGROUP: &str = "cgroup";

const MODES: [(Mode, bool, &str); 4] = [
    (Mode::Reaper, false, "reaper"),
    (Mode::Reaper, true, "reaper-attempt"),
    (Mode::Namespace, false, "namespace"),
    (Mode::Namespace, true, "namespace-attempt"),
];

impl Life {
    /// As words of a command line.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let is_it = |mode, is_attempt| mode == self.mode && is_attempt == self.is_attempt;
        let mode = MODES.iter().find(|(mode, is_attempt, _)| is_it(*mode, *is_attempt)).map_or("", |(.., word)| word);
        let mut words: Vec<OsString> = vec![self.open_files_max.to_string().into(), mode.into()];
        let mut about = |what: &str, path: &PathBuf| {
            let mut word = OsString::from(format!("{what}:"));
            word.push(path);
            words.push(word);
        };
        self.cgroup.iter().for_each(|place| about(CGROUP, place));
        self.hidden.iter().for_each(|hidden| about(&hidden.room_depth.to_string(), &hidden.path));
        self.guarded.iter().for_each(|guarded| about(if guarded.makes { MAKE } else { KEEP }, &guarded.path));
        words
    }

    /// Reads what [`words`](Self::words) wrote.
    pub(crate) fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let open_files_max = words.next()?.to_str()?.parse().ok()?;
        let mode = words.next()?;
        let (mode, is_attempt, _) = *MODES.iter().find(|(.., word)| mode == OsStr::new(word))?;
        let (hidden, guarded) = (Vec::new(), Vec::new());
        let mut life = Self { open_files_max, mode, is_attempt, cgroup: None, hidden, guarded };
        for word in words {
            let mut halves = word.as_bytes().splitn(2, |byte| *byte == b':');
            let (what, path) =
                (std::str::from_utf8(halves.next()?).ok()?, PathBuf::from(OsStr::from_bytes(halves.next()?)));
            match what {
                CGROUP => life.cgroup = Some(path),
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
        let hidden = vec![Hidden { path: odd.clone(), room_depth: 0 }, Hidden { path: "/x".into(), room_depth: 2 }];
        for (mode, is_attempt, cgroup, hidden) in [
            (Mode::Reaper, false, None, vec![]),
            (Mode::Reaper, true, Some("/sys/fs/cgroup/a:b/run-1".into()), vec![]),
            (Mode::Namespace, false, Some(odd), hidden),
            (Mode::Namespace, true, None, vec![]),
        ] {
            let guarded = vec![guarded("/p/.git/hooks", false), guarded("/p/a:b", true)];
            let life = Life { open_files_max: 1024, mode, is_attempt, cgroup, hidden, guarded };
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
