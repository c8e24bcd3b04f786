#!/bin/sh
# Lets outside clients judge the sandbox's Exchange: exchangelib (Python) talks to it, and every request and every reply
# of that talk is validated against the EWS schema.
#
#   tests/judges/exchange.sh [DIR]
#
# DIR is a scratch folder; the clients are installed there once and used again. One line for each check, then a closing
# line "N passed, N failed". Exit 0 if all passed, 1 if one failed, 77 if a client could not be installed.
# RIVA_SANDBOX_SERVE names a built `serve` example, RIVA_EWS_CLIENT a built `exchange_series` example; else they are built
# here.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/judges
dir=${1:-${TMPDIR:-/tmp}/riva-judges}
dir=$dir/exchange
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

cannot() { echo "not run: $1"; exit 77; }
command -v python3 >/dev/null || cannot "python3 is missing (exchangelib)"
if [ ! -e "$dir/venv/.done" ]; then
    python3 -m venv "$dir/venv" \
        && "$dir/venv/bin/pip" install -q --disable-pip-version-check "exchangelib==5.6.0" "xmlschema==4.*" \
        || cannot "exchangelib and xmlschema could not be installed"
    touch "$dir/venv/.done"
fi

if [ -z "${RIVA_SANDBOX_SERVE:-}" ]; then
    (cd "$root" && cargo build -q --locked --workspace --example serve)
    RIVA_SANDBOX_SERVE=${CARGO_TARGET_DIR:-$root/target}/debug/examples/serve
fi

if [ -z "${RIVA_EWS_CLIENT:-}" ]; then
    (cd "$root" && cargo build -q --locked --workspace --example exchange_series)
    RIVA_EWS_CLIENT=${CARGO_TARGET_DIR:-$root/target}/debug/examples/exchange_series
fi

# The sandbox lives as long as the pipe to it is open, and this script holds the other end.
pipe=$dir/pipe.$$
out=$dir/sandbox.$$.json
ca=$dir/ca.$$.pem
wire=$dir/wire
report=$dir/report.$$
rm -rf "$wire"
mkfifo "$pipe"
"$RIVA_SANDBOX_SERVE" "$root/config/demo/company.toml" --ca "$ca" --dump "$wire" < "$pipe" > "$out" &
sandbox=$!
exec 9> "$pipe"
finish() { exec 9>&-; wait "$sandbox" || true; rm -f "$pipe" "$out" "$ca" "$report"; }
trap finish EXIT
tries=0
until [ -s "$out" ]; do
    kill -0 "$sandbox" 2>/dev/null || { echo "the sandbox did not start"; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "the sandbox did not start within 30 seconds"; exit 1; }
    sleep 0.1
done

EXCHANGE_URL=$(sed 's/.*"exchange":"\([^"]*\)".*/\1/' "$out")
COMPANY=$root/config/demo/company.toml
export EXCHANGE_URL COMPANY RIVA_EWS_CLIENT
# An environment may name bundles of its own, and these beat everything that a client is told in code.
export REQUESTS_CA_BUNDLE="$ca" CURL_CA_BUNDLE="$ca" SSL_CERT_FILE="$ca"
export NO_PROXY='localhost,127.0.0.1' no_proxy='localhost,127.0.0.1'

"$dir/venv/bin/python" "$here/exchange/exchangelib_judge.py" > "$report" 2> "$dir/exchangelib.log" || [ -s "$report" ] \
    || echo "FAILED exchangelib ended early: $(tail -1 "$dir/exchangelib.log")" >> "$report"
# The package index is not the sandbox: its certificates are the system's.
env -u REQUESTS_CA_BUNDLE -u CURL_CA_BUNDLE -u SSL_CERT_FILE \
    "$dir/venv/bin/python" "$here/ews_schema.py" --sdist "$dir" "$wire" >> "$report" 2>&1 || [ $? -lt 77 ] \
    || echo "FAILED no EWS schema could be had" >> "$report"
cat "$report"
passed=$(grep -c '^ok ' "$report" || true)
failed=$(grep -c '^FAILED ' "$report" || true)
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
