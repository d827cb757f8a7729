//! A project, and an agent that runs its caller's text as a shell script in the workspace of the turn.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use inhouse_agents::{
    AgentSpec, ProgramSpec, Protocol, Workspace, WorkspaceError, WorkspaceLimits, WorkspaceSpec, Workspaces, build,
};
use inhouse_engine::agent::{Agent, ArtifactUpdate, End};
use inhouse_engine::cancel::CancelSource;
use inhouse_proto::v1::part::Content;
use inhouse_trust::{HostEnv, Input};
use serde_json::Value;

use crate::support::{Collected, command, permit, permit_of, runner, take_again, turn};

/// The git that the tests need.
pub(crate) fn git_program() -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    let found = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|program| program.is_file());
    found.expect("git is on PATH: the tests need it")
}

pub(crate) const LIMITS: WorkspaceLimits = WorkspaceLimits {
    git_ms_max: 30_000,
    idle_ms: 3_600_000,
    per_agent_max: 10,
    per_caller_max: 10,
    changed_files_max: 20,
    changed_bytes_max: 100_000,
    changed_listed_max: 100,
    patch_bytes_max: 100_000,
    looked_files_max: 1_000,
    looked_bytes_max: 1_000_000,
};

/// A folder of this test alone, with a project and a folder for workspaces; gone when the test ends.
pub(crate) struct House {
    pub(crate) folder: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl House {
    /// With a project that is an empty folder.
    pub(crate) fn empty() -> Self {
        let folder = std::env::temp_dir().join(format!("inhouse-workspace-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("project")).unwrap();
        Self { folder: folder.canonicalize().unwrap() }
    }

    /// With a project that is a repository of one commit: `kept`, `changed`, `gone`, `old name`, `data.bin`, and `*.log` ignored.
    pub(crate) fn new() -> Self {
        let house = Self::empty();
        for name in ["kept", "changed", "gone", "old name"] {
            std::fs::write(house.project().join(name), format!("the file {name}\nwith lines\nof its own\n")).unwrap();
        }
        std::fs::write(house.project().join("data.bin"), [0, 159, 146, 150]).unwrap();
        std::fs::write(house.project().join(".gitignore"), "*.log\n").unwrap();
        house.git(&["init", "-q"]);
        house.git(&["add", "-A"]);
        house.git(&["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "first"]);
        house
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// Git in the project, as its owner would call it.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.project(), args)
    }

    pub(crate) fn worktree() -> Workspace {
        Workspace::Worktree { git: git_program(), report: true }
    }

    pub(crate) async fn open(
        &self,
        workspace: Workspace,
        limits: WorkspaceLimits,
    ) -> Result<Workspaces, WorkspaceError> {
        self.open_in(workspace, limits, &self.project()).await
    }

    pub(crate) async fn open_in(
        &self,
        workspace: Workspace,
        limits: WorkspaceLimits,
        project: &Path,
    ) -> Result<Workspaces, WorkspaceError> {
        let folder = self.folder.join("workspaces");
        let spec = WorkspaceSpec { workspace, project: project.to_path_buf(), folder, limits };
        Workspaces::open(spec, &permit(), &runner(), &HostEnv::new(std::env::vars_os())).await
    }

    /// An agent that works in these.
    pub(crate) fn agent(&self, workspaces: Workspaces) -> Scripts {
        let mut command = command("/bin/sh", &["-c", "eval \"$(cat)\""], Input::Stdin);
        command.directory = self.project();
        let spec = ProgramSpec { workspaces: Some(workspaces), ..ProgramSpec::new(command, Protocol::Text) };
        let agent = build(AgentSpec::Program(Box::new(spec)), &runner(), &HostEnv::new(std::env::vars_os()));
        Scripts { agent }
    }

    /// An agent with a worktree for each context.
    pub(crate) async fn scripts(&self) -> Scripts {
        self.agent(self.open(Self::worktree(), LIMITS).await.unwrap())
    }
}

pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = run(Command::new("git").args(args).current_dir(folder));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn run(command: &mut Command) -> Output {
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The agent.
pub(crate) struct Scripts {
    agent: Arc<dyn Agent>,
}

/// A turn that has ended.
pub(crate) struct Taken {
    pub(crate) text: String,
    pub(crate) end: End,
    pub(crate) left: Vec<ArtifactUpdate>,
}

impl Scripts {
    pub(crate) async fn run(&self, caller: &str, context: &str, script: &str) -> Taken {
        self.run_into(caller, context, script, Collected::default()).await
    }

    /// A turn that is cancelled when the script says `stop`.
    pub(crate) async fn cancel(&self, caller: &str, context: &str, script: &str) -> Taken {
        self.take(caller, context, script, Collected::default(), true).await
    }

    pub(crate) async fn run_into(&self, caller: &str, context: &str, script: &str, output: Collected) -> Taken {
        self.take(caller, context, script, output, false).await
    }

    async fn take(&self, caller: &str, context: &str, script: &str, mut output: Collected, cancels: bool) -> Taken {
        let (source, cancel) = CancelSource::new();
        let mut turn = turn(script, cancel);
        turn.permit = permit_of(caller);
        turn.context_id = context.into();
        if cancels {
            output.cancel_at = Some(("stop", source));
        }
        let end = take_again(&self.agent, &turn, &mut output).await;
        Taken { text: output.text, end, left: output.left }
    }
}

impl Taken {
    /// What is told of the changes.
    pub(crate) fn told(&self) -> Value {
        let metadata = self.left.last().expect("changes are told").metadata.clone().unwrap();
        Value::Object(metadata.0)["changes"].clone()
    }

    /// Paths and their status, as text.
    pub(crate) fn files(&self) -> Vec<String> {
        let told = self.told();
        let files = told["files"].as_array().unwrap().iter();
        files.map(|file| format!("{} {}", file["status"].as_str().unwrap(), file["path"].as_str().unwrap())).collect()
    }

    /// The parts: name, and content.
    pub(crate) fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let parts = self.left.last().expect("changes are told").parts.iter();
        parts
            .map(|part| match &part.content {
                Some(Content::Raw(content)) => (part.filename.clone(), content.clone()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    pub(crate) fn patch(&self) -> Vec<u8> {
        let parts = self.parts();
        assert_eq!(parts[0].0, "changes.patch");
        parts[0].1.clone()
    }
}

/// All files below a folder but git's own: name, mode and content, links by what they lead to.
pub(crate) fn tree(folder: &Path) -> Vec<(Vec<u8>, bool, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut files = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(inner) = left.pop() {
        for entry in std::fs::read_dir(inner).unwrap().map(Result::unwrap) {
            let (path, found) = (entry.path(), entry.metadata().unwrap());
            if entry.file_name() == OsStr::new(".git") || path.extension() == Some(OsStr::new("log")) {
                continue;
            }
            if found.is_dir() {
                left.push(path);
                continue;
            }
            let content = match found.is_symlink() {
                true => std::fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec(),
                false => std::fs::read(&path).unwrap(),
            };
            let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
            files.push((name, !found.is_symlink() && found.permissions().mode() & 0o100 != 0, content));
        }
    }
    files.sort();
    files
}
