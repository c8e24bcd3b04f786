"""simple-salesforce judges the sandbox: one line for each check."""

import datetime as dt
import json
import os
import sys
import traceback
import tomllib
import uuid

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin, exceptions, format_soql

BASE = os.environ["SALESFORCE_URL"]
SETUP = tomllib.load(open(os.environ["COMPANY"], "rb"))["salesforce"]
USER, PASSWORD, TOKEN = SETUP["account"], SETUP["password"], SETUP["security_token"]
failed = 0


class Detour(HTTPAdapter):
    """The client's sign-in always goes to *.salesforce.com: send it to the sandbox."""

    def send(self, request, **kwargs):
        request.url = request.url.replace("https://judge.salesforce.com", BASE)
        return super().send(request, **kwargs)


def session():
    made = requests.Session()
    made.mount("https://judge.salesforce.com", Detour())
    return made


def control(**settings):
    requests.post(f"{BASE}/_sandbox/salesforce/settings", json=settings).raise_for_status()


def check(name):
    def run(work):
        global failed
        try:
            work()
            print(f"ok simple-salesforce: {name}")
        except Exception:
            failed += 1
            print(f"FAILED simple-salesforce: {name}")
            traceback.print_exc(file=sys.stdout)

    return run


def refused(kind, code, work):
    """The call must fail with this exception and error code."""
    try:
        work()
    except kind as error:
        content = error.content if isinstance(getattr(error, "content", None), list) else []
        found = content[0]["errorCode"] if content else str(error)
        assert code in found, f"{found} instead of {code}"
        return content[0] if content else None
    raise AssertionError(f"{code} was expected, but the call succeeded")


def login(**more):
    more = {"password": PASSWORD} | more
    return Salesforce(username=USER, domain="judge", session=session(), version="60.0", **more)


sf = login(security_token=TOKEN)


@check("SOAP login with security token")
def _():
    assert sf.sf_instance == BASE.removeprefix("https://"), sf.sf_instance


@check("SOAP login with a wrong password is refused")
def _():
    refused(
        exceptions.SalesforceAuthenticationFailed,
        "INVALID_LOGIN",
        lambda: Salesforce(username=USER, password="wrong", security_token=TOKEN, domain="judge", session=session()),
    )


@check("OAuth password grant")
def _():
    # Without a security token of its own the client signs in by OAuth.
    keys = {"consumer_key": SETUP["client_id"], "consumer_secret": SETUP["client_secret"]}
    other = login(password=PASSWORD + TOKEN, **keys)
    assert other.query("SELECT COUNT() FROM User")["totalSize"] > 20


@check("OAuth password grant without the token is refused")
def _():
    keys = {"consumer_key": SETUP["client_id"], "consumer_secret": SETUP["client_secret"]}
    refused(exceptions.SalesforceAuthenticationFailed, "invalid_grant", lambda: login(**keys))


@check("OAuth wrong secret and unknown client are refused in their own words")
def _():
    for key, secret, code in [(SETUP["client_id"], "x", "invalid_client"), ("x", "y", "invalid_client_id")]:
        keys = {"consumer_key": key, "consumer_secret": secret}
        refused(exceptions.SalesforceAuthenticationFailed, code, lambda: login(password=PASSWORD + TOKEN, **keys))


@check("JWT bearer grant with the registered certificate")
def _():
    control(public_key_pem=open(os.environ["JWT_CERT"]).read())
    import jwt

    claims = {
        "iss": SETUP["client_id"],
        "sub": USER,
        "aud": "https://login.salesforce.com",
        "exp": dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=3),
    }

    def grant(**changes):
        assertion = jwt.encode(claims | changes, open(os.environ["JWT_KEY"]).read(), algorithm="RS256")
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return requests.post(f"{BASE}/services/oauth2/token", data=form).json()

    reply = grant()
    assert reply["instance_url"] == BASE and reply["access_token"].startswith("00D"), reply
    assert grant(aud="https://elsewhere.example")["error"] == "invalid_grant"
    assert grant(exp=dt.datetime.now(dt.timezone.utc) - dt.timedelta(minutes=1))["error"] == "invalid_grant"
    assert grant(sub="nobody@northwind-demo.example")["error"] == "invalid_grant"
    assert grant(sub="zoe.martin@northwind-demo.example")["error_description"] == "inactive user"
    assert grant(iss="another")["error"] == "invalid_client_id"


@check("a made-up token is refused")
def _():
    other = Salesforce(instance=sf.sf_instance, session_id="00Dxx!made.up", session=session())
    refused(exceptions.SalesforceExpiredSession, "INVALID_SESSION_ID", lambda: other.query("SELECT Id FROM User"))


