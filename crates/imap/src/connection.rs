//! One connection. Commands are queued and sent together; their answers are taken in order. Nothing waits for a round trip that
//! the protocol does not demand.
//!
//! While we write, what the server says is read into the buffer: a server that cannot get rid of its answers stops reading.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use crate::error::{ImapError, Kind, Result};
use crate::transport::{Deflated, Stream};
use crate::wire::command::Command;
use crate::wire::framer::{Framed, Framer};
use crate::wire::response::{Code, Fetch, Listed, Response, Status};

/// Bytes read in one go.
const READ_BYTES: usize = 64 << 10;
/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 64 << 10;
/// Answers that are taken in while we write.
const AHEAD_BYTES_MAX: usize = 4 << 20;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag(String);

/// What comes next on a connection.
#[derive(Debug)]
pub enum Event {
    Response(Response),
    /// The bytes of a message follow: take them with `body` before anything else. The response they belong to comes as
    /// `Response::Fetch` behind them; what the server named first of it is here.
    Body {
        uid: Option<u32>,
        flags: Option<Vec<String>>,
        internal_date: Option<String>,
        email_id: Option<String>,
        size: u64,
    },
}

/// The end of a command that succeeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    pub code: Option<Code>,
    pub text: String,
}

/// A folder that is open.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Selected {
    pub uid_validity: u32,
    pub uid_next: Option<u32>,
    pub exists: u32,
    pub highest_modseq: Option<u64>,
    pub flags: Vec<String>,
    pub permanent_flags: Option<Vec<String>>,
    pub read_only: bool,
}

pub struct Connection {
    stream: Box<dyn Stream>,
    framer: Framer,
    scratch: Vec<u8>,
    out: Vec<u8>,
    tags: u32,
    held: VecDeque<Response>,
    capabilities: BTreeSet<String>,
    /// By ENABLE.
    enabled: BTreeSet<String>,
    farewell: Option<String>,
    patience: Duration,
    awaits_greeting: bool,
    /// Commands whose end has not been read.
    unanswered: u32,
    folder_is_open: bool,
    server: String,
}

impl Connection {
    pub(crate) fn new(stream: Box<dyn Stream>, patience: Duration) -> Self {
        Connection {
            stream,
            framer: Framer::default(),
            scratch: vec![0; READ_BYTES],
            out: Vec::new(),
            tags: 0,
            held: VecDeque::new(),
            capabilities: BTreeSet::new(),
            enabled: BTreeSet::new(),
            farewell: None,
            patience,
            awaits_greeting: true,
            unanswered: 0,
            folder_is_open: false,
            server: String::new(),
        }
    }

    pub(crate) fn awaits_greeting(&self) -> bool {
        self.awaits_greeting
    }

    /// Puts back a response that is for somebody else.
    pub(crate) fn hold(&mut self, response: Response) {
        self.awaits_greeting = true;
        self.held.push_back(response);
    }

    /// Puts another layer over the stream. What was read of the old one is not believed: it came before the encryption did.
    pub(crate) async fn layer<F, O>(mut self, wrap: F) -> std::result::Result<Self, Kind>
    where
        F: FnOnce(Box<dyn Stream>) -> O,
        O: Future<Output = std::result::Result<Box<dyn Stream>, Kind>>,
    {
        if self.framer.buffered() > 0 {
            return Err(Kind::Protocol("bytes came before the encryption began".into()));
        }
        self.stream = wrap(self.stream).await?;
        self.awaits_greeting = false;
        Ok(self)
    }

    pub(crate) fn compress(mut self) -> Self {
        self.stream = Box::new(Deflated::new(self.stream));
        self
    }

    pub(crate) fn name_server(&mut self, name: String) {
        self.server = name;
    }

