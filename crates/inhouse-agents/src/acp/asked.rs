//! What an agent asks: leave to use a tool. Nothing else is asked in version 1 of the protocol.

use std::collections::HashMap;

use inhouse_engine::{Ask, Choice, Effect, Reply};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::acp::line::{Offer, Params, RawInput, ToolCall};
use crate::lenient::{Object, Scalar};
use crate::permission::{OPEN_MAX, Use, command_in};
use crate::rpc::{answer, name_of};
use crate::text::without_escapes;

/// The requests that wait for their answer, by the name that we have for them.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    open: HashMap<String, Open>,
    /// The turn was interrupted: the answer is the same for all.
    canceled: bool,
    /// Leave was given for more than one use.
    lasting: bool,
}

#[derive(Debug)]
struct Open {
    id: Value,
    offered: Vec<(String, Effect)>,
    /// The option that says no to this one use.
    no: Option<String>,
}

impl Asked {
    /// The ask of a request, or the line that answers it without asking: the agent never waits for nothing.
    /// `directory` is the session's.
    pub(crate) fn take(&mut self, id: &Value, params: Params, directory: &str) -> Result<Ask, Vec<u8>> {
        let name = name_of(id);
        let offered: Vec<_> = params.options.0.iter().filter_map(|offer| choice(offer.0.as_ref()?)).collect();
        let full = self.open.len() >= OPEN_MAX || self.open.contains_key(&name);
        let Some(call) = params.tool_call.0.filter(|_| !offered.is_empty() && !full && !self.canceled) else {
            return Err(outcome(id, None));
        };
        let said_no = |offer: &&Offer| offer.kind.text() == "reject_once";
        let no = params.options.0.iter().filter_map(|offer| offer.0.as_ref()).find(said_no);
        let no = no.map(|offer| offer.option_id.text().to_owned());
        let ids = offered.iter().map(|choice| (choice.id.clone(), choice.effect)).collect();
        self.open.insert(name.clone(), Open { id: id.clone(), offered: ids, no });
        Ok(ask(&name, &call, offered, directory))
    }

    /// The line that answers; nothing for what is not asked any more.
    pub(crate) fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        let open = self.open.remove(&reply.ask)?;
        let chosen = reply.choice().and_then(|choice| open.offered.iter().find(|(id, _)| id == choice));
        self.lasting |= chosen.is_some_and(|(_, effect)| *effect == Effect::AllowAlways);
        Some(outcome(&open.id, chosen.map(|(id, _)| id.as_str()).or(open.no.as_deref())))
    }

    /// Whether nothing waits for an answer, and no answer lasts longer than this turn.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_empty() && !self.lasting
    }

    /// The turn is interrupted: the lines that answer all that is open.
    pub(crate) fn cancel(&mut self) -> Vec<u8> {
        self.canceled = true;
        self.open.drain().flat_map(|(_, open)| outcome(&open.id, None)).collect()
    }
}

/// What a tool is called, here and in rules: its kind, which is the same in all agents, or the first word of its title.
pub(crate) fn tool_name<'a>(kind: &'a Scalar, title: &'a Scalar) -> &'a str {
    let first = || title.text().split_whitespace().next().unwrap_or("(unnamed)");
    Some(kind.text()).filter(|kind| !kind.is_empty()).unwrap_or_else(first)
}

fn ask(id: &str, call: &ToolCall, options: Vec<Choice>, directory: &str) -> Ask {
    let raw = call.raw_input.as_deref().filter(|raw| raw.get() != "{}");
    let subject = subject(call, raw, directory);
    let tool = tool_name(&call.kind, &call.title);
    let input = raw.or(call.content.as_deref()).map_or("", RawValue::get);
    Use { tool, subject: &subject, shown: None, purpose: call.title.text(), input }.ask(id, options)
}

/// What the tool would act on: what its input names, or all the places that it touches, or its title. A command is never taken
/// for the folder that it runs in, but what runs in another folder than the session's says so.
fn subject(call: &ToolCall, raw: Option<&RawValue>, directory: &str) -> String {
    let seen = raw.and_then(|raw| serde_json::from_str::<Object<RawInput>>(raw.get()).ok()?.0).unwrap_or_default();
    let command = Some(seen.command.text()).filter(|command| !command.is_empty());
    let command = command.or_else(|| Some(call.title.text()).filter(|_| call.kind.text() == "execute"));
    if let Some(command) = command {
        let folders = [&seen.cwd, &seen.workdir, &seen.directory, &seen.dir_path];
        let folder = folders.into_iter().map(|member| member.text()).find(|text| !text.is_empty());
        return command_in(command, folder.unwrap_or_default(), directory).into_owned();
    }
    let members = [
        &seen.file_path,
        &seen.file_path_in_camel_case,
        &seen.filepath,
        &seen.absolute_path,
        &seen.path,
        &seen.url,
        &seen.query,
        &seen.pattern,
    ];
    let named = members.into_iter().map(|member| member.text()).find(|text| !text.is_empty());
    if let Some(named) = named {
        return named.to_owned();
    }
    let places = call.locations.0.iter().filter_map(|place| place.0.as_ref()).map(|place| place.path.text());
    let places: Vec<_> = places.filter(|path| !path.is_empty()).collect();
    if places.is_empty() { call.title.text().to_owned() } else { places.join("\n") }
}

/// An answer that is offered; nothing for one of which we can not tell what it means.
fn choice(offer: &Offer) -> Option<Choice> {
    let effect = match offer.kind.text() {
        "allow_once" => Effect::Allow,
        "allow_always" => Effect::AllowAlways,
        "reject_once" | "reject_always" => Effect::Deny,
        _ => return None,
    };
    let id = Some(offer.option_id.text()).filter(|id| !id.is_empty())?.to_owned();
    Some(Choice { id, label: without_escapes(offer.name.text().to_owned()), effect })
}

/// The answer to a request: the option that was chosen, or none.
fn outcome(id: &Value, option: Option<&str>) -> Vec<u8> {
    let outcome = match option {
        Some(option) => json!({"outcome": "selected", "optionId": option}),
        None => json!({"outcome": "cancelled"}),
    };
    answer(id, &json!({"outcome": outcome}))
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
