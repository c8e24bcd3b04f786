"""exchangelib against the sandbox's Exchange: one line for each check, "ok …" or "FAILED …"."""

import datetime as dt
import json
import os
import re
import subprocess
import sys
import tomllib
import traceback
import urllib.request
from decimal import Decimal
from zoneinfo import ZoneInfo

from exchangelib import (DELEGATE, IMPERSONATION, Account, Attendee, Body, CalendarItem, Configuration, Contact,
                         Credentials, EWSDate, EWSDateTime, EWSTimeZone, ExtendedProperty, FolderCollection, HTMLBody,
                         Mailbox, Message, Q, Task)
from exchangelib.autodiscover import Autodiscovery, clear_cache
from exchangelib.errors import (AutoDiscoverFailed, ErrorFolderExists, ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange,
                                ErrorCalendarOccurrenceIsDeletedFromRecurrence, ErrorOccurrenceCrossingBoundary,
                                ErrorFolderNotFound, ErrorImpersonateUserDenied,
                                ErrorItemNotFound, ErrorNameResolutionNoResults, ErrorNonExistentMailbox,
                                ErrorServerBusy, ErrorIrresolvableConflict, UnauthorizedError)
from exchangelib.folders import Folder
from exchangelib.indexed_properties import EmailAddress, PhoneNumber, PhysicalAddress
from exchangelib.recurrence import (AbsoluteMonthlyPattern, AbsoluteYearlyPattern, DailyPattern, Recurrence,
                                    RelativeMonthlyPattern, RelativeYearlyPattern, WeeklyPattern)
from exchangelib.transport import BASIC

URL = os.environ["EXCHANGE_URL"]
with open(os.environ["COMPANY"], "rb") as file:
    COMPANY = tomllib.load(file)
PEOPLE = {p["name"]: p for p in COMPANY["person"]}
ANN = COMPANY["person"][0]
SERVICE = Credentials(COMPANY["exchange"]["account"], COMPANY["exchange"]["password"])
BERLIN = EWSTimeZone("Europe/Berlin")
failed = 0


class SyncMarker(ExtendedProperty):
    property_set_id = "6d2f4c8e-8b1c-4f6e-9a57-0c3d5c7f1a20"
    property_name = "JudgeMarker"
    property_type = "String"


for kind in (Contact, CalendarItem, Task):
    kind.register("judge_marker", SyncMarker)


def control(path, body=None):
    request = urllib.request.Request(f"{URL}/_sandbox/exchange/{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def contact_in(folder, **fields):
    """A contact; exchangelib asks for a display name, Exchange does not."""
    fields.setdefault("display_name", fields.get("given_name"))
    return Contact(folder=folder, **fields)


def account(person, access=IMPERSONATION, credentials=SERVICE):
    config = Configuration(service_endpoint=f"{URL}/EWS/Exchange.asmx", credentials=credentials, auth_type=BASIC)
    return Account(person["address"], config=config, access_type=access, autodiscover=False, default_timezone=BERLIN)


def check(name):
    def run(work):
        global failed
        try:
            work()
            print(f"ok {name}")
        except Exception as error:  # every failure is a finding
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}")
            traceback.print_exc(file=sys.stderr)
    return run


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def refuses(error, work):
    try:
        work()
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected")


def autodiscovery():
    """exchangelib's own discovery, with its first step sent to the sandbox instead of to https://DOMAIN/."""
    Autodiscovery._ensure_valid_hostname = lambda self, url: None

    def step_1(self, hostname):
        valid, answer = self._attempt_response(url=f"{URL}/{self.URL_PATH}")
        return self._step_5(ad=answer) if valid else self._step_6()

    Autodiscovery._step_1 = step_1


