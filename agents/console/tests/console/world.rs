//! A directory of its own for each test, and the binary run in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mailferry_core::model::{Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Token};
use mailferry_core::ports::NewItem;
use mailferry_stores::{StoreUrl, open_target};
use tempfile::TempDir;

pub struct World {
    dir: TempDir,
}

/// What a run printed, and its exit code. The directory of the test reads `DIR`, with `/` in paths below it.
#[derive(PartialEq, Eq, Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// An item of a mailbox to be.
pub struct Mail {
    pub folder: &'static str,
    pub body: &'static str,
    pub flags: Flags,
    pub keywords: &'static [&'static str],
    pub seconds: i64,
}

pub const MAY: i64 = 1_714_555_800;

pub fn mail(folder: &'static str, body: &'static str) -> Mail {
    Mail { folder, body, flags: Flags::SEEN, keywords: &[], seconds: MAY }
}

impl World {
    pub fn new() -> Self {
        World { dir: TempDir::new().expect("a temporary directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("a temporary file");
    }

    /// Names in a directory, sorted.
    pub fn names(&self, dir: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(dir)).expect("the directory is there");
        let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect();
        names.sort();
        names
    }

    /// Nobody at a terminal: stdin is empty, the outputs are pipes.
    pub fn run(&self, args: &[&str]) -> Ran {
        let (code, out, err) = self.run_raw(args);
        let text = |bytes: Vec<u8>| self.placeless(&String::from_utf8(bytes).expect("text"));
        Ran { code, out: text(out), err: text(err) }
    }

    fn placeless(&self, text: &str) -> String {
        let text = text.replace(&self.dir.path().display().to_string(), "DIR");
        let mut pieces = text.split("DIR");
        let first = pieces.next().unwrap_or_default().to_string();
        pieces.fold(first, |out, piece| {
            let end = piece.find(|letter: char| letter.is_whitespace()).unwrap_or(piece.len());
            let path = piece[..end].replace(std::path::MAIN_SEPARATOR, "/");
            out + "DIR" + &path + &piece[end..]
        })
    }

    pub fn run_raw(&self, args: &[&str]) -> (Option<i32>, Vec<u8>, Vec<u8>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailferry"));
        command.args(args).current_dir(self.dir.path()).env_remove("COLUMNS").env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        let output = command.output().expect("the binary can be run");
        (output.status.code(), output.stdout, output.stderr)
    }

    pub fn json(&self, args: &[&str]) -> (Option<i32>, serde_json::Value) {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.err, "");
        (ran.code, serde_json::from_str(&ran.out).expect("JSON"))
    }

    /// Fills a mailbox through its own store; answers its URL.
    pub fn mailbox(&self, kind: &str, name: &str, mails: &[Mail]) -> String {
        let url = format!("{kind}:{}", self.path(name).display());
        let mut store = open_target(&StoreUrl::parse(&url).expect("a store")).expect("the store is made");
        let folders: std::collections::BTreeSet<&str> = mails.iter().map(|mail| mail.folder).chain(["INBOX"]).collect();
        for folder in folders {
            store.ensure_folder(&FolderInfo::plain(path(folder))).expect("the folder is made");
        }
        for (number, mail) in (1..).zip(mails) {
            let item = NewItem { envelope: &mail.envelope(number), size: mail.body.len() as u64 };
            store.append(&path(mail.folder), &item, &mut mail.body.as_bytes()).expect("the item is taken");
        }
        store.flush().expect("the store is flushed");
        url
    }
}

impl Mail {
    pub fn envelope(&self, number: u8) -> Envelope {
        Envelope {
            token: Token([number; 16]),
            key: ItemKey(format!("key{number}").into_bytes()),
            marks: Marks { flags: self.flags, keywords: self.keywords.iter().map(ToString::to_string).collect() },
            date: InternalDate { seconds: self.seconds, nanos: 0, offset_minutes: None },
            sender: None,
        }
    }
}

pub fn path(name: &str) -> FolderPath {
    FolderPath(name.split('/').map(Into::into).collect())
}
