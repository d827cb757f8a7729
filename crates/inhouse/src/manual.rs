//! `inhouse completions` and `inhouse man`: what a shell completes and what `man` shows, made from the definition of the command line itself.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::cli::{Exit, Output};
use crate::exit::Failure;

/// The name of the program on the command line.
const NAME: &str = "inhouse";

/// Print what a shell needs to complete this program's words
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse completions bash > ~/.local/share/bash-completion/completions/inhouse
  inhouse completions zsh > ~/.zfunc/_inhouse
  inhouse completions fish > ~/.config/fish/completions/inhouse.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the manual pages, one a command, into a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse man ~/.local/share/man/man1      then: man inhouse, man inhouse-send")]
pub(crate) struct ManArgs {
    /// The folder; it is made where it is not there
    directory: PathBuf,
}

/// Prints the completions.
pub(crate) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), NAME, &mut script);
    let mut output = Output::new();
    let outcome = output.result(&String::from_utf8_lossy(&script)).map(|()| Exit::Done);
    output.finish(outcome)
}

/// Writes the pages.
///
/// # Errors
/// [`Failure`] for a folder that can not be written.
pub(crate) fn man(args: &ManArgs) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::failed(format!("{} can not be written: {error}", args.directory.display()), None);
    fs::create_dir_all(&args.directory).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), &args.directory).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}
