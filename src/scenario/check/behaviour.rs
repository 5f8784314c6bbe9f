//! Behaviour graphs: probabilities, reachability, and actions in an order that works.

use super::{Check, SUM_TOLERANCE};
use crate::plan::{Action, Again, Cbmg, MAX_AT_ONCE, MAX_STATES, ServiceId, State};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file::{self, Named};
use crate::scenario::tree::Cursor;
use crate::units::Nanos;

/// The way out of a graph; not a state.
const EXIT: &str = "exit";

/// Where to next, with probabilities; `None` is the exit.
type Edges = Vec<(Option<usize>, f64)>;

impl Check<'_> {
    pub(super) fn behaviour(&mut self) -> Vec<Cbmg> {
        let cbmgs = &self.file.cbmg;
        cbmgs.iter().map(|(name, cbmg)| self.graph(name, cbmg)).collect()
    }

    fn graph(&mut self, name: &str, cbmg: &file::Cbmg) -> Cbmg {
        let at = self.root.key("cbmg").key(name);
        let states_at = at.key("state");
        let before = self.found.errors();
        self.at_most("state", cbmg.state.len(), MAX_STATES, states_at);
        if cbmg.state.contains_key(EXIT) {
            self.push(
                Diagnostic::new(Code::BadName, "`exit` cannot be a state")
                    .at(states_at.key(EXIT).key_place(), "this is the way out")
                    .help("give the state another name, or delete it"),
            );
        }
        let entry = self.resolve("state", &cbmg.entry, &cbmg.state, at.key("entry").place());
        let states: Vec<State> =
            cbmg.state.iter().map(|(name, state)| self.state(name, state, cbmg, states_at.key(name))).collect();
        // Reachability of a graph with broken edges would only repeat what has been said.
        if self.found.errors() == before {
            let channels = self.file.channel.values().filter_map(|channel| channel.entry.as_ref());
            let others = channels.filter_map(|entry| cbmg.state.get_index_of(entry));
            let entries: Vec<usize> = entry.into_iter().chain(others).collect();
            self.reachability(&entries, &states, states_at);
            self.actions(name, &states, states_at);
        }
        Cbmg { name: name.to_owned(), entry: entry.unwrap_or(0), states }
    }

    fn state(&mut self, name: &str, state: &file::State, cbmg: &file::Cbmg, at: Cursor<'_>) -> State {
        let (calls, steps) = self.calls(state, at);
        let think = state.think.as_ref().map(|think| self.time_distribution(think, at.key("think")));
        let next = self.edges(&state.next, cbmg, at.key("next"));
        let on_failure = match &state.on_failure {
            Some(edges) => self.edges(edges, cbmg, at.key("on_failure")),
            None => vec![(None, 1.0)],
        };
        let action = state.action.as_ref().map(|action| match action {
            file::Action::AddToBasket => Action::AddToBasket,
            file::Action::Reserve => Action::Reserve,
            file::Action::Pay { declined } => Action::Pay { declined: *declined },
        });
        if state.timeout == Some(Nanos(0)) {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("state `{name}` has no time to load"))
                    .at(at.key("timeout").place(), "every page fails at once")
                    .help("write a longer time, or leave it out for none"),
            );
        }
        let (name, timeout) = (name.to_owned(), state.timeout);
        let again = state.double_submit.as_ref().map(|again| self.double_submit(again, action, at));
        State { name, calls, steps, timeout, action, again, think, next, on_failure }
    }

    fn double_submit(&mut self, again: &file::DoubleSubmit, action: Option<Action>, at: Cursor<'_>) -> Again {
        let &file::DoubleSubmit { after, probability, idempotency } = again;
        let here = at.key("double_submit");
        if !matches!(action, Some(Action::Reserve | Action::Pay { .. })) {
            self.push(
                Diagnostic::new(Code::Unused, "to submit this page again does nothing")
                    .at(here.key_place(), "the action is neither `reserve` nor `pay`")
                    .help("move `double_submit` to the state that orders or pays, or delete it"),
            );
        }
        if after == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, "a page is submitted again by somebody who has waited for it")
                    .at(here.key("after").place(), "nobody has waited yet")
                    .help("write how long, such as \"3s\""),
            );
        }
        Again { after, probability, idempotency }
    }

    /// The calls of a state, and how many of them are made at once.
    fn calls(&mut self, state: &file::State, at: Cursor<'_>) -> (Vec<ServiceId>, Vec<usize>) {
        let services = &self.file.service;
        for (name, set) in &state.parallel {
            self.set_of_calls(name, set, state, at.key("parallel").key(name));
        }
        let (mut calls, mut steps) = (Vec::with_capacity(state.calls.len()), Vec::with_capacity(state.calls.len()));
        for (index, call) in state.calls.iter().enumerate() {
            let before = calls.len();
            if let Some(set) = state.parallel.get(call) {
                calls.extend(set.iter().filter_map(|service| services.get_index_of(service)));
            } else if let Some(service) = services.get_index_of(call) {
                calls.push(service);
            } else {
                let names = services.keys().chain(state.parallel.keys()).map(String::as_str);
                self.unknown("service", call, at.key("calls").index(index).place(), "the scenario declares", names);
            }
            steps.extend(Some(calls.len() - before).filter(|&step| step > 0));
        }
        self.at_most("call", calls.len(), MAX_STATES, at.key("calls"));
        (calls, steps)
    }

    /// Checks a set of services that are called at once.
    fn set_of_calls(&mut self, name: &str, set: &[String], state: &file::State, at: Cursor<'_>) {
        if !(2..=MAX_AT_ONCE).contains(&set.len()) {
            let message = format!("`{name}` has {} calls, 2 to {MAX_AT_ONCE} are wanted", set.len());
            self.push(Diagnostic::new(Code::WrongLength, message).at(at.place(), "called at once"));
        }
        for (index, service) in set.iter().enumerate() {
            self.resolve("service", service, &self.file.service, at.index(index).place());
            self.is_not_hedged(service, "called at once with others", at.index(index));
        }
        if self.file.service.contains_key(name) {
            self.push(
                Diagnostic::new(Code::BadName, format!("`{name}` is a service, and cannot be a set of calls too"))
                    .at(at.key_place(), "which of them `calls` means cannot be told")
                    .help("give the set another name"),
            );
        } else if !state.calls.iter().any(|call| call == name) {
            self.push(
                Diagnostic::new(Code::Unused, format!("the calls `{name}` are never made"))
                    .at(at.key_place(), "`calls` does not name it"),
            );
        }
    }

    /// Probabilities over states, normalised.
    fn edges(&mut self, edges: &Named<f64>, cbmg: &file::Cbmg, at: Cursor<'_>) -> Edges {
        let mut targets = Edges::new();
        let before = self.found.errors();
        for (target, probability) in edges {
            if !(0.0..=1.0).contains(probability) {
                self.push(
                    Diagnostic::new(Code::OutOfRange, format!("{probability} is not a probability"))
                        .at(at.key(target).place(), "expected a number from 0 to 1"),
                );
            }
            let index = cbmg.state.get_index_of(target).filter(|_| target != EXIT);
            if index.is_none() && target != EXIT {
                let names = cbmg.state.keys().map(String::as_str).chain([EXIT]);
                self.unknown("state", target, at.key(target).key_place(), "this graph has", names);
            }
            targets.push((index, *probability));
        }
        let sum: f64 = edges.values().sum();
        if self.found.errors() == before && (sum - 1.0).abs() > SUM_TOLERANCE {
            let message = "the probabilities of what comes next do not sum to one";
            let mut wrong = Diagnostic::new(Code::ProbabilitySum, message)
                .at(at.key_place(), format!("sum to {}", rounded(sum)))
                .note(format!("{} = {}", terms(edges.values().copied()), rounded(sum)))
                .help(gap(sum));
            // The ones that are inherited from another file do not stand beside the key.
            let inherited = edges.iter().map(|(name, p)| (at.key(name).place(), p));
            for (place, probability) in inherited.filter(|(place, _)| place.source != at.key_place().source).take(8) {
                wrong = wrong.at(place, format!("{probability} is inherited"));
            }
            self.push(wrong);
        }
        for (_, probability) in &mut targets {
            *probability /= sum;
        }
        targets
    }

    fn reachability(&mut self, entries: &[usize], states: &[State], at: Cursor<'_>) {
        let reached =
            reach(states, entries.iter().copied(), |from, to| leads(&from.next, to) || leads(&from.on_failure, to));
        for (state, _) in states.iter().zip(&reached).filter(|(_, reached)| !**reached) {
            let unreached =
                Diagnostic::new(Code::UnreachableState, format!("no session reaches the state `{}`", state.name))
                    .at(at.key(&state.name).key_place(), "never visited")
                    .note(format!("no path leads to it from the entry `{}`", states[entries[0]].name));
            self.push(unreached);
        }
        let leaving = |state: &State| state.next.iter().any(|(to, p)| to.is_none() && *p > 0.0);
        let mut leaves: Vec<bool> = states.iter().map(leaving).collect();
        // Backwards: a state leaves when one of its successors does. At most one round per state.
        for _ in states {
            for index in 0..states.len() {
                let onward = |(to, p): &(Option<usize>, f64)| *p > 0.0 && to.is_some_and(|to| leaves[to]);
                leaves[index] = leaves[index] || states[index].next.iter().any(onward);
            }
        }
        for (state, _) in states.iter().zip(&leaves).filter(|(_, leaves)| !**leaves) {
            let trapped =
                Diagnostic::new(Code::NoExit, format!("a session can never leave from the state `{}`", state.name))
                    .at(at.key(&state.name).key("next").key_place(), "no path to `exit` from here")
                    .note("every state needs a path to `exit`, or sessions would never end")
                    .help("give `exit` a probability in `next` here or in a later state");
            self.push(trapped);
        }
    }

    /// Whether a graph is that of shoppers who come to pay a balance, and of nobody else.
    fn is_for_balances(&self, graph: &str) -> bool {
        let presales = self.file.window.values().filter_map(|window| window.presale.as_ref());
        presales.map(|presale| &presale.cbmg).any(|cbmg| cbmg == graph)
            && self.file.segment.values().all(|segment| segment.cbmg != graph)
    }

    fn actions(&mut self, graph: &str, states: &[State], at: Cursor<'_>) {
        let having = |wanted: fn(&Action) -> bool| -> Vec<usize> {
            let with = |state: &State| state.action.as_ref().is_some_and(wanted);
            (0..states.len()).filter(|index| with(&states[*index])).collect()
        };
        let fills = having(|action| matches!(action, Action::AddToBasket));
        let reserves = having(|action| matches!(action, Action::Reserve));
        let pays = having(|action| matches!(action, Action::Pay { .. }));
        let place = |index: usize| at.key(&states[index].name).key("action").place();
        for (what, several) in [("reserve", &reserves), ("pay", &pays)] {
            if let [first, second, ..] = several[..] {
                let message = format!("graph `{graph}` has more than one state that does `{what}`");
                self.push(
                    Diagnostic::new(Code::ActionOrder, message)
                        .at(place(second), "another one")
                        .at(place(first), "the first"),
                );
            }
        }
        let leads_to = |from: &[usize], to: usize| {
            reach(states, from.iter().copied(), |from, to| leads(&from.next, to) || leads(&from.on_failure, to))[to]
        };
        let is_for_balances = self.is_for_balances(graph);
        let mut wrong = |index: usize, message: &str, help: &str| {
            self.push(Diagnostic::new(Code::ActionOrder, message).at(place(index), "cannot work").help(help));
        };
        if let Some(reserve) = reserves.first() {
            if !leads_to(&fills, *reserve) {
                wrong(
                    *reserve,
                    "stock is reserved, but no basket was filled before",
                    "let a path from a state with `add_to_basket` lead here",
                );
            }
            if !pays.first().is_some_and(|pay| leads_to(&reserves, *pay)) {
                wrong(
                    *reserve,
                    "stock is reserved, but never paid for",
                    "let a path from here lead to a state with the action `pay`",
                );
            }
        } else if let Some(pay) = pays.first().filter(|_| !is_for_balances) {
            wrong(
                *pay,
                "orders are paid, but nothing was reserved before",
                "let a path from a state with `reserve` lead here",
            );
        }
    }
}

