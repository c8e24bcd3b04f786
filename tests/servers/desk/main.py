"""The hands of people who work with OpenERP 7, and with Radicale or Xandikos where there is one. Nothing of Riva's is used, so
that what its connectors get wrong shows.

    main.py OPENERP [DAV]    what the servers' scripts print as they start

Reads a JSON object a line, answers a line each: {"done": ...} or {"failed": ...}.
"""

import json
import sys
import urllib.error
import urllib.parse

from openerp import OpenErp


def answer(dav, erp, what):
    deed, kind, side = what["do"], what.get("kind"), what.get("side")
    address, thing, item = what.get("address"), what.get("thing"), what.get("id")
    user = urllib.parse.quote((address or "").split("@")[0])
    match deed, side:
        case "hire", _:
            if dav:
                dav.hire(user)
            return erp.hire(address)
        case "mails", _:
            return erp.mails()
        case "told", "crm":
            return erp.told()
        case "log", "crm":
            return erp.log()
        case "follow", "crm":
            return erp.follow(address)
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
        case "zone", "mail":
            return dav.zone(user, what["text"])
        case "put", "mail":
            return dav.put_text(user, kind, what["name"], what["text"])
        case "texts", "mail":
            return dav.texts(user, kind)
        case "records", "crm":
            return erp.records(address, kind)
        case "change", "crm":
            return erp.change(item, what.get("name"), what.get("starts"), what.get("ends"))
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
    erp, dav = OpenErp(json.loads(sys.argv[1])), None
    if len(sys.argv) > 2:
        from dav import Dav  # it needs packages that whoever has no mailbox there can do without

        dav = Dav(json.loads(sys.argv[2]))
    for line in sys.stdin:
        what = json.loads(line)
        try:
            reply = {"done": answer(dav, erp, what)}
        except Exception as error:  # whatever it is, the test tells it
            reply = {"failed": f"{what['do']} in the {what.get('side')}: {told(error)}"}
        print(json.dumps(reply), flush=True)


main()
