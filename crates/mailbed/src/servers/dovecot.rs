//! Dovecot 2.3.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::ca::Ca;
use super::oauth::Tokens;
use super::options::{Format, Options};
use super::packages::{Kind, unpacked};
use super::places::{MAIL_USER, free_port, give_to_mail_user};
use super::server::{Account, Plan, Server, Site};

/// Of the package dovecot-lmtpd.
pub(super) const LMTP: &str = "dovecot-lmtpd/usr/lib/dovecot/lmtp";
/// Services that the gate of a server stands before.
const GATED: [&str; 2] = ["imap", "lmtp"];

pub struct Dovecot;

impl Dovecot {
    pub fn start(options: Options) -> Result<Server> {
        let Site { dir, address, tls_address, ca } = Site::take(&options)?;
        let folder = dir.path();
        let tokens = Tokens::keys_in(&folder.join("keys"))?;
        let master = Account { name: "master".into(), password: "master's word".into() };
        write_users(folder, &options, &master)?;
        fs::write(folder.join("oauth2.conf"), oauth_text(folder)).context("could not write oauth2.conf")?;
        let lmtp_address = if options.gated { Some(free_port(address.ip())?) } else { None };
        let gate = lmtp_address.map(|lmtp| gate(folder, lmtp)).transpose()?.unwrap_or_default();
        let text = config_text(folder, &options, &ca, [address, tls_address], &gate);
        fs::write(folder.join("dovecot.conf"), text).context("could not write dovecot.conf")?;
        let plan = Plan {
            kind: Kind::Dovecot,
            address,
            tls_address: Some(tls_address),
            lmtp_address,
            ca,
            users: options.users,
            master: Some(master),
            tokens: Some(tokens),
            program: "/usr/sbin/dovecot".into(),
            arguments: vec!["-F".into(), "-c".into(), folder.join("dovecot.conf").display().to_string()],
        };
        Server::start(plan, dir)
    }

