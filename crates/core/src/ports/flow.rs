//! Where mail flows to: the source is locked, and mail is led to the target (R82), or back (R83).

/// A mailbox that is being switched.
#[derive(Clone, Copy, Debug)]
pub struct Switching<'a> {
    pub mailbox: &'a str,
    pub id: &'a str,
    /// Of this attempt: the same for each act, and when one is done again.
    pub switch: &'a str,
}

/// Each may be done more than once, after a kill or on the node that takes over: done twice is done once.
pub trait MailFlow: Send + Sync {
    /// `Err`: why mailboxes cannot be switched here.
    fn can_switch(&self) -> Result<(), String>;

    /// Nothing comes into the source any more, and nobody changes it.
    fn lock(&self, what: Switching<'_>) -> Result<(), String>;

    fn unlock(&self, what: Switching<'_>) -> Result<(), String>;

    /// From now on mail goes to the target, and users too.
    fn redirect(&self, what: Switching<'_>) -> Result<(), String>;

    /// Whether what is sent to the mailbox arrives at the target; nothing where that is not asked for.
    fn test(&self, what: Switching<'_>) -> Result<(), String>;

    /// Tells the user; nothing where that is not asked for.
    fn notify(&self, what: Switching<'_>) -> Result<(), String>;

    /// From now on mail goes to the source again, and users too, and it is open (R83).
    fn restore(&self, what: Switching<'_>) -> Result<(), String>;
}

/// Mailboxes are not switched.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSwitch;

const NO_COMMAND: &str = "SwitchCommand is not set: nothing is known that locks the source and leads mail to the target";

impl MailFlow for NoSwitch {
    fn can_switch(&self) -> Result<(), String> {
        Err(NO_COMMAND.into())
    }

    fn lock(&self, _: Switching<'_>) -> Result<(), String> {
        self.can_switch()
    }

    fn unlock(&self, _: Switching<'_>) -> Result<(), String> {
        self.can_switch()
    }

    fn redirect(&self, _: Switching<'_>) -> Result<(), String> {
        self.can_switch()
    }

    fn test(&self, _: Switching<'_>) -> Result<(), String> {
        self.can_switch()
    }

    fn notify(&self, _: Switching<'_>) -> Result<(), String> {
        self.can_switch()
    }

    fn restore(&self, _: Switching<'_>) -> Result<(), String> {
        self.can_switch()
    }
}
