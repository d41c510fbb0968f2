pub(super) const IMAPD: &str = "cyrus-imapd/usr/lib/cyrus/bin/imapd";
pub struct Cyrus;
