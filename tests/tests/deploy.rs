//! What `mailferry deploy` puts together is installed, run, upgraded and removed in the root of a real system: this machine's own, below a
//! layer that takes all writes and is thrown away.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mailferry_core::settings::AgentKind;
use mailferry_tests::{agent_program, console, skipped};
use tempfile::TempDir;

/// A root of its own: commands in it see this machine, and change nothing of it.
struct Root {
    dir: TempDir,
}

const LAYERS: &str = "mount -t overlay overlay -o lowerdir=/,upperdir=$0/upper,workdir=$0/work $0/root && mount --bind $0/bundles $0/root/mnt \
                      && mount -t tmpfs tmpfs $0/root/run && mount -t proc proc $0/root/proc && mount --bind /dev $0/root/dev \
                      && exec chroot $0/root sh -c \"$1\"";

impl Root {
    /// `None`: this takes root, and an overlay over the root of this machine.
    fn new() -> Option<Self> {
        let root = Root { dir: TempDir::new().expect("a temporary folder") };
        // A layer cannot lie on a layer: memory takes the writes.
        let layers = root.dir.path();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1g", "layers"]).arg(layers).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            return None;
        }
        ["upper", "work", "root", "bundles"].iter().for_each(|name| fs::create_dir(layers.join(name)).expect("a folder"));
        root.run("true").status.success().then_some(root)
    }

    fn bundles(&self) -> PathBuf {
        self.dir.path().join("bundles")
    }

    fn run(&self, script: &str) -> Output {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", LAYERS]).arg(self.dir.path()).arg(script);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().expect("unshare can be run")
    }

    /// What it says, when it ends with this code.
    fn says(&self, code: i32, script: &str) -> String {
        let output = self.run(script);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{script}: {text}");
        text
    }

    fn is_there(&self, path: &str) -> bool {
        self.run(&format!("test -e {path}")).status.success()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _or_never_mounted = Command::new("umount").arg(self.dir.path()).output();
    }
}

const PROJECT: &str = r#"
[project]
name = "deployed"
[source]
name = "SRC"
witness = "/srv/deployed/witness"
nodes = [
  { name = "S1", share = "/srv/deployed/S1 share", agents = "AGENTS/S1" },
  { name = "S2", share = "/srv/deployed/S2 share", agents = "AGENTS/S2" },
]
[target]
name = "TGT"
nodes = [{ name = "T1", share = "/srv/deployed/T1", agents = "AGENTS/T1" }]
[settings]
FreeSpaceFloor = "16 MiB"
[[collections]]
name = "c"
mailboxes = [{ name = "alice", source = "maildir:/srv/deployed/mail", target = "maildir:/srv/deployed/new" }]
"#;

fn deploy(folder: &Path, more: &[&str]) -> Output {
    let file = folder.join("project.toml");
    let programs = agent_program(AgentKind::Source).parent().expect("a folder").display().to_string();
    console(&[&["deploy", "--project", file.to_str().expect("text"), "--programs", &programs], more].concat())
}

fn project(folder: &Path) {
    let agents = folder.join("agents");
    ["S1", "S2", "T1"].iter().for_each(|node| fs::create_dir_all(agents.join(node)).expect("a folder"));
    fs::write(folder.join("project.toml"), PROJECT.replace("AGENTS", &agents.display().to_string())).expect("a file");
}

