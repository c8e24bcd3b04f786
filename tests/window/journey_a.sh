#!/bin/sh
# Journey A in a real window: `riva demo` under a virtual X server, worked by a robot that finds every control by its
# accessible name (AT-SPI, as a screen reader does); then the processor time that an idle window takes.
#
#   tests/window/journey_a.sh RIVA_BINARY
#
# A picture of every step goes to $RIVA_ARTIFACTS/window (default ./artifacts). One line for each check, then a closing
# line "N passed, N failed". Exit 0 if all passed, 1 if one failed, 77 if there is no X server or no AT-SPI here.
set -eu
riva=$(readlink -f "${1:?usage: journey_a.sh RIVA_BINARY}")
here=$(cd "$(dirname "$0")" && pwd)
pictures=${RIVA_ARTIFACTS:-$PWD/artifacts}/window
mkdir -p "$pictures"
rm -f "$pictures"/*.png

cannot() { echo "not run: $1"; exit 77; }
for tool in Xvfb dbus-run-session import xdotool; do
    command -v "$tool" >/dev/null || cannot "$tool is missing (packages xvfb, dbus, imagemagick, xdotool)"
done
# It belongs to the system's Python; another one that stands first in PATH does not see it.
/usr/bin/python3 -c 'import pyatspi' 2>/dev/null || cannot "AT-SPI is missing (packages at-spi2-core, python3-pyatspi)"

scratch=$(mktemp -d)
Xvfb -displayfd 5 -screen 0 1280x800x24 -nolisten tcp 5>"$scratch/display" >"$scratch/xvfb.log" 2>&1 &
server=$!
finish() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM
tries=0
until [ -s "$scratch/display" ]; do
    kill -0 "$server" 2>/dev/null || cannot "Xvfb does not start: $(tail -1 "$scratch/xvfb.log")"
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || cannot "Xvfb does not start within 30 seconds"
    sleep 0.1
done

mkdir -m 700 "$scratch/runtime"
unset WAYLAND_DISPLAY WAYLAND_SOCKET RIVA_WORKSPACE RIVA_PASSPHRASE CREDENTIALS_DIRECTORY DBUS_SESSION_BUS_ADDRESS
DISPLAY=:$(cat "$scratch/display")
export DISPLAY XDG_RUNTIME_DIR="$scratch/runtime" RIVA_SECRETS=file PYTHONDONTWRITEBYTECODE=1
status=0
dbus-run-session -- /usr/bin/python3 "$here/journey_a.py" "$riva" "$pictures" "$scratch" 2>"$scratch/robot.log" || status=$?
[ "$status" = 0 ] || tail -5 "$scratch/robot.log" >&2
exit "$status"