@check("autodiscover finds the EWS URL of an impersonated account")
def _():
    autodiscovery()
    found = Account(ANN["address"], credentials=SERVICE, autodiscover=True, access_type=IMPERSONATION)
    equal(found.protocol.service_endpoint, f"{URL}/EWS/Exchange.asmx")
    equal(found.primary_smtp_address, ANN["address"])
    assert found.contacts.total_count >= 0


@check("autodiscover refuses an address that nobody has")
def _():
    clear_cache()
    refuses((ErrorNonExistentMailbox, AutoDiscoverFailed),
            lambda: Account("nobody@northwind-demo.example", credentials=SERVICE, autodiscover=True))


ann = account(ANN)


@check("contacts of the company file are all there, with their values")
def _():
    expect = {(c.get("given", ""), c.get("family", "")): c for c in ANN["contact"] if c.get("in_mail", True)}
    seen = {(c.given_name or "", c.surname or ""): c for c in ann.contacts.all()}
    equal(sorted(seen), sorted(expect))
    for key, wanted in expect.items():
        got = seen[key]
        equal(got.company_name or "", wanted.get("company", ""))
        equal([e.email for e in got.email_addresses or []], wanted.get("emails", [])[:3])
        # Lines in a mailbox end with CR LF.
        equal((got.body or "").strip().replace("\r\n", "\n"), wanted.get("notes", "").strip())


@check("a contact is created, read, changed in part, and deleted")
def _():
    contact = contact_in(ann.contacts, given_name="Märta", surname="Öberg <& Söner>", company_name="Öberg AB",
                      email_addresses=[EmailAddress(label="EmailAddress1", email="marta@oberg.example")],
                      phone_numbers=[PhoneNumber(label="MobilePhone", phone_number="+46 70 1")],
                      physical_addresses=[PhysicalAddress(label="Business", street="Storgatan 1\n2 tr", city="Umeå",
                                                          state="AC", country="Sweden", zipcode="903 26")],
                      body=Body("Line one\nLine two"), categories=["Red", "Blue"], birthday=EWSDate(1980, 5, 17),
                      judge_marker="marker-1")
    contact.save()
    got = ann.contacts.get(id=contact.id)
    for field in ("given_name", "surname", "company_name", "categories", "birthday", "judge_marker"):
        equal(getattr(got, field), getattr(contact, field))
    equal(got.body.replace("\r\n", "\n"), "Line one\nLine two")
    equal((got.physical_addresses[0].city, got.physical_addresses[0].zipcode), ("Umeå", "903 26"))
    before = got.changekey
    got.given_name = "Maria"
    got.phone_numbers = [PhoneNumber(label="BusinessPhone", phone_number="+46 8 2")]
    got.save(update_fields=["given_name", "phone_numbers"])
    assert got.changekey != before
    again = ann.contacts.get(id=contact.id)
    equal(again.given_name, "Maria")
    equal([(p.label, p.phone_number) for p in again.phone_numbers], [("BusinessPhone", "+46 8 2")])
    equal(again.surname, "Öberg <& Söner>")
    again.move_to_trash()
    refuses(ErrorItemNotFound, lambda: ann.contacts.get(id=contact.id) and ann.fetch([(contact.id, None)]).__next__().id)
    in_bin = [i for i in ann.trash.all() if getattr(i, "given_name", None) == "Maria"]
    equal(len(in_bin), 1)
    assert in_bin[0].id != contact.id
    in_bin[0].delete()


@check("items are found by an extended property, in contacts and in Deleted Items")
def _():
    made = [contact_in(ann.contacts, given_name=f"M{n}", judge_marker=f"find-{n}").save() for n in range(3)]
    equal([c.given_name for c in ann.contacts.filter(judge_marker="find-1")], ["M1"])
    either = ann.contacts.filter(Q(judge_marker="find-0") | Q(judge_marker="find-2")).order_by("given_name")
    equal([c.given_name for c in either], ["M0", "M2"])
    made[0].move_to_trash()
    both = FolderCollection(account=ann, folders=[ann.contacts, ann.trash]).filter(judge_marker="find-0")
    equal(len(list(both)), 1)
    ann.bulk_delete(ids=[made[1], made[2]])
    equal(ann.contacts.filter(judge_marker__startswith="find-").count(), 0)


