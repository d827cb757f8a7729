//! What may be spent in a day, through the real binary: a turn that goes on beyond it ends, and no other begins.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::http::{Response, headers, request};
use support::{Launch, Server, TOKEN, message, reason_of, rpc, scratch, state_of, text_of};

const BOB: &str = "a-token-of-bob-0123456789abcdef-0123";

/// Says what it has used, and goes on or ends, as the text wants it.
const AGENT: &str = r#"read -r line
echo '{"text":"before "}'
case $line in *dear*) used=0.75 ;; *) used=0.25 ;; esac
echo '{"usage":{"inputTokens":60,"outputTokens":40,"costUsd":'$used'}}'
case $line in *goes-on*) echo '{"text":"after"}'; exec sleep 60 ;; esac
"#;

fn server(budgets: &str) -> Server {
    let folder = scratch("budgets");
    fs::write(folder.join("agent.sh"), AGENT).unwrap();
    let config = format!(
        "[[callers]]\nname = \"bob\"\ntoken_env = \"BOB\"\n[agents.shop]\ncommand = [\"sh\", \"agent.sh\"]\ninput = \"json\"\n{budgets}\n"
    );
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    Launch::new(&["serve"]).directory(&folder).env("BOB", BOB).start()
}

fn answer(server: &Server, token: &str, text: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let head = headers(&[("Authorization", &*bearer), ("Content-Type", "application/json"), ("A2A-Version", "1.0")]);
    request(server.address, "POST", "/a2a", &head, &rpc("SendMessage", message(text)))
}

fn task(server: &Server, token: &str, text: &str) -> Value {
    answer(server, token, text).json()["result"]["task"].clone()
}

/// The budget that stands in the way of another turn.
fn refused(server: &Server, token: &str) -> String {
    let answer = answer(server, token, "hi");
    let error = answer.json()["error"].clone();
    let retry: u64 = answer.header("retry-after").unwrap_or_else(|| panic!("{error}")).parse().unwrap();
    assert!(answer.status == 429 && (1..=86_400).contains(&retry), "{retry}");
    error["data"][0]["metadata"]["budget"].as_str().unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn a_caller_has_what_is_his_and_no_other_pays_for_it() {
    let server = server("usd_per_caller_day_max = 1");
    // What has spent the last of it is whole.
    for text in ["dear", "cheap"] {
        let done = task(&server, TOKEN, text);
        assert_eq!((state_of(&done), text_of(&done).as_str()), ("COMPLETED", "before "));
    }
    assert_eq!(refused(&server, TOKEN), "usd_per_caller_day_max");
    let bobs = task(&server, BOB, "dear");
    assert_eq!((state_of(&bobs), &bobs["metadata"]["usage"]["costUsd"]), ("COMPLETED", &json!(0.75)));
}

#[test]
fn an_agent_has_what_all_its_callers_spend() {
    let server = server("tokens_per_day_max = 200\ntokens_per_caller_day_max = 150");
    for token in [TOKEN, BOB] {
        assert_eq!(state_of(&task(&server, token, "hi")), "COMPLETED");
    }
    assert_eq!(
        (refused(&server, TOKEN), refused(&server, BOB)),
        ("tokens_per_day_max".into(), "tokens_per_day_max".into())
    );
}

#[test]
fn a_turn_that_goes_on_beyond_it_ends_with_the_reason() {
    let server = server("usd_per_day_max = 0.5");
    let stopped = task(&server, TOKEN, "dear goes-on");
    assert_eq!((state_of(&stopped), reason_of(&stopped)), ("FAILED", "budget"), "{stopped}");
    assert_eq!((text_of(&stopped).as_str(), &stopped["metadata"]["usage"]["costUsd"]), ("before ", &json!(0.75)));
    assert_eq!(refused(&server, BOB), "usd_per_day_max");
}

#[test]
fn what_is_no_budget_is_refused_at_the_start() {
    let folder = scratch("budgets");
    for (line, sentence) in [
        ("usd_per_day_max = 0", "usd_per_day_max must be a number above 0, found 0"),
        ("usd_per_caller_day_max = \"1\"", "usd_per_caller_day_max must be a number above 0"),
        ("usd_per_day_max = nan", "usd_per_day_max must be a number above 0"),
        ("tokens_per_day_max = -1", "tokens_per_day_max must be a whole number"),
        ("usd_per_day = 1", "did you mean usd_per_day_max?"),
    ] {
        fs::write(folder.join("inhouse.toml"), format!("[agents.shop]\npreset = \"demo\"\n{line}\n")).unwrap();
        let (code, _, said) = Launch::new(&["config", "show"]).directory(&folder).run();
        assert!(code == 2 && said.contains(sentence), "{line}: {code} {said}");
    }
    let all =
        "tokens_per_day_max = 5\nusd_per_day_max = 2\ntokens_per_caller_day_max = 3\nusd_per_caller_day_max = 0.5\n";
    fs::write(folder.join("inhouse.toml"), format!("[agents.shop]\npreset = \"demo\"\n{all}")).unwrap();
    let (_, shown, _) = Launch::new(&["config", "show"]).directory(&folder).run();
    assert!(all.lines().all(|line| shown.contains(line)), "{shown}");
}
