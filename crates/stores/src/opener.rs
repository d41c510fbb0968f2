//! The stores of this crate behind the port that agents use.

use mailferry_core::ports::{Blast, MailSource, MailTarget, Retry, StoreError, Stores};

use crate::url::{source_with, target_with};
use crate::{Access, StoreUrl};

/// Opens every kind of store.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoresByUrl;

fn parse(url: &str) -> Result<StoreUrl, StoreError> {
    StoreUrl::parse(url)
        .map_err(|trouble| StoreError::new(Blast::Mailbox, Retry::Never, "tell which store is meant", url, trouble.to_string()))
}

impl Stores for StoresByUrl {
    fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError> {
        Access::default().source(url)
    }

    fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError> {
        Access::default().target(url)
    }
}

/// The same with what a run knows.
impl Stores for Access {
    fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError> {
        source_with(&parse(url)?, self)
    }

    fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError> {
        target_with(&parse(url)?, self)
    }
}