@check("describe: objects and fields")
def _():
    names = {o["name"] for o in sf.describe()["sobjects"]}
    assert {"User", "Contact", "Account", "Event", "Lead", "Task"} <= names
    fields = {f["name"]: f for f in sf.Contact.describe()["fields"]}
    assert fields["LastName"]["nillable"] is False and fields["LastName"]["length"] == 80
    assert fields["Email"]["type"] == "email" and fields["OwnerId"]["referenceTo"] == ["User"]
    assert fields["Riva_Sync_Key__c"]["externalId"] and fields["Riva_Sync_Key__c"]["unique"]
    assert not fields["SystemModstamp"]["updateable"]
    refused(exceptions.SalesforceResourceNotFound, "NOT_FOUND", sf.Nothing.describe)


@check("limits and the usage header")
def _():
    assert sf.limits()["DailyApiRequests"]["Max"] == SETUP["api_limit"]
    sf.query("SELECT Id FROM Organization")
    assert int(sf.api_usage["api-usage"].total) == SETUP["api_limit"]


@check("create, read, update, delete")
def _():
    made = sf.Contact.create({"LastName": "Judge", "FirstName": "Judy", "Phone": "(0)30 / 55-5"})
    assert made["success"] and len(made["id"]) == 18 and made["id"].startswith("003")
    row = sf.Contact.get(made["id"][:15])
    assert row["Id"] == made["id"] and row["Name"] == "Judy Judge" and row["Phone"] == "(0)30 / 55-5"
    dt.datetime.strptime(row["SystemModstamp"], "%Y-%m-%dT%H:%M:%S.000+0000")
    assert sf.Contact.update(made["id"], {"Email": "judy@judge.example"}) == 204
    assert sf.Contact.get_by_custom_id("Email", "judy@judge.example")["Id"] == made["id"]
    assert sf.Contact.delete(made["id"]) == 204
    refused(exceptions.SalesforceResourceNotFound, "ENTITY_IS_DELETED", lambda: sf.Contact.get(made["id"]))
    refused(exceptions.SalesforceResourceNotFound, "ENTITY_IS_DELETED", lambda: sf.Contact.delete(made["id"]))


