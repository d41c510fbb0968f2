//! The two clusters of tests/tests/cluster: what the machine must have for them. They are switched on by MAILFERRY_CLUSTER.

use std::path::Path;

use crate::shell::{command, install, is_there};

const PACKAGES: &[&str] = &[
    "pacemaker",
    "pacemaker-cli-utils",
    "pacemaker-resource-agents",
    "corosync",
    "iproute2",
    "openssh-server",
    "openssh-client",
    "sshfs",
    "fuse3",
    "python3",
];
const PROGRAMS: &[&str] =
    &["/usr/sbin/pacemakerd", "/usr/sbin/corosync", "/usr/sbin/crm_mon", "/usr/sbin/sshd", "/usr/bin/sshfs", "/usr/bin/python3"];

/// Why they cannot run here.
pub(super) fn prepare() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("they are made of namespaces of Linux".into());
    }
    let missing = || PROGRAMS.iter().find(|program| !Path::new(program).exists());
    if missing().is_some() {
        install(PACKAGES);
    }
    if let Some(program) = missing() {
        return Err(format!("{program} is not there and could not be installed"));
    }
    if !is_there("ip", "-V") || !Path::new("/dev/fuse").exists() {
        return Err("iproute2 and /dev/fuse are needed".into());
    }
    let allowed = command("unshare", &["--net", "--mount", "--pid", "--fork", "true"]).status().is_ok_and(|status| status.success());
    if allowed { Ok(()) } else { Err("namespaces may not be made: run as root".into()) }
}
