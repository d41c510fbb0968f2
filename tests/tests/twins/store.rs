//! The simulated store beside Maildir and mbox.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use mailferry_core::model::{Digest, Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Keywords, Marks, TargetId, Token};
use mailferry_core::ports::{Blast, MailSource, MailTarget, NewItem, StoreError, Stores, Wanted};
use mailferry_sim::dice::Dice;
use mailferry_sim::process::Process;
use mailferry_sim::store::{Shelf, SimMailbox, SimStores, locked};
use mailferry_stores::{MaildirSource, MaildirTarget, MboxSource, MboxTarget};
use mailferry_tests::scratch;
use tempfile::TempDir;

use super::{Tale, live};

const STEPS: usize = 250;
const FOLDERS: &[&[&str]] = &[&["INBOX"], &["Other"], &["Other", "Sub"], &["ä.b/c"]];

#[test]
fn a_simulated_store_and_a_maildir_answer_alike() {
    live("maildir", 4, |dice, tale| {
        let target = |home: &Path| Box::new(MaildirTarget::open(home).expect("opened")) as _;
        Twins::new(target, |home| Box::new(MaildirSource::open(home).expect("opened")) as _).live(dice, tale);
    });
}

#[test]
fn a_simulated_store_and_an_mbox_answer_alike() {
    live("mbox", 4, |dice, tale| {
        let target = |home: &Path| Box::new(MboxTarget::open(home).expect("opened")) as _;
        Twins::new(target, |home| Box::new(MboxSource::open(home, None).expect("opened")) as _).live(dice, tale);
    });
}

/// An item as both stores should have it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Item {
    number: u32,
    folder: usize,
    ids: [TargetId; 2],
}

struct Twins {
    home: TempDir,
    stores: SimStores,
    new_target: fn(&Path) -> Box<dyn MailTarget>,
    new_source: fn(&Path) -> Box<dyn MailSource>,
    open: [Box<dyn MailTarget>; 2],
    items: Vec<Item>,
    /// As they were at the last flush, which is what a kill leaves.
    flushed: Vec<Item>,
    /// Items that were moved, with the folder they came from.
    moved: Vec<(usize, Item)>,
    staged: bool,
    /// Another has changed the mailbox since this end was opened. What it brought, a Maildir that is open need not find by token:
    /// `locate` is about earlier runs.
    overtaken: bool,
    next: u32,
}

fn folder(at: usize) -> FolderPath {
    FolderPath(FOLDERS[at].iter().map(|name| name.to_string()).collect())
}

fn any_folder(dice: &mut Dice) -> usize {
    dice.below(FOLDERS.len() as u64) as usize
}

fn body(number: u32) -> Vec<u8> {
    format!("Subject: item {number}\n\nFrom here on it is item {number}.\n").into_bytes()
}

fn token(number: u32) -> Token {
    let mut token = [7; 16];
    token[..4].copy_from_slice(&number.to_le_bytes());
    Token(token)
}

fn marks(dice: &mut Dice) -> Marks {
    let flags = Flags::from_bits(dice.below(32) as u8).expect("five flags");
    let keywords: Keywords = ["$Forwarded", "work", "NonJunk"].into_iter().filter(|_| dice.chance(300)).map(String::from).collect();
    Marks { flags, keywords }
}

fn reach<T>(answer: Result<T, StoreError>) -> Result<T, Blast> {
    answer.map_err(|error| error.blast)
}

impl Twins {
    fn new(new_target: fn(&Path) -> Box<dyn MailTarget>, new_source: fn(&Path) -> Box<dyn MailSource>) -> Self {
        let (home, shelf) = (scratch(), Shelf::default());
        locked(&shelf).insert("sim:a".into(), SimMailbox::default());
        let process = Process::new("NODE", "agent", Arc::default());
        let stores = SimStores { shelf, process, trouble: Arc::default(), tokenless: false };
        let open = [stores.target("sim:a").expect("opened"), new_target(home.path())];
        let (items, flushed, moved) = Default::default();
        Twins { home, stores, new_target, new_source, open, items, flushed, moved, staged: false, overtaken: false, next: 0 }
    }

    fn targets(&self) -> [Box<dyn MailTarget>; 2] {
        [self.stores.target("sim:a").expect("opened"), (self.new_target)(self.home.path())]
    }

