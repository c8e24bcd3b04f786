//! The checks.

use super::samples::{full, meeting, small, wall};
use super::{Checked, Subject, wrong};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, RemoteId, Version};
use riva_core::item::{Completion, Field, Item, Module, Sensitivity, TaskStatus, Value, When};
use riva_core::ports::{Change, Draft, Fetched, Patch, Removal, Window};
use std::collections::BTreeMap;

/// Every check with its outcome.
pub async fn all(s: &Subject<'_>) -> Vec<(&'static str, Checked)> {
    vec![
        ("create_and_read", create_and_read(s).await),
        ("create_again", create_again(s).await),
        ("update_one_field", update_one_field(s).await),
        ("update_by_old_version", update_by_old_version(s).await),
        ("blank_a_field", blank_a_field(s).await),
        ("changes", changes(s).await),
        ("cursor_of_another", cursor_of_another(s).await),
        ("probe", probe(s).await),
        ("list", list(s).await),
        ("batches", batches(s).await),
        ("delete", delete(s).await),
        ("private", private(s).await),
        ("due_dates", due_dates(s).await),
        ("done_and_undone", done_and_undone(s).await),
        ("times", times(s).await),
        ("meeting", meeting_is_silent(s).await),
    ]
}

/// The item behind an id.
async fn present(s: &Subject<'_>, id: &RemoteId) -> Result<(Version, Item), String> {
    match s.fetch(id).await? {
        Fetched::Present { version, item, .. } => Ok((version, *item)),
        other => Err(format!("it should be there: {other:?}")),
    }
}

/// Every field that was written reads as it was written.
fn same(s: &Subject<'_>, written: &Item, read: &Item) -> Checked {
    for (field, value) in &written.fields {
        if !s.can().writes.contains(field) || !s.can().reads.contains(field) {
            continue;
        }
        let got = read.get(*field);
        let equal = match (value, got) {
            (Value::Body(a), Some(Value::Body(b))) => a.canonical() == b.canonical(),
            (Value::Text(a), Some(Value::Text(b))) if s.can().max_len.contains_key(field) => a.starts_with(b),
            (Value::When(a), Some(Value::When(b))) if s.can().precision.utc_only => a.utc() == b.utc(),
            (Value::Set(a), Some(Value::Set(b))) => {
                let values = |m: &BTreeMap<String, riva_core::item::Element>| {
                    m.iter()
                        .filter(|(k, _)| s.can().set_keys.get(field).is_none_or(|keys| keys.contains(*k)))
                        .map(|(k, e)| (k.clone(), e.value.clone()))
                        .collect::<Vec<_>>()
                };
                values(a) == values(b)
            }
            (a, b) => Some(a) == b,
        };
        if !equal {
            return Err(format!("{field} was written as {value:?} and reads {got:?}"));
        }
    }
    Ok(())
}

async fn create_and_read(s: &Subject<'_>) -> Checked {
    let item = full(s.module);
    let (marker, written) = s.create_one(&item).await?;
    if let Some(told) = &written.item {
        same(s, &item, told).map_err(|e| format!("as the answer tells: {e}"))?;
    }
    match s.fetch(&written.at.id).await? {
        Fetched::Present { version, marker: found, modified, item: read } => {
            same(s, &item, &read)?;
            if found.is_some_and(|m| m != marker) {
                return Err(format!("it carries the marker {found:?}, not {marker}"));
            }
            // Where it is told, it is told of this item and not of another age or zone.
            let age = modified.map(|at| (Utc::now() - at).num_seconds().abs());
            if age.is_some_and(|seconds| seconds > 3600) {
                return Err(format!("it was made just now, and says it was last changed {modified:?}"));
            }
            if version == written.at.version {
                Ok(())
            } else {
                Err(format!("create said version {}, fetch says {version}", written.at.version))
            }
        }
        other => Err(format!("it should be there: {other:?}")),
    }
}

/// A create that is repeated, because its answer was lost, makes nothing new.
async fn create_again(s: &Subject<'_>) -> Checked {
    if !s.can().create_is_idempotent {
        return Ok(());
    }
    let draft = Draft { marker: Subject::marker(), item: s.fit(small(s.module, 7)) };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answers = s.create(std::slice::from_ref(&draft)).await.map_err(wrong("create"))?;
        ids.extend(answers.into_iter().map(|a| a.map(|w| w.at.id)));
    }
    match ids.as_slice() {
        [Ok(first), Ok(second)] if first == second => Ok(()),
        other => Err(format!("the second create should find the first: {other:?}")),
    }
}