@check("a conflict is refused where the client says NeverOverwrite")
def _():
    contact = contact_in(ann.contacts, given_name="Conflict").save()
    control("edit", {"do": "update", "user": ANN["address"], "id": contact.id, "fields": {"GivenName": "Theirs"}})
    contact.given_name = "Ours"
    results = ann.bulk_update(items=[(contact, ["given_name"])], conflict_resolution="AutoResolve")
    equal(len(results), 1)
    control("edit", {"do": "update", "user": ANN["address"], "id": contact.id, "fields": {"GivenName": "Theirs"}})
    contact.given_name = "Ours again"
    refuses(ErrorIrresolvableConflict,
            lambda: ann.bulk_update(items=[(contact, ["given_name"])], conflict_resolution="NeverOverwrite"))
    equal(ann.contacts.get(id=contact.id).given_name, "Theirs")
    ann.contacts.get(id=contact.id).delete()


@check("an event keeps instant, zone, attendees and text, and mails nobody with SendToNone")
def _():
    control("reset", {})
    start = EWSDateTime(2026, 12, 1, 9, 30, tzinfo=BERLIN)
    event = CalendarItem(folder=ann.calendar, subject="Judge", start=start, end=start + dt.timedelta(minutes=45),
                         location="Room 1", body=Body("Agenda\nTwo"), legacy_free_busy_status="Tentative",
                         reminder_is_set=True, reminder_minutes_before_start=30, judge_marker="event-1",
                         required_attendees=[Attendee(mailbox=Mailbox(email_address="carl@ek.example"))])
    event.save(send_meeting_invitations="SendToNone")
    got = ann.calendar.get(id=event.id)
    equal((got.start, got.end), (start, start + dt.timedelta(minutes=45)))
    equal((got._start_timezone, got.location, got.legacy_free_busy_status), (BERLIN, "Room 1", "Tentative"))
    equal([a.mailbox.email_address for a in got.required_attendees], ["carl@ek.example"])
    equal(got.organizer.email_address, ANN["address"])
    equal((got.is_meeting, got.meeting_request_was_sent, got.reminder_minutes_before_start), (True, False, 30))
    assert got.uid
    got.subject = "Judge 2"
    got.save(update_fields=["subject"], send_meeting_invitations="SendToNone")
    got.delete(send_meeting_cancellations="SendToNone")
    equal(control("counters")["mails"], {})


@check("mails that would go out are counted: invitation, update, cancellation")
def _():
    control("reset", {})
    start = EWSDateTime(2026, 12, 2, 9, 30, tzinfo=BERLIN)
    event = CalendarItem(folder=ann.calendar, subject="Loud", start=start, end=start + dt.timedelta(hours=1),
                         required_attendees=["a@x.example", "b@x.example"])
    event.save(send_meeting_invitations="SendToAllAndSaveCopy")
    event.location = "Elsewhere"
    event.save(update_fields=["location"], send_meeting_invitations="SendToAllAndSaveCopy")
    event.delete(send_meeting_cancellations="SendToAllAndSaveCopy")
    equal(control("counters")["mails"], {"cancellation": 2, "invitation": 2, "update": 2})
    Message(account=ann, subject="Hi", body="x", to_recipients=["c@x.example"]).send()
    equal(control("counters")["mails"]["message"], 1)


@check("whole days come back as the same days")
def _():
    day = EWSDate(2026, 12, 24)
    event = CalendarItem(folder=ann.calendar, subject="Eve", start=day, end=day, is_all_day=True)
    event.save(send_meeting_invitations="SendToNone")
    got = ann.calendar.get(id=event.id)
    equal((got.is_all_day, got.start, got.end), (True, day, day))
    got.delete(send_meeting_cancellations="SendToNone")


