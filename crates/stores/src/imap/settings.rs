//! `imap://user@host:port/?option=value&...`: which account of which server, and where its secret is.
//!
//! | option | meaning | default |
//! |---|---|---|
//! | `tls` | `starttls` encrypted or not at all; `off` never, passwords readable | imap: STARTTLS where offered, without it only on this machine |
//! | `ca` | file with certificates of further authorities, PEM | those of the system |
//! | `auth` | `login`, `plain`, `scram-sha-1`, `scram-sha-256`, `xoauth2`, `oauthbearer` | the safest offered |
//! | `login` | whose secret it is: a master user (Dovecot: `alice*master`), or an administrator with `act-as` | the user |
//! | `act-as` | `yes`: log in with `login` and act as the user (RFC 4616, authzid; Cyrus) | `no` |
//! | `password-env`, `password-file`, `password-command`, `password-credential`, `password-keyring` | where the secret is (`secrets`) | `MAILFERRY_PASSWORD` |
//! | `token-endpoint`, `token-client` | with `xoauth2` and `oauthbearer`: where access tokens are asked for, and the client's id (RFC 6749, 6) | - |
//! | `refresh-token-file`, `refresh-token-env` | the refresh token; one that the server changes is written into the file | - |
//! | `token-secret-file`, `token-secret-env` | the client's secret, where it has one | - |
//! | `compress` | `yes`: COMPRESS=DEFLATE where offered, for links below about 50 MB/s | `no` |
//! | `timeout` | seconds the server may say nothing | 300 |
//! | `labels` | Gmail as a source. `once`: each message in one folder, its other labels as keywords; `folders`: in the folder of each label | `once` |
//! | `receipts` | at a target, requests for receipts of messages: `keep`, `disarm`, `disarm-seen`, `disarm-unseen` | `keep` |
//!
//! With `xoauth2` and `oauthbearer` the secret is an access token. It is asked for anew at every login, so that a command can renew
//! it. A secret never stands in the address: addresses are shown, logged and listed among processes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use mailferry_core::trouble::Trouble;
use mailferry_imap::{Account, Endpoint, HttpUrl, Mechanism, Secret, Security, Trust};

use super::receipts::Receipts;
use super::refresh::{Grant, NoSecret, Place};
use super::secrets;

const OPTIONS: [&str; 20] = [
    "tls",
    "ca",
    "auth",
    "login",
    "act-as",
    "password-env",
    "password-file",
    "password-command",
    "password-credential",
    "password-keyring",
    "token-endpoint",
    "token-client",
    "token-secret-env",
    "token-secret-file",
    "refresh-token-env",
    "refresh-token-file",
    "compress",
    "timeout",
    "labels",
    "receipts",
];
const PASSWORD_VARIABLE: &str = "MAILFERRY_PASSWORD";
const TIMEOUT_S: u64 = 300;
/// Where a secret may be.
const SECRETS: [&str; 7] = [
    "password-file",
    "password-env",
    "password-command",
    "password-credential",
    "password-keyring",
    "refresh-token-file",
    "refresh-token-env",
];

/// The address of an account. Prints as it was written; there is no secret in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImapUrl {
    text: String,
    tls: bool,
    user: String,
    host: String,
    port: u16,
    options: BTreeMap<String, String>,
}