#[test]
fn a_node_is_installed_works_is_installed_again_and_is_removed_without_a_trace() {
    let Some(root) = Root::new() else {
        return skipped("deploy: the root of a system needs root and overlay mounts");
    };
    let folder = TempDir::new().expect("a temporary folder");
    project(folder.path());
    let made = deploy(folder.path(), &["--node", "S1", "--to", root.bundles().to_str().expect("text")]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The share is not there: everything else is done, and it says so.
    let first = root.says(3, "sh /mnt/S1/install.sh");
    for line in [
        "account mailferry is made",
        "program /usr/local/bin/mailferry-source is installed",
        "to do: the share /srv/deployed/S1 share is not there",
    ] {
        assert!(first.contains(line), "{line}: {first}");
    }
    root.says(0, "cd /srv && mkdir -p 'deployed/S1 share' 'deployed/S2 share' deployed/T1 deployed/witness deployed/mail/cur deployed/mail/new deployed/mail/tmp \
                  && printf 'Subject: hello\\n\\nworld\\n' > deployed/mail/cur/1.x.y:2,S && chown -R mailferry deployed");
    assert_eq!(root.says(0, "sh /mnt/S1/install.sh"), "everything is installed already: version 0.1.0\n");
    let enabled = "test -e /etc/systemd/system/multi-user.target.wants/mailferry-source.service && stat -c %U:%a /var/lib/mailferry/source/config.ini";
    assert_eq!(root.says(0, enabled), "mailferry:640\n");
    // The agent works as its account, by the configuration that came with it.
    root.says(0, "mkdir -p /srv/deployed/witness/NTA && chown -R mailferry /srv/deployed/witness");
    fs::copy(folder.path().join("project.toml"), root.bundles().join("project.toml")).expect("a copy");
    root.says(0, "su -s /bin/sh mailferry -c '/usr/local/bin/mailferry role --project /mnt/project.toml S1'");
    let session = "su -s /bin/sh mailferry -c '/usr/local/bin/mailferry-source run --once --config /var/lib/mailferry/source/config.ini'";
    let said = root.run(session);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("active, epoch 1") && said.contains("1 containers, "), "{said}");
    assert!(root.is_there("'/srv/deployed/S1 share/NTA/OUT'"));
    // A program that is another is put in the place of the old one; what commits have written stays.
    root.says(0, "echo '; mine' >> /var/lib/mailferry/source/config.ini; echo >> /usr/local/bin/mailferry-source");
    let upgraded = root.says(0, "sh /mnt/S1/install.sh");
    assert!(upgraded.contains("program /usr/local/bin/mailferry-source is installed\n1 changes"), "{upgraded}");
    root.says(0, "grep -q '; mine' /var/lib/mailferry/source/config.ini");
    // What came damaged is not installed.
    root.says(0, "echo >> /mnt/S1/bin/mailferry-source");
    assert!(root.says(1, "sh /mnt/S1/install.sh").contains("error: bin/mailferry-source is damaged"));
    assert!(root.says(0, "sh /mnt/S1/uninstall.sh").contains("the folders of the agents stay"));
    assert!(root.is_there("/var/lib/mailferry/source/config.db") && !root.is_there("/usr/local/bin/mailferry"));
    root.says(0, "sh /mnt/S1/uninstall.sh --purge");
    for path in [
        "/var/lib/mailferry",
        "/usr/local/bin/mailferry*",
        "/etc/systemd/system/mailferry*",
        "/etc/systemd/system/multi-user.target.wants/mailferry*",
    ] {
        assert_eq!(root.says(0, &format!("ls -d {path} 2>/dev/null || true")), "", "{path}");
    }
    assert!(root.says(0, "id mailferry || true").contains("no such user"));
    assert!(
        root.is_there("'/srv/deployed/S1 share/NTA/OUT'") && root.is_there("/srv/deployed/mail/cur"),
        "mail and shares are never touched"
    );
}

#[test]
fn every_node_of_both_sides_gets_its_own_agents_by_its_share_and_as_an_archive() {
    let folder = TempDir::new().expect("a temporary folder");
    project(folder.path());
    fs::rename(folder.path().join("agents/S2"), folder.path().join("away")).expect("a folder");
    let partly = deploy(folder.path(), &[]);
    let said = String::from_utf8_lossy(&partly.stdout).into_owned();
    assert_eq!(partly.status.code(), Some(3), "{said}");
    assert!(said.contains("S2: could not reach the agents folder of S2") && !folder.path().join("agents/S2").exists(), "{said}");
    for (node, agents) in [("S1", ["source", "transmission"]), ("T1", ["target", "transmission"])] {
        let bundle = folder.path().join("agents").join(node).join("deploy");
        for agent in agents {
            let desired =
                mailferry_core::settings::load_desired(&bundle.join(format!("agents/{agent}/desired.toml"))).expect("it can be read");
            assert_eq!((desired.node.as_str(), desired.agent.name(), desired.revision.number), (node, agent, 1));
            assert!(
                bundle.join(format!("units/mailferry-{agent}.service")).exists() && bundle.join(format!("bin/mailferry-{agent}")).exists()
            );
        }
        let count = fs::read_dir(bundle.join("bin")).expect("a folder").count();
        assert_eq!(count, 3, "two agents and the console");
    }
    // A later commit finds that the nodes have what they were given.
    let to = folder.path().join("out");
    fs::create_dir(&to).expect("a folder");
    let made = deploy(folder.path(), &["--to", to.to_str().expect("text"), "--archive", "--node", "s2"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let names: Vec<_> = fs::read_dir(&to).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["S2.tar.zst"]);
    let listed = Command::new("tar").args(["--zstd", "-tf"]).arg(to.join("S2.tar.zst")).output().expect("tar can be run");
    if !listed.status.success() {
        return skipped("deploy: archives are listed by tar and zstd, which are not here");
    }
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in
        ["S2/install.sh", "S2/uninstall.sh", "S2/agents/commits.json", "S2/agents/source/config.ini", "S2/units/mailferry-source.service"]
    {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
}
