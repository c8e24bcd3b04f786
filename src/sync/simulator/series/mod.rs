//! Recurring series between fake calendars: a mailbox that has them, and a CRM that has them or not. Users create, edit,
//! move, cut and cancel them on both sides while answers are lost and the process dies.

mod alone;
mod cases;
mod check;
mod colleagues;
mod continued;
mod copies;
mod fake;
mod late;
mod left_over;
mod make;
mod of_the_crm;
mod reshaped;
mod stories;
mod tests;
mod told;
mod work;
mod world;
