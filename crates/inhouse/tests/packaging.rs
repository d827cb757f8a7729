//! The files for packagers say what they promise: a unit that systemd takes, which leaves agents their namespaces, and a container that is not
//! root's.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{scratch, untested};

fn packaged(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name)).unwrap()
}

/// The settings of the unit, without its remarks.
fn settings(unit: &str) -> Vec<(&str, &str)> {
    unit.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let folder = scratch("unit");
    let file = folder.join("inhouse.service");
    fs::write(&file, packaged("inhouse.service").replace("/usr/bin/inhouse", env!("CARGO_BIN_EXE_inhouse"))).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&file).output() {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            let about = said.lines().find(|line| line.contains("inhouse.service"));
            assert!(verified.status.success() && about.is_none(), "{said}");
        }
        Err(_) => untested("the unit for systemd, since there is no systemd-analyze"),
    }
}

#[test]
fn the_unit_is_hardened_and_leaves_agents_their_namespaces() {
    let unit = packaged("inhouse.service");
    let settings = settings(&unit);
    let value = |key: &str| settings.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    for (key, expected) in [
        ("User", "inhouse"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("KillMode", "mixed"),
        ("StateDirectoryMode", "0700"),
    ] {
        assert_eq!(value(key), Some(expected), "{key}");
    }
    assert!(value("ExecStart").unwrap().contains(" serve --hardened "));
    // Each of these takes the namespace tier away, or the runtimes of agents.
    for key in [
        "RestrictNamespaces",
        "ProtectProc",
        "ProcSubset",
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProtectControlGroups",
        "MemoryDenyWriteExecute",
        "PrivateUsers",
    ] {
        assert_eq!(value(key), None, "{key}");
    }
}

#[test]
fn the_container_is_not_roots_and_says_that_it_is_one() {
    let text = packaged("Containerfile");
    let user = text.lines().filter_map(|line| line.strip_prefix("USER ")).next_back();
    assert_eq!(user, Some("inhouse"));
    assert!(text.lines().any(|line| line.starts_with("ENV ") && line.contains(" container=")));
    assert!(!text.contains("curl ") && !text.contains(":latest"), "what it installs comes from packages");
}
