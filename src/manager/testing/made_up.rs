//! Made-up holds, previews, undos and stories, for tests and the gallery.

use chrono::{DateTime, TimeDelta, Utc};
use riva_core::fault::{Fault, FaultKind, ToAccept};
use riva_core::history::{Deed, DeedKind, ExplainedSide, Explanation, FieldChange, Preview, UndoLine};
use riva_core::hold_details::{HoldDetails, ShownItem};
use riva_core::holds::{HeldItem, HoldId, HoldKind, HoldRow, LikelyTwin};
use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::item::{Element, Field, Item, Module, Organization, Value};
use riva_core::not_synced::{NotSynced, NotSyncedKind};
use riva_core::rows::{JournalRow, Side};
use uuid::Uuid;

const GIVEN: [&str; 8] = ["Zoë", "Tomáš", "Aino", "Priya", "Jonas", "Maximiliane", "Lê", "Òscar"];
const FAMILY: [&str; 6] = ["Álvarez", "Novák", "Virtanen", "Raman", "Steinhauser-Weidenfeld", "Okafor"];

/// A pair's id.
pub fn pair(number: u128) -> PairId {
    PairId(Uuid::from_u128(number))
}

fn number_of(number: i64) -> u128 {
    u128::from(number.unsigned_abs()) << 32
}

/// A person's name.
pub fn name(number: usize) -> String {
    format!("{} {}", GIVEN[number % GIVEN.len()], FAMILY[(number / 3) % FAMILY.len()])
}

fn hold(number: i64, member: MemberId, kind: HoldKind, now: DateTime<Utc>) -> HoldRow {
    HoldRow {
        id: HoldId(pair(number_of(number)).0),
        number,
        member,
        module: Module::Contacts,
        kind,
        since: now - TimeDelta::minutes(7 * number),
        reason: String::new(),
        items: Vec::new(),
        decided: None,
        closed: None,
    }
}

/// Delete Safety: so many contacts are gone in the mailbox.
pub fn emptied(number: i64, member: MemberId, items: usize, now: DateTime<Utc>) -> HoldRow {
    let mut hold = hold(number, member, HoldKind::DeleteSafety, now);
    hold.reason = format!(
        "Delete Safety: poll result returned more deletes than allowed [{items} items, 31% / 10 items, 25%]; nothing was \
         deleted, {items} deletions wait for approval"
    );
    let item = |index: usize| HeldItem {
        pair: pair(number_of(number) + index as u128),
        title: format!("{} {}", name(index), index + 1),
        side: Some(Side::Crm),
        twins: Vec::new(),
    };
    hold.items = (0..items).map(item).collect();
    hold
}

/// A contact of the mailbox that two of the CRM may be.
pub fn duplicate(number: i64, member: MemberId, now: DateTime<Utc>) -> HoldRow {
    let mut hold = hold(number, member, HoldKind::PossibleDuplicate, now);
    hold.reason =
        "2 items may be the same thing (e-mail address): nothing is linked or made until it is decided."
            .into();
    let twin = |id: &str| LikelyTwin { id: id.into(), title: "Zoë Álvarez".into() };
    hold.items = vec![HeldItem {
        pair: pair(number_of(number)),
        title: "Zoë Álvarez".into(),
        side: Some(Side::Mail),
        twins: vec![twin("003A000001"), twin("003A000002")],
    }];
    hold
}

/// A meeting whose time was changed on both sides.
pub fn conflict(number: i64, member: MemberId, now: DateTime<Utc>) -> HoldRow {
    let mut hold = hold(number, member, HoldKind::Conflict, now);
    hold.module = Module::Calendar;
    hold.reason = "location was changed on both sides since they were last in step.".into();
    let title = "Quarterly review with Contoso, second part, in the large room".to_owned();
    hold.items = vec![HeldItem { pair: pair(number_of(number)), title, side: None, twins: Vec::new() }];
    hold
}

/// What cannot be decided.
pub fn in_doubt(number: i64, member: MemberId, now: DateTime<Utc>) -> HoldRow {
    let mut hold = hold(number, member, HoldKind::InDoubt, now);
    hold.reason = "It is not known whether it was made in the CRM: the answer was lost.".into();
    let title = "(an item whose making is in doubt)".to_owned();
    hold.items = vec![HeldItem { pair: pair(number_of(number)), title, side: None, twins: Vec::new() }];
    hold
}

