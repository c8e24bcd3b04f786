"""In which way a library expands a series otherwise than Riva. Each way has a name, and DISAGREEMENTS.md decides it; what
fits none is `unlisted`, and fails the judge."""

import datetime
import re
import zoneinfo

import by_the_text
import cases
from cases import corpora

UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)


def of(case, library, mine, other):
    """The names of the ways that explain what differs between two lists of (start, end) in UTC."""
    ours, theirs = {one[0] for one in mine}, {one[0] for one in other}
    differ = ours ^ theirs
    if not differ:
        if len(mine) == len(other):
            return [length(case, library, mine, other)]
        return ["told-twice" if len(other) > len(theirs) else "unlisted"]
    return fitting(case, library, ours - theirs, theirs - ours)


def fitting(case, library, mine, theirs):
    names = [name for name, fits in WAYS if fits(case, library, mine | theirs, mine, theirs)]
    if names:
        return names[:1]
    # Of two ways, these are those that others come on top of.
    if theirs & changed(case):
        return ["beside-its-change", *fitting(case, library, mine, theirs - changed(case))]
    if out_of_step(case):
        rest = mine - {instant(case, case.first)}, theirs - {max(theirs, default="")} if case.has("COUNT") else theirs
        if rest != (mine, theirs):
            return ["start-out-of-step", *fitting(case, library, *rest)]
    return ["unlisted"]


def out_of_step(case):
    """Whether the start is none of its rule's."""
    if case.rule is None or case.first is None:
        return False
    for _, found in zip(range(100_000), by_the_text.intervals(case.rule, case.first)):
        for at in found:
            if at >= case.first:
                return at != case.first
    return True


def start_left_out(case, library, differ, mine, theirs):
    """The start itself is missing; with COUNT, another one comes for it at the end."""
    return bool(out_of_step(case) and instant(case, case.first) in mine | theirs and len(mine) <= 1
                and len(theirs) <= (1 if case.has("COUNT") else 0))


def counted_otherwise(case, library, differ, mine, theirs):
    """The start is none of the rule's and is not counted: COUNT yields one more."""
    return out_of_step(case) and case.has("COUNT") and not mine and len(theirs) == 1


def start_beside_dates(case, library, differ, mine, theirs):
    """A series by RDATE alone; its start is missing."""
    return not case.rules and mine == {instant(case, case.first)} and not theirs


def day_in_zone(case, library, differ, mine, theirs):
    """A day is taken for a midnight of some zone: that of its TZID, or of the calendar."""
    return case.all_day and bool(theirs) and all(not at.endswith("T000000") for at in theirs)


def day_left_out(case, library, differ, mine, theirs):
    """An EXDATE that is a day of a series that has times."""
    return not case.all_day and "VALUE=DATE:" in line(case, "EXDATE") + line(case, "EXDATE").replace(";", ":") and not mine


def minutes_afresh(case, library, differ, mine, theirs):
    """Minutes are counted afresh in each hour that the rule takes."""
    return case.has("BYHOUR") and case.rule["FREQ"] == "MINUTELY" and case.rule.get("INTERVAL", 1) > 1


def part_of_first_week(case, library, differ, mine, theirs):
    """The set of the first week begins with the start, not with the week."""
    if not (case.has("BYSETPOS") and case.rule["FREQ"] == "WEEKLY"):
        return False
    week = instant(case, case.first + 7 * by_the_text.DAY)
    return len([at for at in differ if at > week]) <= (1 if case.has("COUNT") else 0)


def every_day_of_week(case, library, differ, mine, theirs):
    """BYWEEKNO without BYDAY takes all days of the week."""
    return case.has("BYWEEKNO") and not case.has("BYDAY")


def turn_of_year(case, library, differ, mine, theirs):
    """By BYWEEKNO: which days of the first and the last week are in it, and whether a year has a week 53."""
    at_the_turn = all(at[4:6] in ("12", "01") for at in differ)
    return case.has("BYWEEKNO") and (at_the_turn or bool({53, -53} & set(case.rule["BYWEEKNO"])))


def zone_of_its_own(case, library, differ, mine, theirs):
    """A TZID that no database has; its VTIMEZONE says what it is."""
    return case.zone is not None and not known(case.zone) and bool(mine) and bool(theirs)


def until_on_the_wall(case, library, differ, mine, theirs):
    """UNTIL in UTC is compared with wall times: up to a day too much or too little at the end."""
    until = (case.rule or {}).get("UNTIL", "")
    if not until.endswith("Z") or case.zone in (None, "UTC"):
        return False
    end = cases.wall(until)
    near = [f"{end + side * by_the_text.DAY:%Y%m%dT%H%M%S}" for side in (-1, 1)]
    return all(near[0] <= at <= near[1] for at in differ)


def beside_its_change(case, library, differ, mine, theirs):
    """An occurrence with a component of its own takes place by the rule as well."""
    return not mine and theirs <= changed(case)


