//! What the kernel answers to calls that a container has no business with, by name: an errno, or 0.
//! Harmless where they are answered: arguments are out of every range, and sockets end with the process.

use std::ffi::c_long;
use std::io;

/// Name, number on x86-64, number on 64-bit ARM.
const CALLS: [(&str, c_long, c_long); 15] = [
    ("add_key", 248, 217),
    ("request_key", 249, 218),
    ("keyctl", 250, 219),
    ("io_setup", 206, 0),
    ("io_uring_setup", 425, 425),
    ("io_uring_enter", 426, 426),
    ("io_uring_register", 427, 427),
    ("userfaultfd", 323, 282),
    ("perf_event_open", 298, 241),
    ("bpf", 321, 280),
    ("fanotify_init", 300, 262),
    ("open_by_handle_at", 304, 265),
    ("quotactl", 179, 60),
    ("quotactl_fd", 443, 443),
    ("syslog", 103, 116),
];
/// Name, family, protocol.
const SOCKETS: [(&str, c_long, c_long); 8] = [
    ("unix", 1, 0),
    ("inet", 2, 0),
    ("netlink_route", 16, 0),
    ("netlink_xfrm", 16, 6),
    ("netlink_netfilter", 16, 12),
    ("packet", 17, 0),
    ("alg", 38, 0),
    ("vsock", 40, 0),
];
/// By i386: name, number, arguments.
#[cfg(target_arch = "x86_64")]
const CALLS_32: [(&str, i32, [i32; 3]); 10] = [
    ("getppid", 64, [0; 3]),
    ("keyctl", 288, [-1; 3]),
    ("io_uring_setup", 425, [-1; 3]),
    ("userfaultfd", 374, [-1; 3]),
    ("perf_event_open", 336, [-1; 3]),
    ("bpf", 357, [-1; 3]),
    ("io_setup", 245, [-1; 3]),
    ("socketcall", 102, [-1; 3]),
    ("unix", 359, [1, 1, 0]),
    ("vsock", 359, [40, 1, 0]),
];

/// The calls of this processor.
pub fn native() -> String {
    const DATAGRAM: c_long = 2;
    const RAW: c_long = 3;
    let here = |x86, arm| if cfg!(target_arch = "x86_64") { x86 } else { arm };
    let calls = CALLS.map(|(name, x86, arm)| (name, call(here(x86, arm), [-1; 3])));
    let sockets = SOCKETS.map(|(name, family, protocol)| {
        (name, call(here(41, 198), [family, if family == 16 { RAW } else { DATAGRAM }, protocol]))
    });
    told(calls.into_iter().chain(sockets))
}

/// The same by the calls of i386, where the kernel has them; else the kernel ends this process.
#[cfg(target_arch = "x86_64")]
pub fn of_32_bits() -> String {
    told(CALLS_32.iter().map(|(name, number, arguments)| (*name, call_32(*number, *arguments))))
}

#[cfg(not(target_arch = "x86_64"))]
pub fn of_32_bits() -> String {
    "{}".to_owned()
}

fn told(answers: impl Iterator<Item = (&'static str, i32)>) -> String {
    let words: Vec<String> = answers.map(|(name, errno)| format!("\"{name}\":{errno}")).collect();
    format!("{{{}}}", words.join(","))
}

fn call(number: c_long, [first, second, third]: [c_long; 3]) -> i32 {
    let none: c_long = 0;
    // SAFETY: no argument is a pointer to memory of this process, so nothing of it is read or written.
    let answer = unsafe { super::syscall(number, first, second, third, none, none, none) };
    if answer < 0 { io::Error::last_os_error().raw_os_error().unwrap_or(-1) } else { 0 }
}

#[cfg(target_arch = "x86_64")]
fn call_32(number: i32, [first, second, third]: [i32; 3]) -> i32 {
    let mut answer = number;
    // SAFETY: as above; rbx, which the compiler keeps for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first:r}", "int 0x80", "xchg rbx, {first:r}",
            first = inout(reg) i64::from(first) => _,
            inout("eax") answer, in("ecx") second, in("edx") third, in("esi") 0, in("edi") 0,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    if answer < 0 { -answer } else { 0 }
}
