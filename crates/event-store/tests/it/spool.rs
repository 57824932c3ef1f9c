//! The spool against damage: torn tails, flipped bits, lost acknowledgements, full disks.

use std::fs;
use std::path::{Path, PathBuf};

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, EventId};
use limpid_event_store::spool::{
    self, Frame, FsyncPolicy, SpoolConfig, SpoolError, SpoolReader, SpoolWriter,
};
use limpid_testkit::failures::FailureGenerator;

pub(crate) fn generator(seed: u64) -> FailureGenerator {
    let start = "2026-11-22T10:00:00Z".parse().unwrap();
    FailureGenerator::new(seed, start, chrono::TimeDelta::hours(3))
}

fn config(dir: &Path) -> SpoolConfig {
    SpoolConfig {
        fsync: FsyncPolicy::Always,
        ..SpoolConfig::new(dir)
    }
}

fn open(dir: &Path) -> (SpoolWriter, SpoolReader) {
    spool::open(config(dir)).unwrap()
}

pub(crate) fn ids(events: &[FailureEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.event_id).collect()
}

fn ids_of(frames: &[Frame]) -> Vec<EventId> {
    frames
        .iter()
        .flat_map(|frame| ids(&frame.events().0))
        .collect()
}

pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "segment")
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn what_was_appended_is_handed_out_once_and_again_after_a_restart_until_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let events = generator(1).take(2_500);
    let (mut writer, mut reader) = open(dir.path());
    assert_eq!(writer.append(&events).unwrap(), BatchSeq(3));
    let frames = reader.next_frames(10_000).unwrap();
    assert_eq!(ids_of(&frames), ids(&events));
    assert!(reader.next_frames(10_000).unwrap().is_empty());
    reader.ack(BatchSeq(1)).unwrap();
    let node = reader.node();
    drop((writer, reader));

    let (mut writer, mut reader) = open(dir.path());
    assert_eq!(reader.node(), node);
    assert_eq!(reader.backlog().frames, 2);
    assert_eq!(
        ids_of(&reader.next_frames(10_000).unwrap()),
        ids(&events[1_000..])
    );
    assert_eq!(writer.append(&events[..1]).unwrap(), BatchSeq(4));
}

#[test]
fn a_page_never_carries_more_events_than_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut reader) = open(dir.path());
    for _ in 0..5 {
        writer.append(&generator(2).take(400)).unwrap();
    }
    let sizes: Vec<usize> = std::iter::from_fn(|| Some(reader.next_frames(1_000).unwrap()))
        .take_while(|frames| !frames.is_empty())
        .map(|frames| ids_of(&frames).len())
        .collect();
    assert_eq!(sizes, [800, 800, 400]);
}

#[test]
fn unsynced_events_are_out_of_the_readers_reach() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut reader) = spool::open(SpoolConfig::new(dir.path())).unwrap();
    writer.append(&generator(3).take(1)).unwrap();
    assert!(reader.next_frames(10).unwrap().is_empty());
    writer.sync().unwrap();
    assert_eq!(reader.next_frames(10).unwrap().len(), 1);
}

#[test]
fn a_tail_torn_at_any_byte_loses_only_the_last_frame() {
    let dir = tempfile::tempdir().unwrap();
    let events = generator(4).take(3);
    {
        let (mut writer, _reader) = open(dir.path());
        for event in &events {
            writer.append(std::slice::from_ref(event)).unwrap();
        }
    }
    let segment = segments(dir.path()).pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let last_frame = whole
        .windows(4)
        .rposition(|window| window == b"LFR1")
        .unwrap();
    for length in last_frame..whole.len() {
        fs::write(&segment, &whole[..length]).unwrap();
        let (mut writer, mut reader) = open(dir.path());
        assert_eq!(
            ids_of(&reader.next_frames(10).unwrap()),
            ids(&events[..2]),
            "cut at {length}"
        );
        assert_eq!(
            writer.append(&events[2..]).unwrap(),
            BatchSeq(3),
            "cut at {length}"
        );
        assert_eq!(
            ids_of(&reader.next_frames(10).unwrap()),
            ids(&events[2..]),
            "cut at {length}"
        );
    }
}

#[test]
fn a_flipped_bit_anywhere_loses_one_frame_and_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let events = generator(5).take(3);
    {
        let (mut writer, _reader) = open(dir.path());
        for event in &events {
            writer.append(std::slice::from_ref(event)).unwrap();
        }
    }
    let segment = segments(dir.path()).pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let starts: Vec<usize> = (0..whole.len())
        .filter(|at| whole[*at..].starts_with(b"LFR1"))
        .collect();
    for at in (starts[1]..starts[2]).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&segment, &damaged).unwrap();
        let (_writer, mut reader) = open(dir.path());
        let read = ids_of(&reader.next_frames(10).unwrap());
        assert_eq!(
            read,
            ids(&[events[0].clone(), events[2].clone()]),
            "bit at {at}"
        );
        let backlog = reader.backlog();
        assert_eq!(
            (backlog.missing_frames, backlog.damaged_bytes),
            (1, (starts[2] - starts[1]) as u64)
        );
    }
    let letters = fs::read_to_string(dir.path().join("dead-letter.jsonl")).unwrap();
    assert!(
        letters
            .lines()
            .all(|line| line.contains("\"kind\":\"damage\""))
    );
}