@check("a series is one master in a search and its occurrences in a view, over the change of clocks")
def _():
    start = EWSDateTime(2027, 3, 22, 8, 0, tzinfo=BERLIN)
    series = CalendarItem(folder=ann.calendar, subject="Series", start=start, end=start + dt.timedelta(hours=1),
                          recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]),
                                                start=EWSDate(2027, 3, 22), number=3))
    series.save(send_meeting_invitations="SendToNone")
    masters = list(ann.calendar.filter(subject="Series"))
    equal([m.type for m in masters], ["RecurringMaster"])
    equal(masters[0].last_occurrence.start.astimezone(ZoneInfo("UTC")).isoformat(), "2027-04-05T06:00:00+00:00")
    view = [e for e in ann.calendar.view(start=EWSDateTime(2027, 3, 1, tzinfo=BERLIN),
                                         end=EWSDateTime(2027, 4, 30, tzinfo=BERLIN)) if e.subject == "Series"]
    equal([e.start.astimezone(BERLIN).hour for e in view], [8, 8, 8])
    equal({e.type for e in view}, {"Occurrence"})
    masters[0].delete(send_meeting_cancellations="SendToNone")


@check("one occurrence is changed, one moved, one deleted; view and master tell of it")
def _():
    control("reset", {})
    start = EWSDateTime(2027, 5, 3, 9, 0, tzinfo=BERLIN)
    series = CalendarItem(folder=ann.calendar, subject="Jour fixe", start=start, end=start + dt.timedelta(hours=1),
                          required_attendees=["x@y.example"],
                          recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]),
                                                start=EWSDate(2027, 5, 3), number=5))
    series.save(send_meeting_invitations="SendToNone")
    second = series.occurrence(index=2)
    second.refresh()
    second.subject = "Other"
    second.save(update_fields=["subject"], send_meeting_invitations="SendToNone")
    series.refresh()
    third = series.occurrence(index=3)
    third.refresh()
    third.start += dt.timedelta(days=1)
    third.end += dt.timedelta(days=1)
    third.save(update_fields=["start", "end"], send_meeting_invitations="SendToNone")
    series.refresh()
    fourth = series.occurrence(index=4)
    fourth.refresh()
    fourth.delete(send_meeting_cancellations="SendToNone")
    series.refresh()
    equal([o.original_start.astimezone(BERLIN).day for o in series.modified_occurrences], [10, 17])
    equal([o.start.astimezone(BERLIN).day for o in series.deleted_occurrences], [24])
    view = [e for e in ann.calendar.view(start=EWSDateTime(2027, 5, 1, tzinfo=BERLIN),
                                         end=EWSDateTime(2027, 6, 30, tzinfo=BERLIN)) if e.uid == series.uid]
    equal([(e.start.astimezone(BERLIN).day, e.type, e.subject) for e in view],
          [(3, "Occurrence", "Jour fixe"), (10, "Exception", "Other"), (18, "Exception", "Jour fixe"),
           (31, "Occurrence", "Jour fixe")])
    master = second.recurring_master()
    master.refresh()
    equal((master.type, master.uid), ("RecurringMaster", series.uid))
    refuses(ErrorCalendarOccurrenceIsDeletedFromRecurrence, series.occurrence(index=4).refresh)
    refuses(ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange, series.occurrence(index=6).refresh)
    last = series.occurrence(index=5)
    last.refresh()
    last.start -= dt.timedelta(days=13)
    last.end -= dt.timedelta(days=13)
    refuses(ErrorOccurrenceCrossingBoundary,
            lambda: last.save(update_fields=["start", "end"], send_meeting_invitations="SendToNone"))
    equal(control("counters")["mails"], {})
    first = series.occurrence(index=1)
    first.refresh()
    first.delete(send_meeting_cancellations="SendToAllAndSaveCopy")
    equal(control("counters")["mails"], {"cancellation": 1})
    series.refresh()
    series.recurrence = Recurrence(pattern=WeeklyPattern(interval=2, weekdays=["Monday"]), start=EWSDate(2027, 5, 3), number=3)
    series.save(update_fields=["recurrence"], send_meeting_invitations="SendToNone")
    series.refresh()
    equal((series.modified_occurrences, series.deleted_occurrences), (None, None))
    series.delete(send_meeting_cancellations="SendToNone")


