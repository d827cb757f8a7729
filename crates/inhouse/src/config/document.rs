//! Reads a TOML document by asking for what may be in it. A table remembers which keys it was asked for, so that what is
//! left over is an unknown key, and the nearest right name is known without a second list. All that was asked for is noted with what it
//! may hold, so that the schema needs no second list either.

use std::cell::RefCell;
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
    text: &'a str,
    asked: RefCell<Vec<Asked>>,
}

/// A key that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its table: `server`, `callers[]` for each of a list, `agents.*` for each that has a name.
    pub(crate) table: String,
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// Whether it has to be there.
    pub(crate) is_needed: bool,
}

/// What a key may hold.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A string, which may be empty.
    String,
    /// A string that is not empty.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number in a range.
    Number(RangeInclusive<u64>),
    /// A number above zero, whole or not.
    Amount,
    /// One of these words.
    Choice(Vec<String>),
    /// A list of strings.
    Texts,
    /// Names with a string each.
    Pairs,
    /// A table.
    Table,
    /// Any number of tables.
    List,
    /// Tables with names of their own.
    Named,
}

impl Kind {
    fn choice<T: ValueEnum>() -> Self {
        let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        Self::Choice(names.map(|name| name.get_name().to_owned()).collect())
    }

    /// What it is called in a message.
    fn expected(&self) -> String {
        match self {
            Self::String => "a string".into(),
            Self::Text => "a string that is not empty".into(),
            Self::Switch => "true or false".into(),
            Self::Number(range) => whole_number(range),
            Self::Amount => "a number above 0".into(),
            Self::Choice(words) => words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or "),
            Self::Texts => "an array of strings".into(),
            Self::Pairs => "a table of strings".into(),
            Self::Table | Self::Named => "a table".into(),
            Self::List => "an array of tables".into(),
        }
    }
}

impl<'a> Source<'a> {
    /// A file of this name, with this in it.
    pub(crate) fn new(name: impl Into<Arc<str>>, text: &'a str) -> Self {
        Self { name: name.into(), text, asked: RefCell::default() }
    }

    /// What was asked for until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

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
    /// As [`Asked`] has it.
    path: String,
    begins: Range<usize>,
    entries: &'a DeTable<'a>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The document's top level.
    pub(crate) fn root(source: &'a Source<'a>, document: &'a Spanned<DeTable<'a>>) -> Self {
        let (name, path) = ("the top level".to_owned(), String::new());
        Self { source, name, path, begins: 0..0, entries: document.get_ref(), asked: Vec::new() }
    }

    /// A table below this one: `mark` tells a list, or names.
    fn below(&self, key: &str, mark: &str, name: String, begins: Range<usize>, entries: &'a DeTable<'a>) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{key}{mark}", self.path);
        Self { source: self.source, name, path, begins, entries, asked: Vec::new() }
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> Place {
        self.source.place(self.begins.clone())
    }

    /// What the table is called in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn take(&mut self, key: &'static str, kind: &Kind) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        let asked = Asked { table: self.path.clone(), key, kind: kind.clone(), is_needed: false };
        self.source.asked.borrow_mut().push(asked);
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
        kind: &Kind,
        read: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<Setting<T>>, ConfigError> {
        let Some(value) = self.take(key, kind) else { return Ok(None) };
        let read = read(value.get_ref()).ok_or_else(|| self.wrong(key, value, kind.expected()))?;
        Ok(Some(Setting { value: read, origin: self.source.origin(value.span()) }))
    }

    /// A string, which may be empty.
    pub(crate) fn string(&mut self, key: &'static str) -> Result<Option<Setting<String>>, ConfigError> {
        self.value(key, &Kind::String, |value| value.as_str().map(str::to_owned))
    }

    /// A string that is not empty.
    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<Setting<String>>, ConfigError> {
        self.value(key, &Kind::Text, |value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// `true` or `false`.
    pub(crate) fn switch(&mut self, key: &'static str) -> Result<Option<Setting<bool>>, ConfigError> {
        self.value(key, &Kind::Switch, |value| value.as_bool())
    }

    /// A whole number in a range.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Setting<u64>>, ConfigError> {
        self.value(key, &Kind::Number(range.clone()), |value| {
            let integer = value.as_integer()?;
            u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| range.contains(number))
        })
    }

