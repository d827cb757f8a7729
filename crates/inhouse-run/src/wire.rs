//! What a server and its supervisor say to each other: an 8-byte head of kind and value, after [`START`] followed by a
//! plan.
//!
//! Both ends are the same program, so the form has no version. A plan's strings are sent with their lengths: no content
//! of one can be taken for the next.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::bounds::{Bounds, Resource};
use crate::run::Exit;

/// Longer plans are refused; no kernel takes that much as arguments and environment.
const PLAN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The length of a head in bytes.
pub(crate) const HEAD_BYTES: usize = 8;

/// Server to supervisor: a plan of `value` bytes follows, and three descriptors came with it.
pub(crate) const START: u32 = 1;
/// Server to supervisor: ask the tree to end, and kill it after `value` milliseconds.
pub(crate) const TERMINATE: u32 = 2;
/// Server to supervisor: kill the tree.
pub(crate) const KILL: u32 = 3;
/// Server to supervisor: what the tree has now may stay when it is swept.
pub(crate) const MARK: u32 = 4;
/// Server to supervisor: kill what has no mark.
pub(crate) const SWEEP: u32 = 5;

const STARTED: u32 = 16;
const REFUSED: u32 = 17;
const EXITED: u32 = 18;
const SIGNALED: u32 = 19;
const GONE: u32 = 20;
const DONE: u32 = 21;
const OVER: u32 = 22;

const MEMORY: u32 = 1;
const PROCESSES: u32 = 2;

/// A head: kind and value.
pub(crate) fn head(kind: u32, value: u32) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&kind.to_le_bytes());
    head[4..].copy_from_slice(&value.to_le_bytes());
    head
}

/// The kind and value of a head, when all of it is there.
pub(crate) fn read_head(bytes: &[u8]) -> Option<(u32, u32)> {
    let (kind, rest) = bytes.split_first_chunk::<4>()?;
    let (value, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*kind), u32::from_le_bytes(*value)))
}

/// Supervisor to server: how its run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The agent runs, with this pid.
    Started(u32),
    /// It could not be started: an errno.
    Refused(i32),
    /// The last [`MARK`] or [`SWEEP`] is done, and has killed so many processes.
    Done(u32),
    /// The run uses more of this than it may, and is being killed.
    Over(Resource),
    /// Its own process ended.
    Exited(Exit),
    /// Nothing is left of the run.
    Gone,
}

impl Report {
    pub(crate) fn encode(self) -> [u8; HEAD_BYTES] {
        match self {
            Self::Started(pid) => head(STARTED, pid),
            Self::Refused(errno) => head(REFUSED, errno.cast_unsigned()),
            Self::Exited(Exit { signal: Some(signal), .. }) => head(SIGNALED, signal.cast_unsigned()),
            Self::Exited(exit) => head(EXITED, exit.code.unwrap_or_default().cast_unsigned()),
            Self::Done(killed) => head(DONE, killed),
            Self::Over(Resource::Memory) => head(OVER, MEMORY),
            Self::Over(Resource::Processes) => head(OVER, PROCESSES),
            Self::Gone => head(GONE, 0),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, value) = read_head(bytes)?;
        let exit = |code, signal| Self::Exited(Exit { code, signal, ..Exit::default() });
        match kind {
            STARTED => Some(Self::Started(value)),
            REFUSED => Some(Self::Refused(value.cast_signed())),
            EXITED => Some(exit(Some(value.cast_signed()), None)),
            SIGNALED => Some(exit(None, Some(value.cast_signed()))),
            DONE => Some(Self::Done(value)),
            OVER if value == MEMORY => Some(Self::Over(Resource::Memory)),
            OVER if value == PROCESSES => Some(Self::Over(Resource::Processes)),
            GONE => Some(Self::Gone),
            _ => None,
        }
    }
}

/// A plan as the supervisor reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) program: OsString,
    pub(crate) directory: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    /// What of the hidden paths this run sees all the same.
    pub(crate) shown: Vec<OsString>,
    pub(crate) bounds: Bounds,
}

impl Plan {
    /// Reads what [`encode`] wrote.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let program = string(&mut bytes)?;
        let directory = string(&mut bytes)?;
        let args = (0..number(&mut bytes)?).map(|_| string(&mut bytes)).collect::<Option<_>>()?;
        let env = (0..number(&mut bytes)?)
            .map(|_| Some((string(&mut bytes)?, string(&mut bytes)?)))
            .collect::<Option<_>>()?;
        let shown = (0..number(&mut bytes)?).map(|_| string(&mut bytes)).collect::<Option<_>>()?;
        let bounds = Bounds {
            memory_bytes_max: bound(&mut bytes)?,
            processes_max: bound(&mut bytes)?.and_then(|max| max.try_into().ok()),
        };
        bytes.is_empty().then_some(Self { program, directory, args, env, shown, bounds })
    }
}

