//! Copies as the operator calls them, and what stands for the store in the arguments of a provider.

use mailferry_rules::guarantee::{Copy, State};

/// Name and site of a copy, as the operator calls them.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub name: String,
    pub site: Option<String>,
}

/// The node that answers. Nothing is said of its content index: these servers keep theirs apart from their copies.
pub(crate) fn active(place: &Place) -> Copy {
    Copy { site: place.site.clone(), ..Copy::new(&place.name, true, State::Mounted) }
}

/// `{store}` is the address of the store, `{user}` the user of its account or, on a disk, the last folder of its path.
pub(crate) fn filled(text: &str, store: &str) -> Result<String, String> {
    let text = text.replace("{store}", store);
    if !text.contains("{user}") {
        return Ok(text);
    }
    let user = user_of(store).ok_or_else(|| format!("{store} names no user"))?;
    Ok(text.replace("{user}", &user))
}

/// Of `imap://USER@HOST...` or `maildir:PATH`.
pub(crate) fn user_of(store: &str) -> Option<String> {
    let user = match store.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?']).next()?;
            decoded(authority.rsplit_once('@')?.0.split([';', ':']).next()?)?
        }
        None => store.split_once(':').map_or(store, |(_, path)| path).trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next()?.to_owned(),
    };
    // It becomes an argument of a program: never an option, never a mask for several users.
    let fit = !user.is_empty() && !user.starts_with('-') && !user.contains(['*', '?']) && !user.chars().any(char::is_control);
    fit.then_some(user)
}

/// `%40` is `@`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_store_is_found_in_its_address() {
        for (store, user) in [
            ("imap://alice@mail.example", Some("alice")),
            ("imaps://alice%40a.example@mail.example:993/?x=y@z", Some("alice@a.example")),
            ("imap://alice;auth=plain@mail.example", Some("alice")),
            ("maildir:/srv/mail/alice/", Some("alice")),
            ("mbox:C:\\mail\\alice", Some("alice")),
            ("imap://mail.example", None),
            ("imap://%zz@mail.example", None),
            ("imap://-A@mail.example", None),
            ("imap://%2a@mail.example", None),
        ] {
            assert_eq!(user_of(store).as_deref(), user, "{store}");
        }
        assert_eq!(filled("-u={user} {store}", "maildir:/srv/a"), Ok("-u=a maildir:/srv/a".into()));
    }
}
