//! The stores of this crate behind the port that agents use.

use mailferry_core::ports::{Blast, MailSource, MailTarget, Retry, StoreError, Stores};

use crate::{StoreUrl, open_source, open_target};

/// Opens every kind of store.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoresByUrl;

fn parse(url: &str) -> Result<StoreUrl, StoreError> {
    StoreUrl::parse(url)
        .map_err(|trouble| StoreError::new(Blast::Mailbox, Retry::Never, "tell which store is meant", url, trouble.to_string()))
}

impl Stores for StoresByUrl {
    fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError> {
        open_source(&parse(url)?)
    }

    fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError> {
        open_target(&parse(url)?)
    }
}
