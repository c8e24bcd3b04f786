#!/bin/sh
# Validates against the EWS schema every request that Riva's own Exchange connector sends while its tests run against
# the sandbox, and every reply that it gets.
#
#   tests/judges/ews_client.sh [DIR]
#
# DIR is a scratch folder; what is needed is installed there once and used again. Closing line "N passed, N failed".
# Exit 0 if all passed, 1 if one failed, 77 if the validator could not be installed.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-${TMPDIR:-/tmp}/riva-judges}
dir=$dir/exchange
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

cannot() { echo "not run: $1"; exit 77; }
command -v python3 >/dev/null || cannot "python3 is missing (xmlschema)"
if [ ! -e "$dir/venv/.done" ]; then
    python3 -m venv "$dir/venv" \
        && "$dir/venv/bin/pip" install -q --disable-pip-version-check "exchangelib==5.6.0" "xmlschema==4.*" \
        || cannot "xmlschema could not be installed"
    touch "$dir/venv/.done"
fi

wire=$dir/wire-client
report=$dir/report.$$
rm -rf "$wire"
trap 'rm -f "$report"' EXIT
if (cd "$root" && RIVA_EWS_DUMP=$wire cargo test -q --locked --workspace --test exchange_sandbox) > "$dir/client.log" 2>&1; then
    echo "ok the connector's tests against the sandbox" > "$report"
else
    tail -40 "$dir/client.log"
    echo "FAILED the connector's tests against the sandbox" > "$report"
fi
"$dir/venv/bin/python" "$root/tests/judges/ews_schema.py" --sdist "$dir" "$wire" >> "$report" 2>&1 || [ $? -lt 77 ] \
    || echo "FAILED no EWS schema could be had" >> "$report"
cat "$report"
passed=$(grep -c '^ok ' "$report" || true)
failed=$(grep -c '^FAILED ' "$report" || true)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
