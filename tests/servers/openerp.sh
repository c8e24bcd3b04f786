#!/bin/bash
# A real OpenERP 7 (the server that became Odoo) on loopback, for the tests of the Odoo connector.
#
#   openerp.sh start DIR    prints one line of JSON: url, database, login, password, users
#   openerp.sh stop DIR
#
# DIR keeps what was downloaded and set up (about 300 MB), so that a second start takes seconds. Every start gives a
# fresh database, copied from a template. Needs Python 2.7.18 (of pyenv) and the PostgreSQL programs of Debian or
# Ubuntu; without Python 2.7 it says "not run: no Python 2.7" and exits with 77.
set -euo pipefail

usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }
say() { echo "openerp: $*" >&2; }
fail() { say "$*"; exit 1; }

[ $# = 2 ] || usage
verb=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
version=7.0.406
# The applications; a folder that was set up with others is set up anew.
modules=crm,contacts,project
template=template_openerp_${modules//,/_}

# Neither PostgreSQL nor OpenERP runs as root: both then run as the user that Debian's PostgreSQL package made.
if [ "$(id -u)" = 0 ]; then
    as() { runuser -u postgres -- "$@"; }
    owner=postgres
else
    as() { "$@"; }
    owner=$(id -un)
fi

find_python() {
    local candidate
    for candidate in "${PYTHON27:-}" "$(pyenv prefix 2.7.18 2>/dev/null || true)/bin/python2.7" \
        "$HOME/.pyenv/versions/2.7.18/bin/python2.7"; do
        if [ -x "$candidate" ] && "$candidate" -c 'import pip' 2>/dev/null; then echo "$candidate"; return; fi
    done
    echo "not run: no Python 2.7 (pyenv install 2.7.18, or PYTHON27=…)"
    exit 77
}

find_postgres() {
    local folder
    for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr); do
        if [ -x "$folder/initdb" ]; then echo "$folder"; return; fi
    done
    echo "not run: no PostgreSQL (apt-get install postgresql)"
    exit 77
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until the process of a pid file has gone; asks it to go first.
stop_pid() {
    local pid
    [ -f "$1" ] || return 0
    pid=$(cat "$1")
    # The folder in its command line tells our process from a stranger that got its number after a reboot.
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$dir"; then
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; read -rt 0.1 <> <(:) || true; done
        if kill -0 "$pid" 2>/dev/null; then kill -9 "$pid" || true; fi
    fi
    rm -f "$1"
}

stop() {
    stop_pid "$dir/openerp.pid"
    if [ -f "$dir/pg/data/postmaster.pid" ]; then
        as "$pgbin/pg_ctl" -D "$dir/pg/data" -m fast -w stop >/dev/null 2>&1 || true
    fi
}

download() {
    [ "$(cat "$dir/downloaded" 2>/dev/null)" = "$modules" ] && return
    say "downloading (once)"
    mkdir -p "$dir"/{dl,src,addons,site,home}
    "$python" -m pip --disable-pip-version-check download -q --no-deps -d "$dir/dl" \
        openerp-{core,crm,contacts,project,mail,web,process,board,product,analytic,resource,fetchmail}==$version \
        openerp-{base-action-rule,base-setup,base-status,email-template,base-calendar,decimal-precision}==$version \
        openerp-web-{kanban,calendar,graph,gantt,view-editor,diagram}==$version 2>"$dir/pip.log" ||
        { cat "$dir/pip.log" >&2; fail "the download failed"; }
    "$python" -m pip --disable-pip-version-check install -q --upgrade --target "$dir/site" 'babel<2.10' 'docutils<0.18' \
        lxml==4.9.4 'mako<1.2' 'pillow<7' 'psutil<6' psycopg2-binary==2.7.7 'pydot<1.1' 'pyparsing<2' 'python-dateutil<2' \
        pytz 'pyyaml<5.5' 'reportlab<3.6' simplejson unittest2 'werkzeug<0.10' 'jinja2<3' feedparser==5.2.1 'mock<4' \
        'vobject<0.9.8' six 2>>"$dir/pip.log" || { cat "$dir/pip.log" >&2; fail "the download failed"; }
    for f in "$dir"/dl/*.tar.gz; do tar xzf "$f" -C "$dir/src" --no-same-owner; done
    for d in "$dir"/src/openerp-*-$version; do
        n=$(basename "$d"); n=${n#openerp-}; n=${n%-"$version"}; n=${n//-/_}
        [ "$n" = core ] || ln -sfn "$d" "$dir/addons/$n"
    done
    # PyChart is no longer published; only graphs in PDF reports use it.
    cat >"$dir/site/pychart.py" <<'PY'
class _Any(object):
    def __getattr__(self, n): return self
    def __call__(self, *a, **k): return self
    def __iter__(self): return iter(())
color = fill_style = line_style = theme = canvas = axis = area = bar_plot = pie_plot = line_plot = legend = _Any()
text_box = category_coord = font = _Any()
PY
    # A copy of Python that the plain user can read: pyenv usually lives in a private home.
    rm -rf "$dir/py27"
    cp -a "$(dirname "$(dirname "$(readlink -f "$python")")")" "$dir/py27"
    rm -rf "$dir/py27/lib/python2.7/test"
    chmod -R a+rX "$dir"/{src,addons,site,py27}
    echo "$modules" >"$dir/downloaded"
}

start_postgres() {
    install -d -o "$owner" "$dir/pg" "$dir/home"
    as test -x "$dir/pg" || fail "the user $owner cannot reach $dir: choose a folder outside private homes"
    if [ ! -f "$dir/pg/data/PG_VERSION" ]; then
        as "$pgbin/initdb" -D "$dir/pg/data" -A trust -E UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 ||
            { cat "$dir/initdb.log" >&2; fail "initdb failed"; }
    fi
    pgport=$(free_port)
    as "$pgbin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -w start -o \
        "-p $pgport -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" >/dev/null </dev/null ||
        { tail -n 20 "$dir/pg/log" >&2; fail "PostgreSQL did not start"; }
}

sql() { PGOPTIONS="-c client_min_messages=warning" "$pgbin/psql" -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$pgport" -U "$owner" -d postgres -c "$1"; }

# Becomes the server, as the plain user: run it in a subshell.
serve() {
    export HOME=$dir/home PYTHONHOME=$dir/py27 LD_LIBRARY_PATH=$dir/py27/lib
    export PYTHONPATH=$dir/site:$dir/src/openerp-core-$version
    export PYTHONWARNINGS=ignore
    cd "$dir/home"
    local command=("$dir/py27/bin/python2.7" "$dir/src/openerp-core-$version/openerp-server" "--addons-path=$dir/addons"
        --db_host=127.0.0.1 "--db_port=$pgport" --db_user=openerp --db_password=x --xmlrpc-interface=127.0.0.1
        "--xmlrpc-port=$port" --no-xmlrpcs --no-netrpc --without-demo=all --max-cron-threads=0 "$@")
    if [ "$(id -u)" = 0 ]; then exec setpriv --reuid=postgres --regid=postgres --init-groups "${command[@]}"; fi
    exec "${command[@]}"
}

# Waits until the server answers; its log tells why if it does not.
await_server() {
    for _ in $(seq 600); do
        if ! kill -0 "$1" 2>/dev/null; then break; fi
        if curl -fsS --noproxy '*' -o /dev/null "http://127.0.0.1:$port/xmlrpc/db" -H 'Content-Type: text/xml' \
            -d '<?xml version="1.0"?><methodCall><methodName>server_version</methodName><params/></methodCall>' \
            2>/dev/null; then return; fi
        read -rt 0.1 <> <(:) || true
    done
    tail -n 30 "$dir/home/server.log" >&2
    fail "OpenERP does not answer on port $port"
}

launch() {
    port=$(free_port)
    (serve "$@" >"$dir/server.out" 2>&1 </dev/null) &
    echo $! >"$dir/openerp.pid"
    await_server "$(cat "$dir/openerp.pid")"
}

# The template: modules installed, and the users that the tests need. An unfinished one is thrown away.
make_template() {
    [ "$(sql "select count(*) from pg_database where datname = '$template'")" = 1 ] && return
    say "setting up the template database (once)"
    sql "drop database if exists setup_openerp"
    sql "do \$\$ begin create role openerp login createdb; exception when duplicate_object then null; end \$\$"
    sql "create database setup_openerp owner openerp"
    port=$(free_port)
    (serve -d setup_openerp -i "$modules" --stop-after-init >"$dir/setup.log" 2>&1 </dev/null) ||
        { tail -n 30 "$dir/setup.log" >&2; fail "installing the modules failed"; }
    launch -d setup_openerp
    python3 - "http://127.0.0.1:$port" setup_openerp <<'PY'
import sys, xmlrpc.client
url, db = sys.argv[1:]
uid = xmlrpc.client.ServerProxy(url + "/xmlrpc/common").login(db, "admin", "admin")
api = xmlrpc.client.ServerProxy(url + "/xmlrpc/object", allow_none=True)
call = lambda model, method, *args: api.execute(db, uid, "admin", model, method, *args)
ref = lambda module, name: call("ir.model.data", "get_object_reference", module, name)[1]
staff = [ref("base", n) for n in ("group_user", "group_sale_salesman", "group_partner_manager")] + [ref("project", "group_project_user")]
# What the connection account needs: everybody's documents, contacts, and its own external ids (Settings).
service = [ref("base", n) for n in ("group_user", "group_sale_manager", "group_partner_manager", "group_system")]
service.append(ref("project", "group_project_manager"))
people = [("Riva Service", "riva@example.test", "riva-pw", service), ("Alice Adams", "alice@example.test", "alice-pw", staff),
          ("Bob Brown", "bob@example.test", "bob-pw", staff)]
for name, login, password, groups in people:
    call("res.users", "create", {"name": name, "login": login, "email": login, "password": password, "image": False,
                                 "tz": "Europe/Berlin", "groups_id": [(6, 0, groups)]})
# Two active users with one address, and one who has left: what the user lookup must refuse.
for login in ("twin.one", "twin.two"):
    call("res.users", "create", {"name": login, "login": login, "email": "twin@example.test", "image": False})
call("res.users", "create", {"name": "Left", "login": "left@example.test", "email": "left@example.test", "active": False,
                             "image": False})
PY
    stop_pid "$dir/openerp.pid"
    sql "alter database setup_openerp rename to $template"
}

start() {
    stop
    download
    start_postgres
    trap 'stop' EXIT
    make_template
    sql "drop database if exists riva"
    sql "create database riva owner openerp template $template"
    launch -d riva
    trap - EXIT
    printf '{"url":"http://127.0.0.1:%s","database":"riva","login":"riva@example.test","password":"riva-pw",' "$port"
    printf '"admin":{"login":"admin","password":"admin"},"users":{"alice@example.test":"alice-pw","bob@example.test":"bob-pw"},'
    printf '"pid":%s}\n' "$(cat "$dir/openerp.pid")"
}

python=$(find_python) || { echo "$python"; exit 77; }
pgbin=$(find_postgres) || { echo "$pgbin"; exit 77; }
chmod a+rx "$dir"
case $verb in
start) start ;;
stop) stop ;;
*) usage ;;
esac
