//! Makes an agent of a draft: its program is found, its folder is there, and how it is run is decided.

use std::fs;
use std::path::{Path, PathBuf};

use inhouse_agents::presets::{PRESETS, Preset, preset, reads_one_message};
use inhouse_agents::{AgentSpec, ProgramSpec, Protocol};
use inhouse_serve::Skill;
use inhouse_trust::{AgentCommand, AgentName, Principal};

use super::agents::Situation;
use super::choices::InputChoice;
use super::confined::confined;
use super::error::ConfigError;
use super::exits::exiting;
use super::file::principal;
use super::language::{language, prefix};
use super::layer::Draft;
use super::limits::Limits;
use super::mapping::mapped;
use super::model::{AgentConfig, Rules};
use super::nearest::nearest;
use super::origin::{Origin, Setting};
use super::workspace::workspace;
use crate::detect::Missing;
use crate::presets::{DEMO, about, names};

/// What stands for a caller's message in a command's arguments.
const PLACEHOLDER: &str = "{message}";

/// Makes agents of drafts.
pub(super) struct Resolver<'a> {
    /// What there is.
    pub(super) situation: &'a Situation<'a>,
}

/// What a draft turns out to be.
enum Kind {
    Demo,
    /// A preset, and the words that named it: the program, by name or by path, and its arguments.
    Preset(&'static Preset, Vec<String>),
    /// A program with its arguments.
    Plain(Setting<Vec<String>>),
}

impl Resolver<'_> {
    /// Decides all of an agent.
    ///
    /// # Errors
    /// [`ConfigError`] naming who asked for what can not be.
    pub(super) fn agent(&self, draft: Draft) -> Result<AgentConfig, ConfigError> {
        let name = name(&draft.name)?;
        let project = self.project(&draft)?;
        let callers =
            draft.callers.as_ref().map(|names| self.principals("callers", names)).transpose()?.unwrap_or_default();
        let kind = kind(&draft)?;
        let (spec, preset, words) = match kind {
            Kind::Demo => (AgentSpec::Demo, None, about(DEMO)),
            Kind::Preset(preset, words) => {
                (self.preset(&draft, preset, &words, project.clone())?, Some(preset), about(preset.name()))
            }
            Kind::Plain(ref command) => (self.plain(&draft, command, project.clone())?, None, about(name.as_str())),
        };
        let workspace = workspace(&draft, &spec, self.situation)?;
        let json = draft.input.as_ref().filter(|input| input.value == InputChoice::Json).map(|input| &input.origin);
        let protocol_origin = draft.protocol.as_ref().map(|protocol| &protocol.origin).or(json);
        let protocol_origin = protocol_origin.cloned().unwrap_or(Origin::Default);
        let approvers = self.approvers(&draft, &callers, &spec)?;
        let spec = confined(spec, &draft)?;
        let spec = mapped(spec, name.as_str(), draft.mapping, &protocol_origin)?;
        let spec = exiting(spec, draft.exits)?;
        let (mut spec, rules) = ruled(spec, name.as_str(), draft.rules)?;
        if let AgentSpec::Program(program) = &mut spec {
            bound(program, self.situation.limits);
            program.limits.first_event_ms = draft.first_event_ms.map(|limit| limit.value);
            program.limits.idle_ms = draft.idle_ms.map(|limit| limit.value);
        }
        let title = if words.title.is_empty() { name.as_str() } else { words.title };
        let text =
            |setting: Option<Setting<String>>, or: &str| setting.map_or_else(|| or.to_owned(), |text| text.value);
        let title = text(draft.title, title);
        let description = text(draft.description, words.description);
        let skills = if draft.skills.is_empty() { vec![general(&title, &description)] } else { draft.skills };
        Ok(AgentConfig {
            title,
            description,
            skills,
            timeout_ms: draft.timeout_ms.unwrap_or_else(|| self.situation.limits.request_timeout_ms.clone()).value,
            origin: draft.name.origin,
            name,
            project,
            callers,
            approvers,
            card: draft.card,
            rules,
            workspace,
            budgets: draft.budgets,
            reasoning: draft.reasoning,
            spec,
            protocol_origin,
            preset,
        })
    }

    fn project(&self, draft: &Draft) -> Result<PathBuf, ConfigError> {
        let Some(project) = &draft.project else { return Ok(self.situation.directory.to_path_buf()) };
        let path = draft.base.join(&project.value);
        match fs::canonicalize(&path) {
            Ok(found) if found.is_dir() => Ok(found),
            _ => Err(ConfigError::NoProject { origin: project.origin.clone(), path }),
        }
    }

