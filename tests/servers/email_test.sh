#!/usr/bin/env bash
# E-mail from the sandbox's Exchange into a real OpenERP 7, through the real agent (tests/email/openerp.rs).
#
#   email_test.sh DIR    DIR keeps the server's downloads
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir"

trap 'bash "$here/openerp.sh" stop "$dir/openerp"' EXIT
RIVA_OPENERP=$(bash "$here/openerp.sh" start "$dir/openerp") || { status=$?; echo "$RIVA_OPENERP" | tail -1; exit $status; }
export RIVA_OPENERP
cd "$here/../.." || exit 1
cargo test --locked --workspace --test email openerp -- --nocapture
