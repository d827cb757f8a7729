//! What the exit codes of an agent mean (`[agents.NAME.exit]`).

use clap::ValueEnum;
use inhouse_agents::{AgentSpec, ExitMeaning, Exits, Protocol};

use super::choices::ExitChoice;
use super::document::{Table, one_of};
use super::error::ConfigError;
use super::nearest::nearest;
use super::origin::{Origin, Setting};

/// Reads `exit` of an agent; none where it has none.
///
/// # Errors
/// [`ConfigError`] for what is no exit code, and for a word that says nothing of one.
pub(super) fn exits(agent: &mut Table<'_>) -> Result<Option<Setting<Exits>>, ConfigError> {
    let Some(Setting { value, origin }) = agent.words("exit")? else { return Ok(None) };
    let codes = value.into_iter().map(|(code, word)| Ok((number(code)?, meaning(word)?)));
    Ok(Some(Setting { value: codes.collect::<Result<_, ConfigError>>()?, origin }))
}

fn number(code: Setting<String>) -> Result<u8, ConfigError> {
    // "03" and "3" would be two meanings of one code.
    let number = code.value.parse::<u8>().ok().filter(|number| number.to_string() == code.value);
    number.ok_or_else(|| ConfigError::Value {
        origin: code.origin,
        key: "a key of exit".into(),
        expected: "an exit code from 0 to 255".into(),
        found: format!("{:?}", code.value),
    })
}

fn meaning(word: Setting<String>) -> Result<ExitMeaning, ConfigError> {
    if let Ok(choice) = ExitChoice::from_str(&word.value, false) {
        return Ok(choice.meaning());
    }
    let known = ExitChoice::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let known: Vec<_> = known.map(|name| name.get_name().to_owned()).collect();
    Err(ConfigError::Conflict {
        origin: word.origin,
        problem: format!("no exit code means {:?}", word.value),
        hint: match nearest(&word.value, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("it may be {}", one_of::<ExitChoice>()),
        },
    })
}

/// Gives a program the meaning of its exit codes: one whose exit code can be the result.
///
/// # Errors
/// [`ConfigError`] for one whose protocol tells how a turn ended, and for a code that would say what only a line can.
pub(super) fn exiting(spec: AgentSpec, chosen: Option<Setting<Exits>>) -> Result<AgentSpec, ConfigError> {
    let Some(Setting { value: exits, origin }) = chosen else { return Ok(spec) };
    let conflict = |origin: Origin, problem: String, hint: &str| {
        Err(ConfigError::Conflict { origin, problem, hint: hint.to_owned() })
    };
    match spec {
        AgentSpec::Program(mut program) if matches!(program.protocol, Protocol::Text | Protocol::Mapped) => {
            match exits.success().filter(|_| program.mapping.tells_success()) {
                Some(code) => conflict(
                    origin,
                    format!("exit code {code} can be no success where a line says done"),
                    "leave that code out, or done = true in all lines",
                ),
                None => {
                    program.exits = exits;
                    Ok(AgentSpec::Program(program))
                }
            }
        }
        _ => conflict(
            origin,
            "exit is for agents whose exit code can be the result, and this one tells otherwise how a turn ended"
                .into(),
            "leave exit out; it goes with protocol = \"text\" and \"mapped\"",
        ),
    }
}
