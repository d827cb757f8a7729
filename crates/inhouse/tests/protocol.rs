//! A2A 1.0 over JSON-RPC, as a client sees it: the real binary, real sockets, tiny agents.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::{Launch, Server, message, reason_of, scratch, script, state_of, text_of};

#[test]
fn an_agent_that_reads_stdin_answers_and_its_answer_is_exact() {
    let server = Server::with_agent("cat");
    for text in
        ["hello", "käse \u{1f980} \u{2028} \"quoted\" \\ \t end\n", "--version", "-p", "/cost", "!ls", "@/etc/passwd"]
    {
        let task = server.send(text);
        assert_eq!((state_of(&task), text_of(&task).as_str()), ("COMPLETED", text));
    }
}

#[test]
fn two_hundred_kilobytes_of_multi_byte_text_come_back_exact_and_stream_exact() {
    let server = Server::with_agent("cat");
    let text = "zażółć gęślą jaźń \u{1f980}\n".repeat(7_000);
    assert!(text.len() > 200_000);
    assert_eq!(text_of(&server.send(&text)), text);
    let mut streamed = String::new();
    for event in server.stream("SendStreamingMessage", message(&text), &[]) {
        streamed += event.result()["artifactUpdate"]["artifact"]["parts"][0]["text"].as_str().unwrap_or_default();
    }
    assert_eq!(streamed, text);
}

#[test]
fn a_program_that_we_do_not_know_gets_the_text_both_ways_and_a_text_too_long_for_an_argument_is_refused_with_the_cure()
{
    let agent = script("python3", "import sys\nprint('argv', sys.argv[1:], 'stdin', sys.stdin.read())");
    let server = Launch::new(&["serve"]).env("AGENT_CMD", &agent).start();
    assert_eq!(text_of(&server.send("hi there")), "argv ['hi there'] stdin hi there\n");
    assert_eq!(text_of(&server.send("--help")), "argv [' --help'] stdin --help\n", "one space in front of a dash");
    let task = server.send(&"ä".repeat(100_000));
    assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "input_refused"));
    let cure = task["status"]["message"]["parts"][0]["text"].as_str().unwrap().to_owned();
    assert!(cure.contains("AGENT_INPUT=stdin"), "{cure}");
    let task = server.send("a\0b");
    assert_eq!(reason_of(&task), "input_refused");
}

#[test]
fn a_failing_agent_is_failed_with_its_last_line_and_no_secret() {
    let agent = script("sh", "echo so far; echo 'trouble sk-ant-0123456789abcdef0123456789abcdef' >&2; exit 3");
    let task = Server::with_agent(&agent).send("hi");
    assert_eq!((state_of(&task), reason_of(&task), text_of(&task).as_str()), ("FAILED", "agent_failed", "so far\n"));
    let said = task["status"]["message"]["parts"][0]["text"].as_str().unwrap();
    assert!(said.contains("trouble") && !said.contains("0123456789abcdef"), "{said}");
}

