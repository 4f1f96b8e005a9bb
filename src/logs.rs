//! Where logs go: to stderr, a line a write; what belongs together in one, since a busy desk would spend its time on calls of the system.

use std::cell::RefCell;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    /// Lines that are held back on this thread.
    static HELD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to stderr.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

/// Writes what `work` logs at once, when it is done.
pub fn together(work: impl FnOnce()) {
    // Also where it ends by a panic, which is logged, too.
    struct Held;
    impl Drop for Held {
        fn drop(&mut self) {
            if let Some(lines) = HELD.take()
                && !lines.is_empty()
            {
                let _ = io::stderr().write_all(&lines);
            }
        }
    }
    // What is held back already stays so.
    let _held = HELD.with_borrow_mut(|held| held.is_none().then(|| *held = Some(Vec::new()))).map(|()| Held);
    work();
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        HELD.with_borrow_mut(|held| match held {
            Some(lines) => lines.write(line),
            None => io::stderr().write(line),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::{HELD, Stderr, together};
    use std::io::Write as _;

    #[test]
    fn lines_that_belong_together_are_held_back_until_all_are_there() {
        let held = || HELD.with_borrow(|held| held.as_ref().map(|lines| String::from_utf8(lines.clone()).unwrap()));
        together(|| {
            Stderr.write_all(b"one\n").unwrap();
            together(|| Stderr.write_all(b"two\n").unwrap());
            assert_eq!(held().as_deref(), Some("one\ntwo\n"));
        });
        assert_eq!(held(), None);
        std::panic::catch_unwind(|| together(|| panic!("in the middle"))).unwrap_err();
        assert_eq!(held(), None);
    }
}