fn leads(edges: &Edges, to: usize) -> bool {
    edges.iter().any(|(target, probability)| *target == Some(to) && *probability > 0.0)
}

/// Which states are reached from `start`, itself counted.
fn reach(states: &[State], start: impl IntoIterator<Item = usize>, step: impl Fn(&State, usize) -> bool) -> Vec<bool> {
    let mut reached = vec![false; states.len()];
    let mut open: Vec<usize> = start.into_iter().collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend((0..states.len()).filter(|to| step(&states[index], *to)));
        }
    }
    reached
}

/// A sum as people write it: without the noise of binary fractions.
pub(super) fn rounded(sum: f64) -> f64 {
    (sum * 1e9).round() / 1e9
}

/// "0.2 + 0.5", cut after eight terms.
pub(super) fn terms(values: impl ExactSizeIterator<Item = f64>) -> String {
    let count = values.len();
    let mut terms: Vec<String> = values.take(8).map(|value| value.to_string()).collect();
    if count > 8 {
        terms.push("…".into());
    }
    if terms.is_empty() { "nothing".into() } else { terms.join(" + ") }
}

/// How far a sum is from one.
pub(super) fn gap(sum: f64) -> String {
    let gap = rounded((1.0 - sum).abs());
    if sum < 1.0 { format!("{gap} is missing") } else { format!("{gap} is too much") }
}
