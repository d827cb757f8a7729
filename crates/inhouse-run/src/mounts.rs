//! The table of mounts, as `/proc/self/mountinfo` writes it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::mount::MsFlags;

/// One mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    /// The kind of file system.
    pub(crate) kind: String,
    /// The file system is mounted with its root.
    pub(crate) is_whole: bool,
    /// Its own flags, which a change has to repeat.
    pub(crate) flags: MsFlags,
}

/// The table of this process.
pub(crate) fn table() -> nix::Result<Vec<Mount>> {
    let text = fs::read_to_string("/proc/self/mountinfo");
    Ok(read(&text.map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))?))
}

/// Reads the table; a line of another form is passed over.
pub(crate) fn read(table: &str) -> Vec<Mount> {
    table.lines().filter_map(line).collect()
}

/// Nothing is wrong with a mount below another one: nobody gets there.
pub(crate) fn unless_out_of_reach(done: nix::Result<()>) -> nix::Result<()> {
    match done {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::EINVAL) => Ok(()),
        done => done,
    }
}

fn line(line: &str) -> Option<Mount> {
    // Optional fields end with a dash.
    let (own, filesystem) = line.split_once(" - ")?;
    let fields: Vec<_> = own.split(' ').collect();
    let [_, _, _, root, point, options, ..] = fields.as_slice() else { return None };
    let kind = filesystem.split(' ').next()?.to_owned();
    let flags = options.split(',').map(flag).fold(MsFlags::empty(), MsFlags::union);
    let keeps_times = flags.intersects(MsFlags::MS_NOATIME | MsFlags::MS_RELATIME);
    let flags = if keeps_times { flags } else { flags | MsFlags::MS_STRICTATIME };
    Some(Mount { point: unescaped(point), kind, is_whole: *root == "/", flags })
}

fn flag(word: &str) -> MsFlags {
    match word {
        "ro" => MsFlags::MS_RDONLY,
        "nosuid" => MsFlags::MS_NOSUID,
        "nodev" => MsFlags::MS_NODEV,
        "noexec" => MsFlags::MS_NOEXEC,
        "noatime" => MsFlags::MS_NOATIME,
        "nodiratime" => MsFlags::MS_NODIRATIME,
        "relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    }
}

/// Blanks and the like stand as a backslash and three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let octal = more.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (first, octal) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &more[3..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_mounts_is_read() {
        let table = "22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw\n\
            31 23 0:28 /a /sys/fs/c\\040group ro,nosuid,nodev,noexec - cgroup2 cgroup2 rw\n\
            nonsense\n";
        let [proc, cgroup] = read(table).try_into().unwrap();
        let flags = MsFlags::MS_RELATIME;
        assert_eq!(proc, Mount { point: "/proc".into(), kind: "proc".into(), is_whole: true, flags });
        let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let flags = flags | MsFlags::MS_STRICTATIME;
        let point = "/sys/fs/c group".into();
        assert_eq!(cgroup, Mount { point, kind: "cgroup2".into(), is_whole: false, flags });
    }
}
