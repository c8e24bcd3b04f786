//! Signing in: the token endpoint (password and JWT bearer grants), who-am-I addresses, sessions.

use super::Salesforce;
use super::api::ApiError;
use super::held;
use super::org::Found;
use super::values::stamp;
use crate::seed::SalesforceOrg;
use aws_lc_rs::hmac;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How long a session lives without being told otherwise: two hours, the vendor's default.
const LIFETIME: TimeDelta = TimeDelta::hours(2);

/// Sessions by token.
#[derive(Default)]
pub struct Sessions {
    open: BTreeMap<String, Session>,
}

/// Somebody who has signed in.
#[derive(Clone)]
pub struct Session {
    /// The user's id.
    pub user: String,
    until: DateTime<Utc>,
}

impl Sessions {
    /// Ends all of them.
    pub fn expire(&mut self) -> usize {
        std::mem::take(&mut self.open).len()
    }
}

impl Salesforce {
    /// Opens a session; returns its token.
    pub(super) fn open_session(&self, user: &str) -> String {
        let noise = STANDARD.encode([*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat());
        let token = format!("{}!AQ{}", &self.org().id[..15], noise.replace(['+', '/', '='], "."));
        let session = Session { user: user.to_owned(), until: Utc::now() + LIFETIME };
        held(&self.state.sessions).open.insert(token.clone(), session);
        token
    }

    /// Ends a session, if it is open.
    pub(super) fn close_session(&self, token: &str) -> bool {
        held(&self.state.sessions).open.remove(token).is_some()
    }

    /// Ends all sessions; returns how many there were.
    pub(super) fn close_all_sessions(&self) -> usize {
        held(&self.state.sessions).expire()
    }

    /// Who is asking, by the Authorization header (`Bearer` or the older `OAuth`).
    pub(super) fn session(&self, headers: &HeaderMap) -> Result<Session, ApiError> {
        let token = bearer(headers).ok_or_else(ApiError::session)?;
        let sessions = held(&self.state.sessions);
        let session = sessions.open.get(token).ok_or_else(ApiError::session)?;
        if session.until < Utc::now() {
            return Err(ApiError::session());
        }
        Ok(session.clone())
    }

    /// An active user by user name.
    pub(super) fn active_user(&self, user_name: &str) -> Result<String, SignInError> {
        let org = self.org();
        let users = org.schema.object("User");
        let field = users.as_ref().and_then(|u| u.field("Username"));
        let (Some(users), Some(field)) = (users, field) else { return Err(SignInError::Failed) };
        match org.find(&users, field, user_name) {
            Found::One(id) if org.any(&users, &id).is_some_and(|u| u.is("IsActive")) => Ok(id),
            Found::One(_) => Err(SignInError::Inactive),
            Found::None | Found::Many(_) => Err(SignInError::Failed),
        }
    }
}

/// Why a sign-in is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInError {
    /// Wrong name, password, token or assertion.
    Failed,
    /// The user may not sign in any more.
    Inactive,
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then_some(token.trim())
}

/// Whether name and password are the integration user's, with the security token behind the password where one is set.
pub fn password_fits(setup: &SalesforceOrg, user_name: &str, password: &str) -> bool {
    let token = setup.security_token.as_deref().unwrap_or_default();
    user_name.eq_ignore_ascii_case(&setup.account) && password == format!("{}{token}", setup.password)
}

fn refuse(error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description});
    (StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// `POST /services/oauth2/token`.
pub async fn token(State(salesforce): State<Salesforce>, headers: HeaderMap, body: String) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let setup = salesforce.setup().clone();
    let (id, secret) =
        basic(&headers).unwrap_or_else(|| (field("client_id").to_owned(), field("client_secret").to_owned()));

    let user = match field("grant_type") {
        "password" => {
            if id != setup.client_id {
                return refuse("invalid_client_id", "client identifier invalid");
            }
            if secret != setup.client_secret {
                return refuse("invalid_client", "invalid client credentials");
            }
            if !password_fits(&setup, field("username"), field("password")) {
                return refuse("invalid_grant", "authentication failure");
            }
            salesforce.active_user(field("username"))
        }
        "client_credentials" => {
            if id != setup.client_id {
                return refuse("invalid_client_id", "client identifier invalid");
            }
            if secret != setup.client_secret {
                return refuse("invalid_client", "invalid client credentials");
            }
            salesforce.active_user(&setup.account)
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            match assertion(&setup, field("assertion"), &salesforce) {
                Ok(subject) => match salesforce.active_user(&subject) {
                    Ok(user) => Ok(user),
                    Err(SignInError::Inactive) => Err(SignInError::Inactive),
                    Err(SignInError::Failed) => {
                        return refuse("invalid_grant", "user hasn't approved this consumer");
                    }
                },
                Err((error, description)) => return refuse(error, description),
            }
        }
        "" => return refuse("invalid_request", "must provide grant_type"),
        _ => return refuse("unsupported_grant_type", "grant type not supported"),
    };
    let user = match user {
        Ok(user) => user,
        Err(SignInError::Failed) => return refuse("invalid_grant", "authentication failure"),
        Err(SignInError::Inactive) => return refuse("invalid_grant", "inactive user"),
    };
    let base = salesforce.base_url().to_owned();
    let identity = format!("{base}/id/{}/{user}", salesforce.org().id);
    let issued = Utc::now().timestamp_millis().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, setup.client_secret.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{identity}{issued}").as_bytes()));
    let access_token = salesforce.open_session(&user);
    let body = json!({
        "access_token": access_token,
        "instance_url": base,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
        "signature": signature,
        "scope": "api id",
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
}

/// Checks a signed assertion: key, consumer, audience, expiry of at most some minutes. Returns the user name.
fn assertion(
    setup: &SalesforceOrg,
    token: &str,
    salesforce: &Salesforce,
) -> Result<String, (&'static str, &'static str)> {
    let invalid = ("invalid_grant", "invalid assertion");
    let pem = setup.public_key_pem.as_deref().ok_or(("invalid_client", "invalid client credentials"))?;
    let key = verification_key(pem).ok_or(("invalid_client", "invalid client credentials"))?;
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[
        "https://login.salesforce.com",
        "https://test.salesforce.com",
        salesforce.base_url(),
    ]);
    rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    rules.leeway = 0;
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &rules)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidAudience => ("invalid_grant", "audience is invalid"),
            _ => invalid,
        })?
        .claims;
    // The vendor takes three minutes, and some more for clocks that differ.
    if claims.exp > (Utc::now() + TimeDelta::minutes(5)).timestamp() {
        return Err(invalid);
    }
    if claims.iss != setup.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    Ok(claims.sub)
}

