//! Runs git as an agent is run: from a plan, contained, with an empty environment but for the allow-list, and with a time limit.
//!
//! An agent may have written into the repository that git works on. Nothing that a repository can name is run: no hook, monitor,
//! pager, helper or remote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use inhouse_run::{RunError, Runner, Stdin};
use inhouse_trust::{AgentCommand, HostEnv, Input, LaunchError, Permit, launch};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// What an answer of a line or a few may have.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// What is kept of its errors.
const ERRORS_BYTES_MAX: usize = 16 << 10;
const READ_BYTES: usize = 64 << 10;

/// What stands before every command. These win over what any file says.
const GUARD: &[&str] = &[
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "core.sshCommand=false",
    "-c",
    "credential.helper=",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "worktree.useRelativePaths=false",
    "-c",
    "submodule.recurse=false",
    // The operator has named the project, whoever owns it.
    "-c",
    "safe.directory=*",
];

/// The same in variables, for what has no setting.
const GUARD_ENV: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    // No object is fetched from anywhere.
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_AUTHOR_NAME", "inhouse"),
    ("GIT_AUTHOR_EMAIL", "inhouse@localhost"),
    ("GIT_COMMITTER_NAME", "inhouse"),
    ("GIT_COMMITTER_EMAIL", "inhouse@localhost"),
    ("LC_ALL", "C"),
];

/// Why git did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It could not be planned.
    #[error("git {0} can not be started: {1}")]
    Plan(String, LaunchError),
    /// It could not be started.
    #[error("git {0} can not be started: {1}")]
    Start(String, RunError),
    /// It took too long.
    #[error("git {0} took longer than {1} ms: raise git_ms_max in [limits]")]
    TooSlow(String, u64),
    /// It printed more than is read.
    #[error("git {0} lists too many files")]
    TooMany(String),
    /// It ended without success, and said so.
    #[error("git {command} ended with {exit}: {said}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit.
        exit: String,
        /// The last line of its errors.
        said: String,
    },
}

/// The program.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    /// Its absolute path.
    pub(crate) program: PathBuf,
    pub(crate) runner: Runner,
    pub(crate) host: HostEnv,
    /// How long one command may take, in milliseconds.
    pub(crate) ms_max: u64,
}

/// One command.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) permit: &'a Permit,
    pub(crate) directory: &'a Path,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) args: Vec<String>,
    pub(crate) input: Vec<u8>,
    /// What is read of its output.
    pub(crate) bytes_max: usize,
    /// The exit codes that mean success.
    pub(crate) fine: &'static [i32],
}

/// What a command has printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) bytes: Vec<u8>,
    /// There was more of it than was to be read.
    pub(crate) cut: bool,
}

impl<'a> Call<'a> {
    /// A command with these arguments that prints a line or a few.
    pub(crate) fn new(permit: &'a Permit, directory: &'a Path, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { permit, directory, env: Vec::new(), args, input: Vec::new(), bytes_max: ANSWER_BYTES_MAX, fine: &[0] }
    }
}

impl Printed {
    /// The lines of an answer.
    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.bytes).lines().map(str::to_owned).collect()
    }

    /// The answer of one line.
    pub(crate) fn line(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim_end_matches('\n').to_owned()
    }
}

impl Git {
    /// Runs a command to its end. Dropping the future ends it.
    ///
    /// # Errors
    /// [`GitError`].
    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Printed, GitError> {
        let name = call.args.iter().find(|arg| !arg.starts_with('-')).cloned().unwrap_or_default();
        match tokio::time::timeout(Duration::from_millis(self.ms_max), self.start(call, &name)).await {
            Ok(ended) => ended,
            Err(_) => Err(GitError::TooSlow(name, self.ms_max)),
        }
    }

    async fn start(&self, call: Call<'_>, name: &str) -> Result<Printed, GitError> {
        let command = AgentCommand {
            program: self.program.clone(),
            args: GUARD.iter().map(|arg| (*arg).to_owned()).chain(call.args).collect(),
            input: Input::Protocol,
            env_pass: Vec::new(),
            env_set: GUARD_ENV.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            directory: call.directory.to_path_buf(),
        };
        // The placeholder of a message, should a path hold it, stands for itself.
        let plan = launch(call.permit, &command, "{message}", &call.env, &self.host)
            .map_err(|error| GitError::Plan(name.to_owned(), error))?;
        let mut run = self.runner.spawn(&plan).await.map_err(|error| GitError::Start(name.to_owned(), error))?;
        let (stdin, stdout, stderr) = (run.stdin.take(), run.stdout.take(), run.stderr.take());
        let (printed, errors, ()) =
            tokio::join!(take(stdout, call.bytes_max), take(stderr, ERRORS_BYTES_MAX), feed(stdin, &call.input));
        let exit = run.gone().await;
        // A command whose output is not read to its end can not end well.
        if printed.cut || exit.code.is_some_and(|code| call.fine.contains(&code)) {
            return Ok(printed);
        }
        let said = errors.lines().pop().unwrap_or_default();
        Err(GitError::Failed { command: name.to_owned(), exit: exit.to_string(), said })
    }
}

/// Reads to the end, or as much as may be; then the pipe is closed.
async fn take(pipe: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> Printed {
    let mut printed = Printed { bytes: Vec::new(), cut: false };
    let Some(mut pipe) = pipe else { return printed };
    let mut buffer = Vec::with_capacity(READ_BYTES);
    while let Ok(1..) = pipe.read_buf(&mut buffer).await {
        let room = bytes_max - printed.bytes.len();
        printed.cut = buffer.len() > room;
        printed.bytes.extend_from_slice(&buffer[..buffer.len().min(room)]);
        if printed.cut {
            break;
        }
        buffer.clear();
    }
    printed
}

/// A command that does not read, or has ended, is no error here.
async fn feed(stdin: Option<Stdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
    }
}
