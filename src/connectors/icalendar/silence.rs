//! Keeps a calendar server from mailing people about what we write (RFC 6638).

use super::component::Component;
use super::event::address;
use super::line::Line;
use super::series::OF_SERIES;
use std::collections::BTreeMap;

/// How the server and the user stand to scheduling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// The server says `calendar-auto-schedule`: it mails people by itself when an event is stored.
    pub automatic: bool,
    /// The user's own addresses, in lower case.
    pub own: Vec<String>,
}

/// The event would make the server mail this many people, and nothing that we can write would stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("storing this would make the server mail {people} people")]
pub struct WouldMail {
    /// How many.
    pub people: usize,
}

/// Every body of a PUT passes through here. `before` is what lies on the server now, if anything does.
///
/// Without automatic scheduling, and for what is new, every ATTENDEE and the ORGANIZER get `SCHEDULE-AGENT=NONE`. For
/// a meeting that the server already schedules that would be wrong: taking an attendee out of the server's hands makes
/// it send a cancellation (RFC 6638, section 3.2.1.2). So a meeting of the user's own is not stored at all; one of
/// somebody else is stored when who is invited, and what they answered, stays as it is.
pub fn quieten(
    scheduling: &Scheduling,
    before: Option<&Component>,
    after: &mut Component,
) -> Result<(), WouldMail> {
    if let Some(before) = before.filter(|_| scheduling.automatic) {
        let people = scheduled(scheduling, before);
        if people.organized_here > 0 {
            return Err(WouldMail { people: people.organized_here });
        }
        if people.elsewhere {
            return if answers_stay(before, after) { Ok(()) } else { Err(WouldMail { people: 1 }) };
        }
    }
    drop_broken(after);
    for event in after.components_mut() {
        for line in event.lines_mut().filter(|l| l.name == "ATTENDEE" || l.name == "ORGANIZER") {
            line.set_param("SCHEDULE-AGENT", "NONE");
            line.drop_param("SCHEDULE-FORCE-SEND");
        }
    }
    Ok(())
}

/// A server may understand more of a broken line than we do: who is invited, or that a component begins or ends there, so that
/// what stands below is the event's, and not its alarm's.
fn drop_broken(component: &mut Component) {
    component.remove_lines(|line| {
        line.name.is_empty() && {
            let text = line.value().to_ascii_uppercase();
            let word = text.split([';', ':']).next().unwrap_or_default().trim();
            ["BEGIN", "END"].contains(&word) || text.contains("ATTENDEE") || text.contains("ORGANIZER")
        }
    });
    component.components_mut().for_each(drop_broken);
}

/// How many people a deletion would mail. An attendee's answer is kept back by `Schedule-Reply: F` (section 8.1); a
/// cancellation of the user's own meeting is not.
pub fn mailed_by_deletion(scheduling: &Scheduling, now: &Component) -> usize {
    if scheduling.automatic { scheduled(scheduling, now).organized_here } else { 0 }
}

struct Scheduled {
    /// People whom the server tells of the user's own meetings.
    organized_here: usize,
    /// Whether it is somebody else's meeting.
    elsewhere: bool,
}

fn by_server(line: &Line) -> bool {
    line.param("SCHEDULE-AGENT").is_none_or(|agent| agent.eq_ignore_ascii_case("SERVER"))
}

fn scheduled(scheduling: &Scheduling, calendar: &Component) -> Scheduled {
    let mut all = Scheduled { organized_here: 0, elsewhere: false };
    for event in calendar.components() {
        let Some(organizer) = event.first("ORGANIZER").filter(|l| by_server(l)) else { continue };
        // An organizer whose address is not known may well be the user.
        let others =
            address(organizer).is_some_and(|a| !scheduling.own.is_empty() && !scheduling.own.contains(&a));
        if others {
            all.elsewhere = true;
        } else {
            let people = event.all("ATTENDEE").filter(|l| by_server(l));
            all.organized_here +=
                people.filter(|l| !address(l).is_some_and(|a| scheduling.own.contains(&a))).count();
        }
    }
    all
}

/// Whether a server has nothing to tell the organizer: who takes part in which occurrence, and what they answered, stays. An
/// occurrence that gets a component of its own takes its people from its series; one that an attendee leaves out would be
/// declined (RFC 6638, section 3.2.2.1).
fn answers_stay(before: &Component, after: &Component) -> bool {
    let (before, mut after) = (answers(before), answers(after));
    for (id, was) in &before {
        if after.remove(id).as_ref() != Some(was) {
            return false;
        }
    }
    after.iter().all(|((uid, _), new)| {
        let series = before.get(&(uid.clone(), String::new()));
        series.is_some_and(|series| series.parties == new.parties && new.times.is_empty())
    })
}

/// What an attendee's copy tells of one event of it.
#[derive(PartialEq, Eq, Default)]
struct Answers {
    /// Who takes part, and how they answered.
    parties: Vec<(String, Option<String>)>,
    /// The lines that say when it takes place, and when not.
    times: Vec<(String, String)>,
}

