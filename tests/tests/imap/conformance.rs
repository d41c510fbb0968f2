//! The laws of the store port over IMAP, with Dovecot and with the server of ours that speaks plain IMAP4rev1.
//!
//! What is in the way of comparing is put right here, on both sides of the port: a message comes back with CRLF, and the id of an append
//! is known when it is answered (`settled`).

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use mailferry_conformance::store::{Bench, Limits};
use mailferry_core::model::{Beside, FolderInfo, FolderPath, ItemKey, Marks, TargetId, Token};
use mailferry_core::ports::{
    Appended, KeepsBeside, MailSource, MailTarget, May, NewItem, OpenItem, SeenBeside, SeenItem, ShownAs, StoreError, Walked, Wanted,
};
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
    named: Arc<Mutex<Named>>,
    limits: Limits,
}

/// What ids told by `append` have become.
#[derive(Default)]
struct Named {
    count: u64,
    told: HashMap<TargetId, TargetId>,
    real: HashMap<TargetId, TargetId>,
}

impl Account {
    fn new(address: SocketAddr, user: (String, String), limits: Limits) -> Account {
        Account { address, user, dir: tempfile::tempdir().expect("a folder"), named: Arc::default(), limits }
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
        let opened = open_target(&self.url()).expect("opened");
        Box::new(Settled { inner: opened, url: self.url(), staged: HashMap::new(), answered: Vec::new(), named: self.named.clone() })
    }

    fn source(&self) -> Box<dyn MailSource> {
        Box::new(UnixLines { inner: open_source(&self.url()).expect("opened"), named: self.named.clone() })
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
    named: Arc<Mutex<Named>>,
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
        let real = self.named.lock().expect("nobody panicked").real.get(id).cloned();
        self.inner.shown_as(folder, real.as_ref().unwrap_or(id))
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

/// Answers the same id before and after `settled` has told the real one.
struct Settled {
    inner: Box<dyn MailTarget>,
    url: StoreUrl,
    /// Ids of the store for appends that are not settled, by the id we told.
    staged: HashMap<TargetId, TargetId>,
    answered: Vec<(TargetId, Result<Appended, StoreError>)>,
    named: Arc<Mutex<Named>>,
}

impl Settled {
    fn named(&self) -> MutexGuard<'_, Named> {
        self.named.lock().expect("nobody panicked")
    }

    fn real(&self, told: &TargetId) -> TargetId {
        let named = self.named();
        self.staged.get(told).or_else(|| named.real.get(told)).unwrap_or(told).clone()
    }

    fn told(&self, real: TargetId) -> TargetId {
        self.named().told.get(&real).cloned().unwrap_or(real)
    }

    fn take_settled(&mut self) {
        for (ticket, appended) in self.inner.settled() {
            let appended = appended.expect("nothing of the laws is refused");
            let real = appended.id.clone();
            let told = self.staged.iter().find(|(_, there)| **there == ticket).map(|(told, _)| told.clone());
            if let Some(told) = told {
                self.staged.remove(&told);
                let mut named = self.named.lock().expect("nobody panicked");
                named.told.insert(real.clone(), told.clone());
                named.real.insert(told.clone(), real);
                drop(named);
                self.answered.push((told.clone(), Ok(Appended { id: told, ..appended })));
            }
        }
    }
}

impl MailTarget for Settled {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        self.inner.ensure_folder(folder)
    }

    fn new_folders(&mut self) -> Vec<FolderPath> {
        self.inner.new_folders()
    }

    fn keeps_beside(&mut self) -> Result<KeepsBeside, StoreError> {
        self.inner.keeps_beside()
    }

    fn set_beside(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.inner.set_beside(folder, beside)
    }

    /// As the run after a kill would: what this one knows of itself is no answer.
    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        self.flush_while(&mut || Ok(()))?;
        let found = open_target(&self.url)?.locate(folder, wanted)?;
        Ok(found.into_iter().map(|id| id.map(|id| self.told(id))).collect())
    }

    fn adopt(&mut self, ours: HashSet<Token>) -> Result<(), StoreError> {
        self.inner.adopt(ours)
    }

    fn tells_by_bytes(&self) -> bool {
        self.inner.tells_by_bytes()
    }

    fn date_of(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<i64>, StoreError> {
        let real = self.real(id);
        self.inner.date_of(folder, &real)
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let appended = self.inner.append(folder, item, body)?;
        let told = {
            let mut named = self.named();
            named.count += 1;
            TargetId(format!("append {}", named.count).into_bytes())
        };
        self.staged.insert(told.clone(), appended.id);
        Ok(Appended { id: told, ..appended })
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let real = self.real(id);
        Ok(self.inner.set_marks(folder, &real, marks)?.map(|_| id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let real = self.real(id);
        self.inner.move_item(from, &real, to)
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        let real = self.real(id);
        self.inner.remove(folder, &real)
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        self.inner.flush_while(may)?;
        self.take_settled();
        Ok(())
    }

    fn settled(&mut self) -> Vec<(TargetId, Result<Appended, StoreError>)> {
        std::mem::take(&mut self.answered)
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
