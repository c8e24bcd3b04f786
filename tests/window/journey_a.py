"""Journey A in a real window, step by step; then how idle an idle window is. Started by journey_a.sh."""

import os
import signal
import subprocess
import sys
import traceback

import pyatspi

from robot import Failed, Robot, share_of_a_core

MAIL, CRM, POLICY = "Northwind mail", "Northwind Salesforce", "sales-team"
NEW = [
    ("priya", "Priya Raman", "priya.raman@northwind-demo.example"),
    ("Jonas Weber", "Jonas Weber", "jonas.weber@northwind-demo.example"),
]
# An idle window may use so much of one core, in per cent, measured for so many seconds; so often, for a single
# half minute may hold what another program on the machine made the window do (a repaint, a cold cache).
IDLE_PERCENT, IDLE_S, IDLE_TRIES = 0.5, 30, 3


class Journey:
    """The steps, and what came of them."""

    def __init__(self, riva, pictures, scratch):
        self.riva = riva
        self.scratch = scratch
        self.workspace = os.path.join(scratch, "northwind")
        self.robot = Robot(pictures)
        self.pictures = pictures
        self.running = []
        self.passed = self.failed = 0
        self.number = 0

    def start(self, *arguments):
        """Starts the program; what it says goes to a file."""
        log = open(os.path.join(self.scratch, f"riva-{len(self.running)}.log"), "wb")
        process = subprocess.Popen([self.riva, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.running.append(process)
        return process

    def stop(self, process):
        """Asks a program to end; it may finish what is under way."""
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"process {process.pid} did not end when it was asked to") from None

    def step(self, title, work):
        """Does one step and takes a picture of where it ended. What follows a failed step cannot be done."""
        if self.failed:
            return
        self.number += 1
        name = f"{self.number:02}-{title.split(':')[0].lower().replace(' ', '-')}"
        try:
            said = work()
            print(f"ok {title}{': ' + said if said else ''}", flush=True)
            self.passed += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the step has failed
            print(f"FAILED {title}: {error}", flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc()
            self.failed += 1
        try:
            self.robot.picture(name)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"no picture {name}: {error}", file=sys.stderr)

    # The steps.

    def open_demo(self):
        self.demo = self.start("demo", "--folder", self.workspace)
        self.robot.attach(self.demo)
        self.robot.wait("Agent running")
        self.fill_screen("Riva Manager")
        self.robot.click("Light theme")
        self.robot.wait(CRM)
        self.robot.until(lambda: share_of_a_core(self.demo.pid, 0.5) < 5, "the window comes to rest")

    def fill_screen(self, title):
        """Without a window manager nobody else gives the window the whole screen."""
        found = subprocess.run(["xdotool", "search", "--name", title], capture_output=True, text=True, check=True)
        # The pointer must not raise a tip on the pictures.
        subprocess.run(["xdotool", "mousemove", "1279", "799"], check=True)
        for window in found.stdout.split():
            subprocess.run(["xdotool", "windowmove", window, "0", "0", "windowsize", window, "1280", "800"], check=True)

    def test_connection(self, row):
        robot = self.robot
        robot.choose_row(row)
        robot.click("Edit")
        robot.click("Test Connection", role="page tab")
        for _, _, address in NEW:
            robot.write("User E-mail", address)
            robot.click("Run Test >>")
            robot.wait(f"Connection Test Succeeded for {address}")
            robot.wait("May write: passed")
        return f"passed for {len(NEW)} users"

    def licensing(self):
        robot = self.robot
        robot.click("Cancel")
        robot.wait_gone("Run Test >>")
        robot.click("Policies", role="toggle button")
        robot.choose_row(POLICY)
        robot.click("Licensing Details")
        robot.wait("4 unused of 8")
        return "4 unused of 8"

    def browser(self):
        robot = self.robot
        robot.click("Close window")
        robot.wait_gone("unused of 8")
        robot.choose_row(POLICY)
        robot.click("Edit")
        robot.click("add >>")
        for typed, name, address in NEW:
            robot.write("Mailbox user name", typed)
            robot.click("check name >>")
            robot.until(lambda n=name, a=address: robot.find("check box", f"{n} <{a}>"), f"{name} is found")
            if address == NEW[-1][2]:
                robot.picture("policies-browser")
            robot.click("add >>")
            robot.wait(f"To add: {address}")
        return "both names resolve"

    def save(self):
        robot = self.robot
        robot.click("Ok >>")
        robot.wait("2 users to add")
        robot.click("Save")
        robot.wait("Restart the Riva CRM Agent service?")

    def restart(self):
        self.robot.click("Yes")
        self.robot.wait("The agent was restarted")
        self.robot.wait_gone("Restart the Riva CRM Agent service?")

    def queue(self):
        robot = self.robot
        robot.click("Service Monitor", role="toggle button")
        for _, _, address in NEW:
            robot.until(lambda a=address: robot.find("table row", a), f"{address} is in the queue")
        return "both are in it"

    def activity(self, address):
        robot = self.robot
        if robot.shows("Initial sync: passed"):
            robot.click("Close window")
            robot.wait_gone("Initial sync: passed")
        robot.choose_row(address)
        robot.click("Monitor Activity")
        robot.wait("License: passed, Licensed")
        robot.wait("Connections: passed")
        robot.wait("Initial sync: passed, Completed")
        robot.wait("Full initial sync is completed")
        # Messages that float above the window would be on the picture.
        robot.wait_gone("The agent was restarted")
        return "licensed, connected, full initial sync completed"

    def open_second(self):
        """A Manager of its own on the workspace: the demo's process hosts the sandbox, too, and works for it."""
        self.manager = self.start("--workspace", self.workspace)
        self.robot = Robot(self.pictures)
        self.robot.attach(self.manager)
        self.robot.wait(CRM)
        self.robot.wait("Agent running")
        self.fill_screen("Riva Manager")

    def idle(self):
        # What opening began must have ended: a second without work says so.
        pid = self.manager.pid
        self.robot.until(lambda: share_of_a_core(pid, 1) == 0, "the window comes to rest")
        shares = []
        while len(shares) < IDLE_TRIES and (not shares or shares[-1] >= IDLE_PERCENT):
            shares.append(share_of_a_core(pid, IDLE_S))
        seen = ", ".join(f"{share:.2f}" for share in shares)
        if shares[-1] >= IDLE_PERCENT:
            raise Failed(f"an idle window takes {seen} % of a core, not less than {IDLE_PERCENT} %")
        return f"{seen} % of a core"

    def idle_monitor(self):
        self.robot.click("Service Monitor", role="toggle button")
        self.robot.until(lambda: self.robot.find("table row", NEW[0][2]), "the queue is shown")
        return self.idle()

    def end(self):
        for process in reversed(self.running):
            self.stop(process)
        status = subprocess.run(
            [self.riva, "agent", "status", "--workspace", self.workspace], capture_output=True, text=True, check=False
        )
        if status.returncode != 1:
            raise Failed(f"the agent still runs: {status.stdout}")

    def walk(self):
        """All of it."""
        self.step("open: riva demo opens its window", self.open_demo)
        self.step("test mail: Test Connection of the mail system", lambda: self.test_connection(MAIL))

        def test_crm():
            self.robot.click("Cancel")
            self.robot.wait_gone("Run Test >>")
            return self.test_connection(CRM)

        self.step("test crm: Test Connection of the CRM", test_crm)
        self.step("licensing: Licensing Details", self.licensing)
        self.step("browser: General, add >>, Exchange Browser", self.browser)
        self.step("save: Save", self.save)
        self.step("restart: Restart the Riva CRM Agent service? Yes", self.restart)
        self.step("queue: the new users are in the sync queue", self.queue)
        for _, name, address in NEW:
            self.step(f"activity {name}: Monitor Activity", lambda a=address: self.activity(a))
        self.step("second: another Manager on the workspace", self.open_second)
        self.step("idle setup: an idle window, Setup shown", self.idle)
        self.step("idle monitor: an idle window, Service Monitor shown", self.idle_monitor)


def main():
    """Walks, stops everything, counts."""
    enabled = subprocess.run(
        ["dbus-send", "--session", "--print-reply", "--dest=org.a11y.Bus", "/org/a11y/bus",
         "org.freedesktop.DBus.Properties.Set", "string:org.a11y.Status", "string:IsEnabled", "variant:boolean:true"],
        capture_output=True, text=True, check=False,
    )
    if enabled.returncode != 0:
        print(f"not run: AT-SPI does not start: {enabled.stderr.strip().splitlines()[-1:]}")
        return 77
    pyatspi.Registry  # noqa: B018 - connects to the bus
    journey = Journey(*sys.argv[1:4])
    try:
        journey.walk()
    finally:
        try:
            journey.end()
            print("ok everything is stopped")
            journey.passed += 1
        except Exception as error:  # noqa: BLE001
            print(f"FAILED everything is stopped: {error}")
            journey.failed += 1
        for process in journey.running:
            if process.poll() is None:
                process.kill()
                process.wait()
    print(f"{journey.passed} passed, {journey.failed} failed")
    return 1 if journey.failed else 0


if __name__ == "__main__":
    sys.exit(main())
