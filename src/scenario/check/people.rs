//! Segments: shares, attendance, baskets, limits.

use super::arrival::{brings_somebody, is_hourly, opening_at};
use super::behaviour::{gap, rounded, terms};
use super::clock::Clock;
use super::{Check, SUM_TOLERANCE};
use crate::plan::{Attendance, Catalogue, Intensity, MAX_SEGMENTS, Segment};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::source::Place;
use crate::scenario::tree::Cursor;
use crate::units::Nanos;
use indexmap::IndexMap;

/// Arrival patterns as the windows need them: an hourly profile once per time of day at which a window opens.
pub(super) struct Placed<'a> {
    templates: &'a [Option<Intensity>],
    /// By index of the template and time of day.
    pub(super) intensities: IndexMap<(usize, Nanos), Intensity>,
}

impl Placed<'_> {
    /// Index of a pattern in a window that opens at this time of day; `None` where the pattern is wrong in itself.
    pub(super) fn index(&mut self, template: usize, time_of_day: Nanos) -> Option<usize> {
        let intensity = self.templates[template].as_ref()?;
        let key = (template, if is_hourly(intensity) { time_of_day } else { Nanos(0) });
        let entry = self.intensities.entry(key);
        let index = entry.index();
        entry.or_insert_with(|| opening_at(intensity, time_of_day));
        Some(index)
    }
}

