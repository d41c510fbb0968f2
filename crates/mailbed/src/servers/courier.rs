//! Courier IMAP 5, unpacked beside what Dovecot has installed. Its paths are fixed at build time, so each server has a mount
//! namespace in which they lead into its own folder; its login program and its own authdaemon with a userdb are the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::options::Options;
use super::packages::{Kind, unpacked};
use super::places::{MAIL_USER, give_to_mail_user};
use super::server::{Account, Plan, Server, Site};

pub(super) const IMAPD: &str = "courier-imap/usr/bin/imapd";
pub(super) const TCPD: &str = "courier-base/usr/sbin/couriertcpd";
const LOGIN: &str = "courier-imap/usr/lib/courier/courier/imaplogin";
const TLS: &str = "courier-base/usr/bin/couriertls";

const AUTHDAEMONRC: &str = "authmodulelist=\"authuserdb\"\nauthmodulelistorig=\"authuserdb\"\ndaemons=5\n\
                            authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\nDEFAULTOPTIONS=\"\"\nLOGGEROPTS=\"\"\n";
const SETTINGS: &str = "IMAP_KEYWORDS=1 IMAP_ACL=1 IMAP_USELOCKS=1 IMAP_CHECK_ALL_FOLDERS=0 IMAP_OBSOLETE_CLIENT=0 IMAP_UMASK=022 IMAP_IDLE_TIMEOUT=60 \
                        IMAP_MAILBOX_SANITY_CHECK=0 IMAP_ENHANCEDIDLE=0 IMAP_EMPTYTRASH= IMAP_TRASHFOLDERNAME=Trash MAILDIRPATH=Maildir";
const CAPABILITY: &str = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE";

pub struct Courier;

impl Courier {
    pub fn start(options: Options) -> Result<Server> {
        let Site { dir, address, tls_address, ca } = Site::take(&options)?;
        let folder = dir.path();
        fs::create_dir_all(folder.join("etc")).context("no folder for Courier")?;
        fs::create_dir_all(folder.join("run/authdaemon")).context("no folder for Courier")?;
        fs::write(folder.join("etc/authdaemonrc"), AUTHDAEMONRC).context("could not write authdaemonrc")?;
        write_users(folder, options.users)?;
        let pem = [fs::read(ca.key()), fs::read(ca.certificate())];
        let pem: Vec<u8> = pem.into_iter().collect::<std::io::Result<Vec<_>>>().context("no certificate")?.concat();
        fs::write(folder.join("both.pem"), pem).context("could not write the certificate")?;
        let script = folder.join("start.sh");
        fs::write(&script, start_script(folder, address, tls_address)).context("could not write start.sh")?;
        let plan = Plan {
            kind: Kind::Courier,
            address,
            tls_address: Some(tls_address),
            lmtp_address: None,
            ca,
            users: options.users,
            master: None,
            tokens: None,
            program: "/usr/bin/unshare".into(),
            arguments: vec!["--mount".into(), "sh".into(), script.display().to_string()],
        };
        Server::start(plan, dir)
    }
}

fn write_users(folder: &Path, users: usize) -> Result<()> {
    let mut lines = String::new();
    for account in (1..=users).map(Account::numbered) {
        let home = folder.join("mail").join(&account.name);
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(home.join("Maildir").join(part)).context("no Maildir")?;
            give_to_mail_user(&home.join("Maildir").join(part))?;
        }
        give_to_mail_user(&home.join("Maildir"))?;
        give_to_mail_user(&home)?;
        let password = hashed(&account.password)?;
        lines += &format!("{}\tuid={MAIL_USER}|gid={MAIL_USER}|home={}|shell=/bin/sh|imappw={password}\n", account.name, home.display());
    }
    let path = folder.join("etc/userdb");
    fs::write(&path, lines).context("could not write userdb")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).context("could not close userdb")
}

fn hashed(password: &str) -> Result<String> {
    let output = Command::new("openssl").args(["passwd", "-1", password]).output().context("openssl cannot be run")?;
    if !output.status.success() {
        bail!("openssl passwd: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The empty folders that it makes are where a machine with Courier has them.
fn start_script(folder: &Path, plain: std::net::SocketAddr, tls: std::net::SocketAddr) -> String {
    let at = folder.display();
    let [imapd, tcpd, login, couriertls] = [IMAPD, TCPD, LOGIN, TLS].map(|path| unpacked(path).display().to_string());
    let listen = format!("{tcpd} -address={} -maxprocs=512 -maxperip=512 -nodnslookup -noidentlookup", plain.ip());
    format!(
        "set -e\nmkdir -p /etc/courier /run/courier\nmount --make-rprivate /\nmount --bind {at}/etc /etc/courier\nmount --bind {at}/run /run/courier\n\
         makeuserdb\nexport {SETTINGS}\nexport IMAP_CAPABILITY='{CAPABILITY}' IMAP_CAPABILITY_TLS='{CAPABILITY} AUTH=PLAIN'\n\
         export COURIERTLS={couriertls} TLS_CERTFILE={at}/both.pem TLS_VERIFYPEER=NONE IMAP_STARTTLS=YES IMAP_TLS_REQUIRED=0\n\
         /usr/lib/courier/courier-authlib/authdaemond &\n\
         IMAP_TLS=1 {listen} {} {couriertls} -server -tcpd {login} {imapd} Maildir &\n\
         while [ ! -S /run/courier/authdaemon/socket ]; do sleep 0.01; done\n\
         exec {listen} {} {login} {imapd} Maildir\n",
        tls.port(),
        plain.port(),
    )
}