#[test]
fn a_number_that_may_have_been_handed_out_is_never_used_again() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (mut writer, _reader) = open(dir.path());
        writer.append(&generator(6).take(1)).unwrap();
        writer.append(&generator(7).take(1)).unwrap();
    }
    // The last frame is whole but damaged, and the acknowledgement is lost.
    let segment = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 0xff;
    fs::write(&segment, &bytes).unwrap();
    fs::write(dir.path().join("ack"), b"garbage").unwrap();
    let (mut writer, _reader) = open(dir.path());
    assert_eq!(writer.append(&generator(8).take(1)).unwrap(), BatchSeq(3));
}

#[test]
fn acknowledged_segments_are_deleted_and_the_number_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let small = SpoolConfig {
        segment_bytes: 2_000,
        ..config(dir.path())
    };
    let (mut writer, mut reader) = spool::open(small.clone()).unwrap();
    for _ in 0..20 {
        writer.append(&generator(9).take(5)).unwrap();
    }
    assert!(segments(dir.path()).len() > 5);
    assert_eq!(reader.next_frames(1_000).unwrap().len(), 20);
    reader.ack(BatchSeq(20)).unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    drop((writer, reader));
    // Even when the acknowledgement is lost the newest segment remembers the number.
    fs::remove_file(dir.path().join("ack")).unwrap();
    let (mut writer, _reader) = spool::open(small).unwrap();
    assert_eq!(writer.append(&generator(9).take(5)).unwrap(), BatchSeq(21));
}

#[test]
fn a_full_spool_refuses_until_postgresql_took_something() {
    let dir = tempfile::tempdir().unwrap();
    let small = SpoolConfig {
        max_bytes: 10_000,
        segment_bytes: 4_000,
        ..config(dir.path())
    };
    let (mut writer, mut reader) = spool::open(small).unwrap();
    let batch = generator(10).take(5);
    let refused = (0..100).find_map(|_| writer.append(&batch).err()).unwrap();
    assert!(
        matches!(
            refused,
            SpoolError::Full {
                max_bytes: 10_000,
                ..
            }
        ),
        "{refused}"
    );
    let stored = reader.next_frames(1_000).unwrap();
    assert_eq!(ids_of(&stored).len() % 5, 0);
    reader.ack(stored.last().unwrap().batch_seq).unwrap();
    writer.append(&batch).unwrap();
    assert_eq!(reader.next_frames(1_000).unwrap().len(), 1);
}

#[test]
fn a_directory_without_its_identity_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::remove_file(dir.path().join("node")).unwrap();
    let error = spool::open(config(dir.path())).unwrap_err();
    assert!(matches!(error, SpoolError::NodeUnknown { .. }), "{error}");
}

#[test]
fn two_processes_cannot_share_a_spool() {
    let dir = tempfile::tempdir().unwrap();
    let _held = open(dir.path());
    let error = spool::open(config(dir.path())).unwrap_err();
    assert!(matches!(error, SpoolError::InUse { .. }), "{error}");
}

#[test]
fn an_event_of_any_size_is_spooled() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut reader) = open(dir.path());
    let mut huge = generator(11).event();
    huge.path = "é".repeat(1 << 20);
    writer.append(std::slice::from_ref(&huge)).unwrap();
    let (read, unreadable) = reader.next_frames(10).unwrap()[0].events();
    assert!(unreadable.is_empty());
    assert_eq!(read[0].event_id, huge.event_id);
    assert!(huge.path.starts_with(&read[0].path));
}

/// The bytes of each schema, for ever: a spool written by an older version is read by every later one.
#[test]
fn the_golden_frames_of_every_schema_are_read() {
    for schema in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let (segment, events) = spooled(dir.path());
        fs::copy(golden(schema), &segment).unwrap();
        let (_writer, mut reader) = open(dir.path());
        assert_eq!(
            reader.next_frames(1_000).unwrap()[0].events(),
            (events, Vec::new()),
            "schema {schema}"
        );
    }
}

#[test]
fn what_is_written_today_is_the_newest_schema() {
    let dir = tempfile::tempdir().unwrap();
    let (segment, _) = spooled(dir.path());
    let newest = golden(2);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::copy(&segment, &newest).unwrap();
    }
    assert_eq!(
        fs::read(&segment).unwrap(),
        fs::read(&newest).unwrap(),
        "the encoding changed: raise the schema"
    );
}

fn golden(schema: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/golden/frame-v{schema}.bin"))
}

/// A segment with forty events, closed.
fn spooled(dir: &Path) -> (PathBuf, Vec<FailureEvent>) {
    let events = generator(12).take(40);
    fs::write(dir.join("node"), "4242\n").unwrap();
    let (mut writer, _reader) = open(dir);
    writer.append(&events).unwrap();
    (segments(dir).pop().unwrap(), events)
}
