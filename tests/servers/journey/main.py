"""Journey A between Radicale and OpenERP 7: load real-world items, add the user, sync, compare both sides, edit, delete.

Everything is seen from outside: the command `riva`, CalDAV and CardDAV by plain HTTP, OpenERP by XML-RPC.
"""

import argparse
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import sample
from riva import Riva
from sides import Mailbox, OpenErp

ADDRESS = "alice@example.test"
EVENTS, CARDS, SERIES = 500, 200, 30
checks = {"passed": 0, "failed": 0}


def check(what, ok, seen=""):
    checks["passed" if ok else "failed"] += 1
    print(f"{'ok    ' if ok else 'FAILED'}  {what}{'' if ok else f': {seen}'}", flush=True)


def load(root, radicale):
    """Puts real-world items into the mailbox; what Radicale itself refuses is counted by its reason."""
    script = pathlib.Path(__file__).with_name("load.py")
    collections = root / "data/collections"
    chosen, left, taken = sample.choose()
    print(f"series, by their kind: {dict(taken)}")
    print(f"series that are left out: {dict(left)}")
    done = subprocess.run([root / "venv/bin/python", script, collections, "alice"], input=json.dumps(chosen),
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout)
    loaded = result["loaded"]
    print(f"loaded {loaded}; Radicale refuses {result['refused']}")
    check(f"at least {EVENTS} real-world events are loaded", loaded["events"] >= EVENTS, loaded)
    check(f"at least {CARDS} real-world cards are loaded", loaded["cards"] >= CARDS, loaded)


def journey(riva, radicale, openerp):
    """The eight steps, by the command."""
    for name, secret in (("radicale", radicale["password"]), ("openerp", openerp["password"])):
        check(f"the password of {name} is set", riva.run("connection", "set-password", name, stdin=secret + "\n").ok)
    for name in ("radicale", "openerp"):
        test = riva.run("connection", "test", name, "--user", ADDRESS)
        check(f"step: {name} is tested for {ADDRESS}", test.ok, test.text)
    check("step: Licensing Details", riva.run("policy", "license", "real").ok)
    added = riva.run("policy", "add-user", "real", ADDRESS)
    check("step: the user is added by check name, and saved", added.ok, added.text)
    check("step: the policy is enabled", riva.run("policy", "enable", "real").ok)
    started = riva.run("agent", "start")
    check("step: the agent runs", started.ok, started.text)


def settled(riva, minutes=20):
    """Waits until the user's initial sync is completed and nothing more is under way."""
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        rows = riva.json("queue")
        row = next((r for r in rows if r["address"] == ADDRESS), None)
        if row and row["state"].get("initial_done_at") and not row["running"]:
            return row
        time.sleep(0.5)
    raise SystemExit(f"the initial sync was not completed within {minutes} minutes: {rows}")


def sync(riva):
    """Syncs the user now, and waits until that cycle has ended."""
    before = settled(riva)["state"]["cycle"]
    riva.run("sync", ADDRESS)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        row = settled(riva)
        if row["state"]["cycle"] > before:
            return row
        time.sleep(0.2)
    raise SystemExit("the sync did not end")


def pair_up(erp, kind, ours, theirs):
    """Which record stands for which item: equal ones first, then those that may have been cut, then those of the same name."""
    twins, remaining = {}, list(theirs)
    equal = lambda item, t: all(t[field] == value for field, value in item.items() if field in t and field != "keys")
    cut = lambda item, t: not erp.differences(kind, item, t)
    for fits in (equal, cut, lambda item, t: True):
        for name, item in ours.items():
            if name in twins:
                continue
            alike = [t for t in remaining if set(t["keys"]) & set(item["keys"]) and fits(item, t)]
            if alike:
                twins[name] = alike[0]
                remaining.remove(alike[0])
    return twins, remaining


