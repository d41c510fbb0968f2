//! SCRAM without channel binding (RFC 5802, RFC 7677): the password is not sent, and the server proves that it knows it.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SecureRandom;
use ring::{digest, hmac, pbkdf2};

use crate::error::Kind;

/// More would let a hostile server keep us busy.
const ITERATIONS_MAX: u32 = 10_000_000;

#[derive(Clone, Copy)]
pub enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }
}

pub struct Scram {
    hash: Hash,
    password: String,
    nonce: String,
    header: String,
    first_bare: String,
    /// What the server has to answer, once our proof was sent.
    expected: Option<Vec<u8>>,
    proven: bool,
}

impl Scram {
    pub fn begin(hash: Hash, user: &str, password: &str, act_as: &str) -> Result<(Scram, Vec<u8>), Kind> {
        let mut random = [0u8; 18];
        ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| Kind::Settings("the system gives no random bytes".into()))?;
        Ok(Scram::with_nonce(hash, user, password, act_as, BASE64.encode(random)))
    }

    fn with_nonce(hash: Hash, user: &str, password: &str, act_as: &str, nonce: String) -> (Scram, Vec<u8>) {
        let header = if act_as.is_empty() { "n,,".to_owned() } else { format!("n,a={},", saslname(act_as)) };
        let first_bare = format!("n={},r={nonce}", saslname(user));
        let first = format!("{header}{first_bare}").into_bytes();
        (Scram { hash, password: password.to_owned(), nonce, header, first_bare, expected: None, proven: false }, first)
    }

    pub fn proven(&self) -> bool {
        self.proven
    }

    pub fn answer(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, Kind> {
        let text = std::str::from_utf8(challenge).map_err(|_| Kind::Protocol("a challenge is no text".into()))?;
        match &self.expected {
            None => self.prove(text).map(Some),
            Some(expected) => {
                let signature = field(text, 'v').and_then(|text| BASE64.decode(text).ok());
                if signature.as_ref() != Some(expected) {
                    return Err(Kind::Login("the server did not prove that it knows the password".into()));
                }
                self.proven = true;
                Ok(Some(Vec::new()))
            }
        }
    }

    fn prove(&mut self, challenge: &str) -> Result<Vec<u8>, Kind> {
        let bad = |what: &str| Kind::Protocol(format!("the challenge of the login has no usable {what}"));
        let nonce = field(challenge, 'r').filter(|nonce| nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len());
        let nonce = nonce.ok_or_else(|| bad("nonce"))?;
        let salt = field(challenge, 's').and_then(|salt| BASE64.decode(salt).ok()).ok_or_else(|| bad("salt"))?;
        let rounds = field(challenge, 'i').and_then(|rounds| rounds.parse::<u32>().ok()).filter(|rounds| *rounds <= ITERATIONS_MAX);
        let rounds = rounds.and_then(NonZeroU32::new).ok_or_else(|| bad("number of rounds"))?;

        let mut salted = vec![0; self.hash.digest().output_len()];
        pbkdf2::derive(self.hash.pbkdf2(), rounds, &salt, self.password.as_bytes(), &mut salted);
        let mac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(self.hash.hmac(), key), text).as_ref().to_vec();
        let client_key = mac(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), &client_key);
        let without_proof = format!("c={},r={nonce}", BASE64.encode(&self.header));
        let auth = format!("{},{challenge},{without_proof}", self.first_bare);
        let signature = mac(stored_key.as_ref(), auth.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        self.expected = Some(mac(&mac(&salted, b"Server Key"), auth.as_bytes()));
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes())
    }
}

fn field(text: &str, name: char) -> Option<&str> {
    text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchanges of RFC 5802, section 5, and RFC 7677, section 3.
    #[test]
    fn the_exchanges_of_the_rfcs_come_out() {
        let cases = [
            (
                Hash::Sha1,
                "fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            (
                Hash::Sha256,
                "rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        ];
        for (hash, nonce, challenge, proof, verdict) in cases {
            let (mut scram, first) = Scram::with_nonce(hash, "user", "pencil", "", nonce.into());
            assert_eq!(first, format!("n,,n=user,r={nonce}").into_bytes());
            let answer = scram.answer(challenge.as_bytes()).expect("an answer").expect("an answer");
            assert_eq!(String::from_utf8(answer).expect("text"), proof);
            assert!(!scram.proven());
            assert_eq!(scram.answer(verdict.as_bytes()).expect("believed"), Some(Vec::new()));
            assert!(scram.proven());
        }
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_not_believed() {
        let begun = || Scram::with_nonce(Hash::Sha1, "user", "pencil", "", "fyko+d2lbbFgONRv9qkxdawL".into()).0;
        let challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096";
        let mut scram = begun();
        scram.answer(challenge).expect("an answer");
        assert!(scram.answer(b"v=AAAA").is_err());
        assert!(begun().answer(b"r=another,s=QSXCR+Q6sek8bf92,i=4096").is_err());
        assert!(begun().answer(b"r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4294967295").is_err());
    }
}