#[test]
fn a_stream_begins_with_the_task_and_its_events_are_numbered_without_holes() {
    let server = Server::with_agent("cat");
    let events: Vec<_> = server.stream("SendStreamingMessage", message("one two"), &[]).collect();
    let first = &events[0];
    assert!(first.result()["task"]["id"].is_string(), "{first:?}");
    let numbers: Vec<u64> = events.iter().map(|event| event.id.unwrap()).collect();
    assert_eq!(numbers, (numbers[0]..numbers[0] + numbers.len() as u64).collect::<Vec<_>>());
    let last = events.last().unwrap();
    assert_eq!(last.result()["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED");
    let chunks: Vec<_> =
        events.iter().map(|event| &event.result()["artifactUpdate"]).filter(|update| update.is_object()).collect();
    assert_eq!(chunks.first().unwrap()["append"], false);
    assert_eq!(chunks.last().unwrap()["lastChunk"], true);
}

#[test]
fn last_event_id_replays_exactly_the_rest_on_a_finished_task_too() {
    let agent = script("sh", "for i in 1 2 3 4 5; do echo line $i; sleep 0.02; done");
    let server = Server::with_agent(&agent);
    let all: Vec<_> = server.stream("SendStreamingMessage", message("go"), &[]).collect();
    let id = all[0].result()["task"]["id"].as_str().unwrap().to_owned();
    let subscribe = |from: &str| server.stream("SubscribeToTask", json!({"id": id}), &[("Last-Event-ID", from)]);
    let whole: Vec<_> = subscribe("0").collect();
    let last = whole.last().unwrap().id.unwrap();
    assert_eq!(whole.iter().filter_map(|event| event.id).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    for from in [1, last / 2, last - 1, last] {
        let rest: Vec<_> = subscribe(&from.to_string()).filter_map(|event| event.id).collect();
        assert_eq!(rest, (from + 1..=last).collect::<Vec<_>>());
    }
    for bad in [(last + 1).to_string(), "-1".to_owned(), "x".to_owned()] {
        assert_eq!(subscribe(&bad).next().unwrap().json["error"]["code"], -32602, "{bad}");
    }
    let finished = server.call("SubscribeToTask", json!({"id": id}));
    assert_eq!(finished["error"]["code"], -32004, "spec 3.1.6");
}

#[test]
fn a_subscriber_in_mid_stream_gets_the_task_first_and_the_rest_after_it() {
    let agent = script("sh", "echo first; read go < go; echo second");
    let folder = scratch("fifo");
    assert!(std::process::Command::new("mkfifo").arg(folder.join("go")).status().unwrap().success());
    let server =
        Launch::new(&["serve"]).env("AGENT_CMD", &agent).env("AGENT_INPUT", "stdin").directory(&folder).start();
    let id = server.start_task("go");
    server.wait_for(&id, |task| text_of(task) == "first\n");
    let mut stream = server.stream("SubscribeToTask", json!({"id": id}), &[]);
    let snapshot = stream.next().unwrap();
    assert_eq!(text_of(&snapshot.result()["task"]), "first\n");
    std::fs::write(folder.join("go"), "now\n").unwrap();
    let rest: String = stream
        .filter_map(|event| {
            event.result()["artifactUpdate"]["artifact"]["parts"][0]["text"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(rest, "second\n");
}

#[test]
fn history_length_limits_what_is_written_and_nothing_else() {
    let server = Server::with_agent("cat");
    let id = server.send("hello")["id"].as_str().unwrap().to_owned();
    assert_eq!(server.task(&id)["history"].as_array().unwrap().len(), 1);
    assert!(server.result("GetTask", json!({"id": id, "historyLength": 0})).get("history").is_none());
    let refused = server.call("GetTask", json!({"id": id, "historyLength": -1}));
    assert_eq!(refused["error"]["code"], -32602);
    assert_eq!(violated(&refused), "historyLength");
}

#[test]
fn the_list_pages_newest_first_and_counts() {
    let server = Server::with_agent("cat");
    let ids: Vec<_> = (0..5).map(|at| server.send(&format!("{at}"))["id"].as_str().unwrap().to_owned()).collect();
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = server.result("ListTasks", json!({"pageSize": 2, "pageToken": token}));
        assert_eq!((&page["totalSize"], &page["pageSize"]), (&json!(5), &json!(2)));
        for task in page["tasks"].as_array().unwrap() {
            assert!(task.get("artifacts").is_none(), "spec 3.1.4");
            seen.push(task["id"].as_str().unwrap().to_owned());
        }
        token = page["nextPageToken"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    let mut expected = ids.clone();
    expected.reverse();
    let mut sorted = seen.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
    let whole = server.result("ListTasks", json!({"includeArtifacts": true, "status": "TASK_STATE_COMPLETED"}));
    assert_eq!(whole["totalSize"], 5);
    assert!(whole["tasks"].as_array().unwrap().iter().all(|task| task["artifacts"].is_array()));
    for (params, field) in [
        (json!({"pageSize": 0}), "pageSize"),
        (json!({"pageSize": 101}), "pageSize"),
        (json!({"pageToken": "garbage"}), "pageToken"),
    ] {
        let refused = server.call("ListTasks", params);
        assert_eq!(violated(&refused), field, "{refused}");
    }
}

#[test]
fn every_method_answers_an_unknown_task_alike() {
    let server = Server::with_agent("cat");
    for method in ["GetTask", "CancelTask", "SubscribeToTask"] {
        let answer = server.call(method, json!({"id": "nowhere"}));
        assert_eq!(answer["error"]["code"], -32001, "{method}");
        assert_eq!(answer["error"]["message"], "Task not found");
        assert_eq!(answer["error"]["data"][0]["reason"], "TASK_NOT_FOUND");
        assert_eq!(answer["error"]["data"][0]["domain"], "a2a-protocol.org");
    }
    let mut params = message("hi");
    params["message"]["taskId"] = json!("nowhere");
    assert_eq!(server.call("SendMessage", params)["error"]["code"], -32001);
}

#[test]
fn a_method_that_nobody_knows_is_refused_by_name() {
    let answer = Server::with_agent("cat").call("NoSuchMethod", json!({}));
    assert_eq!((&answer["error"]["code"], &answer["error"]["message"]), (&json!(-32601), &json!("Method not found")));
}

#[test]
fn the_version_header_is_honoured() {
    let server = Server::with_agent("cat");
    let call = |version: &str, method: &str| -> Value {
        let mut headers = support::http::headers(&[
            ("Authorization", &format!("Bearer {}", support::TOKEN)),
            ("Content-Type", "application/json"),
        ]);
        headers.push(("A2A-Version".to_owned(), version.to_owned()));
        let body = support::rpc(method, message("hi"));
        support::http::request(server.address, "POST", "/a2a", &headers, &body).json()
    };
    assert!(call("1.0", "SendMessage")["result"].is_object());
    assert!(call("1.0.1", "SendMessage")["result"].is_object());
    for version in ["9.9", "0.5", "banana", "2.0"] {
        let refused = call(version, "SendMessage");
        assert_eq!(refused["error"]["code"], -32009, "{version}");
        assert!(refused["error"]["data"][0]["metadata"]["supportedVersions"].as_str().unwrap().contains("1.0"));
    }
    assert_eq!(call("1.0", "tasks/get")["error"]["code"], -32601);
}

#[test]
fn a_question_is_answered_on_the_same_task_by_a_new_process() {
    let agent = script(
        "python3",
        "import json,sys\nt=json.load(sys.stdin)\n\
         print(json.dumps({'status':'input-required','text':'your name?'}) if t['turn']==1 else json.dumps({'text':'hello '+t['message']['parts'][0]['text']}))",
    );
    let server = Server::with_native(&agent);
    let asked = server.send("hi");
    assert_eq!(state_of(&asked), "INPUT_REQUIRED");
    assert_eq!(asked["status"]["message"]["parts"][0]["text"], "your name?");
    let mut params = message("Ann");
    params["message"]["taskId"] = asked["id"].clone();
    let task = server.result("SendMessage", params.clone())["task"].clone();
    assert_eq!((state_of(&task), text_of(&task).as_str()), ("COMPLETED", "hello Ann"));
    assert_eq!(task["history"].as_array().unwrap().len(), 3);
    params["message"]["messageId"] = json!("another");
    assert_eq!(server.call("SendMessage", params)["error"]["code"], -32004);
}

#[test]
fn an_answer_that_the_caller_can_not_take_is_refused_before_the_agent_runs() {
    let server = Server::with_agent("cat");
    let send = |modes: &[&str]| {
        let mut params = message("hi");
        params["configuration"] = json!({"acceptedOutputModes": modes});
        server.call("SendMessage", params)
    };
    for modes in [
        &[][..],
        &["text/plain"],
        &["TEXT/Plain; charset=utf-8"],
        &["text/*"],
        &["*/*"],
        &["text"],
        &["application/json", "text/plain"],
    ] {
        assert!(send(modes)["error"].is_null(), "{modes:?}");
    }
    for modes in [&["application/json"][..], &["image/*", "audio/wav"], &["video"], &["text/html"], &["text/plainer"]] {
        let refused = send(modes);
        assert_eq!(refused["error"]["code"], -32005, "{modes:?}: {refused}");
        assert_eq!(refused["error"]["data"][0]["metadata"]["supported"], "text/plain");
    }
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 7);
    let native = Server::with_native(&script("python3", "import sys\nprint('{\"text\": \"hi\"}')\n"));
    let mut params = message("hi");
    params["configuration"] = json!({"acceptedOutputModes": ["image/png"]});
    assert!(native.call("SendMessage", params)["error"].is_null(), "such an agent may answer with anything");
}

#[test]
fn a_message_that_repeats_is_one_task_and_concurrent_repeats_too() {
    let server = Server::with_agent("cat");
    let params = message("once");
    let ids: Vec<String> = std::thread::scope(|scope| {
        let sends: Vec<_> = (0..8).map(|_| scope.spawn(|| server.result("SendMessage", params.clone()))).collect();
        sends.into_iter().map(|send| send.join().unwrap()["task"]["id"].as_str().unwrap().to_owned()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let mut other = params;
    other["message"]["parts"][0]["text"] = json!("twice");
    assert_eq!(server.call("SendMessage", other)["error"]["code"], -32602);
}

#[test]
fn a_canceled_task_is_canceled_and_its_cancel_does_not_repeat() {
    let server = Server::with_agent(&script("sh", "echo begun; sleep 600"));
    let id = server.start_task("go");
    server.wait_for(&id, |task| text_of(task) == "begun\n");
    assert_eq!(state_of(&server.result("CancelTask", json!({"id": id}))), "CANCELED");
    assert_eq!(server.call("CancelTask", json!({"id": id}))["error"]["code"], -32002);
}

#[test]
fn a_time_limit_and_an_output_limit_fail_the_task_with_their_code() {
    let slow = Launch::new(&["serve"])
        .env("AGENT_CMD", "sleep 600")
        .env("AGENT_INPUT", "stdin")
        .env("REQUEST_TIMEOUT_MS", "200");
    let task = slow.start().send("go");
    assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "timeout"));
    let config = scratch("config").join("inhouse.toml");
    std::fs::write(&config, "[limits]\noutput_bytes_max = 100000\n").unwrap();
    let flood = Launch::new(&["serve", "--config", config.to_str().unwrap()]);
    let server = flood.env("AGENT_CMD", "yes").env("AGENT_INPUT", "stdin").start();
    let task = server.send("go");
    assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "output_limit"));
    assert!(text_of(&task).len() <= 100_000);
}

#[test]
fn more_starts_than_allowed_get_429_with_retry_after() {
    let server =
        Launch::new(&["serve"]).env("AGENT_CMD", "cat").env("AGENT_INPUT", "stdin").env("RATE_LIMIT_RPM", "2").start();
    server.send("1");
    server.send("2");
    let refused = server.post(&support::rpc("SendMessage", message("3")));
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert!(refused.json()["error"]["code"].is_number());
}

/// The field that an error names.
fn violated(answer: &Value) -> &str {
    let details = answer["error"]["data"].as_array().into_iter().flatten();
    details.filter_map(|detail| detail["fieldViolations"][0]["field"].as_str()).next().unwrap_or_default()
}
