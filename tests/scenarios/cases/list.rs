//! The twenty-five nasty cases of the engine design, section 1.9, in their order, each with the sentence that decides.
//!
//! The agents' clock stands at 2027-02-10: records are made from the end of 2026 until March 2028. Berlin's clocks change on
//! 2027-03-28 and 2027-10-31.

use super::case::{Case, Deed, From, ORGANIZER, case, change, one, put, step};
use super::items::{
    MONDAYS, cancelled_meeting, every_monday, hour, meeting, mondays, nights, put_in, recurrence,
};
use crate::things::Kind;
use serde_json::json;

/// Cases that no connector here can express, and why.
pub const NOT_EXPRESSIBLE: &[(&str, &str)] = &[(
    "case_06_an_occurrence_that_graph_names_by_a_midnight_of_no_known_zone",
    "`originalStart`, `recurrenceTimeZone` and `originalStartTimeZone` are of Microsoft Graph; there is no connector to it",
)];

/// What becomes of [`MONDAYS`].
const ALL_MONDAYS: &str = "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 07:00-08:00 Jour fixe; 2027-04-05 07:00-08:00 Jour fixe";

/// All of them.
pub fn all() -> Vec<Case> {
    let parts = [
        clocks(),
        occurrences(),
        rules(),
        moved_and_edited(),
        cancelled_and_alone(),
        people(),
        zones(),
        lengths_and_days(),
    ];
    let mut all: Vec<Case> = parts.into_iter().flatten().collect();
    all.iter_mut().enumerate().for_each(|(n, case)| case.serial = n + 1);
    all
}

fn clocks() -> Vec<Case> {
    vec![
        one(
            "case_01_weekly_at_nine_keeps_its_wall_time_over_the_change_of_clocks",
            "RFC 5545, 3.8.5.3: with a local DTSTART and a time zone, the recurrence instances are of the same local time",
            From::Caldav,
            [put("mondays.ics", [MONDAYS])],
            ALL_MONDAYS,
        ),
        one(
            "case_02_half_past_two_in_the_spring_gap",
            "RFC 5545, 3.3.5: a local time that does not occur is interpreted using the UTC offset before the gap",
            From::Caldav,
            [put("night.ics", [&nights("20270327")])],
            "2027-03-27 01:30-01:45 Backup; 2027-03-28 01:30-01:45 Backup; \
             2027-03-29 00:30-00:45 Backup",
        ),
        one(
            "case_03_half_past_two_twice_in_autumn",
            "RFC 5545, 3.3.5: a local time that occurs more than once refers to the first occurrence",
            From::Caldav,
            [put("night.ics", [&nights("20271030")])],
            "2027-10-30 00:30-00:45 Backup; 2027-10-31 00:30-00:45 Backup; \
             2027-11-01 01:30-01:45 Backup",
        ),
        one(
            "case_04_whole_days_of_exchange_are_midnights_of_their_own_zone",
            "MS-OXOCAL, PidLidAppointmentSubType: whole days begin and end at midnight in the time zone of the appointment",
            From::Exchange,
            [
                Deed::Item(json!({
                    "Subject": "Fair", "IsAllDayEvent": true, "StartTimeZone": "Tokyo Standard Time",
                    "Start": "2027-04-01T15:00:00Z", "End": "2027-04-03T15:00:00Z",
                })),
                Deed::Item(json!({
                    "Subject": "Holiday", "IsAllDayEvent": true, "StartTimeZone": "Pacific Standard Time",
                    "Start": "2027-05-03T07:00:00Z", "End": "2027-05-04T07:00:00Z",
                })),
            ],
            "2027-04-02..2027-04-03 Fair; 2027-05-03 Holiday",
        ),
    ]
}

