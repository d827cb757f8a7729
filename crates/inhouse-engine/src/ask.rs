//! What an agent asks in the middle of a turn, and what its caller's next message says to that: pure, and the same for all agents.
//!
//! An answer names a request by its id in a `data` part, or is a text of few words. A text names no request, so that it counts
//! for the one that is open; where it could be meant for another one, it is refused.

use inhouse_proto::json::Value;
use inhouse_proto::v1::{self, part::Content};
use serde_json::{Map, json};

use crate::agent::Note;

/// Texts that mean yes, and those that mean no, where a permission is asked.
const YES: [&str; 6] = ["yes", "y", "ok", "allow", "approve", "accept"];
const NO: [&str; 6] = ["no", "n", "deny", "reject", "decline", "cancel"];

/// Something that an agent has to know before it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Unique within the turn; the agent's own.
    pub id: String,
    /// The tool that wants to be used; empty for a question.
    pub tool: String,
    /// What the tool would act on, for rules: a command, a path, an address.
    pub subject: String,
    /// What exactly it would do, for programs.
    pub input: serde_json::Value,
    /// At least one.
    pub questions: Vec<Question>,
}

/// One question of an [`Ask`].
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Unique within the ask.
    pub id: String,
    /// For people.
    pub text: String,
    /// What can be chosen; empty where any text is an answer.
    pub options: Vec<Choice>,
    /// Whether several may be chosen.
    pub multiple: bool,
    /// Whether a text of the caller's own is an answer, too.
    pub free_text: bool,
}

/// One answer that an agent offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Unique within the question.
    pub id: String,
    /// For people; may be empty where the id says enough.
    pub label: String,
    /// What it means, where a permission is asked.
    pub effect: Effect,
}

/// What a choice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The tool may be used, this time.
    Allow,
    /// The tool may be used, and will not be asked for again in this conversation.
    AllowAlways,
    /// It may not.
    Deny,
    /// It is an answer to a question.
    Answer,
}

/// What was said to an [`Ask`]. Without any answer it means no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The id of the ask.
    pub ask: String,
    /// Per question, in the order of the ask: the ids of the options that were chosen, or texts of the caller's own.
    pub answers: Vec<(String, Vec<String>)>,
    /// Why the answer is no, for the agent.
    pub why: Option<String>,
}

impl Reply {
    /// A no.
    pub fn denied(ask: &str, why: impl Into<String>) -> Self {
        Self { ask: ask.to_owned(), answers: Vec::new(), why: Some(why.into()) }
    }

    /// The first answer to the first question.
    pub fn choice(&self) -> Option<&str> {
        self.answers.first()?.1.first().map(String::as_str)
    }
}

impl Effect {
    /// In one word, for callers and for the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowAlways => "allowAlways",
            Self::Deny => "deny",
            Self::Answer => "answer",
        }
    }
}

impl Ask {
    /// Whether a permission is asked, and not a question.
    pub fn is_permission(&self) -> bool {
        !self.tool.is_empty()
    }

    /// The reply that chooses the first option of this effect.
    pub fn choose(&self, effect: Effect) -> Option<Reply> {
        let question = self.questions.first()?;
        let choice = question.options.iter().find(|choice| choice.effect == effect)?;
        let answers = vec![(question.id.clone(), vec![choice.id.clone()])];
        Some(Reply { ask: self.id.clone(), answers, why: None })
    }

