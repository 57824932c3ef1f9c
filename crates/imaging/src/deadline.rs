//! When nobody waits any more, and how soon after that work on pixels ends.

use std::time::Instant;

use crate::error::ImagingError;

/// Pixels between two looks at the clock: one to seven milliseconds of work, and of the clock a thousandth of that.
pub(crate) const PIXELS_PER_LOOK: usize = 1 << 16;

/// Whether somebody still waits.
///
/// Errors: `Timeout`.
pub(crate) fn check_deadline(deadline: Option<Instant>) -> Result<(), ImagingError> {
    let Some(deadline) = deadline else {
        return Ok(());
    };
    #[cfg(test)]
    if counted::is_over() {
        return Err(ImagingError::Timeout);
    }
    if Instant::now() >= deadline {
        return Err(ImagingError::Timeout);
    }
    Ok(())
}

/// Looks at the clock while pixels are worked on, every [`PIXELS_PER_LOOK`] of them.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Option<Instant>,
    pixels: usize,
}

impl Watch {
    pub(crate) fn new(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            pixels: 0,
        }
    }

    /// Counts pixels that have been, or are about to be, worked on.
    ///
    /// Errors: `Timeout`.
    pub(crate) fn count(&mut self, pixels: usize) -> Result<(), ImagingError> {
        self.pixels += pixels;
        if self.pixels < PIXELS_PER_LOOK {
            return Ok(());
        }
        self.pixels = 0;
        check_deadline(self.deadline)
    }
}

/// A deadline that passes not at a time but after so many looks, so that tests count work instead of measuring time.
#[cfg(test)]
pub(crate) mod counted {
    use std::{
        cell::Cell,
        time::{Duration, Instant},
    };

    use super::PIXELS_PER_LOOK;
    use crate::error::ImagingError;

    thread_local! {
        static LOOKS: Cell<usize> = const { Cell::new(0) };
        static LAST: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    pub(super) fn is_over() -> bool {
        LOOKS.set(LOOKS.get() + 1);
        LOOKS.get() >= LAST.get()
    }

    /// Works with a deadline that passes at look number `last`; the outcome, and how often it was looked at.
    pub(crate) fn until<T>(last: usize, work: impl FnOnce(Option<Instant>) -> T) -> (T, usize) {
        LOOKS.set(0);
        LAST.set(last);
        let outcome = work(Some(Instant::now() + Duration::from_hours(1)));
        LAST.set(usize::MAX);
        (outcome, LOOKS.get())
    }

    /// What a library asks once more at its end, and outer layers to say why an inner one ended.
    const LOOKS_TO_EXPLAIN: usize = 3;

    /// Whether `work` on so many pixels looks at its deadline at least every other [`PIXELS_PER_LOOK`], and ends at the look
    /// at which it has passed, be it early or late.
    pub(crate) fn assert_stops<T>(
        pixels: usize,
        work: impl Fn(Option<Instant>) -> Result<T, ImagingError>,
    ) {
        let (outcome, looks) = until(usize::MAX, &work);
        assert!(outcome.is_ok(), "{:?}", outcome.err());
        let fewest = pixels / PIXELS_PER_LOOK / 2;
        assert!(fewest > 2, "{pixels} pixels are too few to tell");
        assert!(looks >= fewest, "{looks} looks at {pixels} pixels");
        for last in [1, looks / 2, looks] {
            let (outcome, looks) = until(last, &work);
            assert!(
                matches!(outcome, Err(ImagingError::Timeout)),
                "went on after look {last}"
            );
            assert!(
                (last..=last + LOOKS_TO_EXPLAIN).contains(&looks),
                "{looks} looks although the deadline passed at {last}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_looks_once_for_many_small_rows_and_never_without_a_deadline() {
        counted::assert_stops(PIXELS_PER_LOOK * 8, |deadline| {
            let mut watch = Watch::new(deadline);
            (0..PIXELS_PER_LOOK * 8 / 64).try_for_each(|_| watch.count(64))
        });
        let mut watch = Watch::new(None);
        assert_eq!(watch.count(usize::MAX / 2), Ok(()));
        let mut watch = Watch::new(Some(Instant::now()));
        assert_eq!(watch.count(PIXELS_PER_LOOK - 1), Ok(()));
        assert_eq!(watch.count(1), Err(ImagingError::Timeout));
    }
}
