#!/usr/bin/env bash
# One list of scenarios (tests/scenarios) on Radicale and OpenERP 7, on Xandikos and OpenERP 7, and on the sandbox: each pair
# must come to what the list says, and so all of them to the same. Beside it the cases of calendars (tests/scenarios/cases).
#
#   scenarios_test.sh DIR    DIR keeps the servers' downloads
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir"

stop() { for server in radicale xandikos openerp; do bash "$here/$server.sh" stop "$dir/$server"; done; }
trap stop EXIT
for server in openerp radicale xandikos; do
  line=$(bash "$here/$server.sh" start "$dir/$server") || { status=$?; echo "$line" | tail -1; exit $status; }
  export "RIVA_${server^^}=$line"
done
[ -d "$dir/journey-venv" ] || python3 -m venv "$dir/journey-venv"
"$dir/journey-venv/bin/pip" install -q --disable-pip-version-check 'icalendar==6.3.1' 'vobject==0.9.9' \
  'recurring-ical-events==3.8.0' || {
  echo "the Python packages of this test cannot be installed"
  exit 1
}
export RIVA_SCENARIO_PYTHON=$dir/journey-venv/bin/python RIVA_SCENARIO_KINDS=all
RIVA_END_STATES=$(mktemp -d)
export RIVA_END_STATES

cd "$here/../.." || exit 1
cargo test --locked --workspace --test scenarios -- --nocapture --test-threads=1
status=$?

# The same once more, of what was seen alone: a story that two pairs can tell has the same lines on both.
for pair in radicale xandikos; do
  told() { grep -oE '^[^ ]+' "$RIVA_END_STATES/$1.txt" | sort -u; }
  common=$(comm -12 <(told sandbox) <(told $pair))
  lines() { awk 'NR == FNR { known[$1]; next } $1 in known' <(echo "$common") "$RIVA_END_STATES/$1.txt" | sort; }
  if [ -n "$common" ] && diff <(lines sandbox) <(lines $pair) >"$RIVA_END_STATES/diff"; then
    echo "$(echo "$common" | wc -l) scenarios passed with the same end states on the sandbox and on $pair with OpenERP 7"
  else
    echo "the sandbox and $pair with OpenERP 7 do not end alike:"
    cat "$RIVA_END_STATES/diff"
    status=1
  fi
done
rm -rf "$RIVA_END_STATES"
exit $status
