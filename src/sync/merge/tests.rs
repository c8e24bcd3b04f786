//! Examples of merges; the simulator has the rest.

use super::*;
use riva_core::item::{Completion, Module, Name};
use riva_core::ports::{Precision, SeriesSupport};

const NONE: Hashes = Hashes(BTreeMap::new());

fn hasher() -> FieldHasher {
    FieldHasher::new([3; 16])
}

fn caps(cut: usize) -> ModuleCapabilities {
    let fields: BTreeSet<Field> = Field::ALL.iter().copied().collect();
    ModuleCapabilities {
        reads: fields.clone(),
        writes: fields,
        required: BTreeSet::new(),
        max_len: BTreeMap::from([(Field::Manager, cut)]),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision::default(),
        deletions_by_listing: false,
        cool_down_secs: 0,
        batch: 10,
        can_tag: false,
        can_probe: true,
        create_is_idempotent: false,
        series: SeriesSupport::None,
    }
}

fn person(given: &str, manager: &str, phone: &str) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set(Field::Name, Value::Name(Name { given: given.into(), ..Name::default() }));
    item.set_text(Field::Manager, manager);
    let phones =
        [("work".to_owned(), Element::plain(phone))].into_iter().filter(|(_, e)| !e.value.is_empty());
    item.set(Field::Phones, Value::set(phones.collect()));
    item
}

/// Merges what is shown now, after both showed `then`.
fn three_way(then: (&Item, &Item), mail: &Item, crm: &Item, winner: ConflictWinner) -> Merged {
    let (mail_caps, crm_caps) = (caps(100), caps(4));
    let (mail_seen, crm_seen) = (hasher().item(then.0), hasher().item(then.1));
    merge(
        &hasher(),
        Shown { item: mail, caps: &mail_caps, seen: &mail_seen, sent: &NONE },
        Shown { item: crm, caps: &crm_caps, seen: &crm_seen, sent: &NONE },
        Direction::TwoWay,
        winner,
    )
}

#[test]
fn disjoint_edits_cross() {
    let then = person("Ann", "Bo", "1");
    let merged =
        three_way((&then, &then), &person("Anna", "Bo", "1"), &person("Ann", "Bo", "2"), ConflictWinner::Crm);
    assert_eq!(merged.to_crm.keys().collect::<Vec<_>>(), [&Field::Name]);
    assert_eq!(merged.to_mail.keys().collect::<Vec<_>>(), [&Field::Phones]);
    assert!(merged.conflicts.is_empty());
}

#[test]
fn the_policy_decides_a_conflict() {
    let then = person("Ann", "Bo", "1");
    let (mail, crm) = (person("Anna", "Bo", "1"), person("Anne", "Bo", "1"));
    let merged = |winner| three_way((&then, &then), &mail, &crm, winner);
    assert_eq!(merged(ConflictWinner::Crm).to_mail.keys().collect::<Vec<_>>(), [&Field::Name]);
    assert_eq!(merged(ConflictWinner::Mail).to_crm.keys().collect::<Vec<_>>(), [&Field::Name]);
    let held = merged(ConflictWinner::Hold);
    assert!(held.to_mail.is_empty() && held.to_crm.is_empty() && held.held.len() == 1);
}

#[test]
fn the_same_edit_on_both_sides_is_no_conflict() {
    let then = person("Ann", "Bo", "1");
    let now = person("Anna", "Bo", "+49 30 1");
    let merged = three_way((&then, &then), &now, &now, ConflictWinner::Hold);
    assert_eq!(merged, Merged::default());
}

#[test]
fn an_edit_of_a_cut_text_is_held() {
    let (long, short) = (person("Ann", "Bonaventura", "1"), person("Ann", "Bona", "1"));
    let merged = three_way((&long, &short), &long, &person("Ann", "Bob", "1"), ConflictWinner::Crm);
    assert_eq!(merged.held.iter().map(|(f, _)| *f).collect::<Vec<_>>(), [Field::Manager]);
    let untouched = three_way((&long, &short), &long, &short, ConflictWinner::Crm);
    assert_eq!(untouched, Merged::default());
}

