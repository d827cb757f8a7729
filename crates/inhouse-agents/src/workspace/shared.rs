//! The project's own folder, for all turns alike: what changed there between the beginning of a turn and its end. Nothing of the
//! repository is written. Turns that run at the same time see each other's changes.

use std::path::PathBuf;

use inhouse_trust::Permit;

use super::changes::Changes;
use super::diff::changes;
use super::lens::{Lens, Objects};
use super::project::Project;
use super::{Told, WorkspaceError};
use crate::folder::room;

/// A project whose changes are told.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) project: Project,
    pub(crate) told: Told,
}

/// The files as they were when a turn began.
#[derive(Debug)]
pub(crate) struct Before<'a> {
    lens: Lens<'a>,
    tree: String,
}

impl Shared {
    /// Remembers the files as they are.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub(crate) async fn begin<'a>(&'a self, permit: &'a Permit) -> Result<Before<'a>, WorkspaceError> {
        let lens = self.lens(permit, None)?;
        let tree = lens.snapshot(&self.index(), None).await?;
        Ok(Before { lens, tree })
    }

    /// Tells what has changed since. An agent could have changed the lens of the beginning: of that one, only objects count.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub(crate) async fn end(&self, before: &Before<'_>, permit: &Permit) -> Result<Option<Changes>, WorkspaceError> {
        let lens = self.lens(permit, Some(&before.lens))?;
        let tree = lens.snapshot(&self.index(), Some(&before.tree)).await?;
        Ok(changes(&lens, (&before.tree, &tree), (self.told.changes, self.told.patch_bytes_max), None).await?)
    }

    fn index(&self) -> PathBuf {
        self.project.own.join("index")
    }

    fn lens<'a>(&'a self, permit: &'a Permit, earlier: Option<&Lens<'_>>) -> Result<Lens<'a>, WorkspaceError> {
        let lens =
            |parent: PathBuf| Lens::over(&self.project, permit, &self.project.top, &parent, Objects::Own(earlier));
        room().and_then(lens).map_err(|source| WorkspaceError::Folder { folder: std::env::temp_dir(), source })
    }
}