fn occurrences() -> Vec<Case> {
    let days = json!({
        "Subject": "Fair", "IsAllDayEvent": true, "StartTimeZone": "Tokyo Standard Time",
        "Start": "2027-04-04T15:00:00Z", "End": "2027-04-05T15:00:00Z",
        "Recurrence": recurrence(&json!({ "DailyRecurrence": { "Interval": 1 } }), "2027-04-05", 4),
    });
    let flagged = "SUMMARY:Fair\nDTSTART;TZID=Europe/Berlin:20270405T000000\nDTEND;TZID=Europe/Berlin:20270406T000000\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE:20270405T220000Z";
    let flagged_one = "SUMMARY:Open day\nDTSTART;TZID=Europe/Berlin:20270407T000000\nDTEND;TZID=Europe/Berlin:20270408T000000\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nRECURRENCE-ID:20270406T220000Z";
    let all_days = "2027-04-05 Fair; 2027-04-07 Open day; 2027-04-08 Fair";
    let elsewhere = "SUMMARY:Other\nDTSTART;TZID=Europe/London:20270329T100000\nDTEND;TZID=Europe/London:20270329T110000\nRECURRENCE-ID;TZID=America/New_York:20270329T030000";
    vec![
        one(
            "case_05_exceptions_of_whole_days_come_as_instants_from_exchange",
            "MS-OXOCAL, RecurrencePattern: DeletedInstanceDates are midnights in the zone of the series",
            From::Exchange,
            [Deed::Item(days), Deed::CancelOne(2), Deed::Change(Some(3), json!({ "Subject": "Open day" }))],
            all_days,
        ),
        one(
            "case_05_exceptions_of_whole_days_come_as_instants_from_outlook",
            "MS-OXCICAL, X-MICROSOFT-CDO-ALLDAYEVENT: TRUE makes whole days of midnights",
            From::Caldav,
            [put("fair.ics", [flagged, flagged_one])],
            all_days,
        ),
        case(
            "case_07_a_recurrence_id_in_another_zone_than_the_start",
            "RFC 5545, 3.8.4.4: RECURRENCE-ID is the original value of DTSTART of the instance, here the same instant",
            From::Caldav,
            vec![
                step(
                    [put("mondays.ics", [MONDAYS, elsewhere])],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 09:00-10:00 Other; 2027-04-05 07:00-08:00 Jour fixe",
                ),
                step(
                    [Deed::Retitle("2027-04-05 07:00", "Review")],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 09:00-10:00 Other; 2027-04-05 07:00-08:00 Review",
                )
                .mail(&[
                    "RECURRENCE-ID;TZID=America/New_York:20270329T030000",
                    "RECURRENCE-ID;TZID=Europe/Berlin:20270405T090000",
                    "SUMMARY:Review",
                    "SUMMARY:Other",
                ]),
            ],
        ),
        case(
            "case_08_an_exdate_in_utc_of_a_start_with_a_zone",
            "RFC 5545, 3.8.5.1: EXDATE names a value of the recurrence set, here the same instant",
            From::Caldav,
            vec![
                step(
                    [put("mondays.ics", [&mondays("EXDATE:20270322T080000Z")])],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-29 07:00-08:00 Jour fixe; \
             2027-04-05 07:00-08:00 Jour fixe",
                ),
                step(
                    [Deed::DeleteRecord("2027-03-29 07:00")],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-04-05 07:00-08:00 Jour fixe",
                )
                .mail(&[
                    "EXDATE:20270322T080000Z",
                    "EXDATE;TZID=Europe/Berlin:20270329T090000",
                    "COUNT=4",
                ]),
            ],
        ),
    ]
}

