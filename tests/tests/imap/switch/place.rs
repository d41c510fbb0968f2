//! A source that is Dovecot behind Postfix, a target that is another Dovecot, the agents' project between them, and as SwitchCommand the
//! program of config/switch, as an administrator would set it up.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options, Postfix, Server};
use mailferry_tests::{Bed, Plan};
use tempfile::TempDir;

use super::users::DOMAIN;
use crate::kit::*;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/switch/dovecot-postfix.sh");

pub struct Servers {
    pub old: Server,
    pub new: Server,
    pub postfix: Postfix,
    dir: TempDir,
}

/// From the call to lock until that to redirect was done; and its parts: those of the program, and between them that of the agents.
pub struct Lock {
    pub whole: Duration,
    pub locking: Duration,
    pub agents: Duration,
    pub leading: Duration,
}

impl Servers {
    /// `None`, and said so, where they cannot run. `again_s`: after how many seconds Postfix tries by itself what it could not deliver.
    pub fn start(users: usize, again_s: u64) -> Option<Servers> {
        if let Err(reason) = Postfix::available() {
            mailferry_tests::skipped(&reason);
            return None;
        }
        if !is_ready(&[Kind::Dovecot]) {
            return None;
        }
        let dovecot = |format| Dovecot::start(Options { gated: true, users, ..Options::format(format) }).expect("a Dovecot");
        let (old, new) = (dovecot(Format::Maildir), dovecot(Format::Mdbox));
        let postfix = Postfix::start(DOMAIN, old.lmtp_address().expect("it takes deliveries"), again_s).expect("a Postfix");
        let servers = Servers { old, new, postfix, dir: tempfile::tempdir().expect("a folder") };
        servers.install();
        Some(servers)
    }

    /// The program, its settings, and one around it that notes when it was called.
    fn install(&self) {
        fs::copy(PROGRAM, self.path("switch.sh")).expect("copied");
        let (lmtp, address, tools) = (self.new.lmtp_address().expect("it takes deliveries"), self.new.address(), Postfix::tools());
        let (old, etc) = (self.old.folder().display(), self.postfix.settings().display().to_string());
        let settings = format!(
            "gate={old}/gate\nservices=\"imap lmtp\"\nnew_host={}\nnew_ports=\"imap={} lmtp={}\"\nnew_fields=starttls=any-cert\ndomain={DOMAIN}\ntransports={etc}/moves\n\
             doveadm=\"doveadm -c {old}/dovecot.conf\" postmap={tools}/postmap postqueue={tools}/postqueue sendmail={tools}/sendmail\n\
             new_doveadm=\"doveadm -c {new}/dovecot.conf\"\n\
             export MAIL_CONFIG={etc} LD_LIBRARY_PATH={}\n",
            address.ip(),
            address.port(),
            lmtp.port(),
            Postfix::libraries().display(),
            new = self.new.folder().display(),
            tools = tools.display(),
        );
        fs::write(self.path("switch.conf"), settings).expect("written");
        let [times, program] = ["times", "switch.sh"].map(|name| self.path(name).display().to_string());
        let timed = format!(
            "#!/bin/sh\necho \"$1 $2 begins $(date +%s%3N)\" >> {times}\n{program} \"$@\"\ncode=$?\n\
             echo \"$1 $2 ends $(date +%s%3N)\" >> {times}\nexit $code\n"
        );
        fs::write(self.program(), timed).expect("written");
        fs::set_permissions(self.program(), fs::Permissions::from_mode(0o755)).expect("a file of ours");
    }

    /// One more line of its settings.
    pub fn set(&self, line: &str) {
        let file = self.path("switch.conf");
        let settings = fs::read_to_string(&file).expect("there are settings");
        fs::write(file, format!("{settings}{line}\n")).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn program(&self) -> PathBuf {
        self.path("timed.sh")
    }

    pub fn call(&self, act: &str, mailbox: &str) -> Output {
        self.call_with(act, mailbox, "")
    }

    /// `input`: what it may read.
    pub fn call_with(&self, act: &str, mailbox: &str, input: &str) -> Output {
        let mut command = Command::new(self.program());
        command.args([act, mailbox, "00", "00"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be run");
        // One that does not read has ended.
        let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
        child.wait_with_output().expect("the program ends")
    }

    /// By the program's own clock, in its last calls for a mailbox.
    pub fn lock(&self, mailbox: &str) -> Lock {
        let times = fs::read_to_string(self.path("times")).expect("it was called");
        let at = |act: &str, end: &str| {
            let line = times.lines().rev().find_map(|line| line.strip_prefix(&format!("{act} {mailbox} {end} ")));
            Duration::from_millis(line.and_then(|ms| ms.parse().ok()).expect("noted"))
        };
        let [began, locked] = ["begins", "ends"].map(|end| at("lock", end));
        let [leads, led] = ["begins", "ends"].map(|end| at("redirect", end));
        Lock { whole: led - began, locking: locked - began, agents: leads - locked, leading: led - leads }
    }

    /// The agents read the old server as its master, who is not locked out.
    pub fn bed(&self) -> Bed {
        let plan = (1..=self.old.users()).fold(Plan::new(1, 1), |plan, number| {
            let (name, _) = self.old.user(number);
            plan.mailbox(&name, &self.as_master(&name), &url(&self.new, number, self.dir.path()))
        });
        let program = self.program().display().to_string();
        plan.settings(&format!(
            "[settings.source]\nSwitchCommand = {program:?}\n[settings.target]\nApplyDeletions = true\nSwitchAskInterval = \"1s\""
        ))
        .build()
    }

    fn as_master(&self, user: &str) -> String {
        let master = self.old.master().expect("a master");
        let secret = secret_file(self.dir.path(), "master.password", &master.password);
        format!("imap://{user}@{}/?tls=off&auth=login&login={user}*{}&password-file={}", self.old.address(), master.name, secret.display())
    }

    /// What an administrator looks at when a move goes wrong.
    pub fn log(&self) -> String {
        let times = fs::read_to_string(self.path("times")).unwrap_or_default();
        format!("{times}\n{}\n{}\n{}", self.old.log(), self.new.log(), self.postfix.log())
    }
}
