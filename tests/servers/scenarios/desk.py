"""The hands of people who work with Radicale or Xandikos, and with OpenERP 7: by plain HTTP with `icalendar` and `vobject`, and
by XML-RPC. Nothing of Riva's is used, so that what its connectors get wrong shows.

Reads a JSON object a line, answers a line each: {"done": ...} or {"failed": ...}.
"""

import datetime as dt
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as tree
import xmlrpc.client

import icalendar
import vobject

SECONDS = "%Y-%m-%d %H:%M:%S"
KINDS = {"contact": ("contacts", "vcf", "text/vcard; charset=utf-8"),
         "event": ("calendar", "ics", "text/calendar; charset=utf-8")}


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
        """A home, a calendar and an address book."""
        collection = "<resourcetype><collection/>{}</resourcetype><displayname>{}</displayname>"
        def make(path, kind, name):
            body = ('<mkcol xmlns="DAV:" xmlns:k="urn:ietf:params:xml:ns:carddav" xmlns:c="urn:ietf:params:xml:ns:caldav">'
                    f"<set><prop>{collection.format(kind, name)}</prop></set></mkcol>")
            self.send("MKCOL", path, body, **{"Content-Type": "application/xml"})
        self.send("MKCOL", f"/{user}/")
        make(f"/{user}/calendar/", "<c:calendar/>", "Calendar")
        make(f"/{user}/contacts/", "<k:addressbook/>", "Contacts")

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
        read = read_card if kind == "contact" else read_event
        return [[path, read(text)] for path, text in self.all(user, kind).items()]

    def put(self, path, kind, text, **headers):
        self.send("PUT", path, text, **{"Content-Type": KINDS[kind][2]}, **headers)

    def make(self, user, kind, thing, uid_of=None):
        uid = f"{thing['name']}-{uuid.uuid4()}"
        name = urllib.parse.quote(f"{uid}.{KINDS[kind][1]}")
        if uid_of:
            uid = uid_in(self.send("GET", uid_of)[0])
        text = new_card(uid, thing) if kind == "contact" else new_event(uid, thing)
        self.put(self.folder(user, kind) + name, kind, text, **{"If-None-Match": "*"})

    def save(self, kind, path, thing):
        """As a client saves it that shows these fields: the rest stays as it is."""
        text, headers = self.send("GET", path)
        text = saved_card(text, thing) if kind == "contact" else saved_event(text, thing)
        self.put(path, kind, text, **{"If-Match": headers["ETag"]})

    def delete(self, path):
        self.send("DELETE", path)

    def move(self, kind, path):
        to = f"{path.rsplit('/', 1)[0]}/moved-{uuid.uuid4()}.{KINDS[kind][1]}"
        try:
            self.send("MOVE", path, Destination=self.base + to, Overwrite="F")
        except urllib.error.HTTPError as error:
            # Xandikos takes an event that moves for a second one with its UID: clients then take it out and put it back.
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


def new_card(uid, thing):
    card = vobject.vCard()
    card.add("uid").value = uid
    return saved_card(card.serialize(validate=False), thing)


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


def new_event(uid, thing):
    event = icalendar.Event()
    event.add("uid", uid)
    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//people//EN")
    calendar.add_component(event)
    return saved_event(calendar.to_ical().decode(), thing)


def saved_event(text, thing):
    calendar = icalendar.Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    day = dt.date.fromisoformat(thing["day"])
    start = dt.datetime.combine(day, dt.time(9), dt.UTC)
    values = {"summary": f"Visit {thing['name']}", "location": thing["extra"], "description": thing["note"],
              "dtstart": start, "dtend": start + dt.timedelta(hours=1), "dtstamp": stamp(), "last-modified": stamp()}
    for name, value in values.items():
        event.pop(name, None)
        if value:
            event.add(name, value)
    # Clients count what they save.
    sequence = int(event.pop("sequence", 0))
    event.add("sequence", sequence + 1)
    return calendar.to_ical().decode()


def read_event(text):
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    at = lambda name: event[name].dt.astimezone(dt.UTC).strftime(SECONDS)
    return {"name": last_word(event.get("summary")), "starts": at("dtstart"), "ends": at("dtend"),
            "extra": str(event.get("location", "")).strip(), "note": str(event.get("description", "")).strip()}


def last_word(text):
    return str(text or "").strip().rsplit(" ", 1)[-1]


