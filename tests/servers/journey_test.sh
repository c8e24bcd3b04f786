#!/usr/bin/env bash
# Journey A on real software on both sides: Radicale and OpenERP 7, with real-world events and cards in the mailbox.
#
#   journey_test.sh DIR    DIR keeps the servers' downloads
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
root=$(cd "$here/../.." && pwd)
riva=${TARGET:-$root/target}/debug/riva
mkdir -p "$dir"

openerp=$(bash "$here/openerp.sh" start "$dir/openerp") || { status=$?; echo "$openerp" | tail -1; exit $status; }
trap 'bash "$here/openerp.sh" stop "$dir/openerp"; bash "$here/radicale.sh" stop "$dir/radicale"' EXIT
radicale=$(bash "$here/radicale.sh" start "$dir/radicale") || { status=$?; echo "$radicale" | tail -1; exit $status; }
[ -d "$dir/journey-venv" ] || python3 -m venv "$dir/journey-venv"
"$dir/journey-venv/bin/pip" install -q --disable-pip-version-check 'icalendar==6.3.1' 'vobject==0.9.9' \
  'recurring-ical-events==3.8.0' || {
  echo "the Python packages of this test cannot be installed"
  exit 1
}
cd "$root" && cargo build --workspace --locked --bins || exit 1
"$dir/journey-venv/bin/python" -u "$here/journey/main.py" --riva "$riva" --openerp "$openerp" --radicale "$radicale" \
  --radicale-folder "$dir/radicale" --root "$root"
