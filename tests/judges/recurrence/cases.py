"""The series that are compared: those of the corpora, and made-up ones."""

import datetime
import pathlib
import random
import re
import sys
import zoneinfo

import by_the_text

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "servers" / "journey"))
import corpora  # noqa: E402

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
SET = ("DTSTART", "RRULE", "RDATE", "EXDATE")


class Case:
    """One series: `ics` whole, `set` its lines of when alone, `rule` and `first` where they can be told."""

    def __init__(self, name, ics):
        self.name, self.ics = name, ics
        lines = unfolded(ics)
        events = list(corpora.blocks("\n".join(lines), "VEVENT"))
        masters = [block for block in events if corpora.prop(block, "RECURRENCE-ID") is None]
        self.master = masters[0] if masters else []
        self.changed = len(events) > 1
        self.set = "\n".join(line for line in self.master if re.match(rf"({'|'.join(SET)})[;:]", line, re.I))
        self.rules = [line.split(":", 1)[1].strip() for line in self.master if re.match("RRULE[;:]", line, re.I)]
        self.rdates = bool(corpora.prop(self.master, "RDATE"))
        self.exdates = bool(corpora.prop(self.master, "EXDATE"))
        self.nominal = bool(corpora.prop(self.master, "DURATION"))
        start = next((line for line in self.master if re.match("DTSTART[;:]", line, re.I)), ":")
        head, value = start.split(":", 1)
        zone = re.search(r'TZID="?([^":;]+)"?', head)
        self.all_day = "T" not in value or re.search("VALUE=DATE$|VALUE=DATE;", head, re.I) is not None
        if self.all_day:
            value, zone = value.strip()[:8], None
        self.zone = "UTC" if value.strip().endswith("Z") else zone and zone.group(1)
        self.first = wall(value)
        self.rule = None
        if len(self.rules) == 1:
            try:
                self.rule = by_the_text.parse(self.rules[0])
            except (ValueError, KeyError):
                pass

    def has(self, *parts):
        return any(part in (self.rule or {}) for part in parts)

    def by_text(self):
        """The wall times of all starts by the text; `None` where the text is not enough (a zone that is not known)."""
        if self.rule is None or self.first is None or self.rdates:
            return None
        until = self.rule.get("UNTIL")
        if until is not None:
            until = self.until(until)
            if until is None:
                return None
        return by_the_text.starts(self.rule, self.first, until)

    def until(self, text):
        at = wall(text)
        if at is None:
            return None
        if "T" not in text:
            return datetime.datetime.combine(at, datetime.time.max)
        if not text.endswith("Z") or self.all_day:
            return datetime.datetime.combine(at, datetime.time.max) if self.all_day else at
        if self.zone is None:
            return at
        try:
            zone = zoneinfo.ZoneInfo(self.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return None
        return at.replace(tzinfo=datetime.timezone.utc).astimezone(zone).replace(tzinfo=None)


def wall(text):
    text = text.strip().rstrip("Zz")
    try:
        return datetime.datetime.strptime(text, "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")
    except ValueError:
        return None


def unfolded(ics):
    return [line for line in re.sub(r"\r?\n[ \t]", "", ics).splitlines() if line.strip()]


def of_corpora(folders):
    """Every series of calcard's corpus and of the folders' calendars."""
    sources = [(f"calcard/{name}", ics) for name, _, ics in corpora.events()]
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*.ics")):
            text = path.read_bytes().decode("utf-8", "replace")
            sources += [(f"{path.name}#{n}", ics) for n, ics in enumerate(split(text))]
    found = (Case(name, ics) for name, ics in sources)
    return [case for case in found if case.rules or case.rdates]


def split(text):
    """A calendar as one for each UID, with all time zones."""
    zones = [line for block in corpora.blocks(text, "VTIMEZONE") for line in block]
    by_uid = {}
    for n, block in enumerate(corpora.blocks(text, "VEVENT")):
        uid = corpora.prop(block, "UID") or f"none-{n}"
        if corpora.prop(block, "UID") is None:
            block.insert(1, f"UID:{uid}")
        by_uid.setdefault(uid, []).extend(block)
    for body in by_uid.values():
        yield calendar_of(zones + body)


def calendar_of(lines):
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//judge//EN", *lines, "END:VCALENDAR", ""])


def made_up(seed, count):
    dice = random.Random(seed)
    for n in range(count):
        yield made(dice, f"made-up/{seed}-{n}")


def made(dice, name):
    """A series whose start is one of its rule's, four times out of five."""
    while True:
        text = any_rule(dice)
        zone = dice.choice([*ZONES, "", "date"])
        time = dice.choice([(9, 0, 0), (2, 30, 0), (1, 45, 0), (23, 15, 0), (0, 0, 0)])
        base = datetime.datetime(2024, 1, 1) + dice.randrange(1200) * by_the_text.DAY
        first = base if zone == "date" else base.replace(hour=time[0], minute=time[1], second=time[2])
        if zone == "date" and re.search("HOURLY|MINUTELY|BYHOUR|BYMINUTE", text):
            continue
        rule = by_the_text.parse(text)
        if dice.random() < 0.8:
            near = by_the_text.intervals(rule, first)
            first = next((at for _, found in zip(range(400), near) for at in found if at >= first), None)
            if first is None:
                continue
        return Case(name, calendar_of(event(dice, name, text, zone, first)))


def event(dice, name, text, zone, first):
    def line(prop, at):
        if zone == "date":
            return f"{prop};VALUE=DATE:{at:%Y%m%d}"
        if zone == "UTC":
            return f"{prop}:{at:%Y%m%dT%H%M%S}Z"
        return f"{prop};TZID={zone}:{at:%Y%m%dT%H%M%S}" if zone else f"{prop}:{at:%Y%m%dT%H%M%S}"

    if zone == "date":
        length = f"DTEND;VALUE=DATE:{first + dice.choice([1, 3]) * by_the_text.DAY:%Y%m%d}"
    elif dice.random() < 0.3:
        length = "DURATION:" + dice.choice(["PT45M", "P1D", "PT24H"])
    else:
        length = line("DTEND", first + datetime.timedelta(minutes=dice.choice([0, 30, 60, 26 * 60])))
    end = dice.random()
    rule = by_the_text.parse(text)
    days = {"YEARLY": 366, "MONTHLY": 30, "WEEKLY": 7, "DAILY": 1}.get(rule["FREQ"], 1)
    if end < 0.3:
        text += f";COUNT={dice.randint(1, 40)}"
    elif end < 0.6:
        last = first + dice.randint(1, 30) * days * by_the_text.DAY
        text += f";UNTIL={last:%Y%m%d}" if zone == "date" else f";UNTIL={last:%Y%m%dT%H%M%S}" + ("Z" if zone else "")
    lines = ["BEGIN:VEVENT", f"UID:{name}", "DTSTAMP:20260101T000000Z", line("DTSTART", first), length, f"RRULE:{text}"]
    some = [at for _, at in zip(range(12), by_the_text.starts(rule, first))]
    if dice.random() < 0.25:
        lines += [line("EXDATE", at) for at in dice.sample(some, min(len(some), 2))]
    if dice.random() < 0.1:
        lines.append(line("RDATE", first + dice.randint(1, 20) * by_the_text.DAY))
    if dice.random() < 0.1 and len(some) > 3 and zone != "date":
        lines += ["END:VEVENT", "BEGIN:VEVENT", f"UID:{name}", "DTSTAMP:20260101T000000Z", line("RECURRENCE-ID", some[2]),
                  line("DTSTART", some[2] + datetime.timedelta(hours=5)), "DURATION:PT1H"]
    return [*lines, "SUMMARY:x", "END:VEVENT"]


def any_rule(dice):
    """Only parts that a frequency may have: "BYWEEKNO MUST NOT be used when FREQ is anything other than YEARLY", and so on."""
    freq = dice.choice(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY", "YEARLY", "HOURLY", "MINUTELY"])
    parts = [f"FREQ={freq}"]
    if dice.random() < 0.4:
        parts.append(f"INTERVAL={dice.choice([2, 3, 4, 5, 12])}")

    def some(name, values, most, chance):
        if dice.random() < chance:
            parts.append(f"{name}={','.join(str(v) for v in dice.sample(values, dice.randint(1, most)))}")
            return True
        return False

    some("BYMONTH", range(1, 13), 3, 0.25)
    weeks = freq == "YEARLY" and some("BYWEEKNO", [1, 2, 20, 51, 52, 53, -1, -53], 2, 0.2)
    if freq == "YEARLY" and not weeks:
        some("BYYEARDAY", [1, 60, 100, 200, 366, -1, -100], 3, 0.15)
    if freq != "WEEKLY" and not weeks:
        some("BYMONTHDAY", [1, 2, 13, 15, 28, 29, 30, 31, -1, -2, -30], 3, 0.3)
    numbers = freq in ("MONTHLY", "YEARLY") and not weeks and dice.random() < 0.5
    names = [f"{n}{day}" for n in (1, 2, 4, 5, -1, -2) for day in by_the_text.WEEKDAYS] if numbers else by_the_text.WEEKDAYS
    some("BYDAY", names, 3, 0.45)
    some("BYHOUR", [0, 2, 9, 17], 2, 0.5 if freq == "MINUTELY" else 0.12)
    if freq == "MINUTELY":
        parts[0:2] = ["FREQ=MINUTELY", f"INTERVAL={dice.choice([15, 45, 90, 720])}"]
    elif dice.random() < 0.08:
        parts.append("BYMINUTE=0,30")
    by_something = any(part.startswith("BY") for part in parts)
    if by_something:
        some("BYSETPOS", [1, 2, 3, -1, -2], 2, 0.2)
    if dice.random() < 0.2:
        parts.append("WKST=SU")
    return ";".join(parts)
