"""A robot that works Riva Manager in a real window as a screen reader does: over AT-SPI, by role and name alone.

Nodes vanish while the tree is walked, because the window is alive: every look is tried again until a deadline.
"""

import os
import subprocess
import time

import pyatspi
from gi.repository import Gio, GLib

# A shared machine may be slow; nothing waits longer than it must.
DEADLINE_S = 60
LOOK_S = 0.15


class Failed(Exception):
    """What was looked for did not come."""


class Robot:
    """The hand in one window."""

    def __init__(self, pictures):
        self.pictures = pictures
        self.application = None
        self.bus = None

    def attach(self, process):
        """Takes the application of this process (a Popen) in hand."""
        pid = process.pid

        def found():
            if process.poll() is not None:
                raise Failed(f"it ended at once, with {process.returncode}")
            desktop = pyatspi.Registry.getDesktop(0)
            for child in desktop:
                if child is not None and child.get_process_id() == pid and child.childCount > 0:
                    return child
            return None

        self.application = self.until(found, f"the window of process {pid}")

    def until(self, look, what):
        """Looks until something is seen."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                seen = look()
            except Failed:
                raise
            except Exception:  # noqa: BLE001 - any error of the bus means that a node has gone; look again
                seen = None
            if seen:
                return seen
            if time.monotonic() > deadline:
                raise Failed(f"not within {DEADLINE_S} s: {what}\nthere is: {self.everything()}")
            time.sleep(LOOK_S)

    def nodes(self):
        """All nodes, as far as they stay while they are walked."""
        stack = [self.application]
        while stack:
            node = stack.pop()
            yield node
            try:
                children = [node.getChildAtIndex(i) for i in range(node.childCount)]
            except Exception:  # noqa: BLE001 - see until
                continue
            stack.extend(c for c in reversed(children) if c is not None)

    def text_of(self, node):
        """What a node reads out."""
        if node.name:
            return node.name
        try:
            return node.queryText().getText(0, -1)
        except NotImplementedError:
            return ""

    def everything(self):
        """All that can be read now, for the message of a failure."""
        if self.application is None:
            return "no window"
        texts = []
        for node in self.nodes():
            try:
                text = self.text_of(node)
                if text.strip():
                    texts.append(f"{node.getRoleName()} {text!r}")
            except Exception:  # noqa: BLE001 - see until
                continue
        return "; ".join(texts)

    def find(self, role, name, last=False):
        """A control of this role and name, or None."""
        found = None
        for node in self.nodes():
            try:
                if node.getRoleName() == role and node.name == name:
                    found = node
                    if not last:
                        break
            except Exception:  # noqa: BLE001 - see until
                continue
        return found

    def shows(self, text):
        """Whether a text can be read somewhere."""
        for node in self.nodes():
            try:
                if text in self.text_of(node):
                    return True
            except Exception:  # noqa: BLE001 - see until
                continue
        return False

    def wait(self, text):
        """Waits until a text can be read."""
        self.until(lambda: self.shows(text), f"{text!r} is shown")

    def wait_gone(self, text):
        """Waits until a text has gone."""
        self.until(lambda: not self.shows(text), f"{text!r} has gone")

    def click(self, name, role="push button", last=False):
        """Presses a control, once it is there and can be pressed."""

        def pressed():
            node = self.find(role, name, last)
            if node is None or not node.getState().contains(pyatspi.STATE_SENSITIVE):
                return False
            return node.queryAction().doAction(0)

        self.until(pressed, f"{role} {name!r} can be pressed")

    def choose_row(self, name):
        """Chooses a row of a table; AT-SPI knows no double click."""
        self.click(name, role="table row")

    def write(self, field, text):
        """Puts a text into a field."""

        def written():
            node = self.find("entry", field)
            if node is None:
                return False
            if node.queryText().getText(0, -1) == text:
                return True
            self.set_text(node, text)
            return False

        self.until(written, f"the field {field!r} holds {text!r}")

    def set_text(self, node, text):
        """EditableText.SetTextContents by its own call: libatspi 2.46 does not see that AccessKit's fields have it."""
        if self.bus is None:
            session = Gio.bus_get_sync(Gio.BusType.SESSION)
            address = session.call_sync(
                "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None, 0, -1, None
            ).unpack()[0]
            flags = Gio.DBusConnectionFlags
            self.bus = Gio.DBusConnection.new_for_address_sync(
                address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None
            )
        self.bus.call_sync(
            node.app.bus_name, node.path, "org.a11y.atspi.EditableText", "SetTextContents",
            GLib.Variant("(s)", (text,)), None, 0, 10_000, None,
        )

    def picture(self, name):
        """A picture of the whole screen."""
        path = os.path.join(self.pictures, f"{name}.png")
        subprocess.run(["import", "-window", "root", path], check=True)


def cpu_ticks(pid):
    """Processor time that a process has used so far (user and system), in clock ticks."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def share_of_a_core(pid, seconds):
    """How much of one core a process uses in a stretch of time, in per cent."""
    before, began = cpu_ticks(pid), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return 100.0 * (cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / took
