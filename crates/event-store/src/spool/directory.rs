//! The spool's directory: lock, identity, acknowledgement, recovery.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use limpid_domain::ids::{BatchSeq, NodeId};

use super::SpoolError;
use super::dead_letter::DeadLetter;
use super::segment::{self, Segment, find_tail};

/// An open spool directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) node: NodeId,
    pub(super) dead_letter: DeadLetter,
    ack: File,
    /// The kernel lets go of it when the process dies.
    _lock: File,
}

/// What is in it after a crash.
#[derive(Debug)]
pub(super) struct Recovered {
    /// In order; at least one.
    pub(super) segments: VecDeque<Segment>,
    /// The next number.
    pub(super) next: BatchSeq,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, SpoolError> {
        fs::create_dir_all(path).map_err(SpoolError::file("create", path))?;
        let lock = lock(path)?;
        let node = read_or_draw_node(path)?;
        let ack_path = path.join("ack");
        let ack = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&ack_path)
            .map_err(SpoolError::file("open", &ack_path))?;
        Ok(Self {
            path: path.to_owned(),
            node,
            dead_letter: DeadLetter::new(path.join("dead-letter.jsonl")),
            ack,
            _lock: lock,
        })
    }

    /// Lists the segments and cuts the half-written end off the newest one.
    pub(super) fn recover(&self) -> Result<Recovered, SpoolError> {
        let firsts = list_segments(&self.path)?;
        let Some((&newest, older)) = firsts.split_last() else {
            return self.first_segment();
        };
        let path = segment::path_of(&self.path, newest);
        let tail = find_tail(&path, newest, self.node)?;
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(SpoolError::file("open", &path))?;
        if !tail.rest.is_empty() {
            tracing::warn!(
                bytes = tail.rest.len(),
                "the failure spool ends in half a frame; cutting it off"
            );
            self.dead_letter
                .write_damage(&path, tail.valid_bytes, &tail.rest);
            file.set_len(tail.valid_bytes)
                .map_err(SpoolError::file("truncate", &path))?;
        }
        file.sync_all().map_err(SpoolError::file("sync", &path))?;
        let ends = firsts.iter().skip(1);
        let mut segments = VecDeque::with_capacity(firsts.len());
        for (&first, &end) in older.iter().zip(ends) {
            let path = segment::path_of(&self.path, first);
            let metadata = fs::metadata(&path).map_err(SpoolError::file("read", &path))?;
            segments.push_back(Segment {
                first,
                end,
                bytes: metadata.len(),
                readable: metadata.len(),
            });
        }
        segments.push_back(Segment {
            first: newest,
            end: tail.next,
            bytes: tail.valid_bytes,
            readable: tail.valid_bytes,
        });
        Ok(Recovered {
            segments,
            next: tail.next,
        })
    }

    fn first_segment(&self) -> Result<Recovered, SpoolError> {
        // Without segments the acknowledgement is all that remembers the numbers.
        let first = BatchSeq(self.read_ack().0 + 1);
        create_segment(&self.path, first)?;
        Ok(Recovered {
            segments: VecDeque::from([Segment {
                first,
                end: first,
                bytes: 0,
                readable: 0,
            }]),
            next: first,
        })
    }

    /// The newest acknowledged batch; 0 when the file says nothing valid, which only means a replay.
    pub(super) fn read_ack(&self) -> BatchSeq {
        let mut bytes = [0; 12];
        if self.ack.read_exact_at(&mut bytes, 0).is_err() {
            return BatchSeq(0);
        }
        let Some((seq, crc)) = bytes.split_first_chunk::<8>() else {
            return BatchSeq(0);
        };
        if crc == crc32fast::hash(seq).to_le_bytes() {
            BatchSeq(i64::from_le_bytes(*seq))
        } else {
            BatchSeq(0)
        }
    }

    /// Remembers the newest acknowledged batch. Not synced: an older value is a replay, which is harmless.
    pub(super) fn write_ack(&self, seq: BatchSeq) -> Result<(), SpoolError> {
        let seq = seq.0.to_le_bytes();
        let mut bytes = seq.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&seq).to_le_bytes());
        self.ack
            .write_all_at(&bytes, 0)
            .map_err(SpoolError::file("write", &self.path.join("ack")))
    }
}

/// A test once found the lock it had just given up still taken. The likely cause: a process that is being started at that moment
/// holds a copy of the file until it has become another program. So a lock that is taken is tried again for a little while.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Creates the file of a new segment so that it survives a power cut.
pub(super) fn create_segment(dir: &Path, first: BatchSeq) -> Result<File, SpoolError> {
    let path = segment::path_of(dir, first);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(SpoolError::file("create", &path))?;
    sync_dir(dir)?;
    Ok(file)
}

fn sync_dir(dir: &Path) -> Result<(), SpoolError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(SpoolError::file("sync", dir))
}

fn lock(dir: &Path) -> Result<File, SpoolError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(SpoolError::file("create", &path))?;
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(SpoolError::InUse {
                    dir: dir.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(SpoolError::file("lock", &path)(source));
            }
        }
    }
}

fn list_segments(dir: &Path) -> Result<Vec<BatchSeq>, SpoolError> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir).map_err(SpoolError::file("list", dir))? {
        let entry = entry.map_err(SpoolError::file("list", dir))?;
        firsts.extend(segment::first_of(&entry.path()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn read_or_draw_node(dir: &Path) -> Result<NodeId, SpoolError> {
    let path = dir.join("node");
    if let Ok(text) = fs::read_to_string(&path)
        && let Ok(node) = text.trim().parse()
    {
        return Ok(NodeId(node));
    }
    if path.exists() || !list_segments(dir)?.is_empty() {
        return Err(SpoolError::NodeUnknown {
            dir: dir.to_owned(),
        });
    }
    // 63 bits: PostgreSQL's bigint has a sign. Drawn, not leased, so that a node starts without a database.
    let node = (rand::random::<i64>() & i64::MAX).max(1);
    let unfinished = dir.join("node.unfinished");
    let mut file = File::create(&unfinished).map_err(SpoolError::file("create", &unfinished))?;
    writeln!(file, "{node}")
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(SpoolError::file("write", &path))?;
    sync_dir(dir)?;
    Ok(NodeId(node))
}
