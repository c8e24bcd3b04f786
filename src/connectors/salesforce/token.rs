//! Signing in: access tokens by the user name and password grant, or by a signed assertion (JWT bearer, RFC 7523).

use crate::http::{HttpClient, Kind, Request, Scope, TokenSource, shown_url};
use async_trait::async_trait;
use chrono::{Duration as TimeDelta, Utc};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use riva_core::fault::{CallError, Fault, FaultKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// How a token is asked for.
pub enum Grant {
    /// User name and password (with the security token behind it, where the org wants one).
    Password {
        /// The connected app's consumer secret.
        client_secret: SecretString,
        /// The connection account's password.
        password: SecretString,
    },
    /// An assertion signed with this key (PEM, RSA).
    Jwt {
        /// The private key whose certificate the connected app has.
        key: SecretString,
    },
}

/// A token and the server that it is for.
#[derive(Clone)]
pub struct SignedIn {
    token: SecretString,
    /// Where the org's data is.
    pub instance: Url,
}

/// Gets tokens for one account.
pub struct Tokens {
    http: HttpClient,
    client_id: String,
    account: String,
    grant: Grant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    signed_in: Option<SignedIn>,
    refused: Option<(Instant, Fault)>,
}

/// How long a refused sign-in is not tried again: Salesforce locks an account after some wrong passwords.
const REFUSAL_PAUSE: Duration = Duration::from_mins(15);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

#[derive(Deserialize)]
struct Reply {
    access_token: SecretString,
    instance_url: Url,
}

/// A refused sign-in.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refused {
    error: String,
    error_description: String,
}

/// What a token reply gives, if it is one. A sign-in over TLS leads to no instance without it: the token would go there in the
/// open.
pub(super) fn read_reply(body: &[u8], login: &Url) -> Option<SignedIn> {
    let reply: Reply = serde_json::from_slice(body).ok()?;
    let in_the_open = login.scheme() == "https" && reply.instance_url.scheme() != "https";
    (reply.instance_url.has_host() && !in_the_open)
        .then_some(SignedIn { token: reply.access_token, instance: reply.instance_url })
}

/// Why a sign-in was refused, if the reply says so.
pub(super) fn read_refusal(body: &[u8]) -> Option<Refused> {
    serde_json::from_slice(body).ok().filter(|refused: &Refused| !refused.error.is_empty())
}

impl Tokens {
    /// Nothing is sent yet. `http` leads to the login address and adds no login of its own.
    pub fn new(http: HttpClient, client_id: String, account: String, grant: Grant) -> Self {
        Self { http, client_id, account, grant, state: Mutex::default() }
    }

    /// The connection account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Forgets the token, and a refusal: a connection test wants to know how it is now.
    pub async fn forget(&self) {
        *self.state.lock().await = State::default();
    }

    /// Signs in, once.
    pub async fn signed_in(&self) -> Result<SignedIn, Fault> {
        self.get(false).await
    }

    async fn get(&self, force: bool) -> Result<SignedIn, Fault> {
        let mut state = self.state.lock().await;
        if let (Some(known), false) = (&state.signed_in, force) {
            return Ok(known.clone());
        }
        match &state.refused {
            Some((until, fault)) if Instant::now() < *until => return Err(fault.clone()),
            _ => state.refused = None,
        }
        match self.sign_in().await {
            Ok(known) => {
                state.signed_in = Some(known.clone());
                Ok(known)
            }
            Err(fault) => {
                state.signed_in = None;
                if fault.kind == FaultKind::GivenCredentials {
                    state.refused = Some((Instant::now() + REFUSAL_PAUSE, fault.clone()));
                }
                Err(fault)
            }
        }
    }

    async fn sign_in(&self) -> Result<SignedIn, Fault> {
        let mut url = self.http.base().clone();
        url.set_path(&format!("{}/services/oauth2/token", url.path().trim_end_matches('/')));
        let form = self.form()?;
        // Asking for a token twice does no harm.
        let request = Request::new(Method::POST, url.clone(), Kind::Read)
            .header(
                http::header::CONTENT_TYPE,
                http::HeaderValue::from_static("application/x-www-form-urlencoded"),
            )
            .header(http::header::ACCEPT, http::HeaderValue::from_static("application/json"))
            .body(form.expose_secret().to_owned())
            .secret();
        let response = self.http.send(&Scope::connection(), request).await.map_err(|error| match error {
            CallError::Fault(fault) => fault,
            other => Fault::new(FaultKind::SystemNotAvailable, other.to_string()),
        })?;
        let status = response.status.as_u16();
        if response.status.is_success() {
            return read_reply(&response.body, &url).ok_or_else(|| not_salesforce(&url, status));
        }
        if status >= 500 {
            let detail = format!("Salesforce failed (status {status}), at {}", shown_url(&url));
            return Err(Fault::new(FaultKind::SystemNotAvailable, detail));
        }
        match read_refusal(&response.body) {
            Some(refused) => Err(self.refusal(&refused)),
            None => Err(not_salesforce(&url, status)),
        }
    }

