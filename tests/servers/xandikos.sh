#!/bin/bash
# A real Xandikos (CalDAV and CardDAV) on loopback, for the tests of the CalDAV connector.
#
#   xandikos.sh start DIR    prints one line of JSON: url, home, account, password, users
#   xandikos.sh stop DIR
#
# DIR keeps the Python environment, so that a second start takes seconds. Every start begins with empty collections of
# alice and bob. It runs in its single-user way, which asks for no login: its multi-user way lets no account into
# another's home. Needs Python 3.10 or later with venv.
set -euo pipefail
exec "$(dirname "$0")/dav-server.sh" xandikos "$@"
