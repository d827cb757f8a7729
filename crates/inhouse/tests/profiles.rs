//! Servers with names: `client.toml`, for the client's verbs and for `inhouse mcp`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Server, TOKEN, scratch};

/// A HOME with this `client.toml`.
fn home(profiles: &str) -> PathBuf {
    let home = scratch("home");
    let folder = home.join(".config/inhouse");
    fs::create_dir_all(&folder).unwrap();
    write(&folder.join("client.toml"), profiles, 0o600);
    home
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn run(home: &Path, variables: &[(&str, &str)], args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
    command.args(args).env_clear().env("HOME", home).envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.current_dir(scratch("elsewhere")).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_profile_names_a_server_with_its_own_token() {
    let server = Server::with_agent("cat");
    let (url, elsewhere) = (format!("http://{}", server.address), "http://127.0.0.1:1");
    let home = home(&format!(
        "[profiles.here]\nurl = \"{url}\"\ntoken_file = \"here.token\"\n\n[profiles.open]\nurl = \"{url}\"\n\
         [profiles.bad]\nurl = \"{url}\"\ntoken = \"wrong\"\n"
    ));
    write(&home.join(".config/inhouse/here.token"), &format!("{TOKEN}\n"), 0o600);
    let other = [("INHOUSE_URL", elsewhere), ("INHOUSE_TOKEN", TOKEN)];
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32);
    let cases: [Case<'_>; 8] = [
        (&[], &["--profile", "here"], 0),
        (&[("INHOUSE_PROFILE", "here")], &[], 0),
        (&[("INHOUSE_PROFILE", "here"), ("INHOUSE_TOKEN", "of-another-server")], &[], 0),
        // An address is nearer than a name, and a flag nearer than both.
        (&[("INHOUSE_PROFILE", "here"), ("INHOUSE_URL", elsewhere)], &[], 5),
        (&other, &["--profile", "here"], 0),
        // What the environment has for another server is not for this one.
        (&other, &["--profile", "open"], 4),
        (&[], &["--profile", "bad"], 4),
        (&[], &["--profile", "bad", "--token", TOKEN], 0),
    ];
    for (variables, flags, code) in cases {
        let (ended, stdout, stderr) = run(&home, variables, &[&["send"], flags, &["hello"]].concat());
        assert_eq!(ended, code, "{variables:?} {flags:?}: {stderr}");
        assert_eq!(stdout, if code == 0 { "hello" } else { "" });
    }
    let (_, _, stderr) = run(&home, &[], &["task", "get", "nowhere", "--profile", "here"]);
    assert!(stderr.contains("inhouse task list --all --profile here"), "{stderr}");
    assert_eq!(run(&home, &[], &["send", "--profile", "here", "--url", &url, "hello"]).0, 2);
}

#[test]
fn what_is_wrong_with_the_file_is_said_with_its_place_and_a_cure() {
    for (profiles, name, said, hint) in [
        (
            "[profiles.a]\nurl = \"http://h\"\n  tokn_file = \"x\"\n",
            "a",
            "client.toml:3:3: unknown key \"tokn_file\"",
            "did you mean token_file?",
        ),
        ("url = \"http://h\"\n", "a", "client.toml:1:1: unknown key \"url\"", "url belongs in [profiles.NAME]"),
        ("[profiles.a]\ntoken_file = \"x\"\n", "a", "client.toml:1: [profiles.a] has no url", ""),
        ("[profiles.a]\nurl = 1\n", "a", "client.toml:2: url must be a string", ""),
        ("[profiles.a\n", "a", "client.toml:1", ""),
        (
            "[profiles.a]\nurl = \"http://h\"\ntoken = \"x\"\ntoken_file = \"y\"\n",
            "a",
            "[profiles.a] has token and token_file",
            "leave one of them out",
        ),
        ("[profiles.a]\nurl = \"http://h\"\ntoken_file = \"nowhere\"\n", "a", "/.config/inhouse/nowhere: ", ""),
        (
            "[profiles.a]\nurl = \"http://h\"\n[profiles.b]\nurl = \"http://h\"\n",
            "c",
            "there is no profile \"c\"",
            "has: a, b",
        ),
        ("", "c", "there is no profile \"c\"", "[profiles.NAME], with url"),
    ] {
        let (code, _, stderr) = run(&home(profiles), &[], &["card", "--profile", name]);
        assert!(code == 2 && stderr.contains(said) && stderr.contains(hint), "{profiles}: {stderr}");
    }
}

#[test]
fn a_token_that_others_may_read_is_not_used() {
    let home = home("[profiles.a]\nurl = \"http://127.0.0.1:1\"\ntoken = \"canary-4711\"\n");
    let file = home.join(".config/inhouse/client.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, stderr) = run(&home, &[], &["card", "--profile", "a"]);
    assert!(code == 2 && stderr.contains(&format!("hint: chmod 600 {}", file.display())), "{stderr}");
    assert!(!stderr.contains("canary"), "{stderr}");
}

#[test]
fn the_folder_of_the_configuration_may_be_elsewhere() {
    let config = scratch("config");
    fs::create_dir_all(config.join("inhouse")).unwrap();
    write(&config.join("inhouse/client.toml"), "[profiles.a]\nurl = \"http://127.0.0.1:1\"\n", 0o644);
    let elsewhere = [("XDG_CONFIG_HOME", config.to_str().unwrap())];
    let (code, _, stderr) = run(&home(""), &elsewhere, &["card", "--profile", "a"]);
    assert_eq!(code, 5, "{stderr}");
}
