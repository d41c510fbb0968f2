//! An access token by the refresh-token grant (RFC 6749, section 6): asked for when there is none, when it is about to end, and when it is
//! refused. A refresh token that the server changes takes the place of the one before it, in its file, before its access token is used.
//!
//! One that is used twice is taken for stolen by many servers, so that at any time one thread of one process asks with it: a lock in this
//! process, and one on a file beside that of the token. Tokens live as long as the process and are never shown.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mailferry_core::trouble::Trouble;
use mailferry_imap::{HttpUrl, Secret, Trust};

use super::secrets::{from_file, from_variable};
use crate::files;

/// The whole exchange, unless the server of the mailbox is given less.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 3;
const PAUSE_S_MAX: u64 = 30;
/// A token is renewed so long before its end, and counts as this long where the server does not say.
const MARGIN: Duration = Duration::from_secs(60);
const LIFETIME_S: u64 = 300;
/// Of what a server says of an error.
const SAID_CHARS_MAX: usize = 300;

/// Where a refresh token is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    File(PathBuf),
    Env(String),
}

/// What the grant needs.
pub struct Grant {
    pub endpoint: HttpUrl,
    /// As people wrote it, without its query.
    pub shown: String,
    pub client: String,
    pub client_secret: Option<Secret>,
    pub place: Place,
    pub trust: Trust,
    pub patience: Duration,
}

/// Why there is no secret.
pub struct NoSecret {
    pub trouble: Box<Trouble>,
    /// Whether it may be there later without anybody's doing.
    pub passes: bool,
    /// The server wants a person.
    pub is_refused: bool,
}

impl From<Trouble> for NoSecret {
    fn from(trouble: Trouble) -> Self {
        NoSecret { trouble: Box::new(trouble), passes: false, is_refused: false }
    }
}

/// Of one grant.
#[derive(Default)]
struct Held {
    access: Option<(Secret, Instant)>,
    /// The newest refresh token of a place that cannot be written.
    refresh: Option<Secret>,
}

type All = Mutex<BTreeMap<(String, String, Place), Arc<Mutex<Held>>>>;

static ALL: All = Mutex::new(BTreeMap::new());

