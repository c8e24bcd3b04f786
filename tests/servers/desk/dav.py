"""The hands of people who work with Radicale or Xandikos: plain HTTP, with `icalendar` and `vobject`."""

import datetime as dt
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as tree

import icalendar
import vobject

from words import SECONDS, last_word

CALENDAR = "text/calendar; charset=utf-8"
KINDS = {"contact": ("contacts", "vcf", "text/vcard; charset=utf-8"), "event": ("calendar", "ics", CALENDAR),
         "task": ("tasks", "ics", CALENDAR)}


class Dav:
    """The homes of a DAV server, as whoever may reach all of them."""

    def __init__(self, server):
        self.base = server["url"].rstrip("/")
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, self.base, server["account"], server["password"], is_authenticated=True)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPBasicAuthHandler(passwords))

    def send(self, method, path, body=None, **headers):
        request = urllib.request.Request(self.base + path, body.encode() if body else None, headers, method=method)
        with self.opener.open(request, timeout=60) as answer:
            return answer.read().decode(), answer.headers

    def hire(self, user):
        """A home, a calendar, a list of tasks and an address book."""
        spaces = 'xmlns="DAV:" xmlns:k="urn:ietf:params:xml:ns:carddav" xmlns:c="urn:ietf:params:xml:ns:caldav"'
        holds = '<c:supported-calendar-component-set><c:comp name="{}"/></c:supported-calendar-component-set>'
        book = "<resourcetype><collection/><k:addressbook/></resourcetype>"
        def make(method, root, name, properties):
            properties += f"<displayname>{name}</displayname>"
            body = f"<{root} {spaces}><set><prop>{properties}</prop></set></{root}>"
            self.send(method, f"/{user}/{name.lower()}/", body, **{"Content-Type": "application/xml"})
        self.send("MKCOL", f"/{user}/")
        # Xandikos hears what a calendar is for in MKCALENDAR alone.
        make("MKCALENDAR", "c:mkcalendar", "Calendar", holds.format("VEVENT"))
        make("MKCALENDAR", "c:mkcalendar", "Tasks", holds.format("VTODO"))
        make("MKCOL", "mkcol", "Contacts", book)

    def folder(self, user, kind):
        return f"/{user}/{KINDS[kind][0]}/"

    def all(self, user, kind):
        """Path and content of everything."""
        query = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
        folder = self.folder(user, kind)
        text, _ = self.send("PROPFIND", folder, query, Depth="1", **{"Content-Type": "application/xml"})
        paths = {href.text.strip() for href in tree.fromstring(text).iter("{DAV:}href")}
        paths = {urllib.parse.urlsplit(path).path for path in paths}
        return {path: self.send("GET", path)[0] for path in sorted(paths) if not path.endswith("/")}

    def show(self, user, kind):
        return [[path, READ[kind](text)] for path, text in self.all(user, kind).items()]

    def zone(self, user, text):
        """The calendar is one of a zone: the text of a VTIMEZONE in a calendar."""
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        body = ('<propertyupdate xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><set><prop><c:calendar-timezone>'
                f"{escaped}</c:calendar-timezone></prop></set></propertyupdate>")
        self.send("PROPPATCH", self.folder(user, "event"), body, **{"Content-Type": "application/xml"})

    def put_text(self, user, kind, name, text):
        """A resource as it is, or none."""
        path = self.folder(user, kind) + name
        if text is None:
            self.send("DELETE", path)
        else:
            self.put(path, kind, text)

    def texts(self, user, kind):
        return {path.rsplit("/", 1)[-1]: text for path, text in self.all(user, kind).items()}

    def put(self, path, kind, text, **headers):
        self.send("PUT", path, text, **{"Content-Type": KINDS[kind][2]}, **headers)

    def make(self, user, kind, thing, uid_of=None):
        uid = f"{thing['name']}-{uuid.uuid4()}"
        name = urllib.parse.quote(f"{uid}.{KINDS[kind][1]}")
        if uid_of:
            uid = uid_in(self.send("GET", uid_of)[0])
        text = SAVED[kind](NEW[kind](uid), thing)
        self.put(self.folder(user, kind) + name, kind, text, **{"If-None-Match": "*"})

    def save(self, kind, path, thing):
        """As a client saves it that shows these fields: the rest stays as it is."""
        text, headers = self.send("GET", path)
        self.put(path, kind, SAVED[kind](text, thing), **{"If-Match": headers["ETag"]})

    def delete(self, path):
        self.send("DELETE", path)

    def move(self, kind, path):
        to = f"{path.rsplit('/', 1)[0]}/moved-{uuid.uuid4()}.{KINDS[kind][1]}"
        try:
            self.send("MOVE", path, Destination=self.base + to, Overwrite="F")
        except urllib.error.HTTPError as error:
            # Xandikos takes an event or a task that moves for a second one with its UID: clients then take it out and put it back.
            if error.code != 412:
                raise
            text, _ = self.send("GET", path)
            self.send("DELETE", path)
            self.put(to, kind, text, **{"If-None-Match": "*"})

    def other_uid(self, kind, path):
        text, headers = self.send("GET", path)
        self.put(path, kind, text.replace(uid_in(text), f"other-{uuid.uuid4()}"), **{"If-Match": headers["ETag"]})