impl fmt::Display for ImapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ImapUrl {
    /// `None` when this is no address of IMAP at all.
    pub fn parse(text: &str) -> Option<Result<ImapUrl, Trouble>> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "imap" => false,
            "imaps" => true,
            _ => return None,
        };
        Some(parsed(text, tls, rest))
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        self.option(name) == Some("yes")
    }

    pub fn endpoint(&self) -> Result<Endpoint, Trouble> {
        let security = match (self.tls, self.option("tls")) {
            (true, _) => Security::Tls,
            (_, Some("starttls")) => Security::StartTls,
            (_, Some("off")) => Security::Plain,
            _ => Security::Opportunistic,
        };
        let authorities_pem = match self.option("ca") {
            Some(path) => std::fs::read(path).map_err(|error| {
                Trouble::new("could not read the certificates of authorities").place(path).cause(error).hint("check the option ca")
            })?,
            None => Vec::new(),
        };
        Ok(Endpoint {
            host: self.host.clone(),
            port: self.port,
            security,
            trust: Trust { authorities_pem },
            compress: self.flag("compress"),
            patience: self.patience(),
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.option("timeout").and_then(|text| text.parse().ok()).unwrap_or(TIMEOUT_S))
    }

    /// Fetches the secret, each time anew, unless it was `given`.
    pub fn account(&self, given: Option<Secret>) -> Result<Account, NoSecret> {
        let login = self.login().to_owned();
        let act_as = self.flag("act-as").then(|| self.user.clone());
        Ok(Account {
            user: login,
            secret: given.map_or_else(|| self.secret(), Ok)?,
            act_as,
            mechanism: self.option("auth").and_then(Mechanism::named),
        })
    }

    /// What the address needs besides the network and a secret is there.
    pub fn check_place(&self) -> Result<(), Trouble> {
        self.endpoint().map(|_| ())
    }

    /// Of a refresh-token grant: the access token that is held is not given again. False: none is held.
    pub fn forget_token(&self) -> bool {
        self.grant().is_ok_and(|grant| grant.is_some_and(|grant| grant.forget()))
    }

    fn grant(&self) -> Result<Option<Grant>, Trouble> {
        let (Some(shown), Some(client)) = (self.option("token-endpoint"), self.option("token-client")) else { return Ok(None) };
        let place = match (self.option("refresh-token-file"), self.option("refresh-token-env")) {
            (Some(path), _) => Place::File(path.into()),
            (None, Some(name)) => Place::Env(name.to_owned()),
            (None, None) => return Ok(None),
        };
        let endpoint = HttpUrl::parse(shown).map_err(|cause| Trouble::new("could not use a token endpoint").place(shown).cause(cause))?;
        let client_secret = match (self.option("token-secret-file"), self.option("token-secret-env")) {
            (Some(path), _) => Some(secrets::from_file(Path::new(path), "the secret of a client")?),
            (None, Some(name)) => Some(secrets::from_variable(name, "the secret of a client")?),
            (None, None) => None,
        };
        let shown = shown.split('?').next().unwrap_or_default().to_owned();
        let mailbox = self.endpoint()?;
        let (trust, patience) = (mailbox.trust, mailbox.patience);
        Ok(Some(Grant { endpoint, shown, client: client.to_owned(), client_secret, place, trust, patience }))
    }

    /// The secret is where the address says. A command may ask somebody, or take a token that lives for minutes: it is run when it is
    /// needed.
    pub fn check_secret(&self) -> Result<(), Trouble> {
        match self.grant()? {
            Some(grant) => grant.stored().map(|_| ()),
            None if self.option("password-command").is_some() => Ok(()),
            None => self.secret().map(|_| ()).map_err(|none| *none.trouble),
        }
    }

    /// Whether the address says where its secret is.
    pub fn names_secret(&self) -> bool {
        SECRETS.iter().any(|name| self.option(name).is_some()) || std::env::var_os(PASSWORD_VARIABLE).is_some()
    }

    /// Whether Gmail's labels become keywords.
    pub fn reads_labels_once(&self) -> bool {
        self.option("labels") != Some("folders")
    }

    pub fn receipts(&self) -> Receipts {
        self.option("receipts").and_then(Receipts::named).unwrap_or_default()
    }

    /// The server, for limits and for people.
    pub fn server(&self) -> String {
        format!("{}:{}", self.host.to_ascii_lowercase(), self.port)
    }

    /// Whose secret it is.
    pub fn login(&self) -> &str {
        self.option("login").unwrap_or(&self.user)
    }

    fn secret(&self) -> Result<Secret, NoSecret> {
        if let Some(grant) = self.grant()? {
            return grant.access();
        }
        let what = "a password";
        if let Some(path) = self.option("password-file") {
            return Ok(secrets::from_file(Path::new(path), what)?);
        }
        if let Some(command) = self.option("password-command") {
            return Ok(secrets::from_command(command, what, self.patience())?);
        }
        if let Some(name) = self.option("password-credential") {
            return Ok(secrets::from_credential(name, what)?);
        }
        if let Some(name) = self.option("password-keyring") {
            return Ok(secrets::from_keyring(name, what)?);
        }
        let name = self.option("password-env").unwrap_or(PASSWORD_VARIABLE);
        let missing = || {
            Trouble::new(format!("could not find the password of {}", self.user))
                .place(&self.text)
                .cause(format!("there is no environment variable {name}"))
                .hint("add ?password-file=PATH, ?password-credential=NAME or another place for a password to the address")
        };
        Ok(std::env::var(name).map(Secret).map_err(|_| missing())?)
    }
}

