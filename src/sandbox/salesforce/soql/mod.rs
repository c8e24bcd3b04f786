//! SOQL, the part that syncs use: select with relation paths, where, order, limit, offset and count.

mod ast;
mod filter;
mod lexer;
mod literal;
mod parser;
mod path;
mod restriction;
mod run;

pub use ast::{Query, Select};
pub use parser::parse;
pub use run::{Answer, run};

#[cfg(test)]
mod tests;
