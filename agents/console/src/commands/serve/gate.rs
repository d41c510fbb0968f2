//! Who may look. Without a token only this machine may, and only under its own names: a page of the internet whose name leads here must
//! not read what a browser of this machine can (DNS rebinding). With a token everybody may who has it.
//!
//! The browser keeps a value made of the token, not the token. Both are compared as digests, in a time that does not depend on them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use mailferry_core::trouble::Trouble;

use crate::exit::WrongUse;

pub const VARIABLE: &str = "MAILFERRY_TOKEN";
pub const COOKIE: &str = "mailferry";
/// Shorter ones can be guessed.
const TOKEN_MIN: usize = 16;
const TOKEN_BYTES_MAX: u64 = 4096;

pub struct Gate {
    token: Option<Token>,
}

struct Token {
    digest: blake3::Hash,
    cookie: blake3::Hash,
}

impl Token {
    fn new(text: &str) -> Self {
        let cookie = blake3::derive_key("mailferry console serve cookie 1", text.as_bytes());
        Token { digest: blake3::hash(text.as_bytes()), cookie: blake3::Hash::from_bytes(cookie) }
    }
}

impl Gate {
    pub fn open(file: Option<&Path>, listen: SocketAddr) -> anyhow::Result<Self> {
        let text = match file {
            Some(file) => Some(read(file)?),
            None => std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()),
        };
        let place = file.map_or_else(|| VARIABLE.to_owned(), |file| file.display().to_string());
        Gate::with(text.as_deref(), &place, listen)
    }

    pub(super) fn with(text: Option<&str>, place: &str, listen: SocketAddr) -> anyhow::Result<Self> {
        let text = text.map(str::trim);
        if let Some(text) = text.filter(|text| text.chars().count() < TOKEN_MIN) {
            let cause = format!("it has {} characters, {TOKEN_MIN} are the least", text.chars().count());
            return Err(wrong("the token is too short", place, &cause, "make one with: openssl rand -hex 32"));
        }
        if text.is_none() && !listen.ip().is_loopback() {
            let cause = "other machines would read it without being asked who they are";
            let hint = format!("name a file with --token-file, or set {VARIABLE}; or listen at 127.0.0.1");
            return Err(wrong("this address needs a token", &listen.to_string(), cause, &hint));
        }
        Ok(Gate { token: text.map(Token::new) })
    }

    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request for this host is meant for us.
    pub fn knows_host(&self, host: Option<&str>) -> bool {
        self.has_token() || host.is_some_and(is_this_machine)
    }

    pub fn lets_in(&self, bearer: Option<&str>, cookie: Option<&str>) -> bool {
        let Some(token) = &self.token else { return true };
        let has_token = bearer.is_some_and(|given| self.is_token(given));
        has_token || cookie.and_then(|given| blake3::Hash::from_hex(given).ok()).is_some_and(|given| given == token.cookie)
    }

    pub fn is_token(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|token| blake3::hash(given.trim().as_bytes()) == token.digest)
    }

    /// What a browser that has given the token keeps.
    pub fn cookie(&self) -> Option<String> {
        self.token.as_ref().map(|token| token.cookie.to_hex().to_string())
    }
}

fn wrong(what: &str, place: &str, cause: &str, hint: &str) -> anyhow::Error {
    WrongUse(Trouble::new(what).place(place).cause(cause).now("nothing is served").hint(hint)).into()
}

fn read(file: &Path) -> anyhow::Result<String> {
    let trouble = |cause: &dyn std::fmt::Display| Trouble::new("could not read the token").place(file.display()).cause(cause);
    let about = std::fs::metadata(file).map_err(|error| trouble(&error).hint("make one with: openssl rand -hex 32"))?;
    if about.len() > TOKEN_BYTES_MAX {
        return Err(trouble(&format!("it has {} bytes, allowed are {TOKEN_BYTES_MAX}", about.len())).into());
    }
    if is_open(&about) {
        return Err(trouble(&"others may read the file").hint(format!("chmod 600 {}", file.display())).into());
    }
    Ok(std::fs::read_to_string(file).map_err(|error| trouble(&error))?)
}

#[cfg(unix)]
fn is_open(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o044 != 0
}

/// Rights of Windows are inherited from the folder, and not a matter of three digits.
#[cfg(not(unix))]
fn is_open(_about: &std::fs::Metadata) -> bool {
    false
}

/// `localhost` and addresses of loopback, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn gate(token: Option<&str>, listen: &str) -> anyhow::Result<Gate> {
        Gate::with(token, "here", listen.parse().expect("an address"))
    }

    #[test]
    fn without_a_token_only_this_machine_may_look_and_only_by_its_own_names() {
        assert!(gate(None, "0.0.0.0:7070").is_err() && gate(None, "192.0.2.1:7070").is_err() && gate(None, "[::]:7070").is_err());
        let gate = gate(None, "[::1]:7070").expect("loopback");
        for host in ["localhost", "LOCALHOST:7070", "127.0.0.1:7070", "127.8.8.8", "[::1]:7070", "[::1]"] {
            assert!(gate.knows_host(Some(host)), "{host}");
        }
        for host in
            ["evil.example", "evil.example:7070", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1", "", "[2001:db8::1]"]
        {
            assert!(!gate.knows_host(Some(host)), "{host}");
        }
        assert!(!gate.knows_host(None) && gate.lets_in(None, None));
    }

    #[test]
    fn with_a_token_nobody_looks_without_it() {
        let gate = gate(Some(TOKEN), "0.0.0.0:7070").expect("a token");
        let cookie = gate.cookie().expect("a cookie");
        assert!(gate.lets_in(Some(TOKEN), None) && gate.lets_in(None, Some(&cookie)) && gate.is_token(&format!("{TOKEN}\n")));
        for (bearer, cookie) in
            [(None, None), (Some(""), None), (Some("0123456789abcdeg"), None), (None, Some(TOKEN)), (Some(cookie.as_str()), None)]
        {
            assert!(!gate.lets_in(bearer, cookie), "{bearer:?} {cookie:?}");
        }
        assert!(!cookie.contains(TOKEN), "the browser does not keep the token");
        assert!(gate.knows_host(Some("mail.example")), "who has the token may come by any name");
    }

    #[test]
    fn a_token_that_can_be_guessed_or_read_by_others_is_refused() {
        assert!(gate(Some("0123456789abcde"), "127.0.0.1:1").is_err());
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("token");
        assert!(read(&file).is_err());
        std::fs::write(&file, TOKEN).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("rights");
            assert!(read(&file).is_err_and(|error| error.to_string().contains("chmod 600")));
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("rights");
        }
        assert_eq!(read(&file).expect("a token"), TOKEN);
    }
}
