//! `Struct` and `Value` in protobuf's own encoding, byte for byte that of google/protobuf/struct.proto.
//!
//! There every number is a double, so integers beyond 2^53 lose their last digits on that way; those below come back as
//! integers.

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType, encoded_len_varint, key_len};

use super::{Struct, Value};

type Json = serde_json::Value;
type Object = serde_json::Map<String, Json>;

/// Field numbers of `Value`'s oneof.
mod kind {
    pub(super) const NULL: u32 = 1;
    pub(super) const NUMBER: u32 = 2;
    pub(super) const TEXT: u32 = 3;
    pub(super) const BOOL: u32 = 4;
    pub(super) const OBJECT: u32 = 5;
    pub(super) const LIST: u32 = 6;
}

/// The repeated field of `Struct` and of `ListValue`.
const ITEMS: u32 = 1;
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Every integer up to here is a double of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

fn delimited_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64) + len
}

fn delimited_head(tag: u32, len: usize, buf: &mut impl BufMut) {
    encoding::encode_key(tag, WireType::LengthDelimited, buf);
    encoding::encode_varint(len as u64, buf);
}

fn value_len(value: &Json) -> usize {
    match value {
        Json::Null => encoding::int32::encoded_len(kind::NULL, &0),
        Json::Bool(value) => encoding::bool::encoded_len(kind::BOOL, value),
        Json::Number(_) => encoding::double::encoded_len(kind::NUMBER, &0.0),
        Json::String(text) => encoding::string::encoded_len(kind::TEXT, text),
        Json::Array(list) => delimited_len(kind::LIST, list_len(list)),
        Json::Object(object) => delimited_len(kind::OBJECT, object_len(object)),
    }
}

fn list_len(list: &[Json]) -> usize {
    list.iter().map(|value| delimited_len(ITEMS, value_len(value))).sum()
}

fn object_len(object: &Object) -> usize {
    object.iter().map(|(key, value)| delimited_len(ITEMS, entry_len(key, value))).sum()
}

fn entry_len(key: &String, value: &Json) -> usize {
    let key_len = if key.is_empty() { 0 } else { encoding::string::encoded_len(KEY, key) };
    key_len + delimited_len(VALUE, value_len(value))
}

fn encode_value(value: &Json, buf: &mut impl BufMut) {
    match value {
        Json::Null => encoding::int32::encode(kind::NULL, &0, buf),
        Json::Bool(value) => encoding::bool::encode(kind::BOOL, value, buf),
        // Without arbitrary precision every number of serde_json has a double.
        Json::Number(number) => encoding::double::encode(kind::NUMBER, &number.as_f64().unwrap_or_default(), buf),
        Json::String(text) => encoding::string::encode(kind::TEXT, text, buf),
        Json::Array(list) => {
            delimited_head(kind::LIST, list_len(list), buf);
            encode_list(list, buf);
        }
        Json::Object(object) => {
            delimited_head(kind::OBJECT, object_len(object), buf);
            encode_object(object, buf);
        }
    }
}

fn encode_list(list: &[Json], buf: &mut impl BufMut) {
    for value in list {
        delimited_head(ITEMS, value_len(value), buf);
        encode_value(value, buf);
    }
}

fn encode_object(object: &Object, buf: &mut impl BufMut) {
    for (key, value) in object {
        delimited_head(ITEMS, entry_len(key, value), buf);
        if !key.is_empty() {
            encoding::string::encode(KEY, key, buf);
        }
        delimited_head(VALUE, value_len(value), buf);
        encode_value(value, buf);
    }
}

/// A whole number comes back as the integer that it was; JSON has neither infinities nor NaN, which become null.
fn number(value: f64) -> Json {
    let is_whole = value.fract() == 0.0 && value.abs() <= EXACT_MAX && !(value == 0.0 && value.is_sign_negative());
    if is_whole { Json::from(value as i64) } else { Json::from(value) }
}

impl prost::Message for Struct {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        encode_object(&self.0, buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        if tag != ITEMS {
            return encoding::skip_field(wire_type, tag, buf, ctx);
        }
        let mut entry = Entry::default();
        encoding::message::merge(wire_type, &mut entry, buf, ctx)?;
        self.0.insert(entry.key, entry.value.0);
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        object_len(&self.0)
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

impl prost::Message for Value {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        encode_value(&self.0, buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            kind::NULL => {
                encoding::int32::merge(wire_type, &mut 0, buf, ctx)?;
                self.0 = Json::Null;
            }
            kind::NUMBER => {
                let mut value = 0.0;
                encoding::double::merge(wire_type, &mut value, buf, ctx)?;
                self.0 = number(value);
            }
            kind::TEXT => {
                let mut text = String::new();
                encoding::string::merge(wire_type, &mut text, buf, ctx)?;
                self.0 = Json::String(text);
            }
            kind::BOOL => {
                let mut value = false;
                encoding::bool::merge(wire_type, &mut value, buf, ctx)?;
                self.0 = Json::Bool(value);
            }
            kind::OBJECT => {
                let mut object = Struct(self.0.as_object_mut().map(std::mem::take).unwrap_or_default());
                encoding::message::merge(wire_type, &mut object, buf, ctx)?;
                self.0 = Json::Object(object.0);
            }
            kind::LIST => {
                let mut list = List(self.0.as_array_mut().map(std::mem::take).unwrap_or_default());
                encoding::message::merge(wire_type, &mut list, buf, ctx)?;
                self.0 = Json::Array(list.0);
            }
            _ => encoding::skip_field(wire_type, tag, buf, ctx)?,
        }
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        value_len(&self.0)
    }

    fn clear(&mut self) {
        self.0 = Json::Null;
    }
}

/// One entry of a `Struct`, when decoded.
#[derive(Clone, PartialEq, prost::Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, required, tag = "2")]
    value: Value,
}

/// A `ListValue`, when decoded.
#[derive(Debug, Default)]
struct List(Vec<Json>);

impl prost::Message for List {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        encode_list(&self.0, buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        if tag != ITEMS {
            return encoding::skip_field(wire_type, tag, buf, ctx);
        }
        let mut value = Value::default();
        encoding::message::merge(wire_type, &mut value, buf, ctx)?;
        self.0.push(value.0);
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        list_len(&self.0)
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
