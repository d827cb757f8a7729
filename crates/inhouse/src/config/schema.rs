//! `inhouse config schema`: what inhouse.toml may hold, as a JSON Schema for editors. Which keys there are, and what each may hold, is what
//! the parser asks for when it reads a file that has one of each table; what they mean is what the commented example says.

use std::collections::BTreeMap;
use std::path::Path;

use inhouse_trust::HostEnv;
use serde_json::{Map, Value, json};

use super::document::{Asked, Kind, Source};
use super::error::ConfigError;
use super::file::read_from;
use super::limits::LIMITS;

/// One of each table, with what it needs.
const ONE_OF_EACH: &str = r#"
[server]
[card]
[[card.extensions]]
uri = "https://example.com/extension"
[audit]
[push]
[limits]
[[callers]]
name = "a"
token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
[[jwt]]
name = "a"
issuer = "https://example.com"
audience = "a"
[agents.a]
[[agents.a.skills]]
id = "a"
[[agents.a.lines]]
begins = "a"
text = ""
"#;

/// The file that says what each key is for.
const EXAMPLE: &str = include_str!("../../../../inhouse.toml.example");
/// What stands in front of its explanations, and of its keys.
const EXPLAINS: &str = "## ";
const SHOWS: &str = "# ";

/// The schema.
///
/// # Errors
/// [`ConfigError`], if the parser refuses the smallest file that has all tables.
pub(crate) fn schema() -> Result<Value, ConfigError> {
    let source = Source::new("schema", ONE_OF_EACH);
    read_from(&source, Path::new("/"), &HostEnv::default())?;
    let writer = Writer { asked: source.asked(), told: told(EXAMPLE) };
    let mut schema = writer.object("");
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("inhouse.toml"));
    schema.insert(
        "description".into(),
        json!("The configuration of inhouse. The unit of a bound stands last in its name."),
    );
    Ok(schema.into())
}

/// What the example tells of a key, or of a table, whose key is empty.
#[derive(Debug, Default)]
struct Told {
    text: String,
    value: Option<Value>,
}

struct Writer {
    asked: Vec<Asked>,
    told: BTreeMap<(String, String), Told>,
}

impl Writer {
    fn object(&self, table: &str) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut needed = Vec::new();
        for asked in self.asked.iter().filter(|asked| asked.table == table) {
            properties.insert(asked.key.to_owned(), self.property(asked).into());
            if asked.is_needed {
                needed.push(asked.key);
            }
        }
        let mut object = self.described(table, "");
        object.insert("type".into(), json!("object"));
        object.insert("properties".into(), properties.into());
        object.insert("additionalProperties".into(), json!(false));
        if !needed.is_empty() {
            object.insert("required".into(), json!(needed));
        }
        object
    }

    fn property(&self, asked: &Asked) -> Map<String, Value> {
        let Asked { table, key, kind, .. } = asked;
        let below = |mark: &str| if table.is_empty() { format!("{key}{mark}") } else { format!("{table}.{key}{mark}") };
        let form = match kind {
            Kind::String => json!({"type": "string"}),
            Kind::Text => json!({"type": "string", "minLength": 1}),
            Kind::Switch => json!({"type": "boolean"}),
            Kind::Number(range) => json!({"type": "integer", "minimum": range.start(), "maximum": range.end()}),
            Kind::Amount => json!({"type": "number", "exclusiveMinimum": 0}),
            Kind::Choice(words) => json!({"enum": words}),
            Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Kind::Pairs => json!({"type": "object", "additionalProperties": {"type": "string"}}),
            Kind::Table => return self.object(&below("")),
            Kind::List => json!({"type": "array", "items": self.object(&below("[]"))}),
            Kind::Named => json!({"type": "object", "additionalProperties": self.object(&below(".*"))}),
        };
        let mut property = self.described(table, key);
        property.extend(form.as_object().cloned().unwrap_or_default());
        if let Some(limit) = LIMITS.iter().find(|limit| table == "limits" && limit.key == *key) {
            property.remove("examples");
            property.insert("default".into(), json!(limit.default));
        }
        property
    }

    fn described(&self, table: &str, key: &str) -> Map<String, Value> {
        let mut words = Map::new();
        let Some(Told { text, value }) = self.told.get(&(table.to_owned(), key.to_owned())) else { return words };
        if !text.is_empty() {
            words.insert("description".into(), json!(text));
        }
        if let Some(value) = value {
            words.insert("examples".into(), json!([value]));
        }
        words
    }
}

