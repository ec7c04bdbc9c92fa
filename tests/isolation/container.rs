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

/// The runtime takes `docker:x` and the like for an address elsewhere, and separates paths by `:` and `,` in places.
#[test]
fn a_container_runs_whatever_its_image_is_called() {
    on_both_wires(|wire| {
        let Some(site) = real::site(wire) else { return };
        let (data, image) = (site.data(), site.path("data/behave.sif"));
        std::fs::create_dir_all(data.join("lab:1/old@2")).unwrap();
        let names = ["quast:5.0.1--py36pl526ha92aebf_0", "docker:x", "lab:1/old@2/A0._+:@=~-", "lab:1/behave.sif"];
        for name in names {
            std::fs::copy(&image, data.join(name)).unwrap();
        }
        // the runtime builds none with such a name
        let unpacked = real::unpacked(&image, &site.path("box"));
        if unpacked {
            std::fs::rename(site.path("box"), data.join("lab:1/box:1=2")).unwrap();
        }
        for name in names.iter().chain(unpacked.then_some(&"lab:1/box:1=2")) {
            let said = site.ask(&get(&format!("/container/run/{name}?mode=echo&name=Amy"))).good();
            assert_eq!(said, "Amy\n", "{name}");
        }
    });
}