def riva(mode, subject):
    """Riva's own connector on the same mailbox."""
    account = COMPANY["exchange"]
    command = [os.environ["RIVA_EWS_CLIENT"], mode, f"{URL}/EWS/Exchange.asmx", os.environ["REQUESTS_CA_BUNDLE"],
               account["account"], account["password"], ANN["address"], subject]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if mode == "read" else None


@check("Riva reads the series that exchangelib wrote, and exchangelib the one that Riva wrote")
def _():
    control("reset", {})
    start = EWSDateTime(2027, 5, 3, 9, 0, tzinfo=BERLIN)
    series = CalendarItem(folder=ann.calendar, subject="From exchangelib", start=start, end=start + dt.timedelta(hours=1),
                          recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]),
                                                start=EWSDate(2027, 5, 3), number=5))
    series.save(send_meeting_invitations="SendToNone")
    second = series.occurrence(index=2)
    second.refresh()
    second.location = "Elsewhere"
    second.save(update_fields=["location"], send_meeting_invitations="SendToNone")
    third = series.occurrence(index=3)
    third.refresh()
    third.delete(send_meeting_cancellations="SendToNone")
    fields = riva("read", "From exchangelib")["fields"]
    text = json.dumps(fields["overrides"])
    assert set(re.findall(r"2027-05-[0-9]{2}T09:00:00", text)) == {"2027-05-10T09:00:00", "2027-05-17T09:00:00"}, text
    assert "Elsewhere" in text and "cancelled" in text, text
    assert '"weekly"' in json.dumps(fields["recurrence"]), fields["recurrence"]
    riva("write", "From Riva")
    view = ann.calendar.view(start=EWSDateTime(2027, 6, 1, tzinfo=BERLIN), end=EWSDateTime(2027, 8, 1, tzinfo=BERLIN))
    equal([(e.start.astimezone(BERLIN).strftime("%m-%d %H:%M"), e.type, e.subject) for e in view
           if (e.subject or "").startswith("From Riva")],
          [("06-07 09:00", "Occurrence", "From Riva"), ("06-14 09:00", "Exception", "From Riva, too"),
           ("06-22 09:00", "Exception", "From Riva"), ("07-05 09:00", "Occurrence", "From Riva")])
    equal(control("counters")["mails"], {})
    for subject in ("From exchangelib", "From Riva"):
        for master in ann.calendar.filter(subject=subject):
            master.delete(send_meeting_cancellations="SendToNone")


@check("each kind of pattern is kept, and expands as it should")
def _():
    def days(pattern, start, number):
        day = EWSDateTime(*start, 9, 0, tzinfo=BERLIN)
        event = CalendarItem(folder=ann.calendar, subject="Pattern", start=day, end=day + dt.timedelta(minutes=30),
                             recurrence=Recurrence(pattern=pattern, start=EWSDate(*start), number=number))
        event.save(send_meeting_invitations="SendToNone")
        event.refresh()
        equal(event.recurrence.pattern, pattern)
        found = []
        for year in (0, 2):
            end = EWSDateTime(start[0] + year + 2, 1, 1, tzinfo=BERLIN)
            view = ann.calendar.view(start=EWSDateTime(start[0] + year, 1, 1, tzinfo=BERLIN), end=end)
            found += [e.start.astimezone(BERLIN).date().isoformat() for e in view if e.uid == event.uid]
        event.delete(send_meeting_cancellations="SendToNone")
        return found
    equal(days(AbsoluteMonthlyPattern(interval=1, day_of_month=31), (2027, 1, 31), 3), ["2027-01-31", "2027-02-28", "2027-03-31"])
    equal(days(RelativeMonthlyPattern(interval=2, weekday="Friday", week_number="Last"), (2027, 1, 29), 3),
          ["2027-01-29", "2027-03-26", "2027-05-28"])
    equal(days(AbsoluteYearlyPattern(day_of_month=29, month=2), (2027, 2, 28), 2), ["2027-02-28", "2028-02-29"])
    equal(days(RelativeYearlyPattern(weekday="WeekendDay", week_number="First", month=5), (2027, 5, 1), 2), ["2027-05-01", "2028-05-06"])
    equal(days(DailyPattern(interval=3), (2027, 5, 1), 3), ["2027-05-01", "2027-05-04", "2027-05-07"])