fn rules() -> Vec<Case> {
    let until = |subject: &str, until: &str| {
        MONDAYS.replace("Jour fixe", subject).replace("COUNT=4", &format!("UNTIL={until}"))
    };
    let tuesday = &MONDAYS.replace("20270315", "20270316").replace("COUNT=4", "BYDAY=MO;COUNT=3");
    let on_31 = "SUMMARY:Accounts\nDTSTART;TZID=Europe/Berlin:20270331T100000\nDTEND;TZID=Europe/Berlin:20270331T110000\nRRULE:FREQ=MONTHLY;COUNT=3";
    let day_31 = json!({ "AbsoluteMonthlyRecurrence": { "Interval": 1, "DayOfMonth": 31 } });
    let leap = "SUMMARY:Leap day\nDTSTART;TZID=Europe/Berlin:20240229T090000\nDTEND;TZID=Europe/Berlin:20240229T100000\nRRULE:FREQ=YEARLY";
    let leap_day = json!({ "AbsoluteYearlyRecurrence": { "DayOfMonth": 29, "Month": "February" } });
    let dates = "SUMMARY:Tour\nDTSTART;TZID=Europe/Berlin:20270315T090000\nDTEND;TZID=Europe/Berlin:20270315T100000\nRRULE:FREQ=HOURLY;INTERVAL=5;COUNT=2\nRDATE;TZID=Europe/Berlin:20270317T120000";
    let second = "SUMMARY:Second workday\nDTSTART;TZID=Europe/Berlin:20270302T120000\nDTEND;TZID=Europe/Berlin:20270302T130000\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2;COUNT=2";
    vec![
        one(
            "case_09_until_as_a_day_or_as_a_local_time_ends_with_that_day",
            "RFC 5545, 3.3.10: UNTIL bounds the rule in an inclusive manner",
            From::Caldav,
            [
                put("day.ics", [&until("Until a day", "20270329")]),
                put("local.ics", [&until("Until a time", "20270329T090000")]),
                put("utc.ics", [&until("Until an instant", "20270329T070000Z")]),
            ],
            "2027-03-15 08:00-09:00 Until a day; 2027-03-15 08:00-09:00 Until a time; \
             2027-03-15 08:00-09:00 Until an instant; 2027-03-22 08:00-09:00 Until a day; \
             2027-03-22 08:00-09:00 Until a time; 2027-03-22 08:00-09:00 Until an instant; \
             2027-03-29 07:00-08:00 Until a day; 2027-03-29 07:00-08:00 Until a time; \
             2027-03-29 07:00-08:00 Until an instant",
        ),
        one(
            "case_10_a_count_counts_what_is_left_out",
            "RFC 5545, 3.8.5.1: EXDATE excludes from a set that is generated before, COUNT with it",
            From::Caldav,
            [put("mondays.ics", [&mondays("EXDATE;TZID=Europe/Berlin:20270315T090000,20270322T090000")])],
            "2027-03-29 07:00-08:00 Jour fixe; 2027-04-05 07:00-08:00 Jour fixe",
        ),
        one(
            "case_11_a_first_time_that_the_rule_does_not_have_is_one_more",
            "RFC 5545, 3.3.10: the DTSTART value always counts as the first occurrence",
            From::Caldav,
            [put("mondays.ics", [tuesday])],
            "2027-03-16 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 07:00-08:00 Jour fixe",
        ),
        one(
            "case_11_a_first_time_that_the_rule_does_not_have_is_moved_by_exchange",
            "MS-OXOCAL, RecurrencePattern: StartDate is the day of the first occurrence, and that is one of the pattern's",
            From::Exchange,
            [Deed::Item(hour("Jour fixe", "2027-03-16T08", &every_monday(), 3))],
            "2027-03-22 08:00-09:00 Jour fixe; 2027-03-29 07:00-08:00 Jour fixe; \
             2027-04-05 07:00-08:00 Jour fixe",
        ),
        one(
            "case_12_monthly_on_the_31st_leaves_short_months_out",
            "RFC 5545, 3.3.10: recurrence rules may generate instances with an invalid date; they are ignored",
            From::Caldav,
            [put("accounts.ics", [on_31])],
            "2027-03-31 08:00-09:00 Accounts; 2027-05-31 08:00-09:00 Accounts; \
             2027-07-31 08:00-09:00 Accounts",
        ),
        one(
            "case_12_monthly_on_the_31st_is_the_last_day_in_exchange",
            "MS-OXOCAL, PatternTypeSpecific Month: where the month has no such day, its last one is taken",
            From::Exchange,
            [Deed::Item(hour("Accounts", "2027-03-31T08", &day_31, 4))],
            "2027-03-31 08:00-09:00 Accounts; 2027-04-30 08:00-09:00 Accounts; \
             2027-05-31 08:00-09:00 Accounts; 2027-06-30 08:00-09:00 Accounts",
        ),
        one(
            "case_13_the_29th_of_february_comes_in_leap_years",
            "RFC 5545, 3.3.10: recurrence rules may generate instances with an invalid date; they are ignored",
            From::Caldav,
            [put("leap.ics", [leap])],
            "2028-02-29 08:00-09:00 Leap day",
        ),
        one(
            "case_13_the_29th_of_february_is_the_last_of_the_month_in_exchange",
            "MS-OXOCAL, PatternTypeSpecific Month: where the month has no such day, its last one is taken",
            From::Exchange,
            [Deed::Item(hour("Leap day", "2024-02-29T08", &leap_day, 9))],
            "2027-02-28 08:00-09:00 Leap day; 2028-02-29 08:00-09:00 Leap day",
        ),
        one(
            "case_14_what_exchange_has_no_pattern_for_is_a_record_for_each_time",
            "RFC 5545, 3.8.5.2: the set is the union of RRULE and RDATE; 3.3.10: BYSETPOS takes the nth of a set",
            From::Caldav,
            [put("tour.ics", [dates]), put("second.ics", [second])],
            "2027-03-02 11:00-12:00 Second workday; 2027-03-15 08:00-09:00 Tour; \
             2027-03-15 13:00-14:00 Tour; 2027-03-17 11:00-12:00 Tour; \
             2027-04-02 10:00-11:00 Second workday",
        ),
        case(
            "case_14_what_is_not_understood_is_held_and_not_approximated",
            "RFC 5545, 3.8.5.3: RRULE SHOULD NOT be specified more than once; the set of several is undefined",
            From::Caldav,
            vec![
                step([put("two.ics", [&mondays("RRULE:FREQ=DAILY;COUNT=2")])], "")
                    .apart(&["2 rules, and only one is understood"]),
            ],
        ),
    ]
}

