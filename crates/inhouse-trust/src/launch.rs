//! What may run: from a permit, a configured command and a caller's text to a [`LaunchPlan`], the only thing that the spawner takes. A
//! caller's text can become the value of an argument, never an option, a program or a variable.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::environment::environment;
use crate::{HostEnv, Operation, Permit};

/// The longest argument that may hold a caller's text. Linux ends at 131,072 with the terminating NUL.
pub const ARGUMENT_BYTES_MAX: usize = 120_000;

const PLACEHOLDER: &str = "{message}";

/// How a caller's text reaches the agent, unless an argument holds the placeholder `{message}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// On standard input.
    Stdin,
    /// As the last argument.
    Argument,
    /// Both, for programs of which we do not know what they read.
    Both,
    /// Inside the agent's own protocol, which its adapter writes.
    Protocol,
}

/// A configured agent's command. Debug shows neither arguments nor values, which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentCommand {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its arguments; `{message}` stands for the caller's text.
    pub args: Vec<String>,
    /// How the text reaches it.
    pub input: Input,
    /// Variables of the server that it gets beyond the base: names, or prefixes written `PREFIX_*`.
    pub env_pass: Vec<String>,
    /// Variables that it gets with these values.
    pub env_set: Vec<(String, String)>,
    /// Where it runs.
    pub directory: PathBuf,
}

impl fmt::Debug for AgentCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, args, input, directory, .. } = self;
        write!(f, "AgentCommand({program:?}, {} args, {input:?}, in {directory:?})", args.len())
    }
}

/// Why nothing is started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// The permit is for something that starts no agent.
    #[error("a permit to {0:?} starts no agent")]
    NotAStart(Operation),
    /// A bare or relative program name would be looked up at each start, and in the wrong place.
    #[error("program {} is not an absolute path", .0.display())]
    ProgramNotAbsolute(PathBuf),
    /// The text has a NUL, which no argument can hold.
    #[error("the text has a NUL character, which an argument can not hold: set AGENT_INPUT=stdin")]
    ArgumentNul,
    /// The text makes an argument of so many bytes, which is too long.
    #[error("the text makes an argument of {0} bytes, more than {ARGUMENT_BYTES_MAX}: set AGENT_INPUT=stdin")]
    ArgumentTooLong(usize),
    /// A variable's name is empty or has `=`, `*` (but for an ending `_*`) or a NUL, or its value has a NUL.
    #[error("environment variable {0:?} has a name or a value that no environment can hold")]
    Environment(String),
}

/// Everything that the spawner needs to start one process. Made by [`launch`] alone:
///
/// ```compile_fail,E0451
/// let forged = inhouse_trust::LaunchPlan {
///     program: "/bin/sh".into(), args: vec![], env: Default::default(), directory: "/".into(), text_on_stdin: false,
/// };
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LaunchPlan {
    program: PathBuf,
    args: Vec<String>,
    env: BTreeMap<OsString, OsString>,
    directory: PathBuf,
    text_on_stdin: bool,
}

impl LaunchPlan {
    /// The program, an absolute path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its arguments, without the program's name; none has a NUL.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// Its whole environment; no name has `=` and neither has a NUL.
    pub fn env(&self) -> impl ExactSizeIterator<Item = (&OsStr, &OsStr)> {
        self.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Where it runs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the caller's text is to be written to its standard input, which then ends.
    pub fn text_on_stdin(&self) -> bool {
        self.text_on_stdin
    }
}

impl fmt::Debug for LaunchPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, args, env, directory, text_on_stdin } = self;
        let (args, env) = (args.len(), env.len());
        write!(f, "LaunchPlan({program:?}, {args} args, {env} variables, in {directory:?}, stdin {text_on_stdin})")
    }
}

/// Plans one start of an agent for one turn. `turn_env` holds our own facts about the turn, never a caller's text.
///
/// # Errors
/// [`LaunchError`]; the text itself is refused only where it has to be an argument.
pub fn launch(
    permit: &Permit,
    command: &AgentCommand,
    text: &str,
    turn_env: &[(&str, String)],
    host: &HostEnv,
) -> Result<LaunchPlan, LaunchError> {
    if !permit.operation().starts() {
        return Err(LaunchError::NotAStart(permit.operation()));
    }
    if !command.program.is_absolute() {
        return Err(LaunchError::ProgramNotAbsolute(command.program.clone()));
    }
    let placed = command.args.iter().any(|arg| arg.contains(PLACEHOLDER));
    let mut args = Vec::with_capacity(command.args.len() + 1);
    for arg in &command.args {
        args.push(argument(arg, text)?);
    }
    if !placed && matches!(command.input, Input::Argument | Input::Both) {
        args.push(argument(PLACEHOLDER, text)?);
    }
    Ok(LaunchPlan {
        program: command.program.clone(),
        args,
        env: environment(command, turn_env, host)?,
        directory: command.directory.clone(),
        text_on_stdin: !placed && matches!(command.input, Input::Stdin | Input::Both),
    })
}

/// Puts the text into the operator's argument, where its placeholder is. What would begin with `-` because of the text gets a space in
/// front, so that no program reads it as an option.
fn argument(template: &str, text: &str) -> Result<String, LaunchError> {
    let mut argument = template.replace(PLACEHOLDER, text);
    if argument.starts_with('-') && !template.starts_with('-') {
        argument.insert(0, ' ');
    }
    if argument.contains('\0') {
        return Err(LaunchError::ArgumentNul);
    }
    if argument.len() > ARGUMENT_BYTES_MAX {
        return Err(LaunchError::ArgumentTooLong(argument.len()));
    }
    Ok(argument)
}
