//! Where secrets are kept: the keyring of the desktop, or an encrypted file.
