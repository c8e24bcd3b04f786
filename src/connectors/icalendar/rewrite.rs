//! Writes into a series, line by line: its fields, its rule, and what single occurrences do otherwise.
//!
//! An occurrence that differs is a component of its own, a copy of the series' with the time, and with what differs. So a
//! field of the series is also a field of each of those, unless the occurrence has it for itself. Whatever the core does not
//! know of stays where it is.

use super::clock::Clock;
use super::component::{Component, Part};
use super::event::{EventResource, fields, nominal_days, read_event};
use super::line::Line;
use super::series::{OF_SERIES, OWN, Overrides, Series, is_off, not_yielded, own_parts, plain, same, shown};
use super::write::{MARKER, Refused, lasts_days, mark, set_field, stamp};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use riva_core::ids::Marker;
use riva_core::item::{Field, Item, Override, Recurrence, RecurrenceId, Rule, Value, When};
use std::collections::{BTreeMap, BTreeSet};

/// Lines that say nothing of an appointment but when it was written.
const STAMPS: [&str; 5] = ["DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", MARKER];

fn refused(field: Field) -> impl Fn(String) -> Refused {
    move |reason| Refused { field, reason }
}

/// Sets fields of a series, or makes a single event one. Nothing is changed where something is refused.
pub(super) fn change_series(
    resource: &mut EventResource,
    set: &BTreeMap<Field, Value>,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let before = read_event(resource).ok();
    if let Some(Value::Text(why)) = before.as_ref().and_then(|item| item.get(Field::Recurrence)) {
        let of_series = |f: &&Field| matches!(f, Field::When | Field::Recurrence | Field::Overrides);
        if let Some(field) = set.keys().find(of_series) {
            return Err(Refused { field: *field, reason: why.clone() });
        }
    }
    let mut writing = Writing { after: resource.clone(), zones: Vec::new(), now };
    let mut master = resource.event().clone();
    for (field, value) in set.iter().filter(|(f, _)| !matches!(f, Field::Recurrence | Field::Overrides)) {
        writing.set(&mut master, *field, value)?;
    }
    let told = |field: Field| set.get(&field).or_else(|| before.as_ref()?.get(field));
    match told(Field::Recurrence) {
        Some(Value::Recurrence(_)) if master.first("RECURRENCE-ID").is_some() => {
            return Err(refused(Field::Recurrence)("it is one occurrence of a series".to_owned()));
        }
        Some(Value::Recurrence(recurrence)) => {
            let overrides = match told(Field::Overrides) {
                Some(Value::Overrides(overrides)) => overrides.clone(),
                Some(Value::Blank) | None => Overrides::new(),
                Some(_) => {
                    return Err(refused(Field::Overrides)("changes of occurrences are wanted".to_owned()));
                }
            };
            let was = before.as_ref().and_then(|item| Series::of(resource, item.when()?).ok().flatten());
            let rules = writing.rules(&mut master, recurrence, was.as_ref())?;
            writing.occurrences(&mut master, &rules, &overrides, before.as_ref(), was.as_ref())?;
        }
        Some(Value::Text(why)) if set.contains_key(&Field::Recurrence) => {
            return Err(refused(Field::Recurrence)(format!("no rule is told: {why}")));
        }
        // It is held: what is not of the series can be set all the same.
        Some(Value::Text(_)) => {}
        _ => {
            if set.get(&Field::Overrides).is_some_and(|value| *value != Value::Blank) {
                return Err(refused(Field::Overrides)("only a series has occurrences".to_owned()));
            }
            if before.as_ref().is_some_and(Item::is_recurring) {
                master.remove_lines(|line| OF_SERIES.contains(&line.name.as_str()));
                for at in own_parts(resource) {
                    writing.remove(at);
                }
            }
        }
    }
    if !same_content(&master, resource.event(), &[MARKER]) {
        stamp(&mut master, now);
    }
    mark(&mut master, marker);
    writing.put(resource.at, master);
    *resource = writing.done().ok_or_else(|| refused(Field::When)("there is no event in it".to_owned()))?;
    Ok(())
}

/// The rule of a series as it will be.
struct Rules {
    item: Item,
    when: When,
    recurrence: Recurrence,
    clock: Clock,
    /// Its occurrences are named in another form than before.
    anew: bool,
}

struct Writing {
    after: EventResource,
    zones: Vec<Component>,
    now: DateTime<Utc>,
}

impl Writing {
    fn set(&mut self, event: &mut Component, field: Field, value: &Value) -> Result<(), Refused> {
        let zone = set_field(&self.after.calendar, event, field, value)?;
        let tzid = |zone: &Component| zone.text_of("TZID");
        self.zones.extend(zone.filter(|new| !self.zones.iter().any(|known| tzid(known) == tzid(new))));
        Ok(())
    }

    /// Parts are taken away at the end, so that their places stay.
    fn remove(&mut self, at: usize) {
        self.put(at, Component::default());
    }

