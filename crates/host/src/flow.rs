//! Locks sources and leads mail to targets by a program of the administrator (R82), and back (R83), or not at all.
//!
//! The program is called as `PROGRAM lock|unlock|redirect|restore MAILBOX ID SWITCH` and says by its exit code whether it is done; where
//! the settings ask for it, also with `test`, and with `notify` and a message on its standard input. It may be called again for what it
//! has done already. What it writes is not read, but for the first line of its complaint.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mailferry_command::run;
use mailferry_core::ports::{MailFlow, NoSwitch, Switching};
use mailferry_core::settings::AgentSettings;

pub(crate) fn flow_of(settings: &AgentSettings) -> Arc<dyn MailFlow> {
    match settings.switch_command.trim() {
        "" => Arc::new(NoSwitch),
        program => Arc::new(Program {
            program: program.into(),
            patience: settings.switch_command_timeout.duration(),
            tests: settings.switch_test,
            message: Some(settings.switch_message.trim()).filter(|path| !path.is_empty()).map(PathBuf::from),
        }),
    }
}

struct Program {
    program: String,
    patience: Duration,
    tests: bool,
    /// Template of the message to users.
    message: Option<PathBuf>,
}

impl Program {
    fn call(&self, act: &str, what: Switching<'_>) -> Result<(), String> {
        self.call_with(act, what, Vec::new())
    }

    fn call_with(&self, act: &str, what: Switching<'_>, input: Vec<u8>) -> Result<(), String> {
        run(&self.program, &[act, what.mailbox, what.id, what.switch], input, self.patience)
    }
}

/// Bytes of a template.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;

/// The message of a template: its `{mailbox}`, `{id}` and `{switch}` are replaced. Told twice, it is the same message: it has an id that
/// says so (RFC 5322, 3.6.4).
fn message(template: &Path, what: Switching<'_>) -> Result<Vec<u8>, String> {
    let failed = |why: &str| format!("SwitchMessage {}: {why}", template.display());
    let length = std::fs::metadata(template).map_err(|error| failed(&error.to_string()))?.len();
    if length > MESSAGE_BYTES_MAX {
        return Err(failed(&format!("it has {length} bytes, more than {MESSAGE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(template).map_err(|error| failed(&error.to_string()))?;
    let lines: Vec<&str> = text.lines().collect();
    let Some(headers) = lines.iter().position(|line| line.is_empty()).filter(|at| *at > 0) else {
        return Err(failed("no headers, or no empty line behind them"));
    };
    // Nothing in a name begins another header.
    let name: String = what.mailbox.chars().filter(|letter| !letter.is_control()).collect();
    let mut message = String::new();
    if !lines[..headers].iter().any(|line| line.to_ascii_lowercase().starts_with("message-id:")) {
        message += &format!("Message-ID: <{}@switch.mailferry.invalid>\n", what.switch);
    }
    for line in lines {
        message += &line.replace("{mailbox}", &name).replace("{id}", what.id).replace("{switch}", what.switch);
        message.push('\n');
    }
    Ok(message.into_bytes())
}

impl MailFlow for Program {
    fn can_switch(&self) -> Result<(), String> {
        let what = Switching { mailbox: "", id: "", switch: "" };
        self.message.as_ref().map_or(Ok(()), |template| message(template, what).map(drop))
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

    fn test(&self, what: Switching<'_>) -> Result<(), String> {
        if self.tests { self.call("test", what) } else { Ok(()) }
    }

    fn notify(&self, what: Switching<'_>) -> Result<(), String> {
        match &self.message {
            Some(template) => self.call_with("notify", what, message(template, what)?),
            None => Ok(()),
        }
    }

    fn restore(&self, what: Switching<'_>) -> Result<(), String> {
        self.call("restore", what)
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
    fn a_delivery_is_tested_and_a_user_told_only_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let script = format!("#!/bin/sh\necho \"$1\" >> {0}/called\n[ $1 != notify ] || cat > {0}/told\n", folder.path().display());
        std::fs::write(path("switch"), script).unwrap();
        std::fs::set_permissions(path("switch"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let silent = AgentSettings { switch_command: path("switch").display().to_string(), ..AgentSettings::default() };
        let what = Switching { mailbox: "alice\r\nBcc: eve", id: "616c", switch: "01" };
        let flow = flow_of(&silent);
        assert_eq!((flow.test(what), flow.notify(what)), (Ok(()), Ok(())));
        assert!(!path("called").exists());

        let template = path("message.txt").display().to_string();
        let flow = flow_of(&AgentSettings { switch_test: true, switch_message: template, ..silent });
        assert!(flow.notify(what).is_err_and(|why| why.starts_with("SwitchMessage ")), "there is no template");
        std::fs::write(path("message.txt"), "no headers").unwrap();
        assert!(flow.notify(what).is_err_and(|why| why.ends_with("no empty line behind them")));
        std::fs::write(path("message.txt"), "To: {mailbox}\nSubject: moved\n\nDear {mailbox}, {switch}\n").unwrap();
        assert_eq!((flow.test(what), flow.notify(what), flow.restore(what)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(std::fs::read_to_string(path("called")).unwrap(), "test\nnotify\nrestore\n");
        let told = std::fs::read_to_string(path("told")).unwrap();
        let headers = "Message-ID: <01@switch.mailferry.invalid>\nTo: aliceBcc: eve\nSubject: moved\n";
        assert_eq!(told, format!("{headers}\nDear aliceBcc: eve, 01\n"));
    }

    #[test]
    fn without_a_program_nothing_is_switched() {
        let with = |command: &str| flow_of(&AgentSettings { switch_command: command.into(), ..AgentSettings::default() }).can_switch();
        assert!(with("").is_err_and(|why| why.contains("SwitchCommand")));
    }
}
