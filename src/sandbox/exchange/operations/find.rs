//! FindItem: pages, searches, and calendar views with their occurrences.

use super::super::fault::{Fault, Refusal};
use super::super::organisation::{Caller, Organisation};
use super::super::properties::Class;
use super::super::shape::{ItemShape, Path};
use super::super::show::View;
use super::super::xml::Element;
use super::super::{calendar, series, time};
use super::restriction::{self, Restriction};
use super::{each, required, word};
use chrono::{DateTime, TimeDelta, Utc};
use std::cmp::Ordering;

/// The widest calendar view.
const WIDEST: TimeDelta = TimeDelta::days(2 * 366);
/// The most entries of one reply (the default of the throttling policy's EWSFindCountLimit).
const MOST: usize = 1000;

pub(super) fn find_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = ItemShape::parse(operation)?;
    let traversal = word(operation, "Traversal", &["Shallow", "SoftDeleted", "Associated"])?
        .ok_or_else(|| Fault::schema("The required attribute 'Traversal' is missing."))?;
    let restriction = operation.child("Restriction").map(Restriction::parse).transpose()?;
    let sort = sort_order(operation)?;
    let view = operation.child("CalendarView").map(|v| CalendarView::parse(v, caller)).transpose()?;
    let page = operation.child("IndexedPageItemView").map(Page::parse).transpose()?.unwrap_or_default();
    let cap = organisation.faults.page_size.unwrap_or(MOST);
    each(&required(operation, "ParentFolderIds")?.children, "FindItem", &[], |id| {
        let at = organisation.find_folder(caller, id)?;
        if let Some(view) = &view {
            if restriction.is_some() || !sort.is_empty() {
                return Err(Refusal::new(
                    "ErrorUnsupportedPathForQuery",
                    "A calendar view cannot be combined with a restriction or a sort order.",
                )
                .into());
            }
            return view.run(organisation, caller, at, &shape, cap);
        }
        if traversal != "Shallow" {
            return Ok(vec![root(Vec::new(), Some(0), 0, true)]);
        }
        let mut found = Vec::new();
        for item in organisation.mailboxes[at.0].items_in(at.1) {
            let view = View { in_find: true, ..View::of(organisation, at.0, item, caller) };
            // Searches see whole values, even of what FindItem does not show.
            let searched = View::of(organisation, at.0, item, caller);
            if restriction.as_ref().map_or(Ok(true), |r| r.takes(&searched))? {
                found.push(view);
            }
        }
        sort_views(&mut found, &sort)?;
        let total = found.len();
        let most = page.most.min(cap);
        let from = page.from(total, most);
        let shown: Vec<_> = found.iter().skip(from).take(most).map(|v| v.element(&shape)).collect();
        let next = if page.from_end { from } else { from + shown.len() };
        let last = if page.from_end { from == 0 } else { next >= total };
        Ok(vec![root(shown, Some(next), total, last)])
    })
}

fn root(shown: Vec<Element>, next: Option<usize>, total: usize, last: bool) -> Element {
    let mut element = Element::m("RootFolder");
    if let Some(next) = next {
        element = element.attr("IndexedPagingOffset", next.to_string());
    }
    element
        .attr("TotalItemsInView", total.to_string())
        .attr("IncludesLastItemInRange", last.to_string())
        .with(Element::t("Items").with_all(shown))
}

/// `IndexedPageItemView`.
struct Page {
    most: usize,
    offset: usize,
    from_end: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self { most: usize::MAX, offset: 0, from_end: false }
    }
}

impl Page {
    fn parse(view: &Element) -> Result<Self, Fault> {
        let offset = view.attribute("Offset").and_then(|o| o.parse().ok());
        let offset = offset.ok_or_else(|| Fault::schema("The required attribute 'Offset' is missing."))?;
        let most = match view.attribute("MaxEntriesReturned").map(str::parse) {
            None => usize::MAX,
            Some(Ok(most)) if most > 0 => most,
            Some(_) => {
                return Err(Refusal::new(
                    "ErrorInvalidPagingMaxRows",
                    "MaxEntriesReturned must be positive.",
                )
                .into());
            }
        };
        Ok(Self { most, offset, from_end: view.attribute("BasePoint") == Some("End") })
    }

