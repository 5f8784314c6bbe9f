//! The structure check: a merged tree against the rules of the JSON Schema, all problems at once.

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::schema::{Rule, closest, listed};
use super::tree::{Node, Value};
use crate::units::{Fen, Nanos};
use indexmap::IndexMap;

/// Reports everything in `node` that breaks `rule`.
pub(super) fn check(node: &Node, rule: Rule<'_>, found: &mut Diagnostics) {
    if rule.is_enum() {
        return variant(node, rule, found);
    }
    match (rule.text("type"), &node.value) {
        ("object", Value::Table(entries)) => table(node, entries, rule, found),
        ("array", Value::Array(items)) => list(node, items, rule, found),
        ("string", Value::String(text)) => quantity(node, text, rule, found),
        ("integer", Value::Int(number)) => integer(node, *number, rule, found),
        ("number", Value::Int(number)) => float(node, *number as f64, rule, found),
        ("number", Value::Float(number)) => float(node, *number, rule, found),
        // A quantity of whichever kind stands at another place; the semantic check reads it.
        ("", Value::Int(_) | Value::Float(_) | Value::String(_)) if rule.get("type").is_some() => {}
        (wanted, _) => wrong_type(node, wanted, rule, found),
    }
}

/// Takes out of `node` what `rule` has no key for.
pub(super) fn prune(node: &mut Node, rule: Rule<'_>) {
    match &mut node.value {
        Value::Table(entries) if rule.is_enum() => {
            for (name, payload) in entries {
                let named = rule.variants().find(|variant| variant.name == name);
                if let Some(rule) = named.and_then(|variant| variant.payload) {
                    prune(payload, rule);
                }
            }
        }
        Value::Table(entries) => {
            entries.retain(|name, _| rule.child(name).is_some());
            for (name, entry) in entries {
                if let Some(child) = rule.child(name) {
                    prune(entry, child);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                if let Some(rule) = item_rule(rule, index) {
                    prune(item, rule);
                }
            }
        }
        _ => {}
    }
}

/// The rule of an entry of a list.
fn item_rule(rule: Rule<'_>, index: usize) -> Option<Rule<'_>> {
    let items = match rule.get("items") {
        Some(serde_json::Value::Array(rules)) => rules.get(index),
        other => other,
    };
    items.map(|items| rule.at(items))
}

fn wrong_type(node: &Node, wanted: &str, rule: Rule<'_>, found: &mut Diagnostics) {
    let (name, example) = match (wanted, rule.text("format")) {
        ("object", _) => ("a table", None),
        ("array", _) => ("a list", None),
        ("integer", _) => ("an integer", None),
        ("number", _) => ("a number", None),
        ("", _) => ("a number or a quantity", None),
        (_, "duration-with-unit") => ("a duration", Some("\"250ms\"")),
        (_, "money") => ("an amount of money", Some("\"199.00 RMB\"")),
        _ => ("a string", None),
    };
    let is = node.type_name();
    let mut diagnostic = Diagnostic::new(Code::WrongType, format!("{name} is wanted here, this is {is}"))
        .at(node.place.clone(), format!("expected {name}"));
    if let Value::Datetime(_) = node.value {
        diagnostic = diagnostic.help("put the date in quotes");
    } else if let (Value::Array(_), "object") = (&node.value, wanted)
        && rule.get("additionalProperties").is_some_and(serde_json::Value::is_object)
    {
        diagnostic = diagnostic.help("give each entry a name, as in [target.NAME] instead of [[target]]");
    } else if let (Value::Float(number), "integer") = (&node.value, wanted)
        && number.fract() == 0.0
    {
        diagnostic = diagnostic.help(format!("write {number}"));
    } else if let Some(example) = example {
        diagnostic = diagnostic.help(format!("write a string with a unit, such as {example}"));
    }
    found.push(diagnostic);
}

fn table(node: &Node, entries: &IndexMap<String, Node>, rule: Rule<'_>, found: &mut Diagnostics) {
    for (name, entry) in entries {
        if let Some(child) = rule.child(name) {
            check(entry, child, found);
        } else {
            let suggestion = if found.is_full() { None } else { closest(name, rule.keys()) };
            let unknown = Diagnostic::new(Code::UnknownKey, format!("unknown key `{name}`"))
                .at(entry.key.clone(), "not a key of this table")
                .help(format!("the keys here are {}", listed(rule.keys())));
            found.push(unknown.did_you_mean(suggestion));
        }
    }
    let required = rule.get("required").and_then(serde_json::Value::as_array).into_iter().flatten();
    for name in required.filter_map(serde_json::Value::as_str).filter(|name| !entries.contains_key(*name)) {
        let says = rule.child(name).map(|child| child.text("description")).unwrap_or_default();
        let about = rule.get("properties").and_then(|keys| keys.get(name)).and_then(|key| key.get("description"));
        let about = about.and_then(serde_json::Value::as_str).unwrap_or(says);
        let missing = Diagnostic::new(Code::MissingKey, format!("the key `{name}` is missing"))
            .at(node.key.clone(), format!("needs `{name}`"));
        found.push(if about.is_empty() { missing } else { missing.note(format!("`{name}`: {about}")) });
    }
}

fn variant(node: &Node, rule: Rule<'_>, found: &mut Diagnostics) {
    let one_of = || format!("one of {}", listed(rule.variants().map(|variant| variant.name)));
    let wrong = |message: String| Diagnostic::new(Code::WrongVariant, message).help(format!("write {}", one_of()));
    let (name, key, payload) = match &node.value {
        Value::String(name) => (name, &node.place, None),
        Value::Table(entries) => match entries.iter().collect::<Vec<_>>().as_slice() {
            [(name, payload)] => (*name, &payload.key, Some(*payload)),
            [] => {
                let empty = wrong(format!("this table is empty, {} is wanted", one_of()));
                return found.push(empty.at(node.key.clone(), "says nothing"));
            }
            several => {
                let both =
                    several.iter().fold(wrong("more than one form at once".into()), |diagnostic, (name, entry)| {
                        diagnostic.at(entry.key.clone(), format!("`{name}`"))
                    });
                return found.push(both.note("only one of them can hold").help(format!("keep {}", one_of())));
            }
        },
        _ => {
            let other = wrong(format!("{} is wanted here, this is {}", one_of(), node.type_name()));
            return found.push(other.at(node.place.clone(), ""));
        }
    };
    let named = rule.variants().find(|variant| variant.name == name);
    match (named.map(|variant| variant.payload), payload) {
        (Some(Some(rule)), Some(payload)) => check(payload, rule, found),
        (Some(None), None) => {}
        // `action = "pay"` means what `action.pay = {}` says, but serde reads only the latter.
        (Some(Some(_)), None) => found.push(
            wrong(format!("`{name}` stands alone, but takes a value"))
                .at(key.clone(), "without its value")
                .help(format!("write a table: {{ {name} = … }}")),
        ),
        (Some(None), Some(_)) => found.push(
            wrong(format!("`{name}` takes no value"))
                .at(key.clone(), "with a value")
                .help(format!("write the bare string \"{name}\"")),
        ),
        (None, _) => {
            let suggestion = closest(name, rule.variants().map(|variant| variant.name));
            let unknown = wrong(format!("`{name}` is not {}", one_of())).at(key.clone(), "unknown form");
            found.push(unknown.did_you_mean(suggestion));
        }
    }
}

fn list(node: &Node, items: &[Node], rule: Rule<'_>, found: &mut Diagnostics) {
    let bound = |keyword| rule.get(keyword).and_then(serde_json::Value::as_u64);
    let (least, most) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(u64::MAX));
    let count = items.len() as u64;
    if count < least || count > most {
        let wanted = match (least, most) {
            (least, most) if least == most => format!("exactly {least}"),
            (least, u64::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        let entries = if count == 1 { "entry" } else { "entries" };
        found.push(
            Diagnostic::new(Code::WrongLength, format!("this list has {count} {entries}, {wanted} are wanted"))
                .at(node.place.clone(), format!("{count} {entries}")),
        );
    }
    for (index, item) in items.iter().enumerate() {
        if let Some(item_rule) = item_rule(rule, index) {
            check(item, item_rule, found);
        }
    }
}

fn quantity(node: &Node, text: &str, rule: Rule<'_>, found: &mut Diagnostics) {
    let problem = match rule.text("format") {
        "duration-with-unit" => text.parse::<Nanos>().err().map(|error| (error, "not a duration")),
        "money" => text.parse::<Fen>().err().map(|error| (error, "not an amount of money")),
        _ => None,
    };
    if let Some((error, label)) = problem {
        let (what, how) = error.0.split_once(": ").unwrap_or((&error.0, ""));
        let diagnostic = Diagnostic::new(Code::BadQuantity, what).at(node.place.clone(), label);
        found.push(if how.is_empty() { diagnostic } else { diagnostic.help(how) });
    }
}

fn integer(node: &Node, number: i64, rule: Rule<'_>, found: &mut Diagnostics) {
    let bound = |keyword| rule.get(keyword).and_then(serde_json::Value::as_i64);
    let below = bound("minimum").is_some_and(|least| number < least);
    let above = bound("maximum").is_some_and(|most| number > most);
    if below || above {
        out_of_range(node, &number.to_string(), rule, found);
    }
}

fn float(node: &Node, number: f64, rule: Rule<'_>, found: &mut Diagnostics) {
    let bound = |keyword| rule.get(keyword).and_then(serde_json::Value::as_f64);
    let below = bound("minimum").is_some_and(|least| number < least);
    let above = bound("maximum").is_some_and(|most| number > most);
    if below || above || !number.is_finite() {
        out_of_range(node, &number.to_string(), rule, found);
    }
}

fn out_of_range(node: &Node, number: &str, rule: Rule<'_>, found: &mut Diagnostics) {
    let wanted = match (rule.get("minimum"), rule.get("maximum")) {
        (Some(least), Some(most)) => format!("a number from {least} to {most}"),
        (Some(least), None) => format!("a number of at least {least}"),
        _ => "a finite number".into(),
    };
    found.push(
        Diagnostic::new(Code::OutOfRange, format!("{number} is out of range"))
            .at(node.place.clone(), format!("expected {wanted}")),
    );
}
