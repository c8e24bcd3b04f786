// jsforce judges the sandbox: one line for each check.
"use strict";
const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const jsforce = require("jsforce");

const base = process.env.SALESFORCE_URL;
// The few plain strings that are needed out of the company file.
const company = fs.readFileSync(process.env.COMPANY, "utf8").split("[salesforce]")[1];
const setup = Object.fromEntries([...company.matchAll(/^(\w+) = "([^"]*)"$/gm)].slice(0, 5).map((m) => [m[1], m[2]]));
const oauth2 = { loginUrl: base, clientId: setup.client_id, clientSecret: setup.client_secret };
const secret = setup.password + setup.security_token;

async function control(settings) {
    const reply = await fetch(`${base}/_sandbox/salesforce/settings`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(settings),
    });
    assert.ok(reply.ok, await reply.text());
}

async function check(name, work) {
    try {
        await work();
        console.log(`ok jsforce: ${name}`);
    } catch (error) {
        console.log(`FAILED jsforce: ${name}`);
        console.log(error);
    }
}

/** The call must fail with this error code. */
async function refused(code, work) {
    try {
        await work();
    } catch (error) {
        const found = `${error.errorCode || ""} ${error.name} ${error.message}`;
        assert.ok(found.includes(code), `${found} instead of ${code}`);
        return error;
    }
    assert.fail(`${code} was expected, but the call succeeded`);
}

