//! The command-line agents that are known by name: the arguments, variables and protocol with which each one is safe to serve.
//! No preset puts a caller's text into an argument.

mod table;

use std::path::{Path, PathBuf};

use inhouse_trust::{AgentCommand, HostEnv, Input};

use crate::Protocol;
use crate::known::Known;

/// How to run one known agent.
#[derive(Debug)]
pub struct Preset {
    /// What is known of it apart from that.
    pub known: &'static Known,
    /// The driver that speaks its language.
    pub protocol: Protocol,
    /// A line in front of every text, where a text's first character could make it a command.
    pub prefix_line: Option<&'static str>,
    /// Arguments that are always given.
    args: &'static [&'static str],
    /// Arguments that are given unless the operator gives another word on the same matter.
    defaults: &'static [Default],
    /// The operator's words on matters that the driver decides; they are left out.
    dropped: &'static [Dropped],
    /// The operator's words that the program knows under another name, called as it is here.
    settings: &'static [Setting],
    /// Arguments that stand last.
    last: &'static [&'static str],
    /// The options by which an operator decides himself on conversations, for an agent that keeps them under ids that we choose.
    conversation: Option<&'static [&'static str]>,
    /// The options by which an operator decides himself how much it asks.
    asking: &'static [&'static str],
    once: Option<Once>,
    env_pass: &'static [&'static str],
    /// More variables, passed when the first one is set.
    env_pass_with: &'static [(&'static str, &'static [&'static str])],
    env_set: &'static [(&'static str, &'static str)],
}

/// The same program called once a turn, for an operator whose words its protocol has no place for.
#[derive(Debug)]
struct Once {
    options: &'static [&'static str],
    preset: &'static Preset,
}

#[derive(Debug)]
struct Default {
    args: &'static [&'static str],
    unless: &'static [&'static str],
}

/// An option that becomes an entry of the program's configuration: `-c key="value"`.
#[derive(Debug)]
struct Setting {
    options: &'static [&'static str],
    key: &'static str,
}

#[derive(Debug)]
struct Dropped {
    option: &'static str,
    has_value: bool,
}

/// All known agents, in the order in which an installed one is chosen.
pub static PRESETS: [Preset; 5] = [table::CLAUDE, table::CODEX, table::GEMINI, table::OPENCODE, table::QWEN];

/// The preset of a program, found by its file name. On systems where programs have an extension, it does not count.
pub fn preset(program: &Path) -> Option<&'static Preset> {
    let name = word(program)?;
    PRESETS.iter().find(|preset| preset.name() == name)
}

/// The line that has to stand in front of every text for a program that reads a text's first character as a command, even if
/// all else of it is unknown: aider runs what follows a `!`.
pub fn prefix_line(program: &Path) -> Option<&'static str> {
    match preset(program) {
        Some(preset) => preset.prefix_line,
        None => (word(program)? == "aider").then_some("Message:"),
    }
}

/// Whether a program of which it is known that it takes each line of its input for a message, and some of them for commands, is told to
/// read all of it as one: a line in front of the text helps only then.
pub fn reads_one_message(program: &Path, args: &[String], input: Input) -> bool {
    let words: Vec<&str> = args.iter().flat_map(|arg| arg.split('=')).collect();
    let is_told = words.windows(2).any(|pair| pair == ["--message-file", "/dev/stdin"]);
    word(program) != Some("aider") || (is_told && input == Input::Stdin)
}

fn word(program: &Path) -> Option<&str> {
    let name = program.file_name()?.to_str()?;
    Some(name.strip_suffix(".exe").or(name.strip_suffix(".cmd")).unwrap_or(name))
}

