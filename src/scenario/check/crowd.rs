//! Channels and livestreams.

use super::clock::Clock;
use super::{Check, SUM_TOLERANCE};
use crate::plan::{Catalogue, Cbmg, Channel, Livestream, Rooms, Shows, Slot};
use crate::scenario::check::behaviour::rounded;
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::Nanos;

/// Most channels of a scenario, and most livestreams that are told apart.
const MOST: usize = 1000;

impl Check<'_> {
    pub(super) fn channels(&mut self, cbmgs: &[Cbmg]) -> Vec<Channel> {
        let (channels, at) = (&self.file.channel, self.root.key("channel"));
        self.at_most("channel", channels.len(), MOST, at);
        if !channels.is_empty() {
            let shares: Vec<f64> = channels.values().map(|channel| channel.share).collect();
            let places = channels.keys().map(|name| at.key(name).key("share").place());
            self.shares_sum_to_one("channels", &shares, places, at);
        }
        let sum: f64 = channels.values().map(|channel| channel.share).sum();
        channels.iter().map(|(name, channel)| self.channel(name, channel, cbmgs, sum)).collect()
    }

    fn channel(&mut self, name: &str, channel: &file::Channel, cbmgs: &[Cbmg], sum: f64) -> Channel {
        let named = |cbmg: &Cbmg| cbmg.states.iter().position(|state| Some(&state.name) == channel.entry.as_ref());
        if let Some(entry) = channel.entry.as_ref().filter(|_| !cbmgs.iter().any(|cbmg| named(cbmg).is_some())) {
            let place = self.root.key("channel").key(name).key("entry").place();
            let states = self.file.cbmg.values().flat_map(|cbmg| cbmg.state.keys()).map(String::as_str);
            self.unknown("state", entry, place, "the behaviour graphs have", states);
        }
        Channel {
            name: name.to_owned(),
            share: channel.share / sum,
            entries: cbmgs.iter().map(|cbmg| named(cbmg).unwrap_or(cbmg.entry)).collect(),
        }
    }

    pub(super) fn livestreams(&mut self, clock: &Clock, catalogue: Option<&Catalogue>) -> Vec<Livestream> {
        let (livestreams, at) = (&self.file.livestream, self.root.key("livestream"));
        self.at_most("livestream", livestreams.len(), MOST, at);
        if livestreams.len() > MOST {
            return Vec::new();
        }
        let found =
            livestreams.iter().filter_map(|(name, livestream)| self.livestream(name, livestream, clock, catalogue));
        let found: Vec<Livestream> = found.collect();
        self.audiences(&found);
        found
    }

    fn livestream(
        &mut self,
        name: &str,
        livestream: &file::Livestream,
        clock: &Clock,
        catalogue: Option<&Catalogue>,
    ) -> Option<Livestream> {
        let (file, at) = (self.file, self.root.key("livestream").key(name));
        let window = self.resolve("window", &livestream.window, &file.window, at.key("window").place());
        let mut audience = vec![0.0; file.segment.len()];
        for (segment, probability) in &livestream.audience {
            let at = at.key("audience").key(segment);
            if !(0.0..=1.0).contains(probability) {
                self.push(
                    Diagnostic::new(Code::OutOfRange, format!("{probability} is not a probability"))
                        .at(at.place(), "expected a number from 0 to 1"),
                );
            }
            if let Some(segment) = self.resolve("segment", segment, &file.segment, at.key_place()) {
                audience[segment] = *probability;
            }
        }
        let Some(catalogue) = catalogue else {
            if file.catalogue.is_none() {
                self.push(
                    Diagnostic::new(Code::NothingOnSale, format!("the livestream `{name}` has nothing to show"))
                        .at(at.key("shows").key_place(), "needs a catalogue")
                        .help("declare [catalogue] and at least one [category.NAME]"),
                );
            }
            return None;
        };
        let length = window.filter(|_| clock.sound).and_then(|window| clock.windows.get(window));
        let length = length.map_or(Nanos(u64::MAX), |window| window.closes - window.opens);
        let shows = match &livestream.shows {
            file::Shows::Slots(slots) => Shows::Slots(self.slots(slots, length, at.key("shows").key("slots"))),
            file::Shows::Rooms(rooms) => Shows::Rooms(self.rooms(rooms, catalogue, at.key("shows").key("rooms"))?),
        };
        Some(Livestream { name: name.to_owned(), window: window?, audience, shows })
    }

    /// Slots in order of time, within their window.
    fn slots(&mut self, slots: &[file::ShowSlot], length: Nanos, at: Cursor<'_>) -> Vec<Slot> {
        let mut free = Nanos(0);
        let mut converted = Vec::with_capacity(slots.len());
        for (index, slot) in slots.iter().enumerate() {
            let at = at.index(index);
            let product = self.resolve("product", &slot.product, &self.file.product, at.key("product").place());
            let end = Nanos(slot.at.0.saturating_add(slot.lasts.0));
            if slot.lasts == Nanos(0) || end > length || slot.at < free {
                let label = match () {
                    () if slot.lasts == Nanos(0) => "takes no time".to_owned(),
                    () if end > length => format!("ends {end} after an opening that lasts {length}"),
                    () => format!("begins before the slot before it has ended, at {free}"),
                };
                self.push(
                    Diagnostic::new(
                        Code::BadTiming,
                        "a livestream shows one product at a time, while its window is open",
                    )
                    .at(at.key(if slot.lasts == Nanos(0) { "lasts" } else { "at" }).place(), label)
                    .help("put the slots in order of time, one after the other, or make it two livestreams"),
                );
            }
            free = free.max(end);
            let product = product.unwrap_or(0);
            converted.push(Slot { at: slot.at, lasts: slot.lasts, product, conversion: slot.conversion });
        }
        converted
    }

    fn rooms(&mut self, rooms: &file::ShowRooms, catalogue: &Catalogue, at: Cursor<'_>) -> Option<Rooms> {
        let category = self.resolve("category", &rooms.category, &self.file.category, at.key("category").place())?;
        let there = catalogue.categories.get(category)?.skus;
        if rooms.products < rooms.rooms || rooms.products > there {
            self.push(
                Diagnostic::new(
                    Code::OutOfRange,
                    format!("{} rooms cannot show {} products", rooms.rooms, rooms.products),
                )
                .at(at.key("products").place(), format!("category `{}` has {there} generated products", rooms.category))
                .at(at.key("rooms").place(), "each needs one at least")
                .help("take as many products as rooms or more, and at most all of the category"),
            );
        }
        if rooms.turn == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, "a product that is shown for no time is never shown")
                    .at(at.key("turn").place(), "takes no time"),
            );
        }
        let file::ShowRooms { rooms, products, turn, conversion, .. } = *rooms;
        Some(Rooms { rooms, products, category, turn, conversion })
    }

    /// A session watches one livestream at most.
    fn audiences(&mut self, livestreams: &[Livestream]) {
        for (window, window_name) in self.file.window.keys().enumerate() {
            for (segment, segment_name) in self.file.segment.keys().enumerate() {
                let of = livestreams.iter().filter(|of| of.window == window && of.audience[segment] > 0.0);
                let watched: Vec<&Livestream> = of.collect();
                let sum: f64 = watched.iter().map(|of| of.audience[segment]).sum();
                if sum <= 1.0 + SUM_TOLERANCE {
                    continue;
                }
                let message =
                    format!("the audiences of livestreams in `{segment_name}` in `{window_name}` sum to more than one");
                let over = Diagnostic::new(Code::ShareSum, message)
                    .note(format!("they sum to {}", rounded(sum)))
                    .note("a session watches one livestream at most");
                let place =
                    |name: &str| self.root.key("livestream").key(name).key("audience").key(segment_name).place();
                let shown = watched.iter().take(8);
                let over = shown.fold(over, |over, of| over.at(place(&of.name), of.audience[segment].to_string()));
                self.push(over);
            }
        }
    }
}
