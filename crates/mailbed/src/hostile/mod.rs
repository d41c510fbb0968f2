//! A server made for tests: a small true model of mailboxes that speaks IMAP4rev1, and a list of [`Quirk`]s that make it do what
//! real servers have been seen to do. Without quirks it is a correct server.
//!
//! It writes down every command it hears, every message it stores and every quirk that happened: a test that does not see its
//! quirk in [`Hostile::happened`] has proven nothing.

mod append;
mod command;
mod fetch;
mod folders;
mod login;
mod output;
mod quirk;
mod rights;
mod search;
mod selected;
mod session;
mod state;
mod store;
mod world;

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};

pub use self::quirk::{Armed, DateDislike, Dislike, Quirk, Rewrite, SizeLie, TooBig};
use self::state::State;
pub use self::state::Stored;
pub use self::world::{Body, Mailbox, Message, World};

/// What a server offers unless told otherwise.
pub const CAPABILITIES: &[&str] = &[
    "IMAP4rev1",
    "SASL-IR",
    "AUTH=PLAIN",
    "AUTH=XOAUTH2",
    "LITERAL+",
    "ID",
    "ENABLE",
    "NAMESPACE",
    "UIDPLUS",
    "MULTIAPPEND",
    "CONDSTORE",
    "UNSELECT",
    "SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "MOVE",
];

#[derive(Clone, Debug)]
pub struct Setup {
    pub capabilities: Vec<String>,
    pub separator: char,
    /// Passwords and tokens that let in; anything does when there are none.
    pub secrets: Vec<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup { capabilities: CAPABILITIES.iter().map(|&word| word.into()).collect(), separator: '/', secrets: Vec::new() }
    }
}

impl Setup {
    #[must_use]
    pub fn without(mut self, capability: &str) -> Self {
        self.capabilities.retain(|word| word != capability);
        self
    }

    #[must_use]
    pub fn with(mut self, capability: &str) -> Self {
        self.capabilities.push(capability.into());
        self
    }
}

/// Dropped, it is gone with all its connections.
pub struct Hostile {
    shared: Arc<Shared>,
    address: SocketAddr,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    pub setup: Setup,
    closed: AtomicBool,
    connections: Mutex<BTreeMap<u64, TcpStream>>,
}

impl Shared {
    /// A test that failed while holding it has failed already.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn has(&self, capability: &str) -> bool {
        self.setup.capabilities.iter().any(|word| word == capability)
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<u64, TcpStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hostile {
    pub fn start(setup: Setup) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port")?;
        let address = listener.local_addr().context("a listener has an address")?;
        let state = Mutex::new(State::new(setup.separator, setup.secrets.clone()));
        let shared = Arc::new(Shared { state, setup, closed: AtomicBool::new(false), connections: Mutex::default() });
        let serving = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &serving));
        Ok(Hostile { shared, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mailboxes of a user, made when first asked for: INBOX is there.
    pub fn world<T>(&self, user: &str, work: impl FnOnce(&mut World) -> T) -> T {
        work(self.shared.state().world(user))
    }

    /// A quirk, or one with its conditions: from now on.
    pub fn arm(&self, quirk: impl Into<Armed>) {
        self.shared.state().quirks.push(quirk.into());
    }

    /// No quirk from now on.
    pub fn calm(&self) {
        self.shared.state().quirks.clear();
    }

    pub fn set_secrets(&self, secrets: &[&str]) {
        self.shared.state().secrets = secrets.iter().map(|&secret| secret.into()).collect();
    }

    /// Lines as they came, with `{n}` in place of literals.
    pub fn commands(&self) -> Vec<String> {
        self.shared.state().commands.clone()
    }

    /// Every message that was ever stored by a client, whatever became of it.
    pub fn stored(&self) -> Vec<Stored> {
        self.shared.state().stored.clone()
    }

    pub fn happened(&self) -> Vec<Quirk> {
        self.shared.state().happened.clone()
    }

    /// Answers to requests for a receipt that it has sent by itself.
    pub fn receipts(&self) -> Vec<String> {
        self.shared.state().receipts.clone()
    }

    pub fn connections_open(&self) -> usize {
        self.shared.state().open
    }

    pub fn connections_most(&self) -> usize {
        self.shared.state().open_most
    }

    /// As if the cable was pulled: nobody gets another byte.
    pub fn cut_all(&self) {
        for stream in self.shared.streams().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // It waits in accept.
        let _ = TcpStream::connect(self.address);
        self.cut_all();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(handle) = stream.try_clone() {
            shared.streams().insert(number, handle);
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            session::serve(&stream, &shared);
            // The last handle: a client that still sends is reset.
            shared.streams().remove(&number);
        });
    }
}
