//! The folder of one node.

use std::io;
use std::path::Path;

use mailferry_core::settings::{AgentKind, Author, KeptCommit, Node, Project, Side, agent_files};
use mailferry_core::trouble::Trouble;
use serde_json::json;

/// The system of the node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Linux,
    Windows,
}

pub struct Bundle<'a> {
    pub project: &'a Project,
    pub commit: &'a KeptCommit,
    pub side: Side,
    pub node: &'a Node,
    pub programs: &'a Path,
    pub home: Option<&'a str>,
    pub account: &'a str,
    pub kind: Kind,
}

/// A file of the folder: its name there, what is in it, whether it is a program.
struct Part {
    name: String,
    content: Vec<u8>,
    runs: bool,
}

impl Part {
    fn new(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Part { name: name.into(), content: content.into(), runs: false }
    }
}

/// Where units are on the node.
const UNITS: &str = "/etc/systemd/system";

impl Bundle<'_> {
    /// Written beside and renamed: a folder that is there is whole.
    pub fn folder(&self, place: &Path) -> Result<(), Trouble> {
        let parts = self.parts()?;
        let fresh = place.with_added_extension("part");
        let done = write_all(&parts, &fresh).and_then(|()| exchange(&fresh, place));
        done.map_err(|error| self.unwritten(place, &error))
    }

    pub fn archive(&self, place: &Path) -> Result<(), Trouble> {
        let parts = self.parts()?;
        let fresh = place.with_added_extension("part");
        let done = write_archive(&parts, &self.node.name, &fresh).and_then(|()| std::fs::rename(&fresh, place));
        done.map_err(|error| self.unwritten(place, &error))
    }

    fn unwritten(&self, place: &Path, error: &io::Error) -> Trouble {
        let trouble = Trouble::new(format!("could not write what {} needs", self.node.name)).place(place.display()).cause(error);
        trouble.hint("name a folder that exists and that you may write to")
    }

    fn agents(&self) -> [AgentKind; 2] {
        self.side.agents()
    }

    fn home(&self) -> &str {
        self.home.unwrap_or(if self.kind == Kind::Linux { "/var/lib/mailferry" } else { r"C:\ProgramData\Mailferry" })
    }

    fn programs_there(&self) -> &'static str {
        if self.kind == Kind::Linux { "/usr/local/bin" } else { r"C:\Program Files\Mailferry" }
    }

    fn names(&self) -> Vec<String> {
        let end = if self.kind == Kind::Windows { ".exe" } else { "" };
        std::iter::once(format!("mailferry{end}")).chain(self.agents().map(|agent| format!("mailferry-{agent}{end}"))).collect()
    }

    fn parts(&self) -> Result<Vec<Part>, Trouble> {
        let mut parts = self.names().iter().map(|name| self.program(name)).collect::<Result<Vec<_>, _>>()?;
        let author = Author { by: self.commit.by.clone(), at_ms: self.commit.at_ms };
        let files = agent_files(self.project, &self.commit.revision(), self.side, self.node, &author)?;
        parts.extend(files.into_iter().map(|(name, content)| Part::new(format!("agents/{name}"), content)));
        match self.kind {
            Kind::Linux => self.add_linux(&mut parts)?,
            Kind::Windows => self.add_windows(&mut parts),
        }
        Ok(parts)
    }

    fn program(&self, name: &str) -> Result<Part, Trouble> {
        let path = self.programs.join(name);
        let content = std::fs::read(&path).map_err(|error| {
            let trouble = Trouble::new("could not read a program").place(path.display()).cause(error);
            trouble.hint("name the folder of all programs with --programs: `cargo build --release` makes them")
        })?;
        Ok(Part { name: format!("bin/{name}"), content, runs: true })
    }

    #[cfg(not(windows))]
    fn units(&self) -> Result<Vec<Part>, Trouble> {
        let unit = |kind: AgentKind| {
            let wanted = mailferry_host::Wanted {
                kind,
                name: format!("mailferry-{kind}"),
                program: Path::new(self.programs_there()).join(format!("mailferry-{kind}")),
                config: Path::new(self.home()).join(kind.name()).join("config.ini"),
                account: Some(self.account.into()),
                by_hand: false,
                replace: false,
            };
            Part::new(format!("units/mailferry-{kind}.service"), mailferry_host::unit(&wanted))
        };
        Ok(self.agents().map(unit).into())
    }

    #[cfg(windows)]
    fn units(&self) -> Result<Vec<Part>, Trouble> {
        let trouble = Trouble::new("could not make the units of systemd").cause("this console was built for Windows");
        Err(trouble.hint("deploy nodes with Linux from a console on Linux; --windows is for nodes with Windows"))
    }

    fn add_linux(&self, parts: &mut Vec<Part>) -> Result<(), Trouble> {
        parts.extend(self.units()?);
        let words = |words: &[String]| words.join(" ");
        let agents: Vec<String> = self.agents().iter().map(ToString::to_string).collect();
        let values = [
            ("NODE", self.node.name.clone()),
            ("AGENTS", words(&agents)),
            ("NAMES", words(&self.names())),
            ("FOLDER", self.home().to_owned()),
            ("PROGRAMS", self.programs_there().to_owned()),
            ("UNITS", UNITS.to_owned()),
            ("ACCOUNT", self.account.to_owned()),
            ("SHARE", self.node.share.clone()),
            ("COMMIT", self.commit.revision().to_string()),
            ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
            ("BUILT_FOR", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ];
        let conf: String = values.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect();
        parts.push(Part::new("node.conf", format!("# What install.sh goes by; written by `mailferry deploy`.\n{conf}")));
        let sizes: String = parts.iter().map(|part| format!("{} {}\n", part.content.len(), part.name)).collect();
        parts.push(Part::new("files", sizes));
        parts.push(Part { runs: true, ..Part::new("install.sh", include_str!("install.sh")) });
        parts.push(Part { runs: true, ..Part::new("uninstall.sh", include_str!("uninstall.sh")) });
        Ok(())
    }

    fn add_windows(&self, parts: &mut Vec<Part>) {
        let files: Vec<_> = parts.iter().map(|part| json!({ "name": part.name.replace('/', "\\"), "size": part.content.len() })).collect();
        let node = json!({
            "node": self.node.name,
            "agents": self.agents(),
            "names": self.names(),
            "folder": self.home(),
            "programs": self.programs_there(),
            "share": self.node.share,
            "commit": self.commit.revision().to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "files": files,
        });
        parts.push(Part::new("node.json", format!("{node:#}\n")));
        parts.push(Part::new("install.ps1", include_str!("install.ps1")));
        parts.push(Part::new("uninstall.ps1", include_str!("uninstall.ps1")));
    }
}

