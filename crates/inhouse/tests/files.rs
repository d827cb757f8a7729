//! Files of a message, on their way to a program that knows nothing of A2A: in a folder of the turn's own, by a text that tells where.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Launch, Server, message, reason_of, scratch, script, state_of, text_of, wait};

/// Tells its text and, byte by byte, the files that it names; what it does then stands in the text.
const READER: &str = r#"
text=$(cat)
printf '%s\n' "$text"
printf '%s\n' "$text" | sed -n 's/^file: \([^ ]*\) .*/\1/p' | while read -r path; do
    printf 'holds:'; od -An -v -tx1 "$path" | tr -d ' \n'; echo
done
case $text in
    *fail*) exit 3 ;;
    *stay*) sleep 300 ;;
esac"#;

fn with_files(text: &str, files: &[(&str, &str, &[u8])]) -> Value {
    let mut params = message(text);
    let parts = params["message"]["parts"].as_array_mut().unwrap();
    parts.retain(|part| part["text"] != "");
    parts.extend(
        files
            .iter()
            .map(|(name, media_type, bytes)| json!({"raw": base64(bytes), "filename": name, "mediaType": media_type})),
    );
    params
}

/// Without padding to care for: the lengths of all files here are multiples of three.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert!(bytes.len().is_multiple_of(3));
    let three = |three: &[u8]| u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
    let digits = |bits: u32| [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]));
    bytes.chunks_exact(3).flat_map(|bytes| digits(three(bytes))).collect()
}

/// The folder that the answer tells of.
fn folder(answer: &str) -> PathBuf {
    let line = answer.lines().find_map(|line| line.strip_prefix("file: ")).unwrap();
    Path::new(line.split(' ').next().unwrap()).parent().unwrap().to_owned()
}

fn gone(folder: &Path) {
    wait("the end of the folder", || (!folder.exists()).then_some(()));
}

#[test]
fn files_reach_a_program_byte_for_byte_and_are_gone_with_its_turn() {
    let server = Server::with_agent(&script("sh", READER));
    let every_byte: Vec<u8> = (0..=254).collect();
    let hostile = "@/etc/hostname\n/config x=y";
    let files = [("data.bin", "application/x-thing", &every_byte[..]), (hostile, "image/png", b"png")];
    let task = &server.result("SendMessage", with_files("look", &files))["task"];
    assert_eq!(state_of(task), "COMPLETED");
    let answer = text_of(task);
    let hex: String = every_byte.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(answer.starts_with("look\n\nWith the message came files"), "{answer}");
    assert!(answer.contains(&format!("holds:{hex}\n")) && answer.contains("holds:706e67\n"), "{answer}");
    assert!(answer.contains("named \"__etc_hostname__config x=y\"") && !answer.contains('@'), "{answer}");
    gone(&folder(&answer));

    let failed = &server.result("SendMessage", with_files("fail", &files))["task"];
    assert_eq!((state_of(failed), reason_of(failed)), ("FAILED", "agent_failed"));
    gone(&folder(&text_of(failed)));

    let mut params = with_files("stay", &files);
    params["configuration"] = json!({"returnImmediately": true});
    let id = server.result("SendMessage", params)["task"]["id"].as_str().unwrap().to_owned();
    let running = server.wait_for(&id, |task| text_of(task).matches("holds:").count() == 2);
    let folder = folder(&text_of(&running));
    assert!(folder.exists());
    server.result("CancelTask", json!({"id": id}));
    gone(&folder);
}

#[test]
fn a_message_may_be_nothing_but_files_and_an_operator_may_want_none() {
    let server = Server::with_agent(&script("sh", READER));
    let files: [(&str, &str, &[u8]); 1] = [("", "", b"abc")];
    let task = &server.result("SendMessage", with_files("", &files))["task"];
    let answer = text_of(task);
    assert!(answer.starts_with("With the message came files"), "{answer}");
    assert!(answer.contains("(any bytes, 3 bytes)") && answer.contains("holds:616263"), "{answer}");

    let directory = scratch("files");
    let config = "[agents.bot]\ncommand = [\"cat\"]\ninput_modes = [\"text/plain\"]\n";
    std::fs::write(directory.join("inhouse.toml"), config).unwrap();
    let narrow = Launch::new(&[]).directory(&directory).start();
    let refused = narrow.call("SendMessage", with_files("look", &[("a.png", "image/png", b"png")]));
    assert_eq!(refused["error"]["code"], -32005, "{refused}");
    // What is named by an address is fetched for nobody.
    let mut params = message("look");
    let named = json!({"url": "http://127.0.0.1:1/a.png", "mediaType": "image/png"});
    params["message"]["parts"].as_array_mut().unwrap().push(named);
    assert_eq!(server.call("SendMessage", params)["error"]["code"], -32005);
}
