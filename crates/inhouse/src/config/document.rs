//! Reads a TOML document by asking for what may be in it. A table remembers which keys it was asked for, so that what is
//! left over is an unknown key, and the nearest right name is known without a second list.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::nearest::nearest;
use super::origin::{Origin, Place, Setting};

/// The text of a file, with its name for messages.
pub(crate) struct Source<'a> {
    /// The file, as it was named.
    pub(crate) name: Arc<str>,
    /// What is in it.
    pub(crate) text: &'a str,
}

impl Source<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.as_bytes().iter().take(span.start);
        Place { file: Arc::clone(&self.name), line: 1 + before.filter(|byte| **byte == b'\n').count() }
    }

    /// Where in its line something begins, in characters, from 1.
    fn column(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or_default();
        1 + before.rsplit('\n').next().unwrap_or_default().chars().count()
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::File(self.place(span))
    }
}

/// Parses the text; the tables that are read from it borrow the result.
///
/// # Errors
/// [`ConfigError::Syntax`] with the line.
pub(crate) fn parse<'a>(source: &Source<'a>) -> Result<Spanned<DeTable<'a>>, ConfigError> {
    DeTable::parse(source.text).map_err(|error| ConfigError::Syntax {
        place: source.place(error.span().unwrap_or_default()),
        message: error.message().lines().collect::<Vec<_>>().join(", "),
    })
}

/// Names with a word each.
pub(crate) type Words = Vec<(Setting<String>, Setting<String>)>;