/// The registered key, from a public key or a certificate in PEM.
fn verification_key(pem: &str) -> Option<DecodingKey> {
    DecodingKey::from_rsa_pem(pem.as_bytes()).ok()
}

/// `GET /services/oauth2/userinfo`.
pub async fn user_info(State(salesforce): State<Salesforce>, headers: HeaderMap) -> Response {
    // This address refuses in its own words.
    let Ok(session) = salesforce.session(&headers) else {
        return (StatusCode::FORBIDDEN, "Bad_OAuth_Token").into_response();
    };
    let org = salesforce.org();
    let user = org
        .schema
        .object("User")
        .and_then(|users| org.any(&users, &session.user).cloned())
        .unwrap_or_default();
    Json(json!({
        "sub": format!("{}/id/{}/{}", salesforce.base_url(), org.id, session.user),
        "user_id": session.user,
        "organization_id": org.id,
        "preferred_username": user.get("Username"),
        "nickname": user.get("Alias"),
        "name": user.get("Name"),
        "email": user.get("Email"),
        "email_verified": true,
        "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"),
        "zoneinfo": user.get("TimeZoneSidKey"),
        "active": user.get("IsActive"),
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_GB",
        "utcOffset": 0,
        "updated_at": user.get("LastModifiedDate"),
        "urls": urls(&salesforce),
    }))
    .into_response()
}

/// `GET /id/ORG/USER`.
pub async fn identity(
    State(salesforce): State<Salesforce>,
    Path((org_id, user_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Ok(session) = salesforce.session(&headers) else {
        return (StatusCode::FORBIDDEN, "Bad_OAuth_Token").into_response();
    };
    let org = salesforce.org();
    let user = org
        .schema
        .object("User")
        .and_then(|users| org.any(&users, &session.user).cloned())
        .unwrap_or_default();
    if org_id != org.id || user_id != session.user {
        return (StatusCode::NOT_FOUND, "Bad_Id").into_response();
    }
    Json(json!({
        "id": format!("{}/id/{}/{}", salesforce.base_url(), org.id, session.user),
        "asserted_user": true,
        "user_id": session.user,
        "organization_id": org.id,
        "username": user.get("Username"),
        "nick_name": user.get("Alias"),
        "display_name": user.get("Name"),
        "email": user.get("Email"),
        "first_name": user.get("FirstName"),
        "last_name": user.get("LastName"),
        "timezone": user.get("TimeZoneSidKey"),
        "active": user.get("IsActive"),
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_GB",
        "utcOffset": 0,
        "last_modified_date": stamp(Utc::now()),
        "is_app_installed": true,
        "urls": urls(&salesforce),
    }))
    .into_response()
}

fn urls(salesforce: &Salesforce) -> Value {
    let base = salesforce.base_url();
    json!({
        "rest": format!("{base}/services/data/v{{version}}/"),
        "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
        "query": format!("{base}/services/data/v{{version}}/query/"),
        "partner": format!("{base}/services/Soap/u/{{version}}/"),
    })
}

/// `POST /services/oauth2/revoke`: ends the session named in the form, or the caller's own.
pub async fn revoke(State(salesforce): State<Salesforce>, headers: HeaderMap, body: String) -> Response {
    let named =
        url::form_urlencoded::parse(body.as_bytes()).find(|(k, _)| k == "token").map(|(_, v)| v.into_owned());
    let token = named.or_else(|| bearer(&headers).map(str::to_owned)).unwrap_or_default();
    if salesforce.close_session(&token) {
        StatusCode::OK.into_response()
    } else {
        refuse("unsupported_token_type", "this token type is not supported")
    }
}
