//! What is known of a festival besides its scenario: published figures, and the values that nobody published.

use crate::units::{Fen, Nanos};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A published figure: what a run is held against. The summary and the report show how far off the run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What was published.
    pub value: PublishedValue,
    /// The window since whose opening `at` is counted; a peak is that of this window. Absent: the only window, or the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// When, since the opening. Absent: at the end of the window or run; for a peak: not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Nanos>,
    /// How far off a run may be, relative to the published value: a fit weighs the error by it, and reports mark what lies beyond.
    #[serde(default = "default_within")]
    #[schemars(range(min = 0.0001, max = 10.0))]
    pub within: f64,
    /// By how much a peak may be earlier or later than `at`: a fit weighs its time by it, beside its value. Absent: its time does not
    /// count. Only for a peak with `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_time: Option<Nanos>,
    /// Where it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

fn default_within() -> f64 {
    0.05
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PublishedValue {
    /// GMV paid since the start of the run, over all windows.
    GmvPaid(Fen),
    /// Most orders created in one recorded row, a second.
    PeakOrdersPerSecond(#[schemars(range(min = 0.001, max = 1e12))] f64),
    /// Brands that have been paid 100 million RMB since the start of the run.
    #[serde(rename = "brands_past_100m")]
    BrandsPast100m(#[schemars(range(min = 1, max = 1_000_000))] u32),
}

/// A free parameter: a value of the scenario that nobody published, and that `saleload fit` may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Free {
    /// Where it stands: a dotted path as for `--set`, such as "intensity.day.parts.0.burst.weight".
    pub path: String,
    /// The least that it may be: a number, a duration or an amount of money, as the value is.
    pub low: Amount,
    /// The most that it may be.
    pub high: Amount,
    /// How the search steps between the two.
    #[serde(default)]
    pub scale: FreeScale,
}

/// How a search steps through a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreeScale {
    /// By differences.
    #[default]
    Linear,
    /// By ratios; the range begins above zero.
    Log,
}

/// A number, or a duration or an amount of money as text.
// Untagged, as there is nothing inside whose place could be lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// A number.
    Number(f64),
    /// "34s", "199 RMB".
    Text(String),
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["number", "string"], "examples": [0.05, "34s", "199 RMB"] })
    }
}