    /// What the server calls itself, such as `Dovecot`; empty where it does not say.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether the server offers this, such as `UIDPLUS`.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    pub fn capabilities(&self) -> impl Iterator<Item = &str> {
        self.capabilities.iter().map(String::as_str)
    }

    pub(crate) fn offer(&mut self, capabilities: Vec<String>) {
        self.capabilities = capabilities.into_iter().collect();
    }

    /// Without literals that wait; see `literal_mark`.
    pub fn nonsync_bytes_max(&self) -> u64 {
        match (self.has("LITERAL+"), self.has("LITERAL-")) {
            (true, _) => u64::MAX,
            (_, true) => 4096,
            _ => 0,
        }
    }

    /// Queues a command and answers its tag. Waits only where a literal must be asked for; then answers to earlier commands
    /// are kept for `event`.
    pub async fn send(&mut self, command: Command) -> Result<Tag> {
        let tag = self.begin();
        tracing::trace!(tag = tag.0, command = command.shown, "sent");
        let last = command.pieces.len().saturating_sub(1);
        for (at, mut piece) in command.pieces.into_iter().enumerate() {
            if at == last {
                self.out.extend_from_slice(&piece);
                self.out.extend_from_slice(b"\r\n");
            } else if self.has("LITERAL+") {
                piece.truncate(piece.len() - b"}\r\n".len());
                self.out.extend_from_slice(&piece);
                self.out.extend_from_slice(b"+}\r\n");
            } else {
                self.out.extend_from_slice(&piece);
                if !self.may_continue(&tag).await? {
                    break;
                }
            }
        }
        Ok(tag)
    }

    /// The tag of a command whose bytes the caller writes.
    pub fn begin(&mut self) -> Tag {
        self.tags += 1;
        self.unanswered += 1;
        let tag = Tag(format!("m{}", self.tags));
        self.out.extend_from_slice(tag.0.as_bytes());
        self.out.push(b' ');
        tag
    }

    /// Writes bytes of a command, in its own time.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.out.len() + bytes.len() <= WRITE_BYTES {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.push_out().await?;
        if bytes.len() < WRITE_BYTES / 4 {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_now(bytes).await
    }

    /// Waits until the server asks for more. False when it ended the command instead; its answer comes from `event`.
    pub async fn may_continue(&mut self, tag: &Tag) -> Result<bool> {
        self.flush().await?;
        loop {
            let response = self.response().await?;
            match &response {
                Response::Continue(_) => return Ok(true),
                Response::Tagged { tag: ended, .. } if *ended == tag.0 => {
                    self.held.push_back(response);
                    return Ok(false);
                }
                _ => self.held.push_back(response),
            }
        }
    }

    /// Sends what is queued.
    pub async fn flush(&mut self) -> Result<()> {
        self.push_out().await?;
        let stream = &mut self.stream;
        within(self.patience, poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx))).await
    }

    async fn push_out(&mut self) -> Result<()> {
        let out = std::mem::take(&mut self.out);
        self.write_now(&out).await?;
        self.out = out;
        self.out.clear();
        Ok(())
    }

    async fn write_now(&mut self, bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            let Connection { stream, scratch, framer, .. } = self;
            let mut read = 0;
            let written = poll_fn(|cx| {
                if let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(cx, &bytes[at..]) {
                    return Poll::Ready(written);
                }
                if framer.buffered() > AHEAD_BYTES_MAX {
                    return Poll::Pending;
                }
                let mut buffer = ReadBuf::new(scratch);
                match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                        read = buffer.filled().len();
                        Poll::Ready(Ok(0))
                    }
                    Poll::Ready(Ok(())) => Poll::Ready(Err(std::io::ErrorKind::UnexpectedEof.into())),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                }
            });
            let written = within(self.patience, written).await;
            self.framer.feed(&self.scratch[..read]);
            match written {
                Ok(0) if read == 0 => return Err(self.lost(Kind::Closed)),
                Ok(written) => at += written,
                // What the server said before it closed is the reason.
                Err(error) => return Err(self.farewell_of(error)),
            }
        }
        Ok(())
    }

    /// The next thing the server says. Sends first what is queued.
    pub async fn event(&mut self) -> Result<Event> {
        if let Some(response) = self.held.pop_front() {
            return Ok(Event::Response(response));
        }
        self.next().await
    }

    async fn next(&mut self) -> Result<Event> {
        if !self.out.is_empty() {
            self.flush().await?;
        }
        loop {
            match self.framer.advance() {
                Framed::Starved => self.fill().await?,
                Framed::TooLong => return Err(self.lost(Kind::Protocol("an answer has no end".into()))),
                Framed::Response => {
                    let response = Response::parse(self.framer.line());
                    self.framer.used();
                    self.note(&response);
                    return Ok(Event::Response(response));
                }
                Framed::Body(size) => {
                    let before = match Response::parse(self.framer.line()) {
                        Response::Fetch(fetch) => *fetch,
                        _ => Fetch::default(),
                    };
                    let Fetch { uid, flags, internal_date, email_id, .. } = before;
                    return Ok(Event::Body { uid, flags, internal_date, email_id, size });
                }
            }
        }
    }

    /// The next response; bodies are stepped over.
    async fn response(&mut self) -> Result<Response> {
        loop {
            match self.next().await? {
                Event::Response(response) => return Ok(response),
                Event::Body { .. } => self.pass_by().await?,
            }
        }
    }

    /// Steps over what is left of a message.
    pub async fn pass_by(&mut self) -> Result<()> {
        while self.framer.body_left() > 0 {
            let there = self.body().await?.len();
            self.body_used(there);
        }
        Ok(())
    }

    /// The next bytes of the message announced by `Event::Body`; empty at its end.
    pub async fn body(&mut self) -> Result<&[u8]> {
        while self.framer.body_left() > 0 && self.framer.body().is_empty() {
            self.fill().await?;
        }
        Ok(self.framer.body())
    }

    pub fn body_used(&mut self, bytes: usize) {
        self.framer.body_used(bytes);
    }

    /// Whether messages of FETCH come as `Event::Body`, or gathered within the response.
    pub fn stream_bodies(&mut self, on: bool) {
        self.framer.stream_bodies = on;
    }

    pub fn streams_bodies(&self) -> bool {
        self.framer.stream_bodies
    }

    async fn fill(&mut self) -> Result<()> {
        let Connection { stream, scratch, .. } = self;
        let mut buffer = ReadBuf::new(scratch);
        let read = within(self.patience, poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buffer))).await;
        let filled = buffer.filled().len();
        match read {
            Ok(()) if filled > 0 => {
                self.framer.feed(&self.scratch[..filled]);
                Ok(())
            }
            Ok(()) => Err(self.lost(Kind::Closed)),
            Err(error) => Err(self.farewell_of(error)),
        }
    }

    fn note(&mut self, response: &Response) {
        if matches!(response, Response::Tagged { .. }) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        match response {
            Response::Capability(list) => self.offer(list.clone()),
            Response::Tagged { code: Some(Code::Capability(list)), .. } | Response::Untagged { code: Some(Code::Capability(list)), .. } => {
                self.offer(list.clone())
            }
            Response::Untagged { status: Status::Bye, text, .. } => self.farewell = Some(text.clone()),
            Response::Untagged { code: Some(Code::Alert), text, .. } => {
                tracing::warn!(event = "store.alert", alert = text, "the server warns")
            }
            _ => {}
        }
    }

    fn lost(&mut self, kind: Kind) -> ImapError {
        self.forget_half_read();
        let kind = match (self.farewell.take(), kind) {
            (Some(text), Kind::Closed) => Kind::Bye(text),
            (_, kind) => kind,
        };
        ImapError::new("talk to the server", kind)
    }

    /// The rest of a message does not come any more: who asks next is told that the connection is gone.
    fn forget_half_read(&mut self) {
        let streams = self.framer.stream_bodies;
        self.framer = Framer::default();
        self.framer.stream_bodies = streams;
    }

    fn farewell_of(&mut self, error: ImapError) -> ImapError {
        while self.framer.body_left() == 0 && self.framer.advance() == Framed::Response {
            let response = Response::parse(self.framer.line());
            self.framer.used();
            self.note(&response);
        }
        self.forget_half_read();
        let reason = self.farewell.take().filter(|_| matches!(error.kind, Kind::Closed | Kind::Io(_)));
        reason.map_or(error, |text| ImapError::new("talk to the server", Kind::Bye(text)))
    }

    /// Takes answers until this command ends; untagged ones go to `each`, the ends of other commands are kept for their callers.
    pub async fn finish(&mut self, tag: &Tag, what: &str, mut each: impl FnMut(Response)) -> Result<Done> {
        let mut others = Vec::new();
        loop {
            match self.event().await? {
                Event::Response(Response::Tagged { tag: ended, status, code, text }) if ended == tag.0 => {
                    self.held.extend(others);
                    return ended_as(status, code, text, what);
                }
                Event::Response(other @ Response::Tagged { .. }) => others.push(other),
                Event::Response(response) => each(response),
                Event::Body { .. } => self.pass_by().await?,
            }
        }
    }

    /// Ends of commands that somebody met who waits for another: kept for their callers.
    pub fn keep(&mut self, others: Vec<Response>) {
        self.held.extend(others);
    }

    /// Sends one command and waits for its end.
    pub async fn run(&mut self, command: Command, each: impl FnMut(Response)) -> Result<Done> {
        let what = command.shown.clone();
        let tag = self.send(command).await?;
        self.finish(&tag, &what, each).await
    }

    /// Whether an extension is enabled (RFC 5161). That is done while no folder is open.
    pub async fn enable(&mut self, extension: &str) -> Result<bool> {
        if !self.enabled.contains(extension) && !self.folder_is_open && self.has("ENABLE") && self.has(extension) {
            let mut enabled = Vec::new();
            let each = |response| {
                if let Response::Enabled(words) = response {
                    enabled.extend(words);
                }
            };
            self.run(Command::new(format!("ENABLE {extension}")), each).await.map(|_| ()).or_else(ImapError::unless_fatal)?;
            self.enabled.extend(enabled);
        }
        Ok(self.enabled.contains(extension))
    }

    /// SELECT, or EXAMINE, which changes nothing at the server.
    pub async fn select(&mut self, folder: &[u8], examine: bool) -> Result<Selected> {
        let verb = if examine { "EXAMINE" } else { "SELECT" };
        let mut command = Command::new(verb).string(folder);
        if self.has("CONDSTORE") || self.has("QRESYNC") {
            command = command.text(" (CONDSTORE)");
        }
        let mut selected = Selected::default();
        self.folder_is_open = true;
        let done = self.run(command, |response| selected.take(response)).await?;
        selected.read_only |= done.code == Some(Code::ReadOnly);
        Ok(selected)
    }

    pub async fn list(&mut self, command: Command) -> Result<Vec<Listed>> {
        let mut folders = Vec::new();
        let each = |response| match response {
            Response::List(listed) | Response::Lsub(listed) => folders.push(listed),
            _ => {}
        };
        self.run(command, each).await?;
        Ok(folders)
    }

    /// Whether nothing is under way, so that somebody else may go on with it.
    pub fn is_at_rest(&self) -> bool {
        let nothing_to_read = self.unanswered == 0 && self.held.is_empty() && self.framer.buffered() == 0 && self.framer.body_left() == 0;
        nothing_to_read && self.out.is_empty() && self.farewell.is_none() && (!self.folder_is_open || self.has("UNSELECT"))
    }

    /// Makes a connection that was at rest as good as one that has just logged in. An error: it is not there any more.
    pub async fn refresh(&mut self) -> Result<()> {
        if self.folder_is_open { self.unselect().await } else { self.run(Command::new("NOOP"), |_| {}).await.map(|_| ()) }
    }

    /// Closes the folder and removes nothing from it (RFC 3691).
    pub async fn unselect(&mut self) -> Result<()> {
        self.run(Command::new("UNSELECT"), |_| {}).await?;
        self.folder_is_open = false;
        Ok(())
    }

    /// Says goodbye; an answer is not waited for.
    pub async fn farewell(&mut self) -> Result<()> {
        self.begin();
        self.write(b"LOGOUT\r\n").await?;
        self.flush().await
    }
}

