//! What is special about a pair that stands for an occurrence.

use super::expand::about;
use crate::module_cycle::ModuleCycle;
use crate::plan::{ModuleRules, Now, OfSeries};
use crate::read::Reading;
use riva_core::ids::EmailAddress;
use riva_core::item::{Field, Item};
use riva_core::rows::{PairRow, Side};

impl ModuleCycle<'_, '_> {
    /// The rules for one pair.
    pub fn rules_of(&self, pair: &PairRow, reading: &Reading) -> ModuleRules {
        let of = |side: Side| {
            let (_, of) = pair.side(side)?.id.as_occurrence()?;
            let window = self.ctx.window(self.module);
            Some(OfSeries {
                side,
                foreign: side == Side::Mail
                    && matches!(reading.now(side), Now::Present { item, .. } if is_foreign(item, &self.ctx.member.address)),
                past: window.is_some_and(|window| about(of) < window.from),
            })
        };
        ModuleRules { occurrence: of(Side::Mail).or_else(|| of(Side::Crm)), ..self.rules }
    }
}

/// Whether somebody else organises a meeting.
pub(crate) fn is_foreign(item: &Item, user: &EmailAddress) -> bool {
    let organizer = item.text(Field::Organizer).map(EmailAddress::new);
    organizer.is_some_and(|organizer| organizer.looks_valid() && organizer != *user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::Module;

    #[test]
    fn a_meeting_is_foreign_if_its_organizer_is_known_to_be_somebody_else() {
        let ann = EmailAddress::new("ann@example.com");
        let by = |organizer: &str| {
            let mut item = Item::new(Module::Calendar);
            item.set_text(Field::Organizer, organizer);
            is_foreign(&item, &ann)
        };
        assert!(!by("Ann@Example.com"));
        assert!(!by(""));
        assert!(!by("Ann Lee"));
        assert!(by("bob@example.com"));
    }
}
