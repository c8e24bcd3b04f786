//! Awaits: at each of them the world may go on with something else, or the process may die.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// One await: the future is polled once more before it goes on. To kill the process here is to drop the future.
pub(super) fn turn() -> impl Future<Output = ()> {
    let mut waited = false;
    poll_fn(move |_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
}

/// Polls a future up to so many times. `None`: it is not done.
pub(super) fn run<T>(future: &mut Pin<Box<dyn Future<Output = T>>>, turns: u32) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..turns {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
    }
    None
}