fn parsed(text: &str, tls: bool, rest: &str) -> Result<ImapUrl, Trouble> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, server) = place.rsplit_once('@').unwrap_or(("", place));
    if user.contains(':') {
        // Not shown: what stands behind the colon is the password.
        let shown = format!("{}://{}:***@{server}", if tls { "imaps" } else { "imap" }, user.split(':').next().unwrap_or_default());
        return Err(Trouble::new("could not use the address of an account")
            .place(shown)
            .cause("there is a password in it, and addresses are shown and logged")
            .hint("take it out; add ?password-file=PATH, ?password-credential=NAME or another place for a password"));
    }
    let bad = |cause: String| {
        Trouble::new("could not use the address of an account")
            .place(text.split('?').next().unwrap_or_default())
            .cause(cause)
            .hint("imap://USER@HOST or imaps://USER@HOST:PORT, options behind a question mark; in USER write %40 for @")
    };
    let server = server.strip_suffix('/').unwrap_or(server);
    if server.contains('/') {
        return Err(bad("a path behind the host has no meaning".into()));
    }
    let (host, port) = host_and_port(server, tls).ok_or_else(|| bad("host or port cannot be read".into()))?;
    let user = decoded(user).filter(|user| !user.is_empty()).ok_or_else(|| bad("there is no user in it".into()))?;
    let options = options(query).and_then(|options| together(&options).map(|()| options)).map_err(&bad)?;
    Ok(ImapUrl { text: text.to_owned(), tls, user, host, port, options })
}

fn host_and_port(server: &str, tls: bool) -> Option<(String, u16)> {
    let default = if tls { 993 } else { 143 };
    // `[::1]:143`
    if let Some(rest) = server.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port = if port.is_empty() { default } else { port.strip_prefix(':')?.parse().ok()? };
        return Some((host.to_owned(), port));
    }
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (server, default),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn options(query: &str) -> Result<BTreeMap<String, String>, String> {
    let mut options = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("the option `{pair}` has no value"))?;
        let value = decoded(value).ok_or_else(|| format!("the value of `{name}` cannot be read"))?;
        if matches!(name, "password" | "token" | "pass") {
            return Err("a secret has no place in an address: it is shown and logged".into());
        }
        if !OPTIONS.contains(&name) {
            return Err(format!("there is no option `{name}`; there are {}", OPTIONS.join(", ")));
        }
        allowed(name, &value)?;
        options.insert(name.to_owned(), value);
    }
    Ok(options)
}

/// One place for a secret, and all that a grant needs.
fn together(options: &BTreeMap<String, String>) -> Result<(), String> {
    let has = |name: &str| options.contains_key(name);
    let given: Vec<&str> = SECRETS.into_iter().filter(|name| has(name)).collect();
    let refreshes = has("refresh-token-file") || has("refresh-token-env");
    if given.len() > 1 {
        return Err(format!("the secret is named more than once, by {}", given.join(" and ")));
    }
    let of_grant = OPTIONS.iter().find(|name| name.starts_with("token-") && has(name));
    if let Some(name) = of_grant.filter(|_| !refreshes) {
        return Err(format!("`{name}` is for a refresh token, and none is named: add refresh-token-file or refresh-token-env"));
    }
    if !refreshes {
        return Ok(());
    }
    if let Some(name) = ["token-endpoint", "token-client"].into_iter().find(|name| !has(name)) {
        return Err(format!("a refresh token needs `{name}`"));
    }
    if has("token-secret-file") && has("token-secret-env") {
        return Err("the secret of the client is named twice".into());
    }
    match options.get("auth").map(String::as_str) {
        Some("xoauth2" | "oauthbearer") => Ok(()),
        _ => Err("a refresh token is for `auth=xoauth2` or `auth=oauthbearer`".into()),
    }
}

