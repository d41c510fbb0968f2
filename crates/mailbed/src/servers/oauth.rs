//! Tokens that a server can check by itself: JSON web tokens signed with a shared key (HS256).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::ca::hmac_sha256;
use crate::corpus::base64;

/// Known to nobody but the tests.
const KEY: &[u8; 32] = b"a key that only the bed knows...";

pub(super) struct Tokens;

impl Tokens {
    /// As Dovecot looks for it: who the token is for, how it is signed, by which key.
    pub fn keys_in(folder: &Path) -> Result<Self> {
        let place = folder.join("default/HS256");
        fs::create_dir_all(&place).context("no folder for keys")?;
        fs::write(place.join("default"), base64(KEY)).context("could not write the key")?;
        Ok(Tokens)
    }

    pub fn token(&self, user: &str, expires_s: u64) -> Result<String> {
        let part = |text: &str| url_safe(&base64(text.as_bytes()));
        let claims = format!(r#"{{"sub":"{user}","iat":1000000000,"nbf":1000000000,"exp":{expires_s}}}"#);
        let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims));
        let signature = hmac_sha256(KEY, signed.as_bytes())?;
        Ok(format!("{signed}.{}", url_safe(&base64(&signature))))
    }
}

fn url_safe(base64: &str) -> String {
    base64.trim_end_matches('=').replace('+', "-").replace('/', "_")
}
