//! How much memory the server plans with. PostgreSQL's own settings are for a machine of twenty years ago: with them what the
//! dashboard counts is read anew from the operating system for each question.

use std::fs;

/// PostgreSQL's own; less is not given.
const SMALLEST_BUFFERS: u64 = 128 << 20;
/// More gains nothing for the figures that one machine serves.
const LARGEST_BUFFERS: u64 = 4 << 30;

/// Sizes for `shared_buffers` and `effective_cache_size`. Units: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) shared_buffers: u64,
    pub(crate) effective_cache: u64,
}

impl Memory {
    /// A quarter and a half of what this process may use, as PostgreSQL's manual advises.
    ///
    /// Source: PostgreSQL 18, section 19.4 "Resource Consumption".
    pub(crate) fn of_this_machine() -> Self {
        let limits = [
            machine(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
            cgroup(&fs::read_to_string("/sys/fs/cgroup/memory.max").unwrap_or_default()),
        ];
        Self::of(limits.into_iter().flatten().min().unwrap_or_default())
    }

    /// What PostgreSQL takes unasked.
    pub(crate) fn least() -> Self {
        Self::of(0)
    }

    fn of(bytes: u64) -> Self {
        let shared_buffers = (bytes / 4).clamp(SMALLEST_BUFFERS, LARGEST_BUFFERS);
        Self {
            shared_buffers,
            effective_cache: (bytes / 2).max(shared_buffers),
        }
    }

    /// As the server reads sizes.
    pub(crate) fn setting(bytes: u64) -> String {
        format!("{}MB", bytes >> 20)
    }
}

/// What `MemTotal` says.
fn machine(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The limit of a container; none where it says `max`.
fn cgroup(limit: &str) -> Option<u64> {
    limit.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_machine_and_container_counts() {
        assert_eq!(
            machine("MemFree: 1 kB\nMemTotal:       16384000 kB\n"),
            Some(16_777_216_000)
        );
        assert_eq!(machine("MemTotal: many"), None);
        assert_eq!(cgroup("1073741824\n"), Some(1 << 30));
        assert_eq!(cgroup("max\n"), None);
    }

    #[test]
    fn buffers_are_a_quarter_within_bounds() {
        let buffers = |gigabytes: u64| Memory::of(gigabytes << 30).shared_buffers >> 20;
        assert_eq!([buffers(0), buffers(8), buffers(64)], [128, 2048, 4096]);
        assert_eq!(Memory::of(0).effective_cache, SMALLEST_BUFFERS);
        assert_eq!(Memory::of(8 << 30).effective_cache, 4 << 30);
        assert_eq!(Memory::setting(2 << 30), "2048MB");
    }
}
