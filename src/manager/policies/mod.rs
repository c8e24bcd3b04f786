//! Policies: the list, the editor with the Exchange Browser, Licensing Details.

mod advanced_ui;
mod attachments_ui;
pub mod browser;
pub mod browser_ui;
pub mod editor;
pub mod editor_ui;
mod email_ui;
mod first_sync_ui;
pub mod general_ui;
pub mod licensing;
pub mod licensing_ui;
pub mod model;
pub mod preview;
pub mod preview_text;
pub mod preview_ui;
pub mod ui;
