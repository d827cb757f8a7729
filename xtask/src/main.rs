//! Chores of the project, each a subcommand of `cargo xtask`. What they make is committed, so a user's build needs none of them.

mod bench;
mod codegen;
mod figures;
mod fuzz;
mod mutants;
mod test_lanes;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <chore>

chores:
  test              every test there is, in lanes; --list, --only LANE, --skip LANE
  tidy              fail where a rule of the house is broken
  codegen           write the Rust form of proto/ into crates/inhouse-proto, and the reference of the configuration
  codegen --check   fail when these are not the committed ones
  bench             measure the server against the least that a server can do; --quick, --only NAME
  figures           what attacks cost the server, in memory and in others' time
  fuzz              give the parsers of what strangers and agents write a million changed inputs each; --cases N
  mutants           break each rule of crates/inhouse-trust and fail where its tests see too few of the breaks
";

fn main() -> ExitCode {
    if let Some(code) = bench::child() {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test", words @ ..] => test_lanes::run(words),
        ["tidy"] => finish(tidy::check(root())),
        ["codegen"] => finish(codegen::write()),
        ["codegen", "--check"] => finish(codegen::check()),
        ["bench", words @ ..] => finish(bench::run(words)),
        ["figures"] => finish(figures::run()),
        ["fuzz", words @ ..] => finish(fuzz::run(words)),
        ["mutants"] => finish(mutants::run()),
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

fn finish<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
