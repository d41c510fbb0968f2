//! Reading a manifest. What it says counts when its last line has been read: until then it may turn out to be forged.

use std::io::{self, BufRead, Read};

use super::counts::Counts;
use super::lines::{Folder, Header, Item, Line, Root, Seal, Summary};
use super::merkle::Tree;
use super::order::Order;
use super::signing::PublicKey;
use super::{LINE_BYTES_MAX, VERSION};
use crate::model::Digest;

/// Whose signatures are believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trust {
    Keys(Vec<PublicKey>),
    /// Whoever has signed: to look into a manifest, never to believe it.
    Anybody,
}

impl Trust {
    fn includes(&self, key: &PublicKey) -> bool {
        match self {
            Trust::Keys(keys) => keys.contains(key),
            Trust::Anybody => true,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("it is no manifest of Mailferry")]
    NoManifest,
    #[error("it is of version {0}, which this program does not know")]
    FromTheFuture(u32),
    #[error("it is signed by the key {0}, which is not among those that are trusted")]
    UnknownKey(PublicKey),
    #[error("it ends in line {line}, before its seal: it was cut off")]
    Truncated { line: u64 },
    #[error("something stands behind its seal, from line {line} on")]
    Extended { line: u64 },
    #[error("it is not as it was signed: {what} (line {line})")]
    Forged { line: u64, what: String },
    #[error("it could not be read: {0}")]
    Io(#[from] io::Error),
}

/// What is read between the first line and the last ones.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    Folder(Folder),
    Item(Box<Item>),
    EndOfFolder(Root),
}

/// A manifest that was read or written to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Of the whole file.
    pub digest: Digest,
    pub root: Digest,
    pub summary: Summary,
}

/// What the signature is over. The content holds the header; it stands apart so that nobody can take the digests for each other.
pub(super) fn signed_message(header: &Digest, root: &Digest, content: &Digest) -> Vec<u8> {
    [&b"mailferry manifest 1\n"[..], &header.0, &root.0, &content.0].concat()
}

