//! What is sent. A string goes quoted where every server reads it so, else as a literal.

/// One command without its tag. Literals in it are of the kind the server reads without being asked, or mark where to wait.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Pieces between which the server is waited for; the last ends the line.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// What may be shown: secrets are left out.
    pub(crate) shown: String,
}

impl Command {
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        Command { pieces: vec![text.as_bytes().to_vec()], shown: text.to_owned() }
    }

    fn last(&mut self) -> &mut Vec<u8> {
        if self.pieces.is_empty() {
            self.pieces.push(Vec::new());
        }
        self.pieces.last_mut().expect("one was pushed right above")
    }

    #[must_use]
    pub fn text(mut self, text: impl AsRef<str>) -> Self {
        self.last().extend_from_slice(text.as_ref().as_bytes());
        self.shown.push_str(text.as_ref());
        self
    }

    /// A string, such as the name of a folder.
    #[must_use]
    pub fn string(mut self, bytes: &[u8]) -> Self {
        self.shown.push_str(&format!(" \"{}\"", String::from_utf8_lossy(bytes).escape_debug()));
        self.put(bytes)
    }

    /// A string that is never shown.
    #[must_use]
    pub fn secret(mut self, bytes: &[u8]) -> Self {
        self.shown.push_str(" ***");
        self.put(bytes)
    }

    fn put(mut self, bytes: &[u8]) -> Self {
        self.last().push(b' ');
        match quoted(bytes) {
            Some(text) => self.last().extend_from_slice(&text),
            None => {
                self.last().extend_from_slice(format!("{{{}}}\r\n", bytes.len()).as_bytes());
                self.pieces.push(bytes.to_vec());
            }
        }
        self
    }
}

/// The quoted form; `None` where bytes are in it that only a literal carries safely.
pub fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > 1000 || bytes.iter().any(|byte| !(0x20..0x7f).contains(byte)) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(b'"');
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_sent_and_never_shown() {
        let command = Command::new("LOGIN").string(b"alice").secret(b"open \"sesame\"");
        assert_eq!(command.pieces, [b"LOGIN \"alice\" \"open \\\"sesame\\\"\"".to_vec()]);
        assert_eq!(command.shown, "LOGIN \"alice\" ***");
    }

    #[test]
    fn bytes_that_cannot_be_quoted_go_as_a_literal() {
        let command = Command::new("SELECT").string("Entwürfe".as_bytes());
        assert_eq!(command.pieces[0], b"SELECT {9}\r\n".to_vec());
        assert_eq!(command.pieces[1], "Entwürfe".as_bytes());
    }
}