    fn live(&mut self, dice: &mut Dice, tale: &Tale) {
        for at in 0..FOLDERS.len() {
            let info = FolderInfo::plain(folder(at));
            let [sim, real] = self.open.each_mut().map(|target| reach(target.ensure_folder(&info)));
            tale.same("make a folder", sim, real);
        }
        self.flush(tale);
        for _ in 0..STEPS {
            self.step(dice, tale);
        }
        self.flush(tale);
    }

    fn step(&mut self, dice: &mut Dice, tale: &Tale) {
        match dice.below(20) {
            0..=4 => self.append(dice, tale),
            5..=7 => self.mark(dice, tale),
            8..=10 => self.move_one(dice, tale),
            11 => self.move_again(dice, tale),
            12 | 13 => self.remove(dice, tale),
            14 | 15 => self.locate(dice, tale),
            16 | 17 => self.flush(tale),
            18 => self.die(tale),
            _ => self.another(dice, tale),
        }
    }

    /// A new item, or one that both stores have lost.
    fn append(&mut self, dice: &mut Dice, tale: &Tale) {
        let lost = (0..self.next).find(|number| self.items.iter().all(|item| item.number != *number));
        let number = lost.filter(|_| dice.chance(500)).unwrap_or(self.next);
        self.next = self.next.max(number + 1);
        let at = any_folder(dice);
        // The same item has the same date, whenever it is appended.
        let date = InternalDate { seconds: 1_600_000_000 + i64::from(number) * 7777, ..InternalDate::default() };
        let envelope = Envelope { token: token(number), key: ItemKey(vec![1]), marks: marks(dice), date, sender: None };
        let item = NewItem { envelope: &envelope, size: body(number).len() as u64 };
        let [sim, real] = self.open.each_mut().map(|target| target.append(&folder(at), &item, &mut &body(number)[..]).expect("appended"));
        tale.same(&format!("append {number} to {}", folder(at)), sim.keywords_lost, real.keywords_lost);
        self.items.push(Item { number, folder: at, ids: [sim.id, real.id] });
        self.staged = true;
    }

    /// One of the items that are there.
    fn any_item(&self, dice: &mut Dice) -> Option<usize> {
        (!self.items.is_empty()).then(|| dice.below(self.items.len() as u64) as usize)
    }

    /// Does something to an item at both; what it is called afterwards.
    fn both(
        &mut self,
        tale: &Tale,
        what: String,
        item: &Item,
        mut act: impl FnMut(&mut dyn MailTarget, &TargetId) -> Result<Option<TargetId>, StoreError>,
    ) -> Option<[TargetId; 2]> {
        self.staged = true;
        let [sim, real] = self.open.each_mut();
        let answers = [act(&mut **sim, &item.ids[0]).expect("an answer"), act(&mut **real, &item.ids[1]).expect("an answer")];
        tale.same(&what, answers[0].is_some(), answers[1].is_some());
        let [sim, real] = answers;
        sim.zip(real).map(|(sim, real)| [sim, real])
    }

    fn mark(&mut self, dice: &mut Dice, tale: &Tale) {
        let Some(at) = self.any_item(dice) else { return };
        let (item, marks) = (self.items[at].clone(), marks(dice));
        let what = format!("mark {} {marks:?}", item.number);
        let ids = self.both(tale, what, &item, |target, id| target.set_marks(&folder(item.folder), id, &marks));
        self.items[at].ids = ids.expect("it is there");
    }

    fn move_one(&mut self, dice: &mut Dice, tale: &Tale) {
        let Some(at) = self.any_item(dice) else { return };
        let (item, to) = (self.items.remove(at), any_folder(dice));
        let what = format!("move {} from {} to {}", item.number, folder(item.folder), folder(to));
        let ids = self.both(tale, what, &item, |target, id| target.move_item(&folder(item.folder), id, &folder(to)));
        let moved = Item { ids: ids.expect("it is there"), folder: to, ..item };
        self.moved.push((item.folder, moved.clone()));
        self.items.push(moved);
    }

    /// As after a kill between the flush and its record.
    fn move_again(&mut self, dice: &mut Dice, tale: &Tale) {
        let Some((from, item)) = dice.pick(&self.moved).cloned() else { return };
        // Lost or moved on meanwhile: another story.
        if !self.items.contains(&item) {
            return;
        }
        let ids = self.both(tale, format!("move {} again", item.number), &item, |target, id| {
            target.move_item(&folder(from), id, &folder(item.folder))
        });
        assert!(ids.is_some(), "{item:?}");
    }

