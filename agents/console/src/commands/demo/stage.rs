//! Folders, project file and sample mailboxes of the demo.

use std::path::{Path, PathBuf};

use mailferry_core::engine::SessionReport;
use mailferry_core::model::{FolderInfo, FolderPath};
use mailferry_core::ports::NewItem;
use mailferry_core::settings::{self, AgentKind, Cluster, Mailbox, Project, Side};
use mailferry_core::spool;
use mailferry_core::trouble::Trouble;
use mailferry_host::AgentHome;
use mailferry_stores::{StoreUrl, open_target};

use super::sample::{self, Dice};

const NODES: [(&str, &str, Side); 4] =
    [("SRC1", "src1", Side::Source), ("SRC2", "src2", Side::Source), ("TGT1", "tgt1", Side::Target), ("TGT2", "tgt2", Side::Target)];
const MAILBOXES: [&str; 3] = ["alice", "bob", "carol"];

pub struct Stage {
    dir: PathBuf,
    project: Project,
    messages: u32,
}

impl Stage {
    pub fn build(dir: Option<PathBuf>, messages: u32) -> anyhow::Result<Stage> {
        let dir = dir.unwrap_or_else(|| std::env::temp_dir().join(format!("mailferry-demo-{}", std::process::id())));
        let dir = std::path::absolute(dir)?;
        if dir.join("project.toml").exists() {
            return Err(Trouble::new("a demo has been played here before")
                .place(dir.display())
                .hint("delete the folder, or name another with --dir")
                .into());
        }
        for (_, folder, _) in NODES {
            std::fs::create_dir_all(dir.join(folder).join("MFExNode$"))?;
            std::fs::create_dir_all(dir.join(folder).join("agents"))?;
        }
        for folder in ["witness-src", "witness-tgt", "mail/old", "mail/new"] {
            std::fs::create_dir_all(dir.join(folder))?;
        }
        let file = dir.join("project.toml");
        std::fs::write(&file, project_text(&dir))?;
        let project = settings::load_project(&file).map_err(|findings| {
            let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
            Trouble::new("the demo's own project file is not accepted")
                .cause(told.join("\n"))
                .hint("name a folder with a plain path with --dir")
        })?;
        for outcome in settings::plan_commit(&project, None)?.execute(&settings::Author::unnamed()) {
            outcome.result?;
        }
        let stage = Stage { dir, project, messages };
        for (number, mailbox) in stage.project.mailboxes.iter().enumerate() {
            fill(mailbox, number as u64, messages)?;
        }
        Ok(stage)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn project(&self) -> PathBuf {
        self.dir.join("project.toml")
    }

    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.project.mailboxes
    }

    pub fn messages(&self) -> u32 {
        self.messages * self.project.mailboxes.len() as u32
    }

    pub fn cluster(&self, side: Side) -> &Cluster {
        self.project.topology.cluster(side)
    }

    /// Every agent with the node it runs on.
    pub fn agents(&self) -> Vec<(&'static str, AgentKind)> {
        NODES.iter().flat_map(|(node, _, side)| side.agents().map(|kind| (*node, kind))).collect()
    }

    pub fn home(&self, node: &str, kind: AgentKind) -> AgentHome {
        let folder = NODES.iter().find(|(name, ..)| *name == node).map_or(node, |(_, folder, _)| folder);
        AgentHome::new(kind, self.dir.join(folder).join("agents").join(kind.name()).join("config.ini"))
    }

    pub fn report(&self, node: &str, kind: AgentKind) -> Option<SessionReport> {
        serde_json::from_str(&std::fs::read_to_string(self.home(node, kind).status()).ok()?).ok()
    }

    /// The newest epoch that an agent of a side has claimed.
    pub fn epoch(&self, side: Side, kind: AgentKind) -> usize {
        let claims = spool::claims(&self.cluster(side).name, kind.name());
        let witness = self.cluster(side).witness_place().unwrap_or_default();
        std::fs::read_dir(Path::new(witness).join(claims.as_str())).map_or(0, Iterator::count)
    }

