//! How a message reaches a plain command, and what the command's bytes mean.

use std::path::Path;

use inhouse_agents::Protocol;
use inhouse_agents::presets::{prefix_line, preset};
use inhouse_trust::Input;

use super::choices::{InputChoice, ProtocolChoice};
use super::error::ConfigError;
use super::layer::Draft;
use super::origin::Origin;

/// How the text reaches a plain command, and what its bytes mean. A program that we do not know and that flags or the
/// environment name gets the text both ways; one of the file, or one that we know, on standard input.
///
/// # Errors
/// [`ConfigError`] for a protocol and an input that do not go together.
pub(super) fn language(draft: &Draft, program: &str, origin: &Origin) -> Result<(Input, Protocol), ConfigError> {
    let protocol = draft.protocol.as_ref().map(|choice| choice.value);
    let input = draft.input.as_ref().map(|choice| choice.value);
    let unknown = !matches!(origin, Origin::File(_)) && preset(Path::new(program)).is_none();
    Ok(match (protocol, input) {
        (None | Some(ProtocolChoice::Json), Some(InputChoice::Json)) | (Some(ProtocolChoice::Json), None) => {
            (Input::Protocol, Protocol::Native)
        }
        (Some(choice @ (ProtocolChoice::Claude | ProtocolChoice::Acp | ProtocolChoice::Codex)), None) => {
            (Input::Protocol, choice.protocol())
        }
        (None | Some(ProtocolChoice::Text | ProtocolChoice::Mapped), input) if input != Some(InputChoice::Json) => {
            let spoken = protocol.map_or(Protocol::Text, ProtocolChoice::protocol);
            let input = match input {
                Some(InputChoice::Argument) => Input::Argument,
                Some(InputChoice::Both) => Input::Both,
                None if unknown => Input::Both,
                _ => Input::Stdin,
            };
            (input, spoken)
        }
        (_, _) => {
            return Err(ConfigError::Conflict {
                origin: draft.input.as_ref().map_or_else(|| origin.clone(), |input| input.origin.clone()),
                problem: "this protocol decides how the text reaches the program".into(),
                hint: "leave input out".into(),
            });
        }
    })
}

/// The line in front of every text for a plain command: the operator's, or the one without which a known program would take a text
/// for a command.
///
/// # Errors
/// [`ConfigError`] for a program whose protocol keeps texts and commands apart.
pub(super) fn prefix(draft: &Draft, program: &Path, protocol: Protocol) -> Result<Option<String>, ConfigError> {
    let has_place = matches!(protocol, Protocol::Text | Protocol::Mapped);
    match &draft.prefix_line {
        Some(line) if !has_place => Err(ConfigError::Conflict {
            origin: line.origin.clone(),
            problem: "this protocol has no place for a line in front of a text".into(),
            hint: "leave prefix_line out; it goes with protocol = \"text\" and \"mapped\"".into(),
        }),
        Some(line) => Ok(Some(line.value.clone())),
        None => Ok(prefix_line(program).filter(|_| has_place).map(str::to_owned)),
    }
}
