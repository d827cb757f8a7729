//! The published schemas, each definition under an address of its own.

use jsonschema::Registry;
use serde_json::{Value, json};

/// The definitions of one generation: the beginning of their addresses.
pub(crate) type Generation = &'static str;
pub(crate) const V1: Generation = "schema:///v1/lf.a2a.v1.";
pub(crate) const V0_3: Generation = "schema:///v0.3#/definitions/";
pub(crate) const V0_2: Generation = "schema:///v0.2#/definitions/";
pub(crate) const V0_1: Generation = "schema:///v0.1#/$defs/";

/// All of them.
pub(crate) struct Schemas(Registry<'static>);

impl Schemas {
    pub(crate) fn new() -> Self {
        let read = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let mut all = Registry::new();
        for (address, mut schema, is_closed) in [
            ("schema:///v0.3", read(include_str!("../schemas/v0.3.0.json")), true),
            ("schema:///v0.2", read(include_str!("../schemas/v0.2.6.json")), true),
            ("schema:///v0.1", read(include_str!("../schemas/v0.1.0.json")), false),
        ] {
            if is_closed {
                close(&mut schema);
            }
            all = all.add(address, schema).unwrap();
        }
        // The references of v1 are names of files that its bundle does not tell: they follow from the titles.
        let Value::Object(v1) = read(include_str!("../schemas/v1.0.0.json"))["definitions"].take() else {
            panic!("no definitions")
        };
        for (title, schema) in v1 {
            let package = if ["Struct", "Timestamp", "Value"].contains(&title.as_str()) {
                "google.protobuf"
            } else {
                "lf.a2a.v1"
            };
            let address = format!("schema:///v1/{package}.{}.jsonschema.json", title.replace(' ', ""));
            all = all.add(address, schema).unwrap();
        }
        Self(all.prepare().unwrap())
    }

    /// Fails where `value` is not of the definition; `about` tells which it is.
    #[track_caller]
    pub(crate) fn accept(&self, generation: Generation, definition: &str, value: &Value, about: &str) {
        let errors = self.errors(generation, definition, value);
        assert!(errors.is_empty(), "{about}: {definition} of {generation}: {errors:#?} in {value:#}");
    }

    /// Fails where it is.
    #[track_caller]
    pub(crate) fn refuse(&self, generation: Generation, definition: &str, value: &Value, about: &str) {
        let errors = self.errors(generation, definition, value);
        assert!(!errors.is_empty(), "{about}: {definition} of {generation} takes {value:#}");
    }

    fn errors(&self, generation: Generation, definition: &str, value: &Value) -> Vec<String> {
        let end = if generation == V1 { ".jsonschema.json" } else { "" };
        let schema = json!({"$ref": format!("{generation}{definition}{end}")});
        let options = jsonschema::options().with_registry(&self.0).should_validate_formats(true);
        let validator = options.build(&schema).unwrap();
        validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
    }
}

/// Forbids members that the schema does not name, wherever it names some.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) && members.contains_key("type") {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}
