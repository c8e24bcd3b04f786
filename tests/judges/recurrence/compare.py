"""Compares four expansions of many series, and each with the text of RFC 5545; see tests/judges/recurrence.sh.

  compare.py EXPAND [--made-up N] [--seed N] [--show CLASS] FOLDER...

EXPAND is the built example `recurrence`; FOLDERs hold calendars. One line for each kind of disagreement, which must be
one that DISAGREEMENTS.md decides; exit 1 if one is not."""

import argparse
import collections
import datetime
import json
import pathlib
import re
import signal
import subprocess
import sys
import warnings
import zoneinfo

import icalendar
import recurring_ical_events

import cases
import classes

UTC = datetime.timezone.utc
SECONDS = 10


def stamp(at):
    if not isinstance(at, datetime.datetime):
        at = datetime.datetime.combine(at, datetime.time())
    if at.tzinfo is not None:
        at = at.astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}"


class TooLong(Exception):
    pass


def too_long(*_):
    raise TooLong(f"longer than {SECONDS} s")


def by_recurring_ical_events(case, horizon):
    """Starts and ends by `recurring-ical-events`, or why there are none."""
    signal.alarm(SECONDS)
    try:
        query = recurring_ical_events.of(icalendar.Calendar.from_ical(case.ics), components=["VEVENT"])
        end = cases.wall(horizon)
        begin = case.first - datetime.timedelta(days=366)
        found = query.between(begin, end + datetime.timedelta(days=2))
        told = sorted((stamp(one["DTSTART"].dt), stamp(one["DTEND"].dt)) for one in found)
        return {"all": [list(one) for one in told if stamp(begin) <= one[0] <= horizon]}
    except Exception as why:  # Whatever it raises is its answer.
        return {"why": f"{type(why).__name__}: {why}"}
    finally:
        signal.alarm(0)


def by_the_text(case, horizon):
    """The wall times by the text, up to the horizon; `None` where the text is not enough."""
    told = case.by_text()
    if told is None:
        return None
    end = cases.wall(horizon)
    if case.zone not in (None, "UTC"):
        try:
            end = end.replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(case.zone)).replace(tzinfo=None)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return None
    walls = []
    for at in told:
        if at > end or len(walls) == 60:
            return walls
        walls.append(f"{at:%Y%m%dT%H%M%S}")
    return walls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("expand")
    parser.add_argument("--made-up", type=int, default=300)
    parser.add_argument("--seed", type=int, default=5545)
    parser.add_argument("--show", default="")
    parser.add_argument("folders", nargs="*")
    arguments = parser.parse_intermixed_args()
    signal.signal(signal.SIGALRM, too_long)
    warnings.simplefilter("ignore")
    decided = set(re.findall(r"^\| `([a-z-]+)` \|", (pathlib.Path(__file__).parent / "DISAGREEMENTS.md").read_text(), re.M))

    all_cases = [*cases.of_corpora(arguments.folders), *cases.made_up(arguments.seed, arguments.made_up)]
    lines = "".join(json.dumps({"name": case.name, "ics": case.ics, "set": case.set}) + "\n" for case in all_cases)
    done = subprocess.run([arguments.expand], input=lines, stdout=subprocess.PIPE, text=True, check=True)
    told = [json.loads(line)["told"] for line in done.stdout.splitlines()]
    assert len(told) == len(all_cases), "there is an answer for each"

    refused, compared, text_agrees, silent = collections.Counter(), 0, 0, collections.Counter()
    agreed, seen, failed = collections.Counter(), collections.defaultdict(list), []
    for case, answer in zip(all_cases, told):
        if "why" in answer:
            refused[re.split(r"[:0-9]", answer["why"])[0].strip()] += 1
            continue
        if "why" in answer["ours"]:
            refused[answer["ours"]["why"]] += 1
            continue
        compared += 1
        text = by_the_text(case, answer["horizon"])
        if text is not None:
            if text == answer["rule"]:
                text_agrees += 1
            else:
                failed.append(f"{case.name} is not as the text says: {difference(text, answer['rule'])}\n{case.set}")
        if case.first is None:
            continue
        answer["recurring-ical-events"] = by_recurring_ical_events(case, answer["horizon"])
        for library, ours in (("rrule", "plain"), ("calcard", "ours"), ("recurring-ical-events", "ours")):
            theirs = answer[library]
            if "why" in theirs:
                silent[library] += 1
                seen[library, "no-answer"].append(f"{case.name}: {theirs['why']}")
                continue
            mine = [tuple(one) for one in answer[ours]["all"]]
            other = [tuple(one) for one in theirs["all"]]
            if mine == other:
                agreed[library] += 1
                continue
            for kind in classes.of(case, library, mine, other):
                seen[library, kind].append(f"{case.name}: {difference(mine, other)}\n{case.set}")

    print(f"{compared} series compared, {sum(refused.values())} not expanded by Riva:")
    for why, count in refused.most_common():
        print(f"  {count:5}  {why}")
    print(f"{text_agrees} of them with the text of RFC 5545 as well")
    for (library, kind), names in sorted(seen.items()):
        word = "decided" if kind in decided else "NOT DECIDED"
        print(f"  {len(names):5}  {library}: {kind} ({word}), such as {names[0].splitlines()[0]}")
        if kind not in decided:
            failed += [f"{library}: {kind}: {name}" for name in names]
        if arguments.show and arguments.show in f"{library} {kind}":
            print("\n".join(names[:40]))
    for library in ("rrule", "calcard", "recurring-ical-events"):
        print(f"ok {library}: {agreed[library]} alike, {compared - agreed[library] - silent[library]} otherwise as decided, "
              f"{silent[library]} without an answer")
    if compared < 100 or text_agrees < 100:
        failed.append("too few series were compared")
    for what in failed[:400]:
        print(f"FAILED {what}")
    if not failed:
        print(f"ok the text of RFC 5545: {text_agrees} alike")
    return 1 if failed else 0


def difference(mine, other):
    only = [one for one in mine if one not in set(other)][:3]
    theirs = [one for one in other if one not in set(mine)][:3]
    return f"ours only {only}, theirs only {theirs}"


if __name__ == "__main__":
    sys.exit(main())