fn allowed(name: &str, value: &str) -> Result<(), String> {
    let good = match name {
        "tls" => matches!(value, "starttls" | "off"),
        "auth" => Mechanism::named(value).is_some(),
        "act-as" | "compress" => matches!(value, "yes" | "no"),
        "labels" => matches!(value, "once" | "folders"),
        "receipts" => Receipts::named(value).is_some(),
        "password-credential" => secrets::is_credential_name(value),
        "password-keyring" if !cfg!(target_os = "linux") => {
            return Err("`password-keyring` is the key store of Linux; here take password-command or password-file".into());
        }
        "token-endpoint" => return HttpUrl::parse(value).map(|_| ()).map_err(|cause| format!("`token-endpoint` cannot be used: {cause}")),
        "timeout" => value.parse::<u64>().is_ok_and(|seconds| (1..=86_400).contains(&seconds)),
        _ => !value.is_empty(),
    };
    let wanted = match name {
        "tls" => "starttls or off",
        "auth" => "login, plain, scram-sha-1, scram-sha-256, xoauth2 or oauthbearer",
        "labels" => "once or folders",
        "receipts" => "keep, disarm, disarm-seen or disarm-unseen",
        "timeout" => "seconds, 1 to 86400",
        "password-credential" => "the name of a credential, without a path",
        "act-as" | "compress" => "yes or no",
        _ => "something",
    };
    if good { Ok(()) } else { Err(format!("`{name}` is `{value}`, allowed is {wanted}")) }
}

/// Percent signs (RFC 3986, 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            out.push(*byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ImapUrl, String> {
        ImapUrl::parse(text).expect("an address of IMAP").map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn an_address_names_user_server_and_options() {
        let url = parse("imaps://alice%40example.org@mail.example.org/?auth=plain&password-command=echo%20x").expect("an address");
        assert_eq!((url.user(), url.host.as_str(), url.port), ("alice@example.org", "mail.example.org", 993));
        assert_eq!(url.account(None).map_err(|none| none.trouble).expect("an account").secret, Secret("x".into()));
        let url = parse("imap://alice@[::1]:1143?tls=off").expect("an address");
        assert_eq!((url.host.as_str(), url.port), ("::1", 1143));
        assert_eq!(url.endpoint().expect("an endpoint").security, Security::Plain);
        assert!(ImapUrl::parse("maildir:/x").is_none());
    }

    #[test]
    fn a_secret_in_an_address_is_refused_and_not_repeated() {
        for text in ["imap://alice:sesame@host/", "imap://alice@host/?password=sesame", "imaps://a:b:sesame@h?x"] {
            let said = parse(text).expect_err(text);
            assert!(said.contains("hint:"), "{said}");
            assert!(!said.contains("alice:sesame") && !said.contains("***sesame"), "{said}");
        }
        assert!(!parse("imap://alice:sesame@host/").expect_err("refused").contains("sesame"));
        assert!(!parse("imap://alice@host/?password=sesame").expect_err("refused").contains("sesame"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_can() {
        for text in ["imap://", "imap://host", "imap://a@", "imap://a@h:x", "imap://a@h/b", "imap://a@h?tls=maybe", "imap://a@h?colour=red"]
        {
            assert!(parse(text).expect_err(text).contains("hint:"), "{text}");
        }
    }

    #[test]
    fn a_refresh_token_needs_all_of_its_options_and_stands_alone() {
        let all = "auth=xoauth2&token-endpoint=https://login.example.org/token&token-client=id&refresh-token-file=/t";
        assert!(parse(&format!("imaps://a@h?{all}")).is_ok_and(|url| url.names_secret()));
        for part in all.split('&') {
            let less = all.split('&').filter(|other| *other != part).collect::<Vec<_>>().join("&");
            assert!(parse(&format!("imaps://a@h?{less}")).is_err(), "without {part}");
        }
        for more in ["password-file=/p", "refresh-token-env=X", "token-secret-env=X&token-secret-file=/s"] {
            assert!(parse(&format!("imaps://a@h?{all}&{more}")).is_err(), "with {more}");
        }
        let said = parse(&format!("imaps://a@h?{}", all.replace("https", "http"))).expect_err("readable by everybody");
        assert!(said.contains("only this machine"), "{said}");
    }
}
