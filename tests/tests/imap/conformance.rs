//! The laws of the store port over IMAP, with Dovecot and with the server of ours that speaks plain IMAP4rev1.
//!
//! What is in the way of comparing is put right here: a message comes back with CRLF.

use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use mailferry_conformance::store::{Bench, Limits, Names, Settled};
use mailferry_core::model::{FolderInfo, FolderPath, ItemKey, TargetId};
use mailferry_core::ports::{MailSource, MailTarget, OpenItem, SeenBeside, SeenItem, ShownAs, StoreError, Walked};
use mailferry_mailbed::hostile::{Hostile, Setup};
use mailferry_mailbed::servers::{Cyrus, Dovecot, Format, Kind, Options, Server};
use mailferry_mailbed::talk::Talk;
use mailferry_stores::{StoreUrl, open_source, open_target};
use tempfile::TempDir;

use super::kit::*;

/// An account of its own for each law.
struct Account {
    address: SocketAddr,
    user: (String, String),
    dir: TempDir,
    names: Names,
    limits: Limits,
}

impl Account {
    fn new(address: SocketAddr, user: (String, String), limits: Limits) -> Account {
        Account { address, user, dir: tempfile::tempdir().expect("a folder"), names: Names::default(), limits }
    }

    fn url(&self) -> StoreUrl {
        StoreUrl::parse(&url_at(self.address, &self.user, self.dir.path())).expect("an address")
    }

    /// A user's own client, with the folder open.
    fn client(&self, folder: &FolderPath) -> Talk {
        let mut talk = Talk::login(self.address, &self.user.0, &self.user.1).expect("a login");
        talk.ok(&format!("SELECT \"{}\"", folder.0[0])).expect("the folder opens");
        talk
    }
}

impl Bench for Account {
    fn name(&self) -> String {
        "IMAP".into()
    }

    fn target(&self) -> Box<dyn MailTarget> {
        let url = self.url();
        Box::new(Settled::new(move || open_target(&url).expect("opened"), self.names.clone()))
    }

    fn source(&self) -> Box<dyn MailSource> {
        Box::new(UnixLines { inner: open_source(&self.url()).expect("opened"), names: self.names.clone() })
    }

    fn client_marks_seen(&self, folder: &FolderPath) -> bool {
        self.client(folder).ok("STORE 1 +FLAGS.SILENT (\\Seen)").is_ok()
    }

    fn client_empties(&self, folder: &FolderPath) -> bool {
        let mut client = self.client(folder);
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)").and_then(|_| client.ok("EXPUNGE")).is_ok()
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }
}

struct UnixLines {
    inner: Box<dyn MailSource>,
    names: Names,
}

fn unix(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(|line| line.strip_suffix(b"\r\n").map_or_else(|| line.to_vec(), |text| [text, b"\n"].concat())).collect()
}

impl MailSource for UnixLines {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        self.inner.folders()
    }

    fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        self.inner.confirm_gone(folder)
    }

    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.inner.scan(folder, &mut |item| each(SeenItem { size: None, ..item }))
    }

    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        let Some(mut item) = self.inner.open(folder, key)? else { return Ok(None) };
        let mut bytes = Vec::new();
        item.reader.read_to_end(&mut bytes).expect("the message comes to its end");
        Ok(Some(OpenItem { reader: Box::new(Cursor::new(unix(&bytes))) }))
    }

    fn beside(&mut self) -> Result<Vec<SeenBeside>, StoreError> {
        self.inner.beside()
    }

    fn shown_as(&mut self, folder: &FolderPath, id: &TargetId) -> Result<ShownAs, StoreError> {
        self.inner.shown_as(folder, &self.names.real(id))
    }

    fn walk(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        self.inner.walk(folder)
    }

    fn step(&mut self) -> Result<Walked, StoreError> {
        Ok(match self.inner.step()? {
            Walked::Item(item) => Walked::Item(SeenItem { size: None, ..item }),
            walked => walked,
        })
    }
}

fn limits() -> Limits {
    Limits {
        nanos: false,
        any_bytes: false,
        unflushed_is_gone: false,
        move_hints: false,
        dedupes: false,
        removed_lingers: true,
        // Dovecot keeps seconds since 1970 in 32 bits, and `cur` and its like are its own.
        dates: 0..=2_147_483_647,
        ..Limits::default()
    }
}

/// The first of them starts it; the watcher of the bed ends it with this process.
fn on_dovecot() -> Account {
    if !is_ready(&[Kind::Dovecot]) {
        return on_a_plain_server();
    }
    static SERVER: OnceLock<Server> = OnceLock::new();
    static USERS: AtomicUsize = AtomicUsize::new(0);
    let options = || Options { users: 60, escapes_names: true, ..Options::format(Format::Mdbox) };
    let server = SERVER.get_or_init(|| Dovecot::start(options()).expect("Dovecot starts"));
    Account::new(server.address(), server.user(USERS.fetch_add(1, Ordering::Relaxed) + 1), limits())
}

fn on_a_plain_server() -> Account {
    static SERVER: OnceLock<Hostile> = OnceLock::new();
    static USERS: AtomicUsize = AtomicUsize::new(0);
    let plain = || {
        let without = ["UIDPLUS", "MULTIAPPEND", "LITERAL+", "MOVE", "CONDSTORE"];
        without.into_iter().fold(Setup::default().with("ACL"), |setup, word| setup.without(word))
    };
    let server = SERVER.get_or_init(|| Hostile::start(plain()).expect("a server"));
    let user = format!("user{}", USERS.fetch_add(1, Ordering::Relaxed));
    Account::new(server.address(), (user, "sesame".into()), limits())
}

mod dovecot {
    mailferry_conformance::store!(super::on_dovecot());
}

mod plain {
    mailferry_conformance::store!(super::on_a_plain_server());
}

/// Servers that keep rights and annotations.
mod with_extensions {
    use super::*;

    fn on(server: fn() -> Server, kind: Kind, servers: &OnceLock<Server>, users: &AtomicUsize) -> Option<Account> {
        if !is_ready(&[kind]) {
            return None;
        }
        let server = servers.get_or_init(server);
        Some(Account::new(server.address(), server.user(users.fetch_add(1, Ordering::Relaxed) + 1), limits()))
    }

    fn each(law: fn(&dyn Bench)) {
        static DOVECOT: OnceLock<Server> = OnceLock::new();
        static CYRUS: OnceLock<Server> = OnceLock::new();
        static USERS: AtomicUsize = AtomicUsize::new(0);
        let dovecot = || Dovecot::start(Options { users: 8, with_extensions: true, ..Options::default() }).expect("Dovecot starts");
        let cyrus = || Cyrus::start(Options { users: 8, ..Options::default() }).expect("Cyrus starts");
        let benches = [on(dovecot, Kind::Dovecot, &DOVECOT, &USERS), on(cyrus, Kind::Cyrus, &CYRUS, &USERS)];
        benches.iter().flatten().for_each(|bench| law(bench));
    }

    #[test]
    fn what_stands_beside_items_is_kept() {
        each(mailferry_conformance::store::what_stands_beside_items_is_kept_or_told);
    }

    #[test]
    fn nobody_keeps_a_right_that_is_not_named() {
        each(mailferry_conformance::store::nobody_keeps_a_right_that_is_not_named_where_it_is_closed);
    }

    #[test]
    fn a_new_folder_is_told_once() {
        each(mailferry_conformance::store::a_new_folder_is_told_once_where_it_may_inherit_rights);
    }
}
