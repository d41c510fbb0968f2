//! The head that change files and snapshots have in common, and the reading of bytes nobody vouches for. Numbers are little-endian.

use std::io::{self, Read, Write};

use mailferry_rules::ids::Epoch;

use super::Identity;
use super::names::Kind;
use crate::model::Digest;
use crate::state::Schema;

/// What is written. Files of version 1, without times, are read as well.
pub const VERSION: u16 = 2;
const VERSION_WITHOUT_TIMES: u16 = 1;
const CHANGES: [u8; 8] = *b"MFRYLOG\n";
const SNAPSHOT: [u8; 8] = *b"MFRYSNP\n";
/// Longest name of a cluster, agent or node.
const NAME_BYTES_MAX: usize = 255;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub kind: Kind,
    pub schema: Schema,
    pub epoch: Epoch,
    pub first: u64,
    pub last: u64,
    /// Chain digest at `last`.
    pub digest: Digest,
    pub committed: Committed,
    /// `node` is the writer's.
    pub origin: Identity,
}

/// When the writer committed the first and the last change set of a file; 0: not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Committed {
    pub first_ms: u64,
    pub last_ms: u64,
}

/// The format of a whole file, when it is one this program does not know: it waits for a newer program.
pub fn newer_version(start: &[u8]) -> Option<u16> {
    let ours = [CHANGES, SNAPSHOT].iter().any(|magic| start.starts_with(magic));
    let version = u16::from_le_bytes([*start.get(8)?, *start.get(9)?]);
    Some(version).filter(|version| ours && *version > VERSION)
}

impl Head {
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.kind == Kind::Changes { &CHANGES } else { &SNAPSHOT })?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&[0; 2])?;
        out.write_all(&self.schema.version.to_le_bytes())?;
        out.write_all(&self.schema.digest.0)?;
        [self.epoch.0, self.first, self.last].iter().try_for_each(|number| out.write_all(&number.to_le_bytes()))?;
        out.write_all(&self.digest.0)?;
        [self.committed.first_ms, self.committed.last_ms].iter().try_for_each(|time| out.write_all(&time.to_le_bytes()))?;
        [&self.origin.cluster, &self.origin.agent, &self.origin.node].into_iter().try_for_each(|name| write_name(out, name))
    }

    pub fn read(input: &mut dyn Read) -> io::Result<Self> {
        let kind = match array(input)? {
            CHANGES => Kind::Changes,
            SNAPSHOT => Kind::Snapshot,
            _ => return Err(wrong("it does not begin as a file of the log")),
        };
        let version = u16::from_le_bytes(array(input)?);
        if version == 0 || version > VERSION {
            return Err(wrong(&format!("format version {version}, known are 1 to {VERSION}")));
        }
        let _reserved: [u8; 2] = array(input)?;
        let schema = Schema { version: u32::from_le_bytes(array(input)?), digest: Digest(array(input)?) };
        let (epoch, first, last) = (Epoch(number(input)?), number(input)?, number(input)?);
        let digest = Digest(array(input)?);
        let committed = match version {
            VERSION_WITHOUT_TIMES => Committed::default(),
            _ => Committed { first_ms: number(input)?, last_ms: number(input)? },
        };
        let origin = Identity { cluster: read_name(input)?, agent: read_name(input)?, node: read_name(input)? };
        Ok(Head { kind, schema, epoch, first, last, digest, committed, origin })
    }
}

fn write_name(out: &mut dyn Write, name: &str) -> io::Result<()> {
    let length = u16::try_from(name.len()).ok().filter(|length| usize::from(*length) <= NAME_BYTES_MAX);
    out.write_all(&length.ok_or_else(|| wrong("a name is too long"))?.to_le_bytes())?;
    out.write_all(name.as_bytes())
}

fn read_name(input: &mut dyn Read) -> io::Result<String> {
    let length = usize::from(u16::from_le_bytes(array(input)?));
    let mut bytes = vec![0; Some(length).filter(|length| *length <= NAME_BYTES_MAX).ok_or_else(|| wrong("a name is too long"))?];
    input.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| wrong("a name is not UTF-8"))
}

pub fn array<const N: usize>(input: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub fn number(input: &mut dyn Read) -> io::Result<u64> {
    array(input).map(u64::from_le_bytes)
}

pub fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
