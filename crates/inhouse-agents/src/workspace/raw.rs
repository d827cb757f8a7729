//! What git says in its own forms about what differs: `diff-tree --raw -z`, and the sizes of `cat-file`. Pure.

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Added,
    Modified,
    Deleted,
    Renamed,
}

impl Status {
    /// The word for callers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::Renamed => "renamed",
        }
    }
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file; for git the name of the object that holds it.
    File(String),
    Link,
    /// Another repository.
    Repository,
    /// Nothing: it is deleted.
    Nothing,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) status: Status,
    /// From the top; bytes, as the system has them.
    pub(crate) path: Vec<u8>,
    /// What a renamed file was called.
    pub(crate) from: Option<Vec<u8>>,
    pub(crate) kind: Kind,
}

/// The entries of `diff-tree -r -z --raw`, which may end in the middle of one; that one is left out.
pub(crate) fn entries(bytes: &[u8]) -> Vec<Entry> {
    // Each field ends with a NUL: what stands behind the last one is not whole.
    let whole = bytes.iter().rposition(|byte| *byte == 0).map_or(&[][..], |end| &bytes[..end]);
    let mut fields = whole.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let Some(entry) = fields.next().and_then(|head| entry(head, &mut fields)) {
        entries.push(entry);
    }
    entries
}

/// `:100644 100755 OLD NEW R090`, then one path or two.
fn entry<'a>(head: &[u8], paths: &mut impl Iterator<Item = &'a [u8]>) -> Option<Entry> {
    let head = std::str::from_utf8(head).ok()?.strip_prefix(':')?;
    let words: Vec<_> = head.split(' ').collect();
    let &[_, mode, _, object, status] = words.as_slice() else { return None };
    let status = match status.as_bytes().first()? {
        b'A' => Status::Added,
        b'D' => Status::Deleted,
        b'R' => Status::Renamed,
        _ => Status::Modified,
    };
    let first = paths.next()?.to_vec();
    let (path, from) = match status {
        Status::Renamed => (paths.next()?.to_vec(), Some(first)),
        _ => (first, None),
    };
    let kind = match (status, mode) {
        (Status::Deleted, _) => Kind::Nothing,
        (_, "120000") => Kind::Link,
        (_, "160000") => Kind::Repository,
        _ => Kind::File(object.to_owned()),
    };
    Some(Entry { status, path, from, kind })
}

/// The sizes that `cat-file --batch-check` gives in lines of `NAME blob SIZE`, in their order; `None` for what it does not have.
pub(crate) fn sizes(lines: &[String]) -> Vec<Option<usize>> {
    lines.iter().map(|line| line.split(' ').nth(2)?.parse().ok()).collect()
}

/// The contents that `cat-file --batch` gives, in their order: a head as of [`sizes`], the bytes, a line end.
pub(crate) fn contents(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let Some(Some(size)) = sizes(&[head]).pop() else { break };
        let Some(content) = bytes.get(end + 1..end + 1 + size) else { break };
        contents.push(content.to_vec());
        bytes = bytes.get(end + 2 + size..).unwrap_or_default();
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn file() -> Kind {
        Kind::File(NEW.to_owned())
    }

    fn raw(modes: &str, status: &str, paths: &[&[u8]]) -> Vec<u8> {
        let mut bytes = format!(":{modes} {OLD} {NEW} {status}\0").into_bytes();
        paths.iter().for_each(|path| bytes.extend([path, &b"\0"[..]].concat()));
        bytes
    }

    #[test]
    fn every_status_and_every_name_is_read() {
        type Case = (&'static str, &'static str, &'static [&'static [u8]], Status, Kind);
        let cases: &[Case] = &[
            ("000000 100644", "A", &[b"-rf"], Status::Added, file()),
            ("100644 100755", "M", &[b"a\nb"], Status::Modified, file()),
            ("100644 000000", "D", &[b"\xff\xfe"], Status::Deleted, Kind::Nothing),
            ("100644 100644", "R087", &[b"old name", b"new\tname"], Status::Renamed, file()),
            ("100644 120000", "T", &[b"link"], Status::Modified, Kind::Link),
            ("000000 160000", "A", &[b":100644"], Status::Added, Kind::Repository),
        ];
        let all: Vec<u8> = cases.iter().flat_map(|(modes, status, paths, ..)| raw(modes, status, paths)).collect();
        let read = entries(&all);
        assert_eq!(read.len(), cases.len());
        for (entry, (_, _, paths, status, kind)) in read.iter().zip(cases) {
            assert_eq!((entry.status, &entry.kind), (*status, kind));
            assert_eq!(entry.path, paths[paths.len() - 1]);
            assert_eq!(entry.from.as_deref(), (paths.len() == 2).then(|| paths[0]));
        }
        // Cut anywhere, the whole ones before the cut are there and nothing else.
        for end in 0..all.len() {
            let cut = entries(&all[..end]);
            assert!(cut.len() < cases.len() && cut[..] == read[..cut.len()], "{end}");
        }
    }

    #[test]
    fn objects_are_read_by_their_sizes() {
        let heads = [format!("{NEW} blob 4"), format!("{NEW} missing"), format!("{NEW} blob 0")];
        assert_eq!(sizes(&heads), [Some(4), None, Some(0)]);
        let bytes = format!("{}\na\nb\n\n{}\n\n", heads[0], heads[2]).into_bytes();
        assert_eq!(contents(&bytes), [b"a\nb\n".to_vec(), Vec::new()]);
        assert_eq!(contents(&bytes[..bytes.len() - heads[2].len() - 4]), Vec::<Vec<u8>>::new(), "cut");
    }
}
