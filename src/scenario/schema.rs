//! The JSON Schema of the scenario file: published for editors, and the rule book of the structure check.

use super::file::ScenarioFile;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Value, json};

/// The JSON Schema (draft-07) of a scenario file, pretty-printed, with a newline at the end.
///
/// A patch may leave any key to its base, so the schema asks for the keys at the top only where there is no `extends`, and below
/// it for none: it serves for completion and against typing errors. What is missing is told by [`load`](super::load).
#[must_use]
pub fn schema() -> String {
    let mut root = rules();
    let required = root.as_object_mut().and_then(|object| object.shift_remove("required")).unwrap_or_default();
    root["title"] = "saleload scenario".into();
    root["if"] = json!({ "required": ["extends"] });
    root["else"] = json!({ "required": required });
    root["properties"]["extends"] = json!({
        "description": "A scenario file, relative to this one, of which this one is a patch: tables merge, `list.0` reaches into a list, anything else is replaced.",
        "type": "string"
    });
    root["properties"]["remove"] = json!({
        "description": "Dotted paths that are removed from the inherited scenario before this file is merged into it, such as \"window.first\".",
        "type": "array",
        "items": { "type": "string" }
    });
    for definition in root["definitions"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        leave_to_the_base(definition, false);
    }
    // schemars writes the keywords of a schema in the order in which people read them.
    let ordered = schemars::Schema::try_from(root).unwrap_or_default();
    let mut text = serde_json::to_string_pretty(&ordered).unwrap_or_default();
    text.push('\n');
    text
}

/// Drops `required` except where it tells the forms of an enum apart.
fn leave_to_the_base(schema: &mut Value, is_form: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    if !is_form {
        object.shift_remove("required");
    }
    for form in object.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        leave_to_the_base(form, true);
    }
    for key in
        object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|keys| keys.values_mut())
    {
        leave_to_the_base(key, false);
    }
}

/// The schema of a scenario after merging: what `extends` and `remove` led to, without these keys.
pub(super) fn rules() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.transforms.push(Box::new(RecursiveTransform(without_null as fn(&mut schemars::Schema))));
    settings.into_generator().into_root_schema_for::<ScenarioFile>().to_value()
}

/// TOML has no null: an optional value is an absent key.
fn without_null(schema: &mut schemars::Schema) {
    let is_null = |choice: &Value| *choice == json!("null") || choice.get("type") == Some(&json!("null"));
    for (from, to) in [("type", "type"), ("anyOf", "allOf")] {
        let Some(Value::Array(choices)) = schema.get(from).cloned() else { continue };
        if !choices.iter().any(is_null) {
            continue;
        }
        let mut rest: Vec<Value> = choices.into_iter().filter(|choice| !is_null(choice)).collect();
        schema.ensure_object().shift_remove(from);
        let rest = if from == "type" && rest.len() == 1 { rest.remove(0) } else { rest.into() };
        schema.insert(to.into(), rest);
    }
}

/// A part of the rules, found by walking along the keys of a scenario.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    root: &'a Value,
    here: &'a Value,
}

impl<'a> Rule<'a> {
    /// The rule of the whole file.
    pub(super) fn new(root: &'a Value) -> Self {
        Rule { root, here: root }
    }

    /// The rule at `here`, with references followed.
    pub(super) fn at(self, mut here: &'a Value) -> Self {
        // The generator emits references and one-element `allOf`s to them, never a circle of both.
        loop {
            let target = here.get("$ref").and_then(Value::as_str).and_then(|path| self.root.pointer(&path[1..]));
            let only = here.get("allOf").and_then(|all| all.get(0));
            match target.or(only) {
                Some(next) => here = next,
                None => return Rule { here, ..self },
            }
        }
    }

