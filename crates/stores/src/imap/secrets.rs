//! Where secrets are. Of each the first line counts; what is wrong is said without a byte of it.
//!
//! ```text
//! file         that nobody else may read
//! variable     of the environment
//! command      what it prints: `pass`, a vault, anything that keeps secrets
//! credential   of systemd (`LoadCredential=`, `SetCredentialEncrypted=`): a file that it made for this service alone
//! keyring      of the Linux kernel: a key of the type `user`, in memory alone
//! ```

use std::path::Path;
use std::time::Duration;

use mailferry_core::trouble::Trouble;
use mailferry_imap::Secret;

/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const NAME_BYTES_MAX: usize = 255;

pub fn from_file(path: &Path, what: &str) -> Result<Secret, Trouble> {
    let trouble = |cause: String| Trouble::new(format!("could not read {what}")).place(path.display()).cause(cause);
    let text = std::fs::read_to_string(path).map_err(|error| trouble(error.to_string()).hint("check the option that names it"))?;
    if readable_by_others(path) {
        return Err(trouble("other users of this machine may read the file".into()).hint("chmod 600; and change it, others may know it"));
    }
    first_line(&text).ok_or_else(|| trouble("its first line is empty".into()).hint("it has to stand in the first line"))
}

#[cfg(unix)]
pub fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o044 != 0)
}

/// Rights there are lists, and the folder's lists hold for its files.
#[cfg(not(unix))]
pub fn readable_by_others(_: &Path) -> bool {
    false
}

/// The value of a variable of the environment.
pub fn from_variable(name: &str, what: &str) -> Result<Secret, Trouble> {
    let missing = || Trouble::new(format!("could not find {what}")).cause(format!("there is no environment variable {name}"));
    let value = std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret);
    value.ok_or_else(|| missing().hint("set it for this run, or name a file"))
}

/// What it complains of is not repeated: a shell says what it was given in place of a command.
pub fn from_command(command: &str, what: &str, patience: Duration) -> Result<Secret, Trouble> {
    let trouble = |cause: String| {
        Trouble::new(format!("could not get {what} from a command"))
            .place(command)
            .cause(cause)
            .hint("try the command by hand as this user; it gets no input, and `timeout` is how long it may take")
    };
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let said = mailferry_command::ask(shell, &[flag, command], patience).and_then(mailferry_command::Said::well_or_silent);
    first_line(&said.map_err(trouble)?).ok_or_else(|| trouble("it printed nothing".into()))
}

/// As systemd takes it, and never a path.
pub fn is_credential_name(name: &str) -> bool {
    let is_plain = |sign: char| !sign.is_control() && !matches!(sign, '/' | '\\');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !matches!(name, "." | "..") && name.chars().all(is_plain)
}

/// Its rights are systemd's matter: a list of rights, which looks like a group that may read it.
pub fn from_credential(name: &str, what: &str) -> Result<Secret, Trouble> {
    let folder = std::env::var_os(CREDENTIALS).filter(|folder| !folder.is_empty());
    credential_in(folder.as_deref().map(Path::new), name, what)
}

fn credential_in(folder: Option<&Path>, name: &str, what: &str) -> Result<Secret, Trouble> {
    let trouble = |cause: String| {
        Trouble::new(format!("could not read {what} from a credential"))
            .place(name)
            .cause(cause)
            .hint(format!("add `LoadCredential={name}:PATH` to the unit of the service; by hand: systemd-run --pty -p LoadCredential=..."))
    };
    let folder =
        folder.ok_or_else(|| trouble(format!("systemd gives this program none: there is no environment variable {CREDENTIALS}")))?;
    let text = std::fs::read_to_string(folder.join(name)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => trouble("systemd gives this program no credential of this name".into()),
        std::io::ErrorKind::InvalidData => trouble("it is no text".into()),
        _ => trouble(error.to_string()),
    })?;
    first_line(&text).ok_or_else(|| trouble("its first line is empty".into()))
}

/// A key of the user, or of the session.
#[cfg(target_os = "linux")]
pub fn from_keyring(name: &str, what: &str) -> Result<Secret, Trouble> {
    use linux_keyutils::KeyError;
    let trouble = |cause: String| Trouble::new(format!("could not read {what} from the keyring of the kernel")).place(name).cause(cause);
    let put = || format!("as the user of this program: `keyctl padd user {name} @u`; it stays until the next boot");
    let key = key_of(name).map_err(|error| match error {
        KeyError::KeyDoesNotExist => trouble("there is no key of the type `user` with this name".into()).hint(put()),
        KeyError::KeyExpired => trouble("the key has expired".into()).hint(put()),
        KeyError::KeyRevoked => trouble("the key was revoked".into()).hint(put()),
        KeyError::AccessDenied => trouble("this user may not read the key".into()).hint(put()),
        KeyError::PermissionDenied | KeyError::OperationNotSupported | KeyError::Unknown(_) => {
            trouble(format!("the kernel does not answer ({error}): perhaps keyctl is forbidden here, as in many containers"))
                .hint("take password-file or password-credential here")
        }
        other => trouble(other.to_string()).hint(put()),
    })?;
    let text = String::from_utf8(key).map_err(|_| trouble("it is no text".into()).hint(put()))?;
    first_line(&text).ok_or_else(|| trouble("its first line is empty".into()).hint(put()))
}