impl Check<'_> {
    /// Segments, and the arrival patterns that they come by; gives the windows of `clock` their presales.
    pub(super) fn segments(
        &mut self,
        templates: &[Option<Intensity>],
        clock: &mut Clock,
        catalogue: Option<&Catalogue>,
    ) -> (Vec<Segment>, Vec<Intensity>) {
        let at = self.root.key("segment");
        let segments = &self.file.segment;
        self.at_most("segment", segments.len(), MAX_SEGMENTS, at);
        // A table of factors by segment and category has to stay small.
        if segments.len() > MAX_SEGMENTS {
            return (Vec::new(), Vec::new());
        }
        let shares: Vec<f64> = segments.values().map(|segment| segment.share).collect();
        let shares_at = segments.keys().map(|name| at.key(name).key("share").place());
        self.shares_sum_to_one("segments", &shares, shares_at, at);
        let mut placed = Placed { templates, intensities: IndexMap::new() };
        let converted: Vec<Segment> =
            segments.iter().map(|(name, segment)| self.segment(name, segment, &mut placed, clock, catalogue)).collect();
        let come =
            |segment: &file::Segment| segment.share > 0.0 && segment.window.values().any(|a| a.participation > 0.0);
        if !segments.is_empty() && !segments.values().any(come) {
            self.push(
                Diagnostic::new(Code::NobodyComes, "nobody comes to any window")
                    .at(at.key_place(), "no segment has a positive participation")
                    .help("give a segment a window: window.NAME = { participation = 0.5, intensity = \"…\" }"),
            );
        }
        let presales = self.presales(&mut placed, clock);
        for (window, presale) in clock.windows.iter_mut().zip(presales) {
            window.presale = presale;
        }
        (converted, placed.intensities.into_values().collect())
    }

    pub(super) fn shares_sum_to_one(
        &mut self,
        what: &str,
        shares: &[f64],
        places: impl Iterator<Item = Place>,
        at: Cursor<'_>,
    ) {
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            let mut wrong = Diagnostic::new(Code::ShareSum, format!("the shares of the {what} do not sum to one"))
                .note(format!("{} = {}", terms(shares.iter().copied()), rounded(sum)))
                .help(gap(sum));
            for (place, share) in places.zip(shares).take(8) {
                wrong = wrong.at(place, share.to_string());
            }
            self.push(if shares.is_empty() { wrong.at(at.key_place(), "none is declared") } else { wrong });
        }
    }

    fn segment(
        &mut self,
        name: &str,
        segment: &file::Segment,
        placed: &mut Placed<'_>,
        clock: &Clock,
        catalogue: Option<&Catalogue>,
    ) -> Segment {
        let at = self.root.key("segment").key(name);
        let cbmg = self.resolve("cbmg", &segment.cbmg, &self.file.cbmg, at.key("cbmg").place());
        let attendance = self.attendance(segment, placed, clock, at);
        let interest = self.interest(name, segment, catalogue, at);
        let basket = at.key("basket");
        Segment {
            name: name.to_owned(),
            share: segment.share / self.file.segment.values().map(|s| s.share).sum::<f64>(),
            cbmg: cbmg.unwrap_or(0),
            attendance,
            lines: self.lines(&segment.basket.lines, basket.key("lines")),
            units: self.count_distribution(&segment.basket.units, basket.key("units")),
            spend: segment.spend.as_ref().map(|spend| self.money_distribution(spend, at.key("spend"))),
            patience: segment.patience.as_ref().map(|patience| self.time_distribution(patience, at.key("patience"))),
            substitution: segment.substitution,
            interest,
        }
    }

    fn attendance(
        &mut self,
        segment: &file::Segment,
        placed: &mut Placed<'_>,
        clock: &Clock,
        at: Cursor<'_>,
    ) -> Vec<Option<Attendance>> {
        let mut by_window = vec![None; self.file.window.len()];
        for (name, attendance) in &segment.window {
            let at = at.key("window").key(name);
            let window = self.resolve("window", name, &self.file.window, at.key_place());
            let usual = self.pattern(&attendance.intensity, at.key("intensity"), window, placed, clock);
            let named: Vec<_> = attendance.intensity_after.named().collect();
            let after = named.into_iter().filter_map(|(history, name)| {
                let at = at.key("intensity_after").key(history);
                Some((history, self.pattern(name, at, window, placed, clock)?))
            });
            let after: Vec<_> = after.collect();
            let (Some(window), Some(usual)) = (window, usual) else { continue };
            self.memory(window, attendance, at);
            if window == 0 && !attendance.intensity_after.is_empty() {
                self.push(
                    Diagnostic::new(Code::NoHistory, format!("nobody has a history when window `{name}` opens"))
                        .at(at.key("intensity_after").key_place(), "of no use in the first window")
                        .help("name it in a later window"),
                );
            }
            let of = |history: &str| {
                let named = after.iter().find(|(of, _)| *of == history && window > 0);
                named.map_or(usual, |(_, pattern)| *pattern)
            };
            by_window[window] = Some(Attendance {
                participation: attendance.participation,
                early: attendance.early,
                intensities: [of("bought"), of("failed"), of("deferred"), usual],
            });
        }
        by_window
    }

    /// An arrival pattern that is named somewhere, as it is in a window.
    fn pattern(
        &mut self,
        name: &str,
        at: Cursor<'_>,
        window: Option<usize>,
        placed: &mut Placed<'_>,
        clock: &Clock,
    ) -> Option<usize> {
        let template = self.resolve("intensity", name, &self.file.intensity, at.place())?;
        let window = window?;
        let intensity = placed.index(template, clock.time_of_day[window])?;
        let (of_window, length) =
            (clock.windows[window].name.clone(), clock.windows[window].closes - clock.windows[window].opens);
        if clock.sound && !brings_somebody(&placed.intensities[intensity], length) {
            self.push(
                Diagnostic::new(
                    Code::NoArrivals,
                    format!("the intensity `{name}` is zero all through the window `{of_window}`"),
                )
                .at(at.place(), "brings nobody")
                .at(self.root.key("window").key(&of_window).key_place(), format!("lasts {length}"))
                .note("every part of the pattern begins after the window has closed, or is zero in its hours"),
            );
        }
        Some(intensity)
    }

    /// Factors on participation can only work while the product stays below one.
    fn memory(&mut self, window: usize, attendance: &file::Attendance, at: Cursor<'_>) {
        let memory = &self.file.memory;
        let factors = [
            ("after_bought", memory.after_bought),
            ("after_failed", memory.after_failed),
            ("after_deferred", memory.after_deferred),
        ];
        for (name, factor) in factors {
            let product = attendance.participation * factor;
            if window > 0 && factor > 1.0 && product > 1.0 {
                self.push(
                    Diagnostic::new(
                        Code::MemoryCapped,
                        format!("memory raises a participation to {}", rounded(product)),
                    )
                    .at(at.key("participation").place(), "capped at 1")
                    .at(self.root.key("memory").key(name).place(), format!("times {factor}"))
                    .note("a shopper comes to a window at most once, so the factor works only in part"),
                );
            }
        }
    }

    /// Factors by category, and whether a basket can be filled with them.
    fn interest(
        &mut self,
        name: &str,
        segment: &file::Segment,
        catalogue: Option<&Catalogue>,
        at: Cursor<'_>,
    ) -> Vec<f64> {
        let mut factors = vec![1.0; self.file.category.len()];
        for (category, factor) in &segment.interest {
            let at = at.key("interest").key(category);
            self.weight(*factor, at.place());
            if let Some(index) = self.resolve("category", category, &self.file.category, at.key_place()) {
                factors[index] = *factor;
            }
        }
        let Some(catalogue) = catalogue else { return Vec::new() };
        let wanted = catalogue.categories.iter().zip(&factors).any(|(category, factor)| category.demand * factor > 0.0);
        let states = self.file.cbmg.get(&segment.cbmg).into_iter().flat_map(|cbmg| cbmg.state.values());
        let buys = states.into_iter().any(|state| state.action.is_some());
        if buys && !wanted {
            self.push(
                Diagnostic::new(Code::NothingOnSale, format!("segment `{name}` buys, but wants no category"))
                    .at(at.key("interest").key_place(), "no demand is left")
                    .help("leave at least one category with a demand and an interest above zero"),
            );
        }
        factors
    }
}
