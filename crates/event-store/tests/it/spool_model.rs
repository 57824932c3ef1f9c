//! The spool behaves as a queue in memory does, whatever happens in between.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;

use limpid_domain::ids::{BatchSeq, EventId};
use limpid_event_store::spool::{self, Frame, FsyncPolicy, SpoolConfig};
use proptest::prelude::*;

use crate::spool::{generator, ids, segments};

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Sync,
    Read(usize),
    Ack(usize),
    /// Kill -9 and start again: what was written stays, the reader begins after the acknowledgement.
    Restart,
    /// The same, with garbage at the end of the newest segment.
    RestartTorn(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..30).prop_map(Step::Append),
        2 => Just(Step::Sync),
        3 => (1_usize..60).prop_map(Step::Read),
        2 => (1_usize..5).prop_map(Step::Ack),
        1 => Just(Step::Restart),
        1 => proptest::collection::vec(any::<u8>(), 1..30).prop_map(Step::RestartTorn),
    ]
}

/// What a queue without disks would do.
#[derive(Default)]
struct Model {
    frames: VecDeque<(BatchSeq, Vec<EventId>)>,
    synced: i64,
    delivered: i64,
    acked: i64,
}

impl Model {
    fn after(&self, seq: i64) -> Vec<(BatchSeq, Vec<EventId>)> {
        let later = self.frames.iter().filter(|(frame, _)| frame.0 > seq);
        later.cloned().collect()
    }

    fn newest(&self) -> i64 {
        self.frames.back().map_or(0, |(seq, _)| seq.0)
    }
}

fn contents(frames: &[Frame]) -> Vec<(BatchSeq, Vec<EventId>)> {
    let content = |frame: &Frame| (frame.batch_seq, ids(&frame.events().0));
    frames.iter().map(content).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_spool_is_a_queue_that_survives_its_process(steps in proptest::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let config = SpoolConfig {
            fsync: FsyncPolicy::Every(std::time::Duration::from_millis(50)),
            segment_bytes: 6_000,
            ..SpoolConfig::new(dir.path())
        };
        let mut events = generator(99);
        let mut model = Model::default();
        let mut open = Some(spool::open(config.clone()).unwrap());
        for step in steps {
            match step {
                Step::Append(count) => {
                    let (writer, _) = open.as_mut().unwrap();
                    let batch = events.take(count);
                    let seq = writer.append(&batch).unwrap();
                    model.frames.push_back((seq, ids(&batch)));
                }
                Step::Sync => {
                    open.as_mut().unwrap().0.sync().unwrap();
                    model.synced = model.newest();
                }
                Step::Read(max_events) => {
                    let (_, reader) = open.as_mut().unwrap();
                    let read = contents(&reader.next_frames(max_events).unwrap());
                    let mut expected = model.after(model.delivered);
                    prop_assert!(!read.is_empty() || model.synced <= model.delivered);
                    expected.truncate(read.len());
                    prop_assert_eq!(&read, &expected);
                    model.delivered = read.last().map_or(model.delivered, |(seq, _)| seq.0);
                }
                Step::Ack(count) => {
                    let (_, reader) = open.as_mut().unwrap();
                    let acked = (model.acked + i64::try_from(count).unwrap()).min(model.delivered);
                    if acked > model.acked {
                        reader.ack(BatchSeq(acked)).unwrap();
                        model.acked = acked;
                    }
                }
                Step::Restart | Step::RestartTorn(_) => {
                    drop(open.take());
                    if let Step::RestartTorn(garbage) = &step {
                        let newest = segments(dir.path()).pop().unwrap();
                        OpenOptions::new().append(true).open(newest).unwrap().write_all(garbage).unwrap();
                    }
                    open = Some(spool::open(config.clone()).unwrap());
                    model.synced = model.newest();
                    model.delivered = model.acked;
                }
            }
        }
        // In the end everything that is not acknowledged is there, in order.
        drop(open.take());
        let (_writer, mut reader) = spool::open(config).unwrap();
        let rest = contents(&reader.next_frames(usize::MAX).unwrap());
        prop_assert_eq!(rest, model.after(model.acked));
    }
}
