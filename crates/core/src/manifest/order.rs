//! Which line may follow which: folders by the bytes of their paths, items by their ids, each once. So two manifests of equal content are
//! equal, and nothing can be named twice.

use super::lines::{Folder, Item};
use crate::model::Token;
use crate::model::key_bytes;

#[derive(Default)]
pub(super) struct Order {
    folder: Option<Vec<u8>>,
    placeless: bool,
    item: Option<(Option<Vec<u8>>, Token)>,
}

impl Order {
    /// What is wrong with it, if anything.
    pub fn folder(&mut self, folder: &Folder) -> Result<(), &'static str> {
        if self.placeless {
            return Err("a folder behind the items without a place");
        }
        self.item = None;
        let Some(target) = &folder.target else {
            self.placeless = true;
            return Ok(());
        };
        let path = serde_json::to_vec(target).map_err(|_| "a folder without a path")?;
        if self.folder.as_ref().is_some_and(|before| *before >= path) {
            return Err("a folder out of order");
        }
        self.folder = Some(path);
        Ok(())
    }

    pub fn item(&mut self, item: &Item) -> Result<(), &'static str> {
        if item.id.is_some() == self.placeless {
            return Err("an item in the wrong place");
        }
        let id = item.id.as_deref().map(|text| key_bytes(text).ok_or("an id that is none")).transpose()?;
        let place = (id, item.token);
        if self.item.as_ref().is_some_and(|before| *before >= place) {
            return Err("an item out of order");
        }
        self.item = Some(place);
        Ok(())
    }
}
