//! Each context in its own git worktree and branch. A branch begins at the project's commit; at the end of a turn it gets all that the
//! turn changed. A worktree that is put away leaves its branch, from which it is made again.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use inhouse_engine::agent::Turn;
use inhouse_trust::Permit;

use super::changes::{Changes, Kept};
use super::diff::changes;
use super::git::{Call, GitError};
use super::lens::{Lens, Objects};
use super::project::{Commit, Project, text};
use super::shelf::{Hold, Name, Shelf};
use super::{Told, WorkspaceError};
use crate::folder::open_file;
use crate::warm::Warm;

/// What is committed before a turn begins.
const LEFT: &str = "Left by an earlier turn";
/// The longest path that is read of a file.
const PLACE_BYTES_MAX: u64 = 8_192;

/// The worktrees of one agent in one project.
#[derive(Debug)]
pub(crate) struct Worktrees {
    pub(crate) project: Project,
    pub(crate) shelf: Shelf,
    pub(crate) told: Told,
}

/// One of them, during a turn.
#[derive(Debug)]
pub(crate) struct Worktree {
    name: Name,
    /// Where the branch stood when the turn began.
    base: Commit,
    _hold: Hold,
}

impl Worktrees {
    /// The folder that a turn works in.
    pub(crate) fn directory(&self, turn: &Turn) -> PathBuf {
        let path = self.shelf.path(&Name::of(turn, &self.project.directory));
        // Without the slash at its end, so that an agent knows the folder again.
        path.join(&self.project.prefix).components().collect()
    }

    /// Removes what has been unused for too long, or is too much beside one that is to come.
    pub(crate) async fn clean_up(&self, permit: &Permit, warm: &Warm, to_come: Option<&Name>) {
        for (name, _hold) in self.shelf.surplus(to_come) {
            warm.end_in(&self.shelf.path(&name)).await;
            if let Err(error) = self.put_away(permit, &name).await {
                tracing::warn!(workspace = name.as_str(), %error, "an unused workspace was not removed");
            }
        }
    }