    /// What its own administrator's tool says, as that user may run it.
    pub fn doveadm(server: &Server, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("/usr/bin/doveadm");
        command.arg("-c").arg(server.folder().join("dovecot.conf")).args(arguments);
        let output = command.output().context("doveadm cannot be run")?;
        if !output.status.success() {
            bail!("doveadm {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn write_users(folder: &Path, options: &Options, master: &Account) -> Result<()> {
    let mail = folder.join("mail");
    let line = |account: Account| {
        let home = mail.join(&account.name);
        format!("{}:{{PLAIN}}{}:{MAIL_USER}:{MAIL_USER}::{}::\n", account.name, account.password, home.display())
    };
    let users: String = (1..=options.users).map(|number| line(Account::numbered(number))).collect();
    fs::create_dir_all(&mail).context("no folder for mail")?;
    give_to_mail_user(&mail)?;
    fs::write(folder.join("users"), users).context("could not write the users")?;
    fs::write(folder.join("masters"), format!("{}:{{PLAIN}}{}\n", master.name, master.password)).context("could not write the masters")
}

fn oauth_text(folder: &Path) -> String {
    format!(
        "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/keys/\nusername_attribute = sub\n",
        folder.display()
    )
}

/// Lines that lead users elsewhere, and those that take deliveries.
#[derive(Default)]
struct Gate {
    passdb: String,
    lmtp: String,
}

/// As docs/OPERATING.md has it for a source that is switched by config/switch/dovecot-postfix.sh.
fn gate(folder: &Path, lmtp: SocketAddr) -> Result<Gate> {
    let at = folder.display();
    for service in GATED {
        fs::create_dir_all(folder.join("gate").join(service)).context("no folder for the gate")?;
    }
    Ok(Gate {
        passdb: format!("passdb {{\n  driver = passwd-file\n  args = {at}/gate/%s/%u\n  skip = authenticated\n}}\n"),
        lmtp: format!(
            "protocols = imap lmtp\nlmtp_proxy = yes\nprotocol lmtp {{\n  auth_username_format = %Ln\n}}\n\
             service lmtp {{\n  executable = {}\n  inet_listener lmtp {{\n    port = {}\n  }}\n}}\n",
            unpacked(LMTP).display(),
            lmtp.port()
        ),
    })
}

fn config_text(folder: &Path, options: &Options, ca: &Ca, [plain, tls]: [SocketAddr; 2], gate: &Gate) -> String {
    let at = folder.display();
    let mut plugins = Vec::new();
    let mut imap_plugins = Vec::new();
    let mut settings = String::new();
    if options.escapes_names {
        plugins.push("listescape");
    }
    if options.quota_bytes.is_some() || options.append_limit.is_some() {
        plugins.push("quota");
        imap_plugins.push("imap_quota");
        settings += &quota_text(options);
    }
    if options.with_extensions {
        plugins.push("acl");
        imap_plugins.extend(["imap_acl", "imap_zlib"]);
        // Without `acl_user` a master has the rights that are given to the master.
        settings += "  acl = vfile\n  acl_user = %u\n";
    }
    let metadata = if options.with_extensions { "mail_attribute_dict = file:%h/attributes\n" } else { "" };
    let imap_metadata = if options.with_extensions { "imap_metadata = yes" } else { "" };
    // Dovecot 2.3 holds a limit and does not tell it; later ones do.
    let append_limit = options.append_limit.map(|bytes| format!("imap_capability = +APPENDLIMIT={bytes}\n")).unwrap_or_default();
    format!(
        "base_dir = {at}/run\nstate_dir = {at}/state\ninstance_name = {name}\nlog_path = {at}/log\n\
         protocols = imap\nlisten = {ip}\nmail_location = {location}\nmail_fsync = optimized\nfirst_valid_uid = 1\ndefault_vsz_limit = 2G\n\
         mail_max_userip_connections = {connections}\nmail_plugins = {plugins}\n{metadata}\
         auth_mechanisms = {mechanisms}\nauth_master_user_separator = *\ndisable_plaintext_auth = no\n\
         ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}\n\
         passdb {{\n  driver = passwd-file\n  args = {at}/masters\n  master = yes\n  result_success = continue\n}}\n\
         {gate_passdb}passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {at}/oauth2.conf\n}}\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u {at}/users\n}}\n\
         userdb {{\n  driver = passwd-file\n  args = username_format=%u {at}/users\n}}\n\
         namespace inbox {{\n  inbox = yes\n  separator = {separator}\n{special}}}\n\
         service imap-login {{\n  process_limit = 512\n  inet_listener imap {{\n    port = {plain}\n  }}\n  inet_listener imaps {{\n    port = {tls}\n    ssl = yes\n  }}\n}}\n\
         service imap {{\n  process_limit = 512\n}}\n\
         protocol imap {{\n  mail_plugins = $mail_plugins {imap_plugins}\n  {imap_metadata}\n}}\nplugin {{\n{settings}}}\n{append_limit}{lmtp}{extra}\n",
        gate_passdb = gate.passdb,
        lmtp = gate.lmtp,
        name = folder.file_name().unwrap_or_default().to_string_lossy(),
        ip = plain.ip(),
        location = location(options.format),
        connections = options.connections_per_user,
        plugins = plugins.join(" "),
        mechanisms = options.mechanisms,
        certificate = ca.certificate().display(),
        key = ca.key().display(),
        separator = options.separator,
        special = special_uses(),
        plain = plain.port(),
        tls = tls.port(),
        imap_plugins = imap_plugins.join(" "),
        extra = options.extra,
    )
}

fn location(format: Format) -> &'static str {
    match format {
        Format::Maildir => "maildir:~/Maildir:LAYOUT=fs",
        Format::Sdbox => "sdbox:~/sdbox",
        Format::Mdbox => "mdbox:~/mdbox",
    }
}

fn quota_text(options: &Options) -> String {
    let rule = options.quota_bytes.map(|bytes| format!("  quota_rule = *:storage={bytes}B\n")).unwrap_or_default();
    let largest = options.append_limit.map(|bytes| format!("  quota_max_mail_size = {bytes}B\n")).unwrap_or_default();
    format!("  quota = count:User quota\n  quota_vsizes = yes\n  quota_grace = 0\n{rule}{largest}")
}

fn special_uses() -> String {
    ["Drafts", "Sent", "Junk", "Trash"].map(|name| format!("  mailbox {name} {{\n    special_use = \\{name}\n  }}\n")).concat()
}
