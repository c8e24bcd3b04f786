//! What users did: every edit writes a token of its own, and remembers what stood there before it. So it can be said of
//! any two edits whether one came after the other with knowledge of it, and of a value whether it may stand at the end.

use super::items::Slot;
use riva_core::ids::RemoteId;

/// One edit of one slot by a user.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    /// The item, and the copy of it.
    pub serial: u64,
    pub id: RemoteId,
    pub slot: Slot,
    /// The edit whose value stood there.
    pub before: Option<u32>,
    /// It emptied the slot.
    pub blank: bool,
    /// The item was private then: no CRM may ever show it.
    pub private: bool,
    /// The users (as bits) whose item it was.
    pub users: u32,
    /// The users (as bits) whose engine was shown it.
    pub seen: u32,
}

/// All edits, by token.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    edits: Vec<Edit>,
    /// Deeds of users, counted: what came after what.
    pub deeds: u64,
}

impl History {
    /// Writes an edit down. Answers its token.
    pub fn edit(&mut self, edit: Edit) -> u32 {
        self.deeds += 1;
        self.edits.push(edit);
        u32::try_from(self.edits.len()).unwrap_or(u32::MAX)
    }

    /// The edit of a token.
    pub fn get(&self, token: u32) -> Option<&Edit> {
        self.edits.get((token as usize).checked_sub(1)?)
    }

    fn get_mut(&mut self, token: u32) -> Option<&mut Edit> {
        self.edits.get_mut((token as usize).checked_sub(1)?)
    }

    /// A user's engine was shown it.
    pub fn shown_to(&mut self, token: u32, user: usize) {
        if let Some(edit) = self.get_mut(token) {
            edit.seen |= 1 << user;
        }
    }

    /// It is not private any more.
    pub fn published(&mut self, token: u32) {
        if let Some(edit) = self.get_mut(token) {
            edit.private = false;
        }
    }

    /// Whether the later edit was made with the earlier one in sight.
    pub fn follows(&self, later: u32, earlier: u32) -> bool {
        let mut at = Some(later);
        while let Some(token) = at {
            if token == earlier {
                return true;
            }
            at = self.get(token).and_then(|e| e.before);
        }
        false
    }

    /// All edits of an item, by slot, with their tokens.
    pub fn of(&self, serial: u64) -> impl Iterator<Item = (u32, &Edit)> {
        let all = (1_u32..).zip(&self.edits);
        all.filter(move |(_, edit)| edit.serial == serial)
    }

    /// Whether what stands at the end lets go of this edit for good: everything that stands there was overwritten by it, or
    /// was never written by anybody.
    pub fn is_lost(&self, token: u32, standing: &[Standing]) -> bool {
        let Some(edit) = self.get(token) else { return false };
        !standing.iter().any(|shown| match shown {
            Standing::Edit(other) => *other == token || !self.follows(token, *other),
            // Emptied by somebody, nobody knows by which edit: any that did not come before will do.
            Standing::Blank => self.of(edit.serial).any(|(other, e)| {
                e.slot == edit.slot && e.blank && (other == token || !self.follows(token, other))
            }),
            Standing::Other => false,
        })
    }
}

/// What stands in a slot at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// What this edit wrote.
    Edit(u32),
    /// Nothing.
    Blank,
    /// What stood there in the beginning.
    Other,
}