    /// The form that asks for a token.
    fn form(&self) -> Result<SecretString, Fault> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        match &self.grant {
            Grant::Password { client_secret, password } => {
                form.append_pair("grant_type", "password")
                    .append_pair("client_id", &self.client_id)
                    .append_pair("client_secret", client_secret.expose_secret())
                    .append_pair("username", &self.account)
                    .append_pair("password", password.expose_secret());
            }
            Grant::Jwt { key } => {
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
                    .append_pair("assertion", self.assertion(key)?.expose_secret());
            }
        }
        Ok(form.finish().into())
    }

    fn assertion(&self, key: &SecretString) -> Result<SecretString, Fault> {
        let unusable = |what: &str| {
            Fault::new(FaultKind::GivenCredentials, format!("the private key of this connection {what}"))
                .remedy(
                    "Store the RSA private key (PEM) whose certificate the connected app in Salesforce has.",
                )
        };
        let signer = EncodingKey::from_rsa_pem(key.expose_secret().as_bytes())
            .map_err(|_| unusable("is no RSA key in PEM form"))?;
        let audience = self.http.base().origin().ascii_serialization();
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.account,
            aud: &audience,
            exp: (Utc::now() + TimeDelta::minutes(3)).timestamp(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &signer)
            .map(SecretString::from)
            .map_err(|_| unusable("cannot sign"))
    }

    /// A refusal (RFC 6749, section 5.2) in the words of an administrator.
    fn refusal(&self, refused: &Refused) -> Fault {
        let Refused { error, error_description: why } = refused;
        let detail = format!("Salesforce refuses to sign in {}: {why} ({error})", self.account);
        let jwt = matches!(self.grant, Grant::Jwt { .. });
        let lower = why.to_lowercase();
        let remedy = match error.as_str() {
            "invalid_client_id" | "invalid_client" | "invalid_app_access" => {
                "Compare the consumer key and consumer secret of this connection with those of the connected app \
                 (Setup > App Manager > the app > View > Manage Consumer Details)."
            }
            "inactive_user" | "inactive_org" => {
                "Activate the connection account again (Setup > Users), or use another account."
            }
            "unsupported_grant_type" => {
                "Allow this way of signing in: Setup > OAuth and OpenID Connect Settings, or use the JWT bearer flow."
            }
            _ if lower.contains("approved") => {
                "Approve the connected app for this account: Setup > Manage Connected Apps > the app > Edit Policies > \
                 Admin approved users are pre-authorized, then add the account's profile or permission set."
            }
            _ if jwt => {
                "Check that the account's user name is right and active, that the connected app has the certificate of \
                 this connection's private key, and that this computer's clock is right."
            }
            _ if lower.contains("locked") => {
                "Unlock the account (Setup > Users > Unlock), then set the right password on this connection."
            }
            _ => {
                "Log in to Salesforce as the connection account. If that is refused, have the account mended. If it \
                 works, set its password on this connection, with the security token right behind it (a new password \
                 gives a new token), and check that the user name and password flow is allowed (Setup > OAuth and \
                 OpenID Connect Settings)."
            }
        };
        let kind = if error == "rate_limit_exceeded" || lower.contains("rate exceeded") {
            FaultKind::Throttled
        } else {
            FaultKind::GivenCredentials
        };
        let fault = Fault::new(kind, detail);
        if kind == FaultKind::GivenCredentials { fault.remedy(remedy) } else { fault }
    }
}

fn not_salesforce(url: &Url, status: u16) -> Fault {
    Fault::new(
        FaultKind::UnexpectedAnswer,
        format!("this does not answer as Salesforce's login does (status {status}), at {}", shown_url(url)),
    )
    .remedy(
        "Use https://login.salesforce.com (sandboxes: https://test.salesforce.com) or your own domain \
         (https://NAME.my.salesforce.com) as the address of this connection.",
    )
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, force_refresh: bool) -> Result<SecretString, Fault> {
        Ok(self.get(force_refresh).await?.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_nowhere_in_the_open() {
        let login = |text: &str| Url::parse(text).expect("an address");
        let reply = |instance: &str| {
            format!(r#"{{"access_token": "t", "instance_url": "{instance}", "scope": "api"}}"#)
        };
        let leads = |from: &str, to: &str| read_reply(reply(to).as_bytes(), &login(from)).is_some();
        assert!(leads("https://login.example/token", "https://acme.example"));
        assert!(!leads("https://login.example/token", "http://acme.example"));
        assert!(!leads("https://login.example/token", "data:text/plain,acme"));
        assert!(!leads("http://127.0.0.1:1/token", "data:text/plain,acme"));
        assert!(leads("http://127.0.0.1:1/token", "http://127.0.0.1:1"), "a server for trying out");
    }

    #[test]
    fn what_is_no_reply_is_none() {
        assert!(
            read_refusal(b"[]").is_none()
                && read_refusal(b"{}").is_none()
                && read_refusal(b"<html>").is_none()
        );
        let refused = read_refusal(br#"{"error": "invalid_grant"}"#);
        assert!(refused.is_some_and(|why| why.error == "invalid_grant"));
    }
}
