//! Which connector makes which system: one line each.

use crate::{caldav, exchange, odoo, salesforce};
use riva_core::documents::{Connection, SystemKind};
use riva_core::fault::{Fault, FaultKind};
use riva_core::ports::{CrmSystem, MailSystem, SecretStore, Systems};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All systems that there are connectors for. Files that connections name are looked for in the workspace.
pub fn registry(secrets: Arc<dyn SecretStore>, workspace: &Path) -> Arc<dyn Systems> {
    Arc::new(Registry { secrets, workspace: workspace.to_owned() })
}

struct Registry {
    secrets: Arc<dyn SecretStore>,
    workspace: PathBuf,
}

impl Systems for Registry {
    fn mail(&self, connection: &Connection) -> Result<Arc<dyn MailSystem>, Fault> {
        match connection.system {
            SystemKind::ExchangeEws => exchange::system(connection, &self.secrets, &self.workspace),
            SystemKind::Caldav => caldav::system(connection, &self.secrets, &self.workspace),
            SystemKind::Salesforce | SystemKind::Odoo => Err(wrong_kind(connection, "mail system")),
        }
    }

    fn crm(&self, connection: &Connection) -> Result<Arc<dyn CrmSystem>, Fault> {
        match connection.system {
            SystemKind::Salesforce => salesforce::system(connection, &self.secrets, &self.workspace),
            SystemKind::Odoo => odoo::system(connection, &self.secrets, &self.workspace),
            SystemKind::ExchangeEws | SystemKind::Caldav => Err(wrong_kind(connection, "CRM")),
        }
    }
}

fn wrong_kind(connection: &Connection, wanted: &str) -> Fault {
    Fault::new(
        FaultKind::UnexpectedAnswer,
        format!("{} is no {wanted}, on the connection {}", connection.system, connection.name),
    )
    .remedy(format!("Choose a connection to a {wanted} in the policy."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::documents::AuthMethod;
    use riva_core::ports::{SecretError, SecretKey};
    use secrecy::SecretString;

    struct OnePassword;

    impl SecretStore for OnePassword {
        fn get(&self, _: &SecretKey) -> Result<Option<SecretString>, SecretError> {
            Ok(Some("x".into()))
        }
        fn set(&self, _: &SecretKey, _: &SecretString) -> Result<(), SecretError> {
            Ok(())
        }
        fn remove(&self, _: &SecretKey) -> Result<(), SecretError> {
            Ok(())
        }
        fn place(&self) -> String {
            "the test".to_owned()
        }
    }

    fn connection(system: SystemKind) -> Connection {
        Connection {
            name: "c".into(),
            system,
            display_name: None,
            address: "https://127.0.0.1:1/".parse().unwrap(),
            account: "svc@example.com".into(),
            auth: match system {
                SystemKind::Salesforce => AuthMethod::OauthPassword { client_id: "key".into() },
                _ => AuthMethod::Password,
            },
            access: None,
            ca_file: None,
            max_concurrent: None,
            picklists: riva_core::documents::Picklists::default(),
            options: [("database".to_owned(), "db".to_owned())].into(),
            created: None,
            modified: None,
        }
    }

    #[test]
    fn every_system_is_made_as_what_it_is() {
        let systems = registry(Arc::new(OnePassword), Path::new("/"));
        for kind in SystemKind::ALL {
            let connection = connection(kind);
            let (mail, crm) = (systems.mail(&connection), systems.crm(&connection));
            assert_eq!(mail.is_ok(), kind.is_mail(), "{kind}: {:?}", mail.err());
            assert_eq!(crm.is_ok(), !kind.is_mail(), "{kind}: {:?}", crm.err());
        }
    }
}
