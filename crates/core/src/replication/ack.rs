//! `ack`: what a standby has applied, in words. Replaced whole; the last line is the digest of those before.

use mailferry_rules::ids::Epoch;

use crate::model::Digest;
use crate::ports::{Share, ShareErrorKind, SharePath};
use crate::state::{Position, Schema};
use std::io::Read;

/// No file of this kind is longer.
const BYTES_MAX: u64 = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack {
    pub position: Position,
    /// Row digest at the position, where it is known without reading the database: right after a snapshot.
    pub rows: Option<Digest>,
}

impl Ack {
    pub fn text(&self) -> String {
        let Position { epoch, lsn, digest } = self.position;
        let rows = self.rows.map_or(String::new(), |rows| format!("rows {rows}\n"));
        let lines = format!("mailferry-ack 1\nepoch {epoch}\nlsn {lsn}\ndigest {digest}\n{rows}");
        format!("{lines}check {}\n", Digest::of(lines.as_bytes()))
    }

    /// `None` for a text that is damaged or of another version: as good as no `ack`.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let position =
            Position { epoch: Epoch(value("epoch")?.parse().ok()?), lsn: value("lsn")?.parse().ok()?, digest: hex(value("digest")?)? };
        let ack = Ack { position, rows: value("rows").and_then(hex) };
        (ack.text() == text).then_some(ack)
    }
}

fn hex(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in digest.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(digest)
}

/// A standby's request: the schema it can take, and why it asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    pub schema: Schema,
    pub why: String,
}

impl Want {
    pub fn text(&self) -> String {
        format!("mailferry-want-snapshot 1\nschema {} {}\nwhy {}\n", self.schema.version, self.schema.digest, self.why.replace('\n', " "))
    }

    /// `None` for a text nobody can read: still a request, of unknown schema.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let (version, digest) = value("schema")?.split_once(' ')?;
        let schema = Schema { version: version.parse().ok()?, digest: hex(digest)? };
        Some(Want { schema, why: value("why")?.into() })
    }
}

/// A small text file; `None` when it is not there.
pub fn read_text(share: &dyn Share, file: &SharePath) -> Result<Option<String>, super::ReplicationError> {
    let input = match share.open(file) {
        Ok(input) => input,
        Err(error) if error.kind == ShareErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    input.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_reads_back_as_itself_and_a_damaged_one_is_none() {
        let position = Position { epoch: Epoch(3), lsn: 42, digest: Digest::of(b"x") };
        for rows in [None, Some(Digest::of(b"rows"))] {
            let ack = Ack { position, rows };
            assert_eq!(Ack::parse(&ack.text()), Some(ack));
            for cut in 0..ack.text().len() {
                assert_eq!(Ack::parse(&ack.text()[..cut]), None);
            }
            assert_eq!(Ack::parse(&ack.text().replace("lsn 42", "lsn 43")), None);
        }
    }

    #[test]
    fn a_request_reads_back_as_itself() {
        let want = Want { schema: Schema { version: 2, digest: Digest::of(b"s") }, why: "two\nlines".into() };
        assert_eq!(Want::parse(&want.text()), Some(Want { why: "two lines".into(), ..want }));
    }
}