def cancelled_date(case, library, differ, mine, theirs):
    """An RDATE that an EXDATE takes back."""
    return case.rdates and case.exdates and not mine


def between_clocks(case, library, differ, mine, theirs):
    """A wall time that the change of clocks leaves out, or has twice."""
    if case.zone in (None, "UTC") or not known(case.zone) or case.first is None:
        return False
    zone = zoneinfo.ZoneInfo(case.zone)

    def near(text):
        at = cases.wall(text).replace(tzinfo=UTC)
        offsets = {(at + hours * HOUR).astimezone(zone).utcoffset() for hours in range(-16, 17)}
        return len(offsets) > 1

    return all(near(at) for at in differ)


def until_before_start(case, library, differ, mine, theirs):
    """UNTIL is before the start, which is left out."""
    until = cases.wall((case.rule or {}).get("UNTIL", ""))
    return until is not None and mine == {instant(case, case.first)} and not theirs and until < case.first + by_the_text.DAY


def until_on_no_clock(case, library, differ, mine, theirs):
    """UNTIL without a Z in a series that has a zone: the last occurrence is left out."""
    until = (case.rule or {}).get("UNTIL", "Z")
    return case.zone is not None and "T" in until and not until.endswith("Z") and not theirs and len(mine) == 1


def named_on_two_clocks(case, library, differ, mine, theirs):
    """What an EXDATE or RECURRENCE-ID with a TZID names is taken away at that time in UTC as well."""
    return (case.exdates or case.changed) and case.zone not in (None, "UTC") and not theirs and library == "recurring-ical-events"


def spaces(case, library, differ, mine, theirs):
    """Spaces in a list of the rule."""
    return any(", " in rule for rule in case.rules)


def out_of_form(case, library, differ, mine, theirs):
    """An RDATE that is a day with a Z."""
    return re.search(r"RDATE.*:\d{8}Z", case.set, re.I) is not None


WAYS = [
    ("start-out-of-step", start_left_out),
    ("start-out-of-step", counted_otherwise),
    ("start-beside-rdate", start_beside_dates),
    ("day-with-tzid", day_in_zone),
    ("exdate-is-a-day", day_left_out),
    ("minutes-afresh", minutes_afresh),
    ("part-of-first-week", part_of_first_week),
    ("every-day-of-week", every_day_of_week),
    ("turn-of-year", turn_of_year),
    ("zone-of-its-own", zone_of_its_own),
    ("until-on-the-wall", until_on_the_wall),
    ("beside-its-change", beside_its_change),
    ("cancelled-rdate", cancelled_date),
    ("between-clocks", between_clocks),
    ("until-before-start", until_before_start),
    ("until-on-no-clock", until_on_no_clock),
    ("named-on-two-clocks", named_on_two_clocks),
    ("spaces-in-a-list", spaces),
    ("out-of-form", out_of_form),
]


def length(case, library, mine, other):
    """In which way the same starts have other ends."""
    if case.all_day:
        return "day-of-no-length"
    events = corpora.blocks("\n".join(cases.unfolded(case.ics)), "VEVENT")
    if any(not corpora.prop(event, "DTEND") and not corpora.prop(event, "DURATION") for event in events):
        return "no-end"
    spans = set(mine) ^ set(other)
    if known(case.zone or "UTC") and all(over_a_change(case, start) for start, _ in spans):
        return "length-over-clocks"
    return "unlisted"


def over_a_change(case, start):
    """Whether the clocks change during an occurrence, or during the first one."""
    zone = zoneinfo.ZoneInfo(case.zone or "UTC")
    first = cases.wall(instant(case, case.first))
    return any(
        len({(at.replace(tzinfo=UTC) + hours * HOUR).astimezone(zone).utcoffset() for hours in range(-3, 49)}) > 1
        for at in (cases.wall(start), first)
    )


def line(case, name):
    found = [text for text in case.set.splitlines() if re.match(rf"{name}[;:]", text, re.I)]
    return found[0].upper() if found else ""


def known(zone):
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def instant(case, at, zone=None):
    """A wall time of the series in UTC, as `compare.stamp` writes it."""
    zone = zone or case.zone
    if zone not in (None, "UTC") and known(zone):
        at = at.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}"


def changed(case):
    """The occurrences that have a component of their own, by their starts in UTC."""
    found = set()
    for text in cases.unfolded(case.ics):
        if not re.match("RECURRENCE-ID[;:]", text, re.I):
            continue
        head, value = text.split(":", 1)
        zone = re.search(r"TZID=([^:;]+)", head)
        at = cases.wall(value)
        if at is None:
            continue
        found.add(instant(case, at, "UTC" if value.strip().endswith("Z") else zone and zone.group(1)))
        if "T" not in value and case.first is not None:
            found.add(instant(case, at.replace(hour=case.first.hour, minute=case.first.minute)))
        if case.all_day:
            found.add(f"{at:%Y%m%dT000000}")
    return found