impl Grant {
    fn held(&self) -> Arc<Mutex<Held>> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((self.shown.clone(), self.client.clone(), self.place.clone())).or_default().clone()
    }

    /// A refused one is not given again. False: none was held.
    pub fn forget(&self) -> bool {
        self.held().lock().unwrap_or_else(PoisonError::into_inner).access.take().is_some()
    }

    /// The token that is held, or a new one.
    pub fn access(&self) -> Result<Secret, NoSecret> {
        let held = self.held();
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((access, _)) = held.access.as_ref().filter(|(_, end)| *end > Instant::now()) {
            return Ok(access.clone());
        }
        held.access = None;
        let _lock = self.lock()?;
        let refresh = held.refresh.clone().map_or_else(|| self.stored(), Ok)?;
        let part = self.prepared()?;
        let began = Instant::now();
        let granted = self.ask(&refresh)?;
        if let Some(new) = granted.refresh.filter(|new| *new != refresh) {
            match (&self.place, part) {
                (Place::File(path), Some(part)) => part.keep(&new.0).map_err(|error| self.not_kept(path, &error))?,
                _ => {
                    tracing::warn!(
                        event = "store.token-unkept",
                        endpoint = self.shown,
                        "the server changed a refresh token that stands in a variable: it is known to this run alone"
                    );
                    held.refresh = Some(new);
                }
            }
        }
        let end = began + Duration::from_secs(granted.lifetime_s).saturating_sub(MARGIN);
        held.access = Some((granted.access.clone(), end));
        Ok(granted.access)
    }

    /// The refresh token as it was put there.
    pub fn stored(&self) -> Result<Secret, Trouble> {
        match &self.place {
            Place::File(path) => from_file(path, "a refresh token"),
            Place::Env(name) => from_variable(name, "a refresh token"),
        }
    }

    fn lock(&self) -> Result<Option<File>, Trouble> {
        let Place::File(path) = &self.place else { return Ok(None) };
        let beside = beside(path, ".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&beside).and_then(|file| file.lock().map(|()| file));
        file.map(Some).map_err(|error| self.not_kept(&beside, &error))
    }

    /// A token that could not be kept would shut out the next run: whether it can be is seen before the server is asked.
    fn prepared(&self) -> Result<Option<files::SecretPart>, Trouble> {
        let Place::File(path) = &self.place else { return Ok(None) };
        files::SecretPart::beside(path).map(Some).map_err(|error| self.not_kept(path, &error))
    }

    fn not_kept(&self, path: &Path, error: &std::io::Error) -> Trouble {
        let trouble = Trouble::new("could not keep a refresh token that the server may change").place(path.display()).cause(error);
        trouble.now("this account is left alone").hint("let this user write into the folder of the file")
    }

    fn ask(&self, refresh: &Secret) -> Result<Granted, NoSecret> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| self.trouble().cause(error))?;
        runtime.block_on(self.asked(refresh))
    }

    async fn asked(&self, refresh: &Secret) -> Result<Granted, NoSecret> {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.0.as_str()), ("client_id", self.client.as_str())];
        form.extend(self.client_secret.as_ref().map(|secret| ("client_secret", secret.0.as_str())));
        let mut attempt = 1;
        loop {
            let (cause, pause_s) = match self.endpoint.post(&form, &self.trust, self.patience.min(PATIENCE_MAX)).await {
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    (format!("it answers with {}", answer.status), answer.retry_after_s)
                }
                Ok(answer) if answer.status == 200 => return granted(&answer.body).map_err(|cause| self.trouble().cause(cause).into()),
                Ok(answer) => return Err(self.refused(answer.status, &answer.body, refresh)),
                Err(kind @ (mailferry_imap::Kind::Tls(_) | mailferry_imap::Kind::Settings(_) | mailferry_imap::Kind::Protocol(_))) => {
                    let hint = "check token-endpoint, and the option ca where its certificate is not of a public authority";
                    return Err(self.trouble().cause(kind).hint(hint).into());
                }
                Err(kind) => (kind.to_string(), None),
            };
            if attempt == ATTEMPTS {
                let trouble = self.trouble().cause(format!("{cause}, {ATTEMPTS} times")).hint("see whether its operator knows of trouble");
                return Err(NoSecret { trouble: Box::new(trouble), passes: true, is_refused: false });
            }
            tokio::time::sleep(Duration::from_secs(pause_s.unwrap_or(u64::from(attempt)).min(PAUSE_S_MAX))).await;
            attempt += 1;
        }
    }

    fn trouble(&self) -> Trouble {
        Trouble::new("could not renew an access token").place(&self.shown).now("nothing is read or written for this account")
    }

    fn refused(&self, status: u16, body: &[u8], refresh: &Secret) -> NoSecret {
        if (300..400).contains(&status) {
            return self
                .trouble()
                .cause(format!("it answers with {status}; redirects are not followed"))
                .hint("check token-endpoint")
                .into();
        }
        let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let code = said["error"].as_str().unwrap_or_default();
        let place = match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Env(name) => format!("the variable {name}"),
        };
        let hint = match code {
            "invalid_grant" => format!("sign in again, and put the new refresh token into {place}"),
            "invalid_client" | "unauthorized_client" => "check token-client, and the client's secret where it has one".into(),
            _ => "check token-endpoint and token-client".into(),
        };
        let words = [Some(code), said["error_description"].as_str()].into_iter().flatten().filter(|text| !text.is_empty());
        let words = self.harmless(&words.collect::<Vec<_>>().join(": "), refresh);
        let cause = if words.is_empty() { format!("it answers with {status}") } else { format!("it answers with {status}: {words}") };
        NoSecret { trouble: Box::new(self.trouble().cause(cause).hint(hint)), passes: false, is_refused: true }
    }

    /// What a server says may repeat what it was sent.
    fn harmless(&self, text: &str, refresh: &Secret) -> String {
        let secrets = [Some(refresh), self.client_secret.as_ref()].into_iter().flatten();
        let text = secrets.fold(text.to_owned(), |text, secret| text.replace(&secret.0, "***"));
        text.chars().filter(|letter| !letter.is_control()).take(SAID_CHARS_MAX).collect()
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

struct Granted {
    access: Secret,
    lifetime_s: u64,
    refresh: Option<Secret>,
}

/// RFC 6749, 5.1. The error is what is wrong with it, and shows nothing of it.
fn granted(body: &[u8]) -> Result<Granted, String> {
    let said: serde_json::Value = serde_json::from_slice(body).map_err(|_| "its answer is no JSON")?;
    let token = |name: &str| {
        let text = said[name].as_str().filter(|text| !text.is_empty());
        match text {
            Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(format!("its {name} holds signs that none may hold")),
            text => Ok(text.map(|text| Secret(text.to_owned()))),
        }
    };
    if said["token_type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("its token is none to be shown by its bearer".into());
    }
    let access = token("access_token")?.ok_or("there is no access_token in its answer")?;
    // Some write the number as a text.
    let lifetime_s = said["expires_in"].as_u64().or_else(|| said["expires_in"].as_str()?.parse().ok()).unwrap_or(LIFETIME_S);
    Ok(Granted { access, lifetime_s: lifetime_s.min(86_400), refresh: token("refresh_token")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_grant_is_refused_and_not_shown() {
        let good = granted(br#"{"access_token":"abc","token_type":"Bearer","expires_in":3599,"refresh_token":"def"}"#)
            .map_err(|_| ())
            .expect("a grant");
        assert_eq!((good.access, good.lifetime_s, good.refresh), (Secret("abc".into()), 3599, Some(Secret("def".into()))));
        let least = granted(br#"{"access_token":"abc","expires_in":"120"}"#).map_err(|_| ()).expect("a grant");
        assert_eq!((least.lifetime_s, least.refresh), (120, None));
        for bad in [
            &b"<html>abc"[..],
            b"{}",
            br#"{"access_token":""}"#,
            br#"{"access_token":"a\r\nb"}"#,
            br#"{"access_token":"abc","token_type":"mac"}"#,
        ] {
            let said = granted(bad).err().expect("refused");
            assert!(!said.contains("abc"), "{said}");
        }
    }
}
