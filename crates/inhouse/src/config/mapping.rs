//! What the lines of an agent mean, where they have a shape of its own (`protocol = "mapped"`).

use inhouse_agents::{AgentSpec, Mapping, Meaning, Pointer, Protocol};

use super::document::Table;
use super::error::ConfigError;
use super::file::finish;
use super::origin::{Origin, Setting};

/// Reads `lines` and `resume` of an agent; none where it has neither.
///
/// # Errors
/// [`ConfigError`] for what is no pointer, and for an entry that says two things at once.
pub(super) fn mapping(agent: &mut Table<'_>) -> Result<Option<Setting<Mapping>>, ConfigError> {
    let place = Origin::File(agent.place());
    let resume = agent.texts("resume")?;
    let lines = agent.list("lines")?.into_iter().map(meaning).collect::<Result<Vec<_>, _>>()?;
    let origin = resume.as_ref().map_or(place, |resume| resume.origin.clone());
    let resume = resume.map(|resume| resume.value).unwrap_or_default();
    if lines.is_empty() && resume.is_empty() {
        return Ok(None);
    }
    if !resume.is_empty() {
        let names = resume.iter().any(|word| word.contains("{session}"));
        let told = lines.iter().any(|meaning| meaning.session.is_some());
        if !names || !told {
            let expected = "arguments with {session} in one of them, and a line that tells its id (session = \"/…\")";
            return Err(ConfigError::Value {
                origin,
                key: "resume".into(),
                expected: expected.into(),
                found: format!("{resume:?}"),
            });
        }
    }
    Ok(Some(Setting { value: Mapping { lines, resume }, origin }))
}

fn meaning(mut table: Table<'_>) -> Result<Meaning, ConfigError> {
    let place = Origin::File(table.place());
    let when = table.pairs("when")?;
    let when = when.into_iter().map(|(pointer, expected)| Ok((at("when", &pointer, &place)?, expected)));
    let when = when.collect::<Result<Vec<_>, ConfigError>>()?;
    let begins = table.string("begins")?;
    if let Some(begins) = begins.as_ref().filter(|_| !when.is_empty()) {
        return Err(ConfigError::Conflict {
            origin: begins.origin.clone(),
            problem: "a line is told by when, as JSON, or by begins, as it stands".into(),
            hint: "write two entries".into(),
        });
    }
    let mut pointer = |key| table.string(key)?.map(|text| at(key, &text.value, &text.origin)).transpose();
    let meaning = Meaning {
        when,
        begins: begins.map(|begins| begins.value),
        text: pointer("text")?,
        answer: pointer("answer")?,
        tool: pointer("tool")?,
        session: pointer("session")?,
        input_tokens: pointer("input_tokens")?,
        output_tokens: pointer("output_tokens")?,
        cost_usd: pointer("cost_usd")?,
        question: pointer("question")?,
        error: pointer("error")?,
        done: table.switch("done")?.is_some_and(|done| done.value),
    };
    finish(table)?;
    let ends = [meaning.question.is_some(), meaning.error.is_some(), meaning.done];
    if ends.iter().filter(|end| **end).count() > 1 {
        return Err(ConfigError::Conflict {
            origin: place,
            problem: "a line ends a turn in one way: done, question or error".into(),
            hint: "tell them apart by when, in entries of their own".into(),
        });
    }
    Ok(meaning)
}

fn at(key: &'static str, text: &str, origin: &Origin) -> Result<Pointer, ConfigError> {
    Pointer::new(text).ok_or_else(|| ConfigError::Value {
        origin: origin.clone(),
        key: key.into(),
        expected: "a JSON pointer, such as \"/message/text\"".into(),
        found: format!("{text:?}"),
    })
}

/// Gives a program the meaning of its lines: one that speaks a shape of its own needs it, and no other has a use for it.
///
/// # Errors
/// [`ConfigError`] where one is without the other.
pub(super) fn mapped(
    spec: AgentSpec,
    name: &str,
    chosen: Option<Setting<Mapping>>,
    protocol_origin: &Origin,
) -> Result<AgentSpec, ConfigError> {
    match (spec, chosen) {
        (AgentSpec::Program(mut program), Some(mapping)) if program.protocol == Protocol::Mapped => {
            program.mapping = mapping.value;
            Ok(AgentSpec::Program(program))
        }
        (AgentSpec::Program(program), None) if program.protocol == Protocol::Mapped => Err(ConfigError::Conflict {
            origin: protocol_origin.clone(),
            problem: "nothing says what the lines of this agent mean".into(),
            hint: format!("add [[agents.{name}.lines]] with when = {{ \"/type\" = \"…\" }} and text = \"/…\""),
        }),
        (spec, None) => Ok(spec),
        (_, Some(mapping)) => Err(ConfigError::Conflict {
            origin: mapping.origin,
            problem: "lines and resume are for agents that write lines of their own".into(),
            hint: "add protocol = \"mapped\", or leave them out".into(),
        }),
    }
}
