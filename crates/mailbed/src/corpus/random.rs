//! Numbers from a seed and a word: SplitMix64.

#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64, word: &str) -> Self {
        let digest = blake3::hash(format!("{seed}/{word}").as_bytes());
        let first = digest.as_bytes().first_chunk().copied().unwrap_or_default();
        Random { state: u64::from_le_bytes(first) }
    }

    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to it, without it; 0 for 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(end)) >> 64) as u64
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn one_of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len() as u64) as usize]
    }

    pub fn log_normal(&mut self, mu: f64, sigma: f64) -> f64 {
        // The sum of twelve is as normal as mail needs, and the same on every machine.
        let normal = (0..12).map(|_| self.fraction()).sum::<f64>() - 6.0;
        (mu + sigma * normal).exp()
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.draw().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}
