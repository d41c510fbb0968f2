//! A running server, whichever it is.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::ca::Ca;
use super::oauth::Tokens;
use super::options::Options;
use super::packages::Kind;
use super::places::{free_port, own_address, scratch};
use super::processes::{Processes, tree_cpu_seconds};
use crate::talk::Talk;

/// Longer than a loaded machine takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub name: String,
    pub password: String,
}

impl Account {
    pub(crate) fn numbered(number: usize) -> Self {
        Account { name: format!("u{number:02}"), password: format!("pass word {number}") }
    }
}

/// Dropped, its processes and files are gone.
pub struct Server {
    // Ended before their folder goes.
    pub(super) processes: Option<Processes>,
    pub(super) plan: Plan,
    pub(super) dir: TempDir,
}

/// Where a new server will be.
pub(super) struct Site {
    pub dir: TempDir,
    pub address: SocketAddr,
    pub tls_address: SocketAddr,
    pub ca: Ca,
}

impl Site {
    /// With an address of its own, and a certificate for it.
    pub fn take(options: &Options) -> Result<Self> {
        let dir = scratch()?;
        let ip = own_address();
        let (address, tls_address) = (free_port(ip)?, free_port(ip)?);
        let ca = Ca::make(&dir.path().join("ca"), ip, options.expired_certificate)?;
        Ok(Site { dir, address, tls_address, ca })
    }
}

/// What a server is started from, again and again.
pub(super) struct Plan {
    pub kind: Kind,
    pub address: SocketAddr,
    pub tls_address: Option<SocketAddr>,
    pub lmtp_address: Option<SocketAddr>,
    pub ca: Ca,
    pub users: usize,
    pub master: Option<Account>,
    pub tokens: Option<Tokens>,
    pub program: PathBuf,
    pub arguments: Vec<String>,
}

impl Server {
    pub(super) fn start(plan: Plan, dir: TempDir) -> Result<Self> {
        let mut server = Server { processes: None, plan, dir };
        server.restart()?;
        Ok(server)
    }

    pub fn kind(&self) -> Kind {
        self.plan.kind
    }

    /// In plain text, with STARTTLS where offered.
    pub fn address(&self) -> SocketAddr {
        self.plan.address
    }

    /// With TLS from the first byte.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.plan.tls_address
    }

    /// Where it takes deliveries, where it was asked to.
    pub fn lmtp_address(&self) -> Option<SocketAddr> {
        self.plan.lmtp_address
    }

    /// The certificate of the authority that signed the server's, for `localhost` and its address.
    pub fn ca_pem(&self) -> PathBuf {
        self.plan.ca.ca_pem()
    }

    /// Counted from 1.
    pub fn user(&self, number: usize) -> (String, String) {
        let account = Account::numbered(number);
        (account.name, account.password)
    }

    pub fn users(&self) -> usize {
        self.plan.users
    }

    /// Who may act for everybody: `user*master` for Dovecot, an authorisation identity of PLAIN for both Dovecot and Cyrus.
    pub fn master(&self) -> Option<&Account> {
        self.plan.master.as_ref()
    }

    /// A token for XOAUTH2 and OAUTHBEARER that the server takes for this user until then (seconds since 1970).
    pub fn token(&self, user: &str, expires_s: u64) -> Result<String> {
        self.plan.tokens.as_ref().context("this server takes no tokens")?.token(user, expires_s)
    }

    /// Logged in as a user.
    pub fn talk(&self, number: usize) -> Result<Talk> {
        let (name, password) = self.user(number);
        Talk::login(self.address(), &name, &password)
    }

    /// Where the mail of a user lies. Below it: `Maildir`, `mdbox` or `sdbox`; nothing for Cyrus.
    pub fn home(&self, user: &str) -> PathBuf {
        self.folder().join("mail").join(user)
    }

    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Of all its processes, since it was last started; those that ended are in it as far as somebody waited for them.
    pub fn cpu_seconds(&self) -> f64 {
        self.processes.as_ref().map_or(0.0, |processes| tree_cpu_seconds(processes.id()))
    }

    pub fn process_ids(&self) -> Vec<u32> {
        self.processes.as_ref().map(Processes::ids).unwrap_or_default()
    }

    /// SIGKILL to every process.
    pub fn kill(&mut self) {
        self.processes = None;
    }

    /// With the same addresses and the same mail.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let log = fs::File::create(self.folder().join("start.log")).context("no log")?;
        let mut command = Command::new(&self.plan.program);
        command.args(&self.plan.arguments).current_dir(self.folder()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdout(log.try_clone().context("no log")?).stderr(log);
        let mut processes = Processes::start(&mut command)?;
        let greeted = self.wait_for_greeting(&mut processes);
        self.processes = Some(processes);
        greeted.with_context(|| format!("{:?} did not start; it said:\n{}", self.plan.kind, self.log()))
    }

    /// What it has written down.
    pub fn log(&self) -> String {
        ["start.log", "log"].map(|name| fs::read_to_string(self.folder().join(name)).unwrap_or_default()).concat()
    }

    fn wait_for_greeting(&self, processes: &mut Processes) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if greets(self.plan.address) {
                return Ok(());
            }
            if processes.have_ended() {
                bail!("it ended");
            }
            thread::sleep(LOOK_EVERY);
        }
        bail!("no greeting within {} s", PATIENCE.as_secs())
    }
}

fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut word = [0; 4];
    stream.set_read_timeout(Some(PATIENCE)).is_ok() && stream.read_exact(&mut word).is_ok() && word == *b"* OK"
}
