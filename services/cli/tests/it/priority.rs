//! Who yields the processor to whom in `limpid up`.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Pid, getpriority_process};

use crate::instance::Instance;

/// Niceness of every thread of a process, by the thread's name.
fn threads_of(pid: u32) -> BTreeMap<String, Vec<i32>> {
    let mut found: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let task = task.unwrap();
        let name = fs::read_to_string(task.path().join("comm")).unwrap();
        let id = task.file_name().to_str().unwrap().parse().unwrap();
        let niceness = getpriority_process(Pid::from_raw(id)).unwrap();
        found
            .entry(name.trim().to_owned())
            .or_default()
            .push(niceness);
    }
    found
}

#[test]
fn the_database_and_the_dashboard_yield_to_images() {
    let instance = Instance::start();
    let own = getpriority_process(None).unwrap();
    let threads = threads_of(instance.pid());
    assert!(threads["limpid-io"].iter().all(|nice| *nice == own));
    // A name of a thread has 15 bytes at most.
    let background = &threads["limpid-backgrou"];
    assert!(
        background.iter().all(|nice| *nice == own + 5),
        "{threads:?}"
    );

    let server = children_of(instance.pid(), "postgres");
    let niceness = server.map(|pid| getpriority_process(Some(pid)).unwrap());
    assert_eq!(niceness.collect::<Vec<_>>(), [own + 5]);
}

/// Process ids of a process's own children of this name.
fn children_of(parent: u32, name: &str) -> impl Iterator<Item = Pid> {
    let parent = parent.to_string();
    fs::read_dir("/proc").unwrap().filter_map(move |entry| {
        let entry = entry.unwrap();
        let id = entry.file_name().to_str()?.parse().ok()?;
        // A process that ended meanwhile is nobody's child.
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (before, after) = stat.rsplit_once(") ")?;
        let is_wanted = before.ends_with(name) && after.split(' ').nth(1)? == parent;
        Pid::from_raw(id).filter(|_| is_wanted)
    })
}