/// What a commented file tells of tables and keys: the lines above the first one of each. Keys behind one another are told of together.
fn told(example: &str) -> BTreeMap<(String, String), Told> {
    let mut told = BTreeMap::new();
    let (mut table, mut lines, mut is_read) = (String::new(), Vec::new(), false);
    for line in example.lines() {
        if let Some(text) = line.strip_prefix(EXPLAINS) {
            if std::mem::take(&mut is_read) {
                lines.clear();
            }
            lines.push(text);
            continue;
        }
        let shown = line.strip_prefix(SHOWS).unwrap_or_default();
        let key = if let Some(heading) = shown.strip_prefix('[') {
            table = path(heading);
            if is_read {
                lines.clear();
            }
            String::new()
        } else if let Some((key, _)) = shown.split_once(" = ") {
            key.to_owned()
        } else {
            lines.clear();
            continue;
        };
        let value =
            shown.parse::<toml::Table>().ok().and_then(|mut read| serde_json::to_value(read.remove(&key)?).ok());
        told.entry((table.clone(), key.clone())).or_insert_with(|| Told { text: lines.join(" "), value });
        // What is said of a table is not said of its first key.
        is_read = true;
        if key.is_empty() {
            lines.clear();
        }
    }
    told
}

/// A heading without its first bracket, as the parser calls the table: `agents.*.skills[]`.
fn path(heading: &str) -> String {
    let (name, mark) = match heading.strip_prefix('[') {
        Some(list) => (list, "[]"),
        None => (heading, ""),
    };
    let name = name.trim_end_matches(']');
    let path = match name.strip_prefix("agents.").map(|rest| rest.split_once('.')) {
        Some(Some((_, below))) => format!("agents.*.{below}"),
        Some(None) => "agents.*".to_owned(),
        None => name.to_owned(),
    };
    path + mark
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example with all that it shows, but for what excludes what it shows elsewhere.
    fn shown() -> Value {
        let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix(SHOWS));
        let text: String = lines
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            .map(|line| format!("{line}\n"))
            .collect();
        serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
    }

    #[test]
    fn the_example_fits_the_schema_and_shows_every_key_of_it() {
        let (schema, shown) = (schema().unwrap(), shown());
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&shown).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let mut missing = Vec::new();
        untold(&schema, "", &mut missing);
        assert_eq!(missing, Vec::<String>::new(), "without a word in inhouse.toml.example");
    }

    /// The properties that no line of the example explains.
    fn untold(schema: &Value, at: &str, missing: &mut Vec<String>) {
        let tables = ["items", "additionalProperties"].iter().map(|key| &schema[*key]);
        tables.filter(|below| below.is_object()).for_each(|below| untold(below, at, missing));
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}/{key}");
            let has_keys = property.to_string().contains("\"properties\"");
            if !has_keys
                && property["description"].is_null()
                && property["examples"].is_null()
                && property["default"].is_null()
            {
                missing.push(at.clone());
            }
            untold(property, &at, missing);
        }
    }

    #[test]
    fn what_the_parser_refuses_the_schema_refuses() {
        let validator = jsonschema::draft202012::new(&schema().unwrap()).unwrap();
        for (text, fits) in [
            ("[server]\nport = 80\n[agents.claude]\n", true),
            ("[server]\nport = 65536\n", false),
            ("[server]\nprot = 80\n", false),
            ("[server]\nhost = \"\"\n", false),
            ("[server]\ncontainment = \"jail\"\n", false),
            ("[limits]\nhops_max = \"4\"\n", false),
            ("[[callers]]\ntoken_env = \"A\"\n", false),
            ("[agents.a]\nenv_set = { A = 1 }\n", false),
            ("[agents.a]\nusd_per_day_max = 0\n", false),
            ("[[agents.a.skills]]\nid = \"x\"\nnmae = \"y\"\n", false),
        ] {
            let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
            assert_eq!(validator.is_valid(&value), fits, "{text}");
        }
    }

    #[test]
    fn the_schema_has_the_words_of_the_example() {
        let schema = schema().unwrap();
        let port = &schema["properties"]["server"]["properties"]["port"];
        let described = "Port to listen on; 0 takes a free one. Flag --port, environment PORT.";
        assert_eq!(
            (&port["description"], &port["maximum"], &port["examples"][0]),
            (&json!(described), &json!(65535), &json!(8080))
        );
        let limit = &schema["properties"]["limits"]["properties"]["connections_max"];
        assert_eq!((&limit["description"], &limit["default"]), (&json!("Open connections in all."), &json!(10_000)));
        let skills = &schema["properties"]["agents"]["additionalProperties"]["properties"]["skills"]["items"];
        assert_eq!(skills["required"], json!(["id"]));
    }
}
