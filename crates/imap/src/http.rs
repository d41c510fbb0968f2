//! One POST of a form over HTTP/1.1, for token endpoints (RFC 6749): as little of HTTP as they need, and strictly that. TLS is that of the
//! IMAP connections; without it only a server on this machine is spoken to. Redirects are not followed, an answer has a bounded size,
//! and the whole has a time limit. Nothing that is sent or comes is traced.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::Kind;
use crate::session::is_this_machine;
use crate::transport::{self, Stream, Trust};

const HEAD_BYTES_MAX: usize = 16 << 10;
const BODY_BYTES_MAX: usize = 64 << 10;

/// Where a form is posted to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpUrl {
    tls: bool,
    host: String,
    port: u16,
    /// With its query.
    path: String,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub status: u16,
    /// Of `Retry-After`, in seconds.
    pub retry_after_s: Option<u64>,
    pub body: Vec<u8>,
}

impl HttpUrl {
    /// The error is what is wrong with it.
    pub fn parse(text: &str) -> Result<HttpUrl, String> {
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("it begins with neither https:// nor http://".into()),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['#', '@', '\\']) {
            return Err("it holds a sign that has no place in it, or a user".into());
        }
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (server, path) = rest.split_at(at);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let default = if tls { 443 } else { 80 };
        let (host, port) = match server.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or("its host cannot be read")?;
                (host, port.strip_prefix(':'))
            }
            None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(default), str::parse).map_err(|_| "its port cannot be read")?;
        if host.is_empty() {
            return Err("there is no host in it".into());
        }
        if !tls && !is_this_machine(host) {
            return Err("without https only this machine may be named".into());
        }
        Ok(HttpUrl { tls, host: host.to_owned(), port, path })
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }

    pub async fn post(&self, form: &[(&str, &str)], trust: &Trust, patience: Duration) -> Result<Answer, Kind> {
        let silent = Kind::Silent(patience.as_secs());
        tokio::time::timeout(patience, self.exchange(form, trust)).await.unwrap_or(Err(silent))
    }

    async fn exchange(&self, form: &[(&str, &str)], trust: &Trust) -> Result<Answer, Kind> {
        let stream = transport::connected(&self.host, self.port).await?;
        let mut stream = if self.tls { transport::encrypted(stream, &self.host, trust).await? } else { stream };
        let body = form.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&");
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority(),
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.map_err(Kind::io)?;
        stream.flush().await.map_err(Kind::io)?;
        answer(&mut stream).await
    }
}

/// application/x-www-form-urlencoded
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn unclear(what: &str) -> Kind {
    Kind::Protocol(format!("{what} (HTTP)"))
}

async fn answer(stream: &mut Box<dyn Stream>) -> Result<Answer, Kind> {
    let mut read = Read { stream, bytes: Vec::new(), ended: false };
    let head = loop {
        if let Some(end) = memchr::memmem::find(&read.bytes, b"\r\n\r\n") {
            let head: Vec<u8> = read.bytes.drain(..end + 4).collect();
            break head;
        }
        if read.bytes.len() > HEAD_BYTES_MAX {
            return Err(unclear("the head of the answer is too long"));
        }
        if !read.more().await? {
            return Err(Kind::Closed);
        }
    };
    let head = String::from_utf8(head).map_err(|_| unclear("the head of the answer is no text"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(1..)?.strip_prefix(' ')?.get(..3)?.parse::<u16>().ok());
    let status = status.filter(|status| (100..600).contains(status)).ok_or_else(|| unclear("the answer does not begin as one"))?;
    let fields: Vec<(String, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())).collect();
    let field = |name: &str| fields.iter().find(|(there, _)| there == name).map(|(_, value)| *value);
    let retry_after_s = field("retry-after").and_then(|text| text.parse().ok());
    let body = match (field("transfer-encoding"), field("content-length")) {
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => read.chunks().await?,
        (Some(_), _) => return Err(unclear("the answer is written in a way that is not known")),
        (None, Some(length)) => {
            let length = length.parse::<usize>().map_err(|_| unclear("the length of the answer cannot be read"))?;
            read.exactly(length).await?
        }
        (None, None) => read.rest().await?,
    };
    Ok(Answer { status, retry_after_s, body })
}