    /// Names of callers that there are.
    fn principals(&self, key: &'static str, names: &Setting<Vec<String>>) -> Result<Vec<Principal>, ConfigError> {
        let known = |name: &String| {
            let caller = principal(name, key, &names.origin)?;
            let vouched = self.situation.issuers.iter().any(|issuer| issuer.has(name));
            if vouched || self.situation.callers.contains(&caller) {
                return Ok(caller);
            }
            let all: Vec<_> = self.situation.callers.iter().map(Principal::as_str).collect();
            let hint = match nearest(name, all.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {}; another one: inhouse token new {name}", all.join(", ")),
            };
            Err(ConfigError::UnknownCaller { origin: names.origin.clone(), key, name: name.clone(), hint })
        };
        names.value.iter().map(known).collect()
    }

    /// Those who give an agent leave; each of them can get at it, and it is one that asks.
    fn approvers(&self, draft: &Draft, callers: &[Principal], spec: &AgentSpec) -> Result<Vec<Principal>, ConfigError> {
        let Some(names) = &draft.approvers else { return Ok(Vec::new()) };
        let conflict = |problem: String, hint: &str| {
            Err(ConfigError::Conflict { origin: names.origin.clone(), problem, hint: hint.to_owned() })
        };
        let approvers = self.principals("approvers", names)?;
        let name = &draft.name.value;
        if approvers.is_empty() {
            return conflict(
                format!("with no approvers nobody could give agent {name} leave"),
                "leave approvers out: then each caller decides; or deny = [\"*\"]",
            );
        }
        if !matches!(spec, AgentSpec::Program(program) if program.protocol.asks()) {
            return conflict(
                format!("agent {name} does not ask before it acts, so that there is nothing to approve"),
                "leave approvers out, or serve one that asks, such as claude",
            );
        }
        match approvers.iter().find(|approver| !callers.is_empty() && !callers.contains(approver)) {
            Some(outside) => conflict(
                format!("approver {} is none of the callers of agent {name}", outside.as_str()),
                &format!("add {:?} to its callers", outside.as_str()),
            ),
            None => Ok(approvers),
        }
    }

    fn preset(
        &self,
        draft: &Draft,
        preset: &'static Preset,
        words: &[String],
        project: PathBuf,
    ) -> Result<AgentSpec, ConfigError> {
        let (program, typed) = words.split_first().expect("a preset is named by at least one word");
        let more = draft.args.as_ref().map(|args| args.value.as_slice()).unwrap_or_default();
        let extra = [typed, more].concat();
        let preset = preset.with(&extra);
        let fixed = |what: &str, origin: &Origin| ConfigError::Conflict {
            origin: origin.clone(),
            problem: format!("agent {} is known, and its {what} can not be chosen", preset.name()),
            hint: "leave it out: it is called in the way that is safe for it".into(),
        };
        if let Some(input) = draft.input.as_ref().filter(|input| input.value != InputChoice::Stdin) {
            return Err(fixed("input", &input.origin));
        }
        if let Some(protocol) = draft.protocol.as_ref().filter(|choice| choice.value.protocol() != preset.protocol) {
            return Err(fixed("protocol", &protocol.origin));
        }
        if let Some(line) = &draft.prefix_line {
            return Err(fixed("prefix_line", &line.origin));
        }
        let placed = |words: &&Setting<Vec<String>>| words.value.iter().any(|word| word.contains(PLACEHOLDER));
        if let Some(words) = [&draft.command, &draft.args].into_iter().flatten().find(placed) {
            return Err(ConfigError::Conflict {
                origin: words.origin.clone(),
                problem: format!("{PLACEHOLDER} can not stand in an argument of {}", preset.name()),
                hint: format!("leave it out: {} gets the message without it", preset.name()),
            });
        }
        let program = self.find(draft, program, about(preset.name()).install)?;
        let mut command = preset.command(program, &extra, project, self.situation.environment);
        command.env_pass.extend(draft.env_pass.iter().cloned());
        command.env_set.extend(draft.env_set.iter().cloned());
        let prefix_line = preset.prefix_line.map(str::to_owned);
        let spec = ProgramSpec {
            prefix_line,
            keeps_conversations: preset.keeps_conversations(&extra),
            keeps_mode: preset.keeps_mode(&extra),
            ..ProgramSpec::new(command, preset.protocol)
        };
        Ok(AgentSpec::Program(Box::new(spec)))
    }