fn moved_and_edited() -> Vec<Case> {
    let past = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20270331T090000\nDTEND;TZID=Europe/Berlin:20270331T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20270322T090000";
    let other = "SUMMARY:Other\nDTSTART;TZID=Europe/Berlin:20270329T090000\nDTEND;TZID=Europe/Berlin:20270329T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20270329T090000";
    let with_other = "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 07:00-08:00 Other; 2027-04-05 07:00-08:00 Jour fixe";
    let jour_fixe = || hour("Jour fixe", "2027-03-15T08", &every_monday(), 4);
    let passed = "2027-03-15 08:00-09:00 Jour fixe; 2027-03-29 07:00-08:00 Jour fixe; \
             2027-03-31 07:00-08:00 Jour fixe; 2027-04-05 07:00-08:00 Jour fixe";
    vec![
        case(
            "case_15_an_occurrence_that_passes_its_neighbour_in_the_calendar",
            "RFC 5545, 3.8.4.4: the instance is known by its original start, wherever it has gone",
            From::Caldav,
            vec![
                step([put("mondays.ics", [MONDAYS])], ALL_MONDAYS),
                step([put("mondays.ics", [MONDAYS, past])], passed),
            ],
        ),
        case(
            "case_15_an_occurrence_that_passes_its_neighbour_in_the_crm",
            "RFC 5545, 3.8.4.4: the instance is known by its original start, wherever it has gone",
            From::Caldav,
            vec![
                step([put("mondays.ics", [MONDAYS])], ALL_MONDAYS),
                step([Deed::Move("2027-03-22 08:00", 9 * 1440 - 60)], passed).mail(&[
                    "RECURRENCE-ID;TZID=Europe/Berlin:20270322T090000",
                    "DTSTART;TZID=Europe/Berlin:20270331T090000",
                ]),
            ],
        ),
        case(
            "case_15_exchange_lets_no_occurrence_pass_its_neighbour",
            "EWS, ErrorOccurrenceCrossingBoundary: an occurrence cannot be moved to the day of an adjacent one, or past it",
            From::Exchange,
            vec![
                step([Deed::Item(jour_fixe())], ALL_MONDAYS),
                step([Deed::Move("2027-03-22 08:00", 9 * 1440 - 60)], passed)
                    .apart(&["keeps occurrences in their order"]),
            ],
        ),
        case(
            "case_16_a_new_rule_keeps_the_occurrences_that_differ",
            "RFC 5545, 3.8.4.4: a component with RECURRENCE-ID stands beside the master, whatever its rule",
            From::Caldav,
            vec![
                step([put("mondays.ics", [MONDAYS, other])], with_other),
                step(
                    [put("mondays.ics", [&MONDAYS.replace("COUNT=4", "COUNT=5"), other])],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 07:00-08:00 Other; 2027-04-05 07:00-08:00 Jour fixe; \
             2027-04-12 07:00-08:00 Jour fixe",
                ),
                // An edit of one occurrence in the CRM leaves rule and exception as they are.
                step(
                    [Deed::Retitle("2027-04-12 07:00", "Review")],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 07:00-08:00 Other; 2027-04-05 07:00-08:00 Jour fixe; \
             2027-04-12 07:00-08:00 Review",
                )
                .mail(&["COUNT=5", "SUMMARY:Other", "SUMMARY:Review", "SUMMARY:Jour fixe"]),
            ],
        ),
        case(
            "case_16_exchange_forgets_exceptions_with_a_new_rule_and_the_crm_follows",
            "EWS, UpdateItem: a recurrence that is set anew has no exceptions",
            From::Exchange,
            vec![
                step(
                    [Deed::Item(jour_fixe()), Deed::Change(Some(3), json!({ "Subject": "Other" }))],
                    with_other,
                ),
                step(
                    [change(json!({ "Recurrence": recurrence(&every_monday(), "2027-03-15", 5) }))],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 07:00-08:00 Jour fixe; 2027-04-05 07:00-08:00 Jour fixe; \
             2027-04-12 07:00-08:00 Jour fixe",
                ),
            ],
        ),
    ]
}