@check("events of the company file are seen in a view")
def _():
    today = EWSDateTime.now(BERLIN)
    view = ann.calendar.view(start=today - dt.timedelta(days=60), end=today + dt.timedelta(days=420))
    subjects = {e.subject for e in view}
    wanted = {e["subject"] for e in ANN["event"] if e.get("in_mail", True) and -50 < e["day"] < 400}
    assert wanted <= subjects, wanted - subjects


@check("sync_items tells of what is new, changed and deleted, and of nothing twice")
def _():
    list(ann.calendar.sync_items())
    state = ann.calendar.item_sync_state
    start = EWSDateTime(2026, 12, 3, 9, 30, tzinfo=BERLIN)
    event = CalendarItem(folder=ann.calendar, subject="Synced", start=start, end=start + dt.timedelta(hours=1))
    event.save(send_meeting_invitations="SendToNone")
    changes = list(ann.calendar.sync_items(sync_state=state))
    equal([(kind, item.id) for kind, item in changes], [("create", event.id)])
    state = ann.calendar.item_sync_state
    equal(list(ann.calendar.sync_items(sync_state=state)), [])
    event.subject = "Synced 2"
    event.save(update_fields=["subject"], send_meeting_invitations="SendToNone")
    changes = list(ann.calendar.sync_items(sync_state=state))
    equal([(kind, item.subject) for kind, item in changes], [("update", "Synced 2")])
    state, gone = ann.calendar.item_sync_state, event.id
    event.delete(send_meeting_cancellations="SendToNone")
    changes = list(ann.calendar.sync_items(sync_state=state))
    equal([(kind, item.id) for kind, item in changes], [("delete", gone)])


@check("a sync in pages of one is complete")
def _():
    total = ann.contacts.total_count
    control("faults", {"page_size": 1})
    try:
        seen = [item.id for kind, item in account(ANN).contacts.sync_items()]
    finally:
        control("faults", {"page_size": 0})
    equal((len(seen), len(set(seen))), (total, total))


@check("folders are found, made, synced and deleted")
def _():
    names = {f.name for f in ann.msg_folder_root.walk()}
    assert {"Calendar", "Contacts", "Tasks", "Inbox", "Deleted Items"} <= names, names
    assert ann.contacts.effective_rights.create_contents
    from exchangelib.folders import Contacts
    folder = Contacts(parent=ann.contacts, name="Judge's folder")
    folder.save()
    contact_in(folder, given_name="Inside").save()
    equal(folder.all().count(), 1)
    folder.delete()
    assert list(ann.root.sync_hierarchy())


