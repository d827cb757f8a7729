//! What the generators need to know of the protocol, read once from the compiled descriptors.

use std::collections::BTreeSet;

use heck::ToUpperCamelCase;
use prost_reflect::{
    Cardinality, DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use super::CodegenError;

const REQUIRED: i32 = 2;

/// All messages and enums of the package, in the order of the file.
pub(crate) struct Model {
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
}

/// An enum by its Rust name, with the names of its values.
pub(crate) struct Enum {
    pub(crate) rust: String,
    pub(crate) values: Vec<String>,
}

/// A message.
pub(crate) struct Message {
    pub(crate) proto: String,
    pub(crate) rust: String,
    /// Fields outside of a oneof.
    pub(crate) fields: Vec<Field>,
    pub(crate) union: Option<Union>,
}

/// The oneof of a message; no message has two.
pub(crate) struct Union {
    pub(crate) name: String,
    pub(crate) members: Vec<Field>,
}

/// A field.
pub(crate) struct Field {
    pub(crate) proto: String,
    pub(crate) json: String,
    pub(crate) shape: Shape,
    pub(crate) item: Item,
    pub(crate) required: bool,
}

/// How often a field's item stands there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    Optional,
    Many,
    /// Values of a map with string keys.
    Map,
}

/// What a field holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Text,
    Bytes,
    Bool,
    Int,
    /// An enum of the package, by its Rust name.
    Enum(String),
    /// A message of the package, by its Rust name.
    Message(String),
    /// `Struct`, `Value` or `Timestamp` of google.protobuf.
    WellKnown,
}

impl Model {
    /// Reads `package` out of `pool`.
    pub(crate) fn read(pool: &DescriptorPool, package: &str) -> Result<Self, CodegenError> {
        let behavior =
            pool.get_extension_by_name("google.api.field_behavior").expect("the file imports field_behavior");
        let file = pool.files().find(|file| file.package_name() == package).expect("the file was compiled");
        let messages = file.messages().map(|message| read_message(&message, &behavior)).collect::<Result<_, _>>()?;
        let enums = file
            .enums()
            .map(|kind| Enum {
                rust: kind.name().to_upper_camel_case(),
                values: kind.values().map(|value| value.name().to_owned()).collect(),
            })
            .collect();
        Ok(Self { messages, enums })
    }

    /// Rust names of the messages with something to check, directly or inside.
    pub(crate) fn checked(&self) -> BTreeSet<&str> {
        let mut checked = BTreeSet::new();
        loop {
            let before = checked.len();
            for message in &self.messages {
                let has_check = message.union.is_some()
                    || message.fields.iter().any(|field| {
                        field.required || matches!(&field.item, Item::Message(rust) if checked.contains(rust.as_str()))
                    });
                if has_check {
                    checked.insert(message.rust.as_str());
                }
            }
            if checked.len() == before {
                return checked;
            }
        }
    }
}

impl Message {
    /// Whether the message is nothing but its oneof, so that its JSON has at most one member.
    pub(crate) fn is_bare_union(&self) -> bool {
        self.union.is_some() && self.fields.is_empty()
    }
}

fn read_message(message: &MessageDescriptor, behavior: &ExtensionDescriptor) -> Result<Message, CodegenError> {
    let mut fields = Vec::new();
    let mut union: Option<Union> = None;
    for descriptor in message.fields() {
        let field = read_field(message, &descriptor, behavior)?;
        match descriptor.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            Some(oneof) => {
                let name = oneof.name().to_owned();
                union.get_or_insert_with(|| Union { name, members: Vec::new() }).members.push(field);
            }
            None => fields.push(field),
        }
    }
    Ok(Message { proto: message.full_name().to_owned(), rust: message.name().to_upper_camel_case(), fields, union })
}

fn read_field(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    behavior: &ExtensionDescriptor,
) -> Result<Field, CodegenError> {
    let (shape, kind) = match field.kind() {
        Kind::Message(entry) if field.is_map() => (Shape::Map, entry.map_entry_value_field().kind()),
        kind if field.cardinality() == Cardinality::Repeated => (Shape::Many, kind),
        kind if field.field_descriptor_proto().proto3_optional() => (Shape::Optional, kind),
        kind => (Shape::One, kind),
    };
    let item = match kind {
        Kind::String => Item::Text,
        Kind::Bytes => Item::Bytes,
        Kind::Bool => Item::Bool,
        Kind::Int32 => Item::Int,
        Kind::Enum(kind) => Item::Enum(kind.name().to_upper_camel_case()),
        Kind::Message(inner) if inner.package_name() == message.package_name() => {
            Item::Message(inner.name().to_upper_camel_case())
        }
        Kind::Message(_) => Item::WellKnown,
        other => {
            let (message, field) = (message.name().to_owned(), field.name().to_owned());
            return Err(CodegenError::Unsupported { message, field, what: format!("{other:?}") });
        }
    };
    let required = matches!(
        &*field.options().get_extension(behavior),
        Value::List(marks) if marks.contains(&Value::EnumNumber(REQUIRED))
    );
    Ok(Field { proto: field.name().to_owned(), json: field.json_name().to_owned(), shape, item, required })
}
