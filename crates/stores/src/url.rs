//! `maildir:PATH`, `mbox:PATH`, `mboxrd:PATH`, `imap://...`: which store is meant.
//!
//! A path alone is looked at: a directory with `cur` in it, or in one of its directories, is a Maildir; anything else that
//! is there is mbox. A single letter before the colon is a Windows drive, never a scheme.

use std::fmt;
use std::path::{Path, PathBuf};

use mailferry_core::ports::{Blast, MailSource, MailTarget, Retry, StoreError, TargetSurvey};
use mailferry_core::trouble::Trouble;

use crate::{
    Access, ImapSource, ImapSurvey, ImapTarget, ImapUrl, MaildirSource, MaildirSurvey, MaildirTarget, MboxSource, MboxSurvey, MboxTarget,
    Variant, files,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    Maildir,
    /// mbox; the variant is told from each file.
    Mbox,
    Mboxo,
    Mboxrd,
    Mboxcl2,
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("maildir", Scheme::Maildir),
    ("mbox", Scheme::Mbox),
    ("mboxo", Scheme::Mboxo),
    ("mboxrd", Scheme::Mboxrd),
    ("mboxcl2", Scheme::Mboxcl2),
];

/// Names one mailbox. Prints as it was written, with its scheme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreUrl {
    Disk(DiskUrl),
    Imap(ImapUrl),
}

/// A mailbox on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiskUrl {
    pub scheme: Scheme,
    pub path: PathBuf,
}

impl StoreUrl {
    pub fn parse(text: &str) -> Result<StoreUrl, Trouble> {
        if let Some(url) = ImapUrl::parse(text) {
            return url.map(StoreUrl::Imap);
        }
        if let Some((name, path)) =
            text.split_once(':').filter(|(name, _)| name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            let known = SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let (_, scheme) = known.ok_or_else(|| unknown(text, name))?;
            return if path.is_empty() { Err(empty(text)) } else { Ok(StoreUrl::on_disk(*scheme, path)) };
        }
        let path = Path::new(text);
        if text.is_empty() || !path.exists() {
            return Err(not_there(text));
        }
        Ok(StoreUrl::on_disk(if looks_like_maildir(path) { Scheme::Maildir } else { Scheme::Mbox }, path))
    }

    fn on_disk(scheme: Scheme, path: impl Into<PathBuf>) -> Self {
        StoreUrl::Disk(DiskUrl { scheme, path: path.into() })
    }

    /// Where a mailbox on disk is.
    pub fn path(&self) -> Option<&Path> {
        match self {
            StoreUrl::Disk(disk) => Some(&disk.path),
            StoreUrl::Imap(_) => None,
        }
    }

    /// User and server, whatever else the address says.
    pub fn account(&self) -> Option<String> {
        match self {
            StoreUrl::Disk(_) => None,
            StoreUrl::Imap(url) => Some(format!("{}@{}", url.user(), url.server())),
        }
    }

    /// One spelling per store: with the whole path, whichever folder it was named from.
    pub fn absolute(self) -> std::io::Result<Self> {
        Ok(match self {
            StoreUrl::Disk(disk) => StoreUrl::Disk(DiskUrl { path: std::path::absolute(&disk.path)?, ..disk }),
            imap => imap,
        })
    }
}

impl DiskUrl {
    fn variant(&self) -> Option<Variant> {
        match self.scheme {
            Scheme::Maildir | Scheme::Mbox => None,
            Scheme::Mboxo => Some(Variant::Mboxo),
            Scheme::Mboxrd => Some(Variant::Mboxrd),
            Scheme::Mboxcl2 => Some(Variant::Mboxcl2),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Disk(disk) => disk.fmt(f),
            StoreUrl::Imap(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for DiskUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme).map_or("mbox", |(name, _)| name);
        write!(f, "{name}:{}", self.path.display())
    }
}

fn unknown(text: &str, name: &str) -> Trouble {
    Trouble::new("could not tell which mail store is meant").place(text).cause(format!("`{name}` is no kind of store")).hint(FORMS)
}

fn empty(text: &str) -> Trouble {
    Trouble::new("could not tell which mail store is meant").place(text).cause("there is no path behind the colon").hint(FORMS)
}

fn not_there(text: &str) -> Trouble {
    let hint = "name its kind if it is to be made: maildir:PATH or mbox:PATH";
    Trouble::new("could not tell which mail store is meant").place(text).cause("nothing is there to look at").hint(hint)
}

const FORMS: &str = "maildir:PATH, mbox:PATH, mboxo:PATH, mboxrd:PATH, mboxcl2:PATH, imap://USER@HOST, imaps://USER@HOST, or the path of a store that exists";

fn looks_like_maildir(path: &Path) -> bool {
    let has_cur = |dir: &Path| files::is_dir(&dir.join("cur"));
    has_cur(path) || std::fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|entry| has_cur(&entry.path())))
}

