//! Where libraries read strangers' bytes and let an assertion stand for an error: a panic there means that the bytes are bad.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `read` gives, or what it panicked with.
///
/// Only for libraries that are known to panic on damaged files, and only around what reads them: a panic of our own code is
/// a fault of ours and goes on to whoever started the work. What `read` has borrowed mutably may be half written; throw it away.
pub(crate) fn contained<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|panic| {
        let fixed = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        fixed
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_what_it_said() {
        let message = |read: fn() -> u8| contained(read).unwrap_err();
        assert_eq!(message(|| panic!("fixed")), "fixed");
        assert_eq!(message(|| panic!("number {}", 3)), "number 3");
        assert_eq!(contained(|| 7), Ok(7));
    }
}
