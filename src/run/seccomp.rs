//! What no process of a run may ask of the kernel: a filter of system calls (seccomp(2)).
//!
//! Set by the supervisor on itself before it starts anything, so it holds for the runtime, for what mounts the image, and
//! for the container, with any runtime; nothing takes it off again. It lets everything pass but what is named here,
//! because images are programs of every kind; a run sees a kernel that was built without the rest, as programs expect
//! of kernels (ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT). The runtime comes after the filter: what it needs itself
//! (namespaces, mounts) cannot be in it.
//! Numbers of 32 bits: the tables of system calls in the kernel (arch/*/…/syscall*.tbl).

use std::io;

use libc::{EAFNOSUPPORT, ENOSYS, EPROTONOSUPPORT, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, c_long, sock_filter};

use super::syscalls;

/// One way to call the kernel. A processor has several, each with numbers of its own.
struct Abi {
    /// How the filter is told of it (AUDIT_ARCH_… of linux/audit.h).
    arch: u32,
    /// What does not pass.
    refused: &'static [c_long],
    /// `socket` and `socketpair`.
    sockets: [c_long; 2],
}

/// Numbers from here on are those of x32, which hardly a kernel has.
const X32: u32 = 0x4000_0000;
/// A call that a debugger took back.
const NONE: u32 = u32::MAX;

/// What an ordinary account can ask of the kernel and a container has no business with: what is counted for the account
/// or the host as a whole, what sees the host, and what kernels are attacked by. What needs a capability of the host
/// is refused anyway (modules, swap, another kernel).
const REFUSED: [c_long; 15] = [
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_io_setup,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
];
const SOCKETS: [c_long; 2] = [libc::SYS_socket, libc::SYS_socketpair];

/// The processor's own ABI, and the one of 32 bits beside it, whose numbers are in the same order as above.
#[cfg(target_arch = "x86_64")]
const ABIS: [Abi; 2] = [
    Abi { arch: 0xC000_003E, refused: &REFUSED, sockets: SOCKETS },
    // i386: the last one is `socketcall`, which hides from a filter what it asks for
    Abi {
        arch: 0x4000_0003,
        refused: &[286, 287, 288, 245, 425, 426, 427, 374, 336, 357, 338, 342, 131, 443, 103, 102],
        sockets: [359, 360],
    },
];
#[cfg(target_arch = "aarch64")]
const ABIS: [Abi; 2] = [
    Abi { arch: 0xC000_00B7, refused: &REFUSED, sockets: SOCKETS },
    // 32-bit ARM
    Abi {
        arch: 0x4000_0028,
        refused: &[309, 310, 311, 243, 425, 426, 427, 388, 364, 386, 367, 371, 131, 443, 103],
        sockets: [281, 288],
    },
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ABIS: [Abi; 0] = [];

/// Sockets of a run: between processes, IP, and netlink. Not the hypervisor (AF_VSOCK), the kernel's ciphers (AF_ALG),
/// and the many rare ones, for each of which the kernel would load a module.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// Not by netlink: packet filters and IPsec, which are for whoever administers a network.
const PROTOCOLS: [i32; 2] = [libc::NETLINK_NETFILTER, libc::NETLINK_XFRM];

/// Sets the filter on this process, which must have one thread, and on all that it starts.
pub fn set() -> io::Result<()> {
    if ABIS.is_empty() {
        let why = "there is no list of system calls for this kind of processor";
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    syscalls::filter(&mut program())
        .map_err(|error| io::Error::new(error.kind(), format!("the kernel takes no filter: {error}")))
}

/// The filter as a program (seccomp(2), bpf(4) of the BSDs): the first answer counts.
fn program() -> Vec<sock_filter> {
    let mut program = vec![load(ARCH)];
    for abi in &ABIS {
        let calls = calls(abi);
        program.push(unless(abi.arch, calls.len()));
        program.extend(calls);
    }
    // no other way is known: a kernel that was built without it
    program.push(refuse(ENOSYS));
    program
}

fn calls(abi: &Abi) -> Vec<sock_filter> {
    let mut calls = vec![load(NUMBER)];
    if cfg!(target_arch = "x86_64") {
        calls.extend([unless(NONE, 1), answer(SECCOMP_RET_ALLOW), unless_from(X32, 1), refuse(ENOSYS)]);
    }
    calls.extend(abi.refused.iter().flat_map(|number| [unless(*number as u32, 1), refuse(ENOSYS)]));
    let families = families();
    for number in abi.sockets {
        calls.push(unless(number as u32, families.len()));
        calls.extend(families.iter());
    }
    calls.push(answer(SECCOMP_RET_ALLOW));
    calls
}

/// What holds for a call that makes sockets. Its arguments are numbers of 32 bits.
fn families() -> Vec<sock_filter> {
    let mut families = vec![load(FIRST)];
    for family in FAMILIES {
        let mut protocols = Vec::new();
        if family == libc::AF_NETLINK {
            protocols.push(load(THIRD));
            protocols.extend(PROTOCOLS.iter().flat_map(|one| [unless(*one as u32, 1), refuse(EPROTONOSUPPORT)]));
        }
        protocols.push(answer(SECCOMP_RET_ALLOW));
        families.push(unless(family as u32, protocols.len()));
        families.extend(protocols);
    }
    families.push(refuse(EAFNOSUPPORT));
    families
}

/// Where a filter finds what it looks at (struct seccomp_data): the number, the ABI, the lower halves of arguments.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST: u32 = 16;
const THIRD: u32 = 32;

fn load(at: u32) -> sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0)
}

