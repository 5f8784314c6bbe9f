//! Bases, patches and overrides: many texts become one tree.

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::schema::{Rule, closest, listed};
use super::source::{MAX_SCENARIO_BYTES, Place, Source, read_text};
use super::tree::{self, Node, Value};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// Longest chain of bases.
const MAX_BASES: usize = 8;

/// Reads the file at source number `source`, its bases and the overrides into one tree.
///
/// `None` where a text cannot be parsed or a base cannot be read; the reason is then in `found`.
pub(super) fn assemble(
    source: usize,
    path: &Path,
    overrides: &[String],
    rule: Rule<'_>,
    found: &mut Diagnostics,
) -> Option<Node> {
    let mut chain = Chain { visited: vec![identity(path)], rule, found };
    let tree = chain.file(source);
    let patches: Vec<_> = overrides.iter().filter_map(|text| chain.parse_override(text)).collect();
    let mut tree = tree?;
    for patch in patches {
        merge(&mut tree, patch, Some(rule), Some(&mut *found));
    }
    Some(tree)
}

/// Two paths to one file are one file in a circle of bases.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

struct Chain<'a> {
    visited: Vec<PathBuf>,
    rule: Rule<'a>,
    found: &'a mut Diagnostics,
}

impl Chain<'_> {
    fn file(&mut self, source: usize) -> Option<Node> {
        let mut tree = match tree::parse(&self.found.sources.get(source).text, source) {
            Ok(tree) => tree,
            Err(problem) => {
                self.found.push(problem);
                return None;
            }
        };
        let Value::Table(entries) = &mut tree.value else { return None };
        let extends = entries.shift_remove("extends");
        let remove = entries.shift_remove("remove");
        let Some(extends) = extends else {
            if let Some(remove) = remove {
                let alone = Diagnostic::new(Code::BadRemove, "`remove` without `extends`")
                    .at(remove.key, "nothing is inherited, so nothing can be removed")
                    .help("delete this key, or name a base with `extends`");
                self.found.push(alone);
                return None;
            }
            return Some(tree);
        };
        let mut base = self.base(&extends)?;
        if let Some(remove) = remove {
            self.remove_all(&mut base, &remove);
        }
        merge(&mut base, tree, Some(self.rule), None);
        Some(base)
    }

    fn base(&mut self, extends: &Node) -> Option<Node> {
        let Value::String(name) = &extends.value else {
            let is = extends.type_name();
            let wrong =
                Diagnostic::new(Code::BadExtends, format!("`extends` is the path of a scenario file, this is {is}"));
            self.found.push(wrong.at(extends.place.clone(), "expected a string"));
            return None;
        };
        let path = self.found.sources.get(extends.place.source).directory.join(name);
        let identity = identity(&path);
        let problem = if self.visited.contains(&identity) {
            Some(
                Diagnostic::new(Code::BadExtends, "a scenario extends itself")
                    .at(extends.place.clone(), "this file is already being read")
                    .note(format!("the chain of bases comes back to `{}`", path.display()))
                    .help("let one of the files in the circle stand alone"),
            )
        } else if self.visited.len() > MAX_BASES {
            Some(
                Diagnostic::new(Code::BadExtends, format!("more than {MAX_BASES} scenarios extend each other"))
                    .at(extends.place.clone(), "one base too many")
                    .help("merge some of the bases into one file"),
            )
        } else {
            None
        };
        if let Some(problem) = problem {
            self.found.push(problem);
            return None;
        }
        match read_text(&path, MAX_SCENARIO_BYTES) {
            Ok(text) => {
                self.visited.push(identity);
                let source = self.found.sources.add(Source::from_path(&path, text));
                self.file(source)
            }
            Err(problem) => {
                self.found.push(problem.at(extends.place.clone(), "named here"));
                None
            }
        }
    }

    fn remove_all(&mut self, base: &mut Node, remove: &Node) {
        let wrong = |place: &Place| {
            Diagnostic::new(Code::BadRemove, "`remove` is a list of dotted paths")
                .at(place.clone(), "expected paths in quotes")
                .help("write a list, such as remove = [\"window.first\", \"product.x\"]")
        };
        let Value::Array(items) = &remove.value else { return self.found.push(wrong(&remove.place)) };
        for item in items {
            let Value::String(text) = &item.value else {
                self.found.push(wrong(&item.place));
                continue;
            };
            let Ok(path) = toml_edit::Key::parse(text) else {
                self.found.push(wrong(&item.place));
                continue;
            };
            let names: Vec<&str> = path.iter().map(toml_edit::Key::get).collect();
            if let Err(problem) = remove_path(base, &names, &item.place) {
                self.found.push(problem);
            }
        }
    }

    /// An override as a patch, or `None` and a diagnostic.
    fn parse_override(&mut self, text: &str) -> Option<Node> {
        let text = text.trim();
        let source = Source { name: "--set".into(), text: text.to_owned(), directory: PathBuf::new() };
        let source = self.found.sources.add(source);
        let patch = override_tree(text, source);
        if patch.is_none() {
            let problem = Diagnostic::new(Code::BadOverride, "an override has the form PATH=VALUE")
                .at(Place { source, range: 0..text.len() }, "not of this form")
                .help("write a dotted path and a value, such as --set service.order.instances=420");
            self.found.push(problem);
        }
        patch
    }
}