    /// What a reply decided, in one word for the audit.
    pub fn decision(&self, reply: &Reply) -> &'static str {
        let chosen = self
            .questions
            .first()
            .and_then(|question| question.options.iter().find(|choice| reply.choice() == Some(choice.id.as_str())));
        match (reply.choice(), chosen) {
            (None, _) => Effect::Deny.name(),
            (Some(_), Some(choice)) => choice.effect.name(),
            (Some(_), None) => Effect::Answer.name(),
        }
    }

    /// Whether a reply says no.
    pub(crate) fn denies(&self, reply: &Reply) -> bool {
        self.decision(reply) == Effect::Deny.name()
    }

    /// The status message that asks: sentences for people, and the whole request for programs. `approvers`: a permission is theirs
    /// to give, and not the caller's.
    pub(crate) fn note(&self, expires_ms: i64, approvers: bool) -> Note {
        let mut text = String::new();
        for question in &self.questions {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&question.text);
            for choice in &question.options {
                text.push_str(&match choice.label.as_str() {
                    "" => format!("\n- {}", choice.id),
                    label => format!("\n- {}: {label}", choice.id),
                });
            }
        }
        let by_approver = approvers && self.is_permission();
        if by_approver {
            text.push_str("\n\nOne of the agent's approvers decides.");
        }
        let kind = if self.is_permission() { "permission" } else { "question" };
        let questions: Vec<_> = self.questions.iter().map(Question::to_json).collect();
        let mut request = Map::new();
        request.insert("id".to_owned(), self.id.as_str().into());
        request.insert("kind".to_owned(), kind.into());
        if self.is_permission() {
            request.insert("tool".to_owned(), self.tool.as_str().into());
            request.insert("input".to_owned(), self.input.clone());
        }
        request.insert("questions".to_owned(), questions.into());
        request.insert("expiresAtMs".to_owned(), expires_ms.into());
        if by_approver {
            request.insert("decides".to_owned(), "approver".into());
        }
        Note { text: Some(text), data: Some(Value(json!({"request": request}))) }
    }

    /// What a message answers. `unclear`: words which name no request could be meant for an earlier one of the turn.
    ///
    /// # Errors
    /// One line for the caller, with what would be an answer.
    pub fn reply(&self, message: &v1::Message, unclear: bool) -> Result<Reply, String> {
        let structured = message.parts.iter().find_map(|part| match &part.content {
            Some(Content::Data(Value(serde_json::Value::Object(data)))) if is_reply(data) => Some(data),
            _ => None,
        });
        match structured {
            Some(data) => self.by_data(data),
            None if unclear => Err(format!(
                "the answer could be meant for an earlier request: name the one that is open, {}",
                self.example()
            )),
            None => self.by_text(&words(message)),
        }
    }

    fn by_data(&self, data: &Map<String, serde_json::Value>) -> Result<Reply, String> {
        let named = data.get("requestId").and_then(serde_json::Value::as_str);
        if named != Some(self.id.as_str()) {
            let named = named.unwrap_or("(none)");
            return Err(format!("requestId {named} is not the request that is open, {}", self.example()));
        }
        let mut answers = Vec::with_capacity(self.questions.len());
        for question in &self.questions {
            let given = match (data.get("answers"), data.get("optionId")) {
                (Some(all), _) => all.get(&question.id),
                (None, one) if self.questions.len() == 1 => one,
                (None, _) => None,
            };
            let given = given.ok_or_else(|| format!("there is no answer to {}: {}", question.id, self.example()))?;
            answers.push((question.id.clone(), question.chosen(&texts(given))?));
        }
        Ok(self.said(answers, data.get("text").and_then(serde_json::Value::as_str)))
    }

    fn by_text(&self, text: &str) -> Result<Reply, String> {
        let [question] = self.questions.as_slice() else {
            return Err(format!("it asks {} questions at once: answer with {}", self.questions.len(), self.example()));
        };
        let by_word = |list: &[&str], effect| list.contains(&text.to_lowercase().as_str()) && question.has(effect);
        if self.is_permission() && by_word(&YES, Effect::Allow) {
            return self.choose(Effect::Allow).ok_or_else(String::new);
        }
        if self.is_permission() && by_word(&NO, Effect::Deny) {
            return Ok(Reply::denied(&self.id, "the user said no"));
        }
        let answers = vec![(question.id.clone(), question.chosen(&[text.to_owned()])?)];
        Ok(self.said(answers, None))
    }

    /// A choice that denies is a no, with the caller's words for the agent.
    fn said(&self, answers: Vec<(String, Vec<String>)>, text: Option<&str>) -> Reply {
        let reply = Reply { ask: self.id.clone(), answers, why: text.map(str::to_owned) };
        if self.is_permission() && self.decision(&reply) == Effect::Deny.name() {
            return Reply::denied(&self.id, text.unwrap_or("the user said no"));
        }
        reply
    }

    /// A `data` part that would be an answer.
    fn example(&self) -> String {
        let answers: Map<_, _> = self
            .questions
            .iter()
            .map(|question| {
                let option = question.options.first().map_or("…", |choice| choice.id.as_str());
                (question.id.clone(), option.into())
            })
            .collect();
        format!("for example with a data part {}", json!({"requestId": self.id, "answers": answers}))
    }
}

impl Question {
    fn to_json(&self) -> serde_json::Value {
        let options: Vec<_> = self
            .options
            .iter()
            .map(|choice| json!({"id": choice.id, "label": choice.label, "effect": choice.effect.name()}))
            .collect();
        json!({"id": self.id, "text": self.text, "options": options, "multiple": self.multiple, "freeText": self.free_text})
    }

    fn has(&self, effect: Effect) -> bool {
        self.options.iter().any(|choice| choice.effect == effect)
    }

    /// The ids of what was chosen, by id or by label, or the text itself where it may be one of the caller's own.
    fn chosen(&self, given: &[String]) -> Result<Vec<String>, String> {
        if given.is_empty() || (given.len() > 1 && !self.multiple) {
            return Err(format!("{} takes {} answer", self.id, if self.multiple { "at least one" } else { "one" }));
        }
        given.iter().map(|given| self.one(given.trim())).collect()
    }

    fn one(&self, given: &str) -> Result<String, String> {
        let same = |text: &str| !text.is_empty() && text.to_lowercase() == given.to_lowercase();
        let by_id = self.options.iter().find(|choice| choice.id == given);
        let found = by_id.or_else(|| self.options.iter().find(|choice| same(&choice.id) || same(&choice.label)));
        match found {
            Some(choice) => Ok(choice.id.clone()),
            None if self.free_text && !given.is_empty() => Ok(given.to_owned()),
            None => {
                let ids: Vec<_> = self.options.iter().map(|choice| choice.id.as_str()).collect();
                Err(format!("the answer to {} is one of: {}", self.id, ids.join(", ")))
            }
        }
    }
}

/// Whether data is meant as an answer to a request.
fn is_reply(data: &Map<String, serde_json::Value>) -> bool {
    ["requestId", "optionId", "answers"].iter().any(|name| data.contains_key(*name))
}

fn texts(given: &serde_json::Value) -> Vec<String> {
    match given {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The text of a message, without the space around it.
fn words(message: &v1::Message) -> String {
    let texts: Vec<_> = message
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Some(Content::Text(text)) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.join("\n").trim().to_owned()
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
