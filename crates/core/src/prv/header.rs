//! The header frame: what a container is, readable before anything else.

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence, TEN_DIGITS_MAX};

use super::bytes::{Fields, Put, length32};
use super::error::{PrvError, within};
use super::layout::{DIGEST_BYTES, FRAME_BYTES, HEADER_BYTES_MAX, HEADER_FIXED_BYTES, HEADER_MAGIC, HEADER_MARK, NAME_BYTES_MAX, VERSION};
use crate::model::Digest;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Changes of a mailbox, from source to target.
    Mail,
    /// Answers, from target to source (R45).
    Receipts,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub kind: Kind,
    pub name: ContainerName,
    /// Last sequence inherited from earlier epochs (R3).
    pub base: Sequence,
    /// Epoch of the container before this one in the chain of its mailbox; 0 for the first.
    pub previous: Epoch,
    /// Virtual name of the server that wrote.
    pub cluster: String,
    pub node: String,
    pub created_ms: u64,
}

/// A header as it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct HeaderFrame {
    pub header: Header,
    /// Bytes of the frame: where the blocks begin.
    pub bytes: u64,
    /// Carried by every block.
    pub container_id: [u8; 16],
}

impl Header {
    pub(super) fn encode(&self) -> Result<Vec<u8>, PrvError> {
        self.check_limits()?;
        let mut frame = Vec::with_capacity(256);
        frame.put(&HEADER_MAGIC);
        frame.u32(0);
        frame.put(&HEADER_MARK);
        frame.u16(VERSION);
        frame.u16(match self.kind {
            Kind::Mail => 1,
            Kind::Receipts => 2,
        });
        frame.u32(0);
        frame.u32(0);
        frame.put(&self.name.mailbox.0);
        for number in [self.name.sequence.0, self.name.epoch.0, self.base.0, self.previous.0, self.created_ms] {
            frame.u64(number);
        }
        frame.bytes16("the length of the cluster name", self.cluster.as_bytes())?;
        frame.bytes16("the length of the node name", self.node.as_bytes())?;
        let rest = length32("the header", frame.len() + DIGEST_BYTES - FRAME_BYTES)?;
        frame[4..8].copy_from_slice(&rest.to_le_bytes());
        let digest = Digest::of(&frame);
        frame.put(&digest.0);
        Ok(frame)
    }

    fn check_limits(&self) -> Result<(), PrvError> {
        within("the length of the cluster name", self.cluster.len() as u64, NAME_BYTES_MAX as u64)?;
        within("the length of the node name", self.node.len() as u64, NAME_BYTES_MAX as u64)?;
        within("the sequence", self.name.sequence.0, TEN_DIGITS_MAX)?;
        within("the epoch", self.name.epoch.0, TEN_DIGITS_MAX)?;
        within("the base sequence", self.base.0, TEN_DIGITS_MAX)?;
        within("the previous epoch", self.previous.0, TEN_DIGITS_MAX)
    }
}

pub(super) fn container_id(frame: &[u8]) -> [u8; 16] {
    frame.last_chunk::<DIGEST_BYTES>().and_then(|digest| digest.first_chunk::<16>()).copied().unwrap_or_default()
}

/// Reads a header from the first bytes of a file (up to `HEADER_BYTES_MAX` of them). Of every version there will be: only one that
/// matches its digest is of a newer version, any other is damaged and will be made again.
pub(super) fn decode(start: &[u8]) -> Result<HeaderFrame, PrvError> {
    let damaged = |what| PrvError::damaged(0, format!("the header {what}"));
    let (length, version) = identify(start)?;
    if !(HEADER_FIXED_BYTES + 4 + DIGEST_BYTES..=HEADER_BYTES_MAX).contains(&length) {
        return Err(damaged("has an impossible length"));
    }
    let frame = start.get(..length).ok_or_else(|| damaged("is cut off"))?;
    let (signed, digest) = frame.split_at(length - DIGEST_BYTES);
    if Digest::of(signed).0 != digest {
        return Err(damaged("does not match its digest"));
    }
    if version != VERSION {
        return Err(PrvError::FromTheFuture(format!("format version {version}, known here: {VERSION}")));
    }
    let required = u32::from_le_bytes([frame[20], frame[21], frame[22], frame[23]]);
    if required != 0 {
        return Err(PrvError::FromTheFuture(format!("required flags {required:#010x} are not known here")));
    }
    let header = fields(signed).ok_or_else(|| damaged("has fields that cannot be"))?;
    header.check_limits()?;
    Ok(HeaderFrame { header, bytes: length as u64, container_id: container_id(frame) })
}

/// Magic and version; answers the length of the whole frame, and the version.
fn identify(start: &[u8]) -> Result<(usize, u16), PrvError> {
    let mut fields = Fields(start);
    let cut = || PrvError::NotAContainer("it is too short");
    let magic: [u8; 4] = fields.array().ok_or_else(cut)?;
    let length = fields.u32().ok_or_else(cut)?;
    let mark: [u8; 8] = fields.array().ok_or_else(cut)?;
    if magic != HEADER_MAGIC || mark != HEADER_MARK {
        return Err(PrvError::NotAContainer("the magic is missing"));
    }
    let version = fields.u16().ok_or_else(cut)?;
    Ok((usize::try_from(length).unwrap_or(usize::MAX).saturating_add(FRAME_BYTES), version))
}

fn fields(signed: &[u8]) -> Option<Header> {
    let mut fields = Fields(signed.get(18..)?);
    let kind = match fields.u16()? {
        1 => Kind::Mail,
        2 => Kind::Receipts,
        _ => return None,
    };
    let _flags = fields.u64()?;
    let mailbox = MailboxId(fields.array()?);
    let (sequence, epoch) = (Sequence(fields.u64()?), Epoch(fields.u64()?));
    let (base, previous, created_ms) = (Sequence(fields.u64()?), Epoch(fields.u64()?), fields.u64()?);
    let (cluster, node) = (fields.text16()?, fields.text16()?);
    Some(Header { kind, name: ContainerName { mailbox, sequence, epoch }, base, previous, cluster, node, created_ms })
}