fn remove_path(node: &mut Node, path: &[&str], place: &Place) -> Result<(), Diagnostic> {
    let (Value::Table(entries), [name, rest @ ..]) = (&mut node.value, path) else {
        return Err(Diagnostic::new(Code::BadRemove, "there is nothing below this value to remove")
            .at(place.clone(), "goes too deep"));
    };
    if !entries.contains_key(*name) {
        let names = || entries.keys().map(String::as_str);
        return Err(Diagnostic::new(Code::BadRemove, format!("there is no `{name}` to remove"))
            .at(place.clone(), "not in the inherited scenario")
            .help(format!("what is inherited here: {}", listed(names())))
            .did_you_mean(closest(name, names())));
    }
    if rest.is_empty() {
        entries.shift_remove(*name);
        return Ok(());
    }
    remove_path(&mut entries[*name], rest, place)
}

/// Most equals signs in the quoted keys of an override.
const MAX_EQUALS_SIGNS: usize = 16;

/// Reads `PATH=VALUE`; a value that is not TOML is a string.
fn override_tree(text: &str, source: usize) -> Option<Node> {
    if text.contains(['\n', '\r']) || text.starts_with(['[', '#']) {
        return None;
    }
    let whole = tree::parse(text, source).ok().filter(|tree| matches!(&tree.value, Value::Table(t) if t.len() == 1));
    if let Some(mut tree) = whole {
        dates_to_strings(&mut tree);
        return Some(tree);
    }
    // A quoted key may hold an equals sign, so the first one that leaves a good path is the right one.
    text.match_indices('=').take(MAX_EQUALS_SIGNS).find_map(|(at, _)| {
        let mut tree = tree::parse(&format!("{}=0", &text[..at]), source).ok()?;
        let start = text.len() - text[at + 1..].trim_start().len();
        let leaf = leaf(&mut tree)?;
        leaf.place = Place { source, range: start.min(text.len())..text.len() };
        leaf.value = Value::String(text[start..].to_owned());
        Some(tree)
    })
}

/// The value at the end of a chain of one-key tables.
fn leaf(node: &mut Node) -> Option<&mut Node> {
    match node.value {
        Value::Table(ref mut entries) => leaf(entries.values_mut().next()?),
        _ => Some(node),
    }
}

/// A shell eats the quotes of a date, and every date of a scenario is a string.
fn dates_to_strings(tree: &mut Node) {
    if let Some(leaf) = leaf(tree)
        && let Value::Datetime(text) = &leaf.value
    {
        leaf.value = Value::String(text.clone());
    }
}

/// Puts `patch` over `base`: tables merge, `list.0.x` reaches into lists, anything else is replaced.
///
/// With `strict`, as for an override, a path must lead along what is there.
fn merge(base: &mut Node, patch: Node, rule: Option<Rule<'_>>, mut strict: Option<&mut Diagnostics>) {
    match (&mut base.value, patch.value) {
        (Value::Table(into), Value::Table(from)) if !changes_form(into, &from, rule) => {
            for (name, node) in from {
                if let Some(existing) = into.get_mut(&name) {
                    merge(existing, node, rule.and_then(|rule| rule.child(&name)), strict.as_deref_mut());
                } else if let Some(found) = strict.as_deref_mut()
                    && leads_on(&node)
                    && rule.is_some_and(|rule| rule.keys().next().is_none())
                {
                    let names = || into.keys().map(String::as_str);
                    found.push(
                        Diagnostic::new(Code::UnknownName, format!("there is no `{name}` to set a value in"))
                            .at(node.key, "not in the scenario")
                            .help(format!("what is there: {}", listed(names())))
                            .did_you_mean(closest(&name, names())),
                    );
                } else {
                    into.insert(name, node);
                }
            }
            // What is wrong with the whole table is told where it was changed last.
            (base.key, base.place) = (patch.key, patch.place);
        }
        (Value::Array(into), Value::Table(from)) if reaches_into(into, &from) => {
            let rule = rule.and_then(|rule| rule.get("items").map(|items| rule.at(items)));
            for (name, node) in from {
                if let Some(item) = name.parse().ok().and_then(|index: usize| into.get_mut(index)) {
                    merge(item, node, rule, strict.as_deref_mut());
                }
            }
        }
        (_, value) => *base = Node { value, ..patch },
    }
}

/// Whether a node is a step of a dotted path, not a table that was written out.
fn leads_on(node: &Node) -> bool {
    matches!(node.value, Value::Table(_)) && node.place == node.key
}

/// Two forms of an enum must not become one table with two keys.
fn changes_form(base: &IndexMap<String, Node>, patch: &IndexMap<String, Node>, rule: Option<Rule<'_>>) -> bool {
    rule.is_some_and(Rule::is_enum) && !patch.keys().all(|name| base.contains_key(name))
}

fn reaches_into(list: &[Node], patch: &IndexMap<String, Node>) -> bool {
    !patch.is_empty() && patch.keys().all(|name| name.parse().is_ok_and(|index: usize| index < list.len()))
}
