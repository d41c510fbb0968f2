//! A plain-spoken SMTP client: one message after the other, and what the server said to each.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A server under test may hang; a test may not.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Smtp {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Smtp {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let writer = TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
        writer.set_read_timeout(Some(PATIENCE)).context("no timeout")?;
        let mut smtp = Smtp { reader: BufReader::new(writer.try_clone().context("no second handle")?), writer };
        smtp.expect("220")?;
        smtp.say("EHLO client.example")?;
        smtp.expect("250")?;
        Ok(smtp)
    }

    /// Ok: the server is answerable for the message from now on.
    pub fn send(&mut self, from: &str, to: &str, message: &[u8]) -> Result<()> {
        for (line, code) in [(format!("MAIL FROM:<{from}>"), "250"), (format!("RCPT TO:<{to}>"), "250"), ("DATA".into(), "354")] {
            self.say(&line)?;
            self.expect(code)?;
        }
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            self.writer.write_all(if line.starts_with(b".") { b"." } else { b"" }).context("the server takes no more")?;
            self.writer.write_all(line).context("the server takes no more")?;
        }
        self.say(".")?;
        self.expect("250")
    }

    fn say(&mut self, line: &str) -> Result<()> {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).context("the server takes no more")
    }

    /// Of an answer of several lines, the last one counts.
    fn expect(&mut self, code: &str) -> Result<()> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).context("no answer")? == 0 {
                bail!("the connection was closed");
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return if line.starts_with(code) { Ok(()) } else { Err(anyhow::anyhow!("{}", line.trim_end())) };
            }
        }
    }
}