/// The text field that is edited in these checks.
fn edited(s: &Subject<'_>) -> Field {
    match s.module {
        Module::Calendar => Field::Location,
        Module::Tasks => Field::Summary,
        Module::Contacts | Module::Email => Field::Nickname,
    }
}

fn patch(id: &RemoteId, version: &Version, base: &Item, field: Field, value: Value) -> Patch {
    let marker = Subject::marker();
    Patch {
        id: id.clone(),
        version: version.clone(),
        marker,
        set: [(field, value)].into(),
        base: base.clone(),
    }
}

/// A field that the side can write, for edits.
fn editable(s: &Subject<'_>) -> Option<Field> {
    [edited(s), Field::Summary, Field::Notes, Field::Body].into_iter().find(|f| s.can().writes.contains(f))
}

fn text_value(field: Field, text: &str) -> Value {
    if matches!(field, Field::Notes | Field::Body) {
        Value::body(riva_core::item::Body::plain(text))
    } else {
        Value::text(text)
    }
}

async fn update_one_field(s: &Subject<'_>) -> Checked {
    let Some(field) = editable(s) else { return Err("no text field can be written".into()) };
    let (_, written) = s.create_one(&full(s.module)).await?;
    let (version, before) = present(s, &written.at.id).await?;
    let new = text_value(field, "Changed: ü, 2; \\");
    let patch = patch(&written.at.id, &version, &before, field, new.clone());
    let answer = s
        .side
        .update(s.module, &[patch])
        .await
        .map_err(wrong("update"))?
        .remove(0)
        .map_err(wrong("update"))?;
    let (version_after, after) = present(s, &answer.at.id).await?;
    let mut expected = before;
    expected.set(field, new);
    if version_after == version {
        return Err("the version did not move".into());
    }
    if version_after != answer.at.version {
        return Err(format!("update said version {}, fetch says {version_after}", answer.at.version));
    }
    same(s, &expected, &after)
}

/// I6: what was not read is never overwritten.
async fn update_by_old_version(s: &Subject<'_>) -> Checked {
    let Some(field) = editable(s) else { return Err("no text field can be written".into()) };
    let (_, written) = s.create_one(&small(s.module, 1)).await?;
    let (version, base) = present(s, &written.at.id).await?;
    let first = patch(&written.at.id, &version, &base, field, text_value(field, "theirs"));
    s.side
        .update(s.module, &[first])
        .await
        .map_err(wrong("update"))?
        .remove(0)
        .map_err(wrong("first update"))?;
    let second = patch(&written.at.id, &version, &base, field, text_value(field, "ours"));
    let answer = s.side.update(s.module, &[second]).await.map_err(wrong("update"))?.remove(0);
    if answer != Err(ItemError::VersionMoved) {
        return Err(format!("an update of an old version should be refused: {answer:?}"));
    }
    let (_, now) = present(s, &written.at.id).await?;
    let theirs = text_value(field, "theirs");
    if now.get(field) == Some(&theirs) { Ok(()) } else { Err(format!("{field} reads {:?}", now.get(field))) }
}

async fn blank_a_field(s: &Subject<'_>) -> Checked {
    let blankable = [
        Field::Location,
        Field::Body,
        Field::Reminder,
        Field::StartDate,
        Field::DueDate,
        Field::Categories,
        Field::Nickname,
        Field::Notes,
        Field::Birthday,
        Field::HomeAddress,
        Field::Urls,
    ];
    let fields: Vec<Field> = blankable
        .into_iter()
        .filter(|f| s.can().writes.contains(f) && !s.can().required.contains(f))
        .collect();
    let (_, written) = s.create_one(&full(s.module)).await?;
    let (version, base) = present(s, &written.at.id).await?;
    let mut all = patch(&written.at.id, &version, &base, Field::Location, Value::Blank);
    all.set = fields.iter().filter(|f| base.fields.contains_key(f)).map(|f| (*f, Value::Blank)).collect();
    let blanked: Vec<Field> = all.set.keys().copied().collect();
    s.side.update(s.module, &[all]).await.map_err(wrong("update"))?.remove(0).map_err(wrong("update"))?;
    let (_, now) = present(s, &written.at.id).await?;
    for field in blanked {
        if !matches!(now.get(field), None | Some(Value::Blank)) {
            return Err(format!("{field} was blanked and reads {:?}", now.get(field)));
        }
    }
    Ok(())
}