struct Read<'s> {
    stream: &'s mut Box<dyn Stream>,
    bytes: Vec<u8>,
    ended: bool,
}

impl Read<'_> {
    /// False at the end.
    async fn more(&mut self) -> Result<bool, Kind> {
        let mut buffer = [0; 4096];
        let length = match self.stream.read(&mut buffer).await {
            // Many servers end TLS without saying so; what must be whole is counted.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            read => read.map_err(Kind::io)?,
        };
        self.bytes.extend_from_slice(&buffer[..length]);
        self.ended = length == 0;
        Ok(length > 0)
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Kind> {
        if length > BODY_BYTES_MAX {
            return Err(unclear("the answer is too long"));
        }
        while self.bytes.len() < length {
            if !self.more().await? {
                return Err(Kind::Closed);
            }
        }
        Ok(self.bytes.drain(..length).collect())
    }

    async fn rest(&mut self) -> Result<Vec<u8>, Kind> {
        while !self.ended && self.bytes.len() <= BODY_BYTES_MAX {
            self.more().await?;
        }
        let length = self.bytes.len();
        self.exactly(length).await
    }

    async fn line(&mut self) -> Result<String, Kind> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.bytes, b"\r\n") {
                let line: Vec<u8> = self.bytes.drain(..end + 2).collect();
                return String::from_utf8(line).map(|line| line.trim_end().to_owned()).map_err(|_| unclear("a chunk cannot be read"));
            }
            if self.bytes.len() > HEAD_BYTES_MAX {
                return Err(unclear("a chunk cannot be read"));
            }
            if !self.more().await? {
                return Err(Kind::Closed);
            }
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Kind> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let length = line.split(';').next().map(str::trim).and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let length = length.ok_or_else(|| unclear("a chunk cannot be read"))?;
            if length == 0 {
                return Ok(body);
            }
            if length > BODY_BYTES_MAX - body.len() {
                return Err(unclear("the answer is too long"));
            }
            body.extend(self.exactly(length).await?);
            if !self.line().await?.is_empty() {
                return Err(unclear("a chunk cannot be read"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_this_machine_is_posted_to() {
        let url = HttpUrl::parse("https://login.example.org/oauth2/token?x=y").expect("a URL");
        assert_eq!((url.authority(), url.path.as_str(), url.port), ("login.example.org".into(), "/oauth2/token?x=y", 443));
        assert_eq!(HttpUrl::parse("https://[::1]:8443").expect("a URL").authority(), "[::1]:8443");
        assert!(HttpUrl::parse("http://127.0.0.1:80/t").is_ok() && HttpUrl::parse("http://localhost/t").is_ok());
        for bad in
            ["http://example.org/t", "ftp://x/", "https://", "https://u:p@h/", "https://h:x/", "https://h/a b", "https://h/#x", "h/t"]
        {
            assert!(HttpUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_form_is_encoded_so_that_nothing_of_it_breaks_out() {
        assert_eq!(encoded("a&b=c d/\u{fc}\r\n"), "a%26b%3Dc%20d%2F%C3%BC%0D%0A");
    }

    fn read(text: &[u8]) -> Result<Answer, Kind> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (mut there, here) = tokio::io::duplex(1 << 20);
            there.write_all(text).await.expect("written");
            drop(there);
            answer(&mut (Box::new(here) as Box<dyn Stream>)).await
        })
    }

    #[test]
    fn an_answer_is_read_in_each_of_its_forms_and_never_as_less_than_it_is() {
        let body = |text: &[u8]| read(text).map(|answer| (answer.status, answer.body)).ok();
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Some((200, b"{}".to_vec())));
        assert_eq!(body(b"HTTP/1.0 400 x\r\n\r\n{}"), Some((400, b"{}".to_vec())));
        assert_eq!(
            body(b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n"),
            Some((200, b"{}".to_vec()))
        );
        for bad in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
            b"HTTP/2 200\r\n\r\n",
            b"200 OK\r\n\r\n",
            b"",
        ] {
            assert!(read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'x'; BODY_BYTES_MAX + 1]].concat();
        assert!(read(&endless).is_err());
        assert!(read(&[b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'x'; HEAD_BYTES_MAX * 2]].concat()).is_err());
    }
}
