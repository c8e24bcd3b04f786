//! The effect matrix (engine design, section 4.3 b): every write of every kind of item, with everything that may go wrong with
//! it, and the process dying at four points of it, between every mailbox and every CRM that there is. Each cell is a world
//! of its own; nothing in it is left to chance. Where nothing else goes wrong, the process dies at every moment of the cycle,
//! and once more in the one that recovers ([`restarts`]).

mod axes;
mod judge;
mod killer;
mod ports;
mod restarts;
mod server;
mod systems;
mod tests;
mod world;
