//! A wire between a client and a server that counts what goes over it and lets something happen at a byte: what a test does to a
//! client is then measured by how far that has come, not by time. It also writes down what the client said first.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// Of what clients said.
const HEARD_BYTES_MAX: usize = 1 << 20;

type Happening = Box<dyn FnOnce() + Send>;

/// Dropped, nothing goes over it any more.
pub struct Tap {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct State {
    /// Bytes to the server and back.
    passed: u64,
    happening: Option<(u64, Happening)>,
    heard: Vec<u8>,
    open: Vec<TcpStream>,
}

pub struct Cutter(Arc<Shared>);

impl Cutter {
    pub fn cut(&self) {
        for stream in self.0.state().open.drain(..) {
            // One that has ended already is cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

struct Shared {
    server: Mutex<SocketAddr>,
    ended: AtomicBool,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    Back,
}

impl Tap {
    pub fn to(server: SocketAddr) -> Result<Tap> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for a tap")?;
        let address = listener.local_addr().context("a listener has an address")?;
        let shared = Arc::new(Shared { server: Mutex::new(server), ended: AtomicBool::new(false), state: Mutex::default() });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok).take_while(|_| !accepting.ended.load(Ordering::Acquire)) {
                // A server that is away is one for the client.
                let _ = join(client, &accepting);
            }
        });
        Ok(Tap { address, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go to this server: a service address that moves.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.shared.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// Bytes so far, to the server and back.
    pub fn passed(&self) -> u64 {
        self.shared.state().passed
    }

    /// When so many more bytes have gone over it, this happens before the next does.
    pub fn after(&self, bytes: u64, what: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state();
        state.happening = Some((state.passed + bytes, Box::new(what)));
    }

    /// True when it had not happened yet; then it does not.
    pub fn forget(&self) -> bool {
        self.shared.state().happening.take().is_some()
    }

    /// Ends every connection there is; new ones are made as before.
    pub fn cut(&self) {
        self.cutter().cut();
    }

    /// Cuts from elsewhere, such as from what happens at a byte.
    pub fn cutter(&self) -> Cutter {
        Cutter(self.shared.clone())
    }

    /// What clients said, one connection after the other as it came.
    pub fn heard(&self) -> Vec<u8> {
        self.shared.state().heard.clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Wakes who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of these bytes may go on now, and what happens before the others.
    fn pass(&self, bytes: &[u8], direction: Direction) -> (usize, Option<Happening>) {
        let mut state = self.state();
        let until = state.happening.as_ref().map_or(u64::MAX, |(at, _)| at.saturating_sub(state.passed));
        let now = bytes.len().min(usize::try_from(until).unwrap_or(usize::MAX));
        state.passed += now as u64;
        if direction == Direction::ToServer {
            let room = HEARD_BYTES_MAX.saturating_sub(state.heard.len()).min(now);
            state.heard.extend_from_slice(&bytes[..room]);
        }
        let happening = if now < bytes.len() { state.happening.take() } else { None };
        (now, happening.map(|(_, what)| what))
    }
}

/// Half closed is closed: a client that was killed does not read either. The same when what happens at a byte panics.
struct Ends(TcpStream, TcpStream);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = (self.0.shutdown(Shutdown::Both), self.1.shutdown(Shutdown::Both));
    }
}

fn join(client: TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    let server = *shared.server.lock().unwrap_or_else(PoisonError::into_inner);
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    shared.state().open.extend([client.try_clone()?, server.try_clone()?]);
    for (from, to, direction) in [(client.try_clone()?, server.try_clone()?, Direction::ToServer), (server, client, Direction::Back)] {
        let shared = shared.clone();
        thread::spawn(move || {
            let ends = Ends(from, to);
            let _ = carry(&ends.0, &ends.1, &shared, direction);
        });
    }
    Ok(())
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, shared: &Shared, direction: Direction) -> std::io::Result<()> {
    let mut buffer = vec![0; 32 << 10];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut bytes = &buffer[..read];
        while !bytes.is_empty() {
            let (now, happening) = shared.pass(bytes, direction);
            to.write_all(&bytes[..now])?;
            bytes = &bytes[now..];
            if let Some(happening) = happening {
                happening();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::hostile::{Hostile, Setup};
    use crate::talk::Talk;

    #[test]
    fn what_is_to_happen_happens_at_its_byte_and_everything_else_passes() {
        let server = Hostile::start(Setup::default()).expect("a server");
        let tap = Tap::to(server.address()).expect("a tap");
        let (tell, told) = mpsc::channel();
        tap.after(200, move || tell.send(()).expect("somebody waits"));
        let mut talk = Talk::login(tap.address(), "alice", "sesame").expect("a login");
        while told.try_recv().is_err() {
            assert!(tap.passed() < 4_000, "it is overdue");
            talk.ok("NOOP").expect("the wire holds");
        }
        assert!(tap.passed() >= 200 && !tap.forget());
        assert!(String::from_utf8_lossy(&tap.heard()).contains("LOGIN"));
    }
}
