"""Which of the real-world events go into the mailbox: a sample that the whole test ends in minutes with.

Every n-th event that is single, and of the series a few of each kind: OpenERP makes ten appointments a second, and the
series of the corpus would unroll into some 57,000 of them.
"""

import collections
import datetime as dt
import itertools
import re

import icalendar
import recurring_ical_events

from corpora import events

EVERY = 5
# What is synced of the future; the past is synced whole.
AHEAD = 400
EARLIEST = dt.datetime(1930, 1, 1)
# Of a kind of series (how often, where it ends, whether occurrences differ); and of what no series can be made of.
OF_A_KIND, HELD_OF_A_KIND = 7, 4
MOST_OCCURRENCES = 25
A_YEAR = {"YEARLY": 1, "MONTHLY": 12, "WEEKLY": 52, "DAILY": 366}


def latest():
    return dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(days=AHEAD)


def parts(text):
    """The events of a resource: those of the series, and the occurrences that differ."""
    found = all_events(text)
    return [e for e in found if "RECURRENCE-ID" not in e], [e for e in found if "RECURRENCE-ID" in e]


def all_events(text):
    return icalendar.Calendar.from_ical(text).walk("VEVENT") if text else []


def word(value):
    """A day or a time as iCalendar writes it."""
    return value.strftime("%Y%m%dT%H%M%S" if isinstance(value, dt.datetime) else "%Y%m%d")


def recurrence_id(event):
    return word(event["RECURRENCE-ID"].dt) if "RECURRENCE-ID" in event else ""


def exdates(event):
    found = event.get("EXDATE", []) if event else []
    return found if isinstance(found, list) else [found]


def lines(text):
    """The lines of each event of a resource, those of its alarms with them."""
    return re.split(r"^BEGIN:VEVENT", text, flags=re.M | re.I)[1:]


def is_series(text):
    """By its words alone: whoever reads it otherwise is to be found out."""
    return any(re.search(r"^(RRULE|RDATE|RECURRENCE-ID|EXRULE)[:;]", event, re.M | re.I) for event in lines(text))


def is_alone(text):
    """One occurrence of a series that is not there: an appointment of its own."""
    events = lines(text)
    return len(events) == 1 and bool(re.search(r"^RECURRENCE-ID[:;]", events[0], re.M | re.I))


def held(text):
    """Why no calendar program could be sure of the series, if so; by its text alone."""
    masters = [b for b in lines(text) if not re.search(r"^RECURRENCE-ID", b, re.M | re.I)]
    if not masters and len(lines(text)) > 1:
        return "occurrences without their series"
    for reason, pattern in (("RANGE", r"^RECURRENCE-ID;.*RANGE="), ("EXRULE", "^EXRULE"), ("PERIOD", "^RDATE;.*PERIOD")):
        if any(re.search(pattern, event, re.M | re.I) for event in lines(text)):
            return reason
    if any(len(re.findall("^RRULE", b, re.M | re.I)) > 1 for b in masters):
        return "two rules"
    return None


def kind_of(text):
    """(kind, most occurrences a year, years) of a series; the last two are a bound, to count only what is few."""
    masters, changed = parts(text)
    master = masters[0]
    rule = master.get("RRULE") or {}
    frequency = str(rule.get("FREQ", ["none"])[0])
    ends = "count" if "COUNT" in rule else "until" if "UNTIL" in rule else "endless"
    differs = "".join(word for word, there in (("changed", changed), (" left out", "EXDATE" in master)) if there)
    bound = 0
    if rule:
        a_year = A_YEAR.get(frequency, 10**6) * (len(rule.get("BYDAY", [1])) if frequency == "WEEKLY" else 1)
        years = latest().year - master["DTSTART"].dt.year + 1
        if "UNTIL" in rule:
            years = rule["UNTIL"][0].year - master["DTSTART"].dt.year + 1
        bound = rule["COUNT"][0] if "COUNT" in rule else a_year * max(years, 1) // rule.get("INTERVAL", [1])[0]
    return f"{frequency.lower()} {ends} {differs}".strip(), bound


def judge_differs(text):
    """Where the judge reads a rule otherwise than Riva does on purpose (engine design, cases 9 and 11)."""
    masters, _ = parts(text)
    rule, start = masters[0].get("RRULE") or {}, masters[0]["DTSTART"].dt
    if "UNTIL" in rule and isinstance(start, dt.datetime) and not isinstance(rule["UNTIL"][0], dt.datetime):
        return "an end that is a day: the judge leaves that day out"
    if "COUNT" in rule:
        once = recurring_ical_events.of(text_of(masters[0], COUNT=1)).between(EARLIEST, latest())
        if len(once) != 1:
            return "a start that is none of the rule's: the judge does not count it"
    return None


def text_of(master, **rule):
    copy = master.copy()
    copy["RRULE"] = icalendar.vRecur({**master["RRULE"], **rule})
    calendar = icalendar.Calendar()
    calendar.add_component(copy)
    return calendar


def occurrences(text):
    """What takes place of a series within the time that is synced."""
    return recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(EARLIEST, latest())


def choose():
    """Names of the events to load, and how many were left out, by reason."""
    chosen, left, taken = [], collections.Counter(), collections.Counter()
    for name, _, text in itertools.islice(events(), 0, None, EVERY):
        if not is_series(text) or is_alone(text):
            chosen.append(name)
            continue
        reason = held(text)
        if reason:
            taken[reason] += 1
            if taken[reason] <= HELD_OF_A_KIND:
                chosen.append(name)
            else:
                left[f"enough that are held: {reason}"] += 1
            continue
        try:
            kind, bound = kind_of(text)
            if taken[kind] >= OF_A_KIND:
                left["enough of its kind"] += 1
            elif bound > 2 * MOST_OCCURRENCES or len(occurrences(text)) > MOST_OCCURRENCES:
                left[f"more than {MOST_OCCURRENCES} occurrences"] += 1
            elif why := judge_differs(text):
                left[why] += 1
            else:
                taken[kind] += 1
                chosen.append(name)
        except Exception as error:  # whatever the judge cannot read is no part of the comparison
            left[f"the judge cannot read it: {type(error).__name__}"] += 1
    return chosen, left, taken