    fn plain(&self, draft: &Draft, words: &Setting<Vec<String>>, project: PathBuf) -> Result<AgentSpec, ConfigError> {
        if let Some(args) = &draft.args {
            return Err(ConfigError::Conflict {
                origin: args.origin.clone(),
                problem: "args go with a preset".into(),
                hint: "write them into command, after the program".into(),
            });
        }
        let (program, args) = words.value.split_first().expect("a command has at least its program");
        let (input, protocol) = language(draft, program, &words.origin)?;
        let known = preset(Path::new(program));
        let found = self.find(draft, program, known.and_then(|preset| about(preset.name()).install))?;
        if !reads_one_message(&found, args, input) {
            return Err(ConfigError::Conflict {
                origin: words.origin.clone(),
                problem: "aider takes each line of a text for an input of its own, and runs what follows a ! in a shell".into(),
                hint: "add \"--message-file\", \"/dev/stdin\" to its command, and take input = \"stdin\" (AGENT_INPUT=stdin)".into(),
            });
        }
        let prefix_line = prefix(draft, &found, protocol)?;
        let environment = known.map(|preset| preset.environment(self.situation.environment));
        let (mut env_pass, mut env_set) = environment.unwrap_or_default();
        env_pass.extend(draft.env_pass.iter().cloned());
        env_set.extend(draft.env_set.iter().cloned());
        let command =
            AgentCommand { program: found, args: args.to_vec(), input, env_pass, env_set, directory: project };
        Ok(AgentSpec::Program(Box::new(ProgramSpec { prefix_line, ..ProgramSpec::new(command, protocol) })))
    }

    fn find(&self, draft: &Draft, program: &str, install: Option<&'static str>) -> Result<PathBuf, ConfigError> {
        let named = draft.command.as_ref().map(|command| &command.origin).or(draft.preset.as_ref().map(|p| &p.origin));
        let (origin, agent) = (named.unwrap_or(&draft.name.origin).clone(), draft.name.value.clone());
        self.situation.finder.find(program, &draft.base).map_err(|missing| match missing {
            Missing::Everywhere => {
                let searched = self.situation.finder.searched();
                ConfigError::NotOnPath { origin, agent, program: program.into(), searched, install }
            }
            Missing::File(path) => ConfigError::NoProgram { origin, agent, path },
            Missing::Right(path) => ConfigError::NotExecutable { origin, agent, path },
        })
    }
}

/// Gives an agent's process the bounds that hold for all.
fn bound(program: &mut ProgramSpec, chosen: &Limits) {
    let limits = &mut program.limits;
    let size = |setting: &Setting<u64>| usize::try_from(setting.value).unwrap_or(usize::MAX);
    limits.line_bytes_max = size(&chosen.line_bytes_max);
    limits.warm_max = size(&chosen.warm_per_agent_max);
    limits.warm_ms_max = chosen.warm_idle_ms_max.value;
    // A kept process takes a place that no turn wants.
    limits.processes_max = size(&chosen.running_per_agent_max);
    limits.exit_grace_ms = chosen.exit_grace_ms.value;
    limits.interrupt_grace_ms = chosen.interrupt_grace_ms.value;
    limits.stop_ms_max = chosen.kill_grace_ms.value;
}

/// Gives an agent its rules, if it is one that asks.
fn ruled(spec: AgentSpec, name: &str, rules: Option<Setting<Rules>>) -> Result<(AgentSpec, Rules), ConfigError> {
    let Some(Setting { value: rules, origin }) = rules else { return Ok((spec, Rules::default())) };
    match spec {
        AgentSpec::Program(mut program) if program.protocol.asks() => {
            let tools = program.protocol.tools();
            let asked = |rule: &&String| {
                let tool = rule.split('(').next().unwrap_or_default();
                tool == "*" || tools.is_empty() || tools.contains(&tool)
            };
            let other =
                rules.texts.iter().find_map(|(key, texts)| Some((key, texts.iter().find(|rule| !asked(rule))?)));
            if let Some((key, rule)) = other {
                let expected = format!("a tool that {name} asks for ({}), or *", tools.join(", "));
                return Err(ConfigError::Value { origin, key: (*key).into(), expected, found: format!("{rule:?}") });
            }
            program.approvals = rules.approvals.clone();
            Ok((AgentSpec::Program(program), rules))
        }
        _ => Err(ConfigError::Conflict {
            origin,
            problem: format!("agent {name} does not ask before it acts, so that it can be allowed and denied nothing"),
            hint: "leave allow, ask and deny out, or serve one that asks, such as claude".into(),
        }),
    }
}