impl Preset {
    /// The program's name, which is also the agent's.
    pub fn name(&self) -> &'static str {
        self.known.name
    }

    /// The command, with the operator's own arguments but for those on matters that the driver decides. A caller's text reaches
    /// it on standard input or in its protocol.
    pub fn command(&self, program: PathBuf, extra_args: &[String], directory: PathBuf, host: &HostEnv) -> AgentCommand {
        let extra_args = self.kept(extra_args);
        let mut args = owned(self.args);
        for default in self.defaults.iter().filter(|default| !names_one_of(default.unless, &extra_args)) {
            args.extend(owned(default.args));
        }
        args.extend(extra_args);
        args.extend(owned(self.last));
        let input = if self.protocol == Protocol::Text { Input::Stdin } else { Input::Protocol };
        let (env_pass, env_set) = self.environment(host);
        AgentCommand { program, args, input, env_pass, env_set, directory }
    }

    /// Whether it keeps conversations under ids that we choose, unless the operator's own arguments decide on them.
    pub fn keeps_conversations(&self, extra_args: &[String]) -> bool {
        self.conversation.is_some_and(|his| !names_one_of(his, extra_args))
    }

    /// The preset for the operator's own arguments: this one, or the one that calls the same program once a turn.
    pub fn with(&'static self, args: &[String]) -> &'static Self {
        self.once.as_ref().filter(|once| names_one_of(once.options, args)).map_or(self, |once| once.preset)
    }

    /// The preset that calls the same program once a turn, if there is another than this one.
    pub fn called_once(&'static self) -> &'static Self {
        self.once.as_ref().map_or(self, |once| once.preset)
    }

    /// Whether a command with these arguments is the preset with more words, and not a whole command line of the operator's own.
    pub fn is_meant_by(&'static self, args: &[String]) -> bool {
        match self.with(args).protocol {
            Protocol::Claude => true,
            Protocol::Acp | Protocol::Codex => args.first().is_none_or(|first| first.starts_with('-')),
            Protocol::Text | Protocol::Native | Protocol::Mapped => args.is_empty(),
        }
    }

    /// Whether the operator's own arguments decide how much it asks before it acts.
    pub fn keeps_mode(&self, extra_args: &[String]) -> bool {
        // `-c key=value` names a key, and `--config=key=value` too.
        extra_args.iter().flat_map(|arg| arg.split('=')).any(|word| self.asking.contains(&word))
    }

    /// Which of the server's variables its program gets, and which it gets with values of our own.
    pub fn environment(&self, host: &HostEnv) -> (Vec<String>, Vec<(String, String)>) {
        let mut env_pass = owned(self.env_pass);
        let is_set = |name: &str| host.get(name).is_some_and(|value| !value.is_empty());
        for (_, more) in self.env_pass_with.iter().filter(|(when, _)| is_set(when)) {
            env_pass.extend(owned(more));
        }
        // A variable that the operator has set himself keeps his value.
        let (his, ours): (Vec<_>, Vec<_>) = self.env_set.iter().partition(|(name, _)| host.get(name).is_some());
        env_pass.extend(his.into_iter().map(|(name, _)| (*name).to_owned()));
        (env_pass, ours.into_iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The operator's arguments without those on matters that the driver decides, and in the words that the program knows.
    fn kept(&self, args: &[String]) -> Vec<String> {
        let mut kept = Vec::with_capacity(args.len());
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if let Some(setting) = self.settings.iter().find(|setting| setting.options.contains(&option(arg))) {
                let value = arg.split_once('=').map(|(_, value)| value).or_else(|| rest.next().map(String::as_str));
                kept.extend(["-c".to_owned(), format!("{}={:?}", setting.key, value.unwrap_or_default())]);
                continue;
            }
            match self.dropped.iter().find(|dropped| dropped.option == option(arg)) {
                Some(Dropped { has_value: true, .. }) if !arg.contains('=') => drop(rest.next()),
                Some(_) => {}
                None => kept.push(arg.clone()),
            }
        }
        kept
    }
}

/// The option that an argument names: what stands before a `=`.
fn option(arg: &str) -> &str {
    arg.split_once('=').map_or(arg, |(option, _)| option)
}

fn names_one_of(options: &[&str], args: &[String]) -> bool {
    args.iter().any(|arg| options.contains(&option(arg)))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests;
