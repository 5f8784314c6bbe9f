//! The channel that a session comes by, and the livestream that it watches: draws named by the session, and kept nowhere.
//!
//! What a livestream shows depends on the moment at which a basket is filled. The basket of a presale has to be wished for again once
//! its deposit is paid, so for those to whom something was shown in a presale that moment is kept.

use super::cell::Player;
use super::session::Session;
use super::wish::Wishes;
use crate::model::Pays;
use crate::model::livestream::{Shown, Watching};
use crate::recorder::Turnover;
use crate::rng::{Name, Purpose, Stream};
use crate::units::Instant;
use std::collections::BTreeMap;

/// When baskets of presales were filled to whose shoppers a livestream showed something then, by shopper and window. There is one
/// for each such basket that is in flight or has a deposit, and no other.
pub(super) type ShownAt = BTreeMap<(u32, u8), Instant>;

/// Which of them is of a session.
#[inline]
pub(super) fn shown_to(session: &Session) -> (u32, u8) {
    (session.shopper, session.window())
}

impl Wishes<'_> {
    /// The livestream that a session watches, if any.
    #[inline]
    pub(super) fn watching(&self, session: &Session) -> Option<Watching> {
        let livestreams = self.model.livestreams.as_ref()?;
        let round = &self.model.rounds[usize::from(session.window())];
        let (segment, window) = (usize::from(session.segment), usize::from(round.window));
        // Nothing is shown to those who pay balances.
        if matches!(round.pays, Pays::Balances(_)) || !livestreams.are_watched(segment, window) {
            return None;
        }
        let subject = self.first_shopper + u64::from(session.shopper);
        let name = Name { subject, session: session.window(), visit: 0, purpose: Purpose::Livestream, item: 0 };
        let mut stream = self.model.draws.stream(name);
        let u = stream.unit();
        livestreams.watched(segment, window, u, stream.unit())
    }

    /// What the livestream that a session watches shows at some moment.
    pub(super) fn shown(&self, session: &Session, at: Instant) -> Option<Shown> {
        let watching = self.watching(session)?;
        let (livestreams, catalogue) = (self.model.livestreams.as_ref()?, self.model.catalogue.as_ref()?);
        let round = &self.model.rounds[usize::from(session.window())];
        livestreams.shown(watching, at - self.model.windows[usize::from(round.window)].opens, catalogue)
    }
}

impl Player<'_> {
    /// The stream of a draw that concerns a session as a whole.
    fn stream_of_session(&self, session: &Session, purpose: Purpose) -> Stream {
        let subject = self.cell.first_shopper + u64::from(session.shopper);
        self.model.draws.stream(Name { subject, session: session.window(), visit: 0, purpose, item: 0 })
    }

    /// The channel that a session comes by; `None` where there are none.
    #[inline]
    pub(super) fn channel(&self, session: &Session) -> Option<usize> {
        let channels = self.model.channels.as_ref()?;
        Some(channels.choice.pick(self.stream_of_session(session, Purpose::Channel).unit()))
    }

    /// What the livestream that a session watches shows at this moment.
    pub(super) fn shown(&self, session: &Session) -> Option<Shown> {
        self.wishes().shown(session, session.time)
    }

    /// Keeps the moment at which a basket of a presale was filled, where its shopper was shown something then.
    pub(super) fn keep_shown(&mut self, session: &Session, shown: Option<Shown>) {
        if shown.is_some() && matches!(self.round(session).pays, Pays::Deposits(_)) {
            self.cell.shown_at.insert(shown_to(session), session.time);
        }
    }

    /// Adds to what a session's channel brought in the window in which the session takes place.
    #[inline]
    pub(super) fn tell_channel(&mut self, session: &Session, add: impl Fn(&mut Turnover)) {
        if let Some(channel) = self.channel(session) {
            let channels = self.model.channels.as_ref().map_or(0, |channels| channels.entries.len());
            let window = usize::from(self.round(session).held_in);
            add(&mut self.tally.channels[window * channels + channel]);
        }
    }

    /// Adds to what a session's livestream brought.
    #[inline]
    pub(super) fn tell_livestream(&mut self, session: &Session, add: impl Fn(&mut Turnover)) {
        if let Some(Watching { livestream, .. }) = self.wishes().watching(session) {
            add(&mut self.tally.livestreams[livestream]);
        }
    }
}
