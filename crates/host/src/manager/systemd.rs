//! systemd: the unit of an agent, and what a running one tells.
//!
//! An agent is ready when it has taken hold of its folder; its status text is the end of its last session. With a watchdog in its unit it
//! says that it is alive as long as there are signs of life: the engine asks for the time before each item and each step that cannot be
//! taken back, and files of shares are read and written. What hangs for longer than the watchdog waits is started anew, and loses nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mailferry_core::settings::AgentKind;
use mailferry_core::trouble::Trouble;

use super::{OURS, Standing, State, Wanted};
use crate::Openers;
use crate::clock::beats;

const UNITS: &str = "/etc/systemd/system";
const ACCOUNT: &str = "mailferry";
/// A stop waits for the session at work.
const PATIENCE: Duration = Duration::from_secs(150);

pub(super) fn usual_name(kind: AgentKind) -> String {
    format!("mailferry-{kind}")
}

/// The unit of an agent.
pub fn unit(wanted: &Wanted) -> String {
    let home = wanted.config.parent().unwrap_or(Path::new("/"));
    let account = wanted.account.as_deref().unwrap_or(ACCOUNT);
    let (rights, password) = match wanted.kind {
        AgentKind::Source => ("be able to read every source mailbox; it needs no right to write there", true),
        AgentKind::Transmission => ("be able to write in the share of every node of both sides", false),
        AgentKind::Target => ("be able to write in every target mailbox", true),
    };
    let credential = "# A password that this service alone can read: password-credential=alice in the address of the account.\n\
                      #LoadCredential=alice:/etc/mailferry/alice.password\n";
    let Wanted { kind, name, .. } = wanted;
    let (program, config, home) = (quoted(&wanted.program), quoted(&wanted.config), home.display().to_string().replace('%', "%%"));
    format!(
        "# To be installed by `mailferry-{kind} service install --config FILE`, or copied to {UNITS}/{name}.service, with paths\n\
         # and User as they are here; then: systemctl enable --now {name}\n\
         [Unit]\n\
         Description=Mailferry {kind} agent: {description}\n\
         Documentation=file:/usr/share/doc/mailferry/docs/OPERATING.md\n\
         After=network-online.target remote-fs.target\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={program} run --config {config}\n\
         # The account must {rights}.\n\
         User={account}\n\
         {credential}\
         # With role = \"pacemaker\": who may ask the cluster where a resource is.\n\
         #SupplementaryGroups=haclient\n\
         WorkingDirectory={home}\n\
         # The session at work ends after its durable step; a kill after the time-out loses nothing either.\n\
         # A program that the agent has called ends by itself.\n\
         KillSignal=SIGTERM\n\
         KillMode=mixed\n\
         TimeoutStopSec=120\n\
         Restart=on-failure\n\
         RestartSec=10\n\
         # An agent that has not given a sign of life for so long hangs: longer than any program it may call.\n\
         WatchdogSec=2h\n\
         NoNewPrivileges=yes\n\
         PrivateTmp=yes\n\
         PrivateDevices=yes\n\
         # Mail and shares may lie anywhere else.\n\
         ProtectSystem=full\n\
         ProtectClock=yes\n\
         ProtectControlGroups=yes\n\
         ProtectHostname=yes\n\
         ProtectKernelLogs=yes\n\
         ProtectKernelModules=yes\n\
         ProtectKernelTunables=yes\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\
         RestrictNamespaces=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         LockPersonality=yes\n\
         SystemCallArchitectures=native\n\
         UMask=0027\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        description = wanted.description(),
        credential = if password { credential } else { "" },
    )
}

