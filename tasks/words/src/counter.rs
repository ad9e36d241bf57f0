//! Counts the words of a text, in as many passes over it as memory asks for.
//!
//! Invariant: the tables hold exactly those words of the pass so far that are of its partition, with the
//! right counts; the partitions of this pass, of the ones done and of those pending make up all words.

use crate::giant::{Giant, Giants};
use crate::key::{Key, hash_long};
use crate::long::LongTable;
use crate::partition::Partition;
use crate::ranking::Ranking;
use crate::scan::{Scan, Words};
use crate::short::{Full, ShortTable};

/// How much memory counting may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Slots for words of up to sixteen bytes, 24 bytes each, three quarters of which are used.
    pub slots_max: usize,
    /// Memory for longer words, in bytes.
    pub long_bytes_max: usize,
}

impl Limits {
    /// Suits the kernel's default of 256 MiB for each task: 96 MiB and 40 MiB, and half as much again for
    /// a moment while a table grows.
    pub const DEFAULT: Limits = Limits {
        slots_max: 1 << 22,
        long_bytes_max: 40 << 20,
    };
}

/// Which words a pass counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pass {
    /// The first one counts giants too.
    First,
    Later,
}

/// What words are counted in.
#[derive(Debug)]
struct Tables {
    pass: Pass,
    partition: Partition,
    pending: Vec<Partition>,
    short: ShortTable,
    long: LongTable,
    giants: Giants,
    folded: Vec<u8>,
    overflow: Result<(), Full>,
}

/// Counts words.
#[derive(Debug)]
pub struct Counter {
    scan: Scan,
    tables: Tables,
}

impl Counter {
    /// Begins the first pass.
    pub fn new(limits: Limits) -> Counter {
        Counter {
            scan: Scan::default(),
            tables: Tables {
                pass: Pass::First,
                partition: Partition::ALL,
                pending: Vec::new(),
                short: ShortTable::new(limits.slots_max),
                long: LongTable::new(limits.long_bytes_max),
                giants: Giants::default(),
                folded: Vec::new(),
                overflow: Ok(()),
            },
        }
    }

    /// Counts the next bytes of the text.
    ///
    /// # Errors
    /// There is no memory even for the smallest part of the words.
    pub fn feed(&mut self, batch: &[u8]) -> Result<(), Full> {
        self.scan.feed(batch, &mut self.tables);
        self.tables.overflow
    }

    /// The text has ended: the pass is complete.
    ///
    /// # Errors
    /// As for [`Counter::feed`].
    pub fn finish(&mut self) -> Result<(), Full> {
        self.scan.finish(&mut self.tables);
        self.tables.overflow
    }

    /// Whether there are words that this pass did not count.
    pub fn is_partial(&self) -> bool {
        !self.tables.pending.is_empty()
    }

    /// The commonest words of this pass, at most so many, without giants.
    pub fn ranking(&self, most: usize) -> Ranking<'_> {
        Ranking::new(&self.tables.short, &self.tables.long, most)
    }

    /// The giants of the text.
    pub fn giants(&self) -> &[Giant] {
        self.tables.giants.found()
    }

    /// Begins the next pass, for which the whole text must be fed again. Answers whether there is one.
    pub fn next_pass(&mut self) -> bool {
        let Some(partition) = self.tables.pending.pop() else {
            return false;
        };
        self.scan.restart();
        self.tables.pass = Pass::Later;
        self.tables.partition = partition;
        self.tables.short.clear();
        self.tables.long.clear();
        true
    }
}

impl Tables {
    /// Makes room: halves this pass's part of the words.
    fn halve(&mut self) -> Result<(), Full> {
        let (mine, later) = self.partition.halves().ok_or(Full)?;
        self.partition = mine;
        self.pending.push(later);
        self.short.retain(mine);
        self.long.retain(mine);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn short_again(&mut self, word: Key, hash: u64) {
        while self.partition.has(hash) && self.short.count(word, hash).is_err() {
            if self.halve().is_err() {
                self.overflow = Err(Full);
                return;
            }
        }
    }
}

impl Words for Tables {
    #[inline]
    fn short(&mut self, word: Key) {
        let hash = word.hash();
        if self.partition.has(hash) && self.short.count(word, hash).is_err() {
            self.short_again(word, hash);
        }
    }

    #[inline(never)]
    fn long(&mut self, word: &[u8]) {
        self.folded.clear();
        self.folded.extend_from_slice(word);
        self.folded.make_ascii_lowercase();
        let hash = hash_long(&self.folded);
        while self.partition.has(hash) && self.long.count(&self.folded, hash).is_err() {
            if self.halve().is_err() {
                self.overflow = Err(Full);
                return;
            }
        }
    }

    fn giant_piece(&mut self, piece: &[u8]) {
        if self.pass == Pass::First {
            self.giants.piece(piece);
        }
    }

    fn giant_end(&mut self, offset: u64, bytes: u64) {
        if self.pass == Pass::First {
            self.giants.end(offset, bytes);
        }
    }
}
