#!/bin/sh
# Lets outside clients judge the sandbox's Salesforce: simple-salesforce (Python) and jsforce (Node).
#
#   tests/judges/salesforce.sh [DIR]
#
# DIR is a scratch folder; the clients are installed there once and used again. One line for each check, then a closing
# line "N passed, N failed". Exit 0 if all passed, 1 if one failed, 77 if a client could not be installed.
# RIVA_SANDBOX_SERVE names a built `serve` example; else it is built here.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/judges/salesforce
dir=${1:-${TMPDIR:-/tmp}/riva-judges}
dir=$dir/salesforce
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

cannot() { echo "not run: $1"; exit 77; }
command -v python3 >/dev/null || cannot "python3 is missing (simple-salesforce)"
command -v npm >/dev/null || cannot "npm is missing (jsforce)"
command -v openssl >/dev/null || cannot "openssl is missing (keys for the JWT flow)"
if [ ! -e "$dir/venv/.done" ]; then
    python3 -m venv "$dir/venv" && "$dir/venv/bin/pip" install -q --disable-pip-version-check 'simple-salesforce==1.12.*' \
        || cannot "simple-salesforce could not be installed"
    touch "$dir/venv/.done"
fi
if [ ! -e "$dir/node_modules/jsforce" ]; then
    [ -e "$dir/package.json" ] || echo '{"private": true}' > "$dir/package.json"
    (cd "$dir" && npm install --no-audit --no-fund --silent jsforce@3) || cannot "jsforce could not be installed"
fi

if [ -z "${RIVA_SANDBOX_SERVE:-}" ]; then
    (cd "$root" && cargo build -q --locked --workspace --example serve)
    RIVA_SANDBOX_SERVE=${CARGO_TARGET_DIR:-$root/target}/debug/examples/serve
fi

# The sandbox lives as long as the pipe to it is open, and this script holds the other end.
pipe=$dir/pipe.$$
out=$dir/sandbox.$$.json
ca=$dir/ca.$$.pem
mkfifo "$pipe"
"$RIVA_SANDBOX_SERVE" "$root/config/demo/company.toml" --ca "$ca" < "$pipe" > "$out" &
sandbox=$!
exec 9> "$pipe"
finish() { exec 9>&-; wait "$sandbox" || true; rm -f "$pipe" "$out" "$ca" "$dir"/jwt.$$.*; }
trap finish EXIT
tries=0
until [ -s "$out" ]; do
    kill -0 "$sandbox" 2>/dev/null || { echo "the sandbox did not start"; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "the sandbox did not start within 30 seconds"; exit 1; }
    sleep 0.1
done

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/jwt.$$.key" -out "$dir/jwt.$$.crt" -days 2 -subj /CN=judge 2>/dev/null
SALESFORCE_URL=$(sed 's/.*"salesforce":"\([^"]*\)".*/\1/' "$out")
COMPANY=$root/config/demo/company.toml JWT_KEY=$dir/jwt.$$.key JWT_CERT=$dir/jwt.$$.crt
export SALESFORCE_URL COMPANY JWT_KEY JWT_CERT
# An environment may name bundles of its own, and these beat everything that a client is told in code.
export REQUESTS_CA_BUNDLE="$ca" CURL_CA_BUNDLE="$ca" SSL_CERT_FILE="$ca" NODE_EXTRA_CA_CERTS="$ca"
export NO_PROXY='localhost,127.0.0.1' no_proxy='localhost,127.0.0.1'

report=$dir/report.$$
"$dir/venv/bin/python" "$here/simple_salesforce_judge.py" > "$report" 2>&1 || echo "FAILED simple-salesforce ended early" >> "$report"
NODE_PATH=$dir/node_modules node "$here/jsforce_judge.cjs" >> "$report" 2>&1 || echo "FAILED jsforce ended early" >> "$report"
cat "$report"
passed=$(grep -c '^ok ' "$report" || true)
failed=$(grep -c '^FAILED ' "$report" || true)
rm -f "$report"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
