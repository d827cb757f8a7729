//! Where an agent's turns work: in the project's own folder, or each context in a place of its own; and what a turn changed there, as an
//! artifact. Drivers know nothing of it but the folder.
//!
//! Reading order: `worktree`, `shared` and `temporary` are the three kinds; `shelf` has the folders of those that have their own;
//! `project`, `lens` and `git` are the way to git; `diff`, `raw` and `changes` the way from two trees to an artifact.

mod worktree;
mod shared;
mod temporary;
mod shelf;
mod project;
mod lens;
mod git;
mod diff;
mod raw;
mod changes;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, AgentEvent, End, Note, Output, Reason, Turn};
use inhouse_run::Runner;
use inhouse_trust::{HostEnv, Permit};

use crate::dialogue::failed;
use crate::warm::Warm;
use changes::{Changes, ChangesMax, Form};
use git::Git;
use project::Project;
use shared::{Before, Shared};
use shelf::{Shelf, ShelfMax};
use temporary::{LookMax, Temporaries, Temporary};
use worktree::{Worktree, Worktrees};

pub use git::GitError;

/// Where the turns of an agent work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workspace {
    /// In the project's folder, with all others. What a turn changes there is told.
    Shared {
        /// The program git, an absolute path.
        git: PathBuf,
    },
    /// Each context in its own git worktree and branch of the project.
    Worktree {
        /// The program git, an absolute path.
        git: PathBuf,
        /// Whether what a turn changes is told.
        report: bool,
    },
    /// Each context in a folder that was empty when it began.
    Temporary {
        /// Whether what a turn changes is told.
        report: bool,
    },
}

impl Workspace {
    /// Whether contexts have places of their own, which one server at a time can have.
    pub fn is_kept(&self) -> bool {
        !matches!(self, Self::Shared { .. })
    }

    /// Whether what a turn changes is told.
    pub fn reports(&self) -> bool {
        match self {
            Self::Shared { .. } => true,
            Self::Worktree { report, .. } | Self::Temporary { report } => *report,
        }
    }
}

/// The workspaces of an agent, as they are configured.
#[derive(Debug, Clone)]
pub struct WorkspaceSpec {
    /// Their kind.
    pub workspace: Workspace,
    /// The agent's own folder.
    pub project: PathBuf,
    /// The folder of all workspaces of all agents, where they have their own.
    pub folder: PathBuf,
    /// Bounds on them.
    pub limits: WorkspaceLimits,
}

/// Bounds on workspaces and on what is told of them.
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceLimits {
    /// How long one git command may take, in milliseconds.
    pub git_ms_max: u64,
    /// How long a workspace may be unused before it is removed, in milliseconds.
    pub idle_ms: u64,
    /// How many workspaces an agent may have before the longest unused one is removed.
    pub per_agent_max: usize,
    /// How many workspaces one caller may have of an agent.
    pub per_caller_max: usize,
    /// Changed files that are given whole.
    pub changed_files_max: usize,
    /// What they have together, in bytes.
    pub changed_bytes_max: usize,
    /// Changed files that are listed.
    pub changed_listed_max: usize,
    /// The longest patch that is given, in bytes.
    pub patch_bytes_max: usize,
    /// Files of a temporary folder that are looked at.
    pub looked_files_max: usize,
    /// What is read of them to compare, in bytes.
    pub looked_bytes_max: u64,
}

/// Why workspaces, or one of them, can not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The project is no git repository, or none that git reads.
    #[error("{} is in no git repository ({said})", project.display())]
    NoRepository {
        /// The project.
        project: PathBuf,
        /// What git says of it.
        said: String,
    },
    /// The repository has no commit that a branch could begin at.
    #[error("the git repository of {} has no commit", .0.display())]
    NoCommit(PathBuf),
    /// A path can not be told to git.
    #[error("the path {} is no text of one line", .0.display())]
    Path(PathBuf),
    /// A folder can not be made or used.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The folder of an agent's workspaces is no folder, or others can enter it.
    #[error("{} is no folder of this user alone", .0.display())]
    Open(PathBuf),
    /// Another server has the workspaces.
    #[error("another server uses the workspaces in {}", .0.display())]
    InUse(PathBuf),
    /// Git did not do what it was told.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// How much is told of changes.
#[derive(Debug, Clone, Copy)]
struct Told {
    report: bool,
    changes: ChangesMax,
    patch_bytes_max: usize,
}

/// The workspaces of one agent. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workspaces(Arc<Inner>);

