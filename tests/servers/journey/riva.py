"""The command `riva` on a workspace of its own."""

import dataclasses
import json
import os
import pathlib
import subprocess


@dataclasses.dataclass
class Answer:
    ok: bool
    text: str


class Riva:
    def __init__(self, program, folder, root):
        self.program, self.root = program, root
        self.workspace = folder / "workspace"
        self.environment = {**os.environ, "RIVA_SECRETS": "file", "RIVA_WORKSPACE": str(self.workspace)}

    def run(self, *words, stdin=""):
        done = subprocess.run([self.program, *words], input=stdin, capture_output=True, text=True, timeout=300,
                              env=self.environment)
        return Answer(done.returncode == 0, done.stdout + done.stderr)

    def json(self, *words):
        answer = subprocess.run([self.program, "--json", *words], capture_output=True, text=True, timeout=300,
                                env=self.environment, stdin=subprocess.DEVNULL)
        if answer.returncode != 0:
            raise SystemExit(f"riva {' '.join(words)}: {answer.stdout}{answer.stderr}")
        return json.loads(answer.stdout)

    def make_workspace(self, radicale, openerp, days_ahead):
        """Connections and a policy with a window that holds the corpora's old events; a licence by the demo's issuer."""
        for part in ("connections", "policies", "licenses"):
            (self.workspace / part).mkdir(parents=True)
        (self.workspace / "riva.toml").write_text("")
        (self.workspace / "connections/radicale.toml").write_text(
            f'system = "caldav"\naddress = "{radicale["url"]}"\naccount = "{radicale["account"]}"\n'
            'auth = { method = "password" }\n\n[options]\nhome = "/alice/"\n')
        (self.workspace / "connections/openerp.toml").write_text(
            f'system = "odoo"\naddress = "{openerp["url"]}"\naccount = "{openerp["login"]}"\n'
            f'auth = {{ method = "password" }}\n\n[options]\ndatabase = "{openerp["database"]}"\n')
        (self.workspace / "policies/real.toml").write_text(
            'enabled = false\nmail = "radicale"\ncrm = "openerp"\n\n[modules.contacts]\n\n[modules.calendar]\n'
            f"days_back = 36500\ndays_ahead = {days_ahead}\n")
        unsigned = self.workspace.parent / "license.toml"
        unsigned.write_text(
            '[license]\nid = "journey"\nlicensee = "Journey"\nmode = "demo"\nissued = "2026-01-01"\n'
            'expires = "2099-12-31"\n\n[license.counts]\ncaldav = 1\nodoo = 1\n')
        key = self.root / "config/demo/demo-issuer.key"
        signed = self.run("license", "sign", str(unsigned), "--key", str(key), "--out",
                          str(self.workspace / "licenses/journey.license"))
        if not signed.ok:
            raise SystemExit(signed.text)

    def no_secret_in_files(self, secrets, check):
        """No secret by value in any file of the workspace: documents, history, database, logs."""
        for secret in secrets:
            found = [str(path.relative_to(self.workspace)) for path in self.workspace.rglob("*")
                     if path.is_file() and secret.encode() in path.read_bytes()]
            check("a password stands in no file of the workspace", not found, found)
