//! What Codex asks: leave to run a command, to edit files or to reach an address, and questions to the user.

use std::collections::{HashMap, VecDeque};

use inhouse_engine::{Ask, Choice, Effect, Question, Reply};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::codex::line::{self, Change, Params};
use crate::lenient::{ITEMS_MAX, List, Object};
use crate::permission::{INPUT_BYTES_MAX, OPEN_MAX, Use, command_in};
use crate::rpc::{answer, name_of, not_supported};
use crate::text::without_escapes;

/// What it runs a command with, or changes files with, in the words that rules have for agents of other protocols.
pub(crate) const EXECUTE: &str = "execute";
/// See [`EXECUTE`].
pub(crate) const EDIT: &str = "edit";
const FETCH: &str = "fetch";
/// All that it can ask leave for.
pub(crate) const TOOLS: &[&str] = &[EXECUTE, EDIT, FETCH];

/// Its word for yes, this time.
const ACCEPT: &str = "accept";
/// Its word for no; the turn goes on.
const DECLINE: &str = "decline";
/// Its word for no, when the turn ends with it.
const CANCEL: &str = "cancel";

/// The shells that are left out of what is shown: any other program of such a name could be one of the repository's own.
const SHELLS: &[&str] =
    &["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/zsh", "/usr/bin/zsh", "/usr/local/bin/bash"];

/// The id of a question that is none, but asks leave for a tool of an MCP server: as a question it would pass the rules and the
/// approvers. It gets a no, as the same request does by way of an elicitation.
const LEAVE_FOR_TOOL: &str = "mcp_tool_call_approval";

/// Edits of which it may still ask, and what is kept of them.
const EDITS_MAX: usize = 64;
const PATHS_BYTES_MAX: usize = 64 << 10;

/// The requests that wait for their answer, by the name that we have for them.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    open: HashMap<String, Open>,
    edits: VecDeque<Edit>,
    /// The turn was interrupted: the answer is the same for all.
    canceled: bool,
}

#[derive(Debug)]
struct Open {
    id: Value,
    is_permission: bool,
}

/// An edit that it has announced: a request for leave names it by its item alone.
#[derive(Debug)]
struct Edit {
    item: String,
    paths: String,
    input: String,
}

impl Asked {
    /// It is about to change files. An edit of which not all paths are known is not kept: no rule could judge it.
    pub(crate) fn announce(&mut self, item: &str, changes: &RawValue) {
        let Some(paths) = paths(changes).filter(|paths| paths.len() <= PATHS_BYTES_MAX) else { return };
        let input = match changes.get().len() {
            ..=INPUT_BYTES_MAX => format!(r#"{{"changes":{changes}}}"#),
            bytes => json!({"omittedBytes": bytes}).to_string(),
        };
        if self.edits.len() == EDITS_MAX {
            self.edits.pop_front();
        }
        self.edits.push_back(Edit { item: item.to_owned(), paths, input });
    }

    /// The ask of a request, or the line that answers it without asking: the agent never waits for nothing.
    /// `directory` is the thread's.
    pub(crate) fn take(&mut self, id: &Value, method: &str, params: &Params, directory: &str) -> Result<Ask, Vec<u8>> {
        let name = name_of(id);
        let room = !self.canceled && self.open.len() < OPEN_MAX && !self.open.contains_key(&name);
        let ask = match method {
            "item/commandExecution/requestApproval" => execution(&name, params, directory),
            "item/fileChange/requestApproval" => self.edit(&name, params),
            "item/tool/requestUserInput" => questions(&name, params),
            "item/permissions/requestApproval" => return Err(answer(id, &json!({"permissions": {}}))),
            "mcpServer/elicitation/request" => return Err(answer(id, &json!({"action": DECLINE}))),
            _ => return Err(not_supported(id)),
        };
        let is_permission = method != "item/tool/requestUserInput";
        let open = Open { id: id.clone(), is_permission };
        let Some(ask) = ask.filter(|_| room) else {
            return Err(open.no(if self.canceled { CANCEL } else { DECLINE }));
        };
        self.open.insert(name, open);
        Ok(ask)
    }

    /// It does not want to know any more. The name, if it asked that.
    pub(crate) fn withdraw(&mut self, id: &Value) -> Option<String> {
        let name = name_of(id);
        self.open.remove(&name).map(|_| name)
    }

    /// The line that answers; nothing for what is not asked any more.
    pub(crate) fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        let open = self.open.remove(&reply.ask)?;
        if open.is_permission {
            let yes = reply.choice() == Some(ACCEPT);
            return Some(answer(&open.id, &json!({"decision": if yes { ACCEPT } else { DECLINE }})));
        }
        let answers = reply.answers.iter().map(|(question, said)| (question.clone(), json!({"answers": said})));
        Some(answer(&open.id, &json!({"answers": Map::from_iter(answers)})))
    }