fn cancelled_and_alone() -> Vec<Case> {
    let off = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20270322T090000\nDTEND;TZID=Europe/Berlin:20270322T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20270322T090000\nSTATUS:CANCELLED";
    let alone = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20270329T110000\nDTEND;TZID=Europe/Berlin:20270329T120000\nRECURRENCE-ID;TZID=Europe/Berlin:20270329T090000";
    let without_second = "2027-03-15 08:00-09:00 Jour fixe; 2027-03-29 07:00-08:00 Jour fixe; \
             2027-04-05 07:00-08:00 Jour fixe";
    vec![
        case(
            "case_17_a_cancelled_occurrence_is_left_out",
            "RFC 5545, 3.8.5.1: EXDATE excludes it from the recurrence set",
            From::Caldav,
            vec![
                step([put("mondays.ics", [MONDAYS])], ALL_MONDAYS),
                step(
                    [put("mondays.ics", [&mondays("EXDATE;TZID=Europe/Berlin:20270322T090000")])],
                    without_second,
                ),
            ],
        ),
        case(
            "case_17_an_occurrence_with_the_status_cancelled_is_left_out",
            "RFC 5546, 3.2.5: an instance is cancelled by its RECURRENCE-ID with STATUS CANCELLED",
            From::Caldav,
            vec![
                step([put("mondays.ics", [MONDAYS])], ALL_MONDAYS),
                step([put("mondays.ics", [MONDAYS, off])], without_second),
            ],
        ),
        case(
            "case_17_a_cancelled_meeting_is_free_time_and_its_record_is_kept",
            "RFC 4791, 7.10: a VEVENT with STATUS CANCELLED is FREE, whatever its TRANSP",
            From::Caldav,
            vec![
                step([put("visit.ics", [&meeting()])], "2027-03-16 09:00-10:00 Visit"),
                step([put("visit.ics", [&cancelled_meeting()])], "2027-03-16 09:00-10:00 Visit (free)"),
            ],
        ),
        case(
            "case_17_a_meeting_that_outlook_shows_as_cancelled_keeps_its_record",
            "MS-OXOCAL, Meeting Cancellation: the copy in the calendar is shown free, and says in its subject that it is cancelled",
            From::Exchange,
            vec![
                step(
                    [Deed::Item(json!({
                        "Subject": "Visit", "Start": "2027-03-16T09:00:00Z", "End": "2027-03-16T10:00:00Z",
                        "RequiredAttendees": ["ann@customer.example"],
                    }))],
                    "2027-03-16 09:00-10:00 Visit",
                ),
                step(
                    [change(json!({ "Subject": "Canceled: Visit", "LegacyFreeBusyStatus": "Free" }))],
                    "2027-03-16 09:00-10:00 Canceled: Visit (free)",
                ),
            ],
        ),
        case(
            "case_18_an_occurrence_that_came_alone_is_absorbed_by_its_series",
            "RFC 4791, 4.1: instances with a UID lie in one resource, with the master or without it",
            From::Caldav,
            vec![
                step([put("mondays.ics", [alone])], "2027-03-29 09:00-10:00 Jour fixe"),
                // What is edited in the CRM meanwhile is the occurrence's.
                step([Deed::Retitle("2027-03-29 09:00", "Review")], "2027-03-29 09:00-10:00 Review").mail(&[
                    "RECURRENCE-ID;TZID=Europe/Berlin:20270329T090000",
                    "SUMMARY:Review",
                    "-RRULE:FREQ=WEEKLY",
                ]),
                step(
                    [put("mondays.ics", [MONDAYS, &alone.replace("Jour fixe", "Review")])],
                    "2027-03-15 08:00-09:00 Jour fixe; 2027-03-22 08:00-09:00 Jour fixe; \
             2027-03-29 09:00-10:00 Review; 2027-04-05 07:00-08:00 Jour fixe",
                ),
            ],
        ),
    ]
}