fn contact(phone: &str, company: &str) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set_text(Field::DisplayName, "Zoë Álvarez");
    let plain = |value: &str| Element { value: value.into(), ..Element::default() };
    item.set(Field::Emails, Value::set([("1".into(), plain("zoe.alvarez@contoso.example"))].into()));
    item.set(Field::Phones, Value::set([("work".into(), plain(phone))].into()));
    if !company.is_empty() {
        let organization = Organization { name: company.into(), ..Organization::default() };
        item.set(Field::Organization, Value::Organization(organization));
    }
    item
}

fn meeting(location: &str) -> Item {
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, "Quarterly review with Contoso, second part, in the large room");
    item.set_text(Field::Location, location);
    item
}

/// What both sides show of a [`duplicate`] or a [`conflict`].
pub fn duplicate_details(hold: &HoldRow) -> HoldDetails {
    let Some(item) = hold.items.first() else { return HoldDetails::default() };
    let pair = item.pair;
    let sight = |side: Side, id: &str, item: Item| ShownItem {
        pair,
        side,
        id: RemoteId::new(id),
        item: Some(item),
        why_not: String::new(),
    };
    let shown = if hold.kind == HoldKind::Conflict {
        vec![
            sight(Side::Mail, "AAMk", meeting("Room 4, second floor")),
            sight(Side::Crm, "00UA", meeting("Online")),
        ]
    } else {
        vec![
            sight(Side::Mail, "AAMk", contact("+49 30 901820", "")),
            sight(Side::Crm, "003A000001", contact("+49 30 901820", "Contoso")),
            sight(Side::Crm, "003A000002", contact("+34 91 555 0100", "Contoso Ibérica, Sociedad Limitada")),
        ]
    };
    HoldDetails { shown, ..HoldDetails::default() }
}

/// When the deletions of a hold were last in step.
pub fn deletion_details(hold: &HoldRow) -> HoldDetails {
    let at = |index: usize| hold.since - TimeDelta::hours(i64::try_from(index * 5 + 1).unwrap_or(1));
    // The journal is forgotten by age: of some nothing is known.
    let known = hold.items.iter().enumerate().filter(|(index, _)| index % 7 != 6);
    HoldDetails {
        last_done: known.map(|(index, item)| (item.pair, at(index))).collect(),
        ..HoldDetails::default()
    }
}

fn deed(number: usize, module: Module, kind: DeedKind, title: &str, rule: &str) -> Deed {
    Deed {
        module,
        pair: pair(number as u128 + 1),
        kind,
        title: title.into(),
        rule: rule.into(),
        fields: Vec::new(),
        reason: String::new(),
    }
}

/// What a first cycle would do: so many things.
pub fn preview(member: MemberId, deeds: usize) -> Preview {
    let text = |text: &str| Value::text(text);
    let deeds = (0..deeds).map(|n| match n % 6 {
        0 => Deed {
            fields: vec![
                FieldChange { field: Field::DisplayName, old: None, new: text(&name(n)) },
                FieldChange { field: Field::Notes, old: None, new: text("Met in Lisbon.") },
            ],
            ..deed(n, Module::Contacts, DeedKind::Create { side: Side::Crm }, &name(n), "table row 15")
        },
        1 => deed(n, Module::Contacts, DeedKind::Link, &name(n), "e-mail address"),
        2 => Deed {
            fields: vec![FieldChange {
                field: Field::Location,
                old: Some(text("Room 4")),
                new: text("Room 12, in the new building behind the old one"),
            }],
            ..deed(n, Module::Calendar, DeedKind::Update { side: Side::Mail }, "Stand-up", "table row 3")
        },
        3 => Deed {
            reason: "2 items may be the same thing.".into(),
            ..deed(
                n,
                Module::Contacts,
                DeedKind::Hold { hold: HoldKind::PossibleDuplicate },
                &name(n),
                "matching",
            )
        },
        4 => deed(n, Module::Tasks, DeedKind::Create { side: Side::Mail }, "Send the offer", "table row 16"),
        _ => {
            deed(n, Module::Calendar, DeedKind::Delete { side: Side::Crm }, "Lunch with Òscar", "table row 7")
        }
    });
    Preview { member, deeds: deeds.collect(), ended: None }
}