    /// Messages in the new mailboxes.
    pub fn arrived(&self) -> usize {
        files_below(&self.dir.join("mail").join("new"), &|path| {
            path.parent().is_some_and(|folder| folder.ends_with("cur") || folder.ends_with("new"))
        })
    }

    /// Every container of the active source is answered, and no container lies anywhere.
    pub fn settled(&self, source: &str, target: &str) -> bool {
        let quiet =
            |node: &str, kind: AgentKind| self.report(node, kind).filter(|report| report.role == "active" && !report.counts.progress());
        let source =
            quiet(source, AgentKind::Source).is_some_and(|report| report.containers > 0 && report.containers == report.containers_answered);
        let containers = |folder: &str| {
            files_below(&self.dir.join(folder).join("MFExNode$"), &|path| path.extension().is_some_and(|kind| kind == "prv"))
        };
        source && quiet(target, AgentKind::Target).is_some() && NODES.iter().all(|(_, folder, _)| containers(folder) == 0)
    }

    pub fn strike(&self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn files_below(folder: &Path, counts: &dyn Fn(&Path) -> bool) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| {
            let path = entry.path();
            // What another activation had made is kept aside on purpose.
            let aside = path.ends_with("STALE");
            if path.is_dir() && !aside { files_below(&path, counts) } else { usize::from(!aside && counts(&path)) }
        })
        .sum()
}

fn project_text(dir: &Path) -> String {
    let path = |name: &str| format!("{:?}", dir.join(name).display().to_string());
    let mut text = format!(
        "[project]\nname = \"demo\"\n\n[settings]\nSleepInterval = \"1s\"\nTransmissionPollInterval = \"1s\"\nFreeSpaceFloor = \"0\"\n\n[settings.source]\nContainerSizeMax = \"{}\"\nContainerItemsMax = 20\n",
        "64 KiB"
    );
    for (side, name, witness) in [(Side::Source, "SRC", "witness-src"), (Side::Target, "TGT", "witness-tgt")] {
        let section = side.name();
        text += &format!("\n[{section}]\nname = \"{name}\"\nwitness = {}\n", path(witness));
        for (node, folder, _) in NODES.iter().filter(|(.., of)| *of == side) {
            let (share, agents) = (path(&format!("{folder}/MFExNode$")), path(&format!("{folder}/agents")));
            text += &format!("\n[[{section}.nodes]]\nname = \"{node}\"\nshare = {share}\nagents = {agents}\n");
        }
    }
    text += "\n[[collections]]\nname = \"first wave\"\npriority = 10\n";
    for name in MAILBOXES {
        let store = |where_: &str| format!("{:?}", format!("maildir:{}", dir.join("mail").join(where_).join(name).display()));
        text += &format!("\n[[collections.mailboxes]]\nname = \"{name}\"\nsource = {}\ntarget = {}\n", store("old"), store("new"));
    }
    text
}

fn fill(mailbox: &Mailbox, seed: u64, messages: u32) -> anyhow::Result<()> {
    let mut dice = Dice::new(seed + 1);
    let mut store = open_target(&StoreUrl::parse(&mailbox.source)?).map_err(Trouble::from)?;
    let names: [&[&str]; 4] = [&["INBOX"], &["Sent"], &["Projects", "Fähre"], &["Archive", "2026"]];
    let mut folders = Vec::new();
    for name in names {
        let info = FolderInfo::plain(FolderPath(name.iter().map(ToString::to_string).collect()));
        folders.push(store.ensure_folder(&info).map_err(Trouble::from)?);
    }
    for number in 0..messages {
        let (bytes, envelope) = (sample::message(&mut dice, number), sample::envelope(&mut dice, number));
        let folder = &folders[dice.below(folders.len() as u64) as usize];
        store.append(folder, &NewItem { envelope: &envelope, size: bytes.len() as u64 }, &mut bytes.as_slice()).map_err(Trouble::from)?;
    }
    Ok(store.flush().map_err(Trouble::from)?)
}
