//! The share of the platform's cells that `--sample` asks for.

use crate::plan::Plan;
use std::fmt;
use std::str::FromStr;

/// A fraction k/n with 0 < k <= n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fraction {
    numerator: u32,
    denominator: u32,
}

impl FromStr for Fraction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (numerator, denominator) = text.split_once('/')?;
            Some((numerator.trim().parse().ok()?, denominator.trim().parse().ok()?))
        };
        match read() {
            Some((numerator, denominator)) if 0 < numerator && numerator <= denominator => {
                Ok(Fraction { numerator, denominator })
            }
            _ => Err("write a fraction of the cells, more than zero and at most one, such as 1/64".to_owned()),
        }
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl Fraction {
    /// This share of a plan's cells, where any cell is as good as another.
    ///
    /// # Errors
    /// As below, and where the plan loses a cell.
    pub(super) fn of_plan(self, plan: &Plan) -> Result<u32, String> {
        let simulated = self.of(plan.cells)?;
        if simulated < plan.cells && plan.loses_cells() {
            return Err(format!(
                "--sample {self} scales some cells up to the whole platform, and this scenario loses a cell: play it in full, or take the incident out"
            ));
        }
        Ok(simulated)
    }

    /// This share of `cells`: cells that can stand for all, as every simulated one is scaled up by the same whole number.
    ///
    /// # Errors
    /// Where that is not a whole number of cells, or not a whole part of them; names the fractions that are.
    fn of(self, cells: u32) -> Result<u32, String> {
        let product = u64::from(cells) * u64::from(self.numerator);
        let simulated = (product / u64::from(self.denominator)) as u32;
        if product.is_multiple_of(u64::from(self.denominator)) && cells.is_multiple_of(simulated) {
            return Ok(simulated);
        }
        // Of many divisors, the smallest shares say the pattern.
        let shown: Vec<String> =
            (2..=cells).rev().filter(|&d| cells.is_multiple_of(d)).take(8).map(|d| format!("1/{d}")).collect();
        let works =
            if shown.is_empty() { "only 1/1 works".to_owned() } else { format!("these work: {}", shown.join(", ")) };
        let share = product as f64 / f64::from(self.denominator);
        Err(format!(
            "--sample {self} is {} of the platform's {cells} cells, and a sample is one cell of every N, N a divisor of {cells}; {works}",
            if share.fract() == 0.0 { format!("{share}") } else { format!("{share:.2}") }
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_cells_are_whole_or_refused() {
        let of = |text: &str, cells| text.parse::<Fraction>().and_then(|fraction| fraction.of(cells));
        assert_eq!(of("1/64", 64), Ok(1));
        assert_eq!(of("2/16", 64), Ok(8));
        assert_eq!(of("1/1", 7), Ok(7));
        let message = of("1/100", 64).err().unwrap_or_default();
        assert!(message.contains("0.64") && message.contains("1/64, 1/32"), "{message}");
        let message = of("3/8", 64).err().unwrap_or_default();
        assert!(message.contains("is 24 of") && message.contains("1/2"), "24 does not divide 64: {message}");
        assert!(of("1/2", 1).is_err_and(|m| m.contains("only 1/1")));
        for text in ["0/4", "5/4", "1", "1/0", "a/b", "-1/2", "0.5"] {
            assert!(text.parse::<Fraction>().is_err(), "{text}");
        }
    }
}