/// A word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn write_all(parts: &[Part], folder: &Path) -> io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir(folder)?;
    for part in parts {
        let path = folder.join(&part.name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let mut file = std::fs::File::create(&path)?;
        io::Write::write_all(&mut file, &part.content)?;
        set_mode(&file, part)?;
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &std::fs::File, part: &Part) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(mode(part)))
}

#[cfg(not(unix))]
fn set_mode(_file: &std::fs::File, _part: &Part) -> io::Result<()> {
    Ok(())
}

/// Configurations name mailboxes: they are for root and the account of the agents.
fn mode(part: &Part) -> u32 {
    match (part.runs, part.name.starts_with("agents/")) {
        (true, _) => 0o755,
        (false, true) => 0o640,
        (false, false) => 0o644,
    }
}

/// The new folder takes the place of the old one.
fn exchange(fresh: &Path, place: &Path) -> io::Result<()> {
    let old = place.with_added_extension("old");
    if old.exists() {
        std::fs::remove_dir_all(&old)?;
    }
    if place.exists() {
        std::fs::rename(place, &old)?;
    }
    std::fs::rename(fresh, place)?;
    if old.exists() { std::fs::remove_dir_all(&old) } else { Ok(()) }
}

/// The frame has a checksum: what is damaged on the way is not unpacked.
fn write_archive(parts: &[Part], root: &str, place: &Path) -> io::Result<()> {
    let mut packer = zstd::Encoder::new(std::fs::File::create(place)?, 9)?;
    packer.include_checksum(true)?;
    let mut archive = tar::Builder::new(packer);
    for part in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(part.content.len() as u64);
        header.set_mode(mode(part));
        archive.append_data(&mut header, format!("{root}/{}", part.name), part.content.as_slice())?;
    }
    archive.into_inner()?.finish()?.sync_all()
}
