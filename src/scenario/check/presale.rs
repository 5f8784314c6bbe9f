//! Presales: which window their balances are paid in, from when on, and by whom.

use super::Check;
use super::arrival::brings_somebody;
use super::clock::Clock;
use super::people::Placed;
use crate::plan::{MAX_WINDOWS, MILLION, Presale};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::Nanos;

const DAY: u64 = 86_400 * Nanos::PER_SECOND;

impl Check<'_> {
    /// The presale of each window.
    pub(super) fn presales(&mut self, placed: &mut Placed<'_>, clock: &Clock) -> Vec<Option<Presale>> {
        let windows = &self.file.window;
        let presales: Vec<Option<Presale>> = windows
            .iter()
            .enumerate()
            .map(|(id, (name, window))| {
                let at = self.root.key("window").key(name).key("presale");
                window.presale.as_ref().and_then(|presale| self.presale(id, presale, placed, clock, at))
            })
            .collect();
        let count = windows.values().filter(|window| window.presale.is_some()).count();
        if windows.len() <= MAX_WINDOWS && windows.len() + count > MAX_WINDOWS {
            self.push(
                Diagnostic::new(Code::TooMany, format!("{} windows and {count} presales are too many", windows.len()))
                    .at(self.root.key("window").key_place(), format!("together at most {MAX_WINDOWS}"))
                    .note("the balances of a presale take the place of a window"),
            );
        }
        presales
    }

    fn presale(
        &mut self,
        own: usize,
        presale: &file::Presale,
        placed: &mut Placed<'_>,
        clock: &Clock,
        at: Cursor<'_>,
    ) -> Option<Presale> {
        let file = self.file;
        if presale.hold == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, "an order must wait for its deposit for some time")
                    .at(at.key("hold").place(), "expires at once")
                    .help("write how long a shopper has to pay the deposit, such as \"30m\""),
            );
        }
        let window = self.resolve("window", &presale.balances_in, &file.window, at.key("balances_in").place());
        let template = self.resolve("intensity", &presale.intensity, &file.intensity, at.key("intensity").place());
        let cbmg = self.resolve("cbmg", &presale.cbmg, &file.cbmg, at.key("cbmg").place());
        let (window, template, cbmg) = (window?, template?, cbmg?);
        self.balances_graph(&presale.cbmg, at);
        if !clock.sound || !self.balances_follow(own, window, at) {
            return None;
        }
        let length = clock.windows[window].closes - clock.windows[window].opens;
        if presale.balances_after >= length {
            self.push(
                Diagnostic::new(Code::BadTiming, "the window closes before any balance can be paid")
                    .at(at.key("balances_after").place(), "after the closing")
                    .at(self.root.key("window").key(&presale.balances_in).key_place(), format!("lasts {length}")),
            );
            return None;
        }
        let time_of_day = Nanos((clock.time_of_day[window].0 + presale.balances_after.0) % DAY);
        let intensity = placed.index(template, time_of_day)?;
        if !brings_somebody(&placed.intensities[intensity], Nanos(length.0 - presale.balances_after.0)) {
            let message = format!("the intensity `{}` is zero while balances can be paid", presale.intensity);
            self.push(
                Diagnostic::new(Code::NoArrivals, message)
                    .at(at.key("intensity").place(), "brings nobody")
                    .note("it counts from when balances can be paid, `balances_after` the opening"),
            );
        }
        Some(Presale {
            window,
            opens: clock.windows[window].opens + presale.balances_after,
            deposit_ppm: (presale.deposit * f64::from(MILLION)).round() as u32,
            hold: presale.hold,
            conversion: presale.conversion,
            intensity,
            cbmg,
        })
    }

    /// Balances are paid in a later window that takes none of its own, and before another presale opens.
    fn balances_follow(&mut self, own: usize, window: usize, at: Cursor<'_>) -> bool {
        let file = self.file;
        let place = at.key("balances_in").place();
        if window <= own {
            self.push(
                Diagnostic::new(Code::BadTiming, "balances cannot be paid before the deposits")
                    .at(place, "no later window")
                    .help("name a window that opens after this one"),
            );
            return false;
        }
        let mut between = file.window.iter().enumerate().skip(own + 1).take(window - own).rev();
        let Some((other, (name, _))) = between.find(|(_, (_, of))| of.presale.is_some()) else { return true };
        let message = if other == window {
            format!("window `{name}` has a presale of its own, so no balances are paid in it")
        } else {
            format!("the presale of `{name}` opens before these balances are due")
        };
        self.push(
            Diagnostic::new(Code::BadTiming, message)
                .at(place, "balances are paid in this window")
                .at(self.root.key("window").key(name).key("presale").key_place(), "another presale")
                .note("a shopper has deposits of one presale at a time; they are forfeited when the window of the balances closes"),
        );
        false
    }

    /// Whoever comes to pay a balance has a basket already.
    fn balances_graph(&mut self, name: &str, at: Cursor<'_>) {
        let Some(cbmg) = self.file.cbmg.get(name) else { return };
        let states = self.root.key("cbmg").key(name).key("state");
        let pays = |state: &file::State| matches!(state.action, Some(file::Action::Pay { .. }));
        if !cbmg.state.values().any(pays) {
            self.push(
                Diagnostic::new(Code::ActionOrder, format!("no balance is ever paid in graph `{name}`"))
                    .at(at.key("cbmg").place(), "no state of it has the action `pay`")
                    .help("give a state the action `pay`"),
            );
        }
        let fills =
            |state: &file::State| matches!(state.action, Some(file::Action::AddToBasket | file::Action::Reserve));
        if let Some((state, _)) = cbmg.state.iter().find(|(_, state)| fills(state)) {
            self.push(
                Diagnostic::new(Code::ActionOrder, format!("graph `{name}` is for paying balances only"))
                    .at(states.key(state).key("action").place(), "the basket is full and its stock set aside")
                    .at(at.key("cbmg").place(), "the graph of those who pay a balance")
                    .help("let shoppers who want something else come as their segment does"),
            );
        }
    }
}
