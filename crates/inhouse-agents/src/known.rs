//! What is known of a command-line agent apart from how it is run, a row each: its names, how to get it, and how its own program
//! tells its version and whether it is logged in.

use serde_json::Value;

/// One known agent.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The program's name, which is also the agent's.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The folder of a project in which it looks for configuration.
    pub folder: &'static str,
    /// Whether it holds what it runs by a sandbox of its own, which can not be made over mounts in its project.
    pub has_sandbox: bool,
    /// The command that installs it.
    pub install: &'static str,
    /// The arguments that make it tell its version.
    pub version_args: &'static [&'static str],
    /// How it tells whether it is logged in, where it has a command of its own for that.
    pub login: Option<Login>,
}

/// A program's own way of telling whether it is logged in: one that calls no model and opens no browser.
#[derive(Debug, PartialEq, Eq)]
pub struct Login {
    /// The arguments of its status command.
    pub args: &'static [&'static str],
    /// The first version that surely has it as it is meant here. An older one could take the words for a message to its model.
    pub since: [u32; 3],
    /// Variables that it works with in place of a login, but does not count for one.
    pub instead: &'static [&'static str],
    /// The command that logs in.
    pub cure: &'static str,
    told: Told,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// By this member, true or false, of an object on standard output.
    Member(&'static str),
    /// By success for yes, and by these words on standard error for no.
    Words(&'static str),
}

pub(crate) static CLAUDE: Known = Known {
    name: "claude",
    title: "Claude Code",
    folder: ".claude",
    has_sandbox: false,
    install: "npm install -g @anthropic-ai/claude-code",
    version_args: &["--version"],
    login: Some(Login {
        args: &["auth", "status", "--json"],
        since: [2, 1, 41],
        instead: &[],
        cure: "claude auth login",
        told: Told::Member("loggedIn"),
    }),
};

pub(crate) static CODEX: Known = Known {
    name: "codex",
    title: "Codex",
    folder: ".codex",
    has_sandbox: true,
    install: "npm install -g @openai/codex",
    version_args: &["--version"],
    login: Some(Login {
        args: &["login", "status"],
        // Older ones have it too, but some are said to open a browser for it.
        since: [0, 169, 0],
        instead: &["CODEX_API_KEY", "OPENAI_API_KEY"],
        cure: "codex login",
        told: Told::Words("Not logged in"),
    }),
};

pub(crate) static GEMINI: Known = Known {
    name: "gemini",
    title: "Gemini CLI",
    folder: ".gemini",
    has_sandbox: false,
    install: "npm install -g @google/gemini-cli",
    version_args: &["--version"],
    login: None,
};

pub(crate) static OPENCODE: Known = Known {
    name: "opencode",
    title: "opencode",
    folder: ".opencode",
    has_sandbox: false,
    install: "npm install -g opencode-ai",
    version_args: &["--version"],
    // `auth list` asks the network, and says nothing of models that need no login.
    login: None,
};

pub(crate) static QWEN: Known = Known {
    name: "qwen",
    title: "Qwen Code",
    folder: ".qwen",
    has_sandbox: false,
    install: "npm install -g @qwen-code/qwen-code",
    version_args: &["--version"],
    login: None,
};

impl Login {
    /// Whether a program of this version has the command.
    pub fn is_in(&self, version: &str) -> bool {
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        [(); 3].map(|()| numbers.next().unwrap_or(0)) >= self.since
    }

    /// What the command's outcome means; none when it means nothing that is known.
    pub fn told(&self, success: bool, stdout: &[u8], stderr: &[u8]) -> Option<bool> {
        match self.told {
            Told::Member(name) => serde_json::from_slice::<Value>(stdout).ok()?.get(name)?.as_bool(),
            Told::Words(_) if success => Some(true),
            Told::Words(no) => String::from_utf8_lossy(stderr).contains(no).then_some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_has_the_command_is_asked() {
        let login = CLAUDE.login.as_ref().unwrap();
        for (version, is_in) in [
            ("2.1.41", true),
            ("2.1.330", true),
            ("3.0", true),
            ("2.1.40", false),
            ("2.0.99-beta.7", false),
            ("1.0.128", false),
            ("", false),
        ] {
            assert_eq!(login.is_in(version), is_in, "{version}");
        }
    }

    #[test]
    fn an_outcome_means_yes_or_no_only_where_the_program_says_so() {
        let (claude, codex) = (CLAUDE.login.as_ref().unwrap(), CODEX.login.as_ref().unwrap());
        for (login, success, stdout, stderr, told) in [
            (claude, true, r#"{"loggedIn": true, "authMethod": "claude.ai"}"#, "", Some(true)),
            (claude, false, r#"{"loggedIn": false}"#, "", Some(false)),
            (claude, false, "error: unknown command", "", None),
            (claude, true, r#"{"loggedIn": "yes"}"#, "", None),
            (claude, true, "true", "", None),
            (codex, true, "", "Logged in using ChatGPT\n", Some(true)),
            (codex, false, "", "WARNING: x\nNot logged in\n", Some(false)),
            (codex, false, "", "Error checking login status: x\n", None),
        ] {
            assert_eq!(login.told(success, stdout.as_bytes(), stderr.as_bytes()), told, "{stdout} {stderr}");
        }
    }
}