impl Tag {
    pub fn is(&self, tag: &str) -> bool {
        self.0 == tag
    }
}

impl Selected {
    fn take(&mut self, response: Response) {
        match response {
            Response::Exists(count) => self.exists = count,
            Response::Flags(flags) => self.flags = flags,
            Response::Untagged { code: Some(code), .. } => match code {
                Code::UidValidity(number) => self.uid_validity = number,
                Code::UidNext(number) => self.uid_next = Some(number),
                Code::HighestModseq(number) => self.highest_modseq = Some(number),
                Code::PermanentFlags(flags) => self.permanent_flags = Some(flags),
                Code::ReadOnly => self.read_only = true,
                _ => {}
            },
            _ => {}
        }
    }
}

/// What the end of a command means.
pub fn ended_as(status: Status, code: Option<Code>, text: String, what: &str) -> Result<Done> {
    let kind = match status {
        Status::Ok | Status::Preauth => return Ok(Done { code, text }),
        Status::No => Kind::No { code, text },
        Status::Bad => Kind::Bad(text),
        Status::Bye => Kind::Bye(text),
    };
    Err(ImapError::new(what, kind))
}

async fn within<T>(patience: Duration, work: impl Future<Output = std::io::Result<T>>) -> Result<T> {
    let what = "talk to the server";
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done.map_err(|error| ImapError::new(what, Kind::io(error))),
        Err(_) => Err(ImapError::new(what, Kind::Silent(patience.as_secs()))),
    }
}
