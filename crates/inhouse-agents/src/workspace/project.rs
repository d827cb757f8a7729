//! A project that is a git repository: where it is, and what its own git folder is asked and told. All else is done with a
//! [`Lens`](super::lens::Lens), which reads nothing of the repository's configuration.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{self, Arc, LazyLock, PoisonError};

use inhouse_trust::Permit;
use tokio::sync::Mutex;

use super::WorkspaceError;
use super::git::{Call, Git, GitError, Printed};

/// Git looks at all worktrees of a repository before it makes or removes one, and fails on one that is half made. So whoever does
/// that to a git folder has its lock; there are as many as agents' projects.
static WORKTREES: LazyLock<sync::Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>> = LazyLock::new(sync::Mutex::default);

/// A repository and the folder in it that agents are to work in.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) git: Git,
    /// The agent's folder.
    pub(crate) directory: PathBuf,
    /// The top of the files.
    pub(crate) top: PathBuf,
    /// The agent's folder, from the top.
    pub(crate) prefix: PathBuf,
    /// The git folder of these files.
    pub(crate) own: PathBuf,
    /// The git folder that all worktrees of the repository share.
    pub(crate) common: PathBuf,
    /// The hash of its objects' names.
    pub(crate) format: String,
    worktrees: Arc<Mutex<()>>,
}

/// A commit and the tree in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) tree: String,
}

impl Project {
    /// Looks at the repository that a folder is in.
    ///
    /// # Errors
    /// [`WorkspaceError`], when it is in none.
    pub(crate) async fn open(git: Git, permit: &Permit, directory: &Path) -> Result<Self, WorkspaceError> {
        if directory.to_str().is_none_or(|path| path.contains('\n')) {
            return Err(WorkspaceError::Path(directory.to_path_buf()));
        }
        let words =
            ["--show-toplevel", "--absolute-git-dir", "--git-common-dir", "--show-object-format", "--show-prefix"];
        let call = Call::new(permit, directory, &[&["rev-parse", "--path-format=absolute"][..], &words].concat());
        let answer = match git.run(call).await {
            Ok(answer) => answer,
            Err(GitError::Failed { said, .. }) => {
                return Err(WorkspaceError::NoRepository { project: directory.to_path_buf(), said });
            }
            Err(error) => return Err(error.into()),
        };
        let lines = answer.lines();
        let [top, own, common, format, prefix] = lines.as_slice() else {
            return Err(WorkspaceError::Path(directory.to_path_buf()));
        };
        let common = PathBuf::from(common);
        let worktrees =
            Arc::clone(WORKTREES.lock().unwrap_or_else(PoisonError::into_inner).entry(common.clone()).or_default());
        Ok(Self {
            directory: directory.to_path_buf(),
            top: top.into(),
            prefix: prefix.into(),
            own: own.into(),
            common,
            format: format.clone(),
            worktrees,
            git,
        })
    }

    /// The commit that the project stands at.
    ///
    /// # Errors
    /// [`WorkspaceError`], when there is none.
    pub(crate) async fn head(&self, permit: &Permit) -> Result<Commit, WorkspaceError> {
        let call = Call::new(permit, &self.directory, &["rev-parse", "HEAD^{commit}", "HEAD^{tree}"]);
        commit(self.git.run(call).await)?.ok_or_else(|| WorkspaceError::NoCommit(self.directory.clone()))
    }

    /// The commit that a branch stands at, if there is one.
    pub(crate) async fn tip(&self, permit: &Permit, branch: &str) -> Result<Option<Commit>, GitError> {
        let name = |kind| format!("refs/heads/{branch}^{{{kind}}}");
        commit(self.shared(permit, &["rev-parse", &name("commit"), &name("tree")]).await)
    }

    /// Makes or removes a worktree.
    pub(crate) async fn worktree(&self, permit: &Permit, args: &[&str]) -> Result<Printed, GitError> {
        let _one_by_one = self.worktrees.lock().await;
        self.shared(permit, &[&["worktree"], args].concat()).await
    }

    /// Runs a command on the git folder that all worktrees share.
    pub(crate) async fn shared(&self, permit: &Permit, args: &[&str]) -> Result<Printed, GitError> {
        let mut call = Call::new(permit, &self.common, args);
        call.env.push(("GIT_DIR", text(&self.common)));
        self.git.run(call).await
    }
}

/// What `rev-parse` says of a commit and its tree; it fails where there is none.
fn commit(answer: Result<Printed, GitError>) -> Result<Option<Commit>, GitError> {
    match answer.map(|answer| answer.lines()) {
        Ok(lines) => Ok(match lines.as_slice() {
            [id, tree] => Some(Commit { id: id.clone(), tree: tree.clone() }),
            _ => None,
        }),
        Err(GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A path for a variable. What has no text was refused when the project was opened.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
