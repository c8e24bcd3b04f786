//! Values that are fetched while the screen goes on: asked for, under way, there, or failed; the last good value
//! stays on screen meanwhile.

use crate::trouble::Trouble;
use std::sync::mpsc::{Receiver, TryRecvError};

/// The work behind a request ended without sending its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// A result that is on its way: a channel for exactly one value.
#[derive(Debug)]
pub struct Reply<T>(Receiver<T>);

impl<T> Reply<T> {
    /// Takes the receiving end of a channel that one value will be sent on.
    pub fn new(receiver: Receiver<T>) -> Self {
        Self(receiver)
    }

    /// The value if it is there, `Err(Lost)` if it will never be.
    pub fn poll(&self) -> Option<Result<T, Lost>> {
        match self.0.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(Lost)),
        }
    }
}

/// A value that was, is being, or has yet to be fetched.
#[derive(Debug, Default)]
pub enum Requested<T, E = Trouble> {
    /// Nobody has asked yet.
    #[default]
    NotYet,
    /// On its way; what was there before is still shown.
    Pending {
        /// Where the result will come from.
        reply: Reply<Result<T, E>>,
        /// The value before.
        previous: Option<T>,
    },
    /// There.
    Ready(T),
    /// It could not be had; what was there before is still shown.
    Failed {
        /// Why.
        error: E,
        /// The value before.
        previous: Option<T>,
    },
}

impl<T, E: From<Lost>> Requested<T, E> {
    /// Waits for this reply now, keeping what is on screen.
    pub fn start(&mut self, reply: Reply<Result<T, E>>) {
        let previous = match std::mem::replace(self, Self::NotYet) {
            Self::NotYet => None,
            Self::Ready(value) => Some(value),
            Self::Pending { previous, .. } | Self::Failed { previous, .. } => previous,
        };
        *self = Self::Pending { reply, previous };
    }

    /// Takes the result if it has come. True if there is something new to show.
    pub fn poll(&mut self) -> bool {
        let Self::Pending { reply, previous } = self else { return false };
        let Some(result) = reply.poll() else { return false };
        *self = match result.unwrap_or_else(|lost| Err(E::from(lost))) {
            Ok(value) => Self::Ready(value),
            Err(error) => Self::Failed { error, previous: previous.take() },
        };
        true
    }
}

impl<T, E> Requested<T, E> {
    /// The newest value there is, also while a newer one is on its way.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::NotYet => None,
            Self::Ready(value) => Some(value),
            Self::Pending { previous, .. } | Self::Failed { previous, .. } => previous.as_ref(),
        }
    }

    /// Why the last request failed.
    pub fn error(&self) -> Option<&E> {
        if let Self::Failed { error, .. } = self { Some(error) } else { None }
    }

    /// Whether an answer is awaited.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }

    /// Whether nobody has asked yet.
    pub fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotYet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn the_old_value_stays_while_a_new_one_is_fetched_and_when_that_fails() {
        let mut number: Requested<u32> = Requested::NotYet;
        let (send, receive) = sync_channel(1);
        number.start(Reply::new(receive));
        assert!(number.is_pending() && number.value().is_none() && !number.poll());
        send.send(Ok(7)).unwrap();
        assert!(number.poll());
        assert_eq!(number.value(), Some(&7));

        let (send, receive) = sync_channel(1);
        number.start(Reply::new(receive));
        assert_eq!(number.value(), Some(&7));
        send.send(Err(Trouble::new("No", "", ""))).unwrap();
        assert!(number.poll());
        assert_eq!((number.value(), number.error().unwrap().title.as_str()), (Some(&7), "No"));
    }

    #[test]
    fn lost_work_is_an_error_not_an_endless_wait() {
        let mut number: Requested<u32> = Requested::NotYet;
        let (send, receive) = sync_channel::<Result<u32, Trouble>>(1);
        number.start(Reply::new(receive));
        drop(send);
        assert!(number.poll());
        assert_eq!(number.error().unwrap().title, "No answer");
    }
}
