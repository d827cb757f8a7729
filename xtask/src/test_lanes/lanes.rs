//! The lanes, in the order in which they run: what is cheap and tells most comes first.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{Count, Program};
use super::{House, LaneError, Tally, install};

const BUILD_MAX: Duration = Duration::from_secs(45 * 60);
const SCRIPT_MAX: Duration = Duration::from_secs(20 * 60);

/// Something to be tested, and how.
#[derive(Debug)]
pub(super) struct Lane {
    /// What `--only` calls it.
    pub(super) name: &'static str,
    /// What holds when it passes.
    pub(super) promise: &'static str,
    pub(super) run: fn(&House) -> Result<Tally, LaneError>,
}

pub(super) const LANES: [Lane; 19] = [
    Lane { name: "fmt", promise: "the code is formatted (cargo fmt --check)", run: fmt },
    Lane { name: "clippy", promise: "no lint warns (cargo clippy -D warnings)", run: clippy },
    Lane {
        name: "codegen",
        promise: "the generated code is the committed one (cargo xtask codegen --check)",
        run: codegen,
    },
    Lane { name: "tidy", promise: "the rules of the house hold (cargo xtask tidy)", run: tidy },
    Lane {
        name: "deny",
        promise: "licences, sources and duplicates are as deny.toml wants them (cargo deny)",
        run: deny,
    },
    Lane { name: "test", promise: "every crate keeps its promises (cargo test --workspace)", run: test },
    Lane { name: "first-contact", promise: "the release build works for whoever runs it first", run: first_contact },
    Lane { name: "package", promise: "the Debian package is installed, used and removed", run: package },
    Lane { name: "sdk-python", promise: "the official Python SDK is served", run: sdk_python },
    Lane { name: "mcp", promise: "the official MCP client of Python uses A2A agents by `inhouse mcp`", run: mcp },
    Lane { name: "sdk-js", promise: "the official JavaScript SDK is served", run: sdk_js },
    Lane { name: "sdk-python-0.3", promise: "the official Python SDK of A2A 0.3 is served", run: sdk_python_0_3 },
    Lane { name: "sdk-python-0.2", promise: "the official Python SDK of A2A 0.2 is served", run: sdk_python_0_2 },
    Lane { name: "adk", promise: "a remote agent of Google's Agent Development Kit is served", run: adk },
    Lane { name: "sdk-js-0.3", promise: "the official JavaScript SDK of A2A 0.3 is served", run: sdk_js_0_3 },
    Lane { name: "rust", promise: "two clients in Rust that others wrote are served", run: rust },
    Lane { name: "claude", promise: "the published Claude Code is served, with a fake model", run: claude },
    Lane {
        name: "clis",
        promise: "the published Codex, Gemini CLI, opencode and Qwen Code are served, with a fake model",
        run: clis,
    },
    Lane {
        name: "console",
        promise: "the console works in Chromium, for everybody, and shows text as text",
        run: console,
    },
];

fn fmt(house: &House) -> Result<Tally, LaneError> {
    cargo(house, &["fmt", "--all", "--check"]).run(Count::Whole)
}

fn clippy(house: &House) -> Result<Tally, LaneError> {
    let words = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    cargo(house, &words).run(Count::Whole)
}

fn codegen(_: &House) -> Result<Tally, LaneError> {
    crate::codegen::check()?;
    Ok(Tally::one())
}

fn tidy(house: &House) -> Result<Tally, LaneError> {
    crate::tidy::check(&house.root)?;
    Ok(Tally::one())
}

fn deny(house: &House) -> Result<Tally, LaneError> {
    let program = install::cargo_deny(house)?;
    // Advisories are news, not tests: the same tree would pass today and fail tomorrow.
    Program::new(house, program, BUILD_MAX)
        .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .run(Count::Whole)
}

