//! Secrets that are planted wherever a server has some: an agent looks for them in all that it can see of processes, and this test in
//! all that the server writes and answers. Nobody finds one, but an agent without namespaces the environment of another run.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Launch, Server, message, rpc, scratch, text_of, untested, wait};

/// A user that owns nothing: what root may see of others is no measure.
const NOBODY: u32 = 54_321;
const BIN: &str = env!("CARGO_BIN_EXE_inhouse");

/// Tells all that it can see of processes and open files: its own, and everybody's. Bytes are shown as they are, but for line ends.
const AGENT: &str = r#"
import os, sys
sys.stdin.read()
def show(what, read):
    try:
        said = read()
        sys.stdout.write(what + ' ' + (said if isinstance(said, str) else said.decode('latin-1')).replace('\n', ' ') + '\n')
        return True
    except OSError:
        return False
def whole(path):
    # What blocks, or has no end, is left alone: pipes, sockets and terminals.
    def read():
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try: return os.read(handle, 1 << 20)
        finally: os.close(handle)
    return read
for name, value in os.environ.items(): show('env', lambda: name + '=' + value)
for pid in ['self'] + [name for name in os.listdir('/proc') if name.isdigit()]:
    base = '/proc/' + pid + '/'
    for name in ['environ', 'cmdline', 'comm', 'auxv', 'status', 'maps', 'mountinfo', 'net/unix', 'stack', 'cgroup', 'limits']:
        show(base + name, whole(base + name))
    try: handles = os.listdir(base + 'fd')
    except OSError: handles = []
    for handle in handles:
        show(base + 'fd', lambda: os.readlink(base + 'fd/' + handle))
        if os.path.isfile(base + 'fd/' + handle): show(base + 'fd', whole(base + 'fd/' + handle))
    try:
        maps = [line.split()[0].split('-') for line in open(base + 'maps') if 'rw-p' in line]
        with open(base + 'mem', 'rb') as mem:
            for start, end in maps if pid not in ('self', str(os.getpid())) else []:
                try: mem.seek(int(start, 16)); show(base + 'mem', lambda: mem.read(min(int(end, 16) - int(start, 16), 1 << 24)))
                except (OSError, ValueError, OverflowError): pass
    except OSError: pass
print('looked at', len(os.listdir('/proc')), 'entries')
"#;

/// A secret that stands nowhere else.
fn canary(number: usize) -> String {
    format!("canary-{number:02}-{}", uuid::Uuid::new_v4().simple())
}

/// What was planted: where, and what.
struct Planted {
    folder: PathBuf,
    all: Vec<(&'static str, String)>,
}

/// Variables of the server's environment, and what stands around the canary in them.
const VARIABLES: [(&str, &str); 9] = [
    ("SECRET", ""),
    ("INHOUSE_SECRET", ""),
    ("AWS_SECRET_ACCESS_KEY", ""),
    ("GITHUB_TOKEN", "ghp_"),
    ("DATABASE_URL", "postgres://user:"),
    ("ANTHROPIC_API_KEY", "sk-ant-"),
    ("OPENAI_API_KEY", "sk-"),
    ("API_TOKEN", ""),
    ("ANN_TOKEN", ""),
];

impl Planted {
    fn new() -> Self {
        let folder = scratch("canaries");
        fs::create_dir(folder.join("keys")).unwrap();
        let mut planted = Self { folder, all: Vec::new() };
        for (name, around) in VARIABLES {
            let secret = planted.plant(name);
            planted.all.last_mut().unwrap().1 = format!("{around}{secret}");
        }
        for key in ["card.pem", "audit.pem"] {
            let path = planted.folder.join("keys").join(key);
            let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&path).output();
            assert!(made.unwrap().status.success());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let pem = fs::read_to_string(&path).unwrap();
            planted.all.push((key, pem.lines().nth(1).unwrap().to_owned()));
        }
        planted.configure();
        planted
    }

    fn plant(&mut self, name: &'static str) -> String {
        let secret = canary(self.all.len());
        self.all.push((name, secret.clone()));
        secret
    }

