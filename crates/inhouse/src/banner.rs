//! The first output: at most eight lines, of which the last is a command that can be pasted.

use std::path::Path;

use inhouse_agents::AgentSpec;
use inhouse_agents::presets::PRESETS;

use crate::config::words::quote;
use crate::config::{AgentChoice, AgentConfig, Agents};

/// How the pasted command gets its token.
#[derive(Debug)]
pub(crate) enum TokenShown<'a> {
    /// On the operator's own screen: a generated one this one time, and one of the operator's own.
    Plain(&'a str),
    /// It stands in this file.
    File(&'a Path),
    /// The operator has it in this variable; it is not repeated here.
    Variable(&'a str),
    /// Only digests are known.
    Unknown,
}

/// What the banner tells.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    /// Who answers.
    pub(crate) agents: &'a Agents,
    /// The default agent's version, when it told it in time.
    pub(crate) agent_version: Option<&'a str>,
    /// The address that callers use.
    pub(crate) public_url: &'a str,
    /// The certificate of the server's own authority, if it has one.
    pub(crate) authority: Option<&'a Path>,
    /// The address that this machine uses.
    pub(crate) local_url: &'a str,
    /// The path of the default agent's endpoint.
    pub(crate) endpoint_path: &'a str,
    /// The path of its card.
    pub(crate) card_path: &'a str,
    /// The path of the console, if there is one.
    pub(crate) console_path: Option<&'a str>,
    /// How firmly runs are held, and what that means.
    pub(crate) containment: &'a str,
    /// The running binary.
    pub(crate) program: &'a Path,
    /// How the command gets its token.
    pub(crate) token: TokenShown<'a>,
}

impl Banner<'_> {
    /// The lines, without line ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let agent = self.agents.default();
        let mut lines = vec![
            self.name(),
            format!("agent     {}", self.agent(agent)),
            format!("project   {}", agent.project.display()),
            format!("endpoint  {}{}", self.public_url, self.endpoint_path),
            format!("card      {}{}", self.public_url, self.card_path),
        ];
        lines.extend(self.authority.map(|file| format!("trust     curl --cacert {}", quote(&file.to_string_lossy()))));
        lines.extend([format!("contained {}", self.containment), self.command()]);
        lines
    }

    fn name(&self) -> String {
        let name = format!("inhouse {}", env!("CARGO_PKG_VERSION"));
        self.console_path.map_or(name.clone(), |path| format!("{name}, with a console at {}{path}", self.public_url))
    }

    fn agent(&self, agent: &AgentConfig) -> String {
        if self.agents.choice == AgentChoice::Demo {
            let (last, others) = PRESETS.split_last().expect("there are presets");
            let others: Vec<_> = others.iter().map(|preset| preset.name()).collect();
            let known = format!("{} or {}", others.join(", "), last.name());
            return format!("demo, which only repeats: no {known} on PATH; serve your own: inhouse serve -- COMMAND");
        }
        let mut line = agent.title.clone();
        if let Some(version) = self.agent_version {
            line = format!("{line} {version}");
        }
        if let AgentSpec::Program(spec) = &agent.spec {
            line = format!("{line} ({})", spec.command.program.display());
        }
        let others = self.agents.list.iter().filter(|other| other.name != agent.name).map(|other| other.name.as_str());
        let others: Vec<_> = others.collect();
        if others.is_empty() { line } else { format!("{line}; also {}", others.join(", ")) }
    }

    fn command(&self) -> String {
        let token = match &self.token {
            TokenShown::Plain(token) => format!("INHOUSE_TOKEN={}", quote(token)),
            TokenShown::File(path) => format!("INHOUSE_TOKEN_FILE={}", quote(&path.to_string_lossy())),
            TokenShown::Variable(name) => {
                format!("INHOUSE_TOKEN=\"${{{name}:?is the token that the server was given}}\"")
            }
            TokenShown::Unknown => "INHOUSE_TOKEN=\"${INHOUSE_TOKEN:?is the token of one of the callers}\"".to_owned(),
        };
        let program = self.program.to_string_lossy();
        let authority = self.authority.map(|file| format!("INHOUSE_CA={} ", quote(&file.to_string_lossy())));
        let authority = authority.unwrap_or_default();
        format!("INHOUSE_URL={} {authority}{token} {} send \"hello\"", quote(self.local_url), quote(&program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::ServeArgs;
    use crate::config::{self, Config};
    use crate::testing::Folder;
    use inhouse_trust::HostEnv;

    fn config(folder: &Folder, text: &str) -> Config {
        std::fs::write(folder.path().join("inhouse.toml"), text).unwrap();
        let environment = HostEnv::new([("PATH".into(), folder.path().join("bin").into_os_string())]);
        config::load(&ServeArgs::default(), &environment, folder.path()).unwrap()
    }

    fn banner<'a>(agents: &'a Agents, token: TokenShown<'a>) -> Banner<'a> {
        Banner {
            agents,
            agent_version: Some("2.1.330"),
            public_url: "https://agents.example.com",
            authority: None,
            local_url: "http://127.0.0.1:8080",
            endpoint_path: "/a2a",
            card_path: "/.well-known/agent-card.json",
            console_path: Some("/console/"),
            containment: "reaper",
            program: Path::new("/my bin/inhouse"),
            token,
        }
    }

    #[test]
    fn the_banner_has_at_most_eight_lines_and_ends_with_the_command() {
        let folder = Folder::new();
        folder.file("bin/claude", 0o755);
        let config = config(&folder, "[agents.claude]\n[agents.demo]\n");
        let mut banner = banner(&config.agents, TokenShown::Plain("t0ken"));
        let lines = banner.lines();
        banner.authority = Some(Path::new("/state/a b.pem"));
        let more = banner.lines();
        assert_eq!((more.len(), more[5].as_str()), (8, "trust     curl --cacert '/state/a b.pem'"));
        assert!(more[7].contains(" INHOUSE_CA='/state/a b.pem' INHOUSE_TOKEN=t0ken "), "{}", more[7]);
        assert!(lines[0].ends_with(", with a console at https://agents.example.com/console/"), "{}", lines[0]);
        banner.console_path = None;
        assert_eq!(banner.lines()[0], format!("inhouse {}", env!("CARGO_PKG_VERSION")));
        assert!(lines.len() <= 8 && lines.iter().all(|line| !line.contains('\n')));
        let claude = folder.path().join("bin/claude");
        assert_eq!(lines[1], format!("agent     Claude Code 2.1.330 ({}); also demo", claude.display()));
        assert_eq!(lines[2], format!("project   {}", folder.path().display()));
        assert_eq!(lines[3], "endpoint  https://agents.example.com/a2a");
        assert_eq!(
            lines.last().unwrap(),
            "INHOUSE_URL=http://127.0.0.1:8080 INHOUSE_TOKEN=t0ken '/my bin/inhouse' send \"hello\""
        );
    }

    #[test]
    fn without_an_agent_the_banner_says_so_with_the_cure() {
        let config = config(&Folder::new(), "");
        let lines = banner(&config.agents, TokenShown::Unknown).lines();
        assert_eq!(
            lines[1],
            "agent     demo, which only repeats: no claude, codex, gemini, opencode or qwen on PATH; serve your own: \
             inhouse serve -- COMMAND"
        );
    }

    #[test]
    fn an_operators_token_is_never_repeated() {
        let config = config(&Folder::new(), "");
        let file = Path::new("/run/user/1/inhouse/token-1");
        for (token, word) in [
            (TokenShown::File(file), "INHOUSE_TOKEN_FILE=/run/user/1/inhouse/token-1"),
            (
                TokenShown::Variable("API_TOKEN"),
                "INHOUSE_TOKEN=\"${API_TOKEN:?is the token that the server was given}\"",
            ),
            (TokenShown::Unknown, "INHOUSE_TOKEN=\"${INHOUSE_TOKEN:?is the token of one of the callers}\""),
        ] {
            assert!(banner(&config.agents, token).lines().last().unwrap().contains(word), "{word}");
        }
    }
}
