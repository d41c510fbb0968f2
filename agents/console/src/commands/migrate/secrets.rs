//! Passwords: from the list, a variable or a file, or asked for on the terminal, where they are not shown. None is ever needed on the
//! command line, where every user of the machine could read it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use mailferry_core::trouble::Trouble;
use mailferry_stores::{ImapUrl, Secret, StoreUrl, secret_from_file, secret_from_variable};

use super::one::Pair;

pub fn from_env(name: &str) -> Result<Secret, Trouble> {
    secret_from_variable(name, "a password")
}

pub fn from_file(path: &Path) -> Result<Secret, Trouble> {
    secret_from_file(path, "a password")
}

pub fn readable_by_others(path: &Path) -> bool {
    mailferry_stores::readable_by_others(path)
}

/// A store that needs a secret and for which none is given must say where it is, or somebody must be there to be asked.
pub fn named_by(url: &StoreUrl) -> Result<(), Trouble> {
    match url {
        StoreUrl::Imap(imap) if imap.names_secret() || !can_ask() => imap.check_secret(),
        _ => Ok(()),
    }
}

/// Those of one pair that has to be asked for.
pub fn asked_for(pair: &Pair) -> anyhow::Result<BTreeMap<String, Secret>> {
    with_asked(BTreeMap::new(), [&pair.source, &pair.target].into_iter())
}

/// Adds what only somebody at the terminal knows, once for each login.
pub fn with_asked<'s>(
    mut given: BTreeMap<String, Secret>,
    stores: impl Iterator<Item = &'s StoreUrl>,
) -> anyhow::Result<BTreeMap<String, Secret>> {
    let mut asked: BTreeMap<(String, String), Secret> = BTreeMap::new();
    for url in stores {
        let StoreUrl::Imap(imap) = url else { continue };
        if imap.names_secret() || given.contains_key(&url.to_string()) || !can_ask() {
            continue;
        }
        let login = (imap.server(), imap.login().to_owned());
        let secret = match asked.get(&login) {
            Some(secret) => secret.clone(),
            None => asked.entry(login).or_insert(ask(imap)?).clone(),
        };
        given.insert(url.to_string(), secret);
    }
    Ok(given)
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn ask(imap: &ImapUrl) -> anyhow::Result<Secret> {
    write!(io::stderr(), "Password of {} at {}: ", crate::text::line(imap.login()), crate::text::line(&imap.server()))?;
    Ok(Secret(console::Term::stderr().read_secure_line()?))
}
