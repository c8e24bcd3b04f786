//! What the connectors tell the engine, fault by fault: to be read against the engine design, sections 2 and 3.4.
//!
//! | word | what the engine gets | what it does with it |
//! |---|---|---|
//! | done | success | records it |
//! | doubt | in doubt | probes by marker or reads again, and writes nothing to the pair before |
//! | moved, gone, exists | of the item: another version, not there, the key is taken | reads or probes again, plans again |
//! | later | of the item: not now | plans it again in a later cycle |
//! | forbidden, invalid | of the item: refused | the item's quarantine |
//! | wait | throttled | backs off |
//! | down | system not available | the breaker, the connection's back-off |
//! | login | the login is refused | stops until the credentials are mended |
//! | access, nobody, odd | no right, no such user, an answer that nobody understands | stops this member or module, says so |
//! | cursor | the cursor is lost | lists everything anew, deletes nothing in that pass |
//! | - | nothing is sent, see [`UNSENT`] | |
//!
//! A write's fault happens to the requests that write, a read's to all its requests. "done" behind a fault's name: the
//! server has carried the request out before its answer came to harm.

use super::cells::Operation;
use super::proxy::{Delivered, Fault, Reply};
use std::fmt::Write as _;

const fn never(reply: Reply) -> Fault {
    Fault { delivered: Delivered::Never, reply }
}

const fn once(reply: Reply) -> Fault {
    Fault { delivered: Delivered::Once, reply }
}

/// Every fault, in the order of the tables' rows.
pub const FAULTS: [(&str, Fault); 30] = [
    ("nothing", once(Reply::Own)),
    ("twice", Fault { delivered: Delivered::Twice, reply: Reply::Own }),
    ("401", never(Reply::Status(401))),
    ("403", never(Reply::Status(403))),
    ("404", never(Reply::Status(404))),
    ("409", never(Reply::Status(409))),
    ("412", never(Reply::Status(412))),
    ("423", never(Reply::Status(423))),
    ("429", never(Reply::Status(429))),
    ("429, Retry-After", never(Reply::Later(429))),
    ("500", never(Reply::Status(500))),
    ("500, done", once(Reply::Status(500))),
    ("failure", never(Reply::Failure)),
    ("failure, done", once(Reply::Failure)),
    ("503", never(Reply::Status(503))),
    ("503, done", once(Reply::Status(503))),
    ("503 R.-A.", never(Reply::Later(503))),
    ("503 R.-A., done", once(Reply::Later(503))),
    ("reset", never(Reply::Reset)),
    ("reset, done", once(Reply::Reset)),
    ("slow", never(Reply::Slow)),
    ("slow, done", once(Reply::Slow)),
    ("short, done", once(Reply::Short)),
    ("cut, done", once(Reply::Cut)),
    ("no UTF-8, done", once(Reply::Bytes)),
    ("login page", never(Reply::Page)),
    ("login page, done", once(Reply::Page)),
    ("empty", never(Reply::Empty)),
    ("empty, done", once(Reply::Empty)),
    ("elsewhere", never(Reply::Elsewhere)),
];

/// Cells in which nothing is sent, and so nothing can happen.
pub const UNSENT: [(&str, Operation, &str); 1] =
    [("CalDAV", Operation::Tag, "an origin is known by its UID and href there, it gets no marker (can_tag)")];

/// A row of a table: the fault, and a word for each operation.
pub fn rows(table: &str) -> Vec<(&str, Vec<&str>)> {
    let lines = table.lines().skip(1).filter(|line| line.contains('|'));
    let mut rows = Vec::new();
    for line in lines {
        let mut cells = line.split('|').map(str::trim);
        let name = cells.next().unwrap_or_default();
        rows.push((name, cells.flat_map(str::split_whitespace).collect()));
    }
    rows
}

/// A row as it stands in a table.
pub fn row(name: &str, words: &[String]) -> String {
    let mut row = format!("{name:17}");
    for (at, word) in words.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(row, "{}{word:10}", if at % 4 == 0 { "| " } else { "" });
    }
    row.trim_end().to_owned()
}