/// By UID and RECURRENCE-ID.
fn answers(calendar: &Component) -> BTreeMap<(String, String), Answers> {
    let mut all: BTreeMap<(String, String), Answers> = BTreeMap::new();
    for event in calendar.components().filter(|c| c.name != "VTIMEZONE") {
        let id = |name| event.first(name).map(|l| l.value().trim().to_owned()).unwrap_or_default();
        let told = all.entry((id("UID"), id("RECURRENCE-ID"))).or_default();
        for line in event.lines() {
            match line.name.as_str() {
                "ATTENDEE" | "ORGANIZER" => {
                    let answer = line.param("PARTSTAT").map(str::to_uppercase);
                    told.parties.push((line.value().to_lowercase(), answer));
                }
                name if OF_SERIES.contains(&name) => {
                    told.times.push((name.to_owned(), line.value().trim().to_owned()));
                }
                _ => {}
            }
        }
        told.parties.sort();
        told.times.sort();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meeting(organizer: &str, extra: &str) -> Component {
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nORGANIZER:mailto:{organizer}\nATTENDEE{extra}:mailto:b@x.test\nATTENDEE:mailto:a@x.test\nEND:VEVENT\nEND:VCALENDAR\n"
        );
        Component::read_all(&text, "VCALENDAR").unwrap().remove(0)
    }

    fn automatic() -> Scheduling {
        Scheduling { automatic: true, own: vec!["a@x.test".into()] }
    }

    #[test]
    fn what_is_new_is_silent() {
        let mut new = meeting("a@x.test", ";SCHEDULE-FORCE-SEND=REQUEST");
        quieten(&automatic(), None, &mut new).unwrap();
        assert_eq!(new.write().matches("SCHEDULE-AGENT=NONE").count(), 3);
        assert!(!new.write().contains("FORCE-SEND"));
        let before = new.clone();
        assert_eq!(quieten(&automatic(), Some(&before), &mut new), Ok(()));
        assert_eq!(mailed_by_deletion(&automatic(), &new), 0);
    }

    /// Found by fuzzing: after the broken line the alarm's attendee could be read as the event's.
    #[test]
    fn a_broken_line_ends_no_component() {
        let alarm = "BEGIN:VALARM\nATTENDEE b\nACTION:EMAIL\nATTENDEE:mailto:b@x.test\nEND:VALARM\n";
        let text = format!(
            "BEGIN:VCALENDAR\nbegin\nBEGIN:VTODO\nENd\nBEGIN ;X=1\nRRULEDAILY\n{alarm}END:VTODO\nEND:VCALENDAR\n"
        );
        let mut task = Component::read_all(&text, "VCALENDAR").unwrap().remove(0);
        quieten(&automatic(), None, &mut task).unwrap();
        let left = alarm.replace("ATTENDEE b\n", "");
        let wanted = format!("BEGIN:VCALENDAR\nBEGIN:VTODO\nRRULEDAILY\n{left}END:VTODO\nEND:VCALENDAR\n");
        assert_eq!(task.write().replace("\r\n", "\n"), wanted);
    }

    #[test]
    fn a_broken_line_invites_nobody() {
        let mut new = meeting("a@x.test", "");
        let mut broken = Component::read_all(
            "BEGIN:VEVENT\nATTENDEE;mailto\nATTEN DEE:a\nATTENDEE b:c\nEND:VEVENT\n",
            "VEVENT",
        )
        .unwrap()
        .remove(0);
        broken.parts.extend(new.components().next().unwrap().parts.clone());
        *new.components_mut().next().unwrap() = broken;
        quieten(&automatic(), None, &mut new).unwrap();
        let text = new.write();
        assert!(!text.contains("ATTENDEE;mailto") && !text.contains("ATTENDEE b"), "{text}");
        assert!(text.contains("ATTEN DEE:a"), "what means nothing stays: {text}");
    }

    #[test]
    fn an_own_meeting_that_the_server_schedules_is_held() {
        let before = meeting("a@x.test", "");
        let mut after = before.clone();
        assert_eq!(quieten(&automatic(), Some(&before), &mut after), Err(WouldMail { people: 1 }));
        assert_eq!(mailed_by_deletion(&automatic(), &before), 1);
        let manual = Scheduling { automatic: false, ..automatic() };
        assert_eq!(quieten(&manual, Some(&before), &mut after), Ok(()));
        assert_eq!(mailed_by_deletion(&manual, &before), 0);
    }

    #[test]
    fn somebody_elses_meeting_keeps_its_people() {
        let before = meeting("c@x.test", "");
        let mut after = before.clone();
        assert_eq!(quieten(&automatic(), Some(&before), &mut after), Ok(()));
        assert_eq!(after, before);
        let mut answered = meeting("c@x.test", ";PARTSTAT=ACCEPTED");
        assert!(quieten(&automatic(), Some(&before), &mut answered).is_err());
        assert_eq!(mailed_by_deletion(&automatic(), &before), 0);
    }

    #[test]
    fn an_attendee_neither_declines_an_occurrence_nor_invites_to_one() {
        let series = meeting("c@x.test", "").write().replace("END:VEVENT", "RRULE:FREQ=DAILY\nEND:VEVENT");
        let one = |attendee: &str| {
            format!(
                "BEGIN:VEVENT\nUID:u\nRECURRENCE-ID:20270105T090000Z\nORGANIZER:mailto:c@x.test\nATTENDEE:mailto:b@x.test\nATTENDEE{attendee}:mailto:a@x.test\nEND:VEVENT\nEND:VCALENDAR"
            )
        };
        let read = |text: &str| Component::read_all(text, "VCALENDAR").unwrap().remove(0);
        let kept = series.replace("END:VCALENDAR", &one(""));
        for (after, silent) in [
            (series.clone(), true),
            (kept.clone(), true),
            (series.replace("END:VCALENDAR", &one(";PARTSTAT=DECLINED")), false),
            (series.replace("RRULE", "EXDATE:20270105T090000Z\nRRULE"), false),
        ] {
            let outcome = quieten(&automatic(), Some(&read(&series)), &mut read(&after));
            assert_eq!(outcome.is_ok(), silent, "{after}");
        }
        assert!(
            quieten(&automatic(), Some(&read(&kept)), &mut read(&series)).is_err(),
            "an answer is taken back"
        );
    }
}