    fn configure(&mut self) {
        let (provider, comment) = (self.plant("another agent's env_set"), self.plant("a comment in the configuration"));
        fs::write(self.folder.join("look.py"), AGENT).unwrap();
        let config = format!(
            "# {comment}\n[server]\ntokens_file = \"keys/tokens.json\"\nlog = \"trace\"\n\
             [audit]\nto = \"both\"\nfile = \"audit.jsonl\"\nkey = \"keys/audit.pem\"\n\
             [card]\nsigning_key = \"keys/card.pem\"\n[push]\nallow = [\"127.0.0.1:9\"]\n\
             [limits]\npush_attempts_max = 1\noutput_bytes_max = 200_000_000\n\
             [[callers]]\nname = \"ann\"\ntoken_env = \"ANN_TOKEN\"\n\
             [agents.look]\ncommand = [\"python3\", \"{}\"]\ninput = \"stdin\"\ndefault = true\n\
             [agents.other]\ncommand = [\"cat\"]\ninput = \"stdin\"\nenv_set = {{ PROVIDER_KEY = \"{provider}\" }}\n\
             [agents.waits]\ncommand = [\"sh\", \"-c\", \"cat >/dev/null; sleep 300\"]\ninput = \"stdin\"\nenv_set = {{ PROVIDER_KEY = \"{provider}\" }}\n",
            self.folder.join("look.py").display()
        );
        fs::write(self.folder.join("inhouse.toml"), config).unwrap();
    }

    /// A program, as a user that owns the folder and nothing else.
    fn launch(&self, args: &[&str]) -> Launch {
        let mut all = vec![BIN];
        all.extend(args);
        let launch = if is_root() {
            let by = ["--reuid=54321", "--regid=54321", "--clear-groups"];
            Launch::through("setpriv", &[&by[..], &all].concat())
        } else {
            Launch::new(args)
        };
        let launch = launch.directory(&self.folder).env("HOME", &self.folder);
        VARIABLES.iter().fold(launch, |launch, (name, _)| launch.env(name, self.secret(name)))
    }

    fn secret(&self, name: &str) -> &str {
        &self.all.iter().find(|(planted, _)| *planted == name).unwrap().1
    }