    fn put(&mut self, at: usize, component: Component) {
        if let Some(part) = self.after.calendar.parts.get_mut(at) {
            *part = Part::Component(component);
        }
    }

    fn done(mut self) -> Option<EventResource> {
        let calendar = &mut self.after.calendar;
        calendar.parts.retain(|part| !matches!(part, Part::Component(c) if c.name.is_empty()));
        let first = calendar.parts.iter().position(|p| matches!(p, Part::Component(c) if c.name == "VEVENT"));
        let at = first.unwrap_or(calendar.parts.len());
        calendar.parts.splice(at..at, self.zones.into_iter().map(Part::Component));
        EventResource::of(self.after.calendar).ok()
    }

    /// Writes the rule and further dates, as far as they are others.
    fn rules(
        &self,
        master: &mut Component,
        recurrence: &Recurrence,
        was: Option<&Series>,
    ) -> Result<Rules, Refused> {
        let wrong = refused(Field::Recurrence);
        let calendar = &self.after.calendar;
        let item = fields(calendar, master).map_err(refused(Field::When))?;
        let when = item.when().cloned().ok_or_else(|| refused(Field::When)("it has no start".to_owned()))?;
        let clock = Clock::of(calendar, master, &when, recurrence).map_err(&wrong)?;
        let anew = was.is_none_or(|was| was.clock.form != clock.form);
        let first = riva_core::recurrence::first(&when);
        let rule = match recurrence.rules.as_slice() {
            [] => None,
            [rule] => Some(rule.clone().canonical(first)),
            rules => {
                return Err(wrong(format!("it has {} rules, and a calendar here holds one", rules.len())));
            }
        };
        let now = master.first("RRULE").and_then(|line| Rule::parse(&line.value(), &when).ok());
        if now != rule {
            master.replace("RRULE", rule.as_ref().map(|rule| Line::new("RRULE", clock.rule(rule, &when))));
        }
        let dates: BTreeSet<RecurrenceId> = recurrence.dates.iter().map(|of| clock.fit(*of)).collect();
        if anew || was.is_some_and(|was| was.recurrence.dates != dates) {
            let line = (!dates.is_empty()).then(|| clock.line("RDATE", dates.iter().copied()));
            master.replace("RDATE", line);
        }
        // A system that knows no such length does not say that there is none.
        if recurrence.days > 0 && nominal_days(master, &when) == 0 {
            lasts_days(master, &when, recurrence.days);
        }
        let days = nominal_days(master, &when);
        let recurrence = Recurrence { rules: rule.into_iter().collect(), dates, days };
        Ok(Rules { item, when, recurrence, clock, anew })
    }

    /// Writes what single occurrences do otherwise.
    fn occurrences(
        &mut self,
        master: &mut Component,
        rules: &Rules,
        wanted: &Overrides,
        before: Option<&Item>,
        was: Option<&Series>,
    ) -> Result<(), Refused> {
        let wrong = refused(Field::Overrides);
        let nothing = BTreeMap::new();
        let (mut cancelled, mut changed) = (BTreeSet::new(), BTreeMap::new());
        for (id, change) in wanted {
            let id = rules.clock.fit(*id);
            match change {
                Override::Cancelled => {
                    cancelled.insert(id);
                }
                Override::Changed(fields) if fields.is_empty() => {}
                Override::Changed(fields) => {
                    changed.insert(id, fields);
                }
            }
        }
        // By their names in the form that they have now, and as they were known.
        let own: BTreeMap<RecurrenceId, (RecurrenceId, usize)> = was
            .into_iter()
            .flat_map(|was| was.own.iter().map(|(id, at)| (rules.clock.fit(*id), (*id, *at))))
            .collect();
        // What says of itself that it is off needs no other word.
        let says_so = |at: usize| matches!(self.after.calendar.parts.get(at), Some(Part::Component(one)) if is_off(&rules.item, one));
        let off: BTreeSet<RecurrenceId> = own
            .iter()
            .filter(|(id, (_, at))| cancelled.contains(*id) && says_so(*at))
            .map(|(id, _)| *id)
            .collect();
        self.leave_out(master, rules, &cancelled.difference(&off).copied().collect());
        let ids = changed.keys().chain(own.keys()).copied();
        let astray = not_yielded(&rules.when, &rules.recurrence, ids).map_err(&wrong)?;
        if let Some(id) = changed.keys().find(|id| astray.contains(id)) {
            return Err(wrong(format!("it has a changed occurrence at {id}, where its rule has none")));
        }
        for (id, (known, at)) in &own {
            let Some(Part::Component(now)) = self.after.calendar.parts.get(*at).cloned() else { continue };
            let differed = before.and_then(Item::overrides).is_some_and(|all| all.contains_key(known));
            let fields = changed.remove(id);
            let stays_off = off.contains(id) && !astray.contains(id);
            if !stays_off && (cancelled.contains(id) || (fields.is_none() && astray.contains(id))) {
                self.remove(*at);
                continue;
            }
            let mut one = now.clone();
            if rules.anew {
                one.replace("RECURRENCE-ID", Some(rules.clock.line("RECURRENCE-ID", [*id])));
            }
            if stays_off {
                self.put(*at, one);
                continue;
            }
            self.settle(&mut one, rules, *id, fields.unwrap_or(&nothing))?;
            if fields.is_none()
                && differed
                && same_content(&one, &self.instance(master, rules, *id)?, &STAMPS)
            {
                // It is as the series has it again, and says nothing besides.
                self.remove(*at);
            } else if one != now {
                stamp(&mut one, self.now);
                self.put(*at, one);
            }
        }
        for (id, fields) in changed {
            let mut one = self.instance(master, rules, id)?;
            self.settle(&mut one, rules, id, fields)?;
            stamp(&mut one, self.now);
            self.after.calendar.parts.push(Part::Component(one));
        }
        Ok(())
    }

