//! What a hostile line costs: a program of its own, because it measures the memory of the whole process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

mod support;

use inhouse_agents::Protocol;
use inhouse_engine::agent::{End, Note};
use inhouse_engine::cancel::CancelSource;
use inhouse_trust::Input;
use support::{Collected, command, spec, take, turn};

/// The most memory that this process ever had, in bytes.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[tokio::test]
async fn a_line_of_16_mebibytes_costs_its_bytes_and_not_a_multiple() {
    let zeros = |field: &str| {
        let head = format!(r#"printf '{{"type":"stream_event","event":{{"type":"x","{field}":['"#);
        format!(r"{head}; head -c 8300000 /dev/zero | sed 's/\x0/0,/g'; echo '0]}}}}'")
    };
    // A field that is read, and one that is not.
    let (known, unknown) = (zeros("index"), zeros("unknown"));
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"ok"}"#;
    let script = format!("{known}; {unknown}; echo '{result}'");
    let (_source, cancel) = CancelSource::new();
    let mut output = Collected::default();
    let before = peak_bytes();
    let spec = spec(command("/bin/sh", &["-c", &script], Input::Protocol), Protocol::Claude);
    let end = take(spec, &turn("", cancel), &mut output).await;
    assert_eq!((output.text.as_str(), end), ("ok", End::Completed(Note::default())));
    let more = peak_bytes() - before;
    assert!(more < 64 << 20, "{more} bytes");
}
