"""Fills a Radicale collection with real-world items, by Radicale's own code: it checks and writes what a PUT would, but does
not look for every UID in every file again (a PUT costs 30 to 150 ms for that).

Usage: load.py COLLECTIONS USER   (with Radicale's Python)   reads the names of the events to load, as JSON; prints JSON: loaded
and refused, by kind and reason
"""

import collections
import itertools
import json
import pathlib
import sys

import vobject
from radicale.item import check_and_sanitize_items

from corpora import cards, events

# A sample that the whole test ends in minutes with: every n-th of some 1,300 cards.
EVERY = 3
FOLDERS = {"events": ("calendar", "VCALENDAR"), "cards": ("contacts", "VADDRESSBOOK")}


def main():
    root = pathlib.Path(sys.argv[1]) / "collection-root" / sys.argv[2]
    chosen = set(json.load(sys.stdin))
    loaded, refused = collections.Counter(), collections.Counter()
    sample = (event for event in events() if event[0] in chosen)
    for kind, source in (("events", sample), ("cards", itertools.islice(cards(), 0, None, EVERY))):
        folder, tag = FOLDERS[kind]
        for name, _, text in source:
            try:
                items = list(vobject.readComponents(text))
                check_and_sanitize_items(items, 1000, tag=tag)
                (serialized,) = [item.serialize() for item in items]
                vobject.readOne(serialized)
            except Exception as error:  # whatever Radicale itself would answer 400 to
                refused[f"{kind}: {type(error).__name__}"] += 1
                continue
            (root / folder / name).write_text(serialized, newline="")
            loaded[kind] += 1
    print(json.dumps({"loaded": loaded, "refused": refused}))


main()
