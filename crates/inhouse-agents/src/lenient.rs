//! Shapes of JSON that somebody else writes and changes: what has an unexpected type counts as absent, and what is not asked for is
//! read past and never kept, so that a line costs no more memory than its own bytes.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use inhouse_engine::agent::{End, Reason};
use inhouse_proto::json;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::dialogue::failed;

/// Members and elements of one line that is read as a whole: a value takes far more memory than its two bytes on the line.
const LINE_VALUES_MAX: usize = 1 << 18;
/// Items of a list that are read.
pub(crate) const ITEMS_MAX: usize = 1_000;

/// A string, number, boolean or null; arrays and objects count as null.
#[derive(Debug, Default)]
pub(crate) struct Scalar(Value);

impl Scalar {
    /// The string, or an empty one.
    pub(crate) fn text(&self) -> &str {
        self.0.as_str().unwrap_or_default()
    }
}

impl Deref for Scalar {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

/// The numbers among these, together.
pub(crate) fn sum<'a>(numbers: impl IntoIterator<Item = &'a Scalar>) -> u64 {
    numbers.into_iter().filter_map(|number| number.as_u64()).fold(0, u64::saturating_add)
}

/// An object, if it is one.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// The end of a turn whose agent wrote a line that holds too many values to be read as a whole.
pub(crate) fn overfull(line: &[u8]) -> Option<End> {
    let why = || format!("the agent wrote a line of more than {LINE_VALUES_MAX} values");
    (json::values(line) > LINE_VALUES_MAX).then(|| failed(Reason::AgentProtocol, why()))
}

/// A line, if it is an object.
pub(crate) fn object<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    value::<Object<T>>(line)?.0
}

/// A line, if it is JSON.
pub(crate) fn value<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    match serde_json::from_slice(line) {
        Ok(value) => Some(value),
        Err(_) if line.trim_ascii().is_empty() => None,
        Err(_) => {
            tracing::debug!(target: "agent", bytes = line.len(), "a line that is no JSON was passed over");
            None
        }
    }
}

/// The first items of an array, if it is one.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What a type takes out of a JSON value of any kind; it takes nothing of the other kinds.
trait Pick<'de>: Default {
    fn scalar(_value: Value) -> Self {
        Self::default()
    }

    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl Pick<'_> for Scalar {
    fn scalar(value: Value) -> Self {
        Self(value)
    }
}

impl<'de, T: DeserializeOwned> Pick<'de> for Object<T> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|object| Self(Some(object)))
    }
}

impl<'de, T: DeserializeOwned> Pick<'de> for List<T> {
    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while items.len() < ITEMS_MAX
            && let Some(item) = array.next_element()?
        {
            items.push(item);
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self(items))
    }
}

struct Picker<P>(PhantomData<P>);

impl<'de, P: Pick<'de>> Visitor<'de> for Picker<P> {
    type Value = P;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<P, E> {
        Ok(P::scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<P, E> {
        Ok(P::scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<P, E> {
        Ok(P::scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<P, E> {
        Ok(P::scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<P, E> {
        Ok(P::scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<P, E> {
        Ok(P::scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<P, A::Error> {
        P::array(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<P, A::Error> {
        P::object(object)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Picker(PhantomData))
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Picker(PhantomData))
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Picker(PhantomData))
    }
}
