//! A TOML document as a tree in which every key and value knows its place, so that it survives merging.

use super::diagnostic::{Code, Diagnostic};
use super::source::Place;
use indexmap::IndexMap;
use std::ops::Range;
use toml_edit::{Document, Item, TableLike};

/// Deepest nesting of tables and arrays.
pub(super) const MAX_DEPTH: usize = 64;
/// Stack of the parser; only the part that is touched costs memory.
const STACK_BYTES: usize = 64 << 20;

/// A value, its place, and the place of the key that it stands under.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Place of the key; of the value where there is no key.
    pub key: Place,
    /// Place of the value.
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Datetime(String),
    Array(Vec<Node>),
    Table(IndexMap<String, Node>),
}

impl Node {
    /// With its article, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self.value {
            Value::Bool(_) => "true or false",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number with a fraction",
            Value::String(_) => "a string",
            Value::Datetime(_) => "a date without quotes",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The same value for serde.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Bool(b) => (*b).into(),
            Value::Int(i) => (*i).into(),
            Value::Float(x) => (*x).into(),
            Value::String(s) | Value::Datetime(s) => s.as_str().into(),
            Value::Array(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => entries.iter().map(|(name, node)| (name.clone(), node.to_json())).collect(),
        }
    }
}

/// A position in the tree that can be asked for its place even where the file says nothing (a default).
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    node: &'a Node,
    missing: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(root: &'a Node) -> Self {
        Cursor { node: root, missing: false }
    }

    /// What stands under `name`, or this position where nothing does.
    pub(super) fn key(self, name: &str) -> Self {
        match &self.node.value {
            Value::Table(entries) if !self.missing => match entries.get(name) {
                Some(node) => Cursor { node, missing: false },
                None => Cursor { missing: true, ..self },
            },
            _ => Cursor { missing: true, ..self },
        }
    }

    /// Element `index` of a list.
    pub(super) fn index(self, index: usize) -> Self {
        match &self.node.value {
            Value::Array(items) if !self.missing && index < items.len() => {
                Cursor { node: &items[index], missing: false }
            }
            _ => Cursor { missing: true, ..self },
        }
    }

    /// Place of the value; of the nearest key above it where the file says nothing.
    pub(super) fn place(self) -> Place {
        if self.missing { self.node.key.clone() } else { self.node.place.clone() }
    }

    /// Place of the key.
    pub(super) fn key_place(self) -> Place {
        self.node.key.clone()
    }
}

/// Parses a TOML text that is kept as source number `source`.
///
/// # Errors
/// Not TOML, or nested too deeply.
pub(super) fn parse(text: &str, source: usize) -> Result<Node, Diagnostic> {
    // The parser bounds inline tables and dotted keys each by 80, not their product, and frees what it made recursively.
    // A stack that holds the product cannot be overflowed by any text.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let parsed = thread.spawn_scoped(scope, || parse_here(text, source)).map(std::thread::ScopedJoinHandle::join);
        parsed.ok().and_then(Result::ok).unwrap_or_else(|| {
            Err(Diagnostic::new(Code::Internal, "the TOML parser could not do its work")
                .help("please report it, with the scenario"))
        })
    })
}

fn parse_here(text: &str, source: usize) -> Result<Node, Diagnostic> {
    let document = Document::parse(text).map_err(|error| {
        let range = error.span().unwrap_or(0..0);
        let code = if error.message().contains("recur") { Code::TooDeep } else { Code::Syntax };
        let diagnostic = Diagnostic::new(code, "this is not TOML").at(Place { source, range }, error.message());
        if code == Code::TooDeep { Diagnostic { message: too_deep_message(), ..diagnostic } } else { diagnostic }
    })?;
    let place = Place { source, range: 0..0 };
    let value = Reader { source }.table(document.as_table(), 0, &place)?;
    Ok(Node { key: place.clone(), place, value })
}

fn too_deep_message() -> String {
    format!("tables and lists are nested more than {MAX_DEPTH} deep")
}

struct Reader {
    source: usize,
}

impl Reader {
    fn place(&self, span: Option<Range<usize>>, otherwise: &Place) -> Place {
        span.map_or_else(|| otherwise.clone(), |range| Place { source: self.source, range })
    }

    fn table(&self, table: &dyn TableLike, depth: usize, above: &Place) -> Result<Value, Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(Diagnostic::new(Code::TooDeep, too_deep_message()).at(above.clone(), ""));
        }
        let mut entries = IndexMap::with_capacity(table.len());
        for (name, item) in table.iter() {
            let key = self.place(table.key(name).and_then(toml_edit::Key::span), above);
            entries.insert(name.to_owned(), self.item(item, key, depth + 1)?);
        }
        Ok(Value::Table(entries))
    }

    fn item(&self, item: &Item, key: Place, depth: usize) -> Result<Node, Diagnostic> {
        let place = self.place(item.span(), &key);
        let value = match item {
            Item::Value(value) => return self.value(value, key, depth),
            Item::Table(table) => self.table(table, depth, &key)?,
            Item::ArrayOfTables(tables) => {
                let mut items = Vec::with_capacity(tables.len());
                for table in tables {
                    let place = self.place(table.span(), &key);
                    items.push(Node { value: self.table(table, depth + 1, &place)?, key: place.clone(), place });
                }
                Value::Array(items)
            }
            // The parser leaves no empty items behind; an empty table is reported by the structure check.
            Item::None => Value::Table(IndexMap::new()),
        };
        Ok(Node { key, place, value })
    }

    fn value(&self, value: &toml_edit::Value, key: Place, depth: usize) -> Result<Node, Diagnostic> {
        let place = self.place(value.span(), &key);
        let value = match value {
            toml_edit::Value::String(s) => Value::String(s.value().clone()),
            toml_edit::Value::Integer(i) => Value::Int(*i.value()),
            toml_edit::Value::Float(x) => Value::Float(*x.value()),
            toml_edit::Value::Boolean(b) => Value::Bool(*b.value()),
            toml_edit::Value::Datetime(d) => Value::Datetime(d.value().to_string()),
            toml_edit::Value::InlineTable(table) => self.table(table, depth, &key)?,
            toml_edit::Value::Array(array) => {
                if depth > MAX_DEPTH {
                    return Err(Diagnostic::new(Code::TooDeep, too_deep_message()).at(key, ""));
                }
                let mut items = Vec::with_capacity(array.len());
                for item in array {
                    items.push(self.value(item, place.clone(), depth + 1)?);
                }
                Value::Array(items)
            }
        };
        Ok(Node { key, place, value })
    }
}
