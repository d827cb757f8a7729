//! The JSON of messages that are one oneof (`{"task":{…}}`), and the names of enum values.

use std::fmt::Write;

use heck::{ToSnakeCase, ToUpperCamelCase};

use super::model::{Enum, Field, Item, Message, Model, Union};
use super::structs::{FORM, serde_attribute};

/// The source of all trait implementations that serde cannot derive.
///
/// A message with a oneof beside other fields is not among them: `Part` of v1 and `FilePart` of 0.3, whose JSON is written
/// by hand.
pub(crate) fn generate(model: &Model) -> String {
    let enums = model.enums.iter().map(json_enum);
    let unions = model.messages.iter().filter(|message| message.is_bare_union());
    enums.chain(unions.filter_map(|message| Some(json_union(message, message.union.as_ref()?)))).collect()
}

fn json_enum(Enum { rust, values }: &Enum) -> String {
    format!(
        "impl {FORM}::JsonEnum for {rust} {{
            const NAMES: &'static [&'static str] = &{values:?};
            fn named(name: &str) -> Option<Self> {{ Self::from_str_name(name) }}
            fn name(self) -> &'static str {{ self.as_str_name() }}
        }}\n"
    )
}

fn json_union(message: &Message, union: &Union) -> String {
    let rust = &message.rust;
    let slot = &union.name;
    let path = format!("{}::{}", rust.to_snake_case(), slot.to_upper_camel_case());
    let (mut write, mut members, mut read) = (String::new(), String::new(), String::new());
    for field in &union.members {
        let (name, json, variant) = (&field.proto, &field.json, field.proto.to_upper_camel_case());
        let _ = writeln!(write, "Some({path}::{variant}(value)) => {FORM}::write_member(serializer, {json:?}, value),");
        let _ = writeln!(members, "{} {name}: Option<{}>,", serde_attribute(field), item_type(field));
        let _ = writeln!(read, "found.offer({json:?}, members.{name}.map({path}::{variant}))?;");
    }
    format!(
        "impl ::serde::Serialize for {rust} {{
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {{
                match &self.{slot} {{ {write} None => {FORM}::write_nothing(serializer), }}
            }}
        }}
        impl<'de> ::serde::Deserialize<'de> for {rust} {{
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {{
                #[derive(Default, ::serde::Deserialize)]
                #[serde(default, rename = {rust:?})]
                struct Members {{ {members} }}
                let members = Members::deserialize(deserializer)?;
                let mut found = {FORM}::OneOf::default();
                {read}
                Ok(Self {{ {slot}: found.into_inner() }})
            }}
        }}\n"
    )
}

fn item_type(field: &Field) -> &str {
    match &field.item {
        Item::Message(rust) => rust,
        Item::Text => "String",
        _ => "crate::json::Value",
    }
}
