//! The whole configuration: which source wins, which agent is chosen, and what an agent turns out to be.

use std::fs;

use inhouse_agents::{AgentSpec, Protocol, Workspace};
use inhouse_trust::{Input, Verdict};

use super::*;
use crate::testing::Folder;

const KEY: &str = include_str!("../../../inhouse-serve/tests/keys/ed25519.pem");

/// A folder with programs in `bin`, which is the whole PATH.
struct Machine {
    folder: Folder,
    environment: Vec<(&'static str, String)>,
    flags: ServeArgs,
}

impl Machine {
    fn with(programs: &[&str]) -> Self {
        let folder = Folder::new();
        folder.dir("bin");
        programs.iter().for_each(|program| folder.file(&format!("bin/{program}"), 0o755));
        let path = folder.path().join("bin").to_string_lossy().into_owned();
        Self { folder, environment: vec![("PATH", path)], flags: ServeArgs::default() }
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn file(self, text: &str) -> Self {
        fs::write(self.folder.path().join("inhouse.toml"), text).unwrap();
        self
    }

    fn flags(mut self, set: impl FnOnce(&mut ServeArgs)) -> Self {
        set(&mut self.flags);
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        let environment = HostEnv::new(self.environment.iter().map(|(name, value)| (name.into(), value.into())));
        load(&self.flags, &environment, self.folder.path())
    }

    fn agent(&self) -> AgentConfig {
        let mut agents = self.load().unwrap().agents;
        agents.list.swap_remove(agents.default)
    }

    /// Input, protocol, and arguments of the default agent.
    fn run(&self) -> (Input, Protocol, Vec<String>) {
        match self.agent().spec {
            AgentSpec::Program(spec) => (spec.command.input, spec.protocol, spec.command.args),
            AgentSpec::Demo => panic!("the demo agent runs nothing"),
        }
    }

    fn error(&self) -> (String, Option<String>) {
        let error = self.load().unwrap_err();
        (error.to_string(), error.hint())
    }
}

#[test]
fn with_nothing_said_everything_has_its_default() {
    let config = Machine::with(&["claude"]).load().unwrap();
    assert_eq!((config.server.host.value.as_str(), config.server.port.value), ("127.0.0.1", 8080));
    assert!(config.limits.iter().all(|(_, limit)| limit.origin == Origin::Default));
    assert_eq!(config.limits.request_timeout_ms.value, 300_000);
    assert_eq!(config.limits.body_bytes_max.value, 1_048_576);
    assert_eq!(config.limits.rate_limit_rpm.value, 30);
    assert!(matches!(config.callers, Callers::Generated(_)));
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file() {
    let file =
        "[server]\nhost = \"file\"\nport = 3\nlog = \"error\"\n[limits]\nrate_limit_rpm = 3\nbody_bytes_max = 3\n";
    let machine =
        Machine::with(&["claude"]).file(file).env("HOST", "environment").env("PORT", "2").env("RATE_LIMIT_RPM", "2");
    let config = machine.flags(|flags| flags.host = Some("flag".into())).load().unwrap();
    let told = |setting: &Setting<u64>| (setting.value, setting.origin.to_string());
    assert_eq!((config.server.host.value.as_str(), config.server.host.origin), ("flag", Origin::Flag("--host")));
    assert_eq!((config.server.port.value, config.server.port.origin), (2, Origin::Environment("PORT")));
    assert_eq!(told(&config.limits.rate_limit_rpm), (2, "RATE_LIMIT_RPM".into()));
    assert_eq!(told(&config.limits.body_bytes_max), (3, "inhouse.toml:7".into()));
    assert_eq!(config.log.value, LogChoice::Error);
}

#[test]
fn without_a_name_the_first_known_program_is_served_else_the_demo() {
    for (programs, name, choice) in [
        (&["qwen", "codex", "claude"][..], "claude", AgentChoice::Found),
        (&["qwen", "gemini"], "gemini", AgentChoice::Found),
        (&["node"], "demo", AgentChoice::Demo),
    ] {
        let agents = Machine::with(programs).load().unwrap().agents;
        assert_eq!((agents.default().name.as_str(), agents.choice), (name, choice));
    }
}

#[test]
fn one_word_that_is_a_known_program_is_its_preset_and_an_unknown_one_a_plain_command() {
    let run = |command: &str| Machine::with(&["claude", "codex", "node"]).env("AGENT_CMD", command).run();
    let (input, protocol, args) = run("claude");
    assert_eq!((input, protocol, args.contains(&"stream-json".to_owned())), (Input::Protocol, Protocol::Claude, true));
    assert_eq!(run("codex"), (Input::Protocol, Protocol::Codex, vec!["app-server".into()]));
    assert_eq!(run("./bin/claude").1, Protocol::Claude);
    assert_eq!(run("node 'my bot.js' -v"), (Input::Both, Protocol::Text, vec!["my bot.js".into(), "-v".into()]));
}

#[test]
fn arguments_of_a_program_with_its_own_driver_are_added_to_its_preset() {
    let bare = Machine::with(&["claude"]).env("AGENT_CMD", "claude").run();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let with = |more: &[&str]| (bare.0, bare.1, [bare.2.clone(), words(more)].concat());
    for (command, more) in [
        ("claude --print", &[][..]),
        ("claude -p --output-format text --verbose --input-format=text", &[]),
        ("./bin/claude --model opus -p", &["--model", "opus"]),
        ("claude --output-format stream-json --allowedTools 'Bash(ls *)'", &["--allowedTools", "Bash(ls *)"]),
    ] {
        let machine = Machine::with(&["claude"]).env("AGENT_CMD", command);
        assert_eq!(machine.run(), with(more), "{command}");
        assert_eq!((machine.agent().name.as_str(), machine.agent().title.as_str()), ("claude", "Claude Code"));
        let AgentSpec::Program(spec) = machine.agent().spec else { panic!() };
        assert!(spec.command.env_pass.iter().any(|name| name == "ANTHROPIC_*"));
    }
    let typed = Machine::with(&["claude"]).flags(|flags| flags.command = words(&["claude", "--model", "opus"]));
    assert_eq!(typed.run(), with(&["--model", "opus"]));
    let in_file = "[agents.c]\ncommand = [\"claude\", \"--print\"]\nargs = [\"--model\", \"opus\"]\n";
    assert_eq!(Machine::with(&["claude"]).file(in_file).run(), with(&["--model", "opus"]));
}

#[test]
fn what_would_put_a_message_past_the_driver_of_a_known_program_is_refused() {
    let placed = Machine::with(&["claude"]).env("AGENT_CMD", "claude -p {message}").error();
    let cure = "leave it out: claude gets the message without it";
    assert_eq!(placed, ("AGENT_CMD: {message} can not stand in an argument of claude".into(), Some(cure.into())));
    let args = "[agents.codex]\nargs = [\"--x={message}\"]\n";
    let placed = Machine::with(&["codex"]).file(args).error();
    assert_eq!(placed.0, "inhouse.toml:2: {message} can not stand in an argument of codex");
    let argument = Machine::with(&["claude"]).env("AGENT_CMD", "claude --print").env("AGENT_INPUT", "argument").error();
    assert_eq!(argument.0, "AGENT_INPUT: agent claude is known, and its input can not be chosen");
    let text = "[agents.c]\ncommand = [\"claude\", \"-p\"]\nprotocol = \"text\"\n";
    let text = Machine::with(&["claude"]).file(text).error();
    assert_eq!(text.0, "inhouse.toml:3: agent claude is known, and its protocol can not be chosen");
    assert_eq!(text.1.unwrap(), "leave it out: it is called in the way that is safe for it");
}

#[test]
fn a_command_line_of_another_known_program_keeps_its_words_and_gets_what_the_program_needs() {
    for (command, args, passed, prefix) in [
        ("codex exec -", &["exec", "-"][..], "OPENAI_*", None),
        ("qwen -p --yolo", &["-p", "--yolo"], "DASHSCOPE_*", Some("Message:")),
        ("opencode run --model x", &["run", "--model", "x"], "OPENROUTER_API_KEY", None),
    ] {
        let machine = Machine::with(&["codex", "qwen", "opencode"]).env("AGENT_CMD", command);
        let AgentSpec::Program(found) = machine.agent().spec else { panic!() };
        assert_eq!(
            (found.command.input, found.protocol, found.prefix_line.as_deref()),
            (Input::Stdin, Protocol::Text, prefix),
            "{command}"
        );
        assert_eq!(found.command.args, args);
        assert!(found.command.env_pass.iter().any(|name| name == passed), "{command}");
        assert_eq!(
            found.command.env_set.iter().any(|(name, _)| name == "OPENCODE_PERMISSION"),
            command.starts_with("opencode")
        );
    }
    let missing = Machine::with(&["node"]).env("AGENT_CMD", "codex exec -").error();
    assert!(missing.1.unwrap().starts_with("install it: npm install -g @openai/codex"));
}

#[test]
fn a_program_that_takes_a_text_for_a_command_gets_a_line_in_front_of_it_by_every_driver_that_has_a_place_for_one() {
    let lines = "[[agents.a.lines]]\nbegins = \"\"\ntext = \"\"\n";
    let prefix = |text: &str| {
        let AgentSpec::Program(found) = Machine::with(&["aider", "python3"]).file(text).agent().spec else { panic!() };
        found.prefix_line
    };
    for (agent, line) in [
        ("command = [\"aider\", \"--message-file\", \"/dev/stdin\"]\n".to_owned(), Some("Message:")),
        (
            format!("command = [\"aider\", \"--message-file\", \"/dev/stdin\"]\nprotocol = \"mapped\"\n{lines}"),
            Some("Message:"),
        ),
        (
            "command = [\"aider\", \"--message-file\", \"/dev/stdin\"]\nprefix_line = \"A caller says:\"\n".to_owned(),
            Some("A caller says:"),
        ),
        ("command = [\"python3\", \"-m\", \"aider\"]\n".to_owned(), None),
        ("command = [\"python3\", \"-m\", \"aider\"]\nprefix_line = \"Message:\"\n".to_owned(), Some("Message:")),
    ] {
        assert_eq!(prefix(&format!("[agents.a]\n{agent}")).as_deref(), line, "{agent}");
    }
    let acp = "[agents.a]\ncommand = [\"python3\"]\nprotocol = \"acp\"\nprefix_line = \"x\"\n";
    let acp = Machine::with(&["python3"]).file(acp).error();
    assert_eq!(acp.0, "inhouse.toml:4: this protocol has no place for a line in front of a text");
    for machine in [
        Machine::with(&["aider"]).env("AGENT_CMD", "aider --yes-always"),
        Machine::with(&["aider"]).env("AGENT_CMD", "aider --message-file /dev/stdin"),
        Machine::with(&["aider"]).file("[agents.a]\ncommand = [\"aider\"]\n"),
    ] {
        let (refused, hint) = machine.error();
        assert!(refused.contains("aider takes each line of a text for an input of its own"), "{refused}");
        assert!(hint.unwrap().contains("--message-file"));
    }
    let known = Machine::with(&["claude"]).file("[agents.claude]\nprefix_line = \"x\"\n").error();
    assert_eq!(known.0, "inhouse.toml:2: agent claude is known, and its prefix_line can not be chosen");
}

#[test]
fn a_program_that_speaks_the_agent_client_protocol_is_served_by_it_unless_it_is_to_be_called_once() {
    for (command, protocol, args, keeps_mode) in [
        ("gemini", Protocol::Acp, &["--acp"][..], false),
        ("qwen --yolo", Protocol::Acp, &["--acp", "--yolo"], true),
        ("opencode -m x/y", Protocol::Text, &["-m", "x/y"], false),
    ] {
        let machine = Machine::with(&["gemini", "qwen", "opencode"]).env("AGENT_CMD", command);
        let AgentSpec::Program(found) = machine.agent().spec else { panic!() };
        assert_eq!((found.protocol, found.keeps_mode), (protocol, keeps_mode), "{command}");
        assert_eq!(found.command.args, args);
    }
    let named = |text: &str| Machine::with(&["opencode", "gemini", "node"]).file(text).run();
    let once = named("[agents.opencode]\nargs = [\"-m\", \"x/y\"]\n");
    assert_eq!(once, (Input::Stdin, Protocol::Text, vec!["run".into(), "-m".into(), "x/y".into()]));
    let text = named("[agents.g]\ncommand = [\"gemini\"]\nprotocol = \"text\"\n");
    assert_eq!(text, (Input::Stdin, Protocol::Text, vec!["--output-format".into(), "text".into()]));
    let native = named("[agents.g]\ncommand = [\"gemini\"]\nprotocol = \"json\"\n");
    assert_eq!(native, (Input::Protocol, Protocol::Native, vec![]));
    let own = named("[agents.own]\ncommand = [\"node\", \"agent.js\"]\nprotocol = \"acp\"\nallow = [\"read\"]\n");
    assert_eq!(own, (Input::Protocol, Protocol::Acp, vec!["agent.js".into()]));
}

#[test]
fn the_input_of_a_plain_command_can_be_chosen() {
    for (chosen, input, protocol) in [
        ("stdin", Input::Stdin, Protocol::Text),
        ("argument", Input::Argument, Protocol::Text),
        ("both", Input::Both, Protocol::Text),
        ("json", Input::Protocol, Protocol::Native),
    ] {
        let machine = Machine::with(&["node"]).env("AGENT_CMD", "node bot.js").env("AGENT_INPUT", chosen);
        assert_eq!((machine.run().0, machine.run().1), (input, protocol), "{chosen}");
    }
    let in_file = Machine::with(&["node"]).file("[agents.bot]\ncommand = [\"node\", \"bot.js\"]\n");
    assert_eq!(in_file.run().0, Input::Stdin);
    let argument = Machine::with(&["codex"]).env("AGENT_INPUT", "argument").error();
    assert_eq!(argument.0, "AGENT_INPUT: agent codex is known, and its input can not be chosen");
    let mixed = "[agents.bot]\ncommand = [\"node\"]\nprotocol = \"json\"\ninput = \"argument\"\n";
    let mixed = Machine::with(&["node"]).file(mixed).error();
    assert_eq!(mixed.0, "inhouse.toml:4: this protocol decides how the text reaches the program");
}

#[test]
fn a_command_after_two_dashes_means_agent_cmd_and_wins_over_it() {
    let machine = Machine::with(&["node", "codex"]).env("AGENT_CMD", "codex");
    let agent = machine.flags(|flags| flags.command = vec!["node".into(), "my bot.js".into()]).agent();
    assert_eq!((agent.name.as_str(), agent.title.as_str()), ("my-bot", "my-bot"));
    assert_eq!(agent.origin, Origin::Flag("-- COMMAND"));
}

#[test]
fn the_file_has_several_agents_and_the_default_can_be_chosen() {
    let text = "[agents.two]\npreset = \"codex\"\n[agents.one]\ncommand = [\"node\"]\n[agents.gemini]\n";
    let machine = Machine::with(&["node", "codex", "gemini"]).file(text);
    let agents = machine.load().unwrap().agents;
    let names: Vec<_> = agents.list.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!((names, agents.default), (vec!["two", "one", "gemini"], 0));
    let machine = machine.flags(|flags| flags.agent = Some("one".into()));
    assert_eq!(machine.load().unwrap().agents.default, 1);
    let marked = format!("{text}default = true\n");
    assert_eq!(Machine::with(&["node", "codex", "gemini"]).file(&marked).load().unwrap().agents.default, 2);
    let twice = format!("{marked}[agents.four]\npreset = \"demo\"\ndefault = true\n");
    let error = Machine::with(&["node", "codex", "gemini"]).file(&twice).error();
    assert_eq!(error.0, "inhouse.toml:7: agents gemini and four are both the default");
}

#[test]
fn flags_and_environment_speak_of_the_default_agent() {
    let machine = Machine::with(&["node"])
        .file("[agents.a]\ncommand = [\"node\"]\ntitle = \"File\"\n[agents.b]\npreset = \"demo\"\n");
    machine.folder.dir("shop");
    let machine = machine.env("AGENT_NAME", "Shop").env("AGENT_DESCRIPTION", "Sells").env("AGENT_PROJECT", "shop");
    let agents = machine.load().unwrap().agents;
    let [a, b] = agents.list.as_slice() else { panic!() };
    assert_eq!((a.title.as_str(), a.description.as_str()), ("Shop", "Sells"));
    assert_eq!(a.project, machine.folder.path().join("shop"));
    assert_eq!((b.title.as_str(), b.project.as_path()), ("Demo", machine.folder.path()));
}

#[test]
fn an_agent_that_can_not_be_started_is_an_error_with_the_next_command() {
    let machine = || Machine::with(&["node"]);
    let bin = |machine: &Machine| machine.folder.path().join("bin").display().to_string();
    let codex = machine().flags(|flags| flags.agent = Some("codex".into()));
    let message = format!("agent codex (--agent): no program \"codex\" in the folders of PATH ({})", bin(&codex));
    let hint = "install it: npm install -g @openai/codex; or see the server without it: inhouse serve --agent demo";
    assert_eq!(codex.error(), (message, Some(hint.into())));
    let typo = machine().flags(|flags| flags.agent = Some("cluade".into())).error();
    assert_eq!(typo, ("--agent: no agent is called \"cluade\"".into(), Some("did you mean claude?".into())));
    let absent = machine().env("AGENT_CMD", "./bot.sh");
    let path = absent.folder.path().join("bot.sh");
    assert_eq!(absent.error().0, format!("agent bot-sh (AGENT_CMD): there is no program {}", path.display()));
    let plain = machine().env("AGENT_CMD", "./bot.sh");
    plain.folder.file("bot.sh", 0o644);
    let (message, hint) = plain.error();
    assert!(message.ends_with("bot.sh is not executable") && hint.unwrap().starts_with("chmod +x "), "{message}");
    let project = machine().env("AGENT_CMD", "node").env("AGENT_PROJECT", "/no/such").error();
    let hint = Some("mkdir -p /no/such".into());
    assert_eq!(project, ("AGENT_PROJECT: there is no folder /no/such".into(), hint));
    let in_file = machine().file("[agents.bot]\n").error();
    assert!(
        in_file.0.starts_with("inhouse.toml:1: an agent without command and preset must be one of claude"),
        "{}",
        in_file.0
    );
}

#[test]
fn a_missing_file_is_an_error_only_when_it_was_named() {
    let machine = Machine::with(&["claude"]);
    assert!(machine.load().is_ok());
    let machine = machine.flags(|flags| flags.config = Some("other.toml".into()));
    assert!(machine.error().0.starts_with("other.toml: "), "{}", machine.error().0);
}

#[test]
fn approvers_are_callers_of_an_agent_that_asks() {
    let people =
        "[[callers]]\nname = \"ann\"\ntoken_env = \"PATH\"\n[[callers]]\nname = \"boss\"\ntoken_env = \"HOME\"\n";
    let machine = |text: &str| Machine::with(&["claude"]).env("HOME", "/").file(&format!("{people}{text}"));
    let named = machine("[agents.claude]\napprovers = [\"boss\"]\ncallers = [\"boss\", \"ann\"]\n");
    let approvers = named.agent().approvers;
    assert_eq!(approvers.iter().map(Principal::as_str).collect::<Vec<_>>(), ["boss"]);
    assert!(show(&named.load().unwrap(), false).contains("approvers = [\"boss\"]\n"));
    for (text, problem, hint) in [
        ("[agents.claude]\napprovers = [\"bos\"]\n", "no caller is called \"bos\"", "did you mean boss?"),
        ("[agents.claude]\napprovers = []\n", "nobody could give agent claude leave", "leave approvers out"),
        ("[agents.demo]\napprovers = [\"boss\"]\n", "agent demo does not ask before it acts", "one that asks"),
        (
            "[agents.claude]\napprovers = [\"boss\"]\ncallers = [\"ann\"]\n",
            "approver boss is none of the callers of agent claude",
            "add \"boss\" to its callers",
        ),
    ] {
        let (message, cure) = machine(text).error();
        assert!(message.starts_with("inhouse.toml:8: ") && message.contains(problem), "{message}");
        assert!(cure.unwrap().contains(hint), "{text}");
    }
}

#[test]
fn api_token_and_callers_add_up_and_agents_can_be_for_some_of_them() {
    let text = "[[callers]]\nname = \"ann\"\ntoken_env = \"PATH\"\n[agents.demo]\ncallers = [\"ann\"]\n";
    let config = Machine::with(&[]).file(text).env("API_TOKEN", "team-secret").load().unwrap();
    let Callers::Configured(list) = &config.callers else { panic!() };
    assert_eq!(list.iter().map(|caller| caller.name.as_str()).collect::<Vec<_>>(), ["owner", "ann"]);
    assert_eq!(config.agents.list[0].callers.len(), 1);
    let unknown = Machine::with(&[]).file("[agents.demo]\ncallers = [\"bob\"]\n").error();
    assert_eq!(unknown.0, "inhouse.toml:2: callers: no caller is called \"bob\"");
    assert_eq!(unknown.1.unwrap(), "known are owner; another one: inhouse token new bob");
}

#[test]
fn a_run_is_killed_before_its_turn_is_dropped() {
    let error = Machine::with(&[]).file("[limits]\nkill_grace_ms = 6000\n").error();
    assert_eq!(error.0, "inhouse.toml:2: kill_grace_ms (6000) must be less than stop_grace_ms (5000)");
}

#[test]
fn the_shown_configuration_names_origins_and_no_token() {
    let config =
        Machine::with(&["node"]).env("PORT", "9000").env("API_TOKEN", "team-secret").env("AGENT_CMD", "node x.js");
    let config = config.load().unwrap();
    let shown = show(&config, true);
    assert!(shown.lines().any(|line| line.starts_with("port = 9000") && line.ends_with("# PORT")), "{shown}");
    assert!(
        shown.lines().any(|line| line.starts_with("host = \"127.0.0.1\"") && line.ends_with("# default")),
        "{shown}"
    );
    assert!(!shown.contains("team-secret"));
    assert!(!show(&config, false).contains('#'));
}

#[test]
fn the_commented_example_has_every_key_with_its_default() {
    let example = include_str!("../../../../inhouse.toml.example");
    for limit in limits::LIMITS {
        let line = format!("# {} = {}", limit.key, limit.default);
        assert!(example.lines().any(|there| there.replace('_', "").starts_with(&line.replace('_', ""))), "{line}");
    }
    let uncommented: String = example
        .lines()
        .filter_map(|line| line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = ")))
        .map(|line| format!("{line}\n"))
        .collect();
    // Of two ways of TLS, and of an issuer's keys, there can be one.
    for other in [&["tls = ", "jwks_url"][..], &["tls_cert", "tls_key", "jwks_file"]] {
        let is_used = |line: &&str| !other.iter().any(|key| line.starts_with(key));
        let text: String = uncommented.lines().filter(is_used).map(|line| format!("{line}\n")).collect();
        let machine = Machine::with(&["claude", "codex", "node"]).file(&text).env("ANN_TOKEN", "a-long-token-of-ann");
        let machine = machine.env("HOME", "/nowhere");
        fs::write(machine.folder.path().join("card-key.pem"), KEY).unwrap();
        let config = machine.load().unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(matches!(config.server.tls, Some(Setting { origin: Origin::File(_), .. })), "{other:?}");
        assert!(config.limits.iter().all(|(_, limit)| matches!(limit.origin, Origin::File(_))));
        assert!(matches!(config.log.origin, Origin::File(_)) && matches!(config.server.port.origin, Origin::File(_)));
    }
}

#[test]
fn rules_are_for_agents_that_ask() {
    let text = "[agents.claude]\nallow = [\"Read\", \"Bash(git *)\"]\ndeny = [\"Bash(git push*)\"]\n";
    let config = Machine::with(&["claude"]).file(text).load().unwrap();
    let AgentSpec::Program(spec) = &config.agents.default().spec else { panic!() };
    let judged = ["git log", "git push", "ls"].map(|command| spec.approvals.judge("Bash", command));
    assert_eq!(judged, [Verdict::Allow, Verdict::Deny, Verdict::Ask]);
    let shown = show(&config, false);
    assert!(shown.contains("allow = [\"Read\", \"Bash(git *)\"]\ndeny = [\"Bash(git push*)\"]"), "{shown}");
    for (text, problem) in [
        ("[agents.claude]\nallow = [\"Bash(\"]\n", "inhouse.toml:2: allow must be a tool, or a tool with a pattern"),
        (
            "[agents.codex]\nargs = [\"--oss\"]\ndeny = [\"execute\"]\n",
            "inhouse.toml:3: agent codex does not ask before it acts",
        ),
        (
            "[agents.codex]\nallow = [\"execute(git *)\", \"*\"]\ndeny = [\"Bash(rm *)\"]\n",
            "inhouse.toml:2: deny must be a tool that codex asks for (execute, edit, fetch), or *",
        ),
    ] {
        let error = Machine::with(&["claude", "codex"]).file(text).load().unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
}

#[test]
fn lines_of_a_shape_of_its_own_are_told_by_pointers() {
    let bot = "[agents.bot]\ncommand = [\"node\", \"b.js\"]\n";
    let lines = "[[agents.bot.lines]]\nwhen = { \"/type\" = \"end\" }\nsession = \"/id\"\ndone = true\n";
    let text = format!("{bot}protocol = \"mapped\"\nresume = [\"-r\", \"{{session}}\"]\n{lines}");
    let machine = Machine::with(&["node"]).file(&text);
    let AgentSpec::Program(program) = machine.agent().spec else { panic!() };
    assert_eq!((program.protocol, program.mapping.lines.len(), program.mapping.resume.len()), (Protocol::Mapped, 1, 2));
    for (more, problem) in [
        ("protocol = \"mapped\"\n", "inhouse.toml:3: nothing says what the lines of this agent mean"),
        (lines, "inhouse.toml:1: lines and resume are for agents that write lines of their own"),
        (
            "protocol = \"mapped\"\nresume = [\"-r\"]\n",
            "inhouse.toml:4: resume must be arguments with {session} in one",
        ),
        (
            "protocol = \"mapped\"\n[[agents.bot.lines]]\ntext = \"message\"\n",
            "inhouse.toml:5: text must be a JSON pointer, such as \"/message/text\", found \"message\"",
        ),
        (
            "protocol = \"mapped\"\n[[agents.bot.lines]]\ndone = true\nerror = \"/e\"\n",
            "inhouse.toml:4: a line ends a turn in one way: done, question or error",
        ),
        (
            "protocol = \"mapped\"\n[[agents.bot.lines]]\ntxt = \"/a\"\n",
            "inhouse.toml:5:1: unknown key \"txt\" in [[lines]]",
        ),
        (
            "protocol = \"mapped\"\n[[agents.bot.lines]]\nwhen = { \"/a\" = \"b\" }\nbegins = \"\"\n",
            "inhouse.toml:6: a line is told by when, as JSON, or by begins, as it stands",
        ),
    ] {
        let error = Machine::with(&["node"]).file(&format!("{bot}{more}")).load().unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
}

#[test]
fn exit_codes_mean_what_the_file_says_and_a_wrong_word_is_named_with_the_nearest_right_one() {
    let bot = "[agents.bot]\ncommand = [\"node\", \"b.js\"]\n";
    let lines = "protocol = \"mapped\"\n[[agents.bot.lines]]\ndone = true\n";
    for (more, success) in [
        ("exit = { 3 = \"success\", 4 = \"auth_required\" }\n".to_owned(), Some(3)),
        (format!("{lines}[agents.bot.exit]\n4 = \"provider_failed\"\n"), None),
    ] {
        let AgentSpec::Program(program) = Machine::with(&["node"]).file(&format!("{bot}{more}")).agent().spec else {
            panic!()
        };
        assert_eq!(program.exits.success(), success, "{more}");
    }
    for (more, problem, hint) in [
        ("exit = { 3 = \"sucess\" }\n", "inhouse.toml:3: no exit code means \"sucess\"", "did you mean success?"),
        (
            "[agents.bot.exit]\n3 = \"auth\"\n",
            "inhouse.toml:4: no exit code means \"auth\"",
            "did you mean auth_required?",
        ),
        (
            "exit = { 3 = \"x\" }\n",
            "inhouse.toml:3: no exit code means \"x\"",
            "it may be \"success\" or \"agent_failed\"",
        ),
        (
            "exit = { 256 = \"success\" }\n",
            "inhouse.toml:3: a key of exit must be an exit code from 0 to 255, found \"256\"",
            "",
        ),
        (
            "exit = { 03 = \"success\" }\n",
            "inhouse.toml:3: a key of exit must be an exit code from 0 to 255, found \"03\"",
            "",
        ),
        ("exit = { 3 = 4 }\n", "inhouse.toml:3: exit.3 must be a string, found 4", ""),
        ("exit = \"success\"\n", "inhouse.toml:3: exit must be a table of strings, found \"success\"", ""),
        (
            "protocol = \"acp\"\nexit = { 3 = \"success\" }\n",
            "inhouse.toml:4: exit is for agents whose exit code",
            "leave exit out",
        ),
        (
            "exit = { 3 = \"success\" }\nprotocol = \"mapped\"\n[[agents.bot.lines]]\ndone = true\n",
            "inhouse.toml:3: exit code 3 can be no success where a line says done",
            "leave that code out",
        ),
    ] {
        let error = Machine::with(&["node"]).file(&format!("{bot}{more}")).load().unwrap_err();
        assert!(error.to_string().starts_with(problem), "{error}");
        assert!(error.hint().unwrap_or_default().starts_with(hint), "{error} {:?}", error.hint());
    }
}

#[test]
fn webhooks_and_cards_are_as_the_file_says() {
    let config = Machine::with(&["claude"]).load().unwrap();
    assert!(config.push.enabled.value && config.cards.legacy.value && !config.cards.grpc.value);
    assert!(config.cards.signer.is_none());
    let text = "[push]\nenabled = false\nallow = [\"hooks.lan:80\", \"10.0.0.0/8\"]\n[card]\nlegacy = false\ngrpc = true\n\
        max_age_s = 5\nprovider = \"Example\"\nprovider_url = \"https://example.com\"\nsigning_key = \"keys/card.pem\"\nkey_id = \"k\"\n\
        [agents.claude]\nversion = \"7\"\ndocumentation_url = \"https://example.com/d\"\nicon_url = \"https://example.com/i\"\ninput_modes = [\"text/*\"]\noutput_modes = [\"text/markdown\"]\n";
    let machine = Machine::with(&["claude"]).file(text);
    machine.folder.dir("keys");
    fs::write(machine.folder.path().join("keys/card.pem"), KEY).unwrap();
    let config = machine.load().unwrap();
    assert!(!config.push.enabled.value && config.push.allow.value.len() == 2);
    assert!(!config.cards.legacy.value && config.cards.grpc.value && config.cards.signer.is_some());
    assert_eq!((config.cards.max_age_s.value, config.agents.list[0].card.version.as_deref()), (5, Some("7")));
    let shown = show(&config, true);
    for line in [
        "allow = [\"hooks.lan:80\", \"10.0.0.0/8\"]",
        "provider = \"Example\"",
        "signing_key = \"keys/card.pem\"",
        "version = \"7\"",
    ] {
        assert!(
            shown.lines().any(|shown| shown.starts_with(line) && shown.contains("inhouse.toml:")),
            "{line}: {shown}"
        );
    }
}

#[test]
fn what_can_not_be_a_webhook_or_a_card_is_named_with_its_line() {
    for (text, message) in [
        (
            "[push]\nallow = [\"hooks.lan\"]",
            "inhouse.toml:2: allow must be host:port, or a range of addresses such as 10.0.0.0/8, found \"hooks.lan\"",
        ),
        ("[card]\nprovider = \"Example\"", "inhouse.toml:2: provider and provider_url belong together"),
        ("[card]\nprovider_url = \"https://example.com\"", "inhouse.toml:2: provider and provider_url belong together"),
        (
            "[card]\nprovider_url = \"example.com\"",
            "inhouse.toml:2: provider_url must be an http:// or https:// address, found \"example.com\"",
        ),
        ("[card]\nkey_id = \"k\"", "inhouse.toml:2: key_id names a key, and there is no signing_key"),
        (
            "[agents.claude]\ninput_modes = [\"text\"]",
            "inhouse.toml:2: input_modes must be media types such as \"text/plain\" or \"image/*\", found \"text\"",
        ),
        (
            "[agents.claude]\nicon_url = \"icon.png\"",
            "inhouse.toml:2: icon_url must be an http:// or https:// address, found \"icon.png\"",
        ),
    ] {
        assert_eq!(Machine::with(&["claude"]).file(text).error().0, message);
    }
    let (message, hint) = Machine::with(&["claude"]).file("[card]\nsigning_key = \"inhouse.toml\"").error();
    assert!(message.starts_with("inhouse.toml:2: signing_key ") && message.contains("PKCS#8"), "{message}");
    assert!(hint.unwrap().starts_with("openssl genpkey -algorithm ed25519 -out "));
    let (message, _) = Machine::with(&["claude"]).file("[card]\nsigning_key = \"nowhere.pem\"").error();
    assert!(message.contains("nowhere.pem: No such file"), "{message}");
}

#[test]
fn where_turns_work_is_decided_with_what_it_needs() {
    let git = |machine: &Machine| machine.folder.path().join("bin/git");
    let agent = |words: &str| format!("[agents.claude]\n{words}\n");
    for (words, expected, shown) in [
        ("", None, "workspace = \"shared\"\nreport_changes = false"),
        ("workspace = \"shared\"", None, "workspace = \"shared\"\nreport_changes = false"),
        ("report_changes = true", Some("shared"), "workspace = \"shared\"\nreport_changes = true"),
        ("workspace = \"worktree\"", Some("worktree"), "workspace = \"worktree\"\nreport_changes = true"),
        (
            "workspace = \"temporary\"\nreport_changes = false",
            Some("temporary"),
            "workspace = \"temporary\"\nreport_changes = false",
        ),
    ] {
        let machine = Machine::with(&["claude", "git"]).file(&agent(words)).env("HOME", "/home/ann");
        let config = machine.load().unwrap();
        let expected = expected.map(|kind| match kind {
            "shared" => Workspace::Shared { git: git(&machine) },
            "worktree" => Workspace::Worktree { git: git(&machine), report: true },
            _ => Workspace::Temporary { report: false },
        });
        assert_eq!(config.agents.default().workspace.as_ref().map(|workspace| &workspace.value), expected.as_ref());
        let all = show(&config, false);
        assert!(
            all.contains(shown) && all.contains("workspaces_dir = \"/home/ann/.local/state/inhouse/workspaces\""),
            "{all}"
        );
    }
    for (text, message) in [
        (
            "[agents.claude]\nworkspace = \"tree\"",
            "inhouse.toml:2: workspace must be \"shared\" or \"worktree\" or \"temporary\", found \"tree\"",
        ),
        ("[agents.claude]\nreport_changes = 1", "inhouse.toml:2: report_changes must be true or false, found 1"),
        ("[agents.demo]\nworkspace = \"worktree\"", "inhouse.toml:2: the demo agent works in no folder"),
        (
            "[agents.claude]\nproject = \".\"\nworkspace = \"temporary\"",
            "inhouse.toml:2: an agent with temporary workspaces has no project",
        ),
        (
            "[agents.claude]\nworkspace = \"temporary\"",
            "inhouse.toml:2: workspaces need a folder, and the environment has no HOME",
        ),
        (
            "[limits]\nworkspace_idle_ms = 0",
            "inhouse.toml:2: workspace_idle_ms must be a whole number from 1 to 31622400000, found 0",
        ),
    ] {
        assert_eq!(Machine::with(&["claude", "git"]).file(text).error().0, message);
    }
    let (message, hint) = Machine::with(&["claude"]).file(&agent("report_changes = true")).error();
    assert!(message.starts_with("inhouse.toml:2: this needs git, which is in no folder of PATH"), "{message}");
    assert_eq!(hint.unwrap(), "install git, or leave workspace and report_changes out");
}
