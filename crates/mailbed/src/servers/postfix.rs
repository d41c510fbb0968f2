//! Postfix 3.7: takes mail over SMTP, holds it in its queue, and delivers it over LMTP.
//!
//! Debian's package is unpacked, not installed, and has no users of its own here: two that every Debian has stand in for them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::packages::unpacked;
use super::places::{free_port, own_address, scratch};
use super::processes::Processes;
use super::server::{LOOK_EVERY, PATIENCE};
use crate::smtp::Smtp;

/// uucp and news: neither may be root, and they may not be the same.
const OWNER: (&str, u32) = ("uucp", 10);
const DROP: (&str, u32) = ("news", 9);
/// Of its queue.
const PLACES: [&str; 10] = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "trace"];

/// Dropped, its processes and files are gone.
pub struct Postfix {
    // Ended before their folder goes.
    _processes: Processes,
    address: SocketAddr,
    dir: TempDir,
}

impl Postfix {
    /// Why it, or what it delivers to, cannot run here.
    pub fn available() -> Result<(), String> {
        super::packages::are_there(&[program("master"), unpacked(super::dovecot::LMTP)])
    }

    /// Delivers what comes for `domain` to an LMTP server, except where `moves` in its folder of settings, a map, says otherwise. What
    /// cannot be delivered is tried again after so many seconds.
    pub fn start(domain: &str, lmtp: SocketAddr, again_s: u64) -> Result<Self> {
        let dir = scratch()?;
        let address = free_port(own_address())?;
        let folder = dir.path();
        make_queue(folder)?;
        fs::write(folder.join("etc/main.cf"), main_cf(folder, domain, lmtp, again_s)).context("could not write main.cf")?;
        fs::write(folder.join("etc/master.cf"), master_cf(address)).context("could not write master.cf")?;
        fs::write(folder.join("etc/moves"), "").context("could not write an empty map")?;
        let made = tool(folder, "postmap").arg(folder.join("etc/moves")).status().context("postmap cannot be run")?;
        if !made.success() {
            bail!("postmap could not make a map");
        }
        let said = fs::File::create(folder.join("log/start")).context("no log")?;
        // Without a session of its own: the group is how its processes are ended.
        let mut master = with_libraries(Command::new(program("master")));
        master.args(["-d", "-c"]).arg(folder.join("etc")).stdout(said.try_clone().context("no log")?).stderr(said);
        let postfix = Postfix { _processes: Processes::start(&mut master)?, address, dir };
        let began = Instant::now();
        while Smtp::connect(address).is_err() {
            if began.elapsed() > PATIENCE {
                bail!("Postfix did not greet within {} s: {}", PATIENCE.as_secs(), postfix.log());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(postfix)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// main.cf, master.cf and the map `moves`.
    pub fn settings(&self) -> PathBuf {
        self.dir.path().join("etc")
    }

    /// Where postmap, postqueue and their like are.
    pub fn tools() -> PathBuf {
        unpacked("postfix/usr/sbin")
    }

    /// What its tools need in LD_LIBRARY_PATH.
    pub fn libraries() -> PathBuf {
        unpacked("postfix/usr/lib/postfix")
    }

    /// One of its tools, for this instance.
    pub fn tool(&self, name: &str) -> Command {
        tool(self.dir.path(), name)
    }

    /// What waits in its queue, a JSON object a line.
    pub fn queue(&self) -> Result<String> {
        let output = self.tool("postqueue").arg("-j").output().context("postqueue cannot be run")?;
        if !output.status.success() {
            bail!("postqueue: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub fn log(&self) -> String {
        ["log/start", "log/mail"].map(|name| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()).concat()
    }
}

fn program(name: &str) -> PathBuf {
    unpacked("postfix/usr/lib/postfix/sbin").join(name)
}

fn tool(folder: &Path, name: &str) -> Command {
    let mut command = with_libraries(Command::new(Postfix::tools().join(name)));
    command.env("MAIL_CONFIG", folder.join("etc"));
    command
}

fn with_libraries(mut command: Command) -> Command {
    command.env("LD_LIBRARY_PATH", Postfix::libraries());
    command
}

fn make_queue(folder: &Path) -> Result<()> {
    for below in ["etc", "log", "data", "queue/pid", "queue/saved", "queue/maildrop", "queue/public"] {
        fs::create_dir_all(folder.join(below)).context("no folder for Postfix")?;
    }
    let owned = |below: &str, group: Option<u32>, mode: u32| -> Result<()> {
        let path = folder.join(below);
        fs::create_dir_all(&path).context("no folder for Postfix")?;
        chown(&path, Some(OWNER.1), group).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode))).context("no owner")
    };
    for place in PLACES {
        owned(&format!("queue/{place}"), None, 0o700)?;
    }
    owned("data", None, 0o700)?;
    owned("queue/maildrop", Some(DROP.1), 0o730)?;
    owned("queue/public", Some(DROP.1), 0o710)
}

fn main_cf(folder: &Path, domain: &str, lmtp: SocketAddr, again_s: u64) -> String {
    let (at, package, libraries) = (folder.display(), unpacked("postfix"), Postfix::libraries());
    let (package, libraries) = (package.display(), libraries.display());
    format!(
        "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
         daemon_directory = {libraries}/sbin\ncommand_directory = {package}/usr/sbin\nshlib_directory = {libraries}\n\
         meta_directory = {package}/etc/postfix\nmail_owner = {}\nsetgid_group = {}\n\
         import_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH={libraries}\n\
         export_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH={libraries}\n\
         inet_interfaces = loopback-only\ninet_protocols = ipv4\nmyhostname = old.example\nmydestination =\nalias_maps =\n\
         virtual_mailbox_domains = {domain}\nvirtual_transport = lmtp:inet:{lmtp}\ntransport_maps = hash:{at}/etc/moves\n\
         minimal_backoff_time = {again_s}s\nmaximal_backoff_time = {again_s}s\nqueue_run_delay = {again_s}s\nlmtp_destination_concurrency_limit = 4\n\
         maillog_file = {at}/log/mail\nmaillog_file_prefixes = {at}\n",
        OWNER.0, DROP.0,
    )
}

fn master_cf(address: SocketAddr) -> String {
    format!(
        "{address} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\npickup unix n - n 60 1 pickup\nqmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nflush unix n - n 1000? 0 flush\n\
         proxymap unix - - n - - proxymap\nshowq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n\
         lmtp unix - - n - - lmtp\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\npostlog unix-dgram n - n - 1 postlogd\n"
    )
}