@check("tasks are created, completed and deleted")
def _():
    task = Task(folder=ann.tasks, subject="Do it", due_date=EWSDate(2026, 12, 5), start_date=EWSDate(2026, 12, 1),
                status="InProgress", percent_complete=Decimal(50))
    task.save()
    got = ann.tasks.get(id=task.id)
    equal((got.subject, got.due_date, got.status, got.percent_complete), ("Do it", EWSDate(2026, 12, 5), "InProgress", Decimal(50)))
    got.complete()
    again = ann.tasks.get(id=task.id)
    equal((again.status, again.is_complete, again.percent_complete), ("Completed", True, Decimal(100)))
    assert again.complete_date, "it is done since a day"
    again.status = "NotStarted"
    again.save(update_fields=["status"])
    again.refresh()
    equal((again.status, again.is_complete, again.percent_complete, again.complete_date),
          ("NotStarted", False, Decimal(0), None))
    again.delete()


@check("tasks of the company file are all there")
def _():
    wanted = {t["subject"] for t in ANN["task"] if t.get("in_mail", True)}
    seen = {t.subject: t for t in ann.tasks.all()}
    equal(set(seen), wanted)
    for task in ANN["task"]:
        if task.get("in_mail", True):
            got = seen[task["subject"]]
            equal(got.due_date is not None, "due" in task)
            equal(got.importance, task.get("priority", "normal").capitalize())


@check("messages of the company file lie in Inbox and Sent Items, with people, text and Message-ID")
def _():
    came = [m for m in ANN["message"] if "from" in m]
    went = [m for m in ANN["message"] if "from" not in m]
    equal({m.subject for m in ann.inbox.all()}, {m["subject"] for m in came})
    assert {m.subject for m in ann.sent.all()} >= {m["subject"] for m in went}, "besides what was sent before"
    for folder, seeds in ((ann.inbox, came), (ann.sent, went)):
        for seed in seeds:
            got = folder.get(subject=seed["subject"])
            equal(got.sender.email_address, seed.get("from", ANN["address"]))
            equal(got.author.email_address, seed.get("from", ANN["address"]))
            to = ([ANN["address"]] if "from" in seed else []) + seed.get("to", [])
            equal([r.email_address for r in got.to_recipients], to)
            equal([r.email_address for r in got.cc_recipients or []], seed.get("cc", []))
            equal(got.text_body.strip().replace("\r\n", "\n"), seed.get("body", "").strip())
            assert got.message_id.startswith("<") and got.message_id.endswith(">"), got.message_id
            equal((got.is_draft, got.sensitivity), (False, "Private" if seed.get("private") else "Normal"))
            equal(got.datetime_received.astimezone(ZoneInfo(ANN["zone"])).strftime("%H:%M"), seed["time"])


@check("a message is sent once, and has a Message-ID and a sender then")
def _():
    draft = Message(account=ann, folder=ann.drafts, subject="To send", body="Hello", to_recipients=["x@judge.example"])
    draft.save()
    got = ann.drafts.get(id=draft.id)
    equal((got.is_draft, got.message_id), (True, None))
    got.delete()
    before = control("counters")["mails"].get("message", 0)
    Message(account=ann, folder=ann.sent, subject="Sent", body="Hello", to_recipients=["x@judge.example"]).send_and_save()
    sent = ann.sent.get(subject="Sent")
    assert sent.message_id and sent.author.email_address == ANN["address"], sent
    equal((sent.is_draft, control("counters")["mails"]["message"]), (False, before + 1))
    sent.delete()


@check("a folder is made once; a message that is moved there is gone where it was")
def _():
    top = ann.root / "Top of Information Store"
    folder = Folder(parent=top, name="Judged")
    folder.save()
    refuses(ErrorFolderExists, lambda: Folder(parent=top, name="judged").save())
    inside = Folder(parent=folder, name="- Inside")
    inside.save()
    equal([f.name for f in folder.children], ["- Inside"])
    at = "2020-02-02T08:00:00Z"
    fields = {"Subject": "Moves", "From": ["x@judge.example"], "InternetMessageId": "<1@judge.example>"}
    control("edit", {"do": "deliver", "user": ANN["address"], "at": at, "fields": fields})
    list(ann.inbox.sync_items())
    message = ann.inbox.get(message_id="<1@judge.example>")
    equal(message.datetime_received, EWSDateTime(2020, 2, 2, 8, 0, tzinfo=EWSTimeZone("UTC")))
    old = message.id
    message.move(to_folder=inside)
    equal([m.message_id for m in inside.all()], ["<1@judge.example>"])
    gone = [change for change, what in ann.inbox.sync_items() if change == "delete" and what.id == old]
    equal(gone, ["delete"])
    inside.delete()
    folder.delete()


