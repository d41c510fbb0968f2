//! Packs blocks, in the caller's thread or in workers, and gives them back in the order they came.
//!
//! Each worker has its own short queue and takes every n-th block: the order is fixed by counting, and the bytes do not depend on
//! the number of threads. zstd's own threads were the other road: slower in our measurements, and their output is tied to
//! the job size.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use zstd::bulk::Compressor;

use super::block::{BlockHead, compressor, pack};
use super::error::PrvError;

/// A block on its way to the file.
pub(super) struct Job {
    pub head: BlockHead,
    pub raw: Vec<u8>,
    pub packed: Vec<u8>,
    /// The head as it goes to the file, once packed.
    pub sealed: Vec<u8>,
}

impl Job {
    pub fn new(head: BlockHead, raw: Vec<u8>, packed: Vec<u8>) -> Self {
        Job { head, raw, packed, sealed: Vec::new() }
    }

    fn pack(mut self, compressor: &mut Compressor<'_>) -> Result<Self, PrvError> {
        pack(compressor, &self.raw, &mut self.packed)?;
        self.sealed = self.head.seal(&self.packed)?;
        Ok(self)
    }
}

pub(super) enum Packer {
    Here { compressor: Box<Compressor<'static>>, done: VecDeque<Job> },
    Workers { workers: Vec<Worker>, submitted: usize, collected: usize },
}

pub(super) struct Worker {
    jobs: SyncSender<Job>,
    done: Receiver<Result<Job, PrvError>>,
}

impl Packer {
    pub fn new(level: i32, threads: usize) -> Result<Self, PrvError> {
        if threads < 2 {
            return Ok(Packer::Here { compressor: Box::new(compressor(level)?), done: VecDeque::new() });
        }
        let workers = (0..threads).map(|_| Worker::start(level)).collect::<Result<_, _>>()?;
        Ok(Packer::Workers { workers, submitted: 0, collected: 0 })
    }

    pub fn submit(&mut self, job: Job) -> Result<(), PrvError> {
        match self {
            Packer::Here { compressor, done } => done.push_back(job.pack(compressor)?),
            Packer::Workers { workers, submitted, .. } => {
                workers[*submitted % workers.len()].jobs.send(job).map_err(|_| stopped())?;
                *submitted += 1;
            }
        }
        Ok(())
    }

    /// The oldest block, packed, when the queue is full.
    pub fn ready(&mut self) -> Result<Option<Job>, PrvError> {
        match self {
            Packer::Workers { workers, submitted, collected } if *submitted - *collected <= workers.len() => Ok(None),
            _ => self.rest(),
        }
    }

    /// The oldest block, packed; `None` when all are collected.
    pub fn rest(&mut self) -> Result<Option<Job>, PrvError> {
        match self {
            Packer::Here { done, .. } => Ok(done.pop_front()),
            Packer::Workers { submitted, collected, .. } if submitted == collected => Ok(None),
            Packer::Workers { workers, collected, .. } => {
                let job = workers[*collected % workers.len()].done.recv().map_err(|_| stopped())??;
                *collected += 1;
                Ok(Some(job))
            }
        }
    }
}

impl Worker {
    fn start(level: i32) -> Result<Self, PrvError> {
        let (jobs, todo) = sync_channel::<Job>(1);
        let (send, done) = sync_channel(1);
        let mut compressor = compressor(level)?;
        let work = move || {
            for job in todo {
                if send.send(job.pack(&mut compressor)).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("prv-pack".into()).spawn(work)?;
        Ok(Worker { jobs, done })
    }
}

fn stopped() -> PrvError {
    PrvError::Io(io::Error::other("a compression thread has stopped"))
}
