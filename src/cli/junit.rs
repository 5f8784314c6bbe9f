//! What became of the targets as a JUnit report: a test case each, which CI servers read.
//!
//! The form is the common denominator of those servers: testsuites, testsuite, testcase with a failure or skipped. A verdict on a sample
//! says so in each sentence, as servers show those, and in a property of the suite.

use super::Stop;
use crate::clock::Clock;
use crate::results::{Summary, Verdict};
use crate::verdict;
use std::fmt::Write;
use std::path::Path;

/// Writes the report to `file`, whatever was there before.
pub(super) fn write(summary: &Summary, file: &Path) -> Result<(), Stop> {
    std::fs::write(file, xml(summary)).map_err(|error| Stop::Internal(format!("`{}`: {error}", file.display())))
}

fn xml(summary: &Summary) -> String {
    let clock = Clock::new(&summary.zone);
    let count = |verdict| summary.targets.iter().filter(|target| target.verdict == verdict).count();
    let (tests, failures, skipped) = (summary.targets.len(), count(Verdict::Fail), count(Verdict::Undecided));
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"0\"");
    let suite = escaped(&summary.name);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"saleload\" {counts}>\n\
         \x20 <testsuite name=\"{suite}\" {counts} skipped=\"{skipped}\">\n"
    );
    let sample = sample(summary);
    if let Some(sample) = &sample {
        let _ =
            writeln!(xml, "    <properties>\n      <property name=\"sample\" value=\"{sample}\"/>\n    </properties>");
    }
    let of_sample = sample.map_or_else(String::new, |sample| format!(" (by a sample, {sample})"));
    for target in &summary.targets {
        let (name, says) = (escaped(&target.name), escaped(&verdict::sentence_of(target, &clock)) + &of_sample);
        let _ = writeln!(xml, "    <testcase classname=\"{suite}.targets\" name=\"{name}\" time=\"0\">");
        let _ = match target.verdict {
            Verdict::Pass => writeln!(xml, "      <system-out>{says}</system-out>"),
            Verdict::Fail => writeln!(xml, "      <failure type=\"missed\" message=\"{says}\"/>"),
            Verdict::Undecided => writeln!(xml, "      <skipped message=\"{says}\"/>"),
        };
        xml += "    </testcase>\n";
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// What was simulated, where that was not the whole platform.
fn sample(summary: &Summary) -> Option<String> {
    let Summary { simulated_cells, cells, .. } = summary;
    (simulated_cells < cells).then(|| format!("{simulated_cells} of {cells} cells, scaled up to the whole platform"))
}

/// Text as it may stand in an element or in an attribute. What XML 1.0 cannot hold in any form becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // An attribute would turn them into blanks.
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_would_break_xml_is_escaped() {
        assert_eq!(escaped("p99 < 1 & \"x\" > 'y'"), "p99 &lt; 1 &amp; &quot;x&quot; &gt; &apos;y&apos;");
        assert_eq!(escaped("a\nb\u{1}\u{ffff}双"), "a&#10;b\u{fffd}\u{fffd}双");
    }
}
