//! The effect matrix (engine design, section 4.3 b): every write of every kind of item, with everything that may go wrong with
//! it, and the process dying at every point of it, between every mailbox and every CRM that there is. Each cell is a world
//! of its own; nothing in it is left to chance.

mod axes;
mod judge;
mod killer;
mod ports;
mod server;
mod systems;
mod tests;
mod world;
