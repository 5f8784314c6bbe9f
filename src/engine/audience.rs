//! The channel that a session comes by, and the livestream that it watches: draws named by the session, and kept nowhere.

use super::cell::Player;
use super::session::Session;
use crate::model::Pays;
use crate::model::livestream::{Shown, Watching};
use crate::recorder::Turnover;
use crate::rng::{Name, Purpose, Stream};

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

    /// The livestream that a session watches, if any.
    #[inline]
    pub(super) fn watching(&self, session: &Session) -> Option<Watching> {
        let livestreams = self.model.livestreams.as_ref()?;
        let round = self.round(session);
        let (segment, window) = (usize::from(session.segment), usize::from(round.window));
        // Nothing is shown to those who pay deposits and balances.
        if round.pays != Pays::Orders || !livestreams.are_watched(segment, window) {
            return None;
        }
        let mut stream = self.stream_of_session(session, Purpose::Livestream);
        let u = stream.unit();
        livestreams.watched(segment, window, u, stream.unit())
    }

    /// What the livestream that a session watches shows at this moment.
    pub(super) fn shown(&self, session: &Session) -> Option<Shown> {
        let watching = self.watching(session)?;
        let (livestreams, catalogue) = (self.model.livestreams.as_ref()?, self.model.catalogue.as_ref()?);
        let opens = self.model.windows[usize::from(self.round(session).window)].opens;
        livestreams.shown(watching, session.time - opens, catalogue)
    }

    /// Adds to what a session's channel brought.
    #[inline]
    pub(super) fn tell_channel(&mut self, session: &Session, add: impl Fn(&mut Turnover)) {
        if let Some(channel) = self.channel(session) {
            let channels = self.model.channels.as_ref().map_or(0, |channels| channels.entries.len());
            let window = usize::from(self.round(session).window);
            add(&mut self.tally.channels[window * channels + channel]);
        }
    }

    /// Adds to what a session's livestream brought.
    #[inline]
    pub(super) fn tell_livestream(&mut self, session: &Session, add: impl Fn(&mut Turnover)) {
        if let Some(Watching { livestream, .. }) = self.watching(session) {
            add(&mut self.tally.livestreams[livestream]);
        }
    }
}
