//! `pack`: how small and how fast a folder of messages becomes a container, and comes back.
//!
//! The peer is `tar c | zstd -3 -T1` on the same files: it knows nothing of items, digests or an index.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use mailferry_core::model::{Envelope, InternalDate, ItemKey, Marks, Token};
use mailferry_core::prv::{Header, Kind, Options, Reader, Record, Summary, Writer};
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

/// Packs every file below `folder` as an item, sorted by path.
pub fn pack(folder: &Path, container: &Path, options: Options) -> Result<Summary> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let name = ContainerName { mailbox: MailboxId([1; 16]), sequence: Sequence(1), epoch: Epoch(1) };
    let header = Header {
        kind: Kind::Mail,
        name,
        base: Sequence(0),
        previous: Epoch(0),
        cluster: "BENCH".into(),
        node: "BENCH".into(),
        created_ms: 0,
    };
    let mut writer = Writer::new(File::create(container)?, &header, options)?;
    for (number, path) in files.iter().enumerate() {
        let mut body = File::open(path).with_context(|| path.display().to_string())?;
        writer.item(1, &envelope(number, folder, path), &mut body)?;
    }
    Ok(writer.finish()?.1)
}

/// A token as random as real ones are, and the path as key.
fn envelope(number: usize, folder: &Path, path: &Path) -> Envelope {
    let digest = mailferry_core::model::Digest::of(&number.to_le_bytes()).0;
    let token = Token(std::array::from_fn(|at| digest[at]));
    let key = ItemKey(path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned().into_bytes());
    let date = InternalDate { seconds: 1_600_000_000 + 977 * number as i64, ..InternalDate::default() };
    Envelope { token, key, marks: Marks::default(), date, sender: None }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Unpacks a container that `pack` made, with every check a target agent makes.
pub fn unpack(container: &Path, folder: &Path) -> Result<u64> {
    let mut reader = Reader::open(File::open(container)?)?;
    while let Some(record) = reader.next()? {
        let Record::Item { envelope, .. } = record else { bail!("only items were packed") };
        let path = folder.join(String::from_utf8(envelope.key.0)?);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        io::copy(&mut reader.body(), &mut File::create(path)?)?;
    }
    Ok(reader.index().len() as u64)
}

/// `bench_pack pack FOLDER CONTAINER [LEVEL [BLOCK_KIB [THREADS]]]` or `bench_pack unpack CONTAINER FOLDER`, to be run under `time`.
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: usize| words.get(at).map_or(Ok(otherwise), |word| word.parse());
    let defaults = Options::default();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pack", folder, container, ..] => {
            let level = i32::try_from(number(3, 3)?)?;
            let options = Options { level, block_bytes: number(4, defaults.block_bytes >> 10)? << 10, threads: number(5, 1)? };
            let summary = pack(Path::new(folder), Path::new(container), options)?;
            anyhow::ensure!(summary.bytes == fs::metadata(container)?.len(), "the summary does not match the file");
        }
        ["unpack", container, folder] => drop(unpack(Path::new(container), Path::new(folder))?),
        _ => bail!("usage: bench_pack pack FOLDER CONTAINER [LEVEL [BLOCK_KIB [THREADS]]] | unpack CONTAINER FOLDER"),
    }
    Ok(())
}
