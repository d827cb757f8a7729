//! What the outer lanes need and a fresh machine does not have, each at an exact version, installed below the target folder
//! and kept while its versions file stays as it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::Program;
use super::{House, LaneError, read};

const INSTALL_MAX: Duration = Duration::from_secs(30 * 60);
/// What Chromium is called where.
const CHROMIUMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const CARGO_DENY_VERSION: &str = "0.20.2";

/// The JavaScript SDK and Claude Code, in `interop/npm/node_modules`.
pub(super) fn node(house: &House) -> Result<(), LaneError> {
    npm(house, "npm", &house.scripts().join("package.json"), &["claude"])
}

/// The JavaScript SDK of A2A 0.3, in `interop/js-0.3/node_modules`.
pub(super) fn node_0_3(house: &House) -> Result<(), LaneError> {
    npm(house, "js-0.3", &house.scripts().join("js-0.3/package.json"), &[])
}

/// The clients in Rust, as a program in `interop/rust/debug`.
pub(super) fn rust(house: &House) -> Result<(), LaneError> {
    Program::new(house, &house.cargo, INSTALL_MAX)
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(house.scripts().join("rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(house.interop().join("rust"))
        .must("its crates are not there, or the compiler is older than they ask for")
}

/// The other command-line agents, in `interop/clis/node_modules`.
pub(super) fn clis(house: &House) -> Result<(), LaneError> {
    npm(house, "clis", &house.scripts().join("clis/package.json"), &["codex", "gemini", "opencode", "qwen"])
}

/// What drives and judges the console's pages, in `console/node_modules`, to the byte that the lock names.
pub(super) fn console(house: &House) -> Result<(), LaneError> {
    let (folder, from) = (house.console(), house.root.join("tests/console"));
    once(&folder, &from.join("package-lock.json"), || {
        copy(&from.join("package.json"), &folder.join("package.json"))?;
        copy(&from.join("package-lock.json"), &folder.join("package-lock.json"))?;
        Program::new(house, "npm", INSTALL_MAX)
            .args(["ci", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .env("npm_config_cache", house.interop().join("cache/npm"))
            .must("its packages are not there and the npm registry may not be reachable")
    })
}

/// Chromium: the one on PATH, or Debian's, which only root can install.
pub(super) fn chromium(house: &House) -> Result<PathBuf, LaneError> {
    if let Some(found) = CHROMIUMS.iter().find_map(|name| on_path(name)) {
        return Ok(found);
    }
    let hint = "chromium is not on PATH and can not be installed: on Debian, apt-get install chromium";
    let apt = |words: &[&str]| {
        let run = Program::new(house, "apt-get", INSTALL_MAX).args(words).env("DEBIAN_FRONTEND", "noninteractive");
        run.must(hint)
    };
    apt(&["update", "--quiet", "--quiet"])?;
    apt(&["install", "--yes", "--quiet", "--quiet", "--no-install-recommends", "chromium", "fonts-dejavu-core"])?;
    on_path(CHROMIUMS[0]).ok_or(LaneError::Failed { program: "chromium".to_owned(), hint })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The packages that a file of versions names, whose programs have to start then.
fn npm(house: &House, folder: &str, versions: &Path, programs: &[&str]) -> Result<(), LaneError> {
    let folder = house.interop().join(folder);
    once(&folder, versions, || {
        copy(versions, &folder.join("package.json"))?;
        Program::new(house, "npm", INSTALL_MAX)
            .args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .env("npm_config_cache", house.interop().join("cache/npm"))
            .must("its packages are not there and the npm registry may not be reachable")?;
        let binaries = folder.join("node_modules/.bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([binaries.clone()].into_iter().chain(std::env::split_paths(&path)));
        let path = path.map_err(|error| LaneError::File(binaries.clone(), std::io::Error::other(error)))?;
        for program in programs {
            Program::new(house, binaries.join(program), INSTALL_MAX)
                .arg("--version")
                .env("PATH", &path)
                .must("it has not been installed whole; npm may have held back its script")?;
        }
        Ok(())
    })
}

/// The Python SDK of a version of A2A, in the virtual environment `interop/venv-VERSION`.
pub(super) fn python(house: &House, version: &str) -> Result<(), LaneError> {
    let folder = house.interop().join(format!("venv-{version}"));
    let versions = house.scripts().join(format!("requirements-{version}.txt"));
    once(&folder, &versions, || {
        Program::new(house, "python3", INSTALL_MAX)
            .args(["-m", "venv", "--clear"])
            .arg(&folder)
            .must("python3 can not make a virtual environment; on Debian it needs the package python3-venv")?;
        Program::new(house, folder.join("bin/python"), INSTALL_MAX)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&versions)
            .env("PIP_CACHE_DIR", house.interop().join("cache/pip"))
            .must("its packages are not there and PyPI may not be reachable")
    })
}

/// `cargo deny`: the one on PATH, or one of our own in `tools/bin`.
pub(super) fn cargo_deny(house: &House) -> Result<PathBuf, LaneError> {
    let name = format!("cargo-deny{}", std::env::consts::EXE_SUFFIX);
    let own = house.tools().join("bin");
    if let Some(found) = on_path(&name).or_else(|| Some(own.join(&name)).filter(|file| file.is_file())) {
        return Ok(found);
    }
    Program::new(house, &house.cargo, INSTALL_MAX)
        .args(["install", "--locked", "--quiet", "cargo-deny", "--version", CARGO_DENY_VERSION, "--root"])
        .arg(house.tools())
        .must("cargo-deny is not on PATH and can not be installed; crates.io may not be reachable")?;
    Ok(own.join(name))
}

/// Installs into a folder, unless that has been done for these very versions.
fn once(folder: &Path, versions: &Path, install: impl FnOnce() -> Result<(), LaneError>) -> Result<(), LaneError> {
    let wanted = read(versions)?;
    let stamp = folder.join("installed-versions");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    super::print(&format!("installing what {} names into {}\n", versions.display(), folder.display()));
    let failed = |source| LaneError::File(folder.to_owned(), source);
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    install()?;
    std::fs::write(&stamp, wanted).map_err(|source| LaneError::File(stamp.clone(), source))
}

fn copy(from: &Path, to: &Path) -> Result<(), LaneError> {
    std::fs::copy(from, to).map(drop).map_err(|source| LaneError::File(to.to_owned(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_kept_until_its_versions_change_and_not_when_it_failed() {
        let scratch = std::env::temp_dir().join(format!("inhouse-xtask-install-{}", std::process::id()));
        let (folder, versions) = (scratch.join("into"), scratch.join("versions"));
        std::fs::create_dir_all(&scratch).unwrap();
        let installs = |text: &str, works: bool| {
            std::fs::write(&versions, text).unwrap();
            let mut ran = false;
            let ended = once(&folder, &versions, || {
                ran = true;
                if works { Ok(()) } else { Err(LaneError::Failed { program: "it".to_owned(), hint: "no reason" }) }
            });
            assert_eq!(ended.is_ok(), works || !ran);
            ran
        };
        assert!(installs("a 1", false));
        assert!(installs("a 1", true), "a failure is tried again");
        assert!(!installs("a 1", true));
        assert!(installs("a 2", true));
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}
