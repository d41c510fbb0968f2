//! One connection.

use std::io::{self, BufReader};
use std::net::TcpStream;

use super::Shared;
use super::command::{self, Command, Gate, Verdict};
use super::output::Output;
use super::quirk::{Occasion, Quirk, TooBig};
use super::selected::Selected;

pub(super) struct Session<'s> {
    pub shared: &'s Shared,
    pub out: Output,
    pub user: Option<String>,
    pub selected: Option<Selected>,
    pub condstore: bool,
    pub qresync: bool,
    errors: usize,
}

/// How a command ended.
pub(super) enum Done {
    /// The tagged answer, from OK, NO or BAD on.
    Answer(String),
    /// Without another word, or after what was already said.
    Close,
}

pub(super) fn ok(text: &str) -> io::Result<Done> {
    Ok(Done::Answer(format!("OK {text}")))
}

pub(super) fn no(text: &str) -> io::Result<Done> {
    Ok(Done::Answer(format!("NO {text}")))
}

pub(super) fn bad(text: &str) -> io::Result<Done> {
    Ok(Done::Answer(format!("BAD {text}")))
}

pub(super) fn serve(stream: &TcpStream, shared: &Shared) {
    {
        let mut state = shared.state();
        state.open += 1;
        state.open_most = state.open_most.max(state.open);
    }
    let mut user = None;
    // The other end goes away when it likes.
    let _ = converse(stream, shared, &mut user);
    let mut state = shared.state();
    state.open -= 1;
    if let Some(count) = user.and_then(|user| state.sessions.get_mut(&user)) {
        *count -= 1;
    }
}

fn converse(stream: &TcpStream, shared: &Shared, user: &mut Option<String>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream.try_clone()?);
    let out = Output::new(stream.try_clone()?);
    let mut session = Session { shared, out, user: None, selected: None, condstore: false, qresync: false, errors: 0 };
    let ended = session.greet().and_then(|()| session.obey(&mut reader));
    *user = session.user.take();
    ended
}

