//! `inhouse doctor` as an operator runs it: a machine that is fit, and machines that are not, each with what to do.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::Value;
use support::{Launch, scratch};

/// What is said of a folder with this configuration: the exit code, and the findings by their area.
fn doctor(folder: &Path, text: &str, more: &[&str]) -> (i32, Vec<Value>, String) {
    fs::write(folder.join("inhouse.toml"), text).unwrap();
    let args = [&["doctor", "--json"], more].concat();
    let (code, out, err) = Launch::new(&args).directory(folder).env("container", "test").run();
    (code, out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), err)
}

fn of<'a>(findings: &'a [Value], area: &str) -> &'a Value {
    findings.iter().find(|finding| finding["area"] == area).unwrap_or_else(|| panic!("no {area} in {findings:?}"))
}

#[test]
fn a_machine_that_is_fit_is_told_so_area_by_area_and_nothing_is_left_behind() {
    let folder = scratch("fit");
    let home = scratch("doctors-home");
    fs::write(folder.join("inhouse.toml"), "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n").unwrap();
    let launch = |args: &[&str]| Launch::new(args).directory(&folder).env("HOME", &home).env("container", "test");
    let (code, out, err) = launch(&["doctor"]).run();
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for area in
        ["configuration", "agent cat", "project of cat", "address", "callers", "TLS", "containment", "state", "clock"]
    {
        assert!(
            out.lines().any(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ").starts_with(area)),
            "{area}: {out}"
        );
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "nothing is made");
    // Not even the authority that a start would make.
    let (code, out, _) = launch(&["doctor", "--tls", "auto"]).run();
    assert!(code == 0 && out.contains("by an authority of the server's own"), "{out}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
}

#[test]
fn what_keeps_a_server_from_serving_is_failed_and_has_its_fix() {
    let folder = scratch("unfit");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let broken = folder.join("broken");
    fs::write(&broken, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    let gone = format!("[server]\nport = {port}\ntls_cert = \"none.pem\"\ntls_key = \"none.pem\"\n[agents.demo]\n");
    let launch = Launch::new(&["doctor", "--json"]).directory(&folder).without("PORT").env("container", "test");
    fs::write(folder.join("inhouse.toml"), gone).unwrap();
    let (code, out, err) = launch.run();
    let findings: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, of(&findings, "address")["state"].as_str()), (1, Some("failed")), "{err}");
    assert!(of(&findings, "address")["fix"].as_str().unwrap().contains("--port "), "{findings:?}");
    assert_eq!(of(&findings, "TLS")["state"], "failed");
    assert!(of(&findings, "TLS")["text"].as_str().unwrap().contains("none.pem"));
    assert_eq!(of(&findings, "agent demo")["state"], "warning");
    assert!(err.contains("things have to be mended"), "{err}");

    let (code, findings, _) = doctor(&folder, "[server]\nhos = \"x\"\n", &[]);
    assert_eq!((code, findings.len()), (1, 1));
    let configuration = of(&findings, "configuration");
    assert!(configuration["text"].as_str().unwrap().contains("inhouse.toml:2"), "{configuration}");

    let (code, findings, _) = doctor(&folder, &format!("[server]\ngrpc_port = {port}\n[agents.demo]\n"), &[]);
    let refused = findings.iter().find(|finding| finding["area"] == "address" && finding["state"] == "failed");
    assert!(code == 1 && refused.is_some(), "{findings:?}");

    symlink(folder.join("elsewhere"), folder.join(".claude")).unwrap();
    let (code, findings, _) = doctor(&folder, "[agents.demo]\n", &[]);
    assert_eq!((code, of(&findings, "protect")["state"].as_str()), (0, Some("warning")), "{findings:?}");

    let (code, findings, _) = doctor(&folder, "[agents.demo]\n", &["--host", "0.0.0.0"]);
    assert_eq!((code, of(&findings, "TLS")["state"].as_str()), (0, Some("warning")));
}
