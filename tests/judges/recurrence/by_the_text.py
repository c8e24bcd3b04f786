"""Recurrence rules by the text of RFC 5545 alone, as slow and as plain as can be: one interval after the other, every day
or time of it put to every part of the rule, by the table of section 3.3.10 ("Expand" and "Limit"). Written from that
text, not from Riva's code; it knows wall times only, no zones."""

import calendar
import datetime
import itertools

DAY = datetime.timedelta(days=1)
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
UNITS = {"HOURLY": datetime.timedelta(hours=1), "MINUTELY": datetime.timedelta(minutes=1),
         "SECONDLY": datetime.timedelta(seconds=1)}
LAST_YEAR = 2200


def parse(text):
    """The parts of a rule; lists of numbers, and BYDAY as pairs (number or 0, weekday)."""
    rule = {}
    for part in text.upper().strip(";").split(";"):
        name, value = (side.strip() for side in part.split("=", 1))
        if name == "BYDAY":
            days = [day.strip() for day in value.split(",")]
            rule[name] = [(int(day[:-2] or 0), WEEKDAYS.index(day[-2:])) for day in days]
        elif name.startswith("BY"):
            rule[name] = [int(number) for number in value.split(",")]
        elif name in ("INTERVAL", "COUNT"):
            rule[name] = int(value)
        else:
            rule[name] = value
    return rule


def starts(rule, first, until=None):
    """All starts of a series that begins at `first`, up to `until` (inclusive; from UNTIL). "The DTSTART property value
    always counts as the first occurrence"."""
    yield first
    count = 1
    for found in intervals(rule, first):
        for at in found:
            if at <= first:
                continue
            count += 1
            if until is not None and at > until or count > rule.get("COUNT", count):
                return
            yield at


def intervals(rule, first):
    """The starts in one interval of the rule after the other."""
    freq, each = rule["FREQ"], rule.get("INTERVAL", 1)
    week = int(WEEKDAYS.index(rule.get("WKST", "MO")))
    for n in itertools.count():
        try:
            if freq == "YEARLY":
                begin = datetime.date(first.year + n * each, 1, 1)
                days = [begin + k * DAY for k in range(365 + calendar.isleap(begin.year))]
            elif freq == "MONTHLY":
                month = first.year * 12 + first.month - 1 + n * each
                begin = datetime.date(month // 12, month % 12 + 1, 1)
                days = [begin + k * DAY for k in range(calendar.monthrange(begin.year, begin.month)[1])]
            elif freq == "WEEKLY":
                begin = first.date() - (first.weekday() - week) % 7 * DAY + n * each * 7 * DAY
                days = [begin + k * DAY for k in range(7)]
            elif freq == "DAILY":
                begin = first.date() + n * each * DAY
                days = [begin]
            else:
                moment = first + n * each * UNITS[freq]
                begin, days = moment.date(), [moment.date()]
        except (ValueError, OverflowError):
            return
        if begin.year > LAST_YEAR:
            return
        days = [day for day in days if takes_day(rule, first, day)]
        times = times_of_day(rule, first) if freq not in UNITS else times_within(rule, moment)
        found = sorted({datetime.datetime.combine(day, time) for day in days for time in times})
        yield [at for place, at in enumerate(found, 1) if among(rule.get("BYSETPOS"), place, len(found))]


def among(numbers, place, of):
    """Whether a list takes a place, counted from 1 or from the end; without a list all are taken."""
    return not numbers or place in numbers or place - of - 1 in numbers


def takes_day(rule, first, day):
    """Whether a day of the interval is one of the rule's. "Information, not contained in the rule, necessary to determine
    the various recurrence instance start time and dates are derived from the Start Time (DTSTART)"."""
    freq = rule["FREQ"]
    years = 365 + calendar.isleap(day.year)
    months = calendar.monthrange(day.year, day.month)[1]
    if rule.get("BYMONTH") and day.month not in rule["BYMONTH"]:
        return False
    if rule.get("BYWEEKNO") and not takes_week(rule, day):
        return False
    if not among(rule.get("BYYEARDAY"), day.timetuple().tm_yday, years):
        return False
    if not among(rule.get("BYMONTHDAY"), day.day, months):
        return False
    if rule.get("BYDAY"):
        return any(weekday == day.weekday() and (not nth or takes_nth(rule, day, nth)) for nth, weekday in rule["BYDAY"])
    if any(rule.get(part) for part in ("BYYEARDAY", "BYMONTHDAY")):
        return True
    if freq == "WEEKLY" or freq == "YEARLY" and rule.get("BYWEEKNO"):
        return day.weekday() == first.weekday()
    if freq == "MONTHLY" or freq == "YEARLY" and rule.get("BYMONTH"):
        return day.day == first.day
    if freq == "YEARLY":
        return (day.month, day.day) == (first.month, first.day)
    return True


def takes_nth(rule, day, nth):
    """The nth weekday of the month, or of the year: notes 1 and 2 of the table."""
    freq = rule["FREQ"]
    if freq == "MONTHLY" or freq == "YEARLY" and rule.get("BYMONTH"):
        begin, end = day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
    elif freq == "YEARLY" and not rule.get("BYWEEKNO"):
        begin, end = day.replace(month=1, day=1), day.replace(month=12, day=31)
    else:
        return True
    if nth > 0:
        return (day - begin).days // 7 == nth - 1
    return (end - day).days // 7 == -nth - 1


def takes_week(rule, day):
    """"A week is defined as a seven day period, starting on the day of the week defined to be the week start (see WKST).
    Week number one of the calendar year is the first week that contains at least four (4) days in that calendar year"."""
    week_start = WEEKDAYS.index(rule.get("WKST", "MO"))

    def week_one(year):
        fourth = datetime.date(year, 1, 4)
        return fourth - (fourth.weekday() - week_start) % 7 * DAY

    year = next(y for y in (day.year + 1, day.year, day.year - 1) if week_one(y) <= day)
    number = (day - week_one(year)).days // 7 + 1
    return among(rule["BYWEEKNO"], number, (week_one(year + 1) - week_one(year)).days // 7)


def times_of_day(rule, first):
    parts = [rule.get("BYHOUR") or [first.hour], rule.get("BYMINUTE") or [first.minute],
             rule.get("BYSECOND") or [first.second]]
    return [datetime.time(*at) for at in itertools.product(*parts) if at[2] < 60]


def times_within(rule, moment):
    """Smaller parts than the frequency's are expanded, others limit."""
    freq = rule["FREQ"]
    limits = [("BYHOUR", moment.hour)]
    minutes, seconds = [moment.minute], [moment.second]
    if freq == "HOURLY":
        minutes = rule.get("BYMINUTE") or minutes
    else:
        limits.append(("BYMINUTE", moment.minute))
    if freq == "SECONDLY":
        limits.append(("BYSECOND", moment.second))
    else:
        seconds = rule.get("BYSECOND") or seconds
    if any(rule.get(part) and value not in rule[part] for part, value in limits):
        return []
    return [datetime.time(moment.hour, m, s) for m in minutes for s in seconds if s < 60]
