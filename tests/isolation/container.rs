//! What a real container is given, and what it cannot take.

use crate::support::{get, on_both_wires, real};

/// A home and a working directory that are the run's own, writable and bounded, and a locale that is not ASCII.
#[test]
fn a_container_has_a_home_of_its_own() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let said = site.ask(&get("/container/run/behave.sif?mode=home")).good();
        assert_eq!(said, "/home/run /home/run C.UTF-8\nok\nx\nbounded\n");
        // and nothing of it is there for the next one
        let again = site.ask(&get("/container/run/behave.sif?mode=home")).good();
        assert_eq!(again, said);
    });
}

/// In a user namespace of its own a container could mount file systems in memory, of any size.
#[test]
fn a_container_mounts_no_file_system_in_memory() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let said = site.ask(&get("/container/run/behave.sif?mode=mount")).good();
        assert_eq!(said, "refused\n");
    });
}
