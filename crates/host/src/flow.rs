//! Locks sources and leads mail to targets by a program of the administrator (R82), or not at all.
//!
//! The program is called as `PROGRAM lock|unlock|redirect MAILBOX ID SWITCH` and says by its exit code whether it is done. It may be
//! called again for what it has done already. What it writes is not read, but for the first line of its complaint.

use std::sync::Arc;
use std::time::Duration;

use mailferry_command::run;
use mailferry_core::ports::{MailFlow, NoSwitch, Switching};
use mailferry_core::settings::AgentSettings;

pub(crate) fn flow_of(settings: &AgentSettings) -> Arc<dyn MailFlow> {
    match settings.switch_command.trim() {
        "" => Arc::new(NoSwitch),
        program => Arc::new(Program { program: program.into(), patience: settings.switch_command_timeout.duration() }),
    }
}

struct Program {
    program: String,
    patience: Duration,
}

impl Program {
    fn call(&self, act: &str, what: Switching<'_>) -> Result<(), String> {
        run(&self.program, &[act, what.mailbox, what.id, what.switch], self.patience)
    }
}

impl MailFlow for Program {
    fn can_switch(&self) -> Result<(), String> {
        Ok(())
    }

    fn lock(&self, what: Switching<'_>) -> Result<(), String> {
        self.call("lock", what)
    }

    fn unlock(&self, what: Switching<'_>) -> Result<(), String> {
        self.call("unlock", what)
    }

    fn redirect(&self, what: Switching<'_>) -> Result<(), String> {
        self.call("redirect", what)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_program_is_told_what_to_do_and_says_by_its_exit_code_whether_it_did() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("switch");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {}/called\nprintf '\\377'\n[ $1 != unlock ] || {{ echo no way >&2; exit 4; }}\n",
            folder.path().display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let settings = AgentSettings { switch_command: program.display().to_string(), ..AgentSettings::default() };
        let flow = flow_of(&settings);
        let what = Switching { mailbox: "alice smith", id: "616c", switch: "01" };
        assert_eq!((flow.can_switch(), flow.lock(what), flow.redirect(what)), (Ok(()), Ok(()), Ok(())));
        let refused = flow.unlock(what).unwrap_err();
        assert!(refused.ends_with("ended with code 4: no way"), "{refused}");
        let called = std::fs::read_to_string(folder.path().join("called")).unwrap();
        assert_eq!(called, "lock alice smith 616c 01\nredirect alice smith 616c 01\nunlock alice smith 616c 01\n");
    }

    #[test]
    fn without_a_program_nothing_is_switched() {
        let with = |command: &str| flow_of(&AgentSettings { switch_command: command.into(), ..AgentSettings::default() }).can_switch();
        assert!(with("").is_err_and(|why| why.contains("SwitchCommand")));
    }
}
