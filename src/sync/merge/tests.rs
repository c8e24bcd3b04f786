//! Examples of merges; the simulator has the rest.

use super::*;
use crate::capable::capable;
use riva_core::item::{Address, Completion, Element, Module, Name, Organization};
use riva_core::ports::SeriesSupport;
use std::collections::BTreeSet;

const NONE: Hashes = Hashes(BTreeMap::new());

fn hasher() -> FieldHasher {
    FieldHasher::new([3; 16])
}

fn caps(cut: usize) -> ModuleCapabilities {
    let whole = capable(Field::ALL.iter().copied(), SeriesSupport::None);
    ModuleCapabilities { max_len: BTreeMap::from([(Field::Manager, cut)]), ..whole }
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
fn three_way(then: (&Item, &Item), mail: &Item, crm: &Item, winner: impl Into<Conflicts>) -> Merged {
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
fn a_category_that_was_sent_and_never_seen_was_not_taken_away() {
    let tagged = |names: &[&str]| {
        let mut item = Item::new(Module::Contacts);
        let all = names.iter().map(|name| ((*name).to_owned(), Element::plain(*name)));
        item.set(Field::Categories, Value::set(all.collect()));
        item
    };
    let whole = capable([Field::Categories], SeriesSupport::None);
    let (mail, crm) = (tagged(&["Key", "Red"]), tagged(&["Key"]));
    let known = hasher().item(&mail);
    let merged = |crm_seen: &Hashes, crm_sent: &Hashes| {
        merge(
            &hasher(),
            Shown { item: &mail, caps: &whole, seen: &known, sent: &NONE },
            Shown { item: &crm, caps: &whole, seen: crm_seen, sent: crm_sent },
            Direction::TwoWay,
            ConflictWinner::Crm,
        )
    };
    // The answer to its making was lost: nobody knows whether the CRM has ever shown it.
    let lost = merged(&NONE, &known);
    assert!(lost.is_empty() && lost.conflicts.is_empty(), "{lost:?}");
    // It did.
    let taken_away = merged(&known, &known);
    assert_eq!(taken_away.to_mail.get(&Field::Categories), crm.get(Field::Categories));
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
fn what_was_cut_as_it_was_made_is_no_edit() {
    // The answer to its making was lost, so that all that is known is what was sent: more than it could hold.
    let (long, short) = (person("Ann", "Bonaventura", "1"), person("Ann", "Bona", "1"));
    let (mail_caps, crm_caps) = (caps(100), caps(4));
    let whole = hasher().item(&long);
    for winner in [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Hold] {
        let merged = merge(
            &hasher(),
            Shown { item: &long, caps: &mail_caps, seen: &whole, sent: &NONE },
            Shown { item: &short, caps: &crm_caps, seen: &NONE, sent: &whole },
            Direction::TwoWay,
            winner,
        );
        assert_eq!(merged, Merged::default(), "{winner:?}");
    }
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

/// Groups with two parts, each blank or one of two words.
fn groups() -> Vec<(Field, Value)> {
    let words = ["", "a", "b"].map(str::to_owned);
    let pairs = words.iter().flat_map(|one| words.iter().map(move |two| (one.clone(), two.clone())));
    let both = pairs.filter(|(one, two)| !(one.is_empty() && two.is_empty()));
    both.flat_map(|(one, two)| {
        let name = Name { given: one.clone(), family: two.clone(), ..Name::default() };
        let work = Organization { name: one.clone(), title: two.clone(), ..Organization::default() };
        let address = Address { street: one, city: two, ..Address::default() };
        [
            (Field::Name, Value::Name(name)),
            (Field::Organization, Value::Organization(work)),
            (Field::WorkAddress, Value::Address(address)),
        ]
    })
    .collect()
}

/// "Fill blanks only; nothing is deleted during first sync" (engine design, section 1.7): so it is with the parts of a group, where
/// none says something else.
#[test]
fn a_first_meeting_takes_no_part_away() {
    let of = |field: Field, value: &Value| {
        let mut item = Item::new(Module::Contacts);
        item.set(field, value.clone());
        item
    };
    let (hasher, caps) = (hasher(), caps(100));
    let run = |mail: &Item, crm: &Item, seen: [&Hashes; 2], direction: Direction, conflicts: Conflicts| {
        let mail = Shown { item: mail, caps: &caps, seen: seen[0], sent: &NONE };
        let crm = Shown { item: crm, caps: &caps, seen: seen[1], sent: &NONE };
        merge(&hasher, mail, crm, direction, conflicts)
    };
    let groups = groups();
    let pairs: Vec<(Field, &Value, &Value)> = groups
        .iter()
        .flat_map(|m| groups.iter().map(move |c| (m, c)))
        .filter(|(m, c)| m.0 == c.0 && m.1 != c.1)
        .map(|((field, m), (_, c))| (*field, m, c))
        .collect();
    let directions = [Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail];
    let winners = [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Hold];
    let rules: Vec<_> =
        directions.into_iter().flat_map(|d| winners.map(|w| (d, Conflicts::from(w)))).collect();
    let (mut filled, mut contradictions) = (0, 0);
    for (field, m, c) in pairs {
        for (direction, conflicts) in &rules {
            let what = format!("{m:?} {c:?} {direction:?} {conflicts:?}");
            let (mut mail, mut crm) = (of(field, m), of(field, c));
            let merged = run(&mail, &crm, [&NONE, &NONE], *direction, *conflicts);
            let Some(joined) = joined(m, c) else {
                contradictions += 1;
                let waits = *direction == Direction::TwoWay && conflicts.winner == ConflictWinner::Hold;
                let (held, told) = (merged.held.len(), merged.conflicts.len());
                assert_eq!((held, told), (usize::from(waits), usize::from(!waits)), "{what}");
                assert!(merged.to_mail.values().all(|v| v == c), "{what}");
                assert!(merged.to_crm.values().all(|v| v == m), "{what}");
                continue;
            };
            filled += 1;
            assert!(merged.conflicts.is_empty() && merged.held.is_empty(), "{what}");
            if *direction == Direction::TwoWay {
                // Who is right in everything is right in this, too.
                let decided = Conflicts { decided: Some(Side::Crm), ..*conflicts };
                let decided = run(&mail, &crm, [&NONE, &NONE], *direction, decided);
                let written = (decided.to_mail.get(&field), decided.to_crm.get(&field));
                assert_eq!(written, (Some(c), None), "{what}");
            }
            mail.fields.extend(merged.to_mail.clone());
            crm.fields.extend(merged.to_crm.clone());
            let stands = |side, was| if leads_to(*direction, side) { &joined } else { was };
            assert_eq!(mail.get(field), Some(stands(Side::Mail, m)), "{what}");
            assert_eq!(crm.get(field), Some(stands(Side::Crm, c)), "{what}");
            let seen = [&hasher.item(&mail), &hasher.item(&crm)];
            assert_eq!(run(&mail, &crm, seen, *direction, *conflicts), Merged::default(), "{what}");
        }
    }
    assert!(filled > 200 && contradictions > 200, "{filled} {contradictions}");
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

/// A CRM with some of the words for a task, whichever they are: it is never told what it has no word for, and both sides are
/// quiet after one merge.
#[test]
fn whatever_words_a_crm_has_both_sides_come_to_rest() {
    let (hasher, rich) = (hasher(), caps(100));
    let open = [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Waiting, TaskStatus::Deferred];
    for words in 0..64_u32 {
        let has = |status: &TaskStatus| words & (1 << (*status as u32)) != 0;
        let known: BTreeSet<String> =
            TaskStatus::ALL.iter().filter(|s| has(s)).map(|s| s.as_str().to_owned()).collect();
        let poor = ModuleCapabilities { parts: [(Field::Completion, known)].into(), ..caps(100) };
        let run = |mail: &Item, crm: &Item, seen: [&Hashes; 2], sent: [&Hashes; 2]| {
            let mail = Shown { item: mail, caps: &rich, seen: seen[0], sent: sent[0] };
            let crm = Shown { item: crm, caps: &poor, seen: seen[1], sent: sent[1] };
            merge(&hasher, mail, crm, Direction::TwoWay, ConflictWinner::Crm)
        };
        let pairs = TaskStatus::ALL.into_iter().flat_map(|m| TaskStatus::ALL.map(|c| (m, c)));
        for (m, c) in pairs.filter(|(_, c)| has(c)) {
            let (mut mail, mut crm) = (task(m), task(c));
            let merged = run(&mail, &crm, [&NONE, &NONE], [&NONE, &NONE]);
            mail.fields.extend(merged.to_mail.clone());
            let mut sent = Hashes::default();
            if let Some(value @ Value::Completion(to)) = merged.to_crm.get(&Field::Completion) {
                // In the words that it has: what is not started may be open in another one.
                let shown = Some(to.status).filter(has).or_else(|| open.into_iter().find(has));
                assert!(has(&to.status) || to.status == TaskStatus::NotStarted, "{words:b}: {to:?}");
                crm = task(shown.unwrap_or_else(|| panic!("{words:b}: it has no word for {to:?}")));
                hasher.insert(&mut sent, Field::Completion, value);
            }
            let seen = [&hasher.item(&mail), &hasher.item(&crm)];
            let again = run(&mail, &crm, seen, [&NONE, &sent]);
            assert!(again.is_empty() && again.held.is_empty(), "{words:b}, {m:?} {c:?}: {again:?}");
            // A word that means nothing is no information, whatever the other side shows.
            let unknown = run(&mail, &Item::new(Module::Tasks), seen, [&NONE, &sent]);
            assert!(unknown.is_empty() && unknown.held.is_empty(), "{words:b}, {m:?} {c:?}: {unknown:?}");
        }
    }
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
        assert_eq!(merged.conflicts, [(Field::Completion, Won::Side(Side::Crm))], "{winner:?}");
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

#[test]
fn where_one_side_is_followed_a_task_is_taken_up_again_as_that_side_says() {
    use TaskStatus::{Completed, InProgress, NotStarted};
    let (open, done, caps) = (task(InProgress), task(Completed), caps(100));
    let merged = |seen: &Hashes| {
        merge(
            &hasher(),
            Shown { item: &open, caps: &caps, seen, sent: &NONE },
            Shown { item: &done, caps: &caps, seen, sent: &NONE },
            Direction::MailToCrm,
            ConflictWinner::Crm,
        )
    };
    assert_eq!(merged(&hasher().item(&task(NotStarted))).to_crm, open.fields);
    // Seen together for the first time: nobody has taken it up again.
    let first = merged(&NONE);
    assert!(first.to_crm.is_empty() && first.to_mail.is_empty(), "{first:?}");
}

fn newest(newer: Option<Side>) -> Conflicts {
    Conflicts { winner: ConflictWinner::Newest, newer, decided: None }
}

#[test]
fn the_later_change_wins_where_it_is_known() {
    let then = person("Ann", "Bo", "1");
    let (mail, crm) = (person("Anna", "Bo", "1"), person("Annie", "Bo", "1"));
    let merged = three_way((&then, &then), &mail, &crm, newest(Some(Side::Mail)));
    assert_eq!(merged.to_crm.get(&Field::Name), mail.get(Field::Name));
    assert_eq!((merged.to_mail.len(), merged.conflicts), (0, vec![(Field::Name, Won::Newer(Side::Mail))]));
    let merged = three_way((&then, &then), &mail, &crm, newest(Some(Side::Crm)));
    assert_eq!(merged.to_mail.get(&Field::Name), crm.get(Field::Name));
    assert_eq!((merged.to_crm.len(), merged.conflicts), (0, vec![(Field::Name, Won::Newer(Side::Crm))]));
    let merged = three_way((&then, &then), &mail, &crm, newest(None));
    assert_eq!(merged.to_mail.get(&Field::Name), crm.get(Field::Name));
    assert_eq!((merged.to_crm.len(), merged.conflicts), (0, vec![(Field::Name, Won::NotTold)]));
    // What was changed on one side alone goes over, however old it is.
    let merged = three_way((&then, &then), &mail, &then, newest(Some(Side::Crm)));
    assert_eq!(merged.to_crm.get(&Field::Name), mail.get(Field::Name));
    // So does the other policies' word, whoever was later.
    let conflicts = Conflicts { winner: ConflictWinner::Crm, newer: Some(Side::Mail), decided: None };
    assert!(three_way((&then, &then), &mail, &crm, conflicts).to_crm.is_empty());
    // An administrator's is the last one.
    let conflicts = Conflicts { decided: Some(Side::Mail), ..newest(Some(Side::Crm)) };
    assert!(three_way((&then, &then), &mail, &crm, conflicts).to_mail.is_empty());
}

#[test]
fn a_task_that_was_taken_up_again_later_is_not_done() {
    use TaskStatus::{Completed, InProgress, NotStarted};
    let (then, blank) = (task(NotStarted), Item::new(Module::Tasks));
    let (done, open) = (task(Completed), task(InProgress));
    let merged = three_way((&then, &then), &done, &open, newest(Some(Side::Crm)));
    assert_eq!(
        (merged.to_crm.len(), merged.to_mail.get(&Field::Completion)),
        (0, open.get(Field::Completion))
    );
    for (base, newer) in [(&then, Some(Side::Mail)), (&then, None), (&blank, Some(Side::Crm))] {
        let merged = three_way((base, base), &done, &open, newest(newer));
        assert_eq!(
            (merged.to_mail.len(), merged.to_crm.get(&Field::Completion)),
            (0, done.get(Field::Completion)),
            "{newer:?}"
        );
    }
}

#[test]
fn an_answer_says_more_than_none() {
    use riva_core::item::{Attendee, Participation};
    let invited = |participation, required| {
        let mut item = Item::new(Module::Calendar);
        let ann =
            Element { attendee: Some(Attendee { required, participation }), ..Element::plain("ann@x.test") };
        item.set(Field::Attendees, Value::set([("ann@x.test".to_owned(), ann)].into()));
        item
    };
    let mut then = Item::new(Module::Calendar);
    then.set(Field::Attendees, Value::Blank);
    let open = invited(Participation::NeedsAction, true);
    let accepted = invited(Participation::Accepted, true);
    let merged = three_way((&then, &then), &open, &accepted, ConflictWinner::Mail);
    assert_eq!(merged.to_mail, accepted.fields);
    assert!(merged.to_crm.is_empty() && merged.conflicts.is_empty(), "{merged:?}");
    let merged = three_way((&then, &then), &accepted, &open, ConflictWinner::Hold);
    assert_eq!(merged.to_crm, accepted.fields);
    let declined = invited(Participation::Declined, true);
    let merged = three_way((&then, &then), &declined, &accepted, ConflictWinner::Mail);
    assert_eq!(merged.to_crm, declined.fields, "two answers are a conflict");
    let optional = invited(Participation::NeedsAction, false);
    let merged = three_way((&then, &then), &optional, &accepted, ConflictWinner::Hold);
    assert_eq!(merged.held.len(), 1, "so are two roles");
    let merged = three_way((&open, &open), &accepted, &declined, ConflictWinner::Hold);
    assert_eq!(merged.held.len(), 1, "so is a change of what both had");
    let mut bo = accepted.clone();
    let address = Attendee { required: true, participation: Participation::Accepted };
    let other = Element { attendee: Some(address), ..Element::plain("bo@x.test") };
    bo.set(Field::Attendees, Value::set([("ann@x.test".to_owned(), other)].into()));
    let merged = three_way((&then, &then), &open, &bo, ConflictWinner::Hold);
    assert_eq!(merged.held.len(), 1, "and two people");
}

#[test]
fn a_blank_for_a_required_field_is_filled_or_refused() {
    let (mail_caps, mut crm_caps) = (caps(100), caps(100));
    crm_caps.required = BTreeSet::from([Field::DisplayName, Field::Manager]);
    let mut then = person("Ann", "Bo", "1");
    then.set_text(Field::DisplayName, "Ann Low");
    let seen = hasher().item(&then);
    let merged = |mail: &Item| {
        merge(
            &hasher(),
            Shown { item: mail, caps: &mail_caps, seen: &seen, sent: &NONE },
            Shown { item: &then, caps: &crm_caps, seen: &seen, sent: &NONE },
            Direction::TwoWay,
            ConflictWinner::Crm,
        )
    };
    let mut mail = then.clone();
    mail.set(Field::DisplayName, Value::Blank);
    let filled = merged(&mail);
    assert_eq!(filled.to_crm, BTreeMap::from([(Field::DisplayName, Value::text("Ann"))]), "the name instead");
    mail.set(Field::Manager, Value::Blank);
    let refused = merged(&mail);
    assert_eq!(refused.refused, [(Side::Crm, Field::Manager)]);
    assert!(refused.to_crm.is_empty(), "nothing is written in part: {refused:?}");
}

#[test]
fn nobody_is_asked_about_a_field_that_nobody_can_write() {
    let then = person("Ann", "Bo", "1");
    let (mail, crm) = (person("Anna", "Bo", "2"), person("Anne", "Bo", "3"));
    let seen = hasher().item(&then);
    let held = |mail_writes: &[Field]| {
        let mut both = [caps(100), caps(100)];
        both[0].writes = mail_writes.iter().copied().collect();
        both[1].writes = BTreeSet::new();
        merge(
            &hasher(),
            Shown { item: &mail, caps: &both[0], seen: &seen, sent: &NONE },
            Shown { item: &crm, caps: &both[1], seen: &seen, sent: &NONE },
            Direction::TwoWay,
            ConflictWinner::Hold,
        )
        .held
        .into_iter()
        .map(|(field, _)| field)
        .collect::<Vec<_>>()
    };
    assert_eq!(held(&[]), []);
    assert_eq!(held(&[Field::Name]), [Field::Name]);
    assert_eq!(held(&[Field::Name, Field::Phones]), [Field::Name, Field::Phones]);
}

#[test]
fn a_field_that_both_put_back_is_left_alone() {
    let (then, now) = (person("Ann", "Bo", "1"), person("Anna", "Bo", "2"));
    let (mail_caps, crm_caps) = (caps(100), caps(100));
    let (seen, mut sent) = (hasher().item(&then), hasher().item(&now));
    let merged = |sent: &Hashes| {
        merge(
            &hasher(),
            Shown { item: &now, caps: &mail_caps, seen: &seen, sent: &NONE },
            // It was sent just this, showed it, and shows the old value again since the last merge.
            Shown { item: &then, caps: &crm_caps, seen: &hasher().item(&person("Al", "Bo", "3")), sent },
            Direction::MailToCrm,
            ConflictWinner::Crm,
        )
    };
    assert_eq!(merged(&sent).to_crm.keys().collect::<Vec<_>>(), [&Field::Name, &Field::Phones]);
    for key in ["again:name", "again:phones/work"] {
        sent.0.insert(key.to_owned(), 5);
    }
    let frozen = merged(&sent);
    assert!(frozen.to_crm.is_empty() && !frozen.is_empty());
    assert_eq!(frozen.frozen, [Field::Name, Field::Phones]);
}

#[test]
fn a_number_that_was_put_back_again_and_again_can_still_be_taken_away() {
    let (then, now) = (person("Ann", "Bo", "1"), person("Ann", "Bo", ""));
    let (mail_caps, crm_caps) = (caps(100), caps(100));
    let seen = hasher().item(&then);
    // The last that was sent was that there is none.
    let mut sent = hasher().item(&now);
    sent.0.insert("again:phones/work".to_owned(), 5);
    let merged = merge(
        &hasher(),
        Shown { item: &now, caps: &mail_caps, seen: &seen, sent: &NONE },
        Shown { item: &then, caps: &crm_caps, seen: &seen, sent: &sent },
        Direction::TwoWay,
        ConflictWinner::Crm,
    );
    assert_eq!((merged.to_crm, merged.frozen), ([(Field::Phones, Value::Blank)].into(), vec![]));
}