    /// A number above zero, whole or not.
    pub(crate) fn amount(&mut self, key: &'static str) -> Result<Option<Setting<f64>>, ConfigError> {
        self.value(key, &Kind::Amount, |value| {
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
        self.value(key, &Kind::choice::<T>(), |value| T::from_str(value.as_str()?, false).ok())
    }

    /// A list of strings.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Option<Setting<Vec<String>>>, ConfigError> {
        self.value(key, &Kind::Texts, |value| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// Names with a string each, in the order of the names.
    pub(crate) fn pairs(&mut self, key: &'static str) -> Result<Vec<(String, String)>, ConfigError> {
        let pairs = self.value(key, &Kind::Pairs, |value| {
            let pair = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                Some((AsRef::<str>::as_ref(name.get_ref()).to_owned(), value.get_ref().as_str()?.to_owned()))
            };
            value.as_table()?.iter().map(pair).collect::<Option<Vec<_>>>()
        })?;
        Ok(pairs.map(|pairs| pairs.value).unwrap_or_default())
    }

    /// Names with a word each, both with their places, in the order of the names.
    pub(crate) fn words(&mut self, key: &'static str) -> Result<Option<Setting<Words>>, ConfigError> {
        let Some(value) = self.take(key, &Kind::Pairs) else { return Ok(None) };
        let entries = value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, Kind::Pairs.expected()))?;
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

    /// A string that has to be there, and is not empty.
    pub(crate) fn needed(&mut self, key: &'static str) -> Result<Setting<String>, ConfigError> {
        let found = self.text(key)?;
        if let Some(asked) = self.source.asked.borrow_mut().last_mut() {
            asked.is_needed = true;
        }
        found.ok_or_else(|| self.missing(key))
    }

    /// That something is not there which has to be.
    pub(crate) fn missing(&self, key: &'static str) -> ConfigError {
        ConfigError::MissingKey { place: self.place(), table: self.name.clone(), key }
    }

    /// A table below this one.
    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Table<'a>>, ConfigError> {
        let Some(value) = self.take(key, &Kind::Table) else { return Ok(None) };
        let entries = value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, Kind::Table.expected()))?;
        Ok(Some(self.below(key, "", format!("[{key}]"), value.span(), entries)))
    }

    /// The tables of an array of tables, in their order.
    pub(crate) fn list(&mut self, key: &'static str) -> Result<Vec<Table<'a>>, ConfigError> {
        let Some(value) = self.take(key, &Kind::List) else { return Ok(Vec::new()) };
        let items = value.get_ref().as_array().ok_or_else(|| self.wrong(key, value, Kind::List.expected()))?;
        let table = |item: &'a Spanned<DeValue<'a>>| {
            let entries = item.get_ref().as_table().ok_or_else(|| self.wrong(key, item, Kind::Table.expected()))?;
            Ok(self.below(key, "[]", format!("[[{key}]]"), item.span(), entries))
        };
        items.iter().map(table).collect()
    }

    /// The tables below a table, with their names, in the order in which they stand in the file.
    pub(crate) fn named(&mut self, key: &'static str) -> Result<Vec<(Setting<String>, Table<'a>)>, ConfigError> {
        let Some(value) = self.take(key, &Kind::Named) else { return Ok(Vec::new()) };
        let parent = value.get_ref().as_table().ok_or_else(|| self.wrong(key, value, Kind::Named.expected()))?;
        let mut named = Vec::new();
        for (name, value) in parent {
            let text: &str = name.get_ref().as_ref();
            let wrong = || self.wrong(&format!("{key}.{text}"), value, Kind::Table.expected());
            let entries = value.get_ref().as_table().ok_or_else(wrong)?;
            let setting = Setting { value: text.to_owned(), origin: self.source.origin(name.span()) };
            let table = self.below(key, ".*", format!("[{key}.{text}]"), name.span(), entries);
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
    Kind::choice::<T>().expected()
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
