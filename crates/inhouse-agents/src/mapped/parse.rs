//! A program's lines, as events, by what the operator says of them. A line that has no meaning is passed over.

use std::borrow::Cow;

use inhouse_engine::agent::{AgentEvent, End, Note, Reason, Usage};
use serde_json::Value;

use crate::by_line::LineProtocol;
use crate::dialogue::{Ending, Said, failed, without_result};
use crate::exits::Exits;
use crate::lenient::{self, overfull};
use crate::mapped::meaning::{Mapping, Meaning, Pointer};
use crate::text::{EscapeFilter, without_escapes};

/// The longest id of a session that is kept. It becomes an argument, so that it may hold nothing that an option could.
const SESSION_BYTES_MAX: usize = 200;

/// The reader of one turn.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    mapping: &'a Mapping,
    exits: &'a Exits,
    /// What the caller is told with the first line.
    note: Option<&'static str>,
    session: Option<String>,
    filter: EscapeFilter,
    has_text: bool,
}

impl<'a> Parser<'a> {
    /// At the beginning of a turn.
    pub(crate) fn new(mapping: &'a Mapping, exits: &'a Exits, note: Option<&'static str>) -> Self {
        Self { mapping, exits, note, session: None, filter: EscapeFilter::default(), has_text: false }
    }

    /// The session, if the program has told it.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    fn mean(&mut self, meaning: &Meaning, line: &Value, said: &mut Said) {
        let value = |pointer: &Option<Pointer>| pointer.as_ref().and_then(|pointer| pointer.at(line));
        let text = |pointer: &Option<Pointer>| value(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        // A line that counts as it stands has its line feed, which is part of an answer and of nothing else.
        let word = |pointer: &Option<Pointer>| text(pointer).map(str::trim_end);
        if let Some(session) = word(&meaning.session).filter(|id| is_session(id)) {
            self.session = Some(session.to_owned());
        }
        let usage = Usage {
            input_tokens: value(&meaning.input_tokens).and_then(Value::as_u64),
            output_tokens: value(&meaning.output_tokens).and_then(Value::as_u64),
            cost_usd: value(&meaning.cost_usd).and_then(Value::as_f64),
        };
        if usage != Usage::default() {
            said.events.push(AgentEvent::Usage(usage));
        }
        word(&meaning.tool).into_iter().for_each(|tool| said.tool(tool));
        text(&meaning.text).into_iter().for_each(|piece| self.say(piece, said));
        if let Some(whole) = text(&meaning.answer).filter(|_| !self.has_text) {
            self.say(whole, said);
        }
        if meaning.error.is_some() {
            said.over(failed(Reason::AgentFailed, word(&meaning.error).unwrap_or("the agent gave no reason")));
        } else if meaning.question.is_some() {
            let text = word(&meaning.question).map(|question| without_escapes(question.to_owned()));
            said.over(End::InputRequired(Note { text, data: None }));
        } else if meaning.done {
            said.over(End::Completed(Note::default()));
        }
    }

    fn say(&mut self, piece: &str, said: &mut Said) {
        self.has_text = true;
        said.text(self.filter.push(Cow::Borrowed(piece)).into_owned());
    }
}

impl LineProtocol for Parser<'_> {
    fn line(&mut self, line: &[u8], said: &mut Said) {
        let mapping = self.mapping;
        let json = match overfull(line).filter(|_| mapping.reads_json()) {
            Some(end) => return said.over(end),
            None => mapping.reads_json().then(|| lenient::value(line)).flatten(),
        };
        let text = match mapping.reads_text() {
            true => Value::String(without_escapes(String::from_utf8_lossy(line).into_owned())),
            false => Value::Null,
        };
        if json.is_some() || mapping.reads_text() {
            self.note.take().into_iter().for_each(|note| said.note(note));
        }
        if let Some((meaning, line)) = mapping.of(&text, json.as_ref()) {
            self.mean(meaning, line, said);
        }
    }

    fn ended(&mut self, ending: &Ending) -> End {
        match self.exits.end(ending) {
            End::Completed(_) if self.mapping.tells_success() => without_result(ending),
            end => end,
        }
    }
}

