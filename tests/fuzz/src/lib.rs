//! What the fuzz targets share: a source of choices, and a forger of containers.
//!
//! The forger writes from docs/formats/prv.md alone, not with our writer: it gives any content the right digests, so that the
//! fuzzer gets behind them.

use blake3::hash;

/// Choices taken from the fuzzer's bytes; zeros when they are used up.
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub fn word(&mut self) -> u32 {
        u32::from(self.short()) | u32::from(self.short()) << 16
    }

    pub fn long(&mut self) -> u64 {
        u64::from(self.word()) | u64::from(self.word()) << 32
    }

    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A container of chosen blocks with a chosen index, signed as if it were ours.
pub fn forge(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut file = header(choices);
    let id: [u8; 16] = file.last_chunk::<32>().map(|digest| std::array::from_fn(|at| digest[at])).unwrap_or_default();
    let blocks: Vec<Block> = (0..choices.byte() % 8).map(|_| Block::choose(choices)).collect();
    let mut heads = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        heads.push(block.put(&mut file, number as u32, id));
    }
    let index_offset = file.len() as u64;
    let columns = columns(choices, &blocks, &heads);
    file.extend(index(&columns, id));
    trailer(choices, &mut file, &blocks, index_offset, &columns);
    if choices.byte() == 1 {
        let at = choices.word() as usize % file.len();
        file[at] ^= choices.byte();
    }
    file
}

fn header(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut rest = b"\x89PRV\r\n\x1a\n\x01\0".to_vec();
    rest.extend([1 + choices.byte() % 2, 0, 0, 0, 0, 0]);
    rest.extend(choices.word().to_le_bytes());
    rest.extend([7; 16]);
    let (sequence, epoch, base, previous, created_ms) = (1u64, 2, 3, 1, 4);
    for number in [sequence, epoch, base, previous, created_ms] {
        rest.extend(number.to_le_bytes());
    }
    for _ in 0..2 {
        let name = choices.byte() % 8;
        rest.extend([name, 0]);
        rest.extend(vec![b'n'; usize::from(name)]);
    }
    let mut frame = frame(0x50, rest.len() + 32, &rest);
    frame.extend(hash(&frame).as_bytes());
    frame
}

fn frame(nibble: u8, length: usize, rest: &[u8]) -> Vec<u8> {
    let mut frame = vec![nibble, 0x2A, 0x4D, 0x18];
    frame.extend((length as u32).to_le_bytes());
    frame.extend(rest);
    frame
}

fn pack(raw: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(raw, 1).unwrap_or_default()
}

struct Block {
    kind: u8,
    withdrawn: bool,
    records: u8,
    items: u8,
    lie: u8,
    raw: Vec<u8>,
}

impl Block {
    fn choose(choices: &mut Choices<'_>) -> Self {
        let bits = choices.byte();
        let (records, items, lie) = (choices.byte() % 16, choices.byte() % 8, choices.byte());
        let raw = if bits & 16 == 0 { records_of(choices) } else { choices.take(usize::from(bits)).to_vec() };
        Block { kind: bits % 3, withdrawn: bits & 8 != 0, records, items, lie, raw }
    }

    /// Writes the block and answers packed length and digest.
    fn put(&self, file: &mut Vec<u8>, number: u32, id: [u8; 16]) -> (u32, [u8; 32]) {
        let packed = pack(&self.raw);
        let raw_bytes = if self.lie == 255 { u32::MAX >> 8 } else { self.raw.len() as u32 };
        let mut rest = b"PRVB".to_vec();
        rest.extend(number.to_le_bytes());
        rest.extend([self.kind, 1, 0, 0]);
        for word in [raw_bytes, packed.len() as u32, self.records.into(), self.items.into()] {
            rest.extend(word.to_le_bytes());
        }
        rest.extend(id);
        let head = frame(0x51, 76, &rest);
        let digest = *blake3::Hasher::new().update(&head).update(&packed).finalize().as_bytes();
        file.extend(head);
        file.extend(digest);
        file.extend(&packed);
        (packed.len() as u32, digest)
    }
}

/// Records with right lengths, mostly.
fn records_of(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut raw = Vec::new();
    for _ in 0..choices.byte() % 12 {
        let kind = choices.byte();
        let length = usize::from(choices.byte());
        let payload = choices.take(length);
        raw.push(if kind < 200 { kind % 12 } else { kind });
        raw.extend((payload.len() as u32).to_le_bytes());
        raw.extend(payload);
        if kind % 12 == 2 {
            raw.extend(vec![b'b'; usize::from(payload.first().copied().unwrap_or(0))]);
        }
    }
    raw
}

fn columns(choices: &mut Choices<'_>, blocks: &[Block], heads: &[(u32, [u8; 32])]) -> Vec<u8> {
    let live = |block: &Block, count: u8| u32::from(if block.withdrawn { 0 } else { count });
    let items: u32 = blocks.iter().map(|block| live(block, block.items)).sum();
    let mut out = (blocks.len() as u32).to_le_bytes().to_vec();
    out.extend(items.to_le_bytes());
    out.extend(blocks.iter().map(|block| if block.withdrawn { 3 } else { block.kind }));
    out.extend(heads.iter().flat_map(|(packed, _)| packed.to_le_bytes()));
    out.extend(blocks.iter().flat_map(|block| (block.raw.len() as u32).to_le_bytes()));
    out.extend(blocks.iter().flat_map(|block| live(block, block.records).to_le_bytes()));
    out.extend(blocks.iter().flat_map(|block| live(block, block.items).to_le_bytes()));
    out.extend(heads.iter().flat_map(|(_, digest)| *digest));
    out.extend((0..items).flat_map(|_| u32::from(choices.byte()).to_le_bytes()));
    out.extend((0..items).flat_map(|_| u32::from(choices.byte()).to_le_bytes()));
    out.extend((0..items).flat_map(|_| u64::from(choices.short()).to_le_bytes()));
    out.extend((0..items).flat_map(|_| [choices.byte(); 16]));
    out.extend((0..items).flat_map(|_| [choices.byte(); 32]));
    if choices.byte() == 1 {
        let at = choices.short() as usize % out.len();
        out[at] ^= choices.byte();
    }
    out
}

fn index(columns: &[u8], id: [u8; 16]) -> Vec<u8> {
    let mut rest = b"PRVI".to_vec();
    rest.extend((columns.len() as u32).to_le_bytes());
    rest.extend(id);
    rest.extend(pack(columns));
    let mut frame = frame(0x52, rest.len() + 32, &rest);
    frame.extend(hash(&frame).as_bytes());
    frame
}

fn trailer(choices: &mut Choices<'_>, file: &mut Vec<u8>, blocks: &[Block], index_offset: u64, columns: &[u8]) {
    let live = || blocks.iter().filter(|block| !block.withdrawn);
    let mut rest = b"PRVEND\r\n\x01\0\0\0".to_vec();
    rest.extend((blocks.len() as u32).to_le_bytes());
    let numbers = [
        index_offset,
        file.len() as u64 - index_offset,
        live().map(|block| u64::from(block.records)).sum(),
        u64::from(u32::from_le_bytes([columns[4], columns[5], columns[6], columns[7]])),
        blocks.iter().map(|block| block.raw.len() as u64).sum(),
    ];
    numbers.iter().for_each(|number| rest.extend(number.to_le_bytes()));
    if choices.byte() == 1 {
        let at = usize::from(choices.byte()) % rest.len();
        rest[at] ^= choices.byte();
    }
    file.extend(frame(0x53, 88, &rest));
    file.extend(hash(file).as_bytes());
}
