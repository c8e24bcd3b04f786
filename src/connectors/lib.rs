//! The systems that Riva connects: one folder each, on one shared HTTP layer ([`http`]), behind one registry.
//!
//! Each folder has one way in, which the registry calls; it reads secrets and sends nothing:
//!
//! ```text
//! pub fn system(connection: &Connection, secrets: &Arc<dyn SecretStore>, workspace: &Path)
//!     -> Result<Arc<dyn MailSystem>, Fault>          (or dyn CrmSystem)
//! ```

mod base64_text;
pub mod caldav;
pub mod exchange;
pub mod http;
pub mod icalendar;
pub mod odoo;
mod one_second;
mod one_user;
mod registry;
pub mod salesforce;
pub mod vcard;

pub use registry::registry;

#[cfg(test)]
mod crm_contract;
#[cfg(test)]
mod test_corpus;