/// A table that is being read.
pub(crate) struct Table<'a> {
    source: &'a Source<'a>,
    /// `[server]`, or `the top level`.
    name: String,
    begins: Range<usize>,
    entries: &'a DeTable<'a>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The document's top level.
    pub(crate) fn root(source: &'a Source<'a>, document: &'a Spanned<DeTable<'a>>) -> Self {
        Self::new(source, "the top level".into(), 0..0, document.get_ref())
    }

    fn new(source: &'a Source<'a>, name: String, begins: Range<usize>, entries: &'a DeTable<'a>) -> Self {
        Self { source, name, begins, entries, asked: Vec::new() }
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Place {
        self.source.place(self.begins.clone())
    }

    /// What the table is called in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: impl Into<String>) -> ConfigError {
        let (origin, found) = (self.source.origin(value.span()), found(value.get_ref()));
        ConfigError::Value { origin, key: key.into(), expected: expected.into(), found }
    }

    /// A value of any kind that `read` makes something of.
    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<Setting<T>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let read = read(value.get_ref()).ok_or_else(|| self.wrong(key, value, expected))?;
        Ok(Some(Setting { value: read, origin: self.source.origin(value.span()) }))
    }

    /// A string, which may be empty.
    pub(crate) fn string(&mut self, key: &'static str) -> Result<Option<Setting<String>>, ConfigError> {
        self.value(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A string that is not empty.
    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<Setting<String>>, ConfigError> {
        self.value(key, "a string that is not empty", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
    }

    /// `true` or `false`.
    pub(crate) fn switch(&mut self, key: &'static str) -> Result<Option<Setting<bool>>, ConfigError> {
        self.value(key, "true or false", |value| value.as_bool())
    }

    /// A whole number in a range.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Setting<u64>>, ConfigError> {
        self.value(key, &whole_number(&range), |value| {
            let integer = value.as_integer()?;
            u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| range.contains(number))
        })
    }

    /// A number above zero, whole or not.
    pub(crate) fn amount(&mut self, key: &'static str) -> Result<Option<Setting<f64>>, ConfigError> {
        self.value(key, "a number above 0", |value| {
            let number = match value {
                DeValue::Integer(number) => number.as_str().parse::<f64>().ok()?,
                DeValue::Float(number) => number.as_str().parse::<f64>().ok()?,
                _ => return None,
            };
            Some(number).filter(|number| number.is_finite() && *number > 0.0)
        })
    }

    /// One of several words.
    pub(crate) fn choice<T: ValueEnum>(&mut self, key: &'static str) -> Result<Option<Setting<T>>, ConfigError> {
        self.value(key, &one_of::<T>(), |value| T::from_str(value.as_str()?, false).ok())
    }

    /// A list of strings.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Option<Setting<Vec<String>>>, ConfigError> {
        self.value(key, "an array of strings", |value| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// Names with a string each, in the order of the names.
    pub(crate) fn pairs(&mut self, key: &'static str) -> Result<Vec<(String, String)>, ConfigError> {
        let pairs = self.value(key, "a table of strings", |value| {
            let pair = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                Some((AsRef::<str>::as_ref(name.get_ref()).to_owned(), value.get_ref().as_str()?.to_owned()))
            };
            value.as_table()?.iter().map(pair).collect::<Option<Vec<_>>>()
        })?;
        Ok(pairs.map(|pairs| pairs.value).unwrap_or_default())
    }

    /// Names with a word each, both with their places, in the order of the names.
    pub(crate) fn words(&mut self, key: &'static str) -> Result<Option<Setting<Words>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let entries = value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, "a table of strings"))?;
        let word = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let (name, begins): (&str, _) = (AsRef::<str>::as_ref(name.get_ref()), name.span());
            let text =
                value.get_ref().as_str().ok_or_else(|| self.wrong(&format!("{key}.{name}"), value, "a string"))?;
            let setting = |text: &str, span| Setting { value: text.to_owned(), origin: self.source.origin(span) };
            Ok((setting(name, begins), setting(text, value.span())))
        };
        let words = entries.iter().map(word).collect::<Result<_, ConfigError>>()?;
        Ok(Some(Setting { value: words, origin: self.source.origin(value.span()) }))
    }

    /// A table below this one.
    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Table<'a>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let entries = value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, "a table"))?;
        Ok(Some(Self::new(self.source, format!("[{key}]"), value.span(), entries)))
    }

    /// The tables of an array of tables, in their order.
    pub(crate) fn list(&mut self, key: &'static str) -> Result<Vec<Table<'a>>, ConfigError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let items = value.get_ref().as_array().ok_or_else(|| self.wrong(key, value, "an array of tables"))?;
        let table = |item: &'a Spanned<DeValue<'a>>| {
            let entries = item.get_ref().as_table().ok_or_else(|| self.wrong(key, item, "a table"))?;
            Ok(Self::new(self.source, format!("[[{key}]]"), item.span(), entries))
        };
        items.iter().map(table).collect()
    }

    /// The tables below a table, with their names, in the order in which they stand in the file.
    pub(crate) fn named(&mut self, key: &'static str) -> Result<Vec<(Setting<String>, Table<'a>)>, ConfigError> {
        let Some(parent) = self.table(key)? else { return Ok(Vec::new()) };
        let mut named = Vec::new();
        for (name, value) in parent.entries {
            let text: &str = name.get_ref().as_ref();
            let wrong = || self.wrong(&format!("{key}.{text}"), value, "a table");
            let entries = value.get_ref().as_table().ok_or_else(wrong)?;
            let setting = Setting { value: text.to_owned(), origin: self.source.origin(name.span()) };
            let table = Self::new(self.source, format!("[{key}.{text}]"), name.span(), entries);
            named.push((name.span().start, setting, table));
        }
        named.sort_by_key(|(start, ..)| *start);
        Ok(named.into_iter().map(|(_, setting, table)| (setting, table)).collect())
    }

    /// The end of reading.
    ///
    /// # Errors
    /// [`ConfigError::UnknownKey`] for the first key that nobody asked for; `home` may know where it belongs.
    pub(crate) fn finish(self, home: impl Fn(&str) -> Option<&'static str>) -> Result<(), ConfigError> {
        let unknown = |(key, _): &(&Spanned<_>, _)| !self.asked.contains(&AsRef::<str>::as_ref(Spanned::get_ref(key)));
        let unknown = self.entries.iter().filter(unknown).min_by_key(|(key, _)| key.span().start);
        let Some((key, _)) = unknown else { return Ok(()) };
        let (text, place): (&str, _) = (key.get_ref().as_ref(), self.source.place(key.span()));
        let hint = match (nearest(text, self.asked.iter().copied()), home(text)) {
            (_, Some(table)) => format!("{text} belongs in {table}"),
            (Some(name), _) => format!("did you mean {name}?"),
            (None, None) => format!("{} may have: {}", self.name, self.asked.join(", ")),
        };
        let column = self.source.column(&key.span());
        Err(ConfigError::UnknownKey { place, column, table: self.name, key: text.to_owned(), hint })
    }
}

/// What a number of this range is called in a message.
pub(crate) fn whole_number(range: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

/// What a word out of these is called in a message.
pub(crate) fn one_of<T: ValueEnum>() -> String {
    let names = T::value_variants().iter().filter_map(|choice| choice.to_possible_value());
    names.map(|name| format!("{:?}", name.get_name())).collect::<Vec<_>>().join(" or ")
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "an array".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
