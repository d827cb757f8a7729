//! The types themselves, written by prost-build, with the serde attributes of the protocol's JSON (spec 5.5, 5.7).

use prost_build::{Config, Module};
use protox::prost_reflect::prost_types::FileDescriptorSet;

use super::CodegenError;
use super::model::{Field, Item, Message, Model, Shape};

/// Where the generated code finds the parts of the JSON form that are written by hand.
pub(crate) const FORM: &str = "crate::v1::json_form";

/// The source of all structs and enums of the package.
pub(crate) fn generate(model: &Model, package: &str, files: FileDescriptorSet) -> Result<String, CodegenError> {
    let mut config = Config::new();
    config.btree_map(["."]);
    for name in ["Struct", "Value", "Timestamp"] {
        config.extern_path(format!(".google.protobuf.{name}"), format!("crate::json::{name}"));
    }
    model.messages.iter().filter(|message| message.union.is_none()).for_each(|message| annotate(&mut config, message));
    let package = Module::from_protobuf_package_name(package);
    let requests =
        files.file.into_iter().map(|file| (Module::from_protobuf_package_name(file.package()), file)).collect();
    let mut modules = config.generate(requests).map_err(CodegenError::Prost)?;
    let source = modules.remove(&package).expect("the package has messages");
    // The first line is prost-build's own header.
    Ok(source.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned()))
}

fn annotate(config: &mut Config, message: &Message) {
    let path = format!(".{}", message.proto);
    config.message_attribute(&path, "#[derive(::serde::Serialize, ::serde::Deserialize)]\n#[serde(default)]");
    for field in &message.fields {
        config.field_attribute(format!("{path}.{}", field.proto), serde_attribute(field));
    }
}

/// The attribute that gives a field its JSON names, its reader, its writer, and the rule for leaving it out.
pub(crate) fn serde_attribute(field: &Field) -> String {
    let mut arguments = names(field);
    let (reader, writer) = reader_and_writer(field);
    arguments.extend(reader.map(|path| format!("deserialize_with = \"{FORM}::{path}\"")));
    arguments.extend(writer.map(|path| format!("serialize_with = \"{FORM}::{path}\"")));
    arguments.extend(skip(field).map(|path| format!("skip_serializing_if = \"{path}\"")));
    if arguments.is_empty() { String::new() } else { format!("#[serde({})]", arguments.join(", ")) }
}

fn names(field: &Field) -> Vec<String> {
    if field.json == field.proto {
        return Vec::new();
    }
    vec![format!("rename = \"{}\"", field.json), format!("alias = \"{}\"", field.proto)]
}

fn reader_and_writer(field: &Field) -> (Option<String>, Option<String>) {
    let reader = match (&field.item, field.shape) {
        (Item::Int, Shape::Optional) => "read_optional_int",
        (Item::Int, Shape::One) => "read_int",
        (_, Shape::Optional) | (Item::WellKnown, Shape::One) => return (None, None),
        (Item::Enum(rust), _) => {
            let with = |way: &str| Some(format!("{way}_enum::<{rust}, _>"));
            return (with("read"), with("write"));
        }
        (Item::Message(_), Shape::One) => "read_object",
        (Item::Message(_), Shape::Many) => "read_objects",
        (Item::Message(_), Shape::Map) => "read_object_map",
        (_, Shape::Map) => "read_map",
        _ => "null_as_default",
    };
    (Some(reader.to_owned()), None)
}

fn skip(field: &Field) -> Option<String> {
    let is_message = matches!(field.item, Item::Message(_) | Item::WellKnown);
    match field.shape {
        Shape::Optional => Some("Option::is_none".to_owned()),
        Shape::One if is_message => Some("Option::is_none".to_owned()),
        _ if field.required => None,
        _ => Some(format!("{FORM}::is_default")),
    }
}
