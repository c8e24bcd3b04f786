//! A series and its occurrences, as a client sees them.

use super::*;

/// Mondays at nine in Berlin, four times, over the change of clocks on 2027-03-28.
const SERIES: &str = r#"<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem><t:Subject>Jour fixe</t:Subject><t:Start>2027-03-18T09:00:00+01:00</t:Start><t:End>2027-03-18T10:00:00+01:00</t:End>PEOPLE<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NumberedRecurrence><t:StartDate>2027-03-18</t:StartDate><t:NumberOfOccurrences>4</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence><t:StartTimeZone Id="W. Europe Standard Time"/><t:EndTimeZone Id="W. Europe Standard Time"/></t:CalendarItem></m:Items></m:CreateItem>"#;
const PEOPLE: &str = "<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>x@y.example</t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees>";

struct Series {
    ann: Client,
    id: String,
}

impl Series {
    async fn new(people: &str) -> Self {
        let ann = Client::service("ann@northwind.example");
        let made = ann.ask(&SERIES.replace("PEOPLE", people)).await;
        assert_eq!(code(&made), "NoError", "{made}");
        Self { id: attribute(&made, "Id"), ann }
    }

    fn occurrence(&self, index: u32) -> String {
        format!(r#"<t:OccurrenceItemId RecurringMasterId="{}" InstanceIndex="{index}"/>"#, self.id)
    }

    async fn get(&self, id: &str) -> String {
        self.ann.ask(&format!("<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ItemIds>{id}</m:ItemIds></m:GetItem>")).await
    }

    async fn key(&self) -> String {
        attribute(&self.ann.get(&self.id).await, "ChangeKey")
    }

    async fn update(&self, id: &str, words: &str, uri: &str, inside: &str) -> String {
        self.ann.ask(&format!(r#"<m:UpdateItem ConflictResolution="NeverOverwrite" SendMeetingInvitationsOrCancellations="{words}"><m:ItemChanges><t:ItemChange>{}<t:Updates><t:SetItemField><t:FieldURI FieldURI="{uri}"/><t:CalendarItem>{inside}</t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"#, id.replace("/>", &format!(r#" ChangeKey="{}"/>"#, self.key().await)))).await
    }

    async fn delete(&self, id: &str, words: &str) -> String {
        self.ann.ask(&format!(r#"<m:DeleteItem DeleteType="MoveToDeletedItems" SendMeetingCancellations="{words}"><m:ItemIds>{id}</m:ItemIds></m:DeleteItem>"#)).await
    }

    async fn view(&self) -> Vec<(String, String, String)> {
        let view = self.ann.ask(r#"<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:CalendarView StartDate="2027-03-01T00:00:00Z" EndDate="2027-05-01T00:00:00Z"/><m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>"#).await;
        let document = roxmltree::Document::parse(&view).unwrap();
        let items = document.descendants().filter(|n| n.tag_name().name() == "CalendarItem");
        items
            .map(|n| {
                let field = |name: &str| {
                    n.children().find(|c| c.tag_name().name() == name).unwrap().text().unwrap().to_owned()
                };
                (field("Subject"), field("Start"), field("CalendarItemType"))
            })
            .collect()
    }
}

fn shown(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    rows.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

#[tokio::test]
async fn occurrences_are_changed_and_deleted_one_by_one() {
    let series = Series::new("").await;
    // 2027-03-18 is a Thursday: the series begins with the first Monday after it.
    let master = series.ann.get(&series.id).await;
    assert_eq!(
        (text(&master, "Start"), text(&master, "StartDate")),
        ("2027-03-22T08:00:00Z".into(), "2027-03-22+01:00".into())
    );
    let state = text(&series.ann.sync("calendar", "", 512).await, "SyncState");

    let changed = series
        .update(&series.occurrence(2), "SendToNone", "item:Subject", "<t:Subject>Other</t:Subject>")
        .await;
    assert_eq!(code(&changed), "NoError", "{changed}");
    let moved = series
        .update(
            &series.occurrence(2),
            "SendToNone",
            "calendar:Start",
            "<t:Start>2027-03-30T07:00:00Z</t:Start>",
        )
        .await;
    assert_eq!(code(&moved), "ErrorCalendarEndDateIsEarlierThanStartDate");
    let later = series
        .update(&series.occurrence(2), "SendToNone", "calendar:End", "<t:End>2027-03-30T09:00:00Z</t:End>")
        .await;
    assert_eq!(code(&later), "NoError");
    let moved = series
        .update(
            &series.occurrence(2),
            "SendToNone",
            "calendar:Start",
            "<t:Start>2027-03-30T07:00:00Z</t:Start>",
        )
        .await;
    assert_eq!(code(&moved), "NoError");
    assert_eq!(code(&series.delete(&series.occurrence(3), "SendToNone").await), "NoError");
    let expect = shown(&[
        ("Jour fixe", "2027-03-22T08:00:00Z", "Occurrence"),
        ("Other", "2027-03-30T07:00:00Z", "Exception"),
        ("Jour fixe", "2027-04-12T07:00:00Z", "Occurrence"),
    ]);
    assert_eq!(series.view().await, expect);

    let master = series.ann.get(&series.id).await;
    assert_eq!((count(&master, "Occurrence"), count(&master, "DeletedOccurrence")), (1, 1), "{master}");
    assert!(master.contains("<t:OriginalStart>2027-03-29T07:00:00Z</t:OriginalStart>"), "{master}");
    // A feed tells of the master alone: once, and as changed.
    let feed = series.ann.sync("calendar", &state, 512).await;
    assert_eq!((count(&feed, "Update"), count(&feed, "CalendarItem")), (1, 1), "{feed}");

    let own = series.get(&series.occurrence(2)).await;
    let back =
        series.get(&format!(r#"<t:RecurringMasterItemId OccurrenceId="{}"/>"#, attribute(&own, "Id"))).await;
    assert_eq!(attribute(&back, "Id"), series.id);
    for (id, expect) in [
        (series.occurrence(3), "ErrorCalendarOccurrenceIsDeletedFromRecurrence"),
        (series.occurrence(5), "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"),
        (series.occurrence(0), "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"),
        (
            series.occurrence(1).replace(&series.id, &attribute(&own, "Id")),
            "ErrorCalendarCannotUseIdForOccurrenceId",
        ),
        (
            format!(r#"<t:RecurringMasterItemId OccurrenceId="{}"/>"#, series.id),
            "ErrorCalendarCannotUseIdForRecurringMasterId",
        ),
    ] {
        assert_eq!(code(&series.get(&id).await), expect, "{id}");
    }
}

#[tokio::test]
async fn an_occurrence_stays_between_its_neighbours() {
    let series = Series::new("").await;
    let push = |to: &str| format!("<t:End>2027-04-{to}T10:00:00Z</t:End>");
    let far = series.update(&series.occurrence(2), "SendToNone", "calendar:End", &push("05")).await;
    assert_eq!(code(&far), "NoError", "it may last long");
    let start = "<t:Start>2027-04-05T05:00:00Z</t:Start>";
    let crossing = series.update(&series.occurrence(2), "SendToNone", "calendar:Start", start).await;
    assert_eq!(code(&crossing), "ErrorOccurrenceCrossingBoundary");
    // Where the neighbour is gone, there is room.
    series.delete(&series.occurrence(3), "SendToNone").await;
    let free = series.update(&series.occurrence(2), "SendToNone", "calendar:Start", start).await;
    assert_eq!(code(&free), "NoError");
}

#[tokio::test]
async fn a_new_rule_forgets_what_occurrences_had_for_themselves() {
    let series = Series::new("").await;
    series.update(&series.occurrence(1), "SendToNone", "item:Subject", "<t:Subject>Other</t:Subject>").await;
    series.delete(&series.occurrence(2), "SendToNone").await;
    let id = format!(r#"<t:ItemId Id="{}"/>"#, series.id);
    let place = series.update(&id, "SendToNone", "calendar:Location", "<t:Location>Here</t:Location>").await;
    assert_eq!(code(&place), "NoError");
    assert_eq!(series.view().await.len(), 3, "the place has nothing to do with it");
    let rule = "<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NumberedRecurrence><t:StartDate>2027-03-22</t:StartDate><t:NumberOfOccurrences>5</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>";
    assert_eq!(code(&series.update(&id, "SendToNone", "calendar:Recurrence", rule).await), "NoError");
    let view = series.view().await;
    assert_eq!(view.len(), 5);
    assert!(view.iter().all(|(subject, _, kind)| subject == "Jour fixe" && kind == "Occurrence"));
}

#[tokio::test]
async fn mails_about_occurrences_are_counted() {
    let series = Series::new(PEOPLE).await;
    series.update(&series.occurrence(2), "SendToNone", "item:Subject", "<t:Subject>Other</t:Subject>").await;
    series.delete(&series.occurrence(3), "SendToNone").await;
    assert_eq!(series.ann.control.counters().total_mails(), 0);
    series
        .update(&series.occurrence(2), "SendToAllAndSaveCopy", "item:Subject", "<t:Subject>More</t:Subject>")
        .await;
    series.delete(&series.occurrence(4), "SendToAllAndSaveCopy").await;
    let mails = series.ann.control.counters().mails;
    assert_eq!(
        mails.into_iter().collect::<Vec<_>>(),
        [("cancellation".to_owned(), 1), ("update".to_owned(), 1)]
    );
}
