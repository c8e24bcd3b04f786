//! What must be true at every create and every delete of an engine.

use super::arena::{Arena, Went};
use super::items::{Slot, serial_of};
use super::server::Stored;
use riva_core::ids::RemoteId;
use riva_core::item::Module;
use riva_core::rows::Side;

impl Arena {
    /// I4: what a user has deleted is not made again; I12: nobody gets what is not theirs.
    pub fn check_create(&mut self, side: Side, user: usize, serial: u64, new: &Stored, late: bool) {
        if side == Side::Mail && !self.concerned.contains(&(user, serial)) {
            self.wrong(format!(
                "I12 scope: #{serial} was made in the mailbox of user {user}, whom it never concerned"
            ));
        }
        if side == Side::Mail
            && !late
            && !self.may_resurrect
            && let Some(deed) = self.undeleted(user, serial)
            && !self.copies(Side::Crm, user, serial).any(|(_, s)| s.by_user.is_some_and(|made| made > deed))
        {
            self.wrong(format!(
                "I4 resurrection: #{serial} of user {user} was deleted in the CRM, and made again in the mailbox because a \
                 backup has it"
            ));
        }
        if late
            || self.may_resurrect
            || self.doubled.contains_key(&serial)
            || self.comes_back(side, new.item.module)
        {
            return;
        }
        let buried = |s: &Stored| {
            s.deleted.filter(|d| d.by_user && d.linked & (1 << user) != 0 && !s.returned.lost).map(|d| d.deed)
        };
        let last = self.copies(side, user, serial).filter_map(|(_, s)| buried(s)).max();
        let Some(deed) = last else { return };
        // The policy has put the deletion back: the CRM does not permit it.
        if side == Side::Mail && self.refusals.made_again(user, serial, deed) {
            return;
        }
        if self.copies(side, user, serial).any(|(_, s)| buried(s).is_some() && s.unsure.contains_key(&user)) {
            // Whether what was written there last had arrived, and was deleted with it, cannot be told from outside.
            return;
        }
        // An edit that whoever deleted it had not in sight beats the deletion; so does making it, or bringing it back,
        // after the deletion.
        let of_dead: Vec<u32> = self
            .copies(side, user, serial)
            .filter(|(_, s)| buried(s).is_some())
            .flat_map(|(_, s)| s.shows.values().copied())
            .collect();
        let anew = self
            .copies(side.other(), user, serial)
            .any(|(_, s)| s.by_user.is_some_and(|made| made > deed) || !s.is_of(user));
        let unseen_edit =
            new.shows.values().any(|t| !of_dead.iter().any(|dead| self.history.follows(*dead, *t)));
        let emptied = self
            .history
            .of(serial)
            .any(|(t, e)| e.blank && !of_dead.iter().any(|dead| self.history.follows(*dead, t)));
        if !anew
            && !unseen_edit
            && !emptied
            && !self.may_have_gone(side, user, serial)
            && (side == Side::Crm || !self.passes_for_an_edit(user, serial))
        {
            self.wrong(format!(
                "I4 resurrection: #{serial} was deleted in the {} by user {user}, and made again",
                side.title()
            ));
        }
    }

    /// I5: what is deleted was deleted on the other side, by somebody who had seen what is deleted with it (I3).
    pub fn check_delete(&mut self, side: Side, user: usize, id: &RemoteId, stored: &Stored) {
        let Some(serial) = serial_of(&stored.item) else { return };
        for token in stored.shows.values() {
            if self.history.get(*token).is_some_and(|e| e.seen & (1 << user) == 0) {
                self.wrong(format!("I6 unseen edits survive: {id} was deleted with t{token}, which user {user}'s engine had not read"));
                return;
            }
        }
        if side == Side::Mail && self.gives_way(user, serial, id, stored) {
            return;
        }
        // A record that was given to somebody else, and deleted then, is deleted all the same.
        let partners: Vec<&Stored> = self
            .its(side.other())
            .items
            .values()
            .filter(|s| (s.was_deleted || s.returned.lost) && serial_of(&s.item) == Some(serial))
            .filter(|s| side == Side::Mail || s.is_of(user))
            .collect();
        if !partners.is_empty() && !partners.iter().any(|s| s.was_deleted) && !self.may_go_with_backup() {
            self.wrong(format!(
                "I5 spurious delete: {id} (#{serial}) of user {user} was deleted in the {}, because a backup was put back \
                 that lacks it",
                side.title()
            ));
            return;
        }
        let shown: Vec<(Slot, u32)> =
            partners.iter().flat_map(|s| s.shows.iter().map(|(k, t)| (*k, *t))).collect();
        if partners.is_empty() {
            self.wrong(format!(
                "I5 spurious delete: {id} (#{serial}) of user {user} was deleted in the {}, and nobody deleted it in the {}",
                side.title(),
                side.other().title()
            ));
            return;
        }
        for (slot, token) in &stored.shows {
            let known = shown.iter().any(|(s, t)| s == slot && self.history.follows(*t, *token));
            let blank = self.history.get(*token).is_some_and(|e| e.blank);
            // What the policy has left alone in the mailbox is named, and its alone.
            let alone = side == Side::Mail && self.refusals.never_arrives(user, serial, *token);
            // Whoever deleted it had seen what a backup had put back, and nothing told that it was one.
            let undone = side == Side::Mail && self.is_undone(serial, *token) && !self.can_tell();
            // In one direction, what is edited on the other side is nobody's concern.
            let of_target = self.source() == Some(side.other());
            if !known && !blank && !alone && !undone && !of_target {
                self.went.push(Went { side, id: id.clone(), slot: *slot, token: *token });
            }
        }
    }

    /// Whether the policy says that what is deleted on a side is made there again: where nothing goes back, unless it lets go.
    fn comes_back(&self, side: Side, module: Module) -> bool {
        let lets_go = side == Side::Mail && module == Module::Contacts;
        self.source() == Some(side.other()) && !lets_go
    }

    /// Whether an appointment that an engine has made, and nobody was at, gives way to its user's own copy of the meeting.
    fn gives_way(&self, user: usize, serial: u64, id: &RemoteId, stored: &Stored) -> bool {
        let edited = |token: &u32| self.history.get(*token).is_some_and(|edit| edit.id == *id);
        let own = |(_, s): &(&RemoteId, &Stored)| s.live() && s.by_user.is_some();
        stored.item.module == Module::Calendar
            && stored.by_user.is_none()
            && !stored.shows.values().any(edited)
            && self.copies(Side::Mail, user, serial).any(|copy| own(&copy))
    }
}
