//! What a message lacks: the REQUIRED marks of the protocol as a list of violations (spec 5.7, 3.3.2).

use std::collections::BTreeMap;
use std::fmt::Write;

/// At most this many violations are listed; a caller needs no more to see what is wrong.
pub const VIOLATIONS_MAX: usize = 32;

/// One thing that is wrong with a message, as `google.rpc.BadRequest` lists them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldViolation {
    /// Where, such as `message.parts[0].text`.
    pub field: String,
    /// What is wrong, as a sentence without full stop.
    pub description: String,
}

impl FieldViolation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// A message that knows which of its fields must be there.
pub trait Validate {
    /// Reports what is missing, here and inside.
    fn check(&self, report: &mut Report);

    /// What is missing; empty for a valid message.
    fn violations(&self) -> Vec<FieldViolation> {
        let mut report = Report::default();
        self.check(&mut report);
        report.violations
    }
}

/// Collects violations while a message is walked through.
#[derive(Debug, Default)]
pub struct Report {
    path: Vec<Step>,
    violations: Vec<FieldViolation>,
}

#[derive(Debug)]
enum Step {
    Field(&'static str),
    Index(usize),
    Key(String),
}

impl Report {
    pub(crate) fn filled(&mut self, name: &'static str, is_filled: bool) {
        self.note(name, is_filled, "must be set");
    }

    pub(crate) fn present(&mut self, name: &'static str, is_present: bool) {
        self.note(name, is_present, "must be present");
    }

    pub(crate) fn not_empty(&mut self, name: &'static str, has_elements: bool) {
        self.note(name, has_elements, "must have at least one element");
    }

    /// A oneof that is not set is reported at the message that holds it.
    pub(crate) fn one_of(&mut self, names: &[&str], is_set: bool) {
        if !is_set && self.has_room() {
            let field = self.path(None);
            self.violations
                .push(FieldViolation { field, description: format!("must have one of {}", names.join(", ")) });
        }
    }

    pub(crate) fn inside(&mut self, name: &'static str, message: Option<&impl Validate>) {
        if let Some(message) = message {
            self.step(Step::Field(name), |report| message.check(report));
        }
    }

    pub(crate) fn each(&mut self, name: &'static str, messages: &[impl Validate]) {
        self.step(Step::Field(name), |report| {
            for (index, message) in messages.iter().enumerate() {
                report.step(Step::Index(index), |report| message.check(report));
            }
        });
    }

    pub(crate) fn each_value(&mut self, name: &'static str, messages: &BTreeMap<String, impl Validate>) {
        self.step(Step::Field(name), |report| {
            for (key, message) in messages {
                report.step(Step::Key(key.clone()), |report| message.check(report));
            }
        });
    }

    fn step(&mut self, step: Step, check: impl FnOnce(&mut Self)) {
        if self.has_room() {
            self.path.push(step);
            check(self);
            self.path.pop();
        }
    }

    fn note(&mut self, name: &'static str, is_right: bool, description: &str) {
        if !is_right && self.has_room() {
            let field = self.path(Some(name));
            self.violations.push(FieldViolation { field, description: description.to_owned() });
        }
    }

    fn has_room(&self) -> bool {
        self.violations.len() < VIOLATIONS_MAX
    }

    fn path(&self, last: Option<&'static str>) -> String {
        let mut path = String::new();
        for step in self.path.iter().chain(last.map(Step::Field).as_ref()) {
            let _ = match step {
                Step::Field(name) if path.is_empty() => write!(path, "{name}"),
                Step::Field(name) => write!(path, ".{name}"),
                Step::Index(index) => write!(path, "[{index}]"),
                Step::Key(key) => write!(path, "[{key:?}]"),
            };
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::decode;
    use crate::v1;

    fn fields<T: serde::de::DeserializeOwned + Validate>(json: &str) -> Vec<String> {
        decode::<T>(json.as_bytes()).unwrap().violations().into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn missing_fields_are_named_by_their_path() {
        let send = fields::<v1::SendMessageRequest>;
        for (json, expected) in [
            ("{}", vec!["message"]),
            (r#"{"message":{}}"#, vec!["message.messageId", "message.role", "message.parts"]),
            (r#"{"message":{"messageId":"m","role":1,"parts":[{"text":""}]}}"#, vec![]),
            (r#"{"message":{"messageId":"m","role":1,"parts":[{"text":"x"},{}]}}"#, vec!["message.parts[1]"]),
            (
                r#"{"message":{"messageId":"m","role":1,"parts":[{"text":"x"}]},"configuration":{"taskPushNotificationConfig":{}}}"#,
                vec!["configuration.taskPushNotificationConfig.url"],
            ),
        ] {
            assert_eq!(send(json), expected, "{json}");
        }
    }

    #[test]
    fn values_of_maps_and_oneofs_are_looked_into() {
        let json = r#"{"name":"n","description":"d","supportedInterfaces":[{"url":"u","protocolBinding":"b","protocolVersion":"1"}],
            "version":"1","capabilities":{},"defaultInputModes":["t"],"defaultOutputModes":["t"],
            "skills":[{"id":"i","name":"n","description":"d","tags":["t"]}],
            "securitySchemes":{"a":{},"b":{"oauth2SecurityScheme":{"flows":{"deviceCode":{"tokenUrl":"t"}}}}}}"#;
        let expected = [
            r#"securitySchemes["a"]"#,
            r#"securitySchemes["b"].oauth2SecurityScheme.flows.deviceCode.deviceAuthorizationUrl"#,
        ];
        assert_eq!(fields::<v1::AgentCard>(json), expected);
    }

    #[test]
    fn a_page_without_tasks_is_valid() {
        assert_eq!(fields::<v1::ListTasksResponse>("{}"), Vec::<String>::new());
    }

    #[test]
    fn the_list_of_violations_is_bounded() {
        let parts = vec!["{}"; 10_000].join(",");
        let json = format!(r#"{{"messageId":"m","role":1,"parts":[{parts}]}}"#);
        assert_eq!(fields::<v1::Message>(&json).len(), VIOLATIONS_MAX);
    }
}
