//! Which mailbox is next: in the order of the list, as many at a time as jobs, servers and accounts allow. One that has to wait for a
//! busy server lets others go before it.

use std::collections::{BTreeMap, VecDeque};

/// What a mailbox takes while it is at work: places at servers and accounts, by name.
pub type Needs = Vec<(String, usize)>;

#[derive(Debug)]
pub struct Queue {
    waiting: VecDeque<usize>,
    needs: Vec<Needs>,
    taken: BTreeMap<String, usize>,
    /// Places at each server. Whoever needs more works there alone.
    places: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Begin(usize),
    /// Until another is done.
    Wait,
    /// Nothing is waiting any more.
    End,
}

impl Queue {
    pub fn new(needs: Vec<Needs>, places: usize) -> Self {
        Queue { waiting: (0..needs.len()).collect(), needs, taken: BTreeMap::new(), places }
    }

    pub fn next(&mut self) -> Next {
        if self.waiting.is_empty() {
            return Next::End;
        }
        let Some(at) = self.waiting.iter().position(|number| self.has_room(*number)) else { return Next::Wait };
        let Some(number) = self.waiting.remove(at) else { return Next::Wait };
        for (place, count) in &self.needs[number] {
            *self.taken.entry(place.clone()).or_default() += count;
        }
        Next::Begin(number)
    }

    fn has_room(&self, number: usize) -> bool {
        self.needs[number].iter().all(|(place, count)| match self.taken.get(place) {
            None | Some(0) => true,
            Some(taken) => taken + count <= self.places,
        })
    }

    pub fn done(&mut self, number: usize) {
        for (place, count) in &self.needs[number] {
            if let Some(taken) = self.taken.get_mut(place) {
                *taken -= count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(words: &[(&str, usize)]) -> Needs {
        words.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn no_server_gets_more_connections_than_it_has_places_and_others_go_before() {
        let all =
            vec![needs(&[("a", 1), ("x", 2)]), needs(&[("a", 1), ("x", 2)]), needs(&[("a", 1), ("x", 2)]), needs(&[("b", 1), ("y", 2)])];
        let mut queue = Queue::new(all, 4);
        assert_eq!([queue.next(), queue.next(), queue.next(), queue.next()], [Next::Begin(0), Next::Begin(1), Next::Begin(3), Next::Wait]);
        queue.done(0);
        assert_eq!([queue.next(), queue.next()], [Next::Begin(2), Next::End]);
    }

    #[test]
    fn a_mailbox_that_needs_more_places_than_there_are_works_alone() {
        let mut queue = Queue::new(vec![needs(&[("a", 3)]), needs(&[("a", 3)])], 2);
        assert_eq!([queue.next(), queue.next()], [Next::Begin(0), Next::Wait]);
        queue.done(0);
        assert_eq!([queue.next(), queue.next()], [Next::Begin(1), Next::End]);
    }
}
