//! Items of equal bytes matched one to one.
//!
//! Among equal ones those with the same marks and date are matched first, then those with the same marks, then those with
//! the same date, then what is left: only what really differs is listed, and as little of it as can be.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::items::Item;
use crate::model::Keywords;

/// What became of two folders.
#[derive(Default)]
pub(super) struct Matched {
    pub missing: Vec<Item>,
    /// With whether the source has the same bytes in this folder, only fewer times.
    pub extra: Vec<(Item, bool)>,
    /// Equal bytes, other marks or date.
    pub changed: Vec<(Item, Item)>,
}

type Order = fn(&Item, &Item) -> Ordering;

const STAGES: [Order; 4] = [by_marks_and_date, by_marks, by_date, |_, _| Ordering::Equal];

pub(super) fn same_marks(left: &Item, right: &Item) -> bool {
    by_marks(left, right).is_eq()
}

pub(super) fn matched(source: Vec<Item>, target: Vec<Item>) -> Matched {
    let (mut source, mut target) = (groups(source), groups(target));
    let mut matched = Matched::default();
    let (mut here, mut there) = (source.next(), target.next());
    loop {
        let order = match (&here, &there) {
            (Some(left), Some(right)) => left[0].digest.cmp(&right[0].digest),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let left = if order.is_le() { std::mem::replace(&mut here, source.next()) } else { None };
        let right = if order.is_ge() { std::mem::replace(&mut there, target.next()) } else { None };
        matched.group(left.unwrap_or_default(), right.unwrap_or_default());
    }
    matched.in_order();
    matched
}

/// Items of equal bytes together, by digest.
fn groups(mut items: Vec<Item>) -> impl Iterator<Item = Vec<Item>> {
    items.sort_by_key(|item| item.digest);
    let mut items = items.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut group = vec![items.next()?];
        while let Some(item) = items.next_if(|item| item.digest == group[0].digest) {
            group.push(item);
        }
        Some(group)
    })
}

impl Matched {
    fn group(&mut self, mut source: Vec<Item>, mut target: Vec<Item>) {
        let known = !source.is_empty();
        for (number, order) in STAGES.into_iter().enumerate() {
            let pairs;
            (pairs, source, target) = pair(source, target, order);
            if number > 0 {
                self.changed.extend(pairs);
            }
        }
        self.missing.extend(source);
        self.extra.extend(target.into_iter().map(|item| (item, known)));
    }

    /// As a person reads a folder: from its first item to its last.
    fn in_order(&mut self) {
        self.missing.sort_by_key(|item| item.number);
        self.extra.sort_by_key(|(item, _)| item.number);
        self.changed.sort_by_key(|(item, _)| item.number);
    }
}

/// Pairs what `order` calls equal; answers the pairs and what is left of both.
fn pair(mut source: Vec<Item>, mut target: Vec<Item>, order: Order) -> (Vec<(Item, Item)>, Vec<Item>, Vec<Item>) {
    source.sort_by(order);
    target.sort_by(order);
    let (mut pairs, mut missing, mut extra) = (Vec::new(), Vec::new(), Vec::new());
    let (mut source, mut target) = (source.into_iter().peekable(), target.into_iter().peekable());
    while let (Some(left), Some(right)) = (source.peek(), target.peek()) {
        match order(left, right) {
            Ordering::Less => missing.extend(source.next()),
            Ordering::Greater => extra.extend(target.next()),
            Ordering::Equal => pairs.extend(source.next().zip(target.next())),
        }
    }
    missing.extend(source);
    extra.extend(target);
    (pairs, missing, extra)
}

fn by_marks_and_date(left: &Item, right: &Item) -> Ordering {
    by_date(left, right).then_with(|| by_marks(left, right))
}

fn by_date(left: &Item, right: &Item) -> Ordering {
    left.seconds.cmp(&right.seconds)
}

fn by_marks(left: &Item, right: &Item) -> Ordering {
    let flags = left.marks.flags.cmp(&right.marks.flags);
    flags.then_with(|| by_keywords(&left.marks.keywords, &right.marks.keywords))
}

fn by_keywords(left: &Keywords, right: &Keywords) -> Ordering {
    if left == right { Ordering::Equal } else { folded(left).cmp(&folded(right)) }
}

/// Keywords are compared without case (RFC 9051).
fn folded(keywords: &Keywords) -> Cow<'_, Keywords> {
    match keywords.iter().any(|keyword| keyword.bytes().any(|byte| byte.is_ascii_uppercase())) {
        true => Cow::Owned(keywords.iter().map(|keyword| keyword.to_ascii_lowercase()).collect()),
        false => Cow::Borrowed(keywords),
    }
}