/// Of the nine who are not the one whose copy the record was made of.
const HAS_IT: &str = "This meeting is in the CRM already, from another syncing user's calendar.";

fn people() -> Vec<Case> {
    let organised = |lines: &str| format!("{lines}\nORGANIZER:mailto:{ORGANIZER}");
    let an_hour_later = "2027-03-15 09:00-10:00 Jour fixe; 2027-03-22 09:00-10:00 Jour fixe; \
             2027-03-29 08:00-09:00 Jour fixe; 2027-04-05 08:00-09:00 Jour fixe";
    let moved = MONDAYS
        .replace("T090000", "T100000")
        .replace("DTEND;TZID=Europe/Berlin:20270315T100000", "DTEND;TZID=Europe/Berlin:20270315T110000");
    vec![Case {
        people: 10,
        ..case(
            "case_19_a_meeting_of_ten_members_is_one_record",
            "RFC 5545, 3.8.4.7: the UID is the meeting's, in whose calendar it may lie",
            From::Caldav,
            vec![
                step([put("mondays.ics", [&organised(MONDAYS)])], ALL_MONDAYS).apart(&[HAS_IT]),
                step([put("mondays.ics", [&organised(&moved)])], an_hour_later).apart(&[HAS_IT]),
                // An attendee takes it out of their calendar: it goes on without them.
                step([Deed::Remove(4, "mondays.ics")], an_hour_later).apart(&[HAS_IT]),
            ],
        )
    }]
}

fn zones() -> Vec<Case> {
    let visit =
        "SUMMARY:Visit\nDTSTART;TZID=Europe/Berlin:20270316T090000\nDTEND;TZID=Europe/Berlin:20270316T100000";
    let floating = "SUMMARY:Visit\nDTSTART:20270316T090000\nDTEND:20270316T100000";
    let walk = "SUMMARY:Walk\nDTSTART:20270327T090000\nDTEND:20270327T100000\nRRULE:FREQ=DAILY;COUNT=2";
    vec![
        one(
            "case_20_a_zone_of_somebodys_own_is_known_by_its_rules",
            "RFC 5545, 3.2.19: TZID names the VTIMEZONE of the same object, and means what that says",
            From::Caldav,
            [put_in("Customized Time Zone", 0, MONDAYS)],
            ALL_MONDAYS,
        ),
        case(
            "case_20_a_zone_that_no_other_has_is_right_for_a_single_time_and_held_for_a_series",
            "RFC 5545, 3.6.5: the offset is that of the observance in force, not of the server's zone",
            From::Caldav,
            vec![
                // 09:00, an hour and 17 minutes before Greenwich.
                step([put_in("tzone://Microsoft/Custom", 17, visit)], "2027-03-16 07:43-08:43 Visit"),
                step([put_in("tzone://Microsoft/Custom", 17, MONDAYS)], "2027-03-16 07:43-08:43 Visit")
                    .apart(&["time zone has rules that no known zone has"]),
            ],
        ),
        Case {
            only_here: Some("nobody can give a server's resources another tz database"),
            ..case(
                "case_21_a_new_tz_database_moves_the_records_once_that_is_approved",
                "RFC 5545, 3.3.5: what was meant is the local time; the instant follows from the zone's rules",
                From::Caldav,
                vec![
                    step(
                        [put(
                            "visit.ics",
                            [
                                "SUMMARY:Visit\nDTSTART;TZID=Europe/Athens:20270216T090000\nDTEND;TZID=Europe/Athens:20270216T100000",
                            ],
                        )],
                        "2027-02-16 07:00-08:00 Visit",
                    ),
                    // As when Turkey kept summer time in 2016.
                    step(
                        [Deed::NewZoneRules("visit.ics", "Europe/Athens", "Europe/Istanbul")],
                        "2027-02-16 07:00-08:00 Visit",
                    )
                    .apart(&["the rules of its time zone have changed"]),
                    step([Deed::Approve], "2027-02-16 06:00-07:00 Visit"),
                ],
            )
        },
        Case {
            in_berlin: true,
            ..case(
                "case_22_floating_time_is_the_calendars_and_stays_floating",
                "RFC 4791, 5.2.2: CALDAV:calendar-timezone resolves floating time of a collection",
                From::Caldav,
                vec![
                    step(
                        [put("visit.ics", [floating]), put("walk.ics", [walk])],
                        "2027-03-16 08:00-09:00 Visit; 2027-03-27 08:00-09:00 Walk; \
             2027-03-28 07:00-08:00 Walk",
                    ),
                    step(
                        [Deed::Move("2027-03-16 08:00", 120), Deed::Retitle("2027-03-28 07:00", "Run")],
                        "2027-03-16 10:00-11:00 Visit; 2027-03-27 08:00-09:00 Walk; \
             2027-03-28 07:00-08:00 Run",
                    )
                    .mail(&[
                        "DTSTART:20270316T110000\n",
                        "DTEND:20270316T120000\n",
                        "RECURRENCE-ID:20270328T090000\n",
                    ]),
                ],
            )
        },
    ]
}

