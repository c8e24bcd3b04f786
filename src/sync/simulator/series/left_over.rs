//! A series that another sync has left: its days are matched one by one, and it is never moved or deleted for one of them.

use super::make::{daily, series, single, wall};
use super::world::World;
use riva_core::documents::LostAndFound;
use riva_core::holds::HoldKind;
use riva_core::item::{Element, Field, Value};
use riva_core::ports::SeriesSupport;
use riva_core::rows::{PairState, Side};

#[test]
fn days_without_a_record_wait_together_and_the_series_stays() {
    for choice in [LostAndFound::Move, LostAndFound::Delete, LostAndFound::Hold] {
        let mut world = World::new(1, SeriesSupport::None);
        world.policy.first_sync.lost_and_found = choice;
        let start = wall("2026-11-25T09:00:00");
        let mut item = series("Stand-up", start, daily(5));
        item.set(Field::Categories, Value::set([("Riva".to_owned(), Element::plain("Riva"))].into()));
        let id = world.mail.user_create(item.clone());
        let record = world.crm.user_create(single("Stand-up", start));
        world.settle();
        let records: Vec<_> = world.crm.live().into_keys().collect();
        assert_eq!(records, std::slice::from_ref(&record), "{choice:?}");
        assert_eq!(world.pair_of(Side::Crm, &record).map(|pair| pair.state), Some(PairState::Linked));
        let there = world.mail.get(&id).expect("it stays");
        assert_eq!((there.recurrence(), there.overrides()), (item.recurrence(), None), "{choice:?}");
        let holds = world.store.all_holds();
        let [hold] = &holds[..] else { panic!("{holds:#?}") };
        assert_eq!((hold.kind, hold.items.len()), (HoldKind::LostAndFound, 4), "{choice:?}");
    }
}