def unfolded(text):
    return text.replace("\r\n ", "").replace("\n ", "").replace("\r\n", "\n")


def uid_in(text):
    return next(line for line in unfolded(text).split("\n") if line.startswith("UID:"))[4:].strip()


def stamp():
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def set_card(card, name, value):
    for old in list(card.contents.get(name, [])):
        card.remove(old)
    if value:
        card.add(name).value = value


def new_card(uid):
    card = vobject.vCard()
    card.add("uid").value = uid
    return card.serialize(validate=False)


def saved_card(text, thing):
    card = vobject.readOne(text)
    set_card(card, "fn", f"{thing['name']} Vale")
    set_card(card, "n", vobject.vcard.Name(family="Vale", given=thing["name"]))
    set_card(card, "email", thing["address"])
    set_card(card, "title", thing["extra"])
    set_card(card, "note", thing["note"])
    set_card(card, "rev", stamp().strftime("%Y%m%dT%H%M%SZ"))
    return card.serialize()


def read_card(text):
    card = vobject.readOne(text)
    first = lambda name: str(card.contents[name][0].value).strip() if name in card.contents else ""
    return {"name": card.n.value.given, "address": first("email"), "extra": first("title"), "note": first("note")}


def new_component(component, uid):
    component.add("uid", uid)
    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//people//EN")
    calendar.add_component(component)
    return calendar.to_ical().decode()


def saved_component(text, name, values):
    calendar = icalendar.Calendar.from_ical(text)
    (component,) = calendar.walk(name)
    for name, value in {**values, "dtstamp": stamp(), "last-modified": stamp()}.items():
        component.pop(name, None)
        if value:
            component.add(name, value)
    # Clients count what they save.
    component.add("sequence", int(component.pop("sequence", 0)) + 1)
    return calendar.to_ical().decode()


def saved_event(text, thing):
    start = dt.datetime.combine(dt.date.fromisoformat(thing["day"]), dt.time(9), dt.UTC)
    return saved_component(text, "VEVENT", {
        "summary": f"Visit {thing['name']}", "location": thing["extra"], "description": thing["note"], "dtstart": start,
        "dtend": start + dt.timedelta(hours=1)})


def saved_task(text, thing):
    done = thing["extra"] == "done"
    return saved_component(text, "VTODO", {
        "summary": f"Call {thing['name']}", "description": thing["note"], "due": dt.date.fromisoformat(thing["day"]),
        "status": "COMPLETED" if done else "NEEDS-ACTION", "completed": stamp() if done else None,
        "percent-complete": 100 if done else None})


def read_event(text):
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    at = lambda name: event[name].dt.astimezone(dt.UTC).strftime(SECONDS)
    return {"name": last_word(event.get("summary")), "starts": at("dtstart"), "ends": at("dtend"),
            "extra": str(event.get("location", "")).strip(), "note": str(event.get("description", "")).strip()}


def read_task(text):
    (task,) = icalendar.Calendar.from_ical(text).walk("VTODO")
    status = str(task.get("status", "NEEDS-ACTION"))
    extra = {"NEEDS-ACTION": "", "COMPLETED": "done"}.get(status, status)
    return {"name": last_word(task.get("summary")), "due": str(task["due"].dt) if "due" in task else "", "extra": extra,
            "note": str(task.get("description", "")).strip()}


NEW = {"contact": new_card, "event": lambda uid: new_component(icalendar.Event(), uid),
       "task": lambda uid: new_component(icalendar.Todo(), uid)}
SAVED = {"contact": saved_card, "event": saved_event, "task": saved_task}
READ = {"contact": read_card, "event": read_event, "task": read_task}