async function main() {
    const conn = new jsforce.Connection({ loginUrl: base, version: "60.0" });
    await check("SOAP login with security token", async () => {
        const user = await conn.login(setup.account, secret);
        assert.match(user.organizationId, /^00D/);
        assert.strictEqual(conn.instanceUrl, base);
    });
    await check("SOAP login without the token is refused", () =>
        refused("LOGIN_MUST_USE_SECURITY_TOKEN", () =>
            new jsforce.Connection({ loginUrl: base }).login(setup.account, setup.password)));
    await check("OAuth password grant, identity, revoke", async () => {
        const other = new jsforce.Connection({ oauth2, version: "60.0" });
        await other.login(setup.account, secret);
        const who = await other.identity();
        assert.strictEqual(who.username, setup.account);
        const stale = new jsforce.Connection({ instanceUrl: base, accessToken: other.accessToken, version: "60.0" });
        await stale.query("SELECT Id FROM Organization");
        await other.logout();
        await refused("INVALID_SESSION_ID", () => stale.query("SELECT Id FROM Organization"));
    });
    await check("OAuth with a wrong password is refused", () =>
        refused("invalid_grant", () => new jsforce.Connection({ oauth2 }).login(setup.account, "wrong")));
    await check("JWT bearer grant", async () => {
        const key = crypto.createPublicKey(fs.readFileSync(process.env.JWT_CERT));
        await control({ public_key_pem: key.export({ type: "spki", format: "pem" }) });
        const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const claims = { iss: setup.client_id, sub: setup.account, aud: base, exp: Math.floor(Date.now() / 1000) + 120 };
        const text = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
        const signature = crypto.sign("RSA-SHA256", Buffer.from(text), fs.readFileSync(process.env.JWT_KEY));
        const other = new jsforce.Connection({ oauth2, version: "60.0" });
        const grant = (assertion) =>
            other.authorize({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
        await grant(`${text}.${signature.toString("base64url")}`);
        assert.ok((await other.query("SELECT COUNT() FROM User")).totalSize > 20);
        await refused("invalid_grant", () => grant(`${text}.${Buffer.from("forged").toString("base64url")}`));
    });
    await check("describe", async () => {
        const all = await conn.describeGlobal();
        assert.ok(all.sobjects.some((o) => o.name === "Event" && o.keyPrefix === "00U"));
        const event = await conn.describe("Event");
        assert.ok(event.fields.find((f) => f.name === "Riva_Sync_Key__c").externalId);
        assert.strictEqual(event.fields.find((f) => f.name === "IsPrivate").type, "boolean");
    });
    await check("usage is reported on every answer", async () => {
        await conn.query("SELECT Id FROM Organization");
        assert.strictEqual(conn.limitInfo.apiUsage.limit, 15000);
        const before = conn.limitInfo.apiUsage.used;
        await conn.query("SELECT Id FROM Organization");
        assert.strictEqual(conn.limitInfo.apiUsage.used, before + 1);
        assert.strictEqual((await conn.limits()).DailyApiRequests.Max, 15000);
    });
    await check("create, retrieve, update, destroy one", async () => {
        const made = await conn.sobject("Contact").create({ LastName: "Jsmith", FirstName: "Zoë" });
        assert.ok(made.success);
        const row = await conn.sobject("Contact").retrieve(made.id);
        assert.strictEqual(row.Name, "Zoë Jsmith");
        assert.ok((await conn.sobject("Contact").update({ Id: made.id, Title: "Judge" })).success);
        assert.ok((await conn.sobject("Contact").destroy(made.id)).success);
        await refused("ENTITY_IS_DELETED", () => conn.sobject("Contact").retrieve(made.id));
    });
    await check("collections: create, retrieve, update, upsert, destroy many", async () => {
        const records = [...Array(30).keys()].map((n) => ({ LastName: `Many ${n}`, Riva_Sync_Key__c: `js-${n}/1` }));
        const made = await conn.sobject("Contact").create(records);
        assert.ok(made.every((r) => r.success));
        const ids = made.map((r) => r.id);
        const rows = await conn.sobject("Contact").retrieve(ids);
        assert.deepStrictEqual(rows.map((r) => r.LastName), records.map((r) => r.LastName));
        const changed = await conn.sobject("Contact").update(ids.map((Id) => ({ Id, Title: "Many" })));
        assert.ok(changed.every((r) => r.success));
        const upserted = await conn.sobject("Contact").upsert(
            [{ Riva_Sync_Key__c: "js-0/1", LastName: "Again" }, { Riva_Sync_Key__c: "js-new/1", LastName: "New" }],
            "Riva_Sync_Key__c",
        );
        assert.deepStrictEqual(upserted.map((r) => r.created), [false, true]);
        assert.strictEqual(upserted[0].id, ids[0]);
        const gone = await conn.sobject("Contact").destroy([...ids, upserted[1].id]);
        assert.ok(gone.every((r) => r.success));
        const again = await conn.sobject("Contact").destroy([ids[0], "003000000000001AAA"]);
        assert.deepStrictEqual(again.map((r) => r.errors[0].statusCode || r.errors[0].errorCode),
            ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"]);
    });
    await check("collections with allOrNone take everything back", async () => {
        await conn.sobject("Contact").create([{ LastName: "Whole" }, { FirstName: "Half" }], { allOrNone: true })
            .catch(() => undefined);
        assert.strictEqual((await conn.query("SELECT COUNT() FROM Contact WHERE LastName = 'Whole'")).totalSize, 0);
    });
    await check("upsert one by external id", async () => {
        // The client does not escape a slash in a key, so that this one has none.
        const key = { Riva_Sync_Key__c: "js-one", Subject: "Upserted", StartDateTime: "2026-12-02T09:00:00Z", DurationInMinutes: 30 };
        assert.strictEqual((await conn.sobject("Event").upsert(key, "Riva_Sync_Key__c")).created, true);
        assert.strictEqual((await conn.sobject("Event").upsert({ Riva_Sync_Key__c: "js-one", Subject: "Twice" }, "Riva_Sync_Key__c")).created, false);
    });
    await check("query follows pages by itself", async () => {
        await control({ page_size: 7 });
        const total = (await conn.query("SELECT COUNT() FROM Event")).totalSize;
        const rows = await conn.query("SELECT Id, Owner.Email FROM Event ORDER BY Id", { autoFetch: true, maxFetch: 5000 });
        await control({ page_size: 0 });
        assert.ok(total > 50);
        assert.strictEqual(new Set(rows.records.map((r) => r.Id)).size, total);
        assert.ok(rows.records.every((r) => r.Owner.Email.includes("@")));
    });
    await check("find with conditions", async () => {
        const rows = await conn.sobject("Contact")
            .find({ Email: { $like: "%.example" }, "Owner.IsActive": true, SystemModstamp: { $gte: new jsforce.Date("2020-01-01T00:00:00Z") } }, ["Id", "Name", "Account.Name"])
            .sort({ LastName: 1, Id: -1 }).limit(10);
        assert.strictEqual(rows.length, 10);
        assert.ok(rows.every((r) => r.Account && r.Account.Name));
    });
    await check("deleted and updated", async () => {
        const made = await conn.sobject("Event").create({ Subject: "Gone", StartDateTime: "2026-12-02T09:00:00Z", DurationInMinutes: 30 });
        const [from, to] = [new Date(Date.now() - 300000).toISOString(), new Date(Date.now() + 120000).toISOString()];
        assert.ok((await conn.sobject("Event").updated(from, to)).ids.includes(made.id));
        await conn.sobject("Event").destroy(made.id);
        const reply = await conn.sobject("Event").deleted(from, to);
        assert.ok(reply.deletedRecords.some((r) => r.id === made.id));
        const bin = await conn.query(`SELECT Id, IsDeleted FROM Event WHERE Id = '${made.id}'`, { scanAll: true });
        assert.strictEqual(bin.records[0].IsDeleted, true);
    });
    await check("composite request with references", async () => {
        const reply = await conn.requestPost("/composite", {
            allOrNone: true,
            compositeRequest: [
                { method: "POST", url: "/services/data/v60.0/sobjects/Account", referenceId: "a", body: { Name: "Composite" } },
                { method: "POST", url: "/services/data/v60.0/sobjects/Contact", referenceId: "c", body: { LastName: "Part", AccountId: "@{a.id}" } },
                { method: "GET", url: "/services/data/v60.0/sobjects/Contact/@{c.id}?fields=AccountId", referenceId: "r" },
            ],
        });
        const [account, , row] = reply.compositeResponse;
        assert.strictEqual(account.httpStatusCode, 201);
        assert.strictEqual(row.body.AccountId, account.body.id);
    });
    await check("errors have code and fields", async () => {
        const error = await refused("REQUIRED_FIELD_MISSING", () => conn.sobject("Lead").create({ FirstName: "x" }));
        assert.match(error.message, /LastName/);
        await refused("MALFORMED_QUERY", () => conn.query("SELECT FROM Contact"));
        await refused("INVALID_FIELD", () => conn.query("SELECT Nope FROM Contact"));
        await refused("REQUEST_LIMIT_EXCEEDED", async () => {
            await control({ used: 15000 });
            try {
                await conn.query("SELECT Id FROM User");
            } finally {
                await control({ used: 200 });
            }
        });
    });
}

main().catch((error) => {
    console.log("FAILED jsforce: the judge itself");
    console.log(error);
    process.exitCode = 1;
});
