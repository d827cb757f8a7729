//! The three pipes between the server and an agent. The server's ends never block a thread; the agent's ends are plain.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::net::unix::pipe::{Receiver, Sender};

/// The writing end of the agent's standard input; dropping it ends the input.
pub type Stdin = Sender;
/// The reading end of the agent's standard output.
pub type Stdout = Receiver;
/// The reading end of the agent's standard error.
pub type Stderr = Receiver;

/// The server's ends.
pub(crate) struct Pipes {
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: Stderr,
}

/// The agent's ends: standard input, output and error.
pub(crate) type AgentEnds = [OwnedFd; 3];

/// Makes the pipes of one run; every end is closed by an exec.
pub(crate) fn pipes() -> io::Result<(Pipes, AgentEnds)> {
    let (agent_stdin, stdin) = io::pipe()?;
    let (stdout, agent_stdout) = io::pipe()?;
    let (stderr, agent_stderr) = io::pipe()?;
    let ours = Pipes {
        stdin: Sender::from_owned_fd_unchecked(non_blocking(stdin.into())?)?,
        stdout: Receiver::from_owned_fd_unchecked(non_blocking(stdout.into())?)?,
        stderr: Receiver::from_owned_fd_unchecked(non_blocking(stderr.into())?)?,
    };
    Ok((ours, [agent_stdin.into(), agent_stdout.into(), agent_stderr.into()]))
}

/// A fresh pipe has no other status flags, so that setting this one needs no reading first.
fn non_blocking(end: OwnedFd) -> io::Result<OwnedFd> {
    fcntl(end.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(end)
}
