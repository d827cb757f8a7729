//! Which agents are served: what was named, or what is found. The result is a list of drafts; `resolve` makes agents of them.

use std::path::Path;

use inhouse_agents::presets::PRESETS;
use inhouse_trust::Principal;

use super::error::ConfigError;
use super::jwt::JwtConfig;
use super::layer::{AgentWords, Choice, Draft};
use super::limits::Limits;
use super::model::{AgentChoice, Agents, Survey, Surveyed};
use super::nearest::nearest;
use super::origin::{Origin, Setting};
use super::resolve::{Resolver, agent_name};
use crate::detect::Finder;
use crate::presets::{DEMO, names};

/// What the choice depends on.
pub(super) struct Situation<'a> {
    /// Looks for programs.
    pub(super) finder: &'a Finder,
    /// The server's own folder.
    pub(super) directory: &'a Path,
    /// The bounds that hold for all agents.
    pub(super) limits: &'a Limits,
    /// The callers that there are.
    pub(super) callers: &'a [Principal],
    /// The issuers who vouch for others.
    pub(super) issuers: &'a [JwtConfig],
    /// Makes commands of presets.
    pub(super) environment: &'a inhouse_trust::HostEnv,
    /// The folder of workspaces, where there can be one.
    pub(super) workspaces_dir: Option<&'a Path>,
}

/// Chooses and resolves. `words` speak of the default agent only; a command or a preset among them is served alone, a
/// name of the file's makes that one the default.
///
/// # Errors
/// [`ConfigError`] for a name that nobody has, and for what can not be started.
pub(super) fn agents(words: AgentWords, files: Vec<Draft>, situation: &Situation<'_>) -> Result<Agents, ConfigError> {
    let (drafts, default, choice) = chosen(words, files, situation)?;
    let resolver = Resolver { situation };
    let list = drafts.into_iter().map(|draft| resolver.agent(draft)).collect::<Result<Vec<_>, _>>()?;
    Ok(Agents { list, default, choice })
}

/// The same, but an agent that can not be served has its error; and beside those that would be served all that are known.
///
/// # Errors
/// [`ConfigError`] for a name that nobody has.
pub(super) fn survey(words: AgentWords, files: Vec<Draft>, situation: &Situation<'_>) -> Result<Survey, ConfigError> {
    let (drafts, default, choice) = chosen(words, files, situation)?;
    let resolver = Resolver { situation };
    let surveyed = |draft: Draft| {
        let (name, origin) = (draft.name.value.clone(), draft.name.origin.clone());
        Surveyed { name, origin, agent: resolver.agent(draft) }
    };
    let served: Vec<_> = drafts.into_iter().map(surveyed).collect();
    let known = PRESETS.iter().map(|preset| Setting::default(preset.name().to_owned()));
    let others = known.map(|name| surveyed(Draft::named(name, situation.directory.to_path_buf())));
    let others = others.filter(|other| !served.iter().any(|one| one.is(other))).collect();
    Ok(Survey { served, default, choice, others })
}

fn chosen(
    words: AgentWords,
    files: Vec<Draft>,
    situation: &Situation<'_>,
) -> Result<(Vec<Draft>, usize, AgentChoice), ConfigError> {
    let (mut drafts, default, choice) = choose(words.choice.clone(), files, situation)?;
    if let Some(draft) = drafts.get_mut(default) {
        apply(words, draft, situation.directory);
    }
    Ok((drafts, default, choice))
}

fn choose(
    choice: Option<Setting<Choice>>,
    files: Vec<Draft>,
    situation: &Situation<'_>,
) -> Result<(Vec<Draft>, usize, AgentChoice), ConfigError> {
    let alone = |draft| Ok((vec![draft], 0, AgentChoice::Named));
    match choice {
        Some(Setting { value: Choice::Command(words), origin }) => {
            alone(of_command(words, origin, situation.directory))
        }
        Some(Setting { value: Choice::Name(name), origin }) => {
            if let Some(index) = files.iter().position(|draft| draft.name.value == name) {
                return Ok((files, index, AgentChoice::Named));
            }
            if !names().contains(&name.as_str()) {
                return Err(unknown(name, origin, &files));
            }
            alone(Draft::named(Setting { value: name, origin }, situation.directory.to_path_buf()))
        }
        None if !files.is_empty() => {
            let default = default_of(&files)?;
            Ok((files, default, AgentChoice::Named))
        }
        None => {
            let (name, choice) = match situation.finder.first_known() {
                Some((preset, _)) => (preset.name(), AgentChoice::Found),
                None => (DEMO, AgentChoice::Demo),
            };
            let name = Setting::default(name.to_owned());
            Ok((vec![Draft::named(name, situation.directory.to_path_buf())], 0, choice))
        }
    }
}

fn default_of(files: &[Draft]) -> Result<usize, ConfigError> {
    let mut marked = files.iter().enumerate().filter(|(_, draft)| draft.default);
    let first = marked.next().map_or(0, |(index, _)| index);
    match marked.next() {
        Some((_, second)) => Err(ConfigError::Conflict {
            origin: second.name.origin.clone(),
            problem: format!("agents {} and {} are both the default", files[first].name.value, second.name.value),
            hint: format!("remove default = true from {}", second.name.value),
        }),
        None => Ok(first),
    }
}

fn unknown(name: String, origin: Origin, files: &[Draft]) -> ConfigError {
    let mut known: Vec<&str> = files.iter().map(|draft| draft.name.value.as_str()).collect();
    known.extend(names());
    let hint = match nearest(&name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}; for a program: inhouse serve -- COMMAND", known.join(", ")),
    };
    ConfigError::UnknownAgent { origin, name, hint }
}

fn of_command(words: Vec<String>, origin: Origin, directory: &Path) -> Draft {
    let name = Setting { value: agent_name(&words), origin: origin.clone() };
    let mut draft = Draft::named(name, directory.to_path_buf());
    draft.command = Some(Setting { value: words, origin });
    draft
}

/// Puts the words of flags and environment over what the file says of this agent.
fn apply(words: AgentWords, draft: &mut Draft, directory: &Path) {
    fn over<T>(strong: Option<Setting<T>>, weak: &mut Option<Setting<T>>) {
        if strong.is_some() {
            *weak = strong;
        }
    }
    let absolute = |project: Setting<String>| Setting {
        value: directory.join(project.value).to_string_lossy().into_owned(),
        origin: project.origin,
    };
    over(words.title, &mut draft.title);
    over(words.description, &mut draft.description);
    over(words.project.map(absolute), &mut draft.project);
    over(words.input, &mut draft.input);
}
