//! Cyrus 3.6, unpacked beside what Dovecot has installed. Its administrator may act for everybody (PLAIN with an authorisation
//! identity); users are in a SASL database; a mailbox is made at the first login.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::ca::Ca;
use super::options::Options;
use super::packages::{Kind, unpacked};
use super::server::{Account, Plan, Server, Site};

pub(super) const IMAPD: &str = "cyrus-imapd/usr/lib/cyrus/bin/imapd";
const REALM: &str = "mailbed.example";

pub struct Cyrus;

/// What a server of a pair runs besides.
#[derive(Default)]
pub(super) struct Beside {
    /// Lines of START.
    pub start: String,
    /// Lines of SERVICES.
    pub services: String,
}

impl Cyrus {
    pub fn start(options: Options) -> Result<Server> {
        Self::start_with(options, |_| Beside::default())
    }

    /// `beside`: what else it runs, from its folder.
    pub(super) fn start_with(options: Options, beside: impl FnOnce(&Path) -> Beside) -> Result<Server> {
        let Site { dir, address, tls_address, ca } = Site::take(&options)?;
        let folder = dir.path();
        let admin = Account { name: "cyradmin".into(), password: "admin's word".into() };
        for place in [
            "run/proc",
            "run/lock",
            "conf/db",
            "conf/socket",
            "conf/log",
            "conf/msg",
            "conf/proc",
            "conf/quota",
            "conf/user",
            "spool/stage.",
        ] {
            fs::create_dir_all(folder.join(place)).context("no folder for Cyrus")?;
        }
        fs::write(folder.join("imapd.conf"), imapd_conf(folder, &options, &ca)?).context("could not write imapd.conf")?;
        fs::write(folder.join("cyrus.conf"), cyrus_conf(folder, address, tls_address, &beside(folder)))
            .context("could not write cyrus.conf")?;
        for account in (1..=options.users).map(Account::numbered).chain([admin.clone()]) {
            add_user(&folder.join("sasldb2"), &account)?;
        }
        give_to_cyrus(folder)?;
        let conf = |name: &str| folder.join(name).display().to_string();
        let mut arguments: Vec<String> =
            ["--reuid=cyrus", "--regid=mail", "--init-groups", "/usr/lib/cyrus/bin/master"].map(String::from).into();
        arguments.extend(["-C".into(), conf("imapd.conf"), "-M".into(), conf("cyrus.conf"), "-p".into(), conf("run/master.pid")]);
        let plan = Plan {
            kind: Kind::Cyrus,
            address,
            tls_address: Some(tls_address),
            lmtp_address: None,
            ca,
            users: options.users,
            master: Some(admin),
            tokens: None,
            program: "/usr/bin/setpriv".into(),
            arguments,
        };
        Server::start(plan, dir)
    }
}

fn imapd_conf(folder: &Path, options: &Options, ca: &Ca) -> Result<String> {
    let at = folder.display();
    let quota = options.quota_bytes.map_or(0, |bytes| bytes.div_ceil(1024));
    let mut text = format!(
        "configdirectory: {at}/conf\npartition-default: {at}/spool\ndefaultpartition: default\nproc_path: {at}/run/proc\n\
         mboxname_lockpath: {at}/run/lock\naltnamespace: yes\nunixhierarchysep: {}\nmunge8bit: yes\nadmins: cyradmin\n\
         autocreate_quota: {quota}\nautocreate_post: yes\nsasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\n\
         sasl_sasldb_path: {at}/sasldb2\nsasl_mech_list: PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256\nallowplaintext: yes\nservername: {REALM}\n\
         idlesocket: {at}/run/idle\nnotifysocket: {at}/run/notify\nlmtpsocket: {at}/run/lmtp\nhashimapspool: true\n\
         tls_server_cert: {}\ntls_server_key: {}\ntls_session_timeout: 0\nsyslog_prefix: mailbed\n",
        if options.separator == '.' { "no" } else { "yes" },
        ca.certificate().display(),
        ca.key().display(),
    );
    if let Some(bytes) = options.append_limit {
        writeln!(text, "maxmessagesize: {bytes}")?;
    }
    text += &options.extra;
    text += "\n";
    Ok(text)
}

fn cyrus_conf(folder: &Path, plain: SocketAddr, tls: SocketAddr, beside: &Beside) -> String {
    let (at, imapd) = (folder.display(), unpacked(IMAPD));
    let imapd = imapd.display();
    format!(
        "START {{\n  recover cmd=\"/usr/lib/cyrus/bin/ctl_cyrusdb -C {at}/imapd.conf -r\"\n{}}}\n\
         SERVICES {{\n  imap cmd=\"{imapd} -C {at}/imapd.conf -U 30\" listen=\"{plain}\" prefork=0 maxchild=200\n  \
         imaps cmd=\"{imapd} -s -C {at}/imapd.conf -U 30\" listen=\"{tls}\" prefork=0 maxchild=200\n{}}}\nEVENTS {{\n}}\n",
        beside.start, beside.services
    )
}

fn add_user(database: &Path, account: &Account) -> Result<()> {
    let mut command = Command::new("/usr/sbin/saslpasswd2");
    command.args(["-p", "-c", "-u", REALM, "-f"]).arg(database).arg(&account.name).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().context("saslpasswd2 cannot be run")?;
    std::io::Write::write_all(&mut child.stdin.take().context("a pipe was asked for")?, account.password.as_bytes())
        .context("no password")?;
    if !child.wait().context("saslpasswd2 does not end")?.success() {
        bail!("saslpasswd2 does not take {}", account.name);
    }
    Ok(())
}

fn give_to_cyrus(folder: &Path) -> Result<()> {
    let status = Command::new("chown").args(["-R", "cyrus:mail"]).arg(folder).status().context("chown cannot be run")?;
    if status.success() { Ok(()) } else { bail!("there is no user cyrus") }
}
