//! Where a server lives: a scratch folder and a loopback address of its own.

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::janitor;

/// Debian's user for mail: uid and gid.
pub(crate) const MAIL_USER: &str = "8";

/// Gone when it is dropped, or when this process is killed. In memory where nobody set TMPDIR: the disk is not what is tested or
/// measured. Short, because sockets have paths; open, because servers give up being root.
pub fn scratch() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let below = if env::var_os("TMPDIR").is_none() && memory.is_dir() { memory.to_path_buf() } else { env::temp_dir() };
    let dir = tempfile::Builder::new().prefix("mailbed-").tempdir_in(below).context("no scratch folder")?;
    janitor::tell(dir.path())?;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).context("could not open the scratch folder")?;
    Ok(dir)
}

/// An address of 127.0.0.0/8 that nobody else is likely to have.
pub(crate) fn own_address() -> IpAddr {
    let mixed = mixed();
    IpAddr::V4(Ipv4Addr::new(127, 16 + mixed[0] % 200, mixed[1], 1 + mixed[2] % 254))
}

/// Below the ports that Linux gives to connections that leave: one of those may take the port before its server does.
const PORTS: Range<u16> = 10_000..32_000;
const TRIES: usize = 100;

/// A port that is free there now, and stays so unless somebody wants that very one.
pub(crate) fn free_port(address: IpAddr) -> Result<SocketAddr> {
    let mut failure = None;
    for _ in 0..TRIES {
        let mixed = mixed();
        let port = PORTS.start + u16::from_be_bytes([mixed[3], mixed[4]]) % (PORTS.end - PORTS.start);
        match TcpListener::bind((address, port)) {
            Ok(_) => return Ok(SocketAddr::new(address, port)),
            Err(error) => failure = Some(error),
        }
    }
    let cause = failure.map_or_else(|| "no port is free".to_owned(), |error| error.to_string());
    bail!("{address} cannot be listened on: {cause}")
}

/// Other bytes each time, in this process and in others.
fn mixed() -> [u8; 8] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let mixed = (now ^ (u64::from(std::process::id()) << 32)).wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

/// What lies there belongs to the user that servers read mail as.
pub(crate) fn give_to_mail_user(path: &Path) -> Result<()> {
    let id = Some(MAIL_USER.parse()?);
    std::os::unix::fs::chown(path, id, id).with_context(|| format!("could not give {} away", path.display()))
}
