//! What a side that holds series must do with them: none is asked of more than it says it can.

use super::samples::small;
use super::{Checked, Subject, wrong};
use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use riva_core::fault::ItemError;
use riva_core::ids::RemoteId;
use riva_core::item::{
    Ends, Field, Frequency, Item, Module, NthWeekday, Override, Recurrence, RecurrenceId, Rule, Value, When,
};
use riva_core::ports::{Fetched, Patch, RemoteRef, SeriesSupport};
use std::collections::BTreeMap;

/// Every check with its outcome; none where the side has no series.
pub async fn all(s: &Subject<'_>) -> Vec<(&'static str, Checked)> {
    if s.module != Module::Calendar {
        return Vec::new();
    }
    let mut outcomes = Vec::new();
    if s.can().series >= SeriesSupport::RuleOnly {
        outcomes.push(("series_rules", rules(s).await));
        outcomes.push(("series_all_day", all_day(s).await));
    }
    if s.can().series == SeriesSupport::Full {
        outcomes.push(("series_overrides", overrides(s).await));
        outcomes.push(("series_new_rule", new_rule(s).await));
    }
    outcomes
}

fn nine(day: &str) -> NaiveDateTime {
    day.parse::<NaiveDate>().ok().and_then(|d| d.and_hms_opt(9, 0, 0)).expect("a day")
}

fn when(day: &str) -> When {
    When::Timed { start: nine(day), end: nine(day) + Duration::minutes(45), zone: Tz::Europe__Berlin }
}

fn rule(frequency: Frequency, change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule::every(1, frequency);
    rule.ends = Ends::After(6);
    change(&mut rule);
    rule
}

fn mondays(rule: &mut Rule) {
    rule.by_day = vec![NthWeekday { nth: None, day: chrono::Weekday::Mon }];
}

fn series(start: When, rule: Rule) -> Item {
    let mut item = small(Module::Calendar, 21);
    item.set(Field::When, Value::When(start));
    item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() }));
    item
}

async fn read(s: &Subject<'_>, id: &RemoteId) -> Result<(RemoteRef, Item), String> {
    match s.fetch(id).await? {
        Fetched::Present { version, item, .. } => Ok((RemoteRef { id: id.clone(), version }, *item)),
        other => Err(format!("it should be there: {other:?}")),
    }
}

/// Rules that mean the same for the same start are the same.
fn canonical(item: &Item) -> Option<Vec<Rule>> {
    let first = riva_core::recurrence::first(item.when()?);
    Some(item.recurrence()?.rules.iter().map(|rule| rule.clone().canonical(first)).collect())
}

fn same(written: &Item, read: &Item) -> Checked {
    if read.when() != written.when() {
        return Err(format!("{:?} was written and reads {:?}", written.when(), read.when()));
    }
    if canonical(written) != canonical(read) {
        let (wrote, reads) = (written.get(Field::Recurrence), read.get(Field::Recurrence));
        return Err(format!("{wrote:?} was written and reads {reads:?}"));
    }
    let of = |item: &Item| item.overrides().cloned().unwrap_or_default();
    if of(written) == of(read) {
        Ok(())
    } else {
        Err(format!("{:?} was written and reads {:?}", of(written), of(read)))
    }
}

/// The rules that every mail system has.
async fn rules(s: &Subject<'_>) -> Checked {
    let friday = |nth| NthWeekday { nth, day: chrono::Weekday::Fri };
    for (start, rule) in [
        ("2027-03-15", rule(Frequency::Daily, |r| r.interval = 3)),
        ("2027-03-15", rule(Frequency::Weekly, mondays)),
        ("2027-03-15", rule(Frequency::Weekly, |r| r.ends = Ends::Never)),
        (
            "2027-03-15",
            rule(Frequency::Weekly, |r| {
                r.interval = 2;
                r.ends = Ends::Until(RecurrenceId::Day(nine("2027-06-01").date()));
            }),
        ),
        ("2027-03-15", rule(Frequency::Monthly, |r| r.by_month_day = vec![15])),
        ("2027-03-26", rule(Frequency::Monthly, |r| r.by_day = vec![friday(Some(-1))])),
        ("2027-03-15", rule(Frequency::Yearly, |_| {})),
        (
            "2027-03-05",
            rule(Frequency::Yearly, |r| {
                r.by_month = vec![3];
                r.by_day = vec![friday(Some(1))];
            }),
        ),
    ] {
        let item = series(when(start), rule);
        let (_, written) = s.create_one(&item).await?;
        same(&item, &read(s, &written.at.id).await?.1)?;
    }
    Ok(())
}

