#!/bin/bash
# What radicale.sh and xandikos.sh share: dav-server.sh radicale|xandikos start|stop DIR
set -euo pipefail

say() { echo "$server: $*" >&2; }
fail() { say "$*"; exit 1; }

[ $# = 3 ] || { echo "usage: radicale.sh|xandikos.sh start|stop DIR" >&2; exit 2; }
server=$1 verb=$2
mkdir -p "$3"
dir=$(cd "$3" && pwd -P)
python=$dir/venv/bin/python

stop() {
    [ -f "$dir/pid" ] || return 0
    local pid
    pid=$(cat "$dir/pid")
    rm -f "$dir/pid"
    # Only what this script has started: the process must still be of this folder's Python.
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$dir"; then
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.05; done
        kill -9 "$pid" 2>/dev/null || true
    fi
}

install() {
    if ! "$python" -c "import $server" 2>/dev/null; then
        python3 -m venv "$dir/venv" >&2 || { echo "not run: no Python with venv"; exit 77; }
        case $server in
            radicale) "$dir/venv/bin/pip" install -q --disable-pip-version-check radicale==3.9.0 >&2 ;;
            xandikos) "$dir/venv/bin/pip" install -q --disable-pip-version-check xandikos==0.4.10 >&2 ;;
        esac
    fi
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_until_up() {
    for _ in $(seq 300); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { tail -20 "$dir/log" >&2; fail "it ended at once"; }
        sleep 0.1
    done
    fail "it did not answer within 30 s; its log is $dir/log"
}

# Makes calendar and address book of a user; a user named alone is only seen once.
make_collections() {
    "$python" - "http://127.0.0.1:$port" "$@" <<'PY'
import base64, sys, urllib.request
url, user, *what = sys.argv[1:]
def send(method, path, body):
    r = urllib.request.Request(url + path, body.encode(), {'Content-Type': 'application/xml', 'Depth': '0'}, method=method)
    r.add_header('Authorization', 'Basic ' + base64.b64encode(f'{user}:{user}-secret'.encode()).decode())
    urllib.request.urlopen(r, timeout=20).read()
send('PROPFIND', f'/{user}/', '<propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>')
if 'calendar' in what:
    send('MKCALENDAR', f'/{user}/calendar/', '<c:mkcalendar xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>Calendar</displayname></prop></set></c:mkcalendar>')
    send('MKCOL', f'/{user}/contacts/', '<mkcol xmlns="DAV:" xmlns:k="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/><k:addressbook/></resourcetype><displayname>Contacts</displayname></prop></set></mkcol>')
PY
}

start_radicale() {
    local data=$dir/data
    rm -rf "$data"
    mkdir -p "$data"
    for user in riva alice bob carol erin; do echo "$user:$user-secret"; done >"$data/users"
    cat >"$data/rights" <<R
[closed]
user: riva
collection: erin(/.*)?
permissions:
[service]
user: riva
collection: .*
permissions: RrWw
[root]
user: .+
collection:
permissions: R
[home]
user: .+
collection: {user}
permissions: RW
[below]
user: .+
collection: {user}/[^/]+
permissions: rw
R
    cat >"$data/config" <<C
[server]
hosts = 127.0.0.1:$port
[auth]
type = htpasswd
htpasswd_filename = $data/users
htpasswd_encryption = plain
delay = 0
[rights]
type = from_file
file = $data/rights
[storage]
filesystem_folder = $data/collections
[web]
type = none
C
    "$python" -m radicale -C "$data/config" >"$dir/log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    wait_until_up
    for user in alice bob erin; do make_collections "$user" calendar; done
    make_collections carol
}

start_xandikos() {
    local data=$dir/data user
    rm -rf "$data"
    mkdir -p "$data"
    # Each start makes the collections of one user; the last one serves all.
    for user in bob alice; do
        "$dir/venv/bin/python" "$dir/venv/bin/xandikos" serve -d "$data" --defaults --current-user-principal "/$user/" \
            --no-detect-systemd -l 127.0.0.1 -p "$port" >"$dir/log" 2>&1 </dev/null &
        echo $! >"$dir/pid"
        wait_until_up
        [ "$user" = alice ] || stop
    done
}

case $verb in
    start)
        stop
        install
        port=$(free_port)
        "start_$server"
        user() { printf '{"name":"%s","address":"%s@riva.test","password":"%s-secret"}' "$1" "$1" "$1"; }
        printf '{"server":"%s","url":"http://127.0.0.1:%s/","home":"/{user}/","account":"riva","password":"riva-secret","users":[%s,%s]}\n' \
            "$server" "$port" "$(user alice)" "$(user bob)"
        ;;
    stop) stop ;;
    *) fail "start or stop?" ;;
esac