    /// Makes the worktree of a turn ready.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub(crate) async fn begin(&self, turn: &Turn, warm: &Warm) -> Result<Worktree, WorkspaceError> {
        let (permit, name) = (&turn.permit, Name::of(turn, &self.project.directory));
        let hold = self.shelf.hold(&name).await;
        let is_new = !self.shelf.is_ready(&name);
        self.clean_up(permit, warm, is_new.then_some(&name)).await;
        let base = match self.git_folder(permit, &name).await? {
            Some(git_folder) => {
                let tip = self.tip(permit, &name, None).await?;
                self.settle(permit, &name, &git_folder, tip, LEFT).await?.0
            }
            None => {
                warm.end_in(&self.shelf.path(&name)).await;
                self.make(permit, &name).await?
            }
        };
        descend(&self.shelf.path(&name), &self.project.prefix).map_err(|source| self.refused(&name, source))?;
        self.shelf.used(&name).map_err(|source| self.refused(&name, source))?;
        Ok(Worktree { name, base, _hold: hold })
    }

    /// Commits what the turn has changed, and tells it.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub(crate) async fn end(&self, worktree: &Worktree, turn: &Turn) -> Result<Option<Changes>, WorkspaceError> {
        let Worktree { name, base, .. } = worktree;
        let permit = &turn.permit;
        // The agent may have taken the worktree apart; its files are still worth keeping.
        let git_folder = self.git_folder(permit, name).await?.unwrap_or_else(|| self.expected(name));
        let tip = self.tip(permit, name, Some(base)).await?;
        let message = format!("Turn {} of task {}", turn.number, turn.task_id);
        let (commit, lens) = self.settle(permit, name, &git_folder, tip, &message).await?;
        self.shelf.used(name).map_err(|source| self.refused(name, source))?;
        if !self.told.report {
            return Ok(None);
        }
        let kept = Kept { branch: branch(name), commit: commit.id, base: base.id.clone() };
        let trees = (base.tree.as_str(), commit.tree.as_str());
        Ok(changes(&lens, trees, (self.told.changes, self.told.patch_bytes_max), Some(kept)).await?)
    }

    /// The git folder of a worktree that is whole.
    async fn git_folder(&self, permit: &Permit, name: &Name) -> Result<Option<PathBuf>, GitError> {
        if self.shelf.is_ready(name) { self.found(permit, &self.shelf.path(name)).await } else { Ok(None) }
    }

    /// The git folder that git finds for a folder, if it is of a worktree of the project.
    async fn found(&self, permit: &Permit, folder: &Path) -> Result<Option<PathBuf>, GitError> {
        let words = ["rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir"];
        match self.project.git.run(Call::new(permit, folder, &words)).await.map(|answer| answer.lines()) {
            // Without its own `.git`, git finds the one of a folder above; an agent may have put another worktree's there.
            Ok(lines) => Ok(match lines.as_slice() {
                [own, common] if Path::new(common) == self.project.common && leads_back(own, folder) => {
                    Some(own.into())
                }
                _ => None,
            }),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn expected(&self, name: &Name) -> PathBuf {
        self.project.common.join("worktrees").join(name.as_str())
    }

    /// Where the branch stands; where there is none any more, the commit that it would begin at.
    async fn tip(&self, permit: &Permit, name: &Name, base: Option<&Commit>) -> Result<Commit, WorkspaceError> {
        match (self.project.tip(permit, &branch(name)).await?, base) {
            (Some(tip), _) => Ok(tip),
            (None, Some(base)) => Ok(base.clone()),
            (None, None) => self.project.head(permit).await,
        }
    }

    /// Makes a worktree at its branch, which is made where it is not there, in the place of whatever is there.
    async fn make(&self, permit: &Permit, name: &Name) -> Result<Commit, WorkspaceError> {
        self.forget(permit, name).await?;
        let (branch, path) = (branch(name), self.shelf.path(name));
        let tip = match self.project.tip(permit, &branch).await? {
            Some(tip) => tip,
            None => {
                let head = self.project.head(permit).await?;
                self.project.shared(permit, &["update-ref", &format!("refs/heads/{branch}"), &head.id, ""]).await?;
                head
            }
        };
        self.project.worktree(permit, &["add", "--no-checkout", &text(&path), &branch]).await?;
        let git_folder = self.found(permit, &path).await?.unwrap_or_else(|| self.expected(name));
        let lens = self.lens(permit, name)?;
        lens.check_out(&tip.id).await?;
        lens.install_index(&git_folder).map_err(|source| self.refused(name, source))?;
        Ok(tip)
    }

    /// Commits the files as they are, unless they are as in the commit that is there.
    async fn settle<'a>(
        &'a self,
        permit: &'a Permit,
        name: &Name,
        git_folder: &Path,
        tip: Commit,
        message: &str,
    ) -> Result<(Commit, Lens<'a>), WorkspaceError> {
        let lens = self.lens(permit, name)?;
        let tree = lens.snapshot(&git_folder.join("index"), Some(&tip.tree)).await?;
        if tree == tip.tree {
            return Ok((tip, lens));
        }
        let id = lens.line(&["commit-tree", "-p", &tip.id, "-m", message, &tree]).await?;
        self.project.shared(permit, &["update-ref", &format!("refs/heads/{}", branch(name)), &id]).await?;
        if let Err(error) = lens.install_index(git_folder) {
            tracing::debug!(workspace = name.as_str(), %error, "a worktree keeps its own index");
        }
        Ok((Commit { id, tree }, lens))
    }

    /// Commits what is in a worktree and removes it.
    async fn put_away(&self, permit: &Permit, name: &Name) -> Result<(), WorkspaceError> {
        if let Some(git_folder) = self.git_folder(permit, name).await? {
            let tip = self.tip(permit, name, None).await?;
            self.settle(permit, name, &git_folder, tip, LEFT).await?;
        }
        self.forget(permit, name).await
    }

    /// Removes the folder of a worktree, and then what git knows of it. The branch stays.
    async fn forget(&self, permit: &Permit, name: &Name) -> Result<(), WorkspaceError> {
        self.shelf.discard(name).map_err(|source| self.refused(name, source))?;
        let path = text(&self.shelf.path(name));
        match self.project.worktree(permit, &["remove", "--force", "--force", &path]).await {
            // It has never heard of it.
            Ok(_) | Err(GitError::Failed { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn lens<'a>(&'a self, permit: &'a Permit, name: &Name) -> Result<Lens<'a>, WorkspaceError> {
        let lens = Lens::over(&self.project, permit, &self.shelf.path(name), self.shelf.folder(), Objects::Project);
        lens.map_err(|source| self.refused(name, source))
    }

    fn refused(&self, name: &Name, source: io::Error) -> WorkspaceError {
        WorkspaceError::Folder { folder: self.shelf.path(name), source }
    }
}

/// Makes a folder inside a worktree, where it is not there. A link in its place, which an earlier turn may have left, leads out of the
/// worktree: it is in the way, as anything else that is no folder.
fn descend(worktree: &Path, inner: &Path) -> io::Result<()> {
    let mut folder = worktree.to_owned();
    for name in inner.components() {
        folder.push(name);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&folder)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the git folder of a worktree says that it is this one's.
fn leads_back(git_folder: &str, folder: &Path) -> bool {
    let file = open_file(&Path::new(git_folder).join("gitdir"));
    // An agent may have written it, as large as it likes.
    let place = file.and_then(|file| io::read_to_string(file.take(PLACE_BYTES_MAX))).unwrap_or_default();
    Path::new(place.trim_end_matches('\n')) == folder.join(".git")
}

fn branch(name: &Name) -> String {
    format!("inhouse/{}", name.as_str())
}