def compare(riva, mailbox, erp):
    """Every item is on both sides with the same fields, or is listed with the reason why not."""
    listed = riva.json("holds", ADDRESS)
    reasons = {}
    for entry in listed:
        reasons[entry["reason"][:70]] = reasons.get(entry["reason"][:70], 0) + 1
    print("listed as not synced:")
    for reason, n in sorted(reasons.items(), key=lambda r: -r[1]):
        print(f"  {n:5}  {reason}")
    for entry in listed:
        if entry["kind"] == "failed":
            print(f"  failed: {entry.get('mail_id') or entry.get('crm_id')}: {entry['reason']}")
    excused = {entry["mail_id"].rsplit("/", 1)[-1] for entry in listed if entry.get("mail_id")}
    for kind in ("events", "cards"):
        ours, theirs = mailbox.all(kind, excused), erp.all(kind)
        expected = {name: item for name, item in ours.items() if name not in excused}
        twins, remaining = pair_up(erp, kind, expected, list(theirs.values()))
        missing = [(name, item["keys"][0]) for name, item in expected.items() if name not in twins]
        differ = [(name, d) for name, twin in twins.items() if (d := erp.differences(kind, expected[name], twin))]
        print(f"{kind}: {len(ours)} in the mailbox, {len(theirs)} in OpenERP, {len(excused)} listed")
        if kind == "events":
            series = {name.split("#")[0] for name in twins if "#" in name}
            print(f"events: {len(series)} series with {sum('#' in name for name in twins)} occurrences")
            check("events: series of the mailbox are in OpenERP, occurrence by occurrence", len(series) >= SERIES, series)
        check(f"{kind}: every item arrived or is listed", not missing, missing[:5])
        check(f"{kind}: the fields are the same on both sides", not differ, differ[:5])
        check(f"{kind}: nothing stands in OpenERP twice, or without an origin", not remaining, remaining[:3])


def edits(riva, mailbox, erp):
    """Edits and deletions on both sides arrive, and nothing else changes."""
    new = erp.create("cards", {"name": "Zoe Newfield", "email": "zoe@newfield.test", "phone": "+49 30 5550000"})
    erp.create("events", {"name": "Made in OpenERP", "date": "2026-12-01 09:00:00",
                          "date_deadline": "2026-12-01 10:00:00", "duration": 1.0})
    mailbox.put("cards", "made-here.vcf", card("made-here", "Yann", "Here", "yann@here.test"))
    mailbox.put("events", "made-here.ics", event("made-here", "Made in the mailbox"))
    sync(riva)
    check("a contact made in OpenERP is in the mailbox", mailbox.find("cards", "zoe@newfield.test"))
    check("an event made in OpenERP is in the mailbox", mailbox.find("events", "Made in OpenERP"))
    check("a card made in the mailbox is in OpenERP", erp.find("cards", "yann@here.test"))
    check("an event made in the mailbox is in OpenERP", erp.find("events", "Made in the mailbox"))

    erp.write("cards", new, {"phone": "+49 30 5551111"})
    mailbox.put("events", "made-here.ics", event("made-here", "Moved in the mailbox"))
    sync(riva)
    check("an edit in OpenERP is in the mailbox", "5551111" in (mailbox.find("cards", "zoe@newfield.test") or ""))
    check("an edit in the mailbox is in OpenERP", erp.find("events", "Moved in the mailbox"))
    check("the edited event is there once", not erp.find("events", "Made in the mailbox"))

    mailbox.delete("events", "made-here.ics")
    erp.remove("cards", new)
    sync(riva)
    check("an event deleted in the mailbox is gone in OpenERP", not erp.find("events", "Moved in the mailbox"))
    check("a contact deleted in OpenERP is gone in the mailbox", not mailbox.find("cards", "zoe@newfield.test"))


