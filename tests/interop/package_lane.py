#!/usr/bin/env python3
"""Lane `package`: the Debian package of the built binary is installed into an empty root folder, used there, and removed without a trace.

The smoke test is on what the package has put there: its binary, its configuration, its pages.
"""
import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import ROOT, Server, Steps, assert_same, expect, message

step = Steps()

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="inhouse-package-"))
INSTALLED = FOLDER / "root"
FORCE = ["--force-not-root", "--force-depends", "--force-script-chrootless", f"--log={FOLDER / 'dpkg.log'}"]


def run(*words, code=0, **more):
    ended = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, **more)
    assert ended.returncode == code, ended
    return ended.stdout


def dpkg(*words):
    return run("dpkg", f"--root={INSTALLED}", *FORCE, *words)


def installed():
    """All files of the root but dpkg's own."""
    own = INSTALLED / "var"
    return [path for path in INSTALLED.rglob("*") if path.is_file() and own not in path.parents]


@step
def built_and_installed():
    """the package is built from the binary, and goes into an empty root"""
    run(ROOT / "packaging" / "deb.sh", os.environ["INHOUSE_BIN"], FOLDER)
    (package,) = FOLDER.glob("inhouse_*.deb")
    (INSTALLED / "var/lib/dpkg").mkdir(parents=True)
    (INSTALLED / "var/lib/dpkg/status").touch()
    dpkg("--install", package)
    assert_same(dpkg("--verify", "inhouse"), "")
    listing = run("dpkg-deb", "--contents", package).splitlines()
    assert all(" root/root " in line for line in listing), listing


@step
def configured():
    """the configuration that came with it can be served as the unit says"""
    unit = (INSTALLED / "usr/lib/systemd/system/inhouse.service").read_text()
    assert "ExecStart=/usr/bin/inhouse serve --hardened --config /etc/inhouse/inhouse.toml" in unit
    config = INSTALLED / "etc/inhouse/inhouse.toml"
    checked = run(INSTALLED / "usr/bin/inhouse", "config", "check", "--hardened", "--config", config, env={"HOME": str(FOLDER)})
    assert checked.startswith("good: serves demo"), checked


@step
def used():
    """the installed binary serves and answers"""
    os.environ["INHOUSE_BIN"] = str(INSTALLED / "usr/bin/inhouse")
    with Server("cat", AGENT_INPUT="stdin") as server:
        expect(server.result("SendMessage", message("hello"))["task"], "COMPLETED", "hello")


@step
def documented():
    """there is a manual page for each command, completions for three shells, a licence and the changes"""
    pages = {path.name for path in (INSTALLED / "usr/share/man/man1").iterdir()}
    assert {"inhouse.1.gz", "inhouse-serve.1.gz", "inhouse-token-new.1.gz"} <= pages, pages
    assert "Exit codes" in gzip.decompress((INSTALLED / "usr/share/man/man1/inhouse.1.gz").read_bytes()).decode()
    share = INSTALLED / "usr/share"
    completions = ["bash-completion/completions/inhouse", "zsh/vendor-completions/_inhouse", "fish/vendor_completions.d/inhouse.fish"]
    assert all((share / name).stat().st_size > 1_000 for name in completions)
    assert "Apache License" in (share / "doc/inhouse/copyright").read_text()
    assert gzip.decompress((share / "doc/inhouse/changelog.gz").read_bytes()).startswith(b"# Changelog")


@step
def removed():
    """an operator's changes outlive a removal, and a purge leaves nothing"""
    config = INSTALLED / "etc/inhouse/inhouse.toml"
    config.write_text(config.read_text() + "# mine\n")
    dpkg("--remove", "inhouse")
    assert_same([str(path) for path in installed()], [str(config)])
    dpkg("--purge", "inhouse")
    assert_same(installed(), [])


if __name__ == "__main__":
    sys.exit(1 if step.run() else 0)