fn is_session(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    id.len() <= SESSION_BYTES_MAX && id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.bytes().all(is_plain)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::by_line::ByLine;
    use crate::dialogue::Dialogue;
    use crate::exits::ExitMeaning;
    use inhouse_engine::Activity;
    use inhouse_engine::agent::Failure;
    use inhouse_run::Exit;

    fn pointer(text: &str) -> Option<Pointer> {
        Pointer::new(text)
    }

    pub(in crate::mapped) fn mapping() -> Mapping {
        let of = |kind: &str, meaning: Meaning| Meaning {
            when: vec![(Pointer::new("/t").unwrap(), kind.to_owned())],
            ..meaning
        };
        let lines = vec![
            of("piece", Meaning { text: pointer("/d/0"), ..Meaning::default() }),
            of("tool", Meaning { tool: pointer("/name"), ..Meaning::default() }),
            of("ask", Meaning { question: pointer("/q"), ..Meaning::default() }),
            of("bad", Meaning { error: pointer("/why"), ..Meaning::default() }),
            of(
                "end",
                Meaning {
                    answer: pointer("/all"),
                    session: pointer("/id"),
                    input_tokens: pointer("/in"),
                    cost_usd: pointer("/cost"),
                    done: true,
                    ..Meaning::default()
                },
            ),
        ];
        Mapping { lines, resume: vec!["--resume".to_owned(), "{session}".to_owned()] }
    }

    fn read(stream: &str, code: i32) -> (Vec<AgentEvent>, End, Option<String>) {
        let mapping = mapping();
        let exits = Exits::from_iter([(4, ExitMeaning::Failed(Reason::ProviderFailed)), (5, ExitMeaning::Success)]);
        let mut parser = ByLine::new(1 << 20, Parser::new(&mapping, &exits, None));
        let mut said = Said::default();
        parser.read(stream.as_bytes(), &mut said);
        parser.finish(&mut said);
        let exit = Exit { code: Some(code), signal: None, ..Exit::default() };
        let ending = Ending { exit, last_error: Some("last words".to_owned()) };
        let end = said.end.unwrap_or_else(|| parser.ended(&ending));
        (said.events, end, parser.protocol.session)
    }

    fn failure(reason: Reason, detail: &str) -> End {
        End::Failed(Failure::new(reason, detail))
    }

    #[test]
    fn lines_are_what_the_operator_says() {
        let text = |text: &str| AgentEvent::Text(text.to_owned());
        let tool = AgentEvent::Active(Activity::Tool { name: "sh".to_owned() });
        let used = AgentEvent::Usage(Usage { input_tokens: Some(5), output_tokens: None, cost_usd: Some(0.5) });
        let done = End::Completed(Note::default());
        let asks = End::InputRequired(Note { text: Some("which?".to_owned()), data: None });
        for (lines, events, end) in [
            (
                "{\"t\":\"piece\",\"d\":[\"a\\u001b[31m\"]}\n{\"t\":\"tool\",\"name\":\"sh\"}\nnoise\n{\"t\":\"piece\",\"d\":[\"b\"]}\n{\"t\":\"end\",\"all\":\"ab\",\"in\":5,\"cost\":0.5}\n{\"t\":\"piece\",\"d\":[\"late\"]}",
                vec![text("a"), tool, text("b"), used],
                done.clone(),
            ),
            ("{\"t\":\"end\",\"all\":\"whole\"}", vec![text("whole")], done.clone()),
            ("{\"t\":\"other\"}\n[1]\n\n{\"t\":\"end\"}", vec![], done),
            ("{\"t\":\"ask\",\"q\":\"which?\"}", vec![], asks),
            ("{\"t\":\"bad\",\"why\":\"no\"}", vec![], failure(Reason::AgentFailed, "no")),
            ("{\"t\":\"bad\",\"why\":7}", vec![], failure(Reason::AgentFailed, "the agent gave no reason")),
            (
                "{\"t\":\"piece\",\"d\":[\"a\"]}",
                vec![text("a")],
                failure(Reason::AgentProtocol, "the agent ended without a result: last words"),
            ),
        ] {
            let (seen, ended, _) = read(lines, 0);
            assert_eq!((seen, ended), (events, end), "{lines}");
        }
        assert_eq!(read("", 3).1, failure(Reason::AgentFailed, "last words"));
    }

    #[test]
    fn a_line_can_count_as_it_stands_by_how_it_begins() {
        let begins = |text: &str, meaning| Meaning { begins: Some(text.to_owned()), ..meaning };
        let lines = vec![
            Meaning { when: vec![(Pointer::new("/t").unwrap(), "end".to_owned())], done: true, ..Meaning::default() },
            begins("Agent v", Meaning::default()),
            begins("error: ", Meaning { error: pointer(""), ..Meaning::default() }),
            begins("", Meaning { text: pointer(""), ..Meaning::default() }),
        ];
        let (mapping, exits) = (Mapping { lines, resume: Vec::new() }, Exits::default());
        let text = |text: &str| vec![AgentEvent::Text(text.to_owned())];
        for (stream, events, end) in [
            ("Agent v1\na\n\n{\"b\": 1}\r\n 2", text("a\n\n{\"b\": 1}\r\n 2"), None),
            ("a\n{\"t\":\"end\"}\nlate", text("a\n"), Some(End::Completed(Note::default()))),
            ("\u{1b}[31merror: no key\u{1b}[0m\nlate", vec![], Some(failure(Reason::AgentFailed, "error: no key"))),
        ] {
            let mut parser = ByLine::new(1 << 20, Parser::new(&mapping, &exits, None));
            let mut said = Said::default();
            parser.read(stream.as_bytes(), &mut said);
            parser.finish(&mut said);
            assert_eq!((said.events, said.end), (events, end), "{stream}");
        }
    }

    #[test]
    fn an_exit_code_says_why_a_turn_failed_but_where_a_line_has_to_no_code_says_that_it_did_not() {
        let without = "the agent ended without a result: last words";
        for (lines, code, end) in [
            ("", 4, failure(Reason::ProviderFailed, "last words")),
            ("", 5, failure(Reason::AgentProtocol, without)),
            ("{\"t\":\"end\"}", 4, End::Completed(Note::default())),
            ("{\"t\":\"bad\",\"why\":\"no\"}", 5, failure(Reason::AgentFailed, "no")),
        ] {
            assert_eq!(read(lines, code).1, end, "{lines} {code}");
        }
    }

    #[test]
    fn a_session_can_be_no_option() {
        for (id, kept) in [("0a-b_c.d:e", true), ("--config=x", false), ("a b", false), ("", false), ("a/../b", false)]
        {
            let (_, _, session) = read(&serde_json::json!({"t": "end", "id": id}).to_string(), 0);
            assert_eq!(session.is_some(), kept, "{id}");
        }
    }

    #[test]
    fn a_line_of_too_many_values_ends_the_turn() {
        let (_, end, _) = read(&format!("{{\"a\":[{}1]}}", "1,".repeat(1 << 18)), 0);
        assert!(matches!(&end, End::Failed(failure) if failure.reason == Reason::AgentProtocol), "{end:?}");
    }
}