/// Skips so many steps where something else was loaded.
fn unless(value: u32, skipped: usize) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, skipped)
}

/// Skips so many steps where something smaller was loaded.
fn unless_from(value: u32, skipped: usize) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, value, skipped)
}

fn refuse(errno: i32) -> sock_filter {
    answer(SECCOMP_RET_ERRNO | errno as u32)
}

fn answer(answer: u32) -> sock_filter {
    step(libc::BPF_RET | libc::BPF_K, answer, 0)
}

fn step(code: u32, k: u32, jf: usize) -> sock_filter {
    // the longest jump is over the calls of one ABI, which a test counts
    sock_filter { code: code as u16, jt: 0, jf: jf as u8, k }
}

#[cfg(test)]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tests {
    use super::*;

    /// What the kernel would answer; `None` lets it pass.
    fn asked(arch: u32, number: u32, first: i32, third: i32) -> Option<i32> {
        let program = program();
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jf, k, .. } = program[at];
            let skipped = usize::from(jf);
            at += 1;
            match code {
                0x20 => {
                    loaded = match k {
                        NUMBER => number,
                        ARCH => arch,
                        FIRST => first as u32,
                        THIRD => third as u32,
                        _ => panic!("nothing is at {k}"),
                    }
                }
                0x15 if loaded != k => at += skipped,
                0x35 if loaded < k => at += skipped,
                0x15 | 0x35 => {}
                0x06 if k == SECCOMP_RET_ALLOW => return None,
                0x06 => return Some((k & 0xFFFF) as i32),
                _ => panic!("{code:x}"),
            }
        }
    }

    #[test]
    fn what_is_named_is_refused_by_every_abi_and_all_else_passes() {
        for abi in &ABIS {
            assert!(calls(abi).len() < 256, "a jump is one byte");
            assert!(abi.refused.len() >= REFUSED.len());
            for number in 0..600 {
                let expected = abi.refused.contains(&c_long::from(number)).then_some(ENOSYS);
                assert_eq!(asked(abi.arch, number, libc::AF_UNIX, 0), expected, "{:x} {number}", abi.arch);
            }
        }
        assert_eq!(asked(0xC000_00F3, 1, 0, 0), Some(ENOSYS), "the ABI of another processor");
    }

    #[test]
    fn sockets_are_of_few_kinds() {
        for abi in &ABIS {
            for number in abi.sockets.map(|number| number as u32) {
                for family in -1..60 {
                    let expected = (!FAMILIES.contains(&family)).then_some(EAFNOSUPPORT);
                    assert_eq!(asked(abi.arch, number, family, 0), expected, "{family}");
                }
                for protocol in 0..30 {
                    let expected = PROTOCOLS.contains(&protocol).then_some(EPROTONOSUPPORT);
                    assert_eq!(asked(abi.arch, number, libc::AF_NETLINK, protocol), expected);
                    assert_eq!(asked(abi.arch, number, libc::AF_INET, protocol), None);
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn x32_is_no_way_around() {
        for number in [X32, X32 | 321, X32 | 41, 0x8000_0000 | 321] {
            assert_eq!(asked(ABIS[0].arch, number, libc::AF_UNIX, 0), Some(ENOSYS), "{number:x}");
        }
        assert_eq!(asked(ABIS[0].arch, NONE, 0, 0), None);
    }
}