fn seen(changes: &[Change], wanted: &RemoteId) -> bool {
    changes.iter().any(|c| matches!(c, Change::Seen { id, .. } if id == wanted))
}

async fn changes(s: &Subject<'_>) -> Checked {
    if !s.has_feed {
        return Ok(());
    }
    let Some(field) = editable(s) else { return Err("no text field can be written".into()) };
    let (_, start) = s.changes(None).await?;
    let (_, written) = s.create_one(&small(s.module, 3)).await?;
    let id = &written.at.id;
    let (created, after_create) = s.changes(Some(&start)).await?;
    if !seen(&created, id) {
        return Err(format!("the new item is not among the changes: {created:?}"));
    }
    let (nothing, _) = s.changes(Some(&after_create)).await?;
    if nothing.iter().any(|c| matches!(c, Change::Deleted { .. })) {
        return Err(format!("nothing was deleted: {nothing:?}"));
    }
    let (version, base) = present(s, id).await?;
    let edit = patch(id, &version, &base, field, text_value(field, "edited"));
    s.side.update(s.module, &[edit]).await.map_err(wrong("update"))?.remove(0).map_err(wrong("update"))?;
    let (edited, after_edit) = s.changes(Some(&after_create)).await?;
    if !seen(&edited, id) {
        return Err(format!("the edited item is not among the changes: {edited:?}"));
    }
    let (version, _) = present(s, id).await?;
    if !edited.iter().any(|c| matches!(c, Change::Seen { id: i, version: v } if i == id && *v == version)) {
        return Err(format!("the feed's version is not that of fetch, {version}: {edited:?}"));
    }
    let removal = Removal { id: id.clone(), version };
    s.side.delete(s.module, &[removal]).await.map_err(wrong("delete"))?.remove(0).map_err(wrong("delete"))?;
    let (deleted, _) = s.changes(Some(&after_edit)).await?;
    let told = deleted.contains(&Change::Deleted { id: id.clone() });
    match (told, s.can().deletions_by_listing, seen(&deleted, id)) {
        (true, _, false) | (false, true, false) => Ok(()),
        _ => Err(format!("the deletion is not told: {deleted:?}")),
    }
}

async fn cursor_of_another(s: &Subject<'_>) -> Checked {
    if !s.has_feed {
        return Ok(());
    }
    match s.side.changes(s.module, Some(&Cursor::new("somebody else's"))).await {
        Err(CallError::CursorLost(_)) => Ok(()),
        other => Err(format!("a cursor that is none should be lost: {other:?}")),
    }
}

async fn probe(s: &Subject<'_>) -> Checked {
    let (marker, written) = s.create_one(&small(s.module, 5)).await?;
    let answers = s.side.probe(s.module, &[Subject::marker(), marker]).await.map_err(wrong("probe"))?;
    match answers.as_slice() {
        [none, one] if none.is_empty() && one.len() == 1 && one[0].id == written.at.id => Ok(()),
        other => Err(format!("one marker is nobody's, one is {}'s: {other:?}", written.at.id)),
    }
}

