//! The rule of a series as an iCalendar RRULE (RFC 5545, section 3.3.10), for people to read and for the engine to
//! tell whether it changed.

use super::shape::child_text;

/// The rule of a `Recurrence` element; `None` if it is none that the schema knows.
pub(super) fn rule(recurrence: roxmltree::Node<'_, '_>) -> Option<String> {
    let mut parts = Vec::new();
    for node in recurrence.children().filter(roxmltree::Node::is_element) {
        let text = |name| child_text(node, name);
        let mut every = |freq: &str| {
            parts.push(format!("FREQ={freq}"));
            let interval = text("Interval");
            if !interval.is_empty() && interval != "1" {
                parts.push(format!("INTERVAL={interval}"));
            }
        };
        match node.tag_name().name() {
            "DailyRecurrence" => every("DAILY"),
            "WeeklyRecurrence" => {
                every("WEEKLY");
                parts.push(format!("BYDAY={}", days(&text("DaysOfWeek"))?));
                if let Some(first) = days(&text("FirstDayOfWeek")).filter(|d| d != "SU") {
                    parts.push(format!("WKST={first}"));
                }
            }
            "AbsoluteMonthlyRecurrence" => {
                every("MONTHLY");
                parts.push(month_day(&text("DayOfMonth"))?);
            }
            "RelativeMonthlyRecurrence" => {
                every("MONTHLY");
                parts.push(relative(&text("DaysOfWeek"), &text("DayOfWeekIndex"))?);
            }
            "AbsoluteYearlyRecurrence" => {
                every("YEARLY");
                parts.push(format!("BYMONTH={}", month(&text("Month"))?));
                parts.push(month_day(&text("DayOfMonth"))?);
            }
            "RelativeYearlyRecurrence" => {
                every("YEARLY");
                parts.push(format!("BYMONTH={}", month(&text("Month"))?));
                parts.push(relative(&text("DaysOfWeek"), &text("DayOfWeekIndex"))?);
            }
            "EndDateRecurrence" => {
                parts.push(format!("UNTIL={}", text("EndDate").get(..10)?.replace('-', "")));
            }
            "NumberedRecurrence" => parts.push(format!("COUNT={}", text("NumberOfOccurrences"))),
            "NoEndRecurrence" => {}
            _ => return None,
        }
    }
    parts.first().is_some_and(|p| p.starts_with("FREQ")).then(|| parts.join(";"))
}

fn days(text: &str) -> Option<String> {
    let mut list = Vec::new();
    for word in text.split_whitespace() {
        list.extend_from_slice(match word {
            "Monday" => &["MO"][..],
            "Tuesday" => &["TU"],
            "Wednesday" => &["WE"],
            "Thursday" => &["TH"],
            "Friday" => &["FR"],
            "Saturday" => &["SA"],
            "Sunday" => &["SU"],
            "Weekday" => &["MO", "TU", "WE", "TH", "FR"],
            "WeekendDay" => &["SA", "SU"],
            "Day" => &["MO", "TU", "WE", "TH", "FR", "SA", "SU"],
            _ => return None,
        });
    }
    (!list.is_empty()).then(|| list.join(","))
}

fn relative(on: &str, index: &str) -> Option<String> {
    let position = match index {
        "First" => 1,
        "Second" => 2,
        "Third" => 3,
        "Fourth" => 4,
        "Last" => -1,
        _ => return None,
    };
    Some(format!("BYDAY={};BYSETPOS={position}", days(on)?))
}

/// In a shorter month Exchange takes the last day, where RFC 5545 would skip the month.
fn month_day(text: &str) -> Option<String> {
    let day: u32 = text.parse().ok().filter(|d| (1..=31).contains(d))?;
    if day <= 28 {
        return Some(format!("BYMONTHDAY={day}"));
    }
    let list = (28..=day).map(|d| d.to_string()).collect::<Vec<_>>().join(",");
    Some(format!("BYMONTHDAY={list};BYSETPOS=-1"))
}

fn month(name: &str) -> Option<usize> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    MONTHS.iter().position(|m| *m == name).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(inner: &str) -> Option<String> {
        let xml = format!("<Recurrence>{inner}</Recurrence>");
        let doc = roxmltree::Document::parse(&xml).unwrap();
        rule(doc.root_element())
    }

    #[test]
    fn rules_read_as_icalendar() {
        let weekly = "<WeeklyRecurrence><Interval>2</Interval><DaysOfWeek>Monday Wednesday</DaysOfWeek></WeeklyRecurrence>\
                      <NumberedRecurrence><StartDate>2026-01-05Z</StartDate><NumberOfOccurrences>10</NumberOfOccurrences></NumberedRecurrence>";
        assert_eq!(of(weekly).unwrap(), "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=10");
        let last = "<RelativeMonthlyRecurrence><Interval>1</Interval><DaysOfWeek>Friday</DaysOfWeek><DayOfWeekIndex>Last</DayOfWeekIndex></RelativeMonthlyRecurrence>\
                    <EndDateRecurrence><StartDate>2026-01-05</StartDate><EndDate>2026-12-31Z</EndDate></EndDateRecurrence>";
        assert_eq!(of(last).unwrap(), "FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1;UNTIL=20261231");
        let clamped = "<AbsoluteMonthlyRecurrence><Interval>1</Interval><DayOfMonth>31</DayOfMonth></AbsoluteMonthlyRecurrence><NoEndRecurrence/>";
        assert_eq!(of(clamped).unwrap(), "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1");
        let yearly = "<AbsoluteYearlyRecurrence><DayOfMonth>5</DayOfMonth><Month>May</Month></AbsoluteYearlyRecurrence><NoEndRecurrence/>";
        assert_eq!(of(yearly).unwrap(), "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=5");
        assert_eq!(of("<HourlyRecurrence/>"), None);
    }
}
