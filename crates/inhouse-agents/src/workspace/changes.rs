//! What a turn changed on disk, as an artifact: the patch, the changed files, and in the metadata under `changes` what there was to
//! tell. Pure, within the bounds of the configuration.

use inhouse_engine::agent::ArtifactUpdate;
use inhouse_proto::json::Struct;
use inhouse_proto::media_type::media_type;
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use serde_json::{Map, Value, json};

use super::raw::{Entry, Kind};

/// The name of the artifact, and the key of its metadata.
const NAME: &str = "changes";
const PATCH_NAME: &str = "changes.patch";
const PATCH_TYPE: &str = "text/x-diff";

/// Bounds on what is told of the changes of a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangesMax {
    /// Files that are given whole.
    pub(crate) files: usize,
    /// What they have together, in bytes.
    pub(crate) bytes: usize,
    /// Files that are listed.
    pub(crate) listed: usize,
}

/// Why something is named and not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There are more files than are given.
    TooMany,
    /// It has more bytes than are given.
    TooLarge,
    /// It is a link, or another repository.
    NotAFile,
    /// It could not be read.
    Unreadable,
    /// The task keeps no more.
    TaskFull,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::TooLarge => "too_large",
            Self::NotAFile => "not_a_file",
            Self::Unreadable => "unreadable",
            Self::TaskFull => "task_full",
        }
    }
}

/// Where the changes are kept, if git keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) branch: String,
    pub(crate) commit: String,
    pub(crate) base: String,
}

/// The patch, where there can be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Patch {
    Whole(Vec<u8>),
    TooLarge,
    /// Nothing that a patch could be against.
    None,
}

/// All that is told.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    pub(crate) kept: Option<Kept>,
    pub(crate) patch: Patch,
    pub(crate) entries: Vec<Entry>,
    /// There are more entries than these.
    pub(crate) more: bool,
    /// The content of each entry, or why it is not given; deleted files have neither.
    pub(crate) contents: Vec<Option<Result<Vec<u8>, Reason>>>,
}

/// How much of it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    WithoutFiles,
    ListAlone,
}

impl Form {
    /// All of them, the largest first.
    pub(crate) const ALL: [Self; 3] = [Self::Whole, Self::WithoutFiles, Self::ListAlone];
}

/// Which files are given: for each entry nothing, or why not. `size` tells the size of an entry's file.
pub(crate) fn chosen(
    entries: &[Entry],
    max: ChangesMax,
    mut size: impl FnMut(usize) -> Option<usize>,
) -> Vec<Option<Result<(), Reason>>> {
    let (mut files, mut room) = (0, max.bytes);
    let mut choose = |(index, entry): (usize, &Entry)| {
        Some(match entry.kind {
            Kind::Nothing => return None,
            Kind::Link | Kind::Repository => Err(Reason::NotAFile),
            Kind::File(_) if files >= max.files => Err(Reason::TooMany),
            Kind::File(_) => match size(index) {
                None => Err(Reason::Unreadable),
                Some(size) if size > room => Err(Reason::TooLarge),
                Some(size) => {
                    files += 1;
                    room -= size;
                    Ok(())
                }
            },
        })
    };
    entries.iter().enumerate().map(&mut choose).collect()
}

impl Changes {
    /// The artifact of a turn, by its number in the task.
    pub(crate) fn artifact(&self, turn: u32, form: Form) -> ArtifactUpdate {
        let mut parts = Vec::new();
        let mut omitted = Vec::new();
        let mut omit = |name: &str, why: Reason| omitted.push(json!({"name": name, "reason": why.word()}));
        match &self.patch {
            Patch::None => {}
            Patch::TooLarge => omit(PATCH_NAME, Reason::TooLarge),
            Patch::Whole(_) if form == Form::ListAlone => omit(PATCH_NAME, Reason::TaskFull),
            Patch::Whole(patch) => parts.push(raw(PATCH_NAME.to_owned(), PATCH_TYPE, patch.clone())),
        }
        for (entry, content) in self.entries.iter().zip(&self.contents) {
            let path = lossy(&entry.path);
            match content {
                None => {}
                Some(Err(why)) => omit(&path, *why),
                Some(Ok(_)) if form != Form::Whole => omit(&path, Reason::TaskFull),
                Some(Ok(content)) => parts.push(raw(path.clone(), media_type(&path, content), content.clone())),
            }
        }
        if parts.is_empty() {
            let count = self.entries.len();
            let text = format!(
                "{}{count} changed files, none of which is given here",
                if self.more { "more than " } else { "" }
            );
            parts.push(v1::Part { content: Some(Content::Text(text)), ..v1::Part::default() });
        }
        ArtifactUpdate {
            artifact_id: Some(format!("{NAME}-{turn}")),
            name: Some(NAME.to_owned()),
            description: None,
            parts,
            append: false,
            last_chunk: true,
            metadata: Some(self.metadata(omitted)),
        }
    }

