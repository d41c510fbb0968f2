//! An endpoint that gives tokens, over HTTPS on loopback, by a script: one reply for each request, in their order. It writes down what
//! it was asked.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::servers::Ca;

#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status and body.
    Json(u16, String),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
    /// Nothing, until the client goes away.
    Silence,
}

impl Reply {
    /// A grant; without a refresh token, the old one stays.
    pub fn grant(access: &str, lifetime_s: u64, refresh: Option<&str>) -> Reply {
        let refresh = refresh.map(|token| format!(",\"refresh_token\":\"{token}\"")).unwrap_or_default();
        Reply::Json(200, format!("{{\"access_token\":\"{access}\",\"token_type\":\"Bearer\",\"expires_in\":{lifetime_s}{refresh}}}"))
    }

    pub fn error(code: &str, description: &str) -> Reply {
        Reply::Json(400, format!("{{\"error\":\"{code}\",\"error_description\":\"{description}\"}}"))
    }
}

/// Dropped, it is gone.
pub struct TokenServer {
    address: SocketAddr,
    ca: Ca,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl TokenServer {
    /// `folder`: where its certificates lie.
    pub fn start(folder: &Path, replies: Vec<Reply>) -> Result<TokenServer> {
        let ca = Ca::of_this_machine(folder)?;
        let certificates = CertificateDer::pem_file_iter(ca.certificate()).context("no certificate")?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(ca.key()).context("no key")?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for a token server")?;
        let address = listener.local_addr().context("a listener has an address")?;
        let shared = Arc::new(Shared { replies: Mutex::new(replies.into()), ..Shared::default() });
        let (config, accepting) = (Arc::new(config), shared.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok).take_while(|_| !accepting.ended.load(Ordering::Acquire)) {
                let (config, shared) = (config.clone(), accepting.clone());
                // A client that goes away in the middle is one of the things that are tried.
                thread::spawn(move || drop(answered(client, config, &shared)));
            }
        });
        Ok(TokenServer { address, ca, shared })
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/token", self.address.port())
    }

    pub fn ca_pem(&self) -> PathBuf {
        self.ca.ca_pem()
    }

    /// The forms that were posted.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

fn answered(client: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, client);
    let form = form(&mut stream)?;
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(form);
    let reply = shared.replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let bytes = match reply.unwrap_or_else(|| Reply::error("the_script_has_ended", "")) {
        Reply::Json(status, body) => format!(
            "HTTP/1.1 {status} so\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        Reply::Raw(bytes) => bytes,
        Reply::Silence => {
            let _ = stream.read_to_end(&mut Vec::new());
            return Ok(());
        }
    };
    stream.write_all(&bytes)?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}

fn form(stream: &mut impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer)?;
        anyhow::ensure!(length > 0, "the request has no end");
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
        if body.len() >= length.context("a form without a length")? {
            return Ok(body.to_owned());
        }
    }
}
