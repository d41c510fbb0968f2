//! The states that have been met: 22 bytes for each, whatever its size.
//!
//! A state is known by a fingerprint of 64 bits. With ten million states two of them share one with a chance of three in a
//! million; then the second would be missed.

pub const NONE: u32 = u32::MAX;

/// Numbers of fingerprints by open addressing; what is known of each state by its number.
pub struct Known {
    slots: Vec<u32>,
    prints: Vec<u64>,
    parents: Vec<u32>,
    /// The first step of each state: the run in which everyone gets on.
    pub firsts: Vec<u32>,
    /// Layers in which each state was met, one bit each.
    pub layers: Vec<u16>,
}

impl Known {
    pub fn new() -> Self {
        Known { slots: vec![NONE; 1 << 16], prints: Vec::new(), parents: Vec::new(), firsts: Vec::new(), layers: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.prints.len()
    }

    /// The number of a state, and whether it is new.
    pub fn number(&mut self, print: u64, parent: u32) -> (u32, bool) {
        if self.prints.len() * 8 > self.slots.len() * 5 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = print as usize & mask;
        loop {
            match self.slots[at] {
                NONE => break,
                number if self.prints[number as usize] == print => return (number, false),
                _ => at = (at + 1) & mask,
            }
        }
        let number = self.prints.len() as u32;
        self.slots[at] = number;
        self.prints.push(print);
        self.parents.push(parent);
        self.firsts.push(NONE);
        self.layers.push(0);
        (number, true)
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots = vec![NONE; size];
        for (number, print) in self.prints.iter().enumerate() {
            let mut at = *print as usize & (size - 1);
            while self.slots[at] != NONE {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = number as u32;
        }
    }

    pub fn path(&self, mut number: u32) -> Vec<u64> {
        let mut path = Vec::new();
        while number != NONE {
            path.push(self.prints[number as usize]);
            number = self.parents[number as usize];
        }
        path.reverse();
        path
    }

    /// A state from which the run of first steps never ends.
    pub fn endless(&self) -> Option<u32> {
        const ENDS: u8 = 2;
        let mut marks = vec![0u8; self.firsts.len()];
        for start in 0..self.firsts.len() as u32 {
            let mut at = start;
            while at != NONE && marks[at as usize] == 0 {
                marks[at as usize] = 1;
                at = self.firsts[at as usize];
            }
            if at != NONE && marks[at as usize] == 1 {
                return Some(at);
            }
            let mut at = start;
            while at != NONE && marks[at as usize] == 1 {
                marks[at as usize] = ENDS;
                at = self.firsts[at as usize];
            }
        }
        None
    }
}
