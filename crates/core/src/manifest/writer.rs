//! A manifest in the making: line after line, with nothing held but the roots.

use std::io::{self, Write};

use super::counts::Counts;
use super::lines::{Folder, Header, Item, Line, Root, Seal, Signature, Summary};
use super::merkle::Tree;
use super::order::Order;
use super::reader::{Sealed, signed_message};
use super::signing::SigningKey;
use crate::model::Digest;

pub struct Writer<W: Write> {
    out: W,
    header: Digest,
    content: blake3::Hasher,
    order: Order,
    folder: Option<(Tree, u64)>,
    mailbox: Tree,
    counts: Counts,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let (content, order, counts) = (blake3::Hasher::new(), Order::default(), Counts::default());
        let mut writer = Writer { out, header: Digest::default(), content, order, folder: None, mailbox: Tree::default(), counts };
        writer.header = Digest::of(&writer.line(&Line::Manifest(header.clone()))?);
        Ok(writer)
    }

    /// Begins a folder. Folders come in the order of `Order`, the one without a place last.
    pub fn folder(&mut self, folder: &Folder) -> io::Result<()> {
        self.end_folder()?;
        self.order.folder(folder).map_err(out_of_order)?;
        self.counts.folder(folder);
        let mut tree = Tree::default();
        tree.push(&self.line(&Line::Folder(folder.clone()))?);
        self.folder = Some((tree, 0));
        Ok(())
    }

    pub fn item(&mut self, item: &Item) -> io::Result<()> {
        self.order.item(item).map_err(out_of_order)?;
        self.counts.item(item);
        let line = self.line(&Line::Item(item.clone()))?;
        let Some((tree, items)) = &mut self.folder else { return Err(out_of_order("an item outside of a folder")) };
        tree.push(&line);
        *items += 1;
        Ok(())
    }

    /// Signs. `archived`: containers that were given up; `waiting`: those that are not applied yet. What is behind `W` is flushed, and still to be made durable.
    pub fn finish(mut self, archived: Vec<String>, waiting: Vec<String>, key: &SigningKey) -> io::Result<(W, Sealed)> {
        self.end_folder()?;
        (self.counts.archived, self.counts.waiting) = (archived.len() as u64, waiting.len() as u64);
        let summary = Summary { score: self.counts.score().name().into(), counts: self.counts, archived, waiting };
        self.line(&Line::Summary(summary.clone()))?;
        let root = std::mem::take(&mut self.mailbox).root();
        let content = Digest(*self.content.finalize().as_bytes());
        let signature = Signature(key.sign(&signed_message(&self.header, &root, &content)));
        self.line(&Line::Seal(Seal { root, content, signature }))?;
        self.out.flush()?;
        Ok((self.out, Sealed { digest: Digest(*self.content.finalize().as_bytes()), root, summary }))
    }

    fn end_folder(&mut self) -> io::Result<()> {
        let Some((tree, items)) = self.folder.take() else { return Ok(()) };
        let line = self.line(&Line::Root(Root { root: tree.root(), items }))?;
        self.mailbox.push(&line);
        Ok(())
    }

    fn line(&mut self, line: &Line) -> io::Result<Vec<u8>> {
        let bytes = line.bytes()?;
        for part in [&bytes[..], b"\n"] {
            self.content.update(part);
            self.out.write_all(part)?;
        }
        Ok(bytes)
    }
}

fn out_of_order(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
