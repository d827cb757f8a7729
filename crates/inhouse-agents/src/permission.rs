//! The request for leave to use a tool, as every agent's looks to whoever decides: one sentence for people, the tool and what it
//! acts on for rules, its whole input for programs.

use std::borrow::Cow;
use std::path::{Component, Path};

use inhouse_engine::{Ask, Choice, Question};
use serde_json::{Value, json};

use crate::text::without_escapes;

/// Requests of one agent that may be open at the same time.
pub(crate) const OPEN_MAX: usize = 64;
/// An input up to this size is shown whole.
pub(crate) const INPUT_BYTES_MAX: usize = 256 << 10;

/// What a command that runs in the folder `cwd` acts on, for rules of a turn that works in `directory`. The same words in another folder
/// are another deed: what allows them here does not allow that step.
pub(crate) fn command_in<'a>(command: &'a str, cwd: &str, directory: &str) -> Cow<'a, str> {
    match is_in(cwd, directory) {
        true => Cow::Borrowed(command),
        false => Cow::Owned(format!("cd {cwd}\n{command}")),
    }
}

/// Whether `cwd` is the directory, or one in it by its name; a relative one counts from there, and none is there.
fn is_in(cwd: &str, directory: &str) -> bool {
    let cwd = Path::new(cwd);
    let goes_up = cwd.components().any(|name| name == Component::ParentDir);
    cwd.as_os_str().is_empty() || !goes_up && Path::new(directory).join(cwd).starts_with(directory)
}

/// What an agent would do.
#[derive(Debug, Default)]
pub(crate) struct Use<'a> {
    /// The tool's name, here and in rules.
    pub(crate) tool: &'a str,
    /// What it acts on, as rules see it; empty where the input does not tell.
    pub(crate) subject: &'a str,
    /// The same for people, where it is something else.
    pub(crate) shown: Option<&'a str>,
    /// What the agent says that it is for; empty where it says nothing.
    pub(crate) purpose: &'a str,
    /// The tool's input, in JSON; empty where there is none.
    pub(crate) input: &'a str,
}

impl Use<'_> {
    /// The ask, of which one option is the answer.
    pub(crate) fn ask(&self, id: &str, options: Vec<Choice>) -> Ask {
        let shown = self.shown.unwrap_or(self.subject);
        let purpose = Some(self.purpose).filter(|purpose| !purpose.is_empty() && *purpose != shown);
        let purpose = purpose.map(|purpose| format!("\n({purpose})")).unwrap_or_default();
        let text = without_escapes(format!("May the agent use {}?\n{shown}{purpose}", self.tool));
        let input = match self.input.len() {
            ..=INPUT_BYTES_MAX => serde_json::from_str(self.input).unwrap_or(Value::Null),
            bytes => json!({"omittedBytes": bytes}),
        };
        let question = Question { id: "permission".to_owned(), text, options, multiple: false, free_text: false };
        Ask {
            id: id.to_owned(),
            tool: self.tool.to_owned(),
            subject: self.subject.to_owned(),
            input,
            questions: vec![question],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_another_folder_is_another_deed() {
        for (cwd, is_here) in [
            ("", true),
            ("/p", true),
            ("/p/", true),
            ("/p/a", true),
            ("a", true),
            ("./a", true),
            ("/", false),
            ("/pa", false),
            ("/p/../etc", false),
            ("..", false),
            ("a/../../etc", false),
            ("/etc", false),
        ] {
            let expected = if is_here { "ls".to_owned() } else { format!("cd {cwd}\nls") };
            assert_eq!(command_in("ls", cwd, "/p"), expected, "{cwd}");
        }
    }
}
