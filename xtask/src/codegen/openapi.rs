//! From proto/a2a.proto to the OpenAPI description of HTTP+JSON that the server shows: its messages and their comments as schemas, and a
//! table of paths (spec 11.3).

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, Value as Mark,
};
use serde_json::{Map, Value, json};

/// Of a field that always stands there.
const REQUIRED: i32 = 2;

/// An operation of the binding.
struct Operation {
    path: &'static str,
    method: &'static str,
    /// The service's method.
    rpc: &'static str,
    /// Whether the request is the body; else its fields are in the query.
    has_body: bool,
    is_stream: bool,
}

const fn op(path: &'static str, method: &'static str, rpc: &'static str) -> Operation {
    Operation { path, method, rpc, has_body: false, is_stream: false }
}

const CONFIGS: &str = "/tasks/{taskId}/pushNotificationConfigs";
const CONFIG: &str = "/tasks/{taskId}/pushNotificationConfigs/{id}";

const OPERATIONS: [Operation; 11] = [
    Operation { has_body: true, ..op("/message:send", "post", "SendMessage") },
    Operation { has_body: true, is_stream: true, ..op("/message:stream", "post", "SendStreamingMessage") },
    op("/tasks", "get", "ListTasks"),
    op("/tasks/{id}", "get", "GetTask"),
    Operation { has_body: true, ..op("/tasks/{id}:cancel", "post", "CancelTask") },
    Operation { is_stream: true, ..op("/tasks/{id}:subscribe", "post", "SubscribeToTask") },
    Operation { has_body: true, ..op(CONFIGS, "post", "CreateTaskPushNotificationConfig") },
    op(CONFIGS, "get", "ListTaskPushNotificationConfigs"),
    op(CONFIG, "get", "GetTaskPushNotificationConfig"),
    op(CONFIG, "delete", "DeleteTaskPushNotificationConfig"),
    op("/extendedAgentCard", "get", "GetExtendedAgentCard"),
];

/// The document, of a file that was compiled with its comments.
pub(super) fn generate(pool: &DescriptorPool, package: &str) -> String {
    let file = pool.files().find(|file| file.package_name() == package).expect("the file was compiled");
    let behavior = pool.get_extension_by_name("google.api.field_behavior").expect("the file imports field_behavior");
    let reader = Reader { comments: comments(&file), behavior };
    let mut schemas: Map<String, Value> =
        file.messages().map(|message| (message.name().to_owned(), reader.message(&message))).collect();
    schemas.extend(file.enums().map(|kind| (kind.name().to_owned(), reader.choice(&kind))));
    schemas.insert("Error".to_owned(), error());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "A2A 1.0 over HTTP+JSON",
            "description": "What an agent of this server answers. The default agent is at the root; another one at /agents/{agent}, or under its name as the first segment of the path.",
            "version": "1.0",
        },
        "servers": [
            {"url": "/"},
            {"url": "/agents/{agent}", "variables": {"agent": {"default": "claude", "description": "The agent's name"}}},
        ],
        "security": [{"token": []}],
        "paths": reader.paths(&file),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Error": {
                "description": "What is wrong, and with which field",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }},
        },
    });
    serde_json::to_string_pretty(&document).expect("texts and numbers always become JSON") + "\n"
}

/// The form of every error of the binding (spec 11.6).
fn error() -> Value {
    json!({
        "type": "object",
        "properties": {"error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer", "description": "The status of the answer"},
                "status": {"type": "string", "description": "The same as a word of gRPC"},
                "message": {"type": "string", "description": "For people"},
                "details": {"type": "array", "items": {"type": "object"}, "description": "The reason, and the fields that are wrong"},
            },
            "required": ["code", "status", "message"],
        }},
        "required": ["error"],
    })
}

/// The comments of a file by the paths of what they stand above.
fn comments(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
    let comment = |location: prost_reflect::prost_types::source_code_info::Location| {
        let text = location.leading_comments?.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Some((location.path, text.trim().trim_end_matches('.').to_owned()))
    };
    info.location.into_iter().filter_map(comment).collect()
}

/// Reads descriptors.
struct Reader {
    comments: HashMap<Vec<i32>, String>,
    behavior: ExtensionDescriptor,
}

impl Reader {
    fn comment(&self, path: &[i32]) -> &str {
        self.comments.get(path).map(String::as_str).unwrap_or_default()
    }

