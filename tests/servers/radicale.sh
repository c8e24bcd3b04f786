#!/bin/bash
# A real Radicale (CalDAV and CardDAV) on loopback, for the tests of the CalDAV connector.
#
#   radicale.sh start DIR    prints one line of JSON: url, home, account, password, users
#   radicale.sh stop DIR
#
# DIR keeps the Python environment, so that a second start takes seconds. Every start begins with empty collections:
# alice and bob have a calendar and an address book, carol has never opened hers, erin's home is closed to the service
# account riva, which may read and write all others. Needs Python 3.10 or later with venv.
set -euo pipefail
exec "$(dirname "$0")/dav-server.sh" radicale "$@"
