//! What the processes of an agent may use, and what they may touch.

use std::path::{Component, Path, PathBuf};

use inhouse_agents::{AgentSpec, ProgramSpec, Protocol};
use inhouse_run::Strict;

use super::choices::WorkspaceChoice;
use super::document::Table;
use super::error::ConfigError;
use super::layer::Draft;
use super::limits::{MEMORY_BYTES, PROCESSES};
use super::origin::{Origin, Setting};

/// Where providers of models are reached.
const PORT: u16 = 443;

/// What an agent's table says of it.
#[derive(Debug, Default)]
pub(super) struct Words {
    memory_bytes_max: Option<Setting<u64>>,
    processes_max: Option<Setting<u64>>,
    strict: Option<Setting<bool>>,
    ports: Option<Setting<Vec<u16>>>,
    reads: Option<Setting<Vec<PathBuf>>>,
}

/// Reads it; paths are relative to `base`.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn words(base: &Path, table: &mut Table<'_>) -> Result<Words, ConfigError> {
    let path = |text: String| base.join(text).components().filter(|part| *part != Component::CurDir).collect();
    let paths = |texts: Setting<Vec<String>>| Setting {
        value: texts.value.into_iter().map(path).collect(),
        origin: texts.origin,
    };
    Ok(Words {
        memory_bytes_max: table.number("memory_bytes_max", MEMORY_BYTES)?,
        processes_max: table.number("processes_max", PROCESSES)?,
        strict: table.switch("strict")?,
        ports: table.texts("strict_ports")?.map(|texts| texts.try_map(ports)).transpose()?,
        reads: table.texts("strict_reads")?.map(paths),
    })
}

fn ports(texts: Vec<String>, origin: &Origin) -> Result<Vec<u16>, ConfigError> {
    let port = |text: &String| match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(ConfigError::Value {
            origin: origin.clone(),
            key: "strict_ports".into(),
            expected: "ports as texts, such as [\"443\"]".into(),
            found: format!("{text:?}"),
        }),
    };
    texts.iter().map(port).collect()
}

/// Gives an agent its bounds.
///
/// # Errors
/// [`ConfigError`] for an agent that can not be strict, and for words about a strictness that is not there.
pub(super) fn confined(mut spec: AgentSpec, draft: &Draft) -> Result<AgentSpec, ConfigError> {
    let Words { memory_bytes_max, processes_max, strict, ports, reads } = &draft.confined;
    let AgentSpec::Program(program) = &mut spec else { return Ok(spec) };
    program.bounds.memory_bytes_max = memory_bytes_max.as_ref().map(|max| max.value);
    if let Some(max) = processes_max {
        program.bounds.processes_max = u32::try_from(max.value).ok();
    }
    if strict.as_ref().is_some_and(|strict| strict.value) {
        let origin = strict.as_ref().map_or(&Origin::Default, |strict| &strict.origin);
        bears(program, draft, origin)?;
        // What it kept would be in the home that is gone.
        program.keeps_conversations = false;
        program.strict = Some(Strict {
            ports: ports.as_ref().map_or_else(|| vec![PORT], |ports| ports.value.clone()),
            reads: reads.as_ref().map(|reads| reads.value.clone()).unwrap_or_default(),
        });
        return Ok(spec);
    }
    let words = ports.as_ref().map(|ports| &ports.origin).or(reads.as_ref().map(|reads| &reads.origin));
    match words.filter(|_| strict.is_none()) {
        None => Ok(spec),
        Some(origin) => Err(ConfigError::Conflict {
            origin: origin.clone(),
            problem: "strict_ports and strict_reads are for an agent that is strict".into(),
            hint: "add strict = true, or leave them out".into(),
        }),
    }
}

/// Whether an agent can do its work in a strict run, as far as that is known.
fn bears(program: &ProgramSpec, draft: &Draft, origin: &Origin) -> Result<(), ConfigError> {
    let conflict = |problem: &str, hint: &str| {
        Err(ConfigError::Conflict { origin: origin.clone(), problem: problem.into(), hint: hint.into() })
    };
    if matches!(program.protocol, Protocol::Acp | Protocol::Codex) {
        let problem =
            format!("agent {} keeps conversations in its home, and a strict run has a new one", draft.name.value);
        return conflict(&problem, "leave strict out: its own sandbox, and containment, hold it");
    }
    match &draft.workspace {
        Some(Setting { value: WorkspaceChoice::Worktree, .. }) => conflict(
            "a worktree needs the repository of its project, which a strict run has not",
            "choose workspace = \"temporary\", or leave strict out",
        ),
        _ => Ok(()),
    }
}