class OpenErp:
    """The database as its administrator sees it, on behalf of a user."""

    MODELS = {"contact": "res.partner", "event": "crm.meeting"}

    def __init__(self, server):
        self.database = server["database"]
        self.api = xmlrpc.client.ServerProxy(server["url"] + "/xmlrpc/object", allow_none=True)
        self.login, self.password = server["admin"]["login"], server["admin"]["password"]
        common = xmlrpc.client.ServerProxy(server["url"] + "/xmlrpc/common", allow_none=True)
        self.uid = common.login(self.database, self.login, self.password)
        self.users = {}

    def call(self, model, method, *args):
        return self.api.execute(self.database, self.uid, self.password, model, method, *args)

    def hire(self, address):
        if self.call("res.users", "search", [("email", "=", address)]):
            return
        group = lambda module, name: self.call("ir.model.data", "get_object_reference", module, name)[1]
        groups = [group("base", n) for n in ("group_user", "group_sale_salesman", "group_partner_manager")]
        self.call("res.users", "create", {"name": address, "login": address, "email": address, "password": "x",
                                          "image": False, "tz": "Europe/Berlin", "groups_id": [(6, 0, groups)]})

    def user(self, address):
        if address not in self.users:
            (self.users[address],) = self.call("res.users", "search", [("email", "=", address)])
        return self.users[address]

    def values(self, kind, thing):
        if kind == "contact":
            return {"name": f"{thing['name']} Vale", "email": thing["address"], "function": thing["extra"] or False,
                    "comment": thing["note"] or False}
        start = dt.datetime.combine(dt.date.fromisoformat(thing["day"]), dt.time(9))
        return {"name": f"Visit {thing['name']}", "date": start.strftime(SECONDS), "duration": 1.0,
                "date_deadline": (start + dt.timedelta(hours=1)).strftime(SECONDS),
                "location": thing["extra"] or False, "description": thing["note"] or False}

    def make(self, address, kind, thing):
        more = {"image": False} if kind == "contact" else {}
        self.call(self.MODELS[kind], "create", {**self.values(kind, thing), **more, "user_id": self.user(address)})

    def save(self, kind, record, thing):
        self.call(self.MODELS[kind], "write", [int(record)], self.values(kind, thing))

    def delete(self, kind, record):
        self.call(self.MODELS[kind], "unlink", [int(record)])

    def show(self, address, kind):
        model = self.MODELS[kind]
        ids = self.call(model, "search", [("user_id", "=", self.user(address))], 0, 0, "id", {"virtual_id": False})
        columns = {"contact": ["name", "email", "function", "comment"],
                   "event": ["name", "date", "date_deadline", "location", "description"]}[kind]
        rows = self.call(model, "read", ids, columns, {"virtual_id": False})
        return [[str(row["id"]), self.thing(kind, row)] for row in rows]

    @staticmethod
    def thing(kind, row):
        text = lambda name: (row[name] or "").strip()
        if kind == "contact":
            return {"name": text("name").removesuffix(" Vale"), "address": text("email"), "extra": text("function"),
                    "note": text("comment")}
        return {"name": last_word(text("name")), "starts": row["date"], "ends": row["date_deadline"],
                "extra": text("location"), "note": text("description")}

    def mails(self):
        return len(self.call("mail.mail", "search", []))


def answer(dav, erp, what):
    deed, kind, side = what["do"], what.get("kind"), what.get("side")
    address, thing, item = what.get("address"), what.get("thing"), what.get("id")
    user = urllib.parse.quote((address or "").split("@")[0])
    match deed, side:
        case "hire", _:
            dav.hire(user)
            return erp.hire(address)
        case "mails", _:
            return erp.mails()
        case "show", "mail":
            return dav.show(user, kind)
        case "show", "crm":
            return erp.show(address, kind)
        case "make", "mail":
            return dav.make(user, kind, thing, what.get("uid_of"))
        case "make", "crm":
            return erp.make(address, kind, thing)
        case "save", "mail":
            return dav.save(kind, item, thing)
        case "save", "crm":
            return erp.save(kind, item, thing)
        case "delete", "mail":
            return dav.delete(item)
        case "delete", "crm":
            return erp.delete(kind, item)
        case "move", "mail":
            return dav.move(kind, item)
        case "other-uid", "mail":
            return dav.other_uid(kind, item)
    raise ValueError(f"nobody does this: {what}")


def told(error):
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}: {error.read()[:500]!r}"
    return f"{type(error).__name__}: {error}"


def main():
    dav, erp = Dav(json.loads(sys.argv[1])), OpenErp(json.loads(sys.argv[2]))
    for line in sys.stdin:
        what = json.loads(line)
        try:
            reply = {"done": answer(dav, erp, what)}
        except Exception as error:  # whatever it is, the test tells it
            reply = {"failed": f"{what['do']} in the {what.get('side')}: {told(error)}"}
        print(json.dumps(reply), flush=True)


main()
