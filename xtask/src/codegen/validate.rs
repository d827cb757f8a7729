//! `Validate` for every message: what the REQUIRED marks ask for (spec 5.7).

use std::collections::BTreeSet;
use std::fmt::Write;

use heck::{ToSnakeCase, ToUpperCamelCase};

use super::model::{Field, Item, Message, Model, Shape, Union};

/// Its required list may be empty: no tasks is an answer too (spec 3.1.4).
const MAY_BE_EMPTY: &[&str] = &["ListTasksResponse"];

/// The source of all `Validate` implementations.
pub(crate) fn generate(model: &Model) -> String {
    let checked = model.checked();
    let mut out = String::from("use crate::v1::*;\nuse crate::validate::{Report, Validate};\n");
    for message in &model.messages {
        let body = body(message, &checked);
        let report = if body.is_empty() { "_" } else { "report" };
        let rust = &message.rust;
        let _ = writeln!(out, "impl Validate for {rust} {{ fn check(&self, {report}: &mut Report) {{ {body} }} }}");
    }
    out
}

fn body(message: &Message, checked: &BTreeSet<&str>) -> String {
    let lenient = MAY_BE_EMPTY.contains(&message.rust.as_str());
    let mut out = String::new();
    for field in &message.fields {
        if field.required && !lenient {
            out.push_str(&presence(field));
        }
        out.push_str(&inside(field, checked));
    }
    if let Some(union) = &message.union {
        out.push_str(&union_checks(message, union, checked));
    }
    out
}

fn presence(Field { proto, json, shape, item, .. }: &Field) -> String {
    match (shape, item) {
        (Shape::One, Item::Text) => format!("report.filled({json:?}, !self.{proto}.is_empty());"),
        (Shape::One, Item::Enum(_)) => format!("report.filled({json:?}, self.{proto} != 0);"),
        (Shape::One, Item::Message(_) | Item::WellKnown) => {
            format!("report.present({json:?}, self.{proto}.is_some());")
        }
        (Shape::Many, _) => format!("report.not_empty({json:?}, !self.{proto}.is_empty());"),
        // A zero, a false or an empty map is a value like any other.
        _ => String::new(),
    }
}

fn inside(Field { proto, json, shape, item, .. }: &Field, checked: &BTreeSet<&str>) -> String {
    match (shape, item) {
        (_, Item::Message(rust)) if !checked.contains(rust.as_str()) => String::new(),
        (Shape::Many, Item::Message(_)) => format!("report.each({json:?}, &self.{proto});"),
        (Shape::Map, Item::Message(_)) => format!("report.each_value({json:?}, &self.{proto});"),
        (_, Item::Message(_)) => format!("report.inside({json:?}, self.{proto}.as_ref());"),
        _ => String::new(),
    }
}

fn union_checks(message: &Message, Union { name, members }: &Union, checked: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = members.iter().map(|member| member.json.as_str()).collect();
    let mut out = format!("report.one_of(&{names:?}, self.{name}.is_some());");
    let path = format!("{}::{}", message.rust.to_snake_case(), name.to_upper_camel_case());
    let mut arms = String::new();
    for Field { proto, json, item, .. } in members {
        if matches!(item, Item::Message(rust) if checked.contains(rust.as_str())) {
            let variant = proto.to_upper_camel_case();
            let _ = write!(arms, "Some({path}::{variant}(value)) => report.inside({json:?}, Some(value)),");
        }
    }
    if !arms.is_empty() {
        let _ = write!(out, "match &self.{name} {{ {arms} _ => {{}} }}");
    }
    out
}
