//! What a node has gathered and not stored yet, on local disk, so that a killed process loses no more than a moment of it.
//!
//! Everything is written each time, into two files in turn. A file holds one record: magic, number of the record, length, CRC-32 of both and
//! of the payload, payload. The valid record with the higher number counts; one that was torn leaves the one before it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{BatchHead, BatchRows};

/// First bytes of a record, its encoding's version among them.
const MAGIC: [u8; 4] = *b"LGJ1";
/// Magic, number, length, checksum.
const HEADER_BYTES: usize = 4 + 8 + 4 + 4;

/// A batch that is numbered and not confirmed.
pub(super) type Numbered<R> = (BatchHead, Arc<R>);

/// What a run left unconfirmed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Left<R> {
    /// Batches that were or may have been sent.
    pub(super) numbered: Vec<(BatchHead, R)>,
    /// What was gathered since, and the head that it would have got; `None` where the run had ended.
    pub(super) open: Option<(BatchHead, R)>,
}

impl<R> Default for Left<R> {
    fn default() -> Self {
        Self {
            numbered: Vec::new(),
            open: None,
        }
    }
}

#[derive(Serialize)]
struct Written<'a, R> {
    numbered: Vec<(BatchHead, &'a R)>,
    open: Option<(BatchHead, &'a R)>,
}

type Encode<R> =
    fn(&VecDeque<Numbered<R>>, Option<(BatchHead, &R)>) -> Result<Vec<u8>, postcard::Error>;

/// The two files.
#[derive(Debug)]
pub struct Journal<R> {
    files: [PathBuf; 2],
    /// Of the newest record.
    number: u64,
    /// Whether that has rows. One without, after one without, need not wait for the disk: an idle node leaves it alone.
    has_rows: bool,
    encode: Encode<R>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal `name` in a directory that no other process uses, and reads what an earlier run left. What cannot be read is told
    /// of in the log and given up: the database knows up to when that run's counts are there.
    pub fn open(directory: &Path, name: &str) -> (Self, Left<R>) {
        let files = ["a", "b"].map(|slot| directory.join(format!("{name}.{slot}")));
        let newest = files
            .iter()
            .filter_map(|path| read_record(path))
            .max_by_key(|(number, _)| *number);
        let (number, left) = match newest {
            None => (0, Left::default()),
            Some((number, payload)) => {
                let left = postcard::from_bytes(&payload).unwrap_or_else(|error| {
                    tracing::error!(%error, name, "cannot read what an earlier run counted last; it is lost");
                    Left::default()
                });
                (number, left)
            }
        };
        let journal = Self {
            files,
            number,
            has_rows: true,
            encode: encode::<R>,
        };
        (journal, left)
    }
}

impl<R: BatchRows> Journal<R> {
    /// Replaces what is kept. When it returns, neither a killed process nor a power cut loses it.
    ///
    /// # Errors
    /// The disk's; what was kept before may be kept still.
    pub(super) fn write(
        &mut self,
        numbered: &VecDeque<Numbered<R>>,
        open: Option<(BatchHead, &R)>,
    ) -> io::Result<()> {
        let payload = (self.encode)(numbered, open).map_err(io::Error::other)?;
        let has_rows = numbered.iter().any(|(_, rows)| rows.count() > 0)
            || open.is_some_and(|(_, rows)| rows.count() > 0);
        let number = self.number + 1;
        let [first, second] = &self.files;
        let path = if number.is_multiple_of(2) {
            first
        } else {
            second
        };
        let record = record(number, &payload)?;
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)?;
        file.write_all(&record)?;
        if has_rows || self.has_rows {
            file.sync_data()?;
        }
        self.has_rows = has_rows;
        self.number = number;
        Ok(())
    }

    /// Forgets what is kept.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.has_rows = true;
        for path in self.files.iter().filter(|path| path.exists()) {
            File::create(path)?.sync_data()?;
        }
        Ok(())
    }
}