#[test]
fn removed_here_changed_there_stays_changed() {
    let then = person("Ann", "Bo", "1");
    let merged =
        three_way((&then, &then), &person("Ann", "Bo", ""), &person("Ann", "Bo", "2"), ConflictWinner::Mail);
    assert_eq!(merged.to_mail.keys().collect::<Vec<_>>(), [&Field::Phones]);
    assert!(merged.to_crm.is_empty());
}

#[test]
fn a_first_meeting_fills_blanks() {
    let (mail_caps, crm_caps) = (caps(100), caps(100));
    let (mail, crm) = (person("Ann", "", "1"), person("Ann", "Bo", ""));
    let merged = merge(
        &hasher(),
        Shown { item: &mail, caps: &mail_caps, seen: &NONE, sent: &NONE },
        Shown { item: &crm, caps: &crm_caps, seen: &NONE, sent: &NONE },
        Direction::TwoWay,
        ConflictWinner::Crm,
    );
    assert_eq!(merged.to_mail.keys().collect::<Vec<_>>(), [&Field::Manager]);
    assert_eq!(merged.to_crm.keys().collect::<Vec<_>>(), [&Field::Phones]);
}

#[test]
fn the_same_address_in_another_slot_is_no_difference() {
    let with = |emails: &[(&str, &str)]| {
        let mut item = Item::new(Module::Contacts);
        let set = emails.iter().map(|(k, v)| ((*k).to_owned(), Element::plain(*v))).collect();
        item.set(Field::Emails, Value::set(set));
        item
    };
    let (mail, crm) = (with(&[("1", "a@x.test"), ("2", "b@x.test")]), with(&[("1", "b@x.test")]));
    let (mail_caps, mut crm_caps) = (caps(100), caps(100));
    crm_caps.set_keys.insert(Field::Emails, BTreeSet::from(["1".to_owned()]));
    let merged = merge(
        &hasher(),
        Shown { item: &mail, caps: &mail_caps, seen: &NONE, sent: &NONE },
        Shown { item: &crm, caps: &crm_caps, seen: &NONE, sent: &NONE },
        Direction::TwoWay,
        ConflictWinner::Crm,
    );
    assert!(merged.to_mail.is_empty(), "no address of the mailbox is lost: {merged:?}");
}

fn task(status: TaskStatus) -> Item {
    let mut item = Item::new(Module::Tasks);
    item.set(Field::Completion, Value::Completion(Completion { status, on: None, percent: None }));
    item
}

#[test]
fn what_is_done_is_not_undone_by_a_side_that_does_not_know_it() {
    use TaskStatus::{Completed, InProgress, NotStarted};
    for winner in [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Hold] {
        let then = task(NotStarted);
        let merged = three_way((&then, &then), &task(InProgress), &task(Completed), winner);
        assert_eq!(
            merged.to_mail.get(&Field::Completion),
            task(Completed).get(Field::Completion),
            "{winner:?}"
        );
        assert!(merged.to_crm.is_empty() && merged.held.is_empty(), "{winner:?}");
        let merged = three_way((&then, &then), &task(Completed), &task(InProgress), winner);
        assert_eq!(
            merged.to_crm.get(&Field::Completion),
            task(Completed).get(Field::Completion),
            "{winner:?}"
        );
        // Seen together for the first time.
        let blank = Item::new(Module::Tasks);
        let merged = three_way((&blank, &blank), &task(Completed), &task(NotStarted), winner);
        assert_eq!(
            merged.to_crm.get(&Field::Completion),
            task(Completed).get(Field::Completion),
            "{winner:?}"
        );
        assert!(merged.to_mail.is_empty() && merged.held.is_empty(), "{winner:?}");
    }
    // A user who takes it back does so on the other side too.
    let then = task(Completed);
    let merged = three_way((&then, &then), &task(InProgress), &then, ConflictWinner::Crm);
    assert_eq!(merged.to_crm.get(&Field::Completion), task(InProgress).get(Field::Completion));
}