    /// Writes which occurrences do not take place.
    fn leave_out(&self, master: &mut Component, rules: &Rules, cancelled: &BTreeSet<RecurrenceId>) {
        if rules.anew {
            let line = (!cancelled.is_empty()).then(|| rules.clock.line("EXDATE", cancelled.iter().copied()));
            return master.replace("EXDATE", line);
        }
        let mut missing = cancelled.clone();
        for line in master.lines_mut().filter(|l| l.name == "EXDATE") {
            let value = line.value().into_owned();
            let mut stays = |text: &&str| match rules.clock.name(&self.after.calendar, line, text) {
                Ok(id) => {
                    missing.remove(&id);
                    cancelled.contains(&id)
                }
                Err(_) => text.trim().is_empty(),
            };
            let kept: Vec<&str> = value.split(',').filter(|text| stays(text)).collect();
            line.set_value(kept.join(","));
        }
        master.remove_lines(|line| line.name == "EXDATE" && line.value().trim().is_empty());
        if !missing.is_empty() {
            master.push(rules.clock.line("EXDATE", missing));
        }
    }

    /// An occurrence as a component: what its series has, at its own time.
    fn instance(
        &mut self,
        master: &Component,
        rules: &Rules,
        id: RecurrenceId,
    ) -> Result<Component, Refused> {
        let mut one = master.clone();
        one.remove_lines(|line| OF_SERIES.contains(&line.name.as_str()) || line.name == MARKER);
        one.push(rules.clock.line("RECURRENCE-ID", [id]));
        self.settle(&mut one, rules, id, &BTreeMap::new())?;
        Ok(one)
    }

    /// Gives an occurrence these fields, and for the rest what its series has.
    fn settle(
        &mut self,
        one: &mut Component,
        rules: &Rules,
        id: RecurrenceId,
        own: &BTreeMap<Field, Value>,
    ) -> Result<(), Refused> {
        if let Some((field, _)) = own.iter().find(|(field, value)| {
            !OWN.contains(field) && !same(value, rules.item.get(**field).unwrap_or(&Value::Blank))
        }) {
            return Err(refused(*field)("an occurrence cannot have it for itself".to_owned()));
        }
        for field in OWN {
            // Read anew for each: when it takes place says how long before it an alarm is.
            let item = fields(&self.after.calendar, one).map_err(refused(field))?;
            let by_rule = plain(&rules.item, id, field);
            let wanted = own.get(&field).unwrap_or(&by_rule);
            if shown(&rules.item, &item, field).is_none_or(|now| !same(&now, wanted)) {
                self.set(one, field, wanted)?;
            }
        }
        Ok(())
    }
}

impl Clock {
    /// A rule as the value of an RRULE: where the start floats, so does the end.
    fn rule(&self, rule: &Rule, when: &When) -> String {
        if self.form != super::clock::Form::Floating {
            return rule.to_text(when);
        }
        let text = rule.to_text(&match when {
            When::Timed { start, end, .. } => When::Timed { start: *start, end: *end, zone: Tz::UTC },
            When::AllDay { .. } => when.clone(),
        });
        let parts = text
            .split(';')
            .map(|part| if part.starts_with("UNTIL=") { part.trim_end_matches('Z') } else { part });
        parts.collect::<Vec<_>>().join(";")
    }
}

/// Whether two components say the same, in any order, but for lines of these names.
fn same_content(a: &Component, b: &Component, but: &[&str]) -> bool {
    let content = |component: &Component| {
        let mut all: Vec<String> = component
            .lines()
            .filter(|line| !but.contains(&line.name.as_str()))
            .map(|line| format!("{:?} {} {:?} {}", line.group, line.name, line.params, line.value()))
            .chain(component.components().map(Component::write))
            .collect();
        all.sort();
        all
    };
    content(a) == content(b)
}