    fn remove(&mut self, dice: &mut Dice, tale: &Tale) {
        let Some(at) = self.any_item(dice) else { return };
        let item = self.items.remove(at);
        for _ in 0..=dice.below(2) {
            self.both(tale, format!("remove {}", item.number), &item, |target, id| target.remove(&folder(item.folder), id).map(|()| None));
        }
        let gone = self
            .both(tale, format!("mark {}", item.number), &item, |target, id| target.set_marks(&folder(item.folder), id, &Marks::default()));
        assert_eq!(gone, None);
    }

    /// Every item, in one folder.
    fn locate(&mut self, dice: &mut Dice, tale: &Tale) {
        if self.overtaken {
            return;
        }
        let at = any_folder(dice);
        let wanted = |number: u32| Wanted {
            token: token(number),
            digest: Digest::of(&body(number)),
            likeness: None,
            size: body(number).len() as u64,
            date: None,
        };
        let wanted: Vec<Wanted> = (0..=self.next).map(wanted).collect();
        let found = self.open.each_mut().map(|target| target.locate(&folder(at), &wanted).expect("an answer"));
        let there = |found: &Vec<Option<TargetId>>| found.iter().map(Option::is_some).collect::<Vec<_>>();
        tale.same(&format!("locate in {}", folder(at)), there(&found[0]), there(&found[1]));
        for item in self.items.iter().filter(|item| item.folder == at) {
            let ids = found.each_ref().map(|found| found[item.number as usize].clone());
            assert_eq!(ids, item.ids.clone().map(Some), "{item:?}");
        }
    }

    fn flush(&mut self, tale: &Tale) {
        tale.tell("flush".into());
        self.open.iter_mut().for_each(|target| target.flush().expect("a flush"));
        (self.flushed, self.staged) = (self.items.clone(), false);
        self.compare(tale);
    }

    /// Killed and started again: what was not flushed has not happened.
    fn die(&mut self, tale: &Tale) {
        tale.tell("die".into());
        // Its locks go with it before the next one begins.
        self.open[1] = self.stores.target("sim:a").expect("opened");
        self.open = self.targets();
        (self.items, self.staged, self.overtaken) = (self.flushed.clone(), false, false);
        self.compare(tale);
    }

    /// Somebody else changes the mailbox while nothing is staged here.
    fn another(&mut self, dice: &mut Dice, tale: &Tale) {
        if self.staged {
            return;
        }
        tale.tell("another:".into());
        let others = self.targets();
        let mine = std::mem::replace(&mut self.open, others);
        for _ in 0..3 {
            match dice.below(3) {
                0 => self.mark(dice, tale),
                1 => self.move_one(dice, tale),
                _ => self.remove(dice, tale),
            }
        }
        self.flush(tale);
        (self.open, self.overtaken) = (mine, true);
    }

    fn compare(&self, tale: &Tale) {
        let sim = contents(&mut *self.stores.source("sim:a").expect("opened"));
        let real = contents(&mut *(self.new_source)(self.home.path()));
        assert_eq!(sim.values().flatten().count(), self.items.len());
        tale.tell(format!("{} items in {} folders", self.items.len(), sim.len()));
        for at in 0..FOLDERS.len() {
            assert_eq!(sim.get(&folder(at)), real.get(&folder(at)), "{}: left simulated, right real", folder(at));
        }
    }
}

type Contents = BTreeMap<FolderPath, Vec<(String, Marks, i64)>>;

/// The items of every folder that has any, sorted: stores may list them in another order.
fn contents(source: &mut dyn MailSource) -> Contents {
    let mut all = Contents::new();
    for info in source.folders().expect("folders").into_iter().filter(|info| info.selectable) {
        let mut seen = Vec::new();
        source
            .scan(&info.path, &mut |item| {
                seen.push(item);
                Ok(())
            })
            .expect("a scan");
        for item in seen {
            let mut body = String::new();
            let mut opened = source.open(&info.path, &item.key).expect("an answer").expect("it is there");
            opened.reader.read_to_string(&mut body).expect("readable");
            drop(opened);
            all.entry(info.path.clone()).or_default().push((body, item.marks, item.date.seconds));
        }
    }
    all.values_mut().for_each(|items| items.sort_by(|one, other| one.0.cmp(&other.0)));
    all
}
