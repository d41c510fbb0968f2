//! What a server is to be like.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Maildir,
    Sdbox,
    Mdbox,
}

/// Not all of it means something to every server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Dovecot's.
    pub format: Format,
    pub users: usize,
    /// `/` or `.`; Courier has always `.`.
    pub separator: char,
    /// What folder names may hold is not limited by the file system then. Dovecot's.
    pub escapes_names: bool,
    /// The largest message that APPEND takes, in bytes; Courier has none.
    pub append_limit: Option<u64>,
    /// For each user, in bytes; offers QUOTA. Cyrus counts it in KiB, Courier's is not set.
    pub quota_bytes: Option<u64>,
    /// COMPRESS=DEFLATE, ACL and METADATA of Dovecot; Cyrus has them always.
    pub with_extensions: bool,
    /// LMTP as well, and a gate: whoever has a file `gate/SERVICE/USER` is led where it says, in place of his mailbox. Dovecot's; a
    /// master passes by.
    pub gated: bool,
    /// Dovecot's.
    pub mechanisms: &'static str,
    pub connections_per_user: usize,
    /// Of the year 2020.
    pub expired_certificate: bool,
    /// Lines for the end of its configuration.
    pub extra: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            format: Format::Maildir,
            users: 3,
            separator: '/',
            escapes_names: false,
            append_limit: None,
            quota_bytes: None,
            with_extensions: false,
            gated: false,
            mechanisms: "plain login scram-sha-1 scram-sha-256 xoauth2 oauthbearer",
            connections_per_user: 64,
            expired_certificate: false,
            extra: String::new(),
        }
    }
}

impl Options {
    pub fn format(format: Format) -> Self {
        Options { format, ..Options::default() }
    }
}
