//! The bytes between us and a server: TCP, TLS by rustls, and COMPRESS=DEFLATE (RFC 4978) on top of either.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::Kind;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Which certificates are believed, besides those the operating system believes.
#[derive(Clone, Default, Debug)]
pub struct Trust {
    /// Certificates of further authorities, as PEM.
    pub authorities_pem: Vec<u8>,
}

/// Wraps a stream in TLS and checks the certificate for this name.
pub(crate) async fn encrypted(stream: Box<dyn Stream>, host: &str, trust: &Trust) -> Result<Box<dyn Stream>, Kind> {
    let tls = |error: &dyn std::fmt::Display| Kind::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let extra: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&trust.authorities_pem).collect();
    let extra = extra.map_err(|error| Kind::Settings(format!("the certificates of authorities cannot be read: {error}")))?;
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|error| tls(&error))?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| tls(&error))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| handshake(&error))?;
    Ok(Box::new(stream))
}

fn handshake(error: &io::Error) -> Kind {
    let text = error.to_string();
    let legacy = text.contains("HandshakeFailure") || text.contains("peer is incompatible");
    let hint = if legacy { "; the server offers only old ciphers, see docs/OPERATING.md" } else { "" };
    Kind::Tls(format!("{text}{hint}"))
}

pub(crate) async fn connected(host: &str, port: u16) -> Result<Box<dyn Stream>, Kind> {
    let stream = TcpStream::connect((host, port)).await.map_err(Kind::Io)?;
    stream.set_nodelay(true).map_err(Kind::Io)?;
    Ok(Box::new(stream))
}

/// Raw deflate in both directions.
pub(crate) struct Deflated {
    inner: Box<dyn Stream>,
    inflate: Decompress,
    deflate: Compress,
    /// Read and not yet inflated.
    packed: Vec<u8>,
    packed_at: usize,
    /// Deflated and not yet written.
    ready: Vec<u8>,
    ready_at: usize,
    unflushed: bool,
    /// The last inflate filled the buffer it was given: there may be more without reading.
    more: bool,
}

impl Deflated {
    pub fn new(inner: Box<dyn Stream>) -> Self {
        Deflated {
            inner,
            inflate: Decompress::new(false),
            deflate: Compress::new(Compression::new(2), false),
            packed: Vec::new(),
            packed_at: 0,
            ready: Vec::new(),
            ready_at: 0,
            unflushed: false,
            more: false,
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ready_at < self.ready.len() {
            match Pin::new(&mut self.inner).poll_write(cx, &self.ready[self.ready_at..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.ready_at += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.ready.clear();
        self.ready_at = 0;
        Poll::Ready(Ok(()))
    }

    fn deflate_all(&mut self, mut bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        loop {
            self.ready.reserve(16 << 10);
            let before = self.deflate.total_in();
            self.deflate.compress_vec(bytes, &mut self.ready, flush).map_err(io::Error::other)?;
            bytes = &bytes[(self.deflate.total_in() - before) as usize..];
            if bytes.is_empty() && self.ready.len() < self.ready.capacity() {
                return Ok(());
            }
        }
    }
}

impl AsyncRead for Deflated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.packed_at < this.packed.len() || this.more {
                let (before_in, before_out) = (this.inflate.total_in(), this.inflate.total_out());
                let target = out.initialize_unfilled();
                let space = target.len() as u64;
                this.inflate.decompress(&this.packed[this.packed_at..], target, FlushDecompress::Sync).map_err(io::Error::other)?;
                this.packed_at += (this.inflate.total_in() - before_in) as usize;
                let made = this.inflate.total_out() - before_out;
                this.more = made == space;
                if made > 0 {
                    out.advance(made as usize);
                    return Poll::Ready(Ok(()));
                }
            }
            this.packed.resize(16 << 10, 0);
            let mut buffer = ReadBuf::new(&mut this.packed);
            let read = Pin::new(&mut this.inner).poll_read(cx, &mut buffer);
            let filled = buffer.filled().len();
            this.packed.truncate(filled);
            this.packed_at = 0;
            match read {
                Poll::Ready(Ok(())) if filled == 0 => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
    }
}

impl AsyncWrite for Deflated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.poll_drain(cx)?.is_pending() {
            return Poll::Pending;
        }
        self.deflate_all(bytes, FlushCompress::None)?;
        self.unflushed = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed {
            self.deflate_all(&[], FlushCompress::Sync)?;
            self.unflushed = false;
        }
        if self.poll_drain(cx)?.is_pending() {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn deflated_bytes_arrive_as_they_were_however_they_are_cut() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (left, right) = tokio::io::duplex(777);
            let (mut left, mut right) = (Deflated::new(Box::new(left)), Deflated::new(Box::new(right)));
            let text: Vec<u8> = (0..200_000u32).flat_map(|number| (number % 1013).to_string().into_bytes()).collect();
            let sent = text.clone();
            let writer = async move {
                for piece in sent.chunks(5000) {
                    left.write_all(piece).await.expect("written");
                    left.flush().await.expect("flushed");
                }
                left
            };
            let reader = async {
                let mut got = vec![0; text.len()];
                right.read_exact(&mut got).await.expect("read");
                got
            };
            let (_left, got) = tokio::join!(writer, reader);
            assert!(got == text);
        });
    }
}