pub struct Reader<R: BufRead> {
    input: R,
    header: Header,
    header_digest: Digest,
    content: blake3::Hasher,
    line: u64,
    order: Order,
    folder: Option<(Tree, u64)>,
    mailbox: Tree,
    counts: Counts,
    sealed: Option<Sealed>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line. A key that is not trusted is refused at once; a signature is looked at when the end is reached.
    pub fn open(mut input: R, trust: &Trust) -> Result<Self, ManifestError> {
        let Some(bytes) = read_line(&mut input)? else { return Err(ManifestError::NoManifest) };
        let text = bytes.strip_suffix(b"\n").ok_or(ManifestError::NoManifest)?;
        let header = match serde_json::from_slice(text) {
            Ok(Line::Manifest(header)) if header.version == VERSION => header,
            _ => return Err(version_of(text)),
        };
        if !trust.includes(&header.key) {
            return Err(ManifestError::UnknownKey(header.key));
        }
        let (header_digest, mut content) = (Digest::of(text), blake3::Hasher::new());
        content.update(&bytes);
        let (order, counts) = (Order::default(), Counts::default());
        Ok(Reader { input, header, header_digest, content, line: 1, order, folder: None, mailbox: Tree::default(), counts, sealed: None })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// After `next` has answered `None`.
    pub fn sealed(&self) -> Option<&Sealed> {
        self.sealed.as_ref()
    }

    /// Reads to the end.
    pub fn check(mut self) -> Result<(Header, Sealed), ManifestError> {
        while self.next()?.is_some() {}
        let sealed = self.sealed.take().ok_or(ManifestError::Truncated { line: self.line })?;
        Ok((self.header, sealed))
    }

    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Entry>, ManifestError> {
        if self.sealed.is_some() {
            return Ok(None);
        }
        let (bytes, line) = self.line()?;
        let text = &bytes[..bytes.len() - 1];
        match line {
            Line::Folder(folder) if self.folder.is_none() => {
                self.order.folder(&folder).map_err(|what| self.forged(what))?;
                self.counts.folder(&folder);
                let mut tree = Tree::default();
                tree.push(text);
                self.folder = Some((tree, 0));
                Ok(Some(Entry::Folder(folder)))
            }
            Line::Item(item) => {
                self.order.item(&item).map_err(|what| self.forged(what))?;
                self.counts.item(&item);
                let Some((tree, items)) = &mut self.folder else { return Err(self.forged("an item outside of a folder")) };
                tree.push(text);
                *items += 1;
                Ok(Some(Entry::Item(Box::new(item))))
            }
            Line::Root(root) => match self.folder.take() {
                Some((tree, items)) if root == (Root { root: tree.root(), items }) => {
                    self.mailbox.push(text);
                    Ok(Some(Entry::EndOfFolder(root)))
                }
                _ => Err(self.forged("the root of a folder is not that of its items")),
            },
            Line::Summary(summary) if self.folder.is_none() => self.end(summary).map(|()| None),
            _ => Err(self.forged("a line in the wrong place")),
        }
    }

    /// From the summary to the end of the file.
    fn end(&mut self, summary: Summary) -> Result<(), ManifestError> {
        (self.counts.archived, self.counts.waiting) = (summary.archived.len() as u64, summary.waiting.len() as u64);
        if summary.counts != self.counts || summary.score != self.counts.score().name() {
            return Err(self.forged("the summary is not that of its lines"));
        }
        let content = Digest(*self.content.finalize().as_bytes());
        let (bytes, line) = self.line()?;
        let Line::Seal(seal) = line else { return Err(self.forged("something else in place of the seal")) };
        let root = std::mem::take(&mut self.mailbox).root();
        if (seal.root, seal.content) != (root, content) {
            return Err(self.forged("its content has another digest"));
        }
        if !self.header.key.has_signed(&signed_message(&self.header_digest, &root, &content), &seal.signature.0) {
            return Err(self.forged("the signature is not of this content"));
        }
        // The seal is not under its own signature: it has one spelling.
        if Line::Seal(Seal { root, content, signature: seal.signature }).bytes()? != bytes[..bytes.len() - 1] {
            return Err(self.forged("the seal is spelled in another way"));
        }
        if !self.input.fill_buf()?.is_empty() {
            return Err(ManifestError::Extended { line: self.line + 1 });
        }
        self.sealed = Some(Sealed { digest: Digest(*self.content.finalize().as_bytes()), root, summary });
        Ok(())
    }

    fn line(&mut self) -> Result<(Vec<u8>, Line), ManifestError> {
        self.line += 1;
        let bytes = read_line(&mut self.input)?.filter(|bytes| bytes.ends_with(b"\n") || bytes.len() >= LINE_BYTES_MAX);
        let bytes = bytes.ok_or(ManifestError::Truncated { line: self.line })?;
        let text = bytes.strip_suffix(b"\n").ok_or_else(|| self.forged("a line without an end"))?;
        let line = serde_json::from_slice(text).map_err(|error| self.forged(&error.to_string()))?;
        self.content.update(&bytes);
        Ok((bytes, line))
    }

    fn forged(&self, what: &str) -> ManifestError {
        ManifestError::Forged { line: self.line, what: what.into() }
    }
}

/// With its end, as far as there is one.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    input.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes)?;
    Ok((!bytes.is_empty()).then_some(bytes))
}

/// A first line that is not of this version: of a newer one, or nothing of ours.
fn version_of(text: &[u8]) -> ManifestError {
    #[derive(serde::Deserialize)]
    struct First {
        line: String,
        version: u32,
    }
    match serde_json::from_slice::<First>(text) {
        Ok(First { line, version }) if line == "manifest" && version > VERSION => ManifestError::FromTheFuture(version),
        _ => ManifestError::NoManifest,
    }
}
