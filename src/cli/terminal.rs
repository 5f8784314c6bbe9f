//! Where text goes: stdout for results, stderr for talk, with colour or without.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

impl From<Colour> for clap::ColorChoice {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Auto => clap::ColorChoice::Auto,
            Colour::Always => clap::ColorChoice::Always,
            Colour::Never => clap::ColorChoice::Never,
        }
    }
}

/// The `--color` among raw arguments: it has to be known before they are parsed, for the parser's own messages.
pub(super) fn choice(arguments: &[OsString]) -> Colour {
    let arguments: Vec<&str> =
        arguments.iter().map_while(|a| if a == "--" { None } else { Some(a.to_str().unwrap_or_default()) }).collect();
    let mut chosen = Colour::Auto;
    for (index, argument) in arguments.iter().enumerate() {
        let value = match *argument {
            "--color" => arguments.get(index + 1).copied(),
            other => other.strip_prefix("--color="),
        };
        if let Some(colour) = value.and_then(|v| <Colour as clap::ValueEnum>::from_str(v, false).ok()) {
            chosen = colour;
        }
    }
    chosen
}

/// Writes results to stdout.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Says something on stderr. If nobody listens, so be it.
pub(super) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// What both streams can show.
pub(super) struct Terminal {
    stdout_colour: bool,
    stderr_colour: bool,
    bar: bool,
}

impl Terminal {
    pub(super) fn new(colour: Colour) -> Self {
        let stderr = io::stderr().is_terminal();
        let dumb = variable("TERM").is_some_and(|term| term == "dumb");
        Terminal {
            stdout_colour: decide(colour, io::stdout().is_terminal() && !dumb, variable),
            stderr_colour: decide(colour, stderr && !dumb, variable),
            bar: stderr && !dumb,
        }
    }

    /// Says a line that begins with `error:`.
    pub(super) fn error(&self, message: &str) {
        let red = if self.stderr_colour { "\x1b[1;31m" } else { "" };
        say(&format!("{red}error{}: {message}\n", self.stderr_reset()));
    }

    /// Says a line that begins with `warning:`.
    pub(super) fn warning(&self, message: &str) {
        let yellow = if self.stderr_colour { "\x1b[1;33m" } else { "" };
        say(&format!("{yellow}warning{}: {message}\n", self.stderr_reset()));
    }

    /// A heading in text for stdout.
    pub(super) fn heading(&self, text: &str) -> String {
        if self.stdout_colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A line that begins with `warning:`, in text for stdout.
    pub(super) fn printed_warning(&self, message: &str) -> String {
        let (yellow, reset) = if self.stdout_colour { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
        format!("{yellow}warning{reset}: {message}\n")
    }

    /// Whether text on stderr may have colours.
    pub(super) fn stderr_colour(&self) -> bool {
        self.stderr_colour
    }

    /// Whether stderr can show a bar that moves.
    pub(super) fn shows_bar(&self) -> bool {
        self.bar
    }

    fn stderr_reset(&self) -> &'static str {
        if self.stderr_colour { "\x1b[0m" } else { "" }
    }
}

/// Whether to use colour: the flag, then `NO_COLOR` (no-color.org), `CLICOLOR_FORCE` and `CLICOLOR` (bixense.com/clicolors), then the
/// stream itself.
fn decide(colour: Colour, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        // NO_COLOR counts whatever its value, even "0", unless empty.
        Colour::Auto if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) => false,
        Colour::Auto if set("CLICOLOR_FORCE") => true,
        Colour::Auto => terminal && variable("CLICOLOR").is_none_or(|value| value != "0"),
    }
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "how text is printed is no result")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_flag_then_environment_then_stream() {
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| if asked == name { Some(value.to_owned()) } else { None }
        };
        assert!(decide(Colour::Auto, true, with("X", "")));
        assert!(!decide(Colour::Auto, false, with("X", "")));
        assert!(!decide(Colour::Auto, true, with("NO_COLOR", "0")));
        assert!(decide(Colour::Auto, true, with("NO_COLOR", "")));
        assert!(decide(Colour::Always, false, with("NO_COLOR", "1")));
        assert!(decide(Colour::Auto, false, with("CLICOLOR_FORCE", "1")));
        assert!(!decide(Colour::Auto, true, with("CLICOLOR", "0")));
        assert!(!decide(Colour::Never, true, with("CLICOLOR_FORCE", "1")));
    }

    #[test]
    fn the_flag_is_found_before_parsing() {
        let find = |line: &str| choice(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(find("saleload run x --color never"), Colour::Never);
        assert_eq!(find("saleload --color=always run x"), Colour::Always);
        assert_eq!(find("saleload run -- --color=always"), Colour::Auto);
    }
}
