//! Open descriptors: whatever this program was handed, no child inherits.
//!
//! Web servers and shells leave descriptors open that nobody meant for us.
//! The only file of the program with `unsafe`: a descriptor that is known by
//! its number alone has to be borrowed to be marked.

use std::os::fd::BorrowedFd;

use rustix::io::{FdFlags, fcntl_setfd};

/// Marks every open descriptor above 2 close-on-exec (fcntl(2) FD_CLOEXEC).
/// Called once, first thing in `main`, while there is one thread.
#[allow(unsafe_code)]
pub fn seal() {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: the number is not -1 and is borrowed for this one call, which
        // only sets a flag; one that is closed by now is EBADF.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl_setfd(borrowed, FdFlags::CLOEXEC);
    }
}
