//! `mailferry prv extract`: the items of a container as files, and a manifest.
//!
//! Files are `NNNNNN-<token>.eml`, made of our own numbers and hex digits: no name from the container becomes a path. The
//! manifest grows with them and gets its name last; where `manifest.json` is, the extraction came to its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use mailferry_core::prv::{Header, PrvError, Reader, Record, SalvageReport, salvage, verify};
use mailferry_core::trouble::Trouble;
use serde_json::json;

use super::rows::{Folders, header_json, record_json};
use super::verify::salvage_json;
use super::{open_file, unreadable};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

const MANIFEST: &str = "manifest.json";
const MANIFEST_PART: &str = "manifest.json.part";

/// Write the items of a container as files, with a manifest
#[derive(clap::Args)]
#[command(after_help = "Nothing is written from a damaged container without --salvage.\n\n\
                        Exit codes: 0 all items are written, 1 failed, 2 wrong usage, 3 with --salvage: something was lost")]
pub struct Args {
    /// The container
    file: PathBuf,
    /// Directory to write to; it must be new or empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Get out of a damaged container what can still be read
    #[arg(long)]
    salvage: bool,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let file = open_file(&args.file)?;
    if !args.salvage {
        verify(&file).map_err(|damage| unreadable(&args.file, &damage.cause))?;
    }
    let mut writing = Writing::begin(&args.to)?;
    let (header, report) = if args.salvage { rescue(args, &file, &mut writing)? } else { all(args, &file, &mut writing)? };
    let items = writing.items;
    writing.end(header.as_ref(), report.as_ref())?;
    print(screen, args, items, report.as_ref())?;
    Ok(if report.as_ref().is_some_and(is_lossy) { Exit::Partly } else { Exit::Ok })
}

type Extracted = (Option<Header>, Option<SalvageReport>);

fn all(args: &Args, file: &File, writing: &mut Writing<'_>) -> Result<Extracted, Trouble> {
    let unread = |error: PrvError| unreadable(&args.file, &error);
    let mut reader = Reader::open(file).map_err(unread)?;
    while let Some(record) = reader.next().map_err(unread)? {
        let taken = writing.take(&record, &mut reader.body());
        taken.map_err(|error| writing.trouble(&args.file, &error))?;
    }
    Ok((Some(reader.header().clone()), None))
}

fn rescue(args: &Args, file: &File, writing: &mut Writing<'_>) -> Result<Extracted, Trouble> {
    let report = salvage(file, &mut |record, body| writing.take(&record, body));
    let mut report = report.map_err(|error| match error {
        PrvError::Io(error) => writing.trouble(&args.file, &error),
        error => unreadable(&args.file, &error),
    })?;
    Ok((report.header.take(), Some(report)))
}

fn is_lossy(report: &SalvageReport) -> bool {
    !report.damaged.is_empty() || report.lost.as_ref().is_none_or(|lost| !lost.is_empty()) || report.records_lost != Some(0)
}

fn print(screen: &mut Screen, args: &Args, items: u64, report: Option<&SalvageReport>) -> io::Result<()> {
    if screen.json {
        return screen.document(&json!({ "items": items, "manifest": args.to.join(MANIFEST), "salvage": report.map(salvage_json) }));
    }
    let dir = text::line(&args.to.display().to_string());
    writeln!(screen, "{} and {MANIFEST} are written to {dir}", text::count(items, "item"))?;
    report.map_or(Ok(()), |report| writeln!(screen, "{}", text::line(&report.to_string())))
}

/// A directory being filled.
struct Writing<'a> {
    dir: &'a Path,
    manifest: BufWriter<File>,
    folders: Folders,
    items: u64,
    records: u64,
    /// The file that could not be written, where that was the cause.
    failed: Option<PathBuf>,
}

impl<'a> Writing<'a> {
    fn begin(dir: &'a Path) -> Result<Self, Trouble> {
        let trouble = |error: io::Error| {
            Trouble::new("could not begin the extraction").place(dir.display()).cause(error).hint("name a directory that you may write to")
        };
        make_dir(dir).map_err(trouble)?;
        if fs::read_dir(dir).map_err(trouble)?.next().is_some() {
            let trouble = Trouble::new("could not begin the extraction").place(dir.display()).cause("there is something in the directory");
            return Err(trouble.hint("name a new or an empty one: nothing is overwritten"));
        }
        let mut manifest = BufWriter::new(create(&dir.join(MANIFEST_PART)).map_err(trouble)?);
        manifest.write_all(b"{\"format\":1,\"records\":[").map_err(trouble)?;
        Ok(Writing { dir, manifest, folders: Folders::default(), items: 0, records: 0, failed: None })
    }

    fn take(&mut self, record: &Record, body: &mut dyn Read) -> io::Result<()> {
        self.folders.note(record);
        let is_item = matches!(record, Record::Item { .. });
        let mut row = record_json(record, &self.folders, self.items + u64::from(is_item));
        if let Record::Item { envelope, .. } = record {
            self.items += 1;
            let name = format!("{:06}-{}.eml", self.items, envelope.token);
            self.body(&name, body)?;
            row["file"] = name.into();
        }
        let comma = if self.records > 0 { "," } else { "" };
        self.records += 1;
        let path = || Some(self.dir.join(MANIFEST_PART));
        write!(self.manifest, "{comma}\n{row}").inspect_err(|_| self.failed = path())
    }

    /// The digest of what `body` yields has been checked by the time it ends.
    fn body(&mut self, name: &str, body: &mut dyn Read) -> io::Result<()> {
        let path = self.dir.join(name);
        let written = |failed: &mut Option<PathBuf>, result: io::Result<()>| result.inspect_err(|_| *failed = Some(path.clone()));
        let mut file = create(&path).inspect_err(|_| self.failed = Some(path.clone()))?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match body.read(&mut buffer)? {
                0 => return Ok(()),
                count => written(&mut self.failed, file.write_all(&buffer[..count]))?,
            }
        }
    }

    fn trouble(&self, container: &Path, error: &io::Error) -> Trouble {
        let trouble = match &self.failed {
            Some(path) => Trouble::new("could not write what was extracted")
                .place(path.display())
                .hint("make room or give rights, and extract again into an empty directory"),
            None => Trouble::new("could not read an item")
                .place(container.display())
                .hint("`mailferry prv verify` says what is lost, --salvage gets out the rest"),
        };
        trouble.cause(error).now(format!("the directory stays incomplete: {MANIFEST_PART} lists what is in it"))
    }

    fn end(mut self, header: Option<&Header>, report: Option<&SalvageReport>) -> Result<(), Trouble> {
        let (part, path) = (self.dir.join(MANIFEST_PART), self.dir.join(MANIFEST));
        let tail = format!("],\n\"container\":{},\n\"salvage\":{}}}", json!(header.map(header_json)), json!(report.map(salvage_json)));
        let written = writeln!(self.manifest, "{tail}").and_then(|()| self.manifest.flush());
        drop(self.manifest);
        let named = written.and_then(|()| fs::rename(part, &path));
        named.map_err(|error| {
            Trouble::new("could not write the manifest")
                .place(path.display())
                .cause(error)
                .hint("make room or give rights, and extract again into an empty directory")
        })
    }
}

/// What is extracted is someone's mail: for the owner alone.
#[cfg(unix)]
fn make_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The directory hands its access list down to what is made in it.
#[cfg(not(unix))]
fn make_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
