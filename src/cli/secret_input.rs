//! How a secret comes in: from a prompt without echo, or from the standard input; never from an argument, where
//! everybody on the computer could see it.

use super::verdict::Failure;
use secrecy::SecretString;
use std::io::{IsTerminal, Read};

/// Asks for a secret. From a pipe the whole input is taken, without the line end after it.
pub fn read(prompt: &str) -> Result<SecretString, Failure> {
    let unread = |error: std::io::Error| Failure::Other(format!("the secret cannot be read: {error}"));
    let mut text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{prompt}: ")).map_err(unread)?
    } else {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unread)?;
        text
    };
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        return Err(Failure::Usage("an empty secret was given; nothing was changed".into()));
    }
    Ok(text.into())
}