@check("refusals carry code and fields")
def _():
    bad = exceptions.SalesforceMalformedRequest
    for data, code, fields in [
        ({"FirstName": "x"}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", ["LastName"]),
        ({"LastName": "x", "Nope": 1}, "INVALID_FIELD", None),
        ({"LastName": "x", "Email": "not an address"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"LastName": "x", "SystemModstamp": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", None),
        ({"LastName": "x", "OwnerId": "005"}, "MALFORMED_ID", ["OwnerId"]),
    ]:
        error = refused(bad, code, lambda: sf.Contact.create(data))
        assert fields is None or error["fields"] == fields, error
    refused(exceptions.SalesforceResourceNotFound, "NOT_FOUND", lambda: sf.Contact.get("003000000000001AAA"))


@check("an inactive owner is refused")
def _():
    zoe = sf.query("SELECT Id FROM User WHERE Username = 'zoe.martin@northwind-demo.example'")["records"][0]["Id"]
    work = lambda: sf.Contact.create({"LastName": "x", "OwnerId": zoe})
    refused(exceptions.SalesforceMalformedRequest, "INACTIVE_OWNER_OR_USER", work)


@check("two users share one address")
def _():
    found = sf.query("SELECT Id FROM User WHERE Email = 'david.jones@northwind-demo.example' AND IsActive = true")
    assert found["totalSize"] == 2


@check("SOQL: conditions, relations, order, escapes")
def _():
    name = "O'Quote_%\\ " + uuid.uuid4().hex[:6]
    made = sf.Contact.create({"LastName": name, "Department": "Judge"})["id"]
    found = sf.query(format_soql("SELECT Id, Owner.Name, Account.Name FROM Contact WHERE LastName = {}", name))
    row = found["records"][0]
    assert row["Id"] == made and row["Owner"]["Name"] == "Integration User" and row["Account"] is None
    found = sf.query(format_soql("SELECT Id FROM Contact WHERE LastName LIKE '{:like}%'", name[:11]))
    assert [r["Id"] for r in found["records"]] == [made]
    count = lambda where: sf.query(f"SELECT COUNT() FROM Contact WHERE {where}")["totalSize"]
    everybody = sf.query("SELECT COUNT() FROM Contact")["totalSize"]
    assert count("Department != null") + count("Department = null") == everybody
    assert count("NOT (Department = 'judge')") == everybody - 1
    assert count("(Department = 'Judge' OR FirstName = null) AND Id IN ('" + made + "')") == 1
    assert count("CreatedDate = TODAY") == everybody
    names = [r["LastName"] for r in sf.query("SELECT LastName FROM Contact ORDER BY LastName DESC LIMIT 9")["records"]]
    assert len(names) == 9 and [n.lower() for n in names] == sorted((n.lower() for n in names), reverse=True)
    sf.Contact.delete(made)


@check("SOQL: refusals")
def _():
    for soql, code in [
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName = 'x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Id = null AND LastName = 'a' OR LastName = 'b'", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
    ]:
        refused(exceptions.SalesforceMalformedRequest, code, lambda: sf.query(soql))


@check("query pages of 200 and nothing is doubled or lost")
def _():
    records = [{"attributes": {"type": "Contact"}, "LastName": f"Page {n:03}"} for n in range(450)]
    ids = []
    for at in range(0, 450, 200):
        body = {"allOrNone": True, "records": records[at : at + 200]}
        reply = sf.restful("composite/sobjects", method="POST", data=json.dumps(body))
        assert all(r["success"] for r in reply)
        ids += [r["id"] for r in reply]
    soql = "SELECT Id, LastName FROM Contact WHERE LastName LIKE 'Page %' ORDER BY SystemModstamp, Id"
    first = sf.query(soql, headers={"Sforce-Query-Options": "batchSize=200"})
    assert first["totalSize"] == 450 and not first["done"] and len(first["records"]) == 200
    every = first["records"]
    while not first["done"]:
        first = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
        every += first["records"]
    assert [r["Id"] for r in every] == ids
    assert len(sf.query_all(soql)["records"]) == 450
    for at in range(0, 450, 200):
        reply = sf.restful("composite/sobjects", method="DELETE", params={"ids": ",".join(ids[at : at + 200])})
        assert all(r["success"] for r in reply)
    assert sf.query(soql)["totalSize"] == 0
    assert sf.query_all(soql, include_deleted=True)["totalSize"] == 450


@check("pages of one record")
def _():
    control(page_size=1)
    try:
        soql = "SELECT Id FROM User WHERE IsActive = true"
        assert len(sf.query_all(soql)["records"]) == sf.query("SELECT COUNT() FROM User WHERE IsActive = true")["totalSize"]
    finally:
        control(page_size=0)


@check("collections: one result for each record, or all taken back")
def _():
    good = {"attributes": {"type": "Contact"}, "LastName": "Collected"}
    bad = {"attributes": {"type": "Contact"}, "FirstName": "Nameless"}
    post = lambda all_or_none: sf.restful(
        "composite/sobjects", method="POST", data=json.dumps({"allOrNone": all_or_none, "records": [good, bad, good]})
    )
    reply = post(True)
    assert [r["success"] for r in reply] == [False] * 3
    assert reply[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert reply[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    count = lambda: sf.query("SELECT COUNT() FROM Contact WHERE LastName = 'Collected'")["totalSize"]
    assert count() == 0
    assert [r["success"] for r in post(False)] == [True, False, True]
    assert count() == 2
    body = json.dumps({"records": [good] * 201})
    refused(
        exceptions.SalesforceMalformedRequest,
        "LIMIT",
        lambda: sf.restful("composite/sobjects", method="POST", data=body),
    )


@check("upsert by external id: created once, then updated")
def _():
    key = f"{uuid.uuid4()}%2F1"
    assert sf.Contact.upsert(f"Riva_Sync_Key__c/{key}", {"LastName": "Upserted"}) == 201
    assert sf.Contact.upsert(f"Riva_Sync_Key__c/{key}", {"LastName": "Upserted twice"}) == 200
    row = sf.Contact.get(f"Riva_Sync_Key__c/{key}")
    assert row["LastName"] == "Upserted twice" and row["Riva_Sync_Key__c"].endswith("/1")
    work = lambda: sf.Contact.create({"LastName": "x", "Riva_Sync_Key__c": row["Riva_Sync_Key__c"]})
    refused(exceptions.SalesforceMalformedRequest, "DUPLICATE_VALUE", work)
    sf.Contact.delete(row["Id"])
    assert sf.Contact.upsert(f"Riva_Sync_Key__c/{key}", {"LastName": "New life"}) == 201


@check("several records for one look-up value: 300")
def _():
    for _ in range(2):
        sf.Contact.create({"LastName": "Twin", "Email": "twin@judge.example"})
    try:
        sf.Contact.get_by_custom_id("Email", "twin@judge.example")
    except exceptions.SalesforceMoreThanOneRecord as error:
        assert len(error.content) == 2, error.content
    else:
        raise AssertionError("one record of two was given")


@check("deleted and updated between two instants")
def _():
    made = sf.Contact.create({"LastName": "Short-lived"})["id"]
    now = dt.datetime.now(dt.timezone.utc)
    span = (now - dt.timedelta(minutes=5), now + dt.timedelta(minutes=2))
    assert made in sf.Contact.updated(*span)["ids"]
    sf.Contact.delete(made)
    reply = sf.Contact.deleted(*span)
    gone = {r["id"]: r["deletedDate"] for r in reply["deletedRecords"]}
    dt.datetime.strptime(gone[made], "%Y-%m-%dT%H:%M:%S.000+0000")
    assert reply["latestDateCovered"].endswith(":00.000+0000") and "earliestDateAvailable" in reply
    assert made not in sf.Contact.updated(*span)["ids"]
    long_ago = (now - dt.timedelta(days=40), now)
    bad = exceptions.SalesforceMalformedRequest
    refused(bad, "INVALID_REPLICATION_DATE", lambda: sf.Contact.deleted(*long_ago))
    refused(bad, "INVALID_REPLICATION_DATE", lambda: sf.Contact.deleted(now, now))


@check("events keep start, end and duration in step")
def _():
    made = sf.Event.create({"Subject": "J", "StartDateTime": "2026-12-01T09:00:00+01:00", "DurationInMinutes": 45})["id"]
    row = sf.Event.get(made)
    assert row["StartDateTime"] == "2026-12-01T08:00:00.000+0000" and row["EndDateTime"] == "2026-12-01T08:45:00.000+0000"
    assert row["ActivityDate"] == "2026-12-01" and row["ShowAs"] == "Busy" and row["IsPrivate"] is False
    sf.Event.update(made, {"EndDateTime": "2026-12-01T10:00:00.000+0000"})
    assert sf.Event.get(made)["DurationInMinutes"] == 120
    day = sf.Event.create({"Subject": "D", "IsAllDayEvent": True, "ActivityDate": "2026-12-24"})["id"]
    row = sf.Event.get(day)
    assert row["DurationInMinutes"] == 1440 and row["EndDate"] == "2026-12-24"
    bad = exceptions.SalesforceMalformedRequest
    refused(bad, "REQUIRED_FIELD_MISSING", lambda: sf.Event.create({"Subject": "no time"}))
    refused(bad, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", lambda: sf.Event.update(made, {"ShowAs": "Maybe"}))


@check("long events only where the org allows them")
def _():
    long = {"Subject": "L", "StartDateTime": "2026-12-01T08:00:00Z", "DurationInMinutes": 3000}
    sf.Event.delete(sf.Event.create(long)["id"])
    control(multi_day_events=False)
    try:
        error = refused(exceptions.SalesforceMalformedRequest, "FIELD_INTEGRITY", lambda: sf.Event.create(long))
        assert error["message"] == "Duration must be between 0 and 1440 minutes", error
    finally:
        control(multi_day_events=True)


@check("preconditions on rows")
def _():
    made = sf.Contact.create({"LastName": "Conditional"})["id"]
    head = {"Authorization": f"Bearer {sf.session_id}"}
    url = f"{BASE}/services/data/v60.0/sobjects/Contact/{made}"
    stamp = requests.get(url, headers=head).headers["Last-Modified"]
    early = {"If-Unmodified-Since": "Mon, 02 Jan 2023 10:00:00 GMT"}
    assert requests.patch(url, json={"Title": "x"}, headers=head | early).status_code == 412
    fresh = {"If-Unmodified-Since": stamp}
    assert requests.patch(url, json={"Title": "x"}, headers=head | fresh).status_code == 204
    late = {"If-Modified-Since": "Fri, 02 Jan 2099 10:00:00 GMT"}
    assert requests.get(url, headers=head | late).status_code == 304


@check("a lost reply: the work is done, the answer never comes")
def _():
    control(lose_replies=1)
    try:
        sf.Contact.create({"LastName": "Lost reply"})
    except requests.exceptions.ConnectionError:
        pass
    else:
        raise AssertionError("the reply arrived")
    assert sf.query("SELECT COUNT() FROM Contact WHERE LastName = 'Lost reply'")["totalSize"] == 1


@check("e-mail is kept with its people, stays as it is, and goes with them")
def _():
    mails = len(requests.get(f"{BASE}/_sandbox/salesforce/mails").json())
    contact = sf.Contact.create({"LastName": "Writer", "Email": "writer@judge.example"})["id"]
    kept = {"MessageIdentifier": "<One@judge.example>", "Subject": "Offer", "TextBody": "Dear all", "Incoming": True,
            "FromAddress": "writer@judge.example", "MessageDate": "2026-11-23T09:30:00Z", "Status": "1"}
    refused(exceptions.SalesforceMalformedRequest, "REQUIRED_FIELD_MISSING",
            lambda: sf.EmailMessage.create({k: v for k, v in kept.items() if k != "Status"}))
    message = sf.EmailMessage.create(kept)["id"]
    relation = sf.EmailMessageRelation.create(
        {"EmailMessageId": message, "RelationId": contact, "RelationType": "FromAddress"})["id"]
    found = sf.query(format_soql("SELECT Id, TextBody FROM EmailMessage WHERE MessageIdentifier = {}", "<one@JUDGE.example>"))
    assert [r["Id"] for r in found["records"]] == [message], found
    of = sf.query(f"SELECT RelationAddress, RelationType, Relation.Name FROM EmailMessageRelation WHERE Id = '{relation}'")
    assert of["records"][0]["RelationAddress"] == "writer@judge.example", of
    described = {f["name"]: f for f in sf.EmailMessage.describe()["fields"]}
    assert described["MessageIdentifier"]["length"] == 765 and not described["Status"]["nillable"]
    for field in ("Subject", "TextBody", "MessageIdentifier"):
        refused(exceptions.SalesforceMalformedRequest, "INSUFFICIENT_ACCESS_OR_READONLY",
                lambda field=field: sf.EmailMessage.update(message, {field: "another"}))
    # Nothing keeps a second one out.
    twin = sf.EmailMessage.create(kept)["id"]
    sf.EmailMessage.delete(message)
    left = sf.query(f"SELECT COUNT() FROM EmailMessageRelation WHERE EmailMessageId = '{message}'")
    assert left["totalSize"] == 0, left
    bin_ = sf.query("SELECT Id, IsDeleted FROM EmailMessage WHERE MessageIdentifier = '<One@judge.example>'",
                    include_deleted=True)
    assert {r["Id"]: r["IsDeleted"] for r in bin_["records"]} == {message: True, twin: False}, bin_
    assert len(requests.get(f"{BASE}/_sandbox/salesforce/mails").json()) == mails, "what is logged is not sent"


@check("invitees: the mail is counted, not sent")
def _():
    mails = lambda: len(requests.get(f"{BASE}/_sandbox/salesforce/mails").json())
    before = mails()
    event = sf.Event.create({"Subject": "I", "StartDateTime": "2099-12-01T09:00:00Z", "DurationInMinutes": 30})["id"]
    contact = sf.Contact.create({"LastName": "Guest", "Email": "guest@judge.example"})["id"]
    assert mails() == before
    sf.EventRelation.create({"EventId": event, "RelationId": contact, "IsInvitee": True})
    assert mails() == before + 1
    sf.Event.update(event, {"Location": "elsewhere"})
    sf.Event.delete(event)
    assert mails() == before + 3


@check("the daily limit refuses with 403")
def _():
    control(used=15000)
    try:
        work = lambda: sf.query("SELECT Id FROM User")
        refused(exceptions.SalesforceRefusedRequest, "REQUEST_LIMIT_EXCEEDED", work)
    finally:
        control(used=100)


@check("a server that is down says so")
def _():
    control(down=True)
    try:
        refused(exceptions.SalesforceGeneralError, "SERVER_UNAVAILABLE", lambda: sf.query("SELECT Id FROM User"))
    finally:
        control(down=False)


@check("a changed password is refused, the new one works")
def _():
    control(password="Another-1", security_token="")
    try:
        old = lambda: login(security_token=TOKEN)
        refused(exceptions.SalesforceAuthenticationFailed, "INVALID_LOGIN", old)
        Salesforce(username=USER, password="Another-1", security_token="", domain="judge", session=session())
    finally:
        control(password=PASSWORD, security_token=TOKEN)


@check("expired tokens are refused until the next sign-in")
def _():
    # A client without a password cannot sign in again by itself.
    other = Salesforce(instance=sf.sf_instance, session_id=sf.session_id, session=session())
    assert other.query("SELECT COUNT() FROM User")["totalSize"] > 20
    control(expire_tokens=True)
    refused(exceptions.SalesforceExpiredSession, "INVALID_SESSION_ID", lambda: other.query("SELECT Id FROM User"))
    assert login(security_token=TOKEN).query("SELECT COUNT() FROM User")["totalSize"] > 20


sys.exit(0)
