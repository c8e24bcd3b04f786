#!/bin/sh
# Judges what Riva makes of recurrence rules: every series of two public corpora and some hundred made-up ones are
# expanded by Riva, by the Rust crates `rrule` and `calcard`, by Python's `recurring-ical-events`, and by the text of
# RFC 5545 (recurrence/by_the_text.py). Riva must agree with the text; where a library does not agree with Riva, it must
# be in a way that recurrence/DISAGREEMENTS.md decides.
#
#   tests/judges/recurrence.sh [DIR]
#
# DIR is a scratch folder; what is needed is installed there once and used again. Closing line "N passed, N failed".
# Exit 0 if all passed, 1 if one failed, 77 if the libraries or corpora could not be had.
# RIVA_RECURRENCE names a built `recurrence` example; else it is built here. RIVA_RECURRENCE_ARGS: see compare.py
# (--made-up 3000 takes ten minutes).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/judges/recurrence
dir=${1:-${TMPDIR:-/tmp}/riva-judges}
dir=$dir/recurrence
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
package=recurring-ical-events==3.8.0

cannot() { echo "not run: $1"; exit 77; }
command -v python3 >/dev/null || cannot "python3 is missing (recurring-ical-events)"
if [ ! -e "$dir/venv/.done" ]; then
    python3 -m venv "$dir/venv" && "$dir/venv/bin/pip" install -q --disable-pip-version-check "$package" "icalendar==6.3.2" \
        || cannot "recurring-ical-events could not be installed"
    touch "$dir/venv/.done"
fi
# Its source has the calendars that its users found wrong.
if [ ! -e "$dir/source/.done" ]; then
    mkdir -p "$dir/source"
    "$dir/venv/bin/pip" download -q --disable-pip-version-check --no-deps --no-binary recurring-ical-events -d "$dir/source" "$package" \
        && tar xzf "$dir"/source/*.tar.gz -C "$dir/source" || cannot "the source of recurring-ical-events could not be had"
    touch "$dir/source/.done"
fi

if [ -z "${RIVA_RECURRENCE:-}" ]; then
    (cd "$root" && cargo build -q --locked --workspace --example recurrence)
    RIVA_RECURRENCE=${CARGO_TARGET_DIR:-$root/target}/debug/examples/recurrence
fi

report=$dir/report.$$
trap 'rm -f "$report"' EXIT
# What has no zone is read on this machine's clock by one of them.
# shellcheck disable=SC2086
TZ=UTC PYTHONDONTWRITEBYTECODE=1 "$dir/venv/bin/python" "$here/compare.py" "$RIVA_RECURRENCE" ${RIVA_RECURRENCE_ARGS:-} "$dir/source" > "$report" 2> "$dir/compare.log" \
    || grep -q '^FAILED ' "$report" || echo "FAILED the comparison ended early: $(tail -1 "$dir/compare.log")" >> "$report"
cat "$report"
passed=$(grep -c '^ok ' "$report" || true)
failed=$(grep -c '^FAILED ' "$report" || true)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
