//! In what two scenarios differ, setting by setting.

use super::file::ScenarioFile;
use crate::number::grouped;
use serde_json::{Map, Value};
use std::fmt;

/// Longest text of a value that is shown.
const SHOWN: usize = 60;

/// A setting in which two scenarios, the one there and the one here, differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it stands, key by key.
    pub path: Vec<String>,
    /// How they differ.
    pub kind: Kind,
}

/// How two scenarios differ in a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only there.
    OnlyThere,
    /// Only here.
    OnlyHere,
    /// The same entries in another order.
    Order,
    /// Two values, too long to be shown.
    Content,
    /// Two values.
    Values {
        /// The one there.
        there: String,
        /// The one here.
        here: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        match &self.kind {
            Kind::OnlyThere => write!(f, "`{path}` is only there"),
            Kind::OnlyHere => write!(f, "`{path}` is only here"),
            Kind::Order => write!(f, "`{path}` has its entries in another order"),
            Kind::Content => write!(f, "`{path}` differs"),
            Kind::Values { there, here } => write!(f, "`{path}` is {there} there, {here} here"),
        }
    }
}

/// All settings in which two scenarios differ, in the order of the one there. An order matters: entries are numbered by it.
#[must_use]
pub fn differences(there: &ScenarioFile, here: &ScenarioFile) -> Vec<Difference> {
    let mut found = Vec::new();
    match (serde_json::to_value(there), serde_json::to_value(here)) {
        (Ok(there), Ok(here)) => compare(&there, &here, &mut Vec::new(), &mut found),
        // A scenario file is plain data; were it not, nothing could be said for the two being alike.
        _ => found.push(Difference { path: vec!["scenario".into()], kind: Kind::Content }),
    }
    found
}

fn compare(there: &Value, here: &Value, path: &mut Vec<String>, found: &mut Vec<Difference>) {
    match (there, here) {
        (Value::Object(there), Value::Object(here)) => compare_tables(there, here, path, found),
        _ if there == here => {}
        _ => {
            let kind = match (shown(there), shown(here)) {
                (Some(there), Some(here)) => Kind::Values { there, here },
                _ => Kind::Content,
            };
            found.push(Difference { path: path.clone(), kind });
        }
    }
}

fn compare_tables(
    there: &Map<String, Value>,
    here: &Map<String, Value>,
    path: &mut Vec<String>,
    found: &mut Vec<Difference>,
) {
    for (key, value) in there {
        path.push(key.clone());
        match here.get(key) {
            Some(other) => compare(value, other, path, found),
            None => found.push(Difference { path: path.clone(), kind: Kind::OnlyThere }),
        }
        path.pop();
    }
    for key in here.keys().filter(|key| !there.contains_key(*key)) {
        let path = path.iter().chain([key]).cloned().collect();
        found.push(Difference { path, kind: Kind::OnlyHere });
    }
    let common = |of: &Map<String, Value>, other: &Map<String, Value>| -> Vec<String> {
        of.keys().filter(|key| other.contains_key(*key)).cloned().collect()
    };
    if common(there, here) != common(here, there) {
        found.push(Difference { path: path.clone(), kind: Kind::Order });
    }
}

/// A single value as text, if it is short.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), grouped),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => yes.to_string(),
        _ => return None,
    };
    (text.len() <= SHOWN).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use std::path::Path;

    fn of(overrides: &[&str]) -> Vec<String> {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        let load = |overrides: &[String]| {
            scenario::load(Path::new("scenarios/quickstart.toml"), overrides)
                .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        };
        differences(&load(&[]).file, &load(&overrides).file).iter().map(Difference::to_string).collect()
    }

    #[test]
    fn every_setting_that_differs_is_named_and_no_other() {
        assert_eq!(of(&[]), Vec::<String>::new());
        assert_eq!(of(&["population.shoppers=800000"]), ["`population.shoppers` is 60,000 there, 800,000 here"]);
        assert_eq!(
            of(&["service.web.queue=7", "service.web.timeout='2s'"]),
            ["`service.web.queue` is 200 there, 7 here", "`service.web.timeout` is 3s there, 2s here"]
        );
        assert_eq!(of(&["service.payment.instances=4"])[0], "`service.payment.instances` is only here");
        assert_eq!(of(&["intensity.rush.parts=[{constant={weight=1}}]"]), ["`intensity.rush.parts` differs"]);
    }

    #[test]
    fn another_order_is_a_difference() {
        let mut there = Map::new();
        there.insert("a".into(), 1.into());
        there.insert("b".into(), 2.into());
        let here: Map<String, Value> = there.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut found = Vec::new();
        compare_tables(&there, &here, &mut vec!["x".into()], &mut found);
        assert_eq!(
            found.iter().map(Difference::to_string).collect::<Vec<_>>(),
            ["`x` has its entries in another order"]
        );
    }
}