def series_edits(riva, mailbox, erp):
    """A series is a record for each occurrence; what is done to one of them is done to that one alone."""
    dates = lambda name: sorted(row["date"] for row in erp.named("events", name))
    at = lambda day, hour: f"2026-12-{day} {hour}:00:00"
    mailbox.put("events", "made-series.ics", series("made-series"))
    sync(riva)
    check("each occurrence of a series is in OpenERP", dates("Every Monday") == [at(day, "08") for day in ("07", "14", "21", "28")],
          dates("Every Monday"))

    moved = (f"BEGIN:VEVENT\r\nUID:made-series\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Later that Monday\r\n"
             "RECURRENCE-ID;TZID=Europe/Berlin:20261214T090000\r\nDTSTART;TZID=Europe/Berlin:20261214T110000\r\n"
             "DTEND;TZID=Europe/Berlin:20261214T120000\r\nX-THEIRS:of the occurrence\r\nEND:VEVENT\r\n")
    text = series("made-series", "EXDATE;TZID=Europe/Berlin:20261221T090000\r\n")
    mailbox.put("events", "made-series.ics", text.replace("END:VCALENDAR", moved + "END:VCALENDAR"))
    sync(riva)
    check("an occurrence that is changed in the mailbox is in OpenERP", dates("Later that Monday") == [at("14", "10")],
          dates("Later that Monday"))
    check("one that is deleted in the mailbox is gone in OpenERP, and the others are there",
          dates("Every Monday") == [at("07", "08"), at("28", "08")], dates("Every Monday"))

    first, last = (row["id"] for row in sorted(erp.named("events", "Every Monday"), key=lambda row: row["date"]))
    before = mailbox.find("events", "UID:made-series")
    erp.write("events", last, {"location": "Room 7"})
    erp.remove("events", first)
    sync(riva)
    after = mailbox.find("events", "UID:made-series") or ""
    now = {sample.recurrence_id(e): e for e in sample.all_events(after)}
    check("an occurrence that is edited in OpenERP is changed in the mailbox",
          str(now.get("20261228T090000", {}).get("LOCATION")) == "Room 7", after)
    left_out = {sample.word(d.dt) for line in sample.exdates(now.get("")) for d in line.dts}
    check("one that is deleted in OpenERP is left out in the mailbox", left_out == {"20261207T090000", "20261221T090000"}, after)
    check("the series is as it was", "LOCATION" not in now[""] and now[""]["SUMMARY"] == "Every Monday", after)
    block = lambda text: re.search(r"BEGIN:VEVENT(?:(?!END:VEVENT).)*X-THEIRS:of the occurrence.*?END:VEVENT", text, re.S)
    check("the other occurrence stays to the letter", block(before or "") and block(before)[0] == (block(after) or [""])[0], after)
    check("the lines of others are there", "X-THEIRS:of the series" in after, after)


def quiet(riva):
    before = sync(riva)["state"]["modules"]
    after = sync(riva)["state"]["modules"]
    check("one more sync writes nothing", before == after, (before, after))


def event(uid, summary):
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//journey//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20261202T090000Z\r\nDTEND:20261202T100000Z\r\n"
            f"SUMMARY:{summary}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")


def series(uid, more=""):
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//journey//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Every Monday\r\nDTSTART;TZID=Europe/Berlin:20261207T090000\r\n"
            "DTEND;TZID=Europe/Berlin:20261207T100000\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\nX-THEIRS:of the series\r\n"
            f"{more}END:VEVENT\r\nEND:VCALENDAR\r\n")


def card(uid, given, family, mail):
    return (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{given} {family}\r\nN:{family};{given};;;\r\n"
            f"EMAIL:{mail}\r\nEND:VCARD\r\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ("riva", "openerp", "radicale", "radicale-folder", "root"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    # Whoever ends the test ends the agent with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    radicale, openerp = json.loads(args.radicale), json.loads(args.openerp)
    with tempfile.TemporaryDirectory(prefix="riva-journey-") as folder:
        mailbox = Mailbox(radicale, "alice")
        erp = OpenErp(openerp, ADDRESS)
        load(pathlib.Path(args.radicale_folder), radicale)
        riva = Riva(args.riva, pathlib.Path(folder), pathlib.Path(args.root))
        riva.make_workspace(radicale, openerp, sample.AHEAD)
        try:
            journey(riva, radicale, openerp)
            row = settled(riva)
            print(json.dumps(row["state"]["modules"], indent=1))
            compare(riva, mailbox, erp)
            quiet(riva)
            edits(riva, mailbox, erp)
            series_edits(riva, mailbox, erp)
            quiet(riva)
            riva.no_secret_in_files([radicale["password"], openerp["password"]], check)
        finally:
            riva.run("agent", "stop")
    print(f"{checks['passed']} passed, {checks['failed']} failed")
    sys.exit(bool(checks["failed"]))


if __name__ == "__main__":
    main()
