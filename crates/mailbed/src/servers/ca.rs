//! A certificate authority for one test, and what it has signed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io::Write};

use anyhow::{Context, Result, bail};

/// Its folder holds `ca.pem`, `server.pem` and `server.key`.
#[derive(Clone, Debug)]
pub struct Ca {
    folder: PathBuf,
}

impl Ca {
    /// For a server on this machine that is none of mail.
    pub fn of_this_machine(folder: &Path) -> Result<Self> {
        Ca::make(folder, IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), false)
    }

    /// Signs one certificate, for `localhost` and the address.
    pub(crate) fn make(folder: &Path, address: IpAddr, expired: bool) -> Result<Self> {
        fs::create_dir_all(folder).context("no folder for certificates")?;
        let config = format!(
            "[req]\ndistinguished_name = dn\n[dn]\n[ca]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n\
             [server]\nbasicConstraints = CA:FALSE\nextendedKeyUsage = serverAuth\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n\
             subjectAltName = DNS:localhost, IP:{address}\n\
             [past]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n"
        );
        fs::write(folder.join("openssl.cnf"), config).context("could not write openssl.cnf")?;
        for name in ["ca", "server"] {
            openssl(folder, &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &format!("{name}.key")])?;
        }
        let ca = "req -x509 -new -key ca.key -days 3650 -subj /CN=mailbed-ca -extensions ca -config openssl.cnf -out ca.pem";
        let request = "req -new -key server.key -subj /CN=localhost -config openssl.cnf -out server.csr";
        let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile openssl.cnf -extensions server -out server.pem";
        let sign_in_the_past = "ca -batch -notext -config openssl.cnf -name past -cert ca.pem -keyfile ca.key -in server.csr -out server.pem -extensions server \
                                -startdate 20200101000000Z -enddate 20210101000000Z -create_serial";
        fs::write(folder.join("index"), "").context("could not write the list of certificates")?;
        for words in [ca, request, if expired { sign_in_the_past } else { sign }] {
            openssl(folder, &words.split_whitespace().collect::<Vec<_>>())?;
        }
        Ok(Ca { folder: folder.into() })
    }

    pub fn ca_pem(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output().context("openssl cannot be run")?;
    if !output.status.success() {
        bail!("openssl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The code that proves who wrote a text: HMAC with SHA-256.
pub(crate) fn hmac_sha256(key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new("openssl");
    command.args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{key}"), "-binary"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("openssl cannot be run")?;
    // Dropped here: openssl reads to the end.
    child.stdin.take().context("a pipe was asked for")?.write_all(text).context("openssl does not listen")?;
    Ok(child.wait_with_output().context("openssl does not answer")?.stdout)
}