    fn message(&self, message: &MessageDescriptor) -> Value {
        let mut properties = Map::new();
        let (mut required, mut one_of) = (Vec::new(), Vec::new());
        for field in message.fields() {
            let name = field.json_name().to_owned();
            let is_in_union = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
            if is_in_union {
                one_of.push(json!({"required": [name]}));
            } else if self.is_required(&field) {
                required.push(name.clone());
            }
            properties.insert(name, described(schema(&field), self.comment(field.path())));
        }
        let mut object =
            Map::from_iter([("type".to_owned(), json!("object")), ("properties".to_owned(), properties.into())]);
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        if !one_of.is_empty() {
            object.insert("oneOf".to_owned(), json!(one_of));
        }
        described(object.into(), self.comment(message.path()))
    }

    fn choice(&self, kind: &EnumDescriptor) -> Value {
        let names: Vec<_> = kind.values().map(|value| value.name().to_owned()).collect();
        described(json!({"type": "string", "enum": names}), self.comment(kind.path()))
    }

    fn is_required(&self, field: &FieldDescriptor) -> bool {
        let options = field.options();
        matches!(&*options.get_extension(&self.behavior), Mark::List(marks) if marks.contains(&Mark::EnumNumber(REQUIRED)))
    }

    fn paths(&self, file: &FileDescriptor) -> Value {
        let service = file.services().next().expect("the file has the service");
        let mut paths = Map::new();
        for operation in &OPERATIONS {
            let method =
                service.methods().find(|method| method.name() == operation.rpc).expect("a method of the service");
            let (input, output) = (method.input(), method.output());
            let mut described = Map::from_iter([
                ("operationId".to_owned(), json!(operation.rpc)),
                ("summary".to_owned(), json!(self.comment(method.path()))),
                ("parameters".to_owned(), self.parameters(operation, &input)),
                ("responses".to_owned(), responses(operation, output.name())),
            ]);
            if operation.has_body {
                let content = json!({"application/json": {"schema": named(input.name())}});
                described.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
            }
            let item = paths.entry(operation.path).or_insert_with(|| json!({}));
            item[operation.method] = described.into();
        }
        paths.into()
    }

    /// Those of the path, and for a request without a body the other fields in the query.
    fn parameters(&self, operation: &Operation, input: &MessageDescriptor) -> Value {
        let of = |field: FieldDescriptor| {
            let name = field.json_name().to_owned();
            let is_in_path = operation.path.contains(&format!("{{{name}}}"));
            let is_shown = is_in_path || (!operation.has_body && name != "tenant");
            let place = if is_in_path { "path" } else { "query" };
            is_shown.then(|| {
                json!({"name": name, "in": place, "required": is_in_path, "schema": schema(&field),
                    "description": self.comment(field.path())})
            })
        };
        let version = json!({"name": "A2A-Version", "in": "header", "required": false, "schema": {"type": "string"},
            "description": "The version that the client speaks: 1.0"});
        input.fields().filter_map(of).chain([version]).collect()
    }
}

fn responses(operation: &Operation, output: &str) -> Value {
    let (media_type, meaning) = match operation.is_stream {
        true => ("text/event-stream", "The events, each the data of one; its id is its number in the task"),
        false => ("application/json", "What came of it"),
    };
    let schema = if output == "Empty" { json!({"type": "object"}) } else { named(output) };
    json!({
        "200": {"description": meaning, "content": {media_type: {"schema": schema}}},
        "default": {"$ref": "#/components/responses/Error"},
    })
}

fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn described(mut schema: Value, text: &str) -> Value {
    if !text.is_empty() {
        schema["description"] = json!(text);
    }
    schema
}

fn schema(field: &FieldDescriptor) -> Value {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            json!({"type": "object", "additionalProperties": of_kind(&entry.map_entry_value_field().kind())})
        }
        kind if field.cardinality() == Cardinality::Repeated => json!({"type": "array", "items": of_kind(&kind)}),
        kind => of_kind(&kind),
    }
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Enum(kind) => named(kind.name()),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Struct" => json!({"type": "object"}),
            // Any JSON.
            "google.protobuf.Value" => json!({}),
            _ => named(message.name()),
        },
        _ => json!({"type": "string"}),
    }
}