fn test(house: &House) -> Result<Tally, LaneError> {
    let file = house.target.join("untested");
    // It is not there where all was tested.
    let _ = fs::remove_file(&file);
    let tests = cargo(house, &["test", "--workspace", "--no-fail-fast", "--quiet"]);
    let mut tally = tests.env("INHOUSE_UNTESTED", &file).run(Count::Cargo)?;
    let untested = fs::read_to_string(&file).unwrap_or_default();
    tally.untested.extend(untested.lines().collect::<BTreeSet<_>>().into_iter().map(str::to_owned));
    Ok(tally)
}

fn first_contact(house: &House) -> Result<Tally, LaneError> {
    script(house, &["first_contact.py"])
}

fn package(house: &House) -> Result<Tally, LaneError> {
    script(house, &["package_lane.py"])
}

fn sdk_python(house: &House) -> Result<Tally, LaneError> {
    install::python(house, "1")?;
    script(house, &["sdk_lane.py", "python"])
}

fn mcp(house: &House) -> Result<Tally, LaneError> {
    install::python(house, "mcp")?;
    let python = house.interop().join("venv-mcp/bin/python");
    script_by(&python, house, &["mcp_python.py"])
}

fn sdk_js(house: &House) -> Result<Tally, LaneError> {
    install::node(house)?;
    script(house, &["sdk_lane.py", "js"])
}

fn sdk_python_0_3(house: &House) -> Result<Tally, LaneError> {
    install::python(house, "0.3")?;
    script(house, &["sdk_lane.py", "python-0.3"])
}

fn sdk_python_0_2(house: &House) -> Result<Tally, LaneError> {
    install::python(house, "0.2")?;
    script(house, &["sdk_lane.py", "python-0.2"])
}

fn adk(house: &House) -> Result<Tally, LaneError> {
    install::python(house, "adk")?;
    script(house, &["sdk_lane.py", "adk"])
}

fn sdk_js_0_3(house: &House) -> Result<Tally, LaneError> {
    install::node_0_3(house)?;
    script(house, &["sdk_lane.py", "js-0.3"])
}

fn rust(house: &House) -> Result<Tally, LaneError> {
    install::rust(house)?;
    script(house, &["sdk_lane.py", "rust"])
}

fn claude(house: &House) -> Result<Tally, LaneError> {
    install::node(house)?;
    script(house, &["claude_lane.py"])
}

fn clis(house: &House) -> Result<Tally, LaneError> {
    install::clis(house)?;
    script(house, &["clis_lane.py"])
}

fn console(house: &House) -> Result<Tally, LaneError> {
    install::console(house)?;
    let chromium = install::chromium(house)?;
    let server = server(house)?;
    Program::new(house, "node", SCRIPT_MAX)
        .arg(house.root.join("tests/console/lane.mjs"))
        .env("INHOUSE_BIN", house.root.join(server))
        .env("CONSOLE_DIR", house.console())
        .env("CHROMIUM", chromium)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run(Count::Steps)
}

fn cargo(house: &House, words: &[&str]) -> Program {
    Program::new(house, &house.cargo, BUILD_MAX).args(words)
}

/// A script of tests/interop against the release build.
fn script(house: &House, words: &[&str]) -> Result<Tally, LaneError> {
    script_by(Path::new("python3"), house, words)
}

fn script_by(python: &Path, house: &House, words: &[&str]) -> Result<Tally, LaneError> {
    let server = server(house)?;
    Program::new(house, python, SCRIPT_MAX)
        .arg(house.scripts().join(words[0]))
        .args(&words[1..])
        .env("INHOUSE_BIN", server)
        .env("INTEROP_DIR", house.interop())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run(Count::Steps)
}

/// The server that the outer lanes try: what users build.
fn server(house: &House) -> Result<PathBuf, LaneError> {
    if let Some(given) = std::env::var_os("INHOUSE_BIN") {
        return Ok(PathBuf::from(given));
    }
    cargo(house, &["build", "--release", "--package", "inhouse", "--quiet"])
        .must("the release build is what is tried")?;
    Ok(house.target.join("release/inhouse"))
}
