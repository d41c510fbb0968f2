//! Ed25519 (RFC 8032) keys and signatures, by `ring`, which the client of IMAP has in the house already.
//!
//! A key pair is text: one file of the agent, that only its account may read. A public key is 64 hex digits, with a name behind it for
//! people.

use std::fmt;
use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::model::Digest;

const FIRST_LINE: &str = "mailferry-signing-key 1";
pub const SIGNATURE_BYTES: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

/// A text that should be a key and is none. It does not repeat the text: it may be the secret one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is no {0}")]
pub struct NotAKey(&'static str);

/// Signs. Its secret part is in no `Debug` and in no error.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// `seed`: 32 bytes that nobody can guess.
    pub fn of_seed(seed: [u8; 32]) -> Result<Self, NotAKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NotAKey("seed of a signing key"))?;
        Ok(SigningKey { seed, pair })
    }

    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(key)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }

    /// What the file holds. Secret.
    pub fn to_text(&self) -> String {
        format!("{FIRST_LINE}\nseed {}\npublic {}\n", Digest(self.seed), self.public())
    }

    /// A damaged file is no key: the public part is compared.
    pub fn from_text(text: &str) -> Result<Self, NotAKey> {
        const WRONG: NotAKey = NotAKey("signing key of Mailferry, or it is damaged");
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(WRONG);
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ')?.parse::<Digest>().ok();
        let (Some(seed), Some(public)) = (field("seed"), field("public")) else { return Err(WRONG) };
        SigningKey::of_seed(seed.0).ok().filter(|key| key.public().0 == public.0).ok_or(WRONG)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl PublicKey {
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    /// The keys of a file: one a line, behind a blank a name. Empty lines, and lines that begin with `#`, are left out.
    pub fn all_of(text: &str) -> Result<Vec<PublicKey>, NotAKey> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.split_whitespace().next().unwrap_or_default().parse()).collect()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest(self.0).fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        text.parse::<Digest>().map(|key| PublicKey(key.0)).map_err(|_| NotAKey("public key (64 lower-case hex digits)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::of_seed([7; 32]).expect("a key")
    }

    #[test]
    fn a_signature_is_of_one_key_and_one_message() {
        let signature = key().sign(b"message");
        assert!(key().public().has_signed(b"message", &signature));
        assert!(!key().public().has_signed(b"messagf", &signature));
        assert!(!SigningKey::of_seed([8; 32]).expect("a key").public().has_signed(b"message", &signature));
        for bit in 0..512 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key().public().has_signed(b"message", &other), "bit {bit}");
        }
    }

    /// RFC 8032, 7.1, test 1.
    #[test]
    fn keys_and_signatures_are_those_of_the_standard() {
        let seed: Digest = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().expect("hex");
        let key = SigningKey::of_seed(seed.0).expect("a key");
        assert_eq!(key.public().to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert!(Digest(key.sign(b"")[..32].try_into().expect("32 bytes")).to_string().starts_with("e5564300c360ac729086e2cc806e828a"));
    }

    #[test]
    fn a_key_reads_back_as_itself_and_a_damaged_one_does_not() {
        let text = key().to_text();
        assert_eq!(SigningKey::from_text(&text).expect("a key").public(), key().public());
        for bad in ["", FIRST_LINE, &text.replace("key 1", "key 2"), &text.replacen("07", "08", 1), &text[..text.len() - 3]] {
            let error = SigningKey::from_text(bad).expect_err("damaged").to_string();
            assert!(!error.contains("0707"), "{error}");
        }
    }

    #[test]
    fn the_secret_is_never_shown() {
        let shown = format!("{:?}", key());
        assert!(!shown.contains("0707") && shown.contains(&key().public().to_string()), "{shown}");
    }

    #[test]
    fn a_file_of_public_keys_has_one_a_line() {
        let (one, two) = (key().public(), SigningKey::of_seed([8; 32]).expect("a key").public());
        assert_eq!(PublicKey::all_of(&format!("# ours\n{one} NODE1\n\n  {two}\n")), Ok(vec![one, two]));
        assert!(PublicKey::all_of("nonsense").is_err());
        assert_eq!(PublicKey::all_of(""), Ok(Vec::new()));
    }
}
