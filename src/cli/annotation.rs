//! Missed targets as annotations of the scenario file, in the form of GitHub's workflow commands.
//!
//! `::error file=…,line=…,col=…,title=…::message`; the runner reads them from stderr as well, so stdout stays with the results.

use super::terminal;
use crate::clock::Clock;
use crate::results::{Summary, Verdict};
use crate::scenario::Loaded;
use crate::verdict;
use std::path::{Path, PathBuf};

/// Whether whoever runs this process reads annotations.
pub(super) fn wanted() -> bool {
    terminal::variable("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// A line for every target that was missed.
pub(super) fn text(summary: &Summary, scenario: &Loaded) -> String {
    let clock = Clock::new(&summary.zone);
    let targets = summary.targets.iter().zip(&scenario.target_places);
    let missed = targets.filter(|(target, _)| target.verdict == Verdict::Fail);
    let workspace = terminal::variable("GITHUB_WORKSPACE").map(PathBuf::from);
    let line = |(target, place): (_, &_)| {
        let (file, line, column) = scenario.warnings.locate(place);
        annotation(&in_repository(file, workspace.as_deref()), line, column, target, &clock)
    };
    missed.map(line).collect()
}

/// The path of a file as it is in the repository that is checked out at `workspace`: annotations go by that, whatever folder a step
/// works in. As it is where the file is not in there.
fn in_repository(file: &str, workspace: Option<&Path>) -> String {
    let (file, workspace) = (Path::new(file), workspace.and_then(|path| path.canonicalize().ok()));
    let whole = file.canonicalize().ok();
    let inside = whole.as_deref().zip(workspace.as_deref()).and_then(|(whole, root)| whole.strip_prefix(root).ok());
    inside.unwrap_or(file).display().to_string()
}

fn annotation(file: &str, line: usize, column: usize, target: &crate::results::TargetResult, clock: &Clock) -> String {
    // An override of the command line has no file that could be annotated.
    let place = if file.starts_with("--") {
        String::new()
    } else {
        format!("file={},line={line},col={column},", property(file))
    };
    let title = property(&format!("target {} missed", target.name));
    format!("::error {place}title={title}::{}\n", message(&verdict::sentence(target, clock)))
}

/// Escapes a message as GitHub's toolkit does.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property, which colons and commas would end.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_in_the_repository() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
        let whole = workspace.join("scenarios/quickstart.toml").display().to_string();
        let inside = in_repository(&whole, Some(workspace));
        assert_eq!(Path::new(&inside), Path::new("scenarios/quickstart.toml"));
        assert_eq!(in_repository("--set", Some(workspace)), "--set", "no file");
        assert_eq!(in_repository(&whole, None), whole);
        assert_eq!(in_repository(&whole, Some(&workspace.join("docs"))), whole, "it is not in there");
    }

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(message("0.5 %\nnext"), "0.5 %25%0Anext");
        assert_eq!(property("a,b:c%"), "a%2Cb%3Ac%25");
    }
}