/// Exchange, by EWS. An answer that is not EWS's and no failure says that the address is wrong.
pub const EXCHANGE: &str = "\
                 | create    update    delete    tag       | list      fetch     probe     feed
nothing          | done      done      done      done      | done      done      done      done
twice            | done      moved     gone      moved     | done      done      done      done
401              | login     login     login     login     | login     login     login     login
403              | login     login     login     login     | login     login     login     login
404              | odd       odd       odd       odd       | odd       odd       odd       odd
409              | odd       odd       odd       odd       | odd       odd       odd       odd
412              | odd       odd       odd       odd       | odd       odd       odd       odd
423              | odd       odd       odd       odd       | odd       odd       odd       odd
429              | wait      wait      wait      wait      | wait      wait      wait      wait
429, Retry-After | wait      wait      wait      wait      | wait      wait      wait      wait
500              | doubt     doubt     doubt     doubt     | down      down      down      down
500, done        | doubt     doubt     doubt     doubt     | down      down      down      down
failure          | doubt     doubt     doubt     doubt     | down      down      down      down
failure, done    | doubt     doubt     doubt     doubt     | down      down      down      down
503              | doubt     doubt     doubt     doubt     | down      down      down      down
503, done        | doubt     doubt     doubt     doubt     | down      down      down      down
503 R.-A.        | doubt     doubt     doubt     doubt     | wait      wait      wait      wait
503 R.-A., done  | doubt     doubt     doubt     doubt     | wait      wait      wait      wait
reset            | doubt     doubt     doubt     doubt     | down      down      down      down
reset, done      | doubt     doubt     doubt     doubt     | down      down      down      down
slow             | doubt     doubt     doubt     doubt     | down      down      down      down
slow, done       | doubt     doubt     doubt     doubt     | down      down      down      down
short, done      | doubt     doubt     doubt     doubt     | down      down      down      down
cut, done        | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
no UTF-8, done   | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
login page       | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
login page, done | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
empty            | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
empty, done      | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
elsewhere        | odd       odd       odd       odd       | odd       odd       odd       odd
";

/// A calendar server. Each item is a request of its own, with its precondition.
pub const CALDAV: &str = "\
                 | create    update    delete    tag       | list      fetch     probe     feed
nothing          | done      done      done      -         | done      done      done      done
twice            | done      moved     gone      -         | done      done      done      done
401              | login     login     login     -         | login     login     login     login
403              | forbidden forbidden forbidden -         | access    access    access    cursor
404              | gone      gone      later     -         | nobody    nobody    nobody    nobody
409              | later     later     later     -         | odd       odd       odd       cursor
412              | later     moved     moved     -         | odd       odd       odd       cursor
423              | later     later     later     -         | odd       odd       odd       odd
429              | wait      wait      wait      -         | wait      wait      wait      wait
429, Retry-After | wait      wait      wait      -         | wait      wait      wait      wait
500              | doubt     doubt     doubt     -         | down      down      down      down
500, done        | doubt     doubt     doubt     -         | down      down      down      down
failure          | doubt     doubt     doubt     -         | down      down      down      down
failure, done    | doubt     doubt     doubt     -         | down      down      down      down
503              | doubt     doubt     doubt     -         | down      down      down      down
503, done        | doubt     doubt     doubt     -         | down      down      down      down
503 R.-A.        | doubt     doubt     doubt     -         | wait      wait      wait      wait
503 R.-A., done  | doubt     doubt     doubt     -         | wait      wait      wait      wait
reset            | doubt     doubt     doubt     -         | down      down      down      down
reset, done      | doubt     doubt     doubt     -         | down      down      down      down
slow             | doubt     doubt     doubt     -         | down      down      down      down
slow, done       | doubt     doubt     doubt     -         | down      down      down      down
short, done      | doubt     done      done      -         | down      down      down      down
cut, done        | done      done      done      -         | odd       odd       odd       odd
no UTF-8, done   | doubt     doubt     done      -         | odd       odd       odd       odd
login page       | doubt     doubt     doubt     -         | odd       odd       odd       odd
login page, done | doubt     doubt     doubt     -         | odd       odd       odd       odd
empty            | doubt     doubt     doubt     -         | odd       odd       odd       odd
empty, done      | done      done      done      -         | odd       odd       odd       odd
elsewhere        | odd       odd       odd       -         | odd       odd       odd       odd
";