/// A service has a session of its own, to which the keyring of its user does not belong: what is found there could not be read. So that
/// keyring is lent to this thread first.
#[cfg(target_os = "linux")]
fn key_of(name: &str) -> Result<Vec<u8>, linux_keyutils::KeyError> {
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};
    let own = KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?;
    own.link_keyring_id(KeyRingIdentifier::User)?;
    let found = match own.search(name) {
        Err(KeyError::KeyDoesNotExist) => KeyRing::from_special_id(KeyRingIdentifier::Session, false)?.search(name)?,
        found => found?,
    };
    found.read_to_vec()
}

#[cfg(not(target_os = "linux"))]
pub fn from_keyring(name: &str, what: &str) -> Result<Secret, Trouble> {
    Err(Trouble::new(format!("could not read {what} from the keyring of the kernel")).place(name).cause("this is no Linux"))
}

fn first_line(text: &str) -> Option<Secret> {
    text.lines().next().map(str::trim_end).filter(|line| !line.is_empty()).map(|line| Secret(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said where there is no secret.
    fn said(secret: Result<Secret, Trouble>) -> String {
        let said = secret.expect_err("there is none").to_string();
        assert!(said.contains("hint:") && !said.contains("sesame"), "{said}");
        said
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_as_what_it_is() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("token");
        std::fs::write(&path, "sesame\n").expect("written");
        for (mode, good) in [(0o644, false), (0o640, false), (0o600, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let secret = from_file(&path, "a refresh token");
            assert_eq!(secret.is_ok(), good, "{mode:o}");
            if !good {
                assert!(said(secret).contains("could not read a refresh token"));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_command_gives_its_first_line_within_its_time_and_its_complaints_are_not_repeated() {
        let from = |command: &str, patience_ms| from_command(command, "a password", Duration::from_millis(patience_ms));
        assert_eq!(from("echo sesame; echo more", 60_000).ok(), Some(Secret("sesame".into())));
        assert!(said(from("exit 3", 60_000)).contains("code 3"));
        assert!(said(from("true", 60_000)).contains("printed nothing"));
        assert!(said(from("exec sleep 60", 200)).contains("within 0.2 s"));
        // The place shows the command as it was written, in which no secret stands.
        let by_mistake = "name=ses; ${name}ame";
        assert!(said(from(by_mistake, 60_000)).contains("code 127"));
    }

    #[test]
    fn a_credential_is_one_of_this_service_and_never_a_path() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let from = |name: &str| credential_in(Some(dir.path()), name, "a password");
        std::fs::write(dir.path().join("alice"), "sesame\nmore\n").expect("written");
        std::fs::write(dir.path().join("empty"), "\nsesame\n").expect("written");
        std::fs::write(dir.path().join("bytes"), b"\xffsesame\n").expect("written");
        assert_eq!(from("alice").ok(), Some(Secret("sesame".into())));
        assert!(said(from("bob")).contains("no credential of this name"));
        assert!(said(from("empty")).contains("empty"));
        assert!(said(from("bytes")).contains("no text"));
        assert!(said(credential_in(None, "alice", "a password")).contains(CREDENTIALS));
        for name in ["", ".", "..", "../alice", "/etc/shadow", "a\nb", "a\\b", &"x".repeat(256)] {
            assert!(!is_credential_name(name), "{name}");
        }
        assert!(is_credential_name("alice@example.org"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_key_of_the_user_is_found_and_one_that_is_not_there_is_told() {
        use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};
        use std::io::Write;
        let name = format!("mailferry test {}", std::process::id());
        let ring = match KeyRing::from_special_id(KeyRingIdentifier::User, true) {
            // As in many containers; with ENOSYS, too.
            Err(error @ (KeyError::PermissionDenied | KeyError::Unknown(_))) => {
                let _ = writeln!(std::io::stderr(), "SKIPPED: the kernel gives no keyring here ({error})");
                return;
            }
            ring => ring.expect("the keyring of this user"),
        };
        let key = ring.add_key(&name, b"sesame\n").expect("a key");
        assert_eq!(from_keyring(&name, "a password").ok(), Some(Secret("sesame".into())));
        ring.unlink_key(key).expect("it was there");
        assert!(said(from_keyring(&name, "a password")).contains("there is no key"));
    }
}