    fn metadata(&self, omitted: Vec<Value>) -> Struct {
        let mut members = Map::new();
        if let Some(Kept { branch, commit, base }) = &self.kept {
            for (key, value) in [("branch", branch), ("commit", commit), ("base", base)] {
                members.insert(key.to_owned(), value.as_str().into());
            }
        }
        let files: Vec<_> = self.entries.iter().map(listed).collect();
        members.insert("files".to_owned(), files.into());
        if self.more {
            members.insert("more".to_owned(), true.into());
        }
        members.insert("omitted".to_owned(), omitted.into());
        Struct(Map::from_iter([(NAME.to_owned(), members.into())]))
    }
}

fn listed(entry: &Entry) -> Value {
    let mut file = json!({"path": lossy(&entry.path), "status": entry.status.word()});
    if let Some(from) = &entry.from {
        file["from"] = lossy(from).into();
    }
    file
}

/// A name as JSON can hold it. The patch has it exactly.
fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn raw(filename: String, media_type: &str, content: Vec<u8>) -> v1::Part {
    let media_type = media_type.to_owned();
    v1::Part { filename, media_type, content: Some(Content::Raw(content)), ..v1::Part::default() }
}

#[cfg(test)]
mod tests {
    use super::super::raw::Status;
    use super::*;

    fn entry(path: &str, status: Status, kind: Kind) -> Entry {
        Entry { status, path: path.into(), from: None, kind }
    }

    fn file(path: &str) -> Entry {
        entry(path, Status::Added, Kind::File("id".into()))
    }

    #[test]
    fn files_are_chosen_in_their_order_as_far_as_the_caps_go() {
        let entries = [
            file("a"),
            entry("l", Status::Added, Kind::Link),
            file("big"),
            entry("d", Status::Deleted, Kind::Nothing),
            file("b"),
            file("gone"),
            file("c"),
        ];
        let sizes = [Some(3), None, Some(8), None, Some(7), None, Some(1)];
        let max = |files, bytes| ChangesMax { files, bytes, listed: 100 };
        let choose = |max| chosen(&entries, max, |index| sizes[index]);
        let (yes, no) = (Some(Ok(())), |why| Some(Err(why)));
        let (link, large, gone) = (no(Reason::NotAFile), no(Reason::TooLarge), no(Reason::Unreadable));
        assert_eq!(choose(max(9, 10)), [yes, link, large, None, yes, gone, large]);
        assert_eq!(choose(max(9, 11)), [yes, link, yes, None, large, gone, large]);
        let many = no(Reason::TooMany);
        assert_eq!(choose(max(1, 99)), [yes, link, many, None, many, many, many]);
        assert_eq!(choose(max(0, 0))[0], many);
    }

    fn changes() -> Changes {
        Changes {
            kept: Some(Kept { branch: "inhouse/x".into(), commit: "c".into(), base: "b".into() }),
            patch: Patch::Whole(b"diff".to_vec()),
            entries: vec![
                file("a.png"),
                Entry { from: Some(b"old".to_vec()), ..entry("new", Status::Renamed, Kind::File("id".into())) },
                entry("gone", Status::Deleted, Kind::Nothing),
                entry("link", Status::Modified, Kind::Link),
            ],
            more: false,
            contents: vec![Some(Ok(vec![0xff])), Some(Ok(b"text".to_vec())), None, Some(Err(Reason::NotAFile))],
        }
    }

    #[test]
    fn an_artifact_has_the_patch_first_then_the_files_and_tells_what_it_leaves_out() {
        let artifact = changes().artifact(2, Form::Whole);
        let names: Vec<_> =
            artifact.parts.iter().map(|part| (part.filename.as_str(), part.media_type.as_str())).collect();
        assert_eq!(names, [("changes.patch", "text/x-diff"), ("a.png", "image/png"), ("new", "text/plain")]);
        assert_eq!((artifact.artifact_id.as_deref(), artifact.name.as_deref()), (Some("changes-2"), Some("changes")));
        let expected = json!({"changes": {
            "branch": "inhouse/x", "commit": "c", "base": "b",
            "files": [
                {"path": "a.png", "status": "added"},
                {"path": "new", "status": "renamed", "from": "old"},
                {"path": "gone", "status": "deleted"},
                {"path": "link", "status": "modified"},
            ],
            "omitted": [{"name": "link", "reason": "not_a_file"}],
        }});
        assert_eq!(Value::Object(artifact.metadata.unwrap().0), expected);
    }

    #[test]
    fn a_full_task_gets_less_and_is_told_so() {
        for (form, parts, omitted) in
            [(Form::WithoutFiles, 1, "a.png new link"), (Form::ListAlone, 1, "changes.patch a.png new link")]
        {
            let artifact = changes().artifact(1, form);
            let metadata = Value::Object(artifact.metadata.unwrap().0);
            let names = metadata["changes"]["omitted"].as_array().unwrap().iter();
            let names: Vec<_> = names.map(|omitted| omitted["name"].as_str().unwrap().to_owned()).collect();
            assert_eq!((artifact.parts.len(), names.join(" ").as_str()), (parts, omitted));
        }
        let none = Changes { patch: Patch::None, more: true, ..changes() }.artifact(1, Form::ListAlone);
        let Some(Content::Text(text)) = &none.parts[0].content else { panic!() };
        assert_eq!(text, "more than 4 changed files, none of which is given here");
        assert_eq!(Value::Object(none.metadata.unwrap().0)["changes"]["more"], true);
    }
}
