//! What is left to a server when whoever has a pipe of the run is none of it.

use std::io::Write;

use super::*;

/// A process of another run that was given a pipe's end through a socket, say.
#[test]
fn whoever_writes_after_the_end_is_not_listened_to_for_ever() {
    let (stdout, mut out) = io::pipe().unwrap();
    let (stderr, mut err) = io::pipe().unwrap();
    // there before anything is read, however late the threads begin
    out.write_all(&[b'x'; 4096]).unwrap();
    let writers: Vec<_> = [
        std::thread::spawn(move || while out.write_all(&[b'x'; 4096]).is_ok() {}),
        std::thread::spawn(move || while err.write_all(&[b'x'; 4096]).is_ok() {}),
    ]
    .into();
    let run = Run {
        supervisor: process_tree::spawn(&mut Command::new("true")).unwrap(),
        control: None,
        stdout: Some(stdout),
        stderr: Some(stderr),
        client: None,
        listening: false,
        begun: Instant::now(),
        output_left: 100,
        late_bytes: 0,
        truncated: false,
        state: State::Over { end: End::Exited(0), abandoned: false },
        give_up: Instant::now() + DRAIN,
        reaped: true,
        when_ended: None,
        elapsed: None,
    };
    let outcome = run.collect();
    assert_eq!((outcome.end, outcome.stdout.len(), outcome.truncated), (End::OutputLimit, 100, true));
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}