/// Salesforce, by REST, with an external id field: a create is an upsert by the marker.
pub const SALESFORCE: &str = "\
                 | create    update    delete    tag       | list      fetch     probe     feed
nothing          | done      done      done      done      | done      done      done      done
twice            | done      done      gone      done      | done      done      done      done
401              | login     login     login     login     | login     login     login     login
403              | odd       odd       odd       odd       | odd       odd       odd       odd
404              | odd       odd       odd       odd       | odd       odd       odd       odd
409              | odd       odd       odd       odd       | odd       odd       odd       odd
412              | odd       odd       odd       odd       | odd       odd       odd       odd
423              | odd       odd       odd       odd       | odd       odd       odd       odd
429              | wait      wait      wait      wait      | wait      wait      wait      wait
429, Retry-After | wait      wait      wait      wait      | wait      wait      wait      wait
500              | doubt     doubt     doubt     doubt     | down      down      down      down
500, done        | doubt     doubt     doubt     doubt     | down      down      down      down
failure          | doubt     doubt     doubt     doubt     | down      down      down      down
failure, done    | doubt     doubt     doubt     doubt     | down      down      down      down
503              | doubt     doubt     doubt     doubt     | down      down      down      down
503, done        | doubt     doubt     doubt     doubt     | down      down      down      down
503 R.-A.        | doubt     doubt     doubt     doubt     | wait      wait      wait      wait
503 R.-A., done  | doubt     doubt     doubt     doubt     | wait      wait      wait      wait
reset            | doubt     doubt     doubt     doubt     | down      down      down      down
reset, done      | doubt     doubt     doubt     doubt     | down      down      down      down
slow             | doubt     doubt     doubt     doubt     | down      down      down      down
slow, done       | doubt     doubt     doubt     doubt     | down      down      down      down
short, done      | doubt     doubt     doubt     doubt     | down      down      down      down
cut, done        | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
no UTF-8, done   | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
login page       | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
login page, done | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
empty            | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
empty, done      | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
elsewhere        | odd       odd       odd       odd       | odd       odd       odd       odd
";

/// OpenERP 7, by XML-RPC: `load` makes a row once for its external id. Every status but 200 leaves a write in doubt, because the
/// contract has no other.
pub const OPENERP: &str = "\
                 | create    update    delete    tag       | list      fetch     probe     feed
nothing          | done      done      done      done      | done      done      done      done
twice            | done      moved     moved     exists    | done      done      done      done
401              | login     login     login     login     | login     login     login     login
403              | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
404              | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
409              | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
412              | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
423              | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
429              | wait      wait      wait      wait      | wait      wait      wait      wait
429, Retry-After | wait      wait      wait      wait      | wait      wait      wait      wait
500              | doubt     doubt     doubt     doubt     | down      down      down      down
500, done        | doubt     doubt     doubt     doubt     | down      down      down      down
failure          | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
failure, done    | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
503              | doubt     doubt     doubt     doubt     | down      down      down      down
503, done        | doubt     doubt     doubt     doubt     | down      down      down      down
503 R.-A.        | doubt     doubt     doubt     doubt     | wait      wait      wait      wait
503 R.-A., done  | doubt     doubt     doubt     doubt     | wait      wait      wait      wait
reset            | doubt     doubt     doubt     doubt     | down      down      down      down
reset, done      | doubt     doubt     doubt     doubt     | down      down      down      down
slow             | doubt     doubt     doubt     doubt     | down      down      down      down
slow, done       | doubt     doubt     doubt     doubt     | down      down      down      down
short, done      | doubt     doubt     doubt     doubt     | down      down      down      down
cut, done        | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
no UTF-8, done   | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
login page       | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
login page, done | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
empty            | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
empty, done      | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
elsewhere        | doubt     doubt     doubt     doubt     | odd       odd       odd       odd
";