    /// Whether nothing waits for an answer. No leave of ours lasts longer than for one use.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// The turn is interrupted: the lines that answer all that is open.
    pub(crate) fn cancel(&mut self) -> Vec<u8> {
        self.canceled = true;
        self.open.drain().flat_map(|(_, open)| open.no(CANCEL)).collect()
    }

    /// What would be edited is in what was announced; an edit of which nothing is known can not be asked for.
    fn edit(&self, name: &str, params: &Params) -> Option<Ask> {
        let edit = self.edits.iter().rfind(|edit| edit.item == params.item_id.text())?;
        let shown =
            Use { tool: EDIT, subject: &edit.paths, purpose: params.reason.text(), input: &edit.input, shown: None };
        Some(shown.ask(name, options()))
    }
}

impl Open {
    fn no(&self, decision: &str) -> Vec<u8> {
        let no = if self.is_permission { json!({"decision": decision}) } else { json!({"answers": {}}) };
        answer(&self.id, &no)
    }
}

/// All that an edit changes, and where it moves things, line by line.
fn paths(changes: &RawValue) -> Option<String> {
    let List(seen) = serde_json::from_str::<List<Object<Change>>>(changes.get()).ok()?;
    if seen.len() >= ITEMS_MAX {
        return None;
    }
    let mut paths = Vec::new();
    for change in &seen {
        let change = change.0.as_ref()?;
        paths.push(change.path.text());
        let target = change.kind.0.as_ref().map(|kind| kind.move_path.text());
        paths.extend(target.filter(|target| !target.is_empty()));
    }
    // A path of several lines would be judged as several paths.
    let all_named = paths.iter().all(|path| !path.is_empty() && !path.contains('\n'));
    (all_named && !paths.is_empty()).then(|| paths.join("\n"))
}

fn execution(name: &str, params: &Params, directory: &str) -> Option<Ask> {
    let purpose = params.reason.text();
    if let Some(network) = &params.network_approval_context.0 {
        let (protocol, host) = (network.protocol.text(), network.host.text());
        let subject = format!("{protocol}://{host}");
        let input = json!({"protocol": protocol, "host": host}).to_string();
        let reached = Use { tool: FETCH, subject: &subject, purpose, input: &input, shown: None };
        return Some(reached.ask(name, options()));
    }
    let (script, cwd) = (Some(script(params)).filter(|script| !script.is_empty())?, params.cwd.text());
    let input = json!({"command": params.command.text(), "cwd": cwd}).to_string();
    let subject = command_in(script, cwd, directory);
    Some(Use { tool: EXECUTE, subject: &subject, purpose, input: &input, shown: None }.ask(name, options()))
}

/// What a shell would run, without the shell that it hands it to, where both say the same; else the whole command.
fn script(params: &Params) -> &str {
    let command = params.command.text();
    let [Object(Some(action))] = params.command_actions.0.as_slice() else { return command };
    let bare = |text: &str| text.chars().filter(|c| !['\'', '"', '\\'].contains(c)).collect::<String>();
    let (script, whole) = (action.command.text(), bare(command));
    let shell = whole
        .strip_suffix(&bare(script))
        .and_then(|before| before.strip_suffix(" -lc ").or(before.strip_suffix(" -c ")));
    let is_whole = shell.is_some_and(|shell| SHELLS.contains(&shell));
    if action.kind.text() == "unknown" && is_whole { script } else { command }
}

fn options() -> Vec<Choice> {
    let option = |id: &str, label: &str, effect| Choice { id: id.to_owned(), label: label.to_owned(), effect };
    vec![option(ACCEPT, "yes, this time", Effect::Allow), option(DECLINE, "no", Effect::Deny)]
}

fn questions(name: &str, params: &Params) -> Option<Ask> {
    let asked: Vec<_> = params.questions.0.iter().filter_map(|question| question.0.as_ref()).collect();
    if asked.iter().any(|asked| asked.id.text().starts_with(LEAVE_FOR_TOOL)) {
        return None;
    }
    let questions: Vec<_> = asked.into_iter().map(question).collect();
    let (id, tool, subject) = (name.to_owned(), String::new(), String::new());
    (!questions.is_empty()).then_some(Ask { id, tool, subject, input: Value::Null, questions })
}

fn question(asked: &line::Question) -> Question {
    let named =
        asked.options.0.iter().filter_map(|option| option.0.as_ref()).filter(|option| option.label.text() != "");
    let options: Vec<_> = named
        .map(|option| Choice {
            id: option.label.text().to_owned(),
            label: without_escapes(option.description.text().to_owned()),
            effect: Effect::Answer,
        })
        .collect();
    Question {
        id: asked.id.text().to_owned(),
        text: without_escapes(asked.question.text().to_owned()),
        free_text: *asked.is_other == true || options.is_empty(),
        options,
        multiple: false,
    }
}
