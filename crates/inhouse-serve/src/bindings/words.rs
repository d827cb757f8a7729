//! What older generations call the fields of a request: the rules are in 1.0's words, and an error is read by whoever wrote the
//! request.

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::validate::FieldViolation;

use super::operation::Kind;
use super::version::Generation;

/// The beginning of a field in 1.0, and the same in an older generation.
type Names = &'static [(&'static str, &'static str)];

/// The way in which a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// By the schemas of JSON-RPC.
    Schema,
    /// By the messages of the service, as HTTP+JSON and gRPC.
    Service,
}

/// The error of a call in the words of the caller's generation.
pub(crate) fn in_words_of(generation: Generation, by: Written, kind: Kind, mut error: A2aError) -> A2aError {
    if generation == Generation::V03 && kind == Kind::Card && error.kind == ErrorKind::UnsupportedOperation {
        // 0.3 has a word of its own for it.
        error.kind = ErrorKind::ExtendedAgentCardNotConfigured;
    }
    let names = names(generation, by, kind);
    if names.is_empty() {
        return error;
    }
    let mut renamed: Vec<FieldViolation> = Vec::new();
    for violation in error.violations {
        let field = rename(names, &violation.field);
        // Two fields of 1.0 may be one, and a wrong value may have been noted by its own name already.
        if renamed.iter().all(|known| known.field != field) {
            renamed.push(FieldViolation { field, ..violation });
        }
    }
    error.violations = renamed;
    error
}

fn rename(names: Names, field: &str) -> String {
    let rest = |from: &str| field.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let renamed = names.iter().find_map(|(from, to)| Some(format!("{to}{}", rest(from)?)));
    renamed.unwrap_or_else(|| field.to_owned())
}

fn names(generation: Generation, by: Written, kind: Kind) -> Names {
    match (generation, by, kind) {
        (Generation::V03, Written::Schema, Kind::Send | Kind::Stream) => &[
            (
                "configuration.taskPushNotificationConfig.authentication.scheme",
                "configuration.pushNotificationConfig.authentication.schemes",
            ),
            ("configuration.taskPushNotificationConfig", "configuration.pushNotificationConfig"),
        ],
        (Generation::V03, Written::Schema, Kind::PushCreate) => &[
            ("id", "pushNotificationConfig.id"),
            ("url", "pushNotificationConfig.url"),
            ("token", "pushNotificationConfig.token"),
            ("authentication.scheme", "pushNotificationConfig.authentication.schemes"),
            ("authentication", "pushNotificationConfig.authentication"),
        ],
        (Generation::V03, Written::Schema, Kind::PushGet | Kind::PushList | Kind::PushDelete) => &[("taskId", "id")],
        (Generation::V03, Written::Service, Kind::Send | Kind::Stream) => &[
            ("message.parts", "message.content"),
            (
                "configuration.taskPushNotificationConfig.authentication.scheme",
                "configuration.pushNotification.authentication.schemes",
            ),
            ("configuration.taskPushNotificationConfig", "configuration.pushNotification"),
        ],
        (Generation::V03, Written::Service, Kind::PushCreate) => &[
            ("taskId", "parent"),
            ("id", "configId"),
            ("url", "config.pushNotificationConfig.url"),
            ("token", "config.pushNotificationConfig.token"),
            ("authentication.scheme", "config.pushNotificationConfig.authentication.schemes"),
            ("authentication", "config.pushNotificationConfig.authentication"),
        ],
        (Generation::First, _, Kind::Send | Kind::Stream) => &[
            ("message.contextId", "sessionId"),
            ("configuration.historyLength", "historyLength"),
            ("configuration.acceptedOutputModes", "acceptedOutputModes"),
            (
                "configuration.taskPushNotificationConfig.authentication.scheme",
                "pushNotification.authentication.schemes",
            ),
            ("configuration.taskPushNotificationConfig", "pushNotification"),
        ],
        (Generation::First, _, Kind::PushCreate) => &[
            ("taskId", "id"),
            ("url", "pushNotificationConfig.url"),
            ("token", "pushNotificationConfig.token"),
            ("authentication.scheme", "pushNotificationConfig.authentication.schemes"),
            ("authentication", "pushNotificationConfig.authentication"),
        ],
        (Generation::First, _, Kind::PushGet) => &[("taskId", "id")],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_the_name_that_its_generation_gave_it() {
        let config = "configuration.taskPushNotificationConfig.url";
        for (generation, by, kind, field, expected) in [
            (Generation::V1, Written::Schema, Kind::Send, config, config),
            (Generation::V03, Written::Schema, Kind::Send, config, "configuration.pushNotificationConfig.url"),
            (Generation::V03, Written::Service, Kind::Stream, config, "configuration.pushNotification.url"),
            (Generation::V03, Written::Service, Kind::Send, "message.parts[3].text", "message.content[3].text"),
            (Generation::V03, Written::Schema, Kind::Send, "message.parts[3]", "message.parts[3]"),
            (Generation::V03, Written::Schema, Kind::PushCreate, "url", "pushNotificationConfig.url"),
            (Generation::V03, Written::Schema, Kind::PushCreate, "urls", "urls"),
            (Generation::V03, Written::Schema, Kind::PushGet, "taskId", "id"),
            (Generation::First, Written::Schema, Kind::Send, config, "pushNotification.url"),
            (Generation::First, Written::Schema, Kind::Send, "message.contextId", "sessionId"),
        ] {
            let error = in_words_of(generation, by, kind, A2aError::invalid(field, "is wrong"));
            assert_eq!(error.violations[0].field, expected, "{generation:?} {by:?} {kind:?}");
        }
    }

    #[test]
    fn a_field_is_named_once() {
        let told = |field: &str| FieldViolation::new(field, "is wrong");
        let both =
            [told("configuration.pushNotificationConfig.url"), told("configuration.taskPushNotificationConfig.url")];
        let error = A2aError::invalid_fields(both.to_vec());
        assert_eq!(in_words_of(Generation::V03, Written::Schema, Kind::Send, error).violations.len(), 1);
    }
}
