//! The key that a target agent signs manifests with (R84): a file of its own beside its database, made at first use, never copied to
//! another node. The public part lies beside it for everybody.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mailferry_core::manifest::{PublicKey, SigningKey};
use mailferry_core::trouble::Trouble;
use ring::rand::{SecureRandom, SystemRandom};

/// Reads the key of this file, or makes it. `label`: who signs with it, for people.
pub fn signing_key(file: &Path, label: &str) -> Result<SigningKey, Trouble> {
    let key = match fs::read_to_string(file) {
        Ok(text) => read(file, &text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => made(file)?,
        Err(error) => return Err(unusable(file).cause(error).hint("give the account of the agent the right to read it")),
    };
    publish(&public_file(file), key.public(), label)?;
    Ok(key)
}

/// Where the public part of a key lies.
pub fn public_file(file: &Path) -> PathBuf {
    file.with_extension("pub")
}

fn unusable(file: &Path) -> Trouble {
    Trouble::new("could not use the key that manifests are signed with").place(file.display())
}

fn read(file: &Path, text: &str) -> Result<SigningKey, Trouble> {
    if is_open_to_others(file) {
        let cause = "others than the account of the agent may read or write it";
        return Err(unusable(file)
            .cause(cause)
            .hint("chmod 600; if somebody may have read it, move it away: a new one is made, and is to be told to those who verify"));
    }
    let hint = "put it back from a backup, or move it away: a new one is made, and is to be told to those who verify";
    SigningKey::from_text(text).map_err(|error| unusable(file).cause(error).hint(hint))
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file).is_ok_and(|about| about.mode() & 0o077 != 0)
}

/// Who may read a file is inherited from its folder there.
#[cfg(not(unix))]
fn is_open_to_others(_file: &Path) -> bool {
    false
}

fn made(file: &Path) -> Result<SigningKey, Trouble> {
    let mut seed = [0; 32];
    let no_chance = |_| unusable(file).cause("the system has no random numbers");
    SystemRandom::new().fill(&mut seed).map_err(no_chance)?;
    let key = SigningKey::of_seed(seed).map_err(|error| unusable(file).cause(error))?;
    written(file, &key.to_text()).map_err(|error| unusable(file).cause(error).hint("let the agent write into its folder"))?;
    Ok(key)
}

/// Whole or not at all, and from its first byte on for nobody else.
fn written(file: &Path, text: &str) -> io::Result<()> {
    let making = file.with_extension("making");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match fs::remove_file(&making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = options.open(&making)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&making, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    crate::files::sync_folder(folder.unwrap_or(Path::new(".")))
}

fn publish(file: &Path, key: PublicKey, label: &str) -> Result<(), Trouble> {
    let text = format!("{key} {label}\n");
    if fs::read_to_string(file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(file, text).map_err(|error| Trouble::new("could not write the public key of this agent").place(file.display()).cause(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_published() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("manifest.key");
        let first = signing_key(&file, "TGT NODE1").expect("made").public();
        assert_eq!(signing_key(&file, "TGT NODE1").expect("read").public(), first);
        assert_eq!(fs::read_to_string(public_file(&file)).expect("published"), format!("{first} TGT NODE1\n"));
        assert!(!is_open_to_others(&file));
        assert!(!file.with_extension("making").exists());
        let other = signing_key(&dir.path().join("other.key"), "").expect("made").public();
        assert_ne!(other, first, "no two keys are the same");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_or_that_is_damaged_is_refused_without_being_shown() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("manifest.key");
        signing_key(&file, "").expect("made");
        let text = fs::read_to_string(&file).expect("text");
        let seed = text.lines().nth(1).and_then(|line| line.split(' ').nth(1)).expect("a seed").to_owned();
        let refused = || signing_key(&file, "").expect_err("refused").to_string();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(refused().contains("chmod 600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&file, text.replace("public", "pubLic")).expect("written");
        assert!(refused().contains("damaged") && !refused().contains(&seed));
    }
}
