//! The App itself: what it is called, and whether a JSON web token is signed by its key and valid now.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::Access;
use crate::answer::Refusal;

/// Most seconds from GitHub's present to the end of a JSON web token.
const LONGEST_LIFE: i64 = 600;

const ISSUED_AT: &str =
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
const EXPIRES: &str = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which \
                       the assertion expires";
const UNDECODABLE: &str = "A JSON web token could not be decoded";

/// The App that is asked about. Without a public key, no signature and no issuer is looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct App {
    /// Number.
    pub id: u64,
    /// Id for clients, which is as good.
    pub client_id: String,
    /// Name in addresses.
    pub slug: String,
    /// RSA public key in PEM form.
    pub public_key: Option<String>,
    /// What it asks its owners for.
    pub access: Access,
}

impl Default for App {
    fn default() -> Self {
        Self {
            id: 51,
            client_id: "Iv23liEmulated".to_owned(),
            slug: "emulated".to_owned(),
            public_key: None,
            access: Access::default(),
        }
    }
}

impl App {
    /// Refuses a JSON web token that GitHub would not take.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<(), Refusal> {
        let refuse = |message: &str| Err(Refusal::new(401, "UNAUTHORIZED", message));
        let Some(claims) = claims(token) else {
            return refuse(UNDECODABLE);
        };
        if let Some(key) = &self.public_key {
            let issuer = match &claims["iss"] {
                Value::String(issuer) => issuer.clone(),
                other => other.to_string(),
            };
            if issuer != self.id.to_string() && issuer != self.client_id {
                return Err(Refusal::new(404, "NOT_FOUND", "Integration not found"));
            }
            if !is_signed(token, key) {
                return refuse(UNDECODABLE);
            }
        }
        let now = now.as_second();
        if claims["iat"].as_i64().is_none_or(|issued| issued > now) {
            return refuse(ISSUED_AT);
        }
        match claims["exp"].as_i64() {
            Some(expires) if expires > now + LONGEST_LIFE => {
                refuse("'Expiration time' claim ('exp') is too far in the future")
            }
            Some(expires) if expires > now => Ok(()),
            _ => refuse(EXPIRES),
        }
    }
}

fn claims(token: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether the key signed the token by RS256, the only algorithm that GitHub takes.
fn is_signed(token: &str, public_key: &str) -> bool {
    let algorithm = jsonwebtoken::decode_header(token).map(|header| header.alg);
    let (Ok(Algorithm::RS256), Some((message, signature))) = (algorithm, token.rsplit_once('.')) else {
        return false;
    };
    let key = DecodingKey::from_rsa_pem(public_key.as_bytes()).expect("the App's public key is RSA in PEM form");
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::RS256).unwrap_or(false)
}