/// What an undo would do: two writes are taken back, one cannot be.
pub fn undo_lines() -> Vec<UndoLine> {
    let line = |n: u128, title: &str, side: Side| UndoLine {
        module: Module::Contacts,
        pair: pair(n),
        title: title.into(),
        side,
        deed: None,
        fields: Vec::new(),
        cannot: Vec::new(),
    };
    vec![
        UndoLine {
            deed: Some(DeedKind::Update { side: Side::Crm }),
            fields: vec![FieldChange {
                field: Field::DisplayName,
                old: Some(Value::text("Zoe A.")),
                new: Value::text("Zoë Álvarez"),
            }],
            ..line(1, "Zoë Álvarez", Side::Crm)
        },
        UndoLine {
            deed: Some(DeedKind::Create { side: Side::Mail }), ..line(2, "Tomáš Novák", Side::Mail)
        },
        UndoLine {
            cannot: vec!["phones was edited since in the CRM: it stays as it is".into()],
            ..line(3, "Aino Virtanen", Side::Crm)
        },
    ]
}

/// What users of a CRM that leads elsewhere run into.
pub fn elsewhere(why: ToAccept) -> Fault {
    let detail = match why {
        ToAccept::AnotherDatabase => {
            "the remote database is not the one synced before: salesforce leads to \"00D5g000004XyZq (sandbox)\", it was \
             \"00D5g000001AbCd\". Nothing is synced."
        }
        ToAccept::OlderState => {
            "A backup seems to have been put back: in the CRM, 0035g00000AbCdE was last changed at 2026-11-28 16:04:11 \
             when it was seen before, and now says 2026-11-27 02:00:00. Nothing is synced with salesforce, so that \
             nothing that was done since is undone."
        }
    };
    let remedy =
        "Say what it should be (Service Monitor > Accept…), or with `riva connection accept salesforce`.";
    Fault::new(FaultKind::UnexpectedAnswer, detail).remedy(remedy).to_be_accepted(why)
}

/// The story of an item.
pub fn story(member: MemberId, pair: PairId, now: DateTime<Utc>) -> Explanation {
    let line = |hours: i64, deed: &str, rule: &str, text: &str, seen: &str| JournalRow {
        member,
        module: Module::Contacts,
        pair,
        at: now - TimeDelta::hours(hours),
        deed: deed.into(),
        rule: rule.into(),
        text: text.into(),
        seen: seen.into(),
    };
    let side = |side: Side, id: &str| ExplainedSide {
        side,
        id: RemoteId::new(id),
        in_step_at: "v7".into(),
        seen: Some(("v7".into(), "there".into())),
        news: false,
    };
    Explanation {
        member,
        pair,
        module: Module::Contacts,
        state: "linked".into(),
        reason: None,
        sides: vec![side(Side::Mail, "AAMkAGI2"), side(Side::Crm, "003A000001")],
        attempts: 0,
        next_try: None,
        journal: vec![
            line(70, "link", "e-mail address", "Zoë Álvarez", ""),
            line(
                22,
                "update crm",
                "table row 2",
                "updated in the CRM: Zoë Álvarez (displayName, phones)",
                "mailbox: version v7, changed: displayName, phones; CRM: version v3, unchanged",
            ),
            line(1, "failed", "table row 2", "update in the CRM: Zoë Álvarez: FIELD_INTEGRITY_EXCEPTION", ""),
        ],
    }
}

/// Items that are not in step, one of each kind.
pub fn not_synced(member: MemberId, now: DateTime<Utc>) -> Vec<NotSynced> {
    let item = |n: u128, kind: NotSyncedKind, title: Option<&str>, reason: &str| NotSynced {
        member,
        module: Module::Contacts,
        kind,
        reason: reason.into(),
        pair: title.map(|_| pair(n)),
        title: title.map(str::to_owned),
        mail_id: Some("AAMkAGI2".into()),
        crm_id: None,
        since: title.map(|_| now - TimeDelta::hours(3)),
        history: Vec::new(),
    };
    vec![
        item(1, NotSyncedKind::Held, Some("Zoë Álvarez"), "2 items may be the same thing (e-mail address)."),
        item(2, NotSyncedKind::Failed, Some("Tomáš Novák"), "The CRM refused it: FIELD_INTEGRITY_EXCEPTION."),
        item(3, NotSyncedKind::LeftAlone, None, "Marked private in the mailbox."),
    ]
}
