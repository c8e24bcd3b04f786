//! The twenty-five nasty cases of calendars (engine design, section 1.9), each by its name through two real connectors: an item
//! as it really comes in, the real agent, and what must stand in the CRM and in the mailbox then. They are all in `list.rs`.
//!
//! On the sandbox's Exchange or a CalDAV server of this process, with its Salesforce, always; on Radicale and Xandikos with
//! OpenERP 7 where `tests/servers/scenarios_test.sh` has started them.

mod case;
mod items;
mod list;
mod places;
mod play;
mod real;

use crate::pairs::sandbox::Northwind;
use crate::pairs::servers::{Dav, Servers};
use crate::pairs::shelf::Shelf;
use case::{Case, From};
use places::{Place, Sandbox};
use real::Real;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Plays cases, so many at a time; answers what was wrong with each, by name.
async fn play_all(
    cases: Vec<(Case, Arc<dyn Place>)>,
    at_once: usize,
) -> BTreeMap<&'static str, Option<String>> {
    let (turns, mut plays, mut names) = (Arc::new(Semaphore::new(at_once)), JoinSet::new(), BTreeMap::new());
    for (case, place) in cases {
        let (name, turns) = (case.name, Arc::clone(&turns));
        let playing = plays.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            play::play(place.as_ref(), &case).await
        });
        names.insert(playing.id(), name);
    }
    let mut outcomes = BTreeMap::new();
    while let Some(played) = plays.join_next_with_id().await {
        // One that breaks down says so, and the others are played all the same.
        let (id, wrong) = played.unwrap_or_else(|broken| (broken.id(), Some(broken.to_string())));
        outcomes.insert(names[&id], wrong);
    }
    outcomes
}

async fn on_the_sandbox() -> BTreeMap<&'static str, Option<String>> {
    let cases = list::all();
    let people: Vec<_> = cases.iter().flat_map(|case| play::people(case, "northwind.example")).collect();
    let northwind = Arc::new(Northwind::start(&people).await);
    let shelf = Arc::new(Shelf::start().await);
    let place = |from: From| -> Arc<dyn Place> {
        Arc::new(Sandbox { northwind: Arc::clone(&northwind), shelf: Arc::clone(&shelf), from })
    };
    let cases = cases.into_iter().map(|case| (place(case.from), case)).map(|(place, case)| (case, place));
    let outcomes = play_all(cases.collect(), 16).await;
    assert_eq!(place(From::Caldav).mails().await, 0, "nobody is mailed");
    outcomes
}

/// Plays what can be played on servers.
async fn on(servers: Servers) {
    let place: Arc<dyn Place> = Arc::new(Real(servers));
    let mut cases = Vec::new();
    for case in list::all() {
        match place.cannot(case.from).or(case.only_here) {
            Some(why) => println!("{} is not played on {}: {why}", case.name, place.name()),
            None => cases.push((case, Arc::clone(&place))),
        }
    }
    let outcomes = play_all(cases, 8).await;
    let wrong: Vec<&str> = outcomes.values().filter_map(Option::as_deref).collect();
    println!("{}: {} of {} cases passed", place.name(), outcomes.len() - wrong.len(), outcomes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(place.mails().await, 0, "nobody is mailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_radicale_and_openerp() {
    let Some(servers) = Servers::running(Dav::Radicale) else { return };
    on(servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_xandikos_and_openerp() {
    let Some(servers) = Servers::running(Dav::Xandikos) else { return };
    on(servers).await;
}

/// What was wrong with each case on the sandbox. All are played at once, by whichever test comes first.
fn played() -> &'static BTreeMap<&'static str, Option<String>> {
    static PLAYED: OnceLock<BTreeMap<&'static str, Option<String>>> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(on_the_sandbox())
    })
}

/// A test for each case.
macro_rules! cases {
    ($($name:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                let wrong = &played()[stringify!($name)];
                assert!(wrong.is_none(), "{}", wrong.as_deref().unwrap_or_default());
            }
        )*
    };
}

cases! {
    case_01_weekly_at_nine_keeps_its_wall_time_over_the_change_of_clocks
    case_02_half_past_two_in_the_spring_gap
    case_03_half_past_two_twice_in_autumn
    case_04_whole_days_of_exchange_are_midnights_of_their_own_zone
    case_05_exceptions_of_whole_days_come_as_instants_from_exchange
    case_05_exceptions_of_whole_days_come_as_instants_from_outlook
    case_07_a_recurrence_id_in_another_zone_than_the_start
    case_08_an_exdate_in_utc_of_a_start_with_a_zone
    case_09_until_as_a_day_or_as_a_local_time_ends_with_that_day
    case_10_a_count_counts_what_is_left_out
    case_11_a_first_time_that_the_rule_does_not_have_is_one_more
    case_11_a_first_time_that_the_rule_does_not_have_is_moved_by_exchange
    case_12_monthly_on_the_31st_leaves_short_months_out
    case_12_monthly_on_the_31st_is_the_last_day_in_exchange
    case_13_the_29th_of_february_comes_in_leap_years
    case_13_the_29th_of_february_is_the_last_of_the_month_in_exchange
    case_14_what_exchange_has_no_pattern_for_is_a_record_for_each_time
    case_14_what_is_not_understood_is_held_and_not_approximated
    case_15_an_occurrence_that_passes_its_neighbour_in_the_calendar
    case_15_an_occurrence_that_passes_its_neighbour_in_the_crm
    case_15_exchange_lets_no_occurrence_pass_its_neighbour
    case_16_a_new_rule_keeps_the_occurrences_that_differ
    case_16_exchange_forgets_exceptions_with_a_new_rule_and_the_crm_follows
    case_17_a_cancelled_occurrence_is_left_out
    case_17_an_occurrence_with_the_status_cancelled_is_left_out
    case_17_a_cancelled_meeting_is_free_time_and_its_record_is_kept
    case_17_a_meeting_that_outlook_shows_as_cancelled_keeps_its_record
    case_18_an_occurrence_that_came_alone_is_absorbed_by_its_series
    case_19_a_meeting_of_ten_members_is_one_record
    case_20_a_zone_of_somebodys_own_is_known_by_its_rules
    case_20_a_zone_that_no_other_has_is_right_for_a_single_time_and_held_for_a_series
    case_21_a_new_tz_database_moves_the_records_once_that_is_approved
    case_22_floating_time_is_the_calendars_and_stays_floating
    case_23_a_day_is_one_of_the_wall_clock
    case_23_24_hours_are_exact
    case_24_no_end_is_no_length_and_a_minute_in_the_crm
    case_24_an_end_before_the_start_is_set_aside
    case_25_a_day_on_which_a_task_is_due_is_a_day
    case_25_a_midnight_in_utc_on_which_a_task_is_due_is_a_day
}

#[test]
fn every_case_of_the_design_is_tested_or_it_is_said_why_not() {
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    assert_eq!(tested, list::all().iter().map(|case| case.name).collect());
    assert_eq!(TESTED.len(), list::all().len(), "each has a name of its own");
    let all = TESTED.iter().copied().chain(list::NOT_EXPRESSIBLE.iter().map(|(name, _)| *name));
    let numbers: BTreeSet<String> = all.map(|name| name[..8].to_owned()).collect();
    assert_eq!(numbers, (1..=25).map(|n| format!("case_{n:02}_")).collect());
}