async fn all_day(s: &Subject<'_>) -> Checked {
    let start = nine("2027-03-15").date();
    let item =
        series(When::AllDay { start, end: start + Duration::days(1) }, rule(Frequency::Weekly, mondays));
    let (_, written) = s.create_one(&item).await?;
    same(&item, &read(s, &written.at.id).await?.1)
}

fn some() -> BTreeMap<RecurrenceId, Override> {
    let changed = |field, value| Override::Changed(BTreeMap::from([(field, value)]));
    let on = |day| RecurrenceId::Wall(nine(day));
    BTreeMap::from([
        // Over the change of clocks.
        (on("2027-03-22"), changed(Field::Summary, Value::text("Another"))),
        (on("2027-03-29"), changed(Field::When, Value::When(when("2027-03-30")))),
        (on("2027-04-05"), Override::Cancelled),
    ])
}

async fn update(s: &Subject<'_>, id: &RemoteId, field: Field, value: Value) -> Result<Item, String> {
    let (at, base) = read(s, id).await?;
    let marker = Subject::marker();
    let patch = Patch { id: at.id, version: at.version, marker, set: [(field, value)].into(), base };
    let answer = s.side.update(s.module, &[patch]).await.map_err(wrong("update"))?.remove(0);
    let answer = answer.map_err(|error: ItemError| format!("update: {error}"))?;
    let (now, item) = read(s, &answer.at.id).await?;
    if now == answer.at { Ok(item) } else { Err(format!("update said {:?}, fetch says {now:?}", answer.at)) }
}

async fn overrides(s: &Subject<'_>) -> Checked {
    let mut item = series(when("2027-03-15"), rule(Frequency::Weekly, mondays));
    item.set(Field::Overrides, Value::Overrides(some()));
    let (_, written) = s.create_one(&item).await?;
    let id = &written.at.id;
    same(&item, &read(s, id).await?.1)?;
    // One is cancelled, one is moved once more, one is as the series has it, one takes place again.
    let mut wanted = some();
    wanted.insert(RecurrenceId::Wall(nine("2027-04-12")), Override::Cancelled);
    let moved = Value::When(when("2027-03-31"));
    let moved = Override::Changed([(Field::When, moved)].into());
    wanted.insert(RecurrenceId::Wall(nine("2027-03-29")), moved);
    for gone in [None, Some("2027-03-22"), Some("2027-04-05")] {
        wanted.retain(|at, _| gone.is_none_or(|gone| *at != RecurrenceId::Wall(nine(gone))));
        item.set(Field::Overrides, Value::Overrides(wanted.clone()));
        let now = update(s, id, Field::Overrides, Value::Overrides(wanted.clone())).await?;
        same(&item, &now)?;
    }
    item.set(Field::Overrides, Value::Blank);
    same(&item, &update(s, id, Field::Overrides, Value::Blank).await?)
}

/// Case 16: what single occurrences do otherwise survives a new rule.
async fn new_rule(s: &Subject<'_>) -> Checked {
    let mut item = series(when("2027-03-15"), rule(Frequency::Weekly, mondays));
    item.set(Field::Overrides, Value::Overrides(some()));
    let (_, written) = s.create_one(&item).await?;
    let longer = rule(Frequency::Weekly, |r| {
        mondays(r);
        r.ends = Ends::After(9);
    });
    let value = Value::Recurrence(Recurrence { rules: vec![longer], ..Recurrence::default() });
    item.set(Field::Recurrence, value.clone());
    same(&item, &update(s, &written.at.id, Field::Recurrence, value).await?)
}