    /// Which of them stand in a text.
    fn found_in(&self, text: &str) -> Vec<&str> {
        self.all.iter().filter(|(_, secret)| text.contains(secret)).map(|(name, _)| *name).collect()
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn give_away(folder: &Path) {
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { give_away(&path) } else { chown(&path, Some(NOBODY), Some(NOBODY)).unwrap() }
    }
}

/// Every answer that there is, as text.
#[derive(Default)]
struct Answers(String);

impl Answers {
    fn ask(&mut self, server: &Server, token: &str, method: &str, path: &str, body: &[u8]) -> Value {
        let bearer = format!("Bearer {token}");
        let head = headers(&[("Authorization", &*bearer), ("Content-Type", "application/json")]);
        let answer = request(server.address, method, path, &head, body);
        writeln!(self.0, "{} {:?} {}", answer.status, answer.headers, String::from_utf8_lossy(&answer.body)).unwrap();
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }
}

/// Whether servers can be held so here.
fn has_tier(tier: &str) -> bool {
    let there = tier != "namespace"
        || Command::new("unshare").args(["-Urpfm", "--mount-proc", "true"]).status().is_ok_and(|it| it.success());
    if !there {
        untested(&format!("canaries in the {tier} tier, which is not there"));
    }
    there
}

/// All that callers and strangers ask: with secrets of theirs in it, too.
fn ask_everything(planted: &mut Planted, server: &Server, issued: &str) -> Answers {
    let mut answers = Answers::default();
    let (push_token, credentials) = (planted.plant("a webhook's token"), planted.plant("a webhook's credentials"));
    let (text, guess, query) = (planted.plant("another's message"), planted.plant("a guess"), planted.plant("a query"));
    let (file, ann) = (planted.plant("another's file"), planted.secret("ANN_TOKEN").to_owned());
    let mut params = message(&text);
    let raw = base64::engine::general_purpose::STANDARD.encode(&file);
    params["message"]["parts"].as_array_mut().unwrap().push(json!({"raw": raw}));
    params["configuration"] = json!({"returnImmediately": true, "taskPushNotificationConfig": {"id": "c", "url": "http://127.0.0.1:9/",
        "token": push_token, "authentication": {"scheme": "Bearer", "credentials": credentials}}});
    let sent = answers.ask(server, &ann, "POST", "/agents/waits/a2a", &rpc("SendMessage", params));
    let id = sent["result"]["task"]["id"].as_str().expect("a task").to_owned();
    for method in ["GetTaskPushNotificationConfig", "ListTaskPushNotificationConfigs"] {
        answers.ask(server, &ann, "POST", "/agents/waits/a2a", &rpc(method, json!({"taskId": id, "id": "c"})));
    }
    // What she asks of her own task has her own words, and is not looked at further. What proves the server to a webhook is not shown
    // again to her either.
    let own = std::mem::take(&mut answers.0);
    assert!(own.contains(&push_token) && !own.contains(&credentials), "{own}");
    for token in [issued, &guess] {
        for method in ["GetTask", "CancelTask", "SubscribeToTask", "ListTasks", "GetExtendedAgentCard", "Nonsense"] {
            answers.ask(server, token, "POST", "/agents/waits/a2a", &rpc(method, json!({"id": id})));
        }
        for path in ["/.well-known/agent-card.json", "/.well-known/jwks.json", "/health", "/agents", "/nowhere", "//"] {
            answers.ask(server, token, "GET", &format!("{path}?token={query}"), b"");
        }
        answers.ask(server, token, "POST", "/agents/other/a2a", b"{");
    }
    answers
}

fn nothing_is_found(tier: &str) {
    let mut planted = Planted::new();
    if is_root() {
        give_away(&planted.folder);
    }
    let (code, out, err) = planted.launch(&["token", "new", "bob"]).run();
    assert_eq!(code, 0, "{err}");
    let issued = out.trim().to_owned();
    planted.all.push(("an issued token", issued.clone()));
    let server = planted.launch(&["serve", "--containment", tier]).start();
    let answers = ask_everything(&mut planted, &server, &issued);
    assert!(planted.all.len() >= 20, "{}", planted.all.len());
    let mut looked = Answers::default();
    let seen = looked.ask(&server, &issued, "POST", "/a2a", &rpc("SendMessage", message("look")));
    let seen = text_of(&seen["result"]["task"]);
    assert!(seen.contains("env PATH=") && seen.contains("looked at "), "it has looked: {seen}");
    wait("the audit", || (server.stderr().matches("\"operation\":\"SendMessage\"").count() >= 2).then_some(()));
    let audit = fs::read_to_string(planted.folder.join("audit.jsonl")).unwrap();
    assert!(audit.contains("\"operation\":\"SendMessage\""), "it is written: {audit}");
    // Without namespaces a run may see the others of its user, and what they were started with; Landlock keeps them apart where it is
    // there. Nobody sees anything of the server's.
    let found = planted.found_in(&seen);
    let others = ["another agent's env_set"];
    match tier {
        "namespace" => assert_eq!(found, [""; 0], "what the agent sees in the {tier} tier"),
        "reaper" => assert!(found.is_empty() || found == others, "what the agent sees in the {tier} tier: {found:?}"),
        _ => assert_eq!(found, others, "what the agent sees in the {tier} tier: it has looked"),
    }
    let written = [
        ("the answers", answers.0.as_str()),
        ("the log and the audit on stderr", &server.stderr()),
        ("the audit's file", &audit),
        ("the first output", &server.banner.join("\n")),
        ("the file of tokens", &fs::read_to_string(planted.folder.join("keys/tokens.json")).unwrap()),
    ];
    for (place, text) in written {
        assert_eq!(planted.found_in(text), [""; 0], "in {place}, in the {tier} tier");
    }
    eprintln!("{tier}: {} of {} canaries, in {} bytes that the agent saw", found.len(), planted.all.len(), seen.len());
}

#[test]
fn no_secret_of_the_server_is_found_in_any_tier() {
    for tier in ["namespace", "reaper", "group"] {
        if has_tier(tier) {
            nothing_is_found(tier);
        }
    }
}