    /// A keyword of this rule.
    pub(super) fn get(self, keyword: &str) -> Option<&'a Value> {
        self.here.get(keyword)
    }

    /// A keyword of this rule with a text, or "".
    pub(super) fn text(self, keyword: &str) -> &'a str {
        self.get(keyword).and_then(Value::as_str).unwrap_or_default()
    }

    /// The rule for what stands under `name`; `None` where such a key is unknown.
    pub(super) fn child(self, name: &str) -> Option<Self> {
        let known = self.get("properties").and_then(|keys| keys.get(name));
        let any = self.get("additionalProperties").filter(|rule| rule.is_object());
        let variant = || self.variants().find(|variant| variant.name == name).and_then(|variant| variant.payload);
        known.or(any).map(|here| self.at(here)).or_else(variant)
    }

    /// The keys that are known by name.
    pub(super) fn keys(self) -> impl Iterator<Item = &'a str> {
        self.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Whether values take one of several forms.
    pub(super) fn is_enum(self) -> bool {
        self.get("oneOf").is_some()
    }

    /// The forms that a value can take.
    pub(super) fn variants(self) -> impl Iterator<Item = Variant<'a>> {
        let forms = self.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        forms.flat_map(move |form| {
            let plain = form.get("const").and_then(Value::as_str).map(|name| Variant { name, payload: None });
            let tables = form.get("properties").and_then(Value::as_object).into_iter().flatten();
            plain.into_iter().chain(
                tables.map(move |(name, payload)| Variant { name: name.as_str(), payload: Some(self.at(payload)) }),
            )
        })
    }
}

/// One form of an enum: a bare name, or a name with a payload.
#[derive(Clone, Copy)]
pub(super) struct Variant<'a> {
    pub name: &'a str,
    pub payload: Option<Rule<'a>>,
}

/// The name among `names` that is closest to `wrong`, if one is close enough to be meant.
pub(super) fn closest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = wrong.chars().count();
    if length > 64 {
        return None;
    }
    names
        .into_iter()
        .take(1000)
        .filter(|name| name.len() <= 256)
        .map(|name| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (length.max(name.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names in back-quotes, for messages: "`a`, `b` and `c`", cut after eight.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut rest = names.into_iter();
    let names: Vec<String> = rest.by_ref().take(8).map(|name| format!("`{name}`")).collect();
    match (names.as_slice(), rest.count()) {
        ([], _) => "none".into(),
        ([one], _) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (_, more) => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_of_a_kind_that_the_structure_check_knows() {
        fn walk(rule: Rule<'_>, seen: &mut usize) {
            *seen += 1;
            for variant in rule.variants() {
                variant.payload.into_iter().for_each(|payload| walk(payload, seen));
            }
            for name in rule.keys() {
                walk(rule.child(name).unwrap_or_else(|| panic!("{name}")), seen);
            }
            for rest in ["additionalProperties", "items"].iter().filter_map(|keyword| rule.get(keyword)) {
                match rest {
                    Value::Array(items) => items.iter().for_each(|item| walk(rule.at(item), seen)),
                    Value::Object(_) => walk(rule.at(rest), seen),
                    _ => {}
                }
            }
            let known = ["object", "array", "string", "integer", "number"];
            let narrow = rule.text("format") == "uint32";
            assert!(!narrow || rule.get("maximum").is_some(), "serde would refuse what the rule allows: {}", rule.here);
            let is_amount = rule.get("type") == Some(&json!(["number", "string"]));
            assert!(rule.is_enum() || is_amount || known.contains(&rule.text("type")), "{}", rule.here);
        }
        let (root, mut seen) = (rules(), 0);
        walk(Rule::new(&root), &mut seen);
        assert!(seen > 100, "{seen}");
        assert!(!root.to_string().contains("null"));
    }

    #[test]
    fn suggestions_are_close() {
        assert_eq!(closest("ordr", ["order", "pay"]), Some("order"));
        assert_eq!(closest("zebra", ["order", "pay"]), None);
        assert_eq!(closest(&"x".repeat(1 << 20), ["order"]), None);
        assert_eq!(listed(["a", "b"]), "`a` and `b`");
    }
}