impl PartialEq for Workspaces {
    /// Whether they are the same ones: a second time they can not be opened.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Workspaces {}

#[derive(Debug)]
enum Inner {
    Shared(Shared),
    Worktrees(Worktrees),
    Temporaries(Temporaries),
}

/// The workspace of a turn that has begun.
#[derive(Debug)]
enum Begun<'a> {
    Shared(&'a Shared, Before<'a>),
    Worktree(&'a Worktrees, Worktree),
    Temporary(&'a Temporaries, Temporary),
}

impl Workspaces {
    /// Finds out whether the configured workspaces can be, and removes those of earlier that have been unused for too long.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub async fn open(
        spec: WorkspaceSpec,
        permit: &Permit,
        runner: &Runner,
        host: &HostEnv,
    ) -> Result<Self, WorkspaceError> {
        let WorkspaceSpec { workspace, project, folder, limits } = spec;
        let told = told(limits, workspace.reports());
        let max = ShelfMax { idle_ms: limits.idle_ms, count: limits.per_agent_max, per_caller: limits.per_caller_max };
        let shelf = || Shelf::open(&folder, permit.agent(), &project, max);
        // Our git works in any of them, also where agents see their own alone.
        let runner = if folder.is_absolute() { runner.showing(&folder) } else { runner.clone() };
        let git = |program| Git { program, runner: runner.clone(), host: host.clone(), ms_max: limits.git_ms_max };
        let inner = match workspace {
            Workspace::Shared { git: program } => {
                let project = Project::open(git(program), permit, &project).await?;
                Inner::Shared(Shared { project, told })
            }
            Workspace::Worktree { git: program, .. } => {
                let project = Project::open(git(program), permit, &project).await?;
                project.head(permit).await?;
                let worktrees = Worktrees { project, shelf: shelf()?, told };
                worktrees.clean_up(permit, &Warm::none(), None).await;
                Inner::Worktrees(worktrees)
            }
            Workspace::Temporary { .. } => {
                let look = LookMax { files: limits.looked_files_max, bytes: limits.looked_bytes_max };
                let shelf = shelf()?;
                let temporaries = Temporaries { project, shelf, told, look };
                temporaries.clean_up(&Warm::none(), None).await;
                Inner::Temporaries(temporaries)
            }
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The folder in which a turn works.
    pub(crate) fn directory(&self, turn: &Turn) -> Cow<'_, Path> {
        match &*self.0 {
            Inner::Shared(shared) => Cow::Borrowed(&shared.project.directory),
            Inner::Worktrees(worktrees) => Cow::Owned(worktrees.directory(turn)),
            Inner::Temporaries(temporaries) => Cow::Owned(temporaries.directory(turn)),
        }
    }

    /// Makes the place of a turn ready. A process that was kept in a folder that is removed ends first.
    async fn begin<'a>(&'a self, turn: &'a Turn, warm: &Warm) -> Result<Begun<'a>, WorkspaceError> {
        Ok(match &*self.0 {
            Inner::Shared(shared) => Begun::Shared(shared, shared.begin(&turn.permit).await?),
            Inner::Worktrees(worktrees) => Begun::Worktree(worktrees, worktrees.begin(turn, warm).await?),
            Inner::Temporaries(temporaries) => Begun::Temporary(temporaries, temporaries.begin(turn, warm).await?),
        })
    }
}

impl Begun<'_> {
    async fn end(self, turn: &Turn) -> Result<Option<Changes>, WorkspaceError> {
        match self {
            Self::Shared(shared, before) => shared.end(&before, &turn.permit).await,
            Self::Worktree(worktrees, worktree) => worktrees.end(&worktree, turn).await,
            Self::Temporary(temporaries, temporary) => temporaries.end(temporary).await,
        }
    }
}

fn told(limits: WorkspaceLimits, report: bool) -> Told {
    let changes = ChangesMax {
        files: limits.changed_files_max,
        bytes: limits.changed_bytes_max,
        listed: limits.changed_listed_max,
    };
    Told { report, changes, patch_bytes_max: limits.patch_bytes_max }
}

/// An agent whose turns work in workspaces. What a turn changed is told however it ends, before its end is.
pub(crate) struct InWorkspace {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) workspaces: Workspaces,
    /// The agent's processes that are kept between turns.
    pub(crate) warm: Arc<Warm>,
}

#[async_trait]
impl Agent for InWorkspace {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let agent = turn.permit.agent().as_str();
        let begun = tokio::select! {
            begun = self.workspaces.begin(turn, &self.warm) => begun,
            _ = turn.cancel.requested() => return End::Canceled(Note::default()),
        };
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::error!(target: "agent", agent, %error, "a workspace was not made ready");
                return failed(Reason::StartFailed, "the agent's workspace can not be made ready");
            }
        };
        let end = self.agent.turn(turn, output).await;
        match begun.end(turn).await {
            Ok(Some(changes)) => leave(&changes, turn, output).await,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(target: "agent", agent, %error, "the changes of a turn were not read");
                let text = Some("what this turn changed can not be told".to_owned());
                let _ = output.emit(AgentEvent::Working(Note { text, data: None })).await;
            }
        }
        end
    }
}

/// Leaves as much of it as the task has room for.
async fn leave(changes: &Changes, turn: &Turn, output: &mut dyn Output) {
    for form in Form::ALL {
        if output.leave(changes.artifact(turn.number, form)).await.is_ok() {
            return;
        }
    }
    tracing::warn!(target: "agent", task = &*turn.task_id, "the task had no room for what its turn changed");
}
