//! Bytes to a client: all at once, byte by byte, or slowly.

use std::io::{self, BufWriter, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::world::Body;

pub(super) struct Output {
    stream: BufWriter<TcpStream>,
    pub split: bool,
    pub bytes_per_second: Option<u64>,
}

impl Output {
    pub fn new(stream: TcpStream) -> Self {
        Output { stream: BufWriter::with_capacity(64 << 10, stream), split: false, bytes_per_second: None }
    }

    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(rate) = self.bytes_per_second {
            self.stream.write_all(bytes)?;
            self.stream.flush()?;
            // A slow line is what is played here.
            std::thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / rate.max(1) as f64));
            return Ok(());
        }
        if !self.split {
            return self.stream.write_all(bytes);
        }
        bytes.iter().try_for_each(|byte| self.stream.write_all(&[*byte]).and_then(|()| self.stream.flush()))
    }

    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.put(text.as_bytes())?;
        self.put(b"\r\n")
    }

    pub fn body(&mut self, body: &Body, from: u64, to: u64) -> io::Result<()> {
        body.pieces(from, to).try_for_each(|piece| self.put(&piece))
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