@check("HTML is kept, and shown as text where text is asked for")
def _():
    start = EWSDateTime(2026, 12, 4, 9, 30, tzinfo=BERLIN)
    event = CalendarItem(folder=ann.calendar, subject="Html", start=start, end=start + dt.timedelta(hours=1),
                         body=HTMLBody("<html><body><p>Hello <b>you</b></p></body></html>"))
    event.save(send_meeting_invitations="SendToNone")
    got = ann.calendar.get(id=event.id)
    assert isinstance(got.body, HTMLBody) and "<b>you</b>" in got.body, got.body
    equal(got.text_body.strip(), "Hello you")
    got.delete(send_meeting_cancellations="SendToNone")


@check("names are resolved: one, several, none")
def _():
    names = ann.protocol.resolve_names([ANN["address"]], return_full_contact_data=True)
    equal(names[0][0].email_address, ANN["address"])
    equal(names[0][1].given_name, ANN["given"])
    jones = ann.protocol.resolve_names(["Jones"])
    equal({m.name for m in jones}, {"David Jones", "Dai Jones"})
    none = ann.protocol.resolve_names(["zzz-nobody"])
    assert isinstance(none[0], ErrorNameResolutionNoResults), none


@check("time zones of the server are known to exchangelib")
def _():
    zones = {z.id for z in ann.protocol.get_timezones(return_full_timezone_data=True)}
    assert {"W. Europe Standard Time", "UTC", "Tokyo Standard Time"} <= zones


@check("a wrong password is refused")
def _():
    refuses(UnauthorizedError,
            lambda: account(ANN, credentials=Credentials(SERVICE.username, "wrong")).contacts.total_count)


@check("a user signs in with the own password, and a changed one is asked for")
def _():
    own = Credentials(ANN["address"], ANN["password"])
    assert account(ANN, access=DELEGATE, credentials=own).contacts.total_count > 0
    control("password", {"user": ANN["address"], "password": "another"})
    try:
        refuses(UnauthorizedError, lambda: account(ANN, access=DELEGATE, credentials=own).inbox.total_count)
    finally:
        control("password", {"user": ANN["address"], "password": ANN["password"]})


@check("no impersonation right, no mailbox, nobody, never opened: each its own refusal")
def _():
    refuses(ErrorImpersonateUserDenied, lambda: account(PEOPLE["Peter Novak"]).contacts)
    refuses(ErrorNonExistentMailbox, lambda: account(PEOPLE["Viktor Petrov"]).contacts)
    refuses(ErrorNonExistentMailbox, lambda: account({"address": "nobody@northwind-demo.example"}).contacts)
    refuses((ErrorItemNotFound, ErrorFolderNotFound), lambda: account(PEOPLE["Nora Lindqvist"]).contacts)


@check("delegate full access opens the one mailbox and not the other")
def _():
    assert account(PEOPLE["Hannah Fischer"], access=DELEGATE).contacts.total_count >= 0
    refuses((ErrorFolderNotFound, ErrorItemNotFound), lambda: account(PEOPLE["Peter Novak"], access=DELEGATE).contacts)


@check("a busy server says for how long")
def _():
    control("faults", {"throttle": 1, "back_off_ms": 4200})
    try:
        next(iter(ann.protocol.get_timezones()))
    except ErrorServerBusy as error:
        equal(error.back_off, 4.2)
    else:
        raise AssertionError("ErrorServerBusy was expected")


sys.exit(1 if failed else 0)
