"""Both sides as an outsider reads them: Radicale by HTTP and `icalendar`/`vobject`, OpenERP by XML-RPC."""

import base64
import datetime as dt
import re
import urllib.error
import urllib.request
import xmlrpc.client
import zoneinfo

import vobject

import sample

FOLDERS = {"events": "calendar", "cards": "contacts"}
TYPES = {"events": "text/calendar; charset=utf-8", "cards": "text/vcard; charset=utf-8"}


# OpenERP cuts a meeting's name at 128 bytes on some paths and 64 characters on others: compared by its beginning.
NAME = 40


def words(text):
    return " ".join((text or "").split())


class Mailbox:
    def __init__(self, server, user):
        self.base = f"{server['url'].rstrip('/')}/{user}/"
        login = next(u for u in server["users"] if u["name"] == user)
        self.auth = "Basic " + base64.b64encode(f"{login['name']}:{login['password']}".encode()).decode()

    def send(self, method, path, body=None, headers=None):
        request = urllib.request.Request(self.base + path, body, {"Authorization": self.auth, **(headers or {})},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def put(self, kind, name, text):
        return self.send("PUT", f"{FOLDERS[kind]}/{name}", text.encode(), {"Content-Type": TYPES[kind]})[0]

    def delete(self, kind, name):
        return self.send("DELETE", f"{FOLDERS[kind]}/{name}")[0]

    def resources(self, kind):
        _, listing = self.send("PROPFIND", f"{FOLDERS[kind]}/", b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>',
                               {"Depth": "1", "Content-Type": "application/xml"})
        for href in re.findall(r"<(?:\w+:)?href>([^<]+)</", listing):
            name = href.rsplit("/", 1)[-1]
            if name:
                yield name, self.send("GET", f"{FOLDERS[kind]}/{name}")[1]

    def find(self, kind, text):
        return next((body for _, body in self.resources(kind) if text in re.sub(r"\r?\n[ \t]", "", body)), None)

    def all(self, kind, excused=()):
        """By name; the occurrences of a series, as an outside library expands it, each as `name#RECURRENCE-ID`."""
        if kind == "cards":
            return {name: parse_card(body) for name, body in self.resources(kind)}
        found = {}
        for name, body in self.resources(kind):
            if name in excused:
                continue
            if sample.is_series(body) and not sample.is_alone(body):
                occurrences = sample.occurrences(body)
                found |= {f"{name}#{named(event, body)}": parse_event(event) for event in occurrences}
            elif item := parse_event(sample.all_events(body)[0]):
                found[name] = item
        return {name: item for name, item in found.items() if item}


def named(event, body):
    """Which occurrence it is: its start by the rule, on the clock of its series."""
    value, start = event["RECURRENCE-ID"].dt, sample.parts(body)[0][0]["DTSTART"].dt
    if isinstance(value, dt.datetime) and value.tzinfo and isinstance(start, dt.datetime) and start.tzinfo:
        value = value.astimezone(start.tzinfo)
    return sample.word(value)


def instant(prop):
    """A UTC instant; whole days stay days. A time zone with a vendor's prefix is known by its last parts."""
    value = prop.dt
    if isinstance(value, dt.datetime) and value.tzinfo is None and "TZID" in prop.params:
        parts = prop.params["TZID"].split("/")
        known = zoneinfo.available_timezones()
        name = next((n for i in range(len(parts)) if (n := "/".join(parts[i:])) in known), None)
        value = value.replace(tzinfo=zoneinfo.ZoneInfo(name)) if name else value
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat()


def parse_event(event):
    """An appointment that is within the time that is synced."""
    if "DTSTART" not in event or instant(event["DTSTART"]) > sample.latest().isoformat(" "):
        return None
    return {"keys": [(words(str(event.get("SUMMARY", ""))) or "(no subject)")[:NAME]],
            "location": words(str(event.get("LOCATION", ""))),
            "description": words(str(event.get("DESCRIPTION", ""))),
            "start": instant(event["DTSTART"])}


def parse_card(body):
    card = vobject.readOne(body)
    first = lambda name: words(str(getattr(card, name).value)) if hasattr(card, name) else ""
    # The preferred address comes first.
    mails = sorted(card.contents.get("email", []), key=lambda e: "PREF" not in [t.upper() for t in e.params.get("TYPE", [])])
    names = [words(str(card.fn.value)).lower()] if hasattr(card, "fn") else []
    if hasattr(card, "n"):
        n = card.n.value
        parts = [n.prefix, n.given, n.additional, n.family, n.suffix]
        names.append(words(" ".join(" ".join(p) if isinstance(p, list) else p or "" for p in parts)).lower())
    names += [mails[0].value.strip().lower()] if mails else []
    return {"keys": [n for n in names if n] or [""],
            "email": mails[0].value.strip().lower() if mails else "",
            "notes": first("note")}


class OpenErp:
    MODELS = {"events": "crm.meeting", "cards": "res.partner"}

    def __init__(self, server, address):
        self.database, self.url = server["database"], server["url"]
        self.api = xmlrpc.client.ServerProxy(self.url + "/xmlrpc/object", allow_none=True)
        self.user = self.execute("res.users", "search", [("email", "=", address)])[0]
        self.before = {kind: set(self.ids(kind)) for kind in self.MODELS}

    def execute(self, model, method, *args):
        return self.api.execute(self.database, 1, "admin", model, method, *args)

    def ids(self, kind):
        everything = {"active_test": True, "virtual_id": False}
        return self.execute(self.MODELS[kind], "search", [("user_id", "=", self.user)], 0, 0, "id", everything)

    def all(self, kind):
        columns = {"events": ["name", "date", "location", "description", "allday"],
                   "cards": ["name", "email", "comment"]}[kind]
        ids = [i for i in self.ids(kind) if i not in self.before[kind]]
        rows = self.execute(self.MODELS[kind], "read", ids, columns, {"virtual_id": False})
        return {row["id"]: self.item(kind, row) for row in rows}

    @staticmethod
    def item(kind, row):
        if kind == "events":
            start = row["date"]
            if row["allday"]:
                # A whole day is kept as the instants of its owner's midnights.
                at = dt.datetime.strptime(start, "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.UTC)
                start = at.astimezone(zoneinfo.ZoneInfo("Europe/Berlin")).date().isoformat()
            return {"keys": [words(row["name"])[:NAME]], "location": words(row["location"] or ""),
                    "description": words(row["description"] or ""), "start": start}
        email = (row["email"] or "").strip().lower()
        return {"keys": [k for k in (words(row["name"]).lower(), email) if k], "email": email,
                "notes": words(row["comment"] or "")}

    @staticmethod
    def differences(kind, ours, theirs):
        found = {}
        for field, value in ours.items():
            other = theirs.get(field)
            if field == "keys" or other is None:
                continue
            if value != other and not (other and value.startswith(other)):
                found[field] = (value, other)
        return found

    def create(self, kind, values):
        extra = {"image": False} if kind == "cards" else {}
        return self.execute(self.MODELS[kind], "create", {**values, **extra, "user_id": self.user})

    def write(self, kind, record, values):
        return self.execute(self.MODELS[kind], "write", [record], values)

    def remove(self, kind, record):
        return self.execute(self.MODELS[kind], "unlink", [record])

    def named(self, kind, name):
        ids = self.execute(self.MODELS[kind], "search", [("name", "=", name), ("user_id", "=", self.user)])
        return self.execute(self.MODELS[kind], "read", ids, ["date", "location"])

    def find(self, kind, text):
        field = "email" if kind == "cards" and "@" in text else "name"
        return self.execute(self.MODELS[kind], "search", [(field, "=", text), ("user_id", "=", self.user)])
