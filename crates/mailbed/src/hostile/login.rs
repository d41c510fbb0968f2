//! Who gets in.

use std::io::{self, BufRead, BufReader};
use std::net::TcpStream;

use super::command::Command;
use super::quirk::{Occasion, Quirk};
use super::session::{Done, Session, bad, no, ok};
use crate::corpus::from_base64;

impl Session<'_> {
    pub(super) fn admit(&mut self, user: &str, secret: &str) -> io::Result<Done> {
        let mut state = self.shared.state();
        if !state.secrets.is_empty() && !state.secrets.iter().any(|known| known == secret) {
            drop(state);
            return no("[AUTHENTICATIONFAILED] Invalid credentials");
        }
        let count = state.sessions.get(user).copied().unwrap_or_default();
        let occasion = Occasion { user, ..Occasion::default() };
        let full = |quirk: &Quirk| matches!(quirk, Quirk::TooManyConnections(most) if count >= *most).then_some(());
        if state.meets(occasion, full).is_some() {
            drop(state);
            return no("[ALERT] Too many simultaneous connections. (Failure)");
        }
        *state.sessions.entry(user.into()).or_default() += 1;
        drop(state);
        self.user = Some(user.into());
        ok("logged in")
    }

    /// PLAIN, XOAUTH2, OAUTHBEARER and LOGIN.
    pub(super) fn authenticate(&mut self, command: &Command, reader: &mut BufReader<TcpStream>) -> io::Result<Done> {
        let mechanism = command.text(0).to_uppercase();
        if !self.shared.has(&format!("AUTH={mechanism}")) {
            return no("[CANNOT] no such mechanism");
        }
        let response = match command.text(1) {
            given if !given.is_empty() && self.shared.has("SASL-IR") => given,
            _ => self.ask("", reader)?,
        };
        let text = String::from_utf8_lossy(&from_base64(&response)).into_owned();
        let (user, secret) = match mechanism.as_str() {
            "PLAIN" => {
                let fields: Vec<&str> = text.split('\0').collect();
                let [authorise, authenticate, secret] = fields[..] else { return bad("a response of PLAIN") };
                (if authorise.is_empty() { authenticate } else { authorise }.to_owned(), secret.to_owned())
            }
            _ => {
                let after =
                    |mark: &str| text.split(mark).nth(1).and_then(|rest| rest.split(['\x01', ',']).next()).unwrap_or_default().to_owned();
                let user = if mechanism == "XOAUTH2" { after("user=") } else { after("a=") };
                (user, after("Bearer "))
            }
        };
        let done = self.admit(&user, &secret)?;
        if mechanism != "PLAIN" && matches!(&done, Done::Answer(answer) if answer.starts_with("NO [AUTH")) {
            // The client is told why, says that it has heard, and is refused.
            self.ask("eyJzdGF0dXMiOiI0MDEifQ==", reader)?;
        }
        Ok(done)
    }

    fn ask(&mut self, challenge: &str, reader: &mut BufReader<TcpStream>) -> io::Result<String> {
        self.out.line(&format!("+ {challenge}"))?;
        self.out.flush()?;
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}
