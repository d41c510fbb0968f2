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
fn pack(folder: &Path, container: &Path, options: Options) -> Result<Summary> {
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
fn unpack(container: &Path, folder: &Path) -> Result<u64> {
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

#[derive(clap::Args)]
pub struct Arguments {
    /// Folders of messages to measure; default: the sets of the corpora folder
    folders: Vec<PathBuf>,
    /// Rounds; the best of each figure counts
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    #[arg(long, hide = true, num_args = 2)]
    only_pack: Option<Vec<PathBuf>>,
    #[arg(long, hide = true, num_args = 2)]
    only_unpack: Option<Vec<PathBuf>>,
}

/// Bytes and CPU seconds of one way there and back.
#[derive(Clone, Copy)]
struct Figures {
    bytes: u64,
    pack_s: f64,
    restore_s: f64,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some([folder, container]) = arguments.only_pack.as_deref() {
        return pack(folder, container, Options::default()).map(drop);
    }
    if let Some([container, folder]) = arguments.only_unpack.as_deref() {
        return unpack(container, folder).map(drop);
    }
    let scratch = tempfile::tempdir()?;
    let folders = if arguments.folders.is_empty() { corpora(scratch.path())? } else { arguments.folders.clone() };
    println!("CPU seconds (user + system), best of {} interleaved rounds; ratios are prv / tar | zstd -3 -T1", arguments.rounds);
    println!(
        "{:<24} {:>12} {:>12} {:>7} {:>8} {:>8} {:>7} {:>8} {:>8} {:>7}",
        "set", "tar bytes", "prv bytes", "ratio", "tar s", "prv s", "ratio", "untar s", "unprv s", "ratio"
    );
    for folder in &folders {
        let (peer, ours) = measure(folder, scratch.path(), arguments.rounds)?;
        println!(
            "{:<24} {:>12} {:>12} {:>7.3} {:>8.3} {:>8.3} {:>7.2} {:>8.3} {:>8.3} {:>7.2}",
            folder.file_name().unwrap_or_default().to_string_lossy(),
            peer.bytes,
            ours.bytes,
            ours.bytes as f64 / peer.bytes as f64,
            peer.pack_s,
            ours.pack_s,
            ours.pack_s / peer.pack_s,
            peer.restore_s,
            ours.restore_s,
            ours.restore_s / peer.restore_s
        );
    }
    Ok(())
}

fn measure(folder: &Path, scratch: &Path, rounds: u32) -> Result<(Figures, Figures)> {
    let me = std::env::current_exe()?;
    let (me, folder) = (quoted(&me), quoted(folder));
    let (tar, prv, out) = (scratch.join("peer.tar.zst"), scratch.join("ours.prv"), scratch.join("out"));
    let (tar_q, prv_q, out_q) = (quoted(&tar), quoted(&prv), quoted(&out));
    let mut best = [Figures { bytes: 0, pack_s: f64::MAX, restore_s: f64::MAX }; 2];
    for _ in 0..rounds {
        let ways = [
            (&tar, format!("tar c -C {folder} . | zstd -3 -T1 -q -f -o {tar_q}"), format!("zstd -dc {tar_q} | tar x -C {out_q}")),
            (&prv, format!("{me} bench pack --only-pack {folder} {prv_q}"), format!("{me} bench pack --only-unpack {prv_q} {out_q}")),
        ];
        for (best, (file, pack, restore)) in best.iter_mut().zip(ways) {
            best.pack_s = best.pack_s.min(cpu_seconds(&pack)?);
            best.bytes = fs::metadata(file)?.len();
            fs::create_dir_all(&out)?;
            best.restore_s = best.restore_s.min(cpu_seconds(&restore)?);
            fs::remove_dir_all(&out)?;
        }
    }
    Ok((best[0], best[1]))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// CPU time of a command and everything it starts, as the shell counts it.
fn cpu_seconds(command: &str) -> Result<f64> {
    let output = std::process::Command::new("bash").args(["-c", &format!("set -eo pipefail; {command}; times")]).output()?;
    let text = String::from_utf8(output.stdout)?;
    anyhow::ensure!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().last().unwrap_or_default();
    let seconds = |time: &str| -> Option<f64> {
        let (minutes, seconds) = time.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    line.split_whitespace().map(seconds).sum::<Option<f64>>().with_context(|| format!("the shell told no times: {line}"))
}

/// The message sets of the corpora, unpacked.
fn corpora(scratch: &Path) -> Result<Vec<PathBuf>> {
    let given = std::env::var_os("MAILFERRY_CORPORA").map(PathBuf::from);
    let place = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"));
    let mut folders = Vec::new();
    for set in ["enron-dev", "sa-dev", "openbmc-dev", "mime-dev"] {
        let archive = place.join(format!("{set}.tar.zst"));
        if !archive.exists() {
            bail!("{} is not there: name folders of messages, or set MAILFERRY_CORPORA", archive.display());
        }
        cpu_seconds(&format!("zstd -dc {} | tar x -C {}", quoted(&archive), quoted(scratch)))?;
        folders.push(scratch.join(set));
    }
    Ok(folders)
}
