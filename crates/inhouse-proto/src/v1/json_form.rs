//! The readers and writers that the generated serde code calls, and the shapes of v0.3: the protocol's JSON where it differs
//! from serde's habits.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Whether a field may be left out when written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a value for which `null` means its default.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a whole number in any of the forms that protobuf's JSON has for one: `7`, `7.0`, `"7"`; `null` is none.
pub(crate) fn read_optional_int<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    struct IntVisitor;

    impl Visitor<'_> for IntVisitor {
        type Value = Option<i32>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a whole number of 32 bits")
        }

        fn visit_unit<X: Error>(self) -> Result<Option<i32>, X> {
            Ok(None)
        }

        fn visit_i64<X: Error>(self, number: i64) -> Result<Option<i32>, X> {
            let fits = i32::try_from(number);
            fits.map(Some).map_err(|_| X::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_u64<X: Error>(self, number: u64) -> Result<Option<i32>, X> {
            let fits = i32::try_from(number);
            fits.map(Some).map_err(|_| X::invalid_value(Unexpected::Unsigned(number), &self))
        }

        fn visit_f64<X: Error>(self, number: f64) -> Result<Option<i32>, X> {
            whole(number).map(Some).ok_or_else(|| X::invalid_value(Unexpected::Float(number), &self))
        }

        fn visit_str<X: Error>(self, text: &str) -> Result<Option<i32>, X> {
            let number = serde_json::from_str(text).ok().and_then(whole);
            number.map(Some).ok_or_else(|| X::invalid_value(Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(IntVisitor)
}

/// The same where no number is 0.
pub(crate) fn read_int<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    read_optional_int(deserializer).map(Option::unwrap_or_default)
}

/// The number of 32 bits that this one is.
#[allow(clippy::cast_possible_truncation, reason = "only a whole number in the range is taken")]
fn whole(number: f64) -> Option<i32> {
    let fits = number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    fits.then_some(number as i32)
}

/// An enum of the protocol: a number in protobuf, a name in JSON.
pub(crate) trait JsonEnum: Copy + TryFrom<i32> + Into<i32> {
    /// The names of all values.
    const NAMES: &'static [&'static str];
    /// The value of that name.
    fn named(name: &str) -> Option<Self>;
    /// Its name.
    fn name(self) -> &'static str;
}

/// Writes the name; the number where there is none.
pub(crate) fn write_enum<E: JsonEnum, S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    match E::try_from(*value) {
        Ok(value) => serializer.serialize_str(value.name()),
        Err(_) => serializer.serialize_i32(*value),
    }
}

/// Reads a name or a number.
pub(crate) fn read_enum<'de, E: JsonEnum, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    struct EnumVisitor<E>(PhantomData<E>);

    impl<E: JsonEnum> Visitor<'_> for EnumVisitor<E> {
        type Value = i32;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "one of {}", E::NAMES.join(", "))
        }

        fn visit_str<X: Error>(self, name: &str) -> Result<i32, X> {
            E::named(name).map(Into::into).ok_or_else(|| X::invalid_value(Unexpected::Str(name), &self))
        }

        fn visit_i64<X: Error>(self, number: i64) -> Result<i32, X> {
            let known = i32::try_from(number).ok().and_then(|number| E::try_from(number).ok());
            known.map(Into::into).ok_or_else(|| X::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_u64<X: Error>(self, number: u64) -> Result<i32, X> {
            self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
        }

        fn visit_unit<X: Error>(self) -> Result<i32, X> {
            Ok(0)
        }
    }

    deserializer.deserialize_any(EnumVisitor::<E>(PhantomData))
}

/// A message that is read from an object only: what serde derives would take an array of its fields too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Reads a message or `null`.
pub(crate) fn read_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0))
}

/// Reads a list of messages; `null` is an empty one.
pub(crate) fn read_objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects: Vec<Object<T>> = null_as_default(deserializer)?;
    Ok(objects.into_iter().map(|object| object.0).collect())
}

/// A map whose keys stand once each.
struct Entries<V>(BTreeMap<String, V>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
            type Value = Entries<V>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entries<V>, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = members.next_key::<String>()? {
                    if entries.contains_key(&key) {
                        return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
                    }
                    entries.insert(key, members.next_value()?);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// Reads a map; `null` is an empty one.
pub(crate) fn read_map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    null_as_default(deserializer).map(|entries: Entries<V>| entries.0)
}

/// Reads a map of messages; `null` is an empty one.
pub(crate) fn read_object_map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let entries: Entries<Object<V>> = null_as_default(deserializer)?;
    Ok(entries.0.into_iter().map(|(key, object)| (key, object.0)).collect())
}

/// The member of a oneof that was found; a second one is an error.
pub(crate) struct OneOf<T> {
    found: Option<(&'static str, T)>,
}

impl<T> Default for OneOf<T> {
    fn default() -> Self {
        Self { found: None }
    }
}

impl<T> OneOf<T> {
    /// Takes `value`, if it is there, as the member called `name`.
    pub(crate) fn offer<E: Error>(&mut self, name: &'static str, value: Option<T>) -> Result<(), E> {
        let Some(value) = value else { return Ok(()) };
        if let Some((other, _)) = self.found {
            return Err(E::custom(format_args!("{other} and {name} together, where only one may stand")));
        }
        self.found = Some((name, value));
        Ok(())
    }

    /// Whether a member was found.
    pub(crate) fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// The member.
    pub(crate) fn into_inner(self) -> Option<T> {
        self.found.map(|(_, value)| value)
    }
}

/// Writes the one member of a oneof.
pub(crate) fn write_member<S: Serializer>(
    serializer: S,
    name: &'static str,
    value: &impl Serialize,
) -> Result<S::Ok, S::Error> {
    let mut members = serializer.serialize_map(Some(1))?;
    members.serialize_entry(name, value)?;
    members.end()
}

/// Writes a oneof that is not set.
pub(crate) fn write_nothing<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_map(Some(0))?.end()
}