impl Session<'_> {
    fn greet(&mut self) -> io::Result<()> {
        let mut state = self.shared.state();
        let here = Occasion::default();
        self.out.split = state.meets_quirk(here, &Quirk::SplitPackets);
        self.out.bytes_per_second = state.meets(here, |quirk| if let Quirk::SlowTo(rate) = quirk { Some(*rate) } else { None });
        let refused = state.meets_quirk(here, &Quirk::ByeAtGreeting);
        drop(state);
        match refused {
            true => self.out.line("* BYE Server is shutting down")?,
            false => self.out.line(&format!("* OK [CAPABILITY {}] ready", self.shared.setup.capabilities.join(" ")))?,
        }
        self.out.flush()
    }

    fn obey(&mut self, reader: &mut BufReader<TcpStream>) -> io::Result<()> {
        loop {
            let Some(command) = command::read(reader, self)? else { continue };
            self.shared.state().commands.push(command.line.clone());
            let done = match self.forestalled(&command)? {
                Some(done) => done,
                None => self.execute(&command, reader)?,
            };
            let Done::Answer(answer) = done else { return self.out.flush() };
            if self.finish(&command.tag, &answer)? || command.word == "LOGOUT" {
                return self.out.flush();
            }
        }
    }

    /// Whether that was the last word.
    fn finish(&mut self, tag: &str, answer: &str) -> io::Result<bool> {
        self.out.line(&format!("{tag} {answer}"))?;
        self.errors += usize::from(!answer.starts_with("OK"));
        let errors = self.errors;
        let enough = |quirk: &Quirk| matches!(quirk, Quirk::EndsAfterErrors(most) if errors >= *most).then_some(());
        let ends = !answer.starts_with("OK") && self.shared.state().meets(Occasion::default(), enough).is_some();
        if ends {
            self.out.line("* BYE Too many errors")?;
        }
        self.out.flush()?;
        Ok(ends)
    }

    pub fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }

    pub fn mailbox(&self) -> &str {
        self.selected.as_ref().map_or("", |selected| &selected.name)
    }

    /// What a quirk does in place of the command.
    fn forestalled(&mut self, command: &Command) -> io::Result<Option<Done>> {
        let longest = |quirk: &Quirk| matches!(quirk, Quirk::CommandLineMax(most) if command.line.len() > *most).then_some(());
        if self.shared.state().meets(Occasion::default(), longest).is_some() {
            return bad("[TOOBIG] command or literal size is too large").map(Some);
        }
        if command.judged {
            return Ok(None);
        }
        match self.forbidden(command) {
            None => Ok(None),
            Some((text, true)) => {
                self.out.line(&format!("* {text}"))?;
                Ok(Some(Done::Close))
            }
            Some((text, false)) => Ok(Some(Done::Answer(text))),
        }
    }

    /// Its text, and whether it is the end.
    fn forbidden(&self, command: &Command) -> Option<(String, bool)> {
        let named = matches!(
            command.word.as_str(),
            "APPEND" | "SELECT" | "EXAMINE" | "CREATE" | "STATUS" | "SUBSCRIBE" | "DELETE" | "RENAME" | "GETACL" | "SETACL" | "DELETEACL"
        );
        let mailbox = if named { command.text(0) } else { self.mailbox().to_owned() };
        // Of what was sent with the line, not only what was asked for.
        let bytes: Vec<u8> = command.values.iter().filter_map(|value| value.bytes()).collect::<Vec<_>>().join(&b' ');
        let occasion = Occasion { user: self.user(), mailbox: &mailbox, bytes: &bytes };
        let is = |word: &str| word == command.word || word == "*";
        self.shared.state().meets(occasion, |quirk| match quirk {
            Quirk::Answers { command, text } if is(command) => Some((text.clone(), false)),
            Quirk::Ends { command, text } if is(command) => Some((text.clone(), true)),
            _ => None,
        })
    }

    fn execute(&mut self, command: &Command, reader: &mut BufReader<TcpStream>) -> io::Result<Done> {
        match command.word.as_str() {
            "CAPABILITY" => {
                self.out.line(&format!("* CAPABILITY {}", self.shared.setup.capabilities.join(" ")))?;
                return ok("done");
            }
            "LOGOUT" => {
                self.out.line("* BYE until next time")?;
                return ok("done");
            }
            "ID" if self.shared.has("ID") => {
                self.out.line("* ID (\"name\" \"hostile\")")?;
                return ok("done");
            }
            "NOOP" if self.user.is_none() => return ok("done"),
            "LOGIN" => return self.admit(&command.text(0), &command.text(1)),
            "AUTHENTICATE" => return self.authenticate(command, reader),
            _ if self.user.is_none() => return bad("log in first"),
            _ => {}
        }
        let done = self.work(command)?;
        self.tell_news(&command.word)?;
        Ok(done)
    }

    fn work(&mut self, command: &Command) -> io::Result<Done> {
        match command.word.as_str() {
            "NOOP" | "CHECK" => ok("done"),
            "ENABLE" if self.shared.has("ENABLE") => self.enable(command),
            "APPEND" => self.append(command),
            "FETCH" | "UID FETCH" => self.fetch(command),
            "STORE" | "UID STORE" => self.store(command),
            "SEARCH" | "UID SEARCH" => self.search(command),
            "EXPUNGE" | "UID EXPUNGE" | "CLOSE" | "UNSELECT" | "SELECT" | "EXAMINE" | "COPY" | "UID COPY" | "MOVE" | "UID MOVE" => {
                self.on_mailbox(command)
            }
            "GETACL" | "SETACL" | "DELETEACL" if self.shared.has("ACL") => self.rights(command),
            _ => self.folders(command),
        }
    }

    fn enable(&mut self, command: &Command) -> io::Result<Done> {
        let asked: Vec<String> = command.values.iter().filter_map(|value| value.text()).map(|word| word.to_uppercase()).collect();
        let known: Vec<String> =
            asked.into_iter().filter(|word| matches!(word.as_str(), "CONDSTORE" | "QRESYNC") && self.shared.has(word)).collect();
        self.qresync |= known.iter().any(|word| word == "QRESYNC");
        self.condstore |= !known.is_empty();
        self.out.line(&format!("* ENABLED {}", known.join(" ")))?;
        ok("done")
    }
}

impl Gate for Session<'_> {
    fn go_on(&mut self) -> io::Result<()> {
        self.out.line("+ go on")?;
        self.out.flush()
    }

    fn refusal(&mut self, command: &Command, length: u64, unasked: bool) -> io::Result<Verdict> {
        if command.word != "APPEND" {
            return Ok(Verdict::Take);
        }
        let occasion = Occasion { user: self.user(), mailbox: &command.text(0), bytes: b"" };
        let resets = |quirk: &Quirk| matches!(quirk, Quirk::TooBig { bytes, how: TooBig::Reset } if length > *bytes).then_some(());
        if self.shared.state().meets(occasion, resets).is_some() {
            return Ok(Verdict::Reset);
        }
        if unasked {
            return Ok(Verdict::Take);
        }
        let refused = if command.judged { None } else { self.forbidden(command) };
        let refused = refused.or_else(|| self.too_big(&command.text(0), length).map(|text| (text, false)));
        let Some((text, ends)) = refused else { return Ok(Verdict::Take) };
        self.shared.state().commands.push(command.line.clone());
        if ends {
            self.out.line(&format!("* {text}"))?;
            self.out.flush()?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match self.finish(&command.tag, &text)? {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(Verdict::Refused),
        }
    }
}