fn encode<R: Serialize>(
    numbered: &VecDeque<Numbered<R>>,
    open: Option<(BatchHead, &R)>,
) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(&Written {
        numbered: numbered
            .iter()
            .map(|(head, rows)| (*head, rows.as_ref()))
            .collect(),
        open,
    })
}

fn record(number: u64, payload: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut record = Vec::with_capacity(HEADER_BYTES + payload.len());
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&checksum(number, payload).to_le_bytes());
    record.extend_from_slice(payload);
    Ok(record)
}

fn checksum(number: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Number and payload; `None` where there is no whole record.
fn read_record(path: &Path) -> Option<(u64, Vec<u8>)> {
    let bytes = std::fs::read(path).ok()?;
    let record = parse_record(&bytes);
    if record.is_none() && !bytes.is_empty() {
        tracing::warn!(file = %path.display(), "the last record of what was counted is torn; the one before it counts");
    }
    record
}

fn parse_record(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (expected, rest) = rest.split_first_chunk::<4>()?;
    let number = u64::from_le_bytes(*number);
    let payload = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (checksum(number, payload) == u32::from_le_bytes(*expected))
        .then(|| (number, payload.to_owned()))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use limpid_domain::ids::{NodeId, RunId};
    use sqlx::PgConnection;

    use super::*;
    use crate::error::StoreError;

    /// Rows that are only kept.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    struct Numbers(Vec<u32>);

    impl BatchRows for Numbers {
        async fn append(&self, _: &mut PgConnection, _: BatchHead) -> Result<(), StoreError> {
            Ok(())
        }

        fn halves(self) -> Result<[Self; 2], Self> {
            Err(self)
        }

        fn count(&self) -> usize {
            self.0.len()
        }

        fn joined(mut self, others: Self) -> Self {
            self.0.extend(others.0);
            self
        }
    }

    fn head(seq: i64) -> BatchHead {
        BatchHead {
            node: NodeId(7),
            run: RunId::mint(),
            began_at: DateTime::UNIX_EPOCH,
            seq,
            counted_to: DateTime::UNIX_EPOCH,
            stopped: false,
        }
    }

    #[test]
    fn what_was_written_last_is_read_and_a_record_torn_anywhere_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, left) = Journal::<Numbers>::open(directory.path(), "usage");
        assert_eq!(left, Left::default());
        let (first, second) = (head(1), head(2));
        let numbered = VecDeque::from([(first, Arc::new(Numbers(vec![1, 2, 3])))]);
        journal.write(&numbered, None).unwrap();
        journal
            .write(&VecDeque::new(), Some((second, &Numbers(vec![4]))))
            .unwrap();
        let (again, left) = Journal::<Numbers>::open(directory.path(), "usage");
        assert_eq!(left.open, Some((second, Numbers(vec![4]))));
        assert_eq!(again.number, 2);

        let newest = directory.path().join("usage.a");
        let whole = std::fs::read(&newest).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&newest, &whole[..length]).unwrap();
            let (again, left) = Journal::<Numbers>::open(directory.path(), "usage");
            assert_eq!(
                left.numbered,
                [(first, Numbers(vec![1, 2, 3]))],
                "cut at {length}"
            );
            assert_eq!(again.number, 1);
        }
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 0x10;
            std::fs::write(&newest, &flipped).unwrap();
            let (_, left) = Journal::<Numbers>::open(directory.path(), "usage");
            assert_eq!(left.numbered.len(), 1, "flipped at {place}");
        }
    }

    #[test]
    fn nothing_is_left_of_what_was_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::<Numbers>::open(directory.path(), "usage");
        let rows = Numbers(vec![9]);
        journal
            .write(&VecDeque::new(), Some((head(1), &rows)))
            .unwrap();
        journal.forget().unwrap();
        let (_, left) = Journal::<Numbers>::open(directory.path(), "usage");
        assert_eq!(left, Left::default());
    }
}
