//! What users do, each step of a script.

use super::items::{Slot, new_item, serial_of};
use super::script::Deed;
use super::server::Stored;
use super::world::World;
use chrono::Duration;
use riva_core::ids::RemoteId;
use riva_core::item::{Item, Module};
use riva_core::rows::Side;

impl World {
    /// A user has, or may have, one more of an item.
    fn one_more(&mut self, item: &Item) {
        if let Some(serial) = serial_of(item) {
            *self.remote.lock().doubled.entry(serial).or_default() += 1;
        }
    }

    /// Whether a user has an item on a side.
    fn has(&self, user: usize, side: Side, item: &Item) -> bool {
        let arena = self.remote.lock();
        let serial = serial_of(item).unwrap_or(0);
        arena.copies(side, user, serial).any(|(_, s)| s.live())
    }

    /// A user's item on a side with this serial number, or the next one that there is.
    fn choose(&self, user: usize, side: Side, serial: u64, deleted: bool) -> Option<(RemoteId, Item)> {
        let arena = self.remote.lock();
        let by_users = |s: &Stored| s.deleted.is_some_and(|d| d.by_user) && !s.returned.lost;
        let mine = arena.its(side).items.iter().filter(|(_, s)| s.is_of(user));
        let (id, stored) = mine
            .filter(|(_, s)| if deleted { by_users(s) } else { s.live() })
            .min_by_key(|(_, s)| serial_of(&s.item).unwrap_or(0).wrapping_sub(serial))?;
        Some((id.clone(), stored.item.clone()))
    }

    fn create(&mut self, user: usize, side: Side, item: Item) {
        self.remote.lock().user_create(side, 1 << user, item);
    }

    pub(super) fn user(&mut self, who: usize, side: Side, deed: Deed, serial: u64, how: usize) {
        if self.knobs.whole_seconds {
            // Two edits in one second cannot be told apart where versions are whole seconds.
            self.remote.lock().pass(Duration::seconds(1));
        }
        match deed {
            Deed::Create | Deed::CreateOnBoth | Deed::Poison => self.makes(who, side, deed, serial, how),
            Deed::Share => {
                let other = (who + 1) % self.knobs.users;
                let Some((_, item)) = self.choose(who, Side::Mail, serial, false) else { return };
                if other == who {
                    return;
                }
                if self.has(other, Side::Mail, &item) || self.has(other, Side::Crm, &item) {
                    self.one_more(&item);
                }
                self.create(other, Side::Mail, item);
            }
            Deed::Double => {
                if let Some((_, mut item)) = self.choose(who, side, serial, false) {
                    item.uid = None;
                    self.one_more(&item);
                    self.create(who, side, item);
                }
            }
            Deed::Edit | Deed::EditLong | Deed::Empty => {
                let Some((id, item)) = self.choose(who, side, serial, false) else { return };
                let slots = Slot::of(item.module);
                let slot = slots[how % slots.len()];
                let long = deed == Deed::EditLong && side == Side::Mail;
                let mut arena = self.remote.lock();
                arena.unsure_of_slot(side, &id, self.store.writing(side, &id), slot);
                arena.user_edit(side, &id, slot, deed == Deed::Empty, long);
            }
            Deed::Delete => {
                if let Some((id, _)) = self.choose(who, side, serial, false) {
                    let linked = self.store.linked(side, &id);
                    let mut arena = self.remote.lock();
                    arena.user_delete(side, &id, linked);
                    // What is being written there just now may have gone with it, or not: no engine can know.
                    arena.unsure_of(side, &id, self.store.writing(side, &id));
                }
            }
            Deed::Undelete => {
                if let Some((id, item)) = self.choose(who, side, serial, true) {
                    self.one_more(&item);
                    self.remote.lock().user_undelete(side, &id);
                }
            }
            Deed::Private | Deed::Public => {
                if let Some((id, item)) = self.choose(who, Side::Mail, serial, false) {
                    if self.store.linked(Side::Mail, &id) == 0 {
                        // Its record in the CRM cannot be told to be the same: nothing is read of what is private.
                        self.one_more(&item);
                    }
                    self.remote.lock().user_hides(Side::Mail, &id, deed == Deed::Private);
                }
            }
            Deed::Move | Deed::MoveMailbox => self.moves(who, serial, deed == Deed::MoveMailbox),
            Deed::Reassign => {
                let Some((id, item)) = self.choose(who, Side::Crm, serial, false) else { return };
                let other = (who + 1) % self.knobs.users;
                if other != who
                    && self.remote.lock().concerned.contains(&(other, serial_of(&item).unwrap_or(0)))
                {
                    // They have, or had, one of their own.
                    self.one_more(&item);
                }
                let users = if how.is_multiple_of(3) { 1 << other } else { 1 << other | 1 << who };
                self.remote.lock().reassign(&id, users);
            }
        }
    }

    fn makes(&mut self, who: usize, side: Side, deed: Deed, serial: u64, how: usize) {
        let module = match how % 3 {
            0 if self.knobs.tasks => Module::Tasks,
            _ if how.is_multiple_of(2) => Module::Contacts,
            _ => Module::Calendar,
        };
        let in_crm = new_item(serial, module);
        let mut in_mail = in_crm.clone();
        in_mail.uid = Some(format!("uid-{serial}@example.com"));
        if deed == Deed::CreateOnBoth && self.store.gate().commits() > 0 {
            // Made while a cycle has seen one side, and not yet the other: it cannot know of both.
            self.one_more(&in_mail);
        }
        if deed == Deed::Poison {
            self.remote.lock().server(side.other()).poison.insert(serial);
        }
        if side == Side::Crm || deed == Deed::CreateOnBoth {
            self.create(who, Side::Crm, in_crm);
        }
        if side == Side::Mail || deed == Deed::CreateOnBoth {
            self.create(who, Side::Mail, in_mail);
        }
    }

    /// Items that carry our marker get new ids, and contacts in step, by their UID. Others would look deleted and made anew.
    fn moves(&mut self, who: usize, serial: u64, all: bool) {
        let chosen = self.choose(who, Side::Mail, serial, false).map(|(id, _)| id);
        let mut arena = self.remote.lock();
        let mine = arena.mail.items.iter().filter(|(_, s)| s.live() && s.is_of(who));
        let known = |id: &RemoteId, item: &Item| item.uid.is_some() && self.store.linked(Side::Mail, id) > 0;
        let ids: Vec<(RemoteId, bool)> =
            mine.map(|(id, s)| (id.clone(), s.marker.is_some() || known(id, &s.item))).collect();
        if all {
            if ids.iter().any(|(_, marked)| !marked) {
                return;
            }
            *arena.mail.epochs.entry(who).or_default() += 1;
        }
        for (id, marked) in &ids {
            if *marked && (all || chosen.as_ref() == Some(id)) {
                arena.user_moves(Side::Mail, id);
            }
        }
    }
}