async fn listed(s: &Subject<'_>, window: Option<Window>) -> Result<Vec<RemoteId>, String> {
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..1000 {
        let page = s.side.list(s.module, window, after.as_ref()).await.map_err(wrong("list"))?;
        all.extend(page.items.into_iter().map(|l| l.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
    Err("the listing never ends".to_owned())
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

async fn list(s: &Subject<'_>) -> Checked {
    let (_, written) = s.create_one(&full(s.module)).await?;
    let id = &written.at.id;
    if !listed(s, None).await?.contains(id) {
        return Err("it is not in the listing".into());
    }
    if s.module != Module::Calendar {
        return Ok(());
    }
    let window = |from: &str, to: &str| Some(Window { from: instant(from), to: instant(to) });
    if !listed(s, window("2027-01-12T00:00:00Z", "2027-01-13T00:00:00Z")).await?.contains(id) {
        return Err("it is not in the listing of its day".into());
    }
    if listed(s, window("2027-02-12T00:00:00Z", "2027-02-13T00:00:00Z")).await?.contains(id) {
        return Err("it is in the listing of another day".into());
    }
    Ok(())
}

async fn batches(s: &Subject<'_>) -> Checked {
    let count = u32::try_from(s.can().batch.min(12)).unwrap_or(12);
    let drafts: Vec<Draft> = (0..count)
        .map(|n| Draft { marker: Subject::marker(), item: s.fit(small(s.module, 100 + n)) })
        .collect();
    let answers = s.create(&drafts).await.map_err(wrong("create"))?;
    let mut ids = Vec::new();
    for answer in answers {
        ids.push(answer.map_err(wrong("create"))?.at.id);
    }
    // One that is gone, in the middle.
    let middle = ids.len() / 2;
    let (version, _) = present(s, &ids[middle]).await?;
    let removal = Removal { id: ids[middle].clone(), version };
    s.side.delete(s.module, &[removal]).await.map_err(wrong("delete"))?.remove(0).map_err(wrong("delete"))?;
    let found = s.side.fetch(s.module, &ids).await.map_err(wrong("fetch"))?;
    if found.len() != ids.len() {
        return Err(format!("{} answers for {} ids", found.len(), ids.len()));
    }
    for (n, fetched) in found.iter().enumerate() {
        let expected = &drafts[n].item;
        match fetched {
            Fetched::Gone if n == middle => {}
            Fetched::Present { item, .. } if n != middle => {
                same(s, expected, item).map_err(|e| format!("item {n}: {e}"))?;
            }
            other => return Err(format!("item {n}: {other:?}")),
        }
    }
    Ok(())
}

async fn delete(s: &Subject<'_>) -> Checked {
    let Some(field) = editable(s) else { return Err("no text field can be written".into()) };
    let (_, written) = s.create_one(&small(s.module, 9)).await?;
    let id = written.at.id.clone();
    let (old, base) = present(s, &id).await?;
    let edit = patch(&id, &old, &base, field, text_value(field, "edited"));
    s.side.update(s.module, &[edit]).await.map_err(wrong("update"))?.remove(0).map_err(wrong("update"))?;
    let removal = |version: &Version| Removal { id: id.clone(), version: version.clone() };
    let refused = s.side.delete(s.module, &[removal(&old)]).await.map_err(wrong("delete"))?.remove(0);
    if refused != Err(ItemError::VersionMoved) {
        return Err(format!("a delete of an old version should be refused: {refused:?}"));
    }
    let (version, _) = present(s, &id).await?;
    s.side
        .delete(s.module, &[removal(&version)])
        .await
        .map_err(wrong("delete"))?
        .remove(0)
        .map_err(wrong("delete"))?;
    match s.fetch(&id).await? {
        Fetched::Gone | Fetched::OutOfScope => {}
        other => return Err(format!("it should be gone: {other:?}")),
    }
    let again = s.side.delete(s.module, &[removal(&version)]).await.map_err(wrong("delete"))?.remove(0);
    if again != Err(ItemError::Gone) {
        return Err(format!("a second delete should say that it is gone: {again:?}"));
    }
    let late =
        s.side.update(s.module, &[patch(&id, &version, &base, field, text_value(field, "late"))]).await;
    match late.map_err(wrong("update"))?.remove(0) {
        Err(ItemError::Gone) => Ok(()),
        other => Err(format!("an update of what is gone should say so: {other:?}")),
    }
}

async fn private(s: &Subject<'_>) -> Checked {
    if !s.can().writes.contains(&Field::Sensitivity) {
        return Ok(());
    }
    let mut item = small(s.module, 11);
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
    let (_, written) = s.create_one(&item).await?;
    let (_, read) = present(s, &written.at.id).await?;
    if read.is_private() { Ok(()) } else { Err("it is not private any more".into()) }
}

/// Case 25 of the engine design: a due date is a day, in every zone, also when clocks change.
async fn due_dates(s: &Subject<'_>) -> Checked {
    if s.module != Module::Tasks {
        return Ok(());
    }
    for (month, of_month) in [(1, 1), (3, 28), (3, 29), (10, 31), (12, 31)] {
        let day = NaiveDate::from_ymd_opt(2027, month, of_month).expect("a day");
        let mut item = small(s.module, 12);
        item.set(Field::DueDate, Value::Date(day));
        let (_, written) = s.create_one(&item).await?;
        let (version, read) = present(s, &written.at.id).await?;
        if read.get(Field::DueDate) != Some(&Value::Date(day)) {
            return Err(format!("due on {day} reads {:?}", read.get(Field::DueDate)));
        }
        let next = Value::Date(day.succ_opt().expect("a day"));
        let edit = patch(&written.at.id, &version, &read, Field::DueDate, next.clone());
        s.side
            .update(s.module, &[edit])
            .await
            .map_err(wrong("update"))?
            .remove(0)
            .map_err(wrong("update"))?;
        let (_, read) = present(s, &written.at.id).await?;
        if read.get(Field::DueDate) != Some(&next) {
            return Err(format!("due on {next:?} reads {:?}", read.get(Field::DueDate)));
        }
    }
    Ok(())
}

/// What is done is done with its day, and can be taken back.
async fn done_and_undone(s: &Subject<'_>) -> Checked {
    if s.module != Module::Tasks {
        return Ok(());
    }
    let (_, written) = s.create_one(&full(s.module)).await?;
    for status in [TaskStatus::Completed, TaskStatus::InProgress] {
        let (version, base) = present(s, &written.at.id).await?;
        let value = Value::Completion(Completion { status, on: None, percent: None });
        let edit = patch(&written.at.id, &version, &base, Field::Completion, value);
        s.side
            .update(s.module, &[edit])
            .await
            .map_err(wrong("update"))?
            .remove(0)
            .map_err(wrong("update"))?;
        let (_, read) = present(s, &written.at.id).await?;
        match read.get(Field::Completion) {
            Some(Value::Completion(c)) if c.status == status => {}
            other => return Err(format!("{status:?} was written and reads {other:?}")),
        }
    }
    Ok(())
}

async fn times(s: &Subject<'_>) -> Checked {
    if s.module != Module::Calendar {
        return Ok(());
    }
    let day = |d| NaiveDate::from_ymd_opt(2027, 3, d).expect("a day in March");
    let at = |d, h, m| day(d).and_hms_opt(h, m, 0).expect("a time");
    let timed = |start, end, zone| When::Timed { start, end, zone };
    let cases = [
        ("one whole day", When::AllDay { start: day(1), end: day(2) }),
        ("three whole days over the change of clocks", When::AllDay { start: day(27), end: day(30) }),
        ("over the change of clocks", timed(at(27, 22, 0), at(28, 9, 0), Tz::Europe__Berlin)),
        ("New York", timed(at(9, 9, 0), at(9, 9, 45), Tz::America__New_York)),
        ("half-hour zone", timed(at(9, 9, 0), at(9, 9, 45), Tz::Asia__Kolkata)),
        ("UTC", timed(wall(20, 23, 30), wall(21, 0, 30), Tz::UTC)),
        ("no length", timed(wall(22, 9, 0), wall(22, 9, 0), Tz::Europe__London)),
    ];
    for (name, when) in cases {
        let mut item = small(s.module, 13);
        item.set(Field::When, Value::When(when.clone()));
        let (_, written) = s.create_one(&item).await.map_err(|e| format!("{name}: {e}"))?;
        let (version, read) = present(s, &written.at.id).await.map_err(|e| format!("{name}: {e}"))?;
        same(s, &item, &read).map_err(|e| format!("{name}: {e}"))?;
        // And as an edit of an event that was at another time.
        let moved = patch(
            &written.at.id,
            &version,
            &read,
            Field::When,
            small(s.module, 14).fields[&Field::When].clone(),
        );
        s.side.update(s.module, &[moved]).await.map_err(wrong(name))?.remove(0).map_err(wrong(name))?;
        let (version, read) = present(s, &written.at.id).await?;
        same(s, &small(s.module, 14), &item_with_summary(&read, 14))
            .map_err(|e| format!("{name}, moved away: {e}"))?;
        let back = patch(&written.at.id, &version, &read, Field::When, Value::When(when));
        s.side.update(s.module, &[back]).await.map_err(wrong(name))?.remove(0).map_err(wrong(name))?;
        let (_, read) = present(s, &written.at.id).await?;
        same(s, &item, &read).map_err(|e| format!("{name}, moved back: {e}"))?;
    }
    Ok(())
}

/// The same item under the subject of another sample, so that only the times are compared.
fn item_with_summary(item: &Item, number: u32) -> Item {
    let mut item = item.clone();
    item.set_text(Field::Summary, format!("Event {number}"));
    item
}

/// A meeting is written without a word to anybody, or not at all.
async fn meeting_is_silent(s: &Subject<'_>) -> Checked {
    if s.module != Module::Calendar || !s.can().writes.contains(&Field::Attendees) {
        return Ok(());
    }
    let draft = Draft { marker: Subject::marker(), item: s.fit(meeting("organizer@elsewhere.test")) };
    match s.create(std::slice::from_ref(&draft)).await.map_err(wrong("create"))?.remove(0) {
        Err(ItemError::WouldNotify { people: 1 }) => Ok(()),
        Err(other) => Err(format!("a meeting: {other:?}")),
        Ok(written) => {
            let (_, read) = present(s, &written.at.id).await?;
            same(s, &draft.item, &read)
        }
    }
}