/// Opens a mailbox for reading. It must exist.
pub fn open_source(url: &StoreUrl) -> Result<Box<dyn MailSource>, StoreError> {
    source_with(url, &Access::default())
}

pub fn source_with(url: &StoreUrl, access: &Access) -> Result<Box<dyn MailSource>, StoreError> {
    let disk = match url {
        StoreUrl::Disk(disk) => disk,
        StoreUrl::Imap(url) => return Ok(Box::new(ImapSource::open(url, access)?)),
    };
    Ok(match disk.scheme {
        Scheme::Maildir => Box::new(MaildirSource::open(&disk.path)?),
        _ => Box::new(MboxSource::open(&disk.path, disk.variant())?),
    })
}

/// Opens a mailbox for writing, making it when it is not there; an account of a server must be there.
pub fn open_target(url: &StoreUrl) -> Result<Box<dyn MailTarget>, StoreError> {
    target_with(url, &Access::default())
}

pub fn target_with(url: &StoreUrl, access: &Access) -> Result<Box<dyn MailTarget>, StoreError> {
    let disk = match url {
        StoreUrl::Disk(disk) => disk,
        StoreUrl::Imap(url) => return Ok(Box::new(ImapTarget::open(url, access)?)),
    };
    match disk.scheme {
        Scheme::Maildir => Ok(Box::new(MaildirTarget::open(&disk.path)?)),
        Scheme::Mbox | Scheme::Mboxrd => Ok(Box::new(MboxTarget::open(&disk.path)?)),
        Scheme::Mboxo | Scheme::Mboxcl2 => Err(refused(disk)),
    }
}

/// Looks at what is to be filled, and changes nothing: a mailbox on disk need not be there yet.
pub fn survey_with(url: &StoreUrl, access: &Access) -> Result<Box<dyn TargetSurvey>, StoreError> {
    let disk = match url {
        StoreUrl::Disk(disk) => disk,
        StoreUrl::Imap(url) => return Ok(Box::new(ImapSurvey::open(url, access)?)),
    };
    match disk.scheme {
        Scheme::Maildir => Ok(Box::new(MaildirSurvey::open(&disk.path))),
        Scheme::Mbox | Scheme::Mboxrd => Ok(Box::new(MboxSurvey::open(&disk.path))),
        Scheme::Mboxo | Scheme::Mboxcl2 => Err(refused(disk)),
    }
}

fn refused(url: &DiskUrl) -> StoreError {
    let cause = "a body line that begins with `From ` cannot be told from the start of a message in this form: bytes would be lost";
    StoreError::new(Blast::Mailbox, Retry::Never, "write this form of mbox", url.to_string(), cause)
        .hint("write mboxrd: instead; every reader of mbox reads it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_url_reads_back_as_itself() {
        for text in [
            "maildir:/var/mail/a",
            "mbox:a/b",
            "mboxrd:x",
            "mboxo:.",
            "mboxcl2:../x",
            "maildir:C:\\mail",
            "maildir:/a:b",
            "imaps://a@h:1/?auth=plain",
        ] {
            let url = StoreUrl::parse(text).expect("a store URL");
            assert_eq!(url.to_string(), text);
        }
        assert_eq!(StoreUrl::parse("MAILDIR:x").expect("a store URL").to_string(), "maildir:x");
    }

    #[test]
    fn what_names_no_store_is_refused_with_a_hint() {
        for text in ["", "maildir:", "imap://x", "pst:x", "/nowhere/at/all", "C:\\nowhere"] {
            let trouble = StoreUrl::parse(text).expect_err(text).to_string();
            assert!(trouble.contains("hint:"), "{trouble}");
        }
    }

    #[test]
    fn a_path_alone_is_looked_at() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let scheme = |name: &str| match StoreUrl::parse(&dir.path().join(name).display().to_string()).expect("a store") {
            StoreUrl::Disk(disk) => disk.scheme,
            StoreUrl::Imap(_) => panic!("a path is no account"),
        };
        std::fs::create_dir_all(dir.path().join("md/.A/cur")).expect("made");
        std::fs::create_dir_all(dir.path().join("box")).expect("made");
        std::fs::write(dir.path().join("file"), "").expect("written");
        assert_eq!((scheme("md"), scheme("box"), scheme("file")), (Scheme::Maildir, Scheme::Mbox, Scheme::Mbox));
    }
}