/// A path as systemd reads it in a command line.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%").replace('$', "$$");
    let plain = text.chars().all(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\' | ';'));
    if plain { text } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

pub(super) fn shown(wanted: &Wanted) -> String {
    unit(wanted)
}

pub(super) fn install(wanted: &Wanted) -> Result<Vec<String>, Trouble> {
    let file = file_of(&wanted.name);
    let trouble = |cause: &dyn std::fmt::Display| Trouble::new(format!("could not install service {}", wanted.name)).cause(cause);
    let account = wanted.account.as_deref().unwrap_or(ACCOUNT);
    if let Err(why) = mailferry_command::output_of("id", &["-u", account], Duration::from_secs(10)) {
        return Err(trouble(&why)
            .hint(format!("make the account first: useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin {account}")));
    }
    let unit = unit(wanted);
    if !wanted.replace && std::fs::read_to_string(&file).is_ok_and(|there| there != unit) {
        let trouble = trouble(&"there is another unit of this name").place(file.display());
        return Err(trouble.hint("look at it with `systemctl cat`; --replace puts the new one in its place, `systemctl edit` adds to it"));
    }
    crate::files::write_whole(&file, unit.as_bytes())
        .map_err(|error| trouble(&error).place(file.display()).hint("run it as root, or use --print and install the unit by hand"))?;
    systemctl(&["daemon-reload"]).map_err(|why| trouble(&why))?;
    if !wanted.by_hand {
        systemctl(&["enable", "--quiet", &service(&wanted.name)]).map_err(|why| trouble(&why))?;
    }
    Ok(vec![format!("unit {}, account {account}", file.display())])
}

pub(super) fn uninstall(name: &str) -> Result<(), Trouble> {
    let (file, trouble) = (file_of(name), |cause: String| Trouble::new(format!("could not remove service {name}")).cause(cause));
    if !file.exists() {
        let hint = "a unit of a package is removed with the package; `systemctl status` says where a unit lies";
        return Err(trouble("there is no such unit".into()).place(file.display()).hint(hint));
    }
    if !std::fs::read_to_string(&file).is_ok_and(|unit| unit.lines().any(|line| line.starts_with("ExecStart=") && line.contains(OURS))) {
        return Err(trouble("it is no unit of Mailferry".into()).place(file.display()));
    }
    systemctl(&["disable", "--now", "--quiet", &service(name)]).map_err(trouble)?;
    std::fs::remove_file(&file).map_err(|error| trouble(error.to_string()).place(file.display()).hint("run it as root"))?;
    systemctl(&["daemon-reload"]).map_err(trouble)
}

pub(super) fn start(name: &str) -> Result<Standing, Trouble> {
    act("start", name)
}

pub(super) fn stop(name: &str) -> Result<Standing, Trouble> {
    act("stop", name)
}

fn act(verb: &str, name: &str) -> Result<Standing, Trouble> {
    systemctl(&[verb, &service(name)]).map_err(|why| {
        let hint = format!("`journalctl -u {name} -n 20` says more");
        Trouble::new(format!("could not {verb} service {name}")).cause(why).hint(hint)
    })?;
    standing(name)
}

pub(super) fn standing(name: &str) -> Result<Standing, Trouble> {
    let properties = "--property=LoadState,ActiveState,SubState,StatusText,MainPID";
    let said = mailferry_command::output_of("systemctl", &["show", &service(name), properties], PATIENCE)
        .map_err(|why| Trouble::new(format!("could not tell how service {name} is")).cause(why).hint("this needs systemd"))?;
    Ok(told_by(name, &said))
}

fn told_by(name: &str, said: &str) -> Standing {
    let of = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default();
    let state = match (of("LoadState"), of("ActiveState")) {
        ("not-found", _) => State::NotInstalled,
        (_, "active" | "reloading") => State::Running,
        (_, "activating") => State::Starting,
        (_, "deactivating") => State::Stopping,
        (_, "failed") => State::Failed,
        _ => State::Stopped,
    };
    let process = Some(of("MainPID")).filter(|pid| !pid.is_empty() && *pid != "0").map(|pid| format!("process {pid}"));
    let status = Some(of("StatusText")).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    Standing { name: name.into(), state, detail: process.into_iter().chain(status).collect::<Vec<_>>().join(", ") }
}

pub(super) fn run(_kind: AgentKind, _openers: Openers, _config: PathBuf, name: String) -> Result<(), Trouble> {
    let trouble = Trouble::new(format!("could not run service {name}")).cause("this is how Windows starts its services");
    Err(trouble.hint("here the unit of the service says `run --config FILE`"))
}

fn service(name: &str) -> String {
    format!("{name}.service")
}

fn file_of(name: &str) -> PathBuf {
    Path::new(UNITS).join(service(name))
}

fn systemctl(arguments: &[&str]) -> Result<(), String> {
    mailferry_command::run("systemctl", arguments, Vec::new(), PATIENCE)
}

/// What a running agent tells systemd; nothing, where it was started otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling;

impl Telling {
    /// systemd says in the environment of a service where it listens.
    pub fn by_environment() -> Self {
        Telling
    }

    pub fn ready(self, ended: &Arc<AtomicBool>) {
        say(&[sd_notify::NotifyState::Ready]);
        if let Some(patience) = sd_notify::watchdog_enabled() {
            let ended = ended.clone();
            std::thread::spawn(move || watch(patience, &ended));
        }
    }

    pub fn status(self, text: &str) {
        say(&[sd_notify::NotifyState::Status(text)]);
    }

    pub fn stopping(self) {
        say(&[sd_notify::NotifyState::Stopping]);
    }
}

/// Whoever does not listen is not told.
fn say(what: &[sd_notify::NotifyState<'_>]) {
    let _nobody_listens = sd_notify::notify(what);
}

/// Says that the agent is alive whenever it has asked for the time since the last look.
fn watch(patience: Duration, ended: &AtomicBool) {
    let mut seen = None;
    while !ended.load(std::sync::atomic::Ordering::Relaxed) {
        let now = beats();
        if seen.replace(now) != Some(now) {
            say(&[sd_notify::NotifyState::Watchdog]);
        }
        std::thread::sleep(patience / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(config: &str) -> Wanted {
        let (program, config) = ("/usr/bin/mailferry-source".into(), config.into());
        Wanted { kind: AgentKind::Source, name: "mailferry-source".into(), program, config, account: None, by_hand: false, replace: false }
    }

    #[test]
    fn paths_stay_what_they_are_in_a_unit() {
        let text = unit(&wanted("/srv/my mail/100%/$x/config.ini"));
        assert!(text.contains("ExecStart=/usr/bin/mailferry-source run --config \"/srv/my mail/100%%/$$x/config.ini\"\n"), "{text}");
        assert_eq!(quoted(Path::new("/a\"b\\c")), "\"/a\\\"b\\\\c\"");
    }

    #[test]
    fn what_systemd_says_is_understood() {
        let said =
            |load: &str, active: &str| format!("LoadState={load}\nActiveState={active}\nSubState=x\nStatusText=standby\nMainPID=12\n");
        let state = |load: &str, active: &str| told_by("a", &said(load, active)).state;
        assert_eq!(state("not-found", "inactive"), State::NotInstalled);
        assert_eq!(state("loaded", "inactive"), State::Stopped);
        assert_eq!(state("loaded", "failed"), State::Failed);
        assert_eq!(told_by("a", &said("loaded", "active")).detail, "process 12, standby");
        assert_eq!(told_by("a", "LoadState=loaded\nActiveState=inactive\nStatusText=\nMainPID=0\n").detail, "");
    }
}