fn lengths_and_days() -> Vec<Case> {
    let noon = |length: &str| {
        format!("SUMMARY:Shift\nDTSTART;TZID=Europe/Berlin:20270327T120000\nDURATION:{length}")
    };
    let due = "VTODO\nSUMMARY:Offer\nDUE;VALUE=DATE:20270316\nSTATUS:NEEDS-ACTION";
    vec![
        one(
            "case_23_a_day_is_one_of_the_wall_clock",
            "RFC 5545, 3.3.6: the duration of a day is nominal",
            From::Caldav,
            [put("day.ics", [&noon("P1D")])],
            "2027-03-27 11:00-03-28 10:00 Shift",
        ),
        Case {
            only_here: Some("Radicale and Xandikos keep PT24H as P1D"),
            ..one(
                "case_23_24_hours_are_exact",
                "RFC 5545, 3.3.6: the duration of hours is exact",
                From::Caldav,
                [put("hours.ics", [&noon("PT24H")])],
                "2027-03-27 11:00-03-28 11:00 Shift",
            )
        },
        case(
            "case_24_no_end_is_no_length_and_a_minute_in_the_crm",
            "RFC 5545, 3.6.1: without DTEND and DURATION it ends when it starts, or with its day",
            From::Caldav,
            vec![
                step(
                    [
                        put("call.ics", ["SUMMARY:Call\nDTSTART:20270316T090000Z"]),
                        put("day.ics", ["SUMMARY:Holiday\nDTSTART;VALUE=DATE:20270317"]),
                        put("zero.ics", ["SUMMARY:Bell\nDTSTART:20270318T090000Z\nDTEND:20270318T090000Z"]),
                    ],
                    "2027-03-16 09:00-09:01 Call; 2027-03-17 Holiday; 2027-03-18 09:00-09:01 Bell",
                ),
                step(
                    [Deed::Retitle("2027-03-16 09:00", "Call Ann")],
                    "2027-03-16 09:00-09:01 Call Ann; 2027-03-17 Holiday; 2027-03-18 09:00-09:01 Bell",
                )
                .mail(&[
                    "SUMMARY:Call Ann",
                    "-DTEND:20270316T090100Z",
                    "-DURATION",
                    "DTEND:20270318T090000Z",
                ]),
            ],
        ),
        case(
            "case_24_an_end_before_the_start_is_set_aside",
            "RFC 5545, 3.8.2.2: DTEND MUST be later in time than DTSTART",
            From::Caldav,
            vec![
                step(
                    [put("back.ics", ["SUMMARY:Back\nDTSTART:20270316T090000Z\nDTEND:20270316T080000Z"])],
                    "",
                )
                .apart(&["it ends before it starts"]),
            ],
        ),
        Case {
            kind: Kind::Task,
            ..one(
                "case_25_a_day_on_which_a_task_is_due_is_a_day",
                "RFC 5545, 3.3.4: a DATE is of no zone",
                From::Caldav,
                [Deed::Put("offer.ics", vec![due.to_owned()])],
                "2027-03-16 Offer",
            )
        },
        Case {
            kind: Kind::Task,
            ..one(
                "case_25_a_midnight_in_utc_on_which_a_task_is_due_is_a_day",
                "MS-OXOTASK, PidLidTaskDueDate: the midnight of a day in UTC, whatever zone reads it",
                From::Exchange,
                [Deed::Item(json!({ "Subject": "Offer", "DueDate": "2027-03-16T00:00:00Z" }))],
                "2027-03-16 Offer",
            )
        },
    ]
}
