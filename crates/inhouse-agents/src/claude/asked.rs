//! What Claude Code asks: leave to use a tool, or a question to the user. Both come as one kind of request, and are answered by it.

use std::collections::HashMap;

use inhouse_engine::{Ask, Choice, Effect, Question, Reply};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::claude::line::{self, Entry, Request, ToolInput};
use crate::lenient::Object;
use crate::lines::line_of;
use crate::permission::{OPEN_MAX, Use};
use crate::text::without_escapes;

/// The tool that is a question to the user.
const QUESTION: &str = "AskUserQuestion";
/// What of an input without a known subject stands in the sentence for people.
const SUBJECT_CHARS_MAX: usize = 2_000;

/// The requests that wait for their answer, by id.
#[derive(Debug, Default)]
pub(crate) struct Asked(HashMap<String, Open>);

#[derive(Debug)]
struct Open {
    input: Box<RawValue>,
    /// The texts of the questions: Claude knows them by these.
    questions: Vec<String>,
}

impl Asked {
    /// The ask of a request, or the line that refuses it: the program never waits for nothing.
    pub(crate) fn take(&mut self, line: &mut Entry) -> Result<Ask, Vec<u8>> {
        let id = line.request_id.text().to_owned();
        let request = line.request.0.take().unwrap_or_default();
        if request.subtype.text() != "can_use_tool" {
            return Err(response(
                json!({"subtype": "error", "request_id": id, "error": "this request is not supported"}),
            ));
        }
        let readable = request.input.as_ref().map(|input| serde_json::from_str::<Object<ToolInput>>(input.get()));
        let Some(Ok(Object(Some(seen)))) = readable else { return Err(denial(&id, "the request can not be read")) };
        if id.is_empty() || self.0.len() >= OPEN_MAX || self.0.contains_key(&id) {
            return Err(denial(&id, "too much is asked at once"));
        }
        let ask = ask(&id, &request, &seen);
        let questions = if ask.is_permission() { Vec::new() } else { texts(&seen) };
        if let Some(input) = request.input {
            self.0.insert(id, Open { input, questions });
        }
        Ok(ask)
    }

    /// Whether nothing waits for an answer.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The program does not want to know any more. The id, if it asked that.
    pub(crate) fn withdraw(&mut self, id: &str) -> Option<String> {
        self.0.remove(id).map(|_| id.to_owned())
    }

    /// The line that answers; nothing for what is not asked any more.
    pub(crate) fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        let open = self.0.remove(&reply.ask)?;
        if reply.choice().is_none() {
            return Some(denial(&reply.ask, reply.why.as_deref().unwrap_or("the user said no")));
        }
        let input = open.answered(reply);
        // Written by hand around the input, which goes back as it came.
        let id = Value::from(reply.ask.as_str());
        let line = format!(
            r#"{{"type":"control_response","response":{{"subtype":"success","request_id":{id},"response":{{"behavior":"allow","updatedInput":{input}}}}}}}"#
        );
        Some((line + "\n").into_bytes())
    }
}

impl Open {
    /// The input of the tool, with the answers in it where it is a question.
    fn answered(self, reply: &Reply) -> String {
        if self.questions.is_empty() {
            return self.input.get().to_owned();
        }
        let mut input: Map<String, Value> = serde_json::from_str(self.input.get()).unwrap_or_default();
        let answers =
            self.questions.into_iter().zip(&reply.answers).map(|(text, (_, said))| (text, said.join(", ").into()));
        input.insert("answers".to_owned(), Value::Object(answers.collect()));
        Value::Object(input).to_string()
    }
}

fn ask(id: &str, request: &Request, seen: &ToolInput) -> Ask {
    let tool = request.tool_name.as_str().filter(|name| !name.is_empty()).unwrap_or("(unnamed)");
    if tool == QUESTION && !seen.questions.0.is_empty() {
        let asked = seen.questions.0.iter().filter_map(|question| question.0.as_ref());
        let questions = (1..).zip(asked).map(|(number, asked)| question(number, asked)).collect();
        let (tool, subject, input) = (String::new(), String::new(), Value::Null);
        return Ask { id: id.to_owned(), tool, subject, input, questions };
    }
    let raw = request.input.as_ref().map_or("", |input| input.get());
    let subject =
        [&seen.command, &seen.file_path, &seen.notebook_path, &seen.path, &seen.url, &seen.query, &seen.pattern];
    let subject = subject.into_iter().find_map(|member| member.as_str()).unwrap_or_default();
    let shown = match (subject, seen.plan.as_str()) {
        ("", Some(plan)) => plan,
        ("", None) => raw.char_indices().nth(SUBJECT_CHARS_MAX).map_or(raw, |(end, _)| &raw[..end]),
        (subject, _) => subject,
    };
    let option = |id: &str, label: &str, effect| Choice { id: id.to_owned(), label: label.to_owned(), effect };
    let options = vec![option("allow", "yes, this time", Effect::Allow), option("deny", "no", Effect::Deny)];
    let purpose = request.description.text();
    Use { tool, subject, shown: Some(shown), purpose, input: raw }.ask(id, options)
}

fn question(number: usize, asked: &line::Question) -> Question {
    let named =
        asked.options.0.iter().filter_map(|option| option.0.as_ref()).filter(|option| option.label.text() != "");
    let options = named.map(|option| Choice {
        id: option.label.text().to_owned(),
        label: without_escapes(option.description.text().to_owned()),
        effect: Effect::Answer,
    });
    Question {
        id: number.to_string(),
        text: without_escapes(asked.question.text().to_owned()),
        options: options.collect(),
        multiple: *asked.multi_select == true,
        free_text: true,
    }
}

fn texts(seen: &ToolInput) -> Vec<String> {
    seen.questions.0.iter().filter_map(|asked| Some(asked.0.as_ref()?.question.text().to_owned())).collect()
}

fn denial(id: &str, why: &str) -> Vec<u8> {
    response(json!({"subtype": "success", "request_id": id, "response": {"behavior": "deny", "message": why}}))
}

fn response(response: Value) -> Vec<u8> {
    line_of(&json!({"type": "control_response", "response": response}))
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