/// The skill of an agent of which no other is told; a card without skills is refused by some clients.
fn general(title: &str, description: &str) -> Skill {
    Skill {
        id: "general".into(),
        name: title.into(),
        description: description.into(),
        tags: vec!["general".into()],
        examples: Vec::new(),
    }
}

fn name(setting: &Setting<String>) -> Result<AgentName, ConfigError> {
    AgentName::new(&setting.value).map_err(|_| ConfigError::Value {
        origin: setting.origin.clone(),
        key: "an agent's name".into(),
        expected: "1 to 63 of a-z, 0-9 and -, beginning with a letter or digit".into(),
        found: format!("{:?}", setting.value),
    })
}

/// A command that names a known program, by name or by path, is that program's preset, unless its arguments are a whole command
/// line, or a protocol is chosen for a program that has more than one.
fn kind(draft: &Draft) -> Result<Kind, ConfigError> {
    match (&draft.preset, &draft.command) {
        (Some(preset), Some(_)) => Err(ConfigError::Conflict {
            origin: preset.origin.clone(),
            problem: "an agent has a preset or a command, not both".into(),
            hint: "remove one; arguments for a preset stand in args = [\"…\"]".into(),
        }),
        (Some(name), None) => of_name(&name.value, &name.origin, "preset"),
        (None, Some(command)) => match command.value.as_slice() {
            [one] if one == DEMO && !matches!(command.origin, Origin::File(_)) => Ok(Kind::Demo),
            words => Ok(match words.first().and_then(|program| preset(Path::new(program))) {
                Some(preset) if preset.is_meant_by(&words[1..]) => match chosen(draft, preset) {
                    Some(preset) => Kind::Preset(preset, words.to_vec()),
                    None => Kind::Plain(command.clone()),
                },
                _ => Kind::Plain(command.clone()),
            }),
        },
        (None, None) => of_name(&draft.name.value, &draft.name.origin, "an agent without command and preset"),
    }
}

/// The preset of the protocol that is chosen, or none where it makes the program a plain command. Claude Code is always called in
/// the way that is safe.
fn chosen(draft: &Draft, preset: &'static Preset) -> Option<&'static Preset> {
    let Some(chosen) = draft.protocol.as_ref().map(|choice| choice.value.protocol()) else { return Some(preset) };
    let known = [preset, preset.called_once()].into_iter().find(|preset| preset.protocol == chosen);
    known.or((preset.protocol == Protocol::Claude).then_some(preset))
}

fn of_name(name: &str, origin: &Origin, key: &str) -> Result<Kind, ConfigError> {
    if name == DEMO {
        return Ok(Kind::Demo);
    }
    let known = PRESETS.iter().find(|preset| preset.name() == name);
    known.map(|preset| Kind::Preset(preset, vec![name.to_owned()])).ok_or_else(|| ConfigError::Value {
        origin: origin.clone(),
        key: key.into(),
        expected: format!("one of {}", names().join(", ")),
        found: format!("{name:?}"),
    })
}

/// The agent's name for a command: a known program's; else the script's where there is one; else the program's.
pub(super) fn agent_name(words: &[String]) -> String {
    if let Some(preset) = words.first().and_then(|program| preset(Path::new(program))) {
        return preset.name().to_owned();
    }
    let script = words.iter().skip(1).filter(|word| !word.starts_with('-')).map(Path::new);
    let script = script.filter(|path| path.extension().is_some()).find_map(Path::file_stem);
    let program = words.first().map(Path::new).and_then(Path::file_name);
    let name = script.or(program).unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let words: Vec<&str> = name.split(|c| !fits(c)).filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    name.truncate(63);
    if name.is_empty() { "agent".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_its_agent() {
        let cases: &[(&[&str], &str)] = &[
            (&["node", "my-bot.js"], "my-bot"),
            (&["python3", "-u", "src/Shop Agent.py", "--model=x.y"], "shop-agent"),
            (&["/usr/local/bin/aider", "--yes"], "aider"),
            (&["python3.11", "-m", "agent"], "python3-11"),
            (&["./日本"], "agent"),
            (&["/opt/claude", "--model", "claude-opus-4.1"], "claude"),
        ];
        for (words, name) in cases {
            let words: Vec<String> = words.iter().map(|word| (*word).into()).collect();
            assert_eq!(agent_name(&words), *name);
            assert!(AgentName::new(&agent_name(&words)).is_ok());
        }
    }
}
