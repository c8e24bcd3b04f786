#!/usr/bin/env bash
# The connectors' contract and server tests, on real Radicale, Xandikos and OpenERP 7.
#
#   connectors_test.sh DIR    DIR keeps the servers' downloads
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir"
status=0

stop() { for server in radicale xandikos openerp; do bash "$here/$server.sh" stop "$dir/$server"; done; }
trap stop EXIT

start() {
  local line
  if line=$(bash "$here/$1.sh" start "$dir/$1"); then
    export "$2=$line"
  else
    # A server that cannot run here is named; the others are tested all the same.
    echo "$1: ${line:-it did not start}"
    [ "${line#not run}" != "$line" ] || status=1
  fi
}
start radicale RIVA_RADICALE
start xandikos RIVA_XANDIKOS
start openerp RIVA_OPENERP

cd "$here/../.." || exit 1
# One after the other: Xandikos answers 500 to a write that crosses another in the same collection. (The agent reads back what
# was done, and goes on; these tests look at each answer.)
cargo test --locked --workspace --test dav_servers -- --nocapture --test-threads=1 || status=1
cargo test --locked --workspace --lib odoo::tests -- --nocapture || status=1
exit $status
