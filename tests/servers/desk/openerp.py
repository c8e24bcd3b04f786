"""The hands of people who work with OpenERP 7: XML-RPC."""

import datetime as dt
import xmlrpc.client
import zoneinfo

from words import SECONDS, last_word


class OpenErp:
    """The database as its administrator sees it, on behalf of a user."""

    MODELS = {"contact": "res.partner", "event": "crm.meeting", "task": "project.task", "lead": "crm.lead",
              "opportunity": "crm.lead", "message": "mail.message"}

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
        groups.append(group("project", "group_project_user"))
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
        if kind in ("lead", "opportunity"):
            return {"name": f"{thing['name']} asks", "email_from": thing["address"], "type": kind}
        if kind == "task":
            return {"name": f"Call {thing['name']}", "date_deadline": thing["day"], "description": thing["note"] or False}
        start = dt.datetime.combine(dt.date.fromisoformat(thing["day"]), dt.time(9))
        return {"name": f"Visit {thing['name']}", "date": start.strftime(SECONDS), "duration": 1.0,
                "date_deadline": (start + dt.timedelta(hours=1)).strftime(SECONDS),
                "location": thing["extra"] or False, "description": thing["note"] or False}

    def make(self, address, kind, thing):
        more = {"image": False} if kind == "contact" else {}
        if kind == "task":
            more = self.dragged("draft", thing)
        self.call(self.MODELS[kind], "create", {**self.values(kind, thing), **more, "user_id": self.user(address)})

    def save(self, kind, record, thing):
        values = self.values(kind, thing)
        if kind == "task":
            (task,) = self.call("project.task", "read", [int(record)], ["state"])
            values |= self.dragged(task["state"], thing)
        self.call(self.MODELS[kind], "write", [int(record)], values)

    def dragged(self, state, thing):
        """What is written of a task that is dragged to another stage, if it is not in such a one yet."""
        wanted = "done" if thing["extra"] == "done" else "draft"
        if state == wanted:
            return {}
        return {"stage_id": self.call("project.task.type", "search", [("state", "=", wanted)])[0]}

    def delete(self, kind, record):
        self.call(self.MODELS[kind], "unlink", [int(record)])

    def show(self, address, kind):
        model = self.MODELS[kind]
        own = [("user_id", "=", self.user(address))]
        if kind == "task":
            # A task is not thrown away where people have worked on it: it is cancelled.
            own.append(("state", "!=", "cancelled"))
        ids = self.call(model, "search", own, 0, 0, "id", {"virtual_id": False})
        columns = {"contact": ["name", "email", "function", "comment"],
                   "event": ["name", "date", "date_deadline", "location", "description"],
                   "task": ["name", "date_deadline", "description", "state"]}[kind]
        rows = self.call(model, "read", ids, columns, {"virtual_id": False})
        return [[str(row["id"]), self.thing(kind, row)] for row in rows]

    def records(self, address, kind):
        """Meetings and tasks with the times that they have; of whole days the first and the last one."""
        own = [("user_id", "=", self.user(address))]
        if kind == "task":
            ids = self.call("project.task", "search", [*own, ("state", "!=", "cancelled")])
            rows = self.call("project.task", "read", ids, ["name", "date_deadline"])
            return [{"id": str(row["id"]), "name": row["name"], "days": True, "starts": row["date_deadline"],
                     "ends": row["date_deadline"]} for row in rows]
        ids = self.call("crm.meeting", "search", own, 0, 0, "id", {"virtual_id": False})
        rows = self.call("crm.meeting", "read", ids, ["name", "date", "date_deadline", "allday"], {"virtual_id": False})
        return [self.record(row) for row in rows]

    @staticmethod
    def record(row):
        starts, ends = row["date"], row["date_deadline"]
        if row["allday"]:
            # The midnights of its owner, who lives in Berlin.
            berlin = zoneinfo.ZoneInfo("Europe/Berlin")
            at = lambda text: dt.datetime.strptime(text, SECONDS).replace(tzinfo=dt.UTC).astimezone(berlin)
            starts = at(starts).date().isoformat()
            ends = max(starts, (at(ends) - dt.timedelta(hours=12)).date().isoformat())
        return {"id": str(row["id"]), "name": row["name"], "days": bool(row["allday"]), "starts": starts, "ends": ends}

    def change(self, record, name, starts, ends):
        values = {"name": name} if name else {}
        if starts:
            at = lambda text: dt.datetime.strptime(text, SECONDS)
            hours = (at(ends) - at(starts)).total_seconds() / 3600
            values |= {"date": starts, "date_deadline": ends, "duration": hours}
        self.call("crm.meeting", "write", [int(record)], values)

    @staticmethod
    def thing(kind, row):
        text = lambda name: (row[name] or "").strip()
        if kind == "contact":
            return {"name": text("name").removesuffix(" Vale"), "address": text("email"), "extra": text("function"),
                    "note": text("comment")}
        if kind == "task":
            return {"name": last_word(text("name")), "due": text("date_deadline"), "note": text("description"),
                    "extra": {"draft": ""}.get(row["state"], row["state"])}
        return {"name": last_word(text("name")), "starts": row["date"], "ends": row["date_deadline"],
                "extra": text("location"), "note": text("description")}

    def mails(self):
        return len(self.call("mail.mail", "search", []))

    def follow(self, address):
        """Somebody outside the company follows all contacts and leads with an address."""
        fan = self.call("res.partner", "create", {"name": "Fan", "email": "fan@elsewhere.example", "image": False})
        for model, column in [("res.partner", "email"), ("crm.lead", "email_from")]:
            rows = self.call(model, "search", [(column, "=", address)])
            self.call(model, "write", rows, {"message_follower_ids": [(4, fan)]})

    def log(self):
        """E-mails in the log, each with its files: name, and content in base64."""
        ids = self.call("mail.message", "search", [("type", "=", "email")], 0, 0, "id")
        columns = ["message_id", "subject", "body", "email_from", "author_id", "model", "record_name", "date"]
        rows = self.call("mail.message", "read", ids, [*columns, "attachment_ids"])
        hung = sorted({file for row in rows for file in row["attachment_ids"]})
        files = {row["id"]: row for row in self.call("ir.attachment", "read", hung, ["name", "datas"])}
        for row in rows:
            row["files"] = [[files[n]["name"], files[n]["datas"]] for n in row.pop("attachment_ids")]
        return rows

    def told(self):
        """Mails that wait or were sent, and people who were told of an e-mail in the log."""
        told = self.call("mail.notification", "search", [("message_id.type", "=", "email")])
        return self.mails() + len(told)