/// Writes a start: its head and the plan.
pub(crate) fn encode<'a>(
    program: &Path,
    directory: &Path,
    args: impl ExactSizeIterator<Item = &'a OsStr>,
    env: impl ExactSizeIterator<Item = (&'a OsStr, &'a OsStr)>,
    shown: impl ExactSizeIterator<Item = &'a OsStr>,
    bounds: Bounds,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    bytes.extend([0; HEAD_BYTES]);
    put(&mut bytes, program.as_os_str())?;
    put(&mut bytes, directory.as_os_str())?;
    put_number(&mut bytes, args.len())?;
    for arg in args {
        put(&mut bytes, arg)?;
    }
    put_number(&mut bytes, env.len())?;
    for (name, value) in env {
        put(&mut bytes, name)?;
        put(&mut bytes, value)?;
    }
    put_number(&mut bytes, shown.len())?;
    for path in shown {
        put(&mut bytes, path)?;
    }
    for max in [bounds.memory_bytes_max, bounds.processes_max.map(u64::from)] {
        // Nothing can be bound to 0.
        bytes.extend(max.unwrap_or_default().to_le_bytes());
    }
    let plan_bytes = u32::try_from(bytes.len() - HEAD_BYTES).map_err(|_| too_long())?;
    bytes[..HEAD_BYTES].copy_from_slice(&head(START, plan_bytes));
    Ok(bytes)
}

fn put(bytes: &mut Vec<u8>, string: &OsStr) -> io::Result<()> {
    if string.as_bytes().contains(&0) {
        return Err(io::Error::from_raw_os_error(nix::libc::EINVAL));
    }
    if bytes.len() + string.len() > PLAN_BYTES_MAX {
        return Err(too_long());
    }
    put_number(bytes, string.len())?;
    bytes.extend_from_slice(string.as_bytes());
    Ok(())
}

fn put_number(bytes: &mut Vec<u8>, number: usize) -> io::Result<()> {
    let number = u32::try_from(number).map_err(|_| too_long())?;
    bytes.extend(number.to_le_bytes());
    Ok(())
}

fn too_long() -> io::Error {
    io::Error::from_raw_os_error(nix::libc::E2BIG)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    bytes.split_off(..4)?.try_into().ok().map(u32::from_le_bytes)
}

/// A bound, if there is one.
fn bound(bytes: &mut &[u8]) -> Option<Option<u64>> {
    bytes.split_off(..8)?.try_into().ok().map(u64::from_le_bytes).map(|max| Some(max).filter(|max| *max > 0))
}

fn string(bytes: &mut &[u8]) -> Option<OsString> {
    let length = usize::try_from(number(bytes)?).ok()?;
    bytes.split_off(..length).map(|string| OsString::from_vec(string.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { memory_bytes_max: Some(1 << 40), processes_max: None };

    fn plan(args: &[&str], env: &[(&str, &str)]) -> io::Result<Vec<u8>> {
        encode(
            Path::new("/bin/echo"),
            Path::new("/tmp"),
            args.iter().map(OsStr::new),
            env.iter().map(|(name, value)| (OsStr::new(*name), OsStr::new(*value))),
            ["/srv/work"].iter().map(OsStr::new),
            BOUNDS,
        )
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let bytes = plan(&["", "ä b", "-x"], &[("A", "1"), ("B", "")]).unwrap();
        let (kind, length) = read_head(&bytes).unwrap();
        assert_eq!((kind, length as usize), (START, bytes.len() - HEAD_BYTES));
        let expected = Plan {
            program: "/bin/echo".into(),
            directory: "/tmp".into(),
            args: vec!["".into(), "ä b".into(), "-x".into()],
            env: vec![("A".into(), "1".into()), ("B".into(), "".into())],
            shown: vec!["/srv/work".into()],
            bounds: BOUNDS,
        };
        assert_eq!(Plan::decode(&bytes[HEAD_BYTES..]), Some(expected));
    }

    #[test]
    fn a_plan_that_is_cut_or_too_long_is_no_plan() {
        let bytes = plan(&["a"], &[("A", "1")]).unwrap();
        for end in HEAD_BYTES..bytes.len() {
            assert_eq!(Plan::decode(&bytes[HEAD_BYTES..end]), None, "{end}");
        }
        let mut longer = bytes[HEAD_BYTES..].to_vec();
        longer.push(0);
        assert_eq!(Plan::decode(&longer), None);
    }

    #[test]
    fn a_nul_and_an_endless_plan_are_refused_with_the_kernels_own_reason() {
        let errno = |result: io::Result<Vec<u8>>| result.unwrap_err().raw_os_error();
        assert_eq!(errno(plan(&["a\0b"], &[])), Some(nix::libc::EINVAL));
        let long = "x".repeat(PLAN_BYTES_MAX);
        assert_eq!(errno(plan(&[&long], &[])), Some(nix::libc::E2BIG));
    }

    #[test]
    fn every_report_is_read_as_it_was_written() {
        let exit = |code, signal| Exit { code, signal, ..Exit::default() };
        for report in [
            Report::Started(4_194_304),
            Report::Refused(2),
            Report::Done(3),
            Report::Over(Resource::Memory),
            Report::Over(Resource::Processes),
            Report::Exited(exit(Some(255), None)),
            Report::Exited(exit(None, Some(64))),
            Report::Gone,
        ] {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        assert_eq!(Report::decode(&head(99, 0)), None);
    }
}
