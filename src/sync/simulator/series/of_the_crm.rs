//! Series of a CRM, where it is the mailbox that has none.

use super::fake::FakeCalendar;
use super::make::{daily, series, wall};
use super::world::World;
use riva_core::ports::SeriesSupport;
use std::sync::Arc;

/// All of it in the cycle that finds it.
#[test]
fn a_series_of_the_crm_is_single_appointments_in_a_mailbox_that_has_no_series() {
    let mut world = World::new(1, SeriesSupport::Full);
    world.mail = Arc::new(FakeCalendar::new("mail", SeriesSupport::None, 1));
    world.crm.user_create(series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.cycle(None).expect("nobody kills it");
    assert_eq!(world.mail.live().len(), 5, "{:?}", world.log());
    world.settle();
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (5, 1));
}