    fn from(&self, total: usize, most: usize) -> usize {
        if self.from_end {
            total.saturating_sub(self.offset).saturating_sub(most)
        } else {
            self.offset.min(total)
        }
    }
}

fn sort_order(operation: &Element) -> Result<Vec<(Path, bool)>, Fault> {
    let Some(order) = operation.child("SortOrder") else { return Ok(Vec::new()) };
    order
        .children
        .iter()
        .map(|field| {
            let path =
                field.children.first().ok_or_else(|| Fault::schema("The element 'FieldOrder' is empty."))?;
            Ok((Path::parse(path)?, field.attribute("Order") == Some("Descending")))
        })
        .collect()
}

/// Sorts by the given properties; the newest first where nothing else decides.
fn sort_views(found: &mut [View<'_>], sort: &[(Path, bool)]) -> Result<(), Refusal> {
    for (path, _) in sort {
        if let Some(first) = found.first() {
            restriction::values(first, path)?;
        }
    }
    found.sort_by(|a, b| {
        for (path, descending) in sort {
            let value =
                |view: &View<'_>| restriction::values(view, path).ok().and_then(|v| v.into_iter().next());
            let order = match (value(a), value(b)) {
                (Some(a), Some(b)) => restriction::order(&a, &b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            };
            if order != Ordering::Equal {
                return if *descending { order.reverse() } else { order };
            }
        }
        b.item.number.cmp(&a.item.number)
    });
    Ok(())
}

/// `CalendarView`.
struct CalendarView {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    most: usize,
}

impl CalendarView {
    fn parse(view: &Element, caller: &Caller) -> Result<Self, Fault> {
        let instant = |name| {
            view.attribute(name)
                .and_then(|t| time::parse(t, caller.zone))
                .ok_or_else(|| Fault::schema(format!("The attribute '{name}' is missing or invalid.")))
        };
        let (from, to) = (instant("StartDate")?, instant("EndDate")?);
        if to < from {
            return Err(Refusal::new(
                "ErrorCalendarEndDateIsEarlierThanStartDate",
                "EndDate is earlier than StartDate",
            )
            .into());
        }
        if to - from > WIDEST {
            return Err(Refusal::new(
                "ErrorCalendarViewRangeTooBig",
                "The specified view range exceeds the maximum range of two years.",
            )
            .into());
        }
        let most = view.attribute("MaxEntriesReturned").and_then(|m| m.parse().ok()).unwrap_or(usize::MAX);
        Ok(Self { from, to, most })
    }

    fn run(
        &self,
        organisation: &Organisation,
        caller: &Caller,
        at: (usize, u32),
        shape: &ItemShape,
        cap: usize,
    ) -> Result<Vec<Element>, Fault> {
        let folder = organisation.folder(at).ok_or_else(Refusal::folder_not_found)?;
        if !folder.class.starts_with("IPF.Appointment") {
            return Err(Refusal::new(
                "ErrorCalendarFolderIsInvalidForCalendarView",
                "A CalendarView is only valid for calendar folders.",
            )
            .into());
        }
        let mut found = Vec::new();
        for item in organisation.mailboxes[at.0].items_in(at.1).filter(|i| i.class == Class::CalendarItem) {
            let view = || View { in_find: true, ..View::of(organisation, at.0, item, caller) };
            if series::is_series(item) {
                let touching = series::between(item, self.from, self.to);
                found.extend(touching.into_iter().map(|one| view().showing(one)));
            } else if series::touches(item, self.from, self.to) {
                found.push(view());
            }
        }
        found.sort_by_key(|v| (calendar::instant(&v.item, "calendar:Start"), v.item.number));
        let total = found.len();
        let shown: Vec<_> = found.iter().take(self.most.min(cap)).map(|view| view.element(shape)).collect();
        let last = shown.len() == total;
        Ok(vec![root(shown, None, total, last)])
    }
}
