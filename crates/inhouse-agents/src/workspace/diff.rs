//! What differs between two trees, read through a [`Lens`], within the bounds of what is told.

use super::changes::{Changes, ChangesMax, Kept, Patch, Reason, chosen};
use super::git::GitError;
use super::lens::Lens;
use super::raw::{Entry, Kind, contents, entries, sizes};

/// What an entry of a list may have: a path of the longest kind, and its old name.
const ENTRY_BYTES_MAX: usize = 8_400;
/// What the head of one object has beside its content.
const HEAD_BYTES_MAX: usize = 128;

/// What changed from one tree to another; `None` when nothing did.
///
/// # Errors
/// [`GitError`].
pub(crate) async fn changes(
    lens: &Lens<'_>,
    (base, tree): (&str, &str),
    (max, patch_bytes_max): (ChangesMax, usize),
    kept: Option<Kept>,
) -> Result<Option<Changes>, GitError> {
    if base == tree {
        return Ok(None);
    }
    let list = ["diff-tree", "-r", "-z", "-M", "--raw", "--no-abbrev", base, tree];
    let listed = lens.run(&list, Vec::new(), max.listed.saturating_mul(ENTRY_BYTES_MAX)).await?;
    let mut entries = entries(&listed.bytes);
    let more = listed.cut || entries.len() > max.listed;
    entries.truncate(max.listed);
    let words =
        ["diff-tree", "-r", "-M", "-p", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", base, tree];
    let patch = lens.run(&words, Vec::new(), patch_bytes_max).await?;
    let patch = if patch.cut { Patch::TooLarge } else { Patch::Whole(patch.bytes) };
    let contents = files(lens, &entries, max).await?;
    Ok(Some(Changes { kept, patch, entries, more, contents }))
}

/// The contents of the files that are given, and why others are not.
async fn files(
    lens: &Lens<'_>,
    entries: &[Entry],
    max: ChangesMax,
) -> Result<Vec<Option<Result<Vec<u8>, Reason>>>, GitError> {
    let of_files: Vec<_> = entries.iter().map(object).collect();
    let names = of_files.iter().flatten().map(|name| format!("{name}\n")).collect::<String>();
    let heads_max = HEAD_BYTES_MAX * of_files.len();
    let heads = lens.run(&["cat-file", "--batch-check"], names.into_bytes(), heads_max).await?;
    let mut known = sizes(&heads.lines()).into_iter();
    let sizes: Vec<_> = of_files.iter().map(|file| file.and_then(|_| known.next().flatten())).collect();
    let chosen = chosen(entries, max, |index| sizes[index]);
    let given = of_files.iter().zip(&chosen).filter(|(_, chosen)| matches!(chosen, Some(Ok(()))));
    let names = given.flat_map(|(name, _)| *name).map(|name| format!("{name}\n")).collect::<String>();
    let read = lens.run(&["cat-file", "--batch"], names.into_bytes(), max.bytes.saturating_add(heads_max)).await?;
    let mut read = contents(&read.bytes).into_iter();
    let content = |chosen: Option<Result<(), Reason>>| {
        chosen.map(|chosen| chosen.and_then(|()| read.next().ok_or(Reason::Unreadable)))
    };
    Ok(chosen.into_iter().map(content).collect())
}

fn object(entry: &Entry) -> Option<&str> {
    match &entry.kind {
        Kind::File(object) => Some(object),
        Kind::Link | Kind::Repository | Kind::Nothing => None,
    }
}
