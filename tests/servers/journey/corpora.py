"""Real-world events and cards: the corpora inside the `calcard` crate, as cargo has unpacked it."""

import os
import pathlib
import re


def folder():
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    found = sorted(home.glob("registry/src/*/calcard-*/resources"))
    if not found:
        raise SystemExit("the sources of the crate calcard are not unpacked; run `cargo fetch`")
    return found[-1]


def blocks(text, kind):
    """The components of a kind, as lists of unfolded lines; nested ones stay inside."""
    lines = re.sub(r"\r?\n[ \t]", "", text).splitlines()
    block, depth = [], 0
    for line in lines:
        word = line.strip().upper()
        if word == f"BEGIN:{kind}":
            depth += 1
        if depth:
            block.append(line.rstrip())
        if word == f"END:{kind}" and depth:
            depth -= 1
            if depth == 0:
                yield block
                block = []


def prop(block, name):
    for line in block:
        if re.match(rf"{name}[:;]", line, re.I):
            return line.split(":", 1)[1].strip()
    return None


def sources(pattern):
    for path in sorted(folder().rglob(pattern)):
        yield path.stem, path.read_bytes().decode("utf-8", "replace").replace("\x00", "")


def events():
    """(file name, uid, resource): one resource for each UID, with the time zones of its file."""
    seen = set()
    for stem, text in sources("*.ics"):
        zones = [line for block in blocks(text, "VTIMEZONE") for line in block]
        by_uid = {}
        for n, block in enumerate(blocks(text, "VEVENT")):
            uid = prop(block, "UID")
            if not uid:
                uid = f"{stem}-{n}"
                block.insert(1, f"UID:{uid}")
            by_uid.setdefault(uid, []).append(block)
        for uid, parts in by_uid.items():
            if uid in seen:
                continue
            seen.add(uid)
            body = [line for block in parts for line in block]
            lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//corpus//EN", *zones, *body, "END:VCALENDAR", ""]
            yield f"event-{len(seen):05}.ics", uid, "\r\n".join(lines)


def cards():
    """(file name, uid, resource): one resource for each card."""
    n = 0
    for stem, text in sources("*.vcf"):
        for block in blocks(text, "VCARD"):
            n += 1
            uid = prop(block, "UID")
            if not uid:
                uid = f"{stem}-{n}"
                block.insert(2 if len(block) > 2 else 1, f"UID:{uid}")
            if prop(block, "FN") is None:
                block.insert(2, f"FN:{(prop(block, 'N') or stem).replace(';', ' ').strip() or stem}")
            yield f"card-{n:05}.vcf", uid, "\r\n".join([*block, ""])
