//! Users at work: what people do to series, by chance.

use super::make::{
    ANN, change_rule, daily, half_an_hour, moved, place, recurs, series, set, single, split, start_of, weekly,
};
use super::world::World;
use crate::series::occurrences;
use chrono::{Duration, NaiveDateTime};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Override, Sensitivity, Value};
use riva_core::rows::Side;
use std::sync::Arc;

impl World {
    /// A user makes a series in the mailbox.
    pub fn user_makes_series(&mut self) -> RemoteId {
        self.serial += 1;
        let subject = format!("Series #{}", self.serial);
        let start = self.some_start();
        let rule = if self.random.percent(30) {
            weekly()
        } else {
            daily(3 + u32::try_from(self.random.below(8)).unwrap_or(0))
        };
        let mut item = series(&subject, start, rule);
        if self.random.percent(15) {
            item.set_text(Field::Organizer, "bob@example.com");
        }
        let id = self.mail.user_create(item);
        self.deeds.made.insert(id.clone());
        id
    }

    /// A user makes a single appointment in the mailbox.
    pub fn user_makes_single(&mut self) -> RemoteId {
        self.serial += 1;
        let start = self.some_start();
        let id = self.mail.user_create(single(&format!("Visit #{}", self.serial), start));
        self.deeds.made.insert(id.clone());
        id
    }

    /// A time of its own for each item, so that nothing is the same by chance.
    fn some_start(&mut self) -> NaiveDateTime {
        let day = i64::try_from(self.random.below(16)).unwrap_or(0) - 6;
        let minute = i64::try_from(self.serial * 7 % 600).unwrap_or(0);
        let noon = self.now().date_naive().and_time(chrono::NaiveTime::MIN);
        noon + Duration::days(day) + Duration::hours(8) + Duration::minutes(minute)
    }

    /// A user does something to a series, where series are whole on both sides.
    pub fn user_works_on(&mut self, side: Side) {
        let calendar = Arc::clone(if side == Side::Mail { &self.mail } else { &self.crm });
        let live: Vec<(RemoteId, Item)> = calendar.live().into_iter().collect();
        let Some((id, item)) = live.get(self.random.below(live.len())).cloned() else { return };
        let days = occurrences(&item, self.window()).unwrap_or_default();
        let token = self.random.draw() % 1000;
        let Some(of) = days.get(self.random.below(days.len())).copied() else {
            calendar.user_edit(&id, |item| item.set_text(Field::Location, format!("room {token}")));
            return;
        };
        match self.random.below(6) {
            0 => calendar.user_edit(&id, |item| item.set_text(Field::Location, format!("room {token}"))),
            1 => calendar.user_edit(&id, |item| set(item, of, Some(place(&format!("room {token}"))))),
            2 => calendar.user_edit(&id, |item| set(item, of, Some(Override::Cancelled))),
            3 => calendar.user_edit(&id, |item| {
                let back = item.overrides().and_then(|o| o.keys().next().copied());
                if let Some(back) = back {
                    set(item, back, None);
                }
            }),
            4 => {
                let start = of.wall() + Duration::minutes(45);
                calendar.user_edit(&id, |item| set(item, of, Some(moved(start))));
            }
            _ => calendar.user_edit(&id, |item| item.set_text(Field::Body, format!("agenda {token}"))),
        }
    }

    /// A user does something to an item of the mailbox that may change it as a whole.
    pub fn user_reshapes(&mut self) {
        let live: Vec<(RemoteId, Item)> = self.mail.live().into_iter().collect();
        let Some((id, item)) = live.get(self.random.below(live.len())).cloned() else { return };
        let mail = Arc::clone(&self.mail);
        if !item.is_recurring() {
            if self.random.percent(40) {
                mail.user_edit(&id, |item| recurs(item, daily(5)));
            } else {
                self.deeds.deleted.insert(id.clone());
                mail.user_delete(&id);
            }
            return;
        }
        match self.random.below(6) {
            0 => {
                let times = 2 + u32::try_from(self.random.below(9)).unwrap_or(0);
                mail.user_edit(&id, |item| change_rule(item, daily(times)));
            }
            1 => {
                let days = occurrences(&item, self.window()).unwrap_or_default();
                let cut = days.get(self.random.below(days.len())).copied();
                if let Some(cut) = cut.filter(|cut| Some(*cut) != start_of(&item)) {
                    self.serial += 1;
                    let new = split(&mail, &id, cut, &format!("split {}", self.serial));
                    self.deeds.made.extend(new);
                }
            }
            2 => {
                self.deeds.deleted.insert(id.clone());
                mail.user_delete(&id);
            }
            3 => mail.user_edit(&id, |item| {
                item.set(Field::Recurrence, Value::Blank);
                item.set(Field::Overrides, Value::Blank);
            }),
            4 => {
                // An hour later from now on: no occurrence keeps its name.
                let start = item.when().map(|w| w.utc().0.naive_utc() + Duration::hours(2));
                mail.user_edit(&id, |item| {
                    item.set(Field::When, half_an_hour(start.unwrap_or_default()));
                    item.set(Field::Overrides, Value::Blank);
                });
            }
            _ if self.random.percent(30) => {
                self.deeds.private = true;
                mail.user_edit(&id, |item| {
                    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
                });
            }
            _ => mail.user_edit(&id, |item| item.set_text(Field::Organizer, ANN)),
        }
    }

    /// A user edits or deletes a record in a CRM that has single appointments alone.
    pub fn user_works_in_crm(&mut self) {
        let live: Vec<RemoteId> = self.crm.live().into_keys().collect();
        let Some(id) = live.get(self.random.below(live.len())) else { return };
        if self.random.percent(25) {
            self.deeds.deleted_in_crm += 1;
            self.crm.user_delete(id);
        } else {
            self.deeds.edited_in_crm += 1;
            let token = self.random.draw() % 1000;
            self.crm.user_edit(id, |item| item.set_text(Field::Location, format!("hall {token}")));
        }
    }
}
