//! `docs/authors.md`: its definition file, built by the real runtime, keeps the rules that stand above it.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use crate::snippet;
use crate::support::real::{self, BUSYBOX};
use crate::support::request::BROWSER;
use crate::support::{Wire, get, skip};

/// In place of a docker image that no test machine can fetch: busybox, and the program that the author would write.
const BASE: &str = r#"Bootstrap: scratch

%setup
    mkdir -p "$APPTAINER_ROOTFS/bin" "$APPTAINER_ROOTFS/usr/local/bin"
    cp /bin/busybox "$APPTAINER_ROOTFS/bin/busybox"
    ln -s busybox "$APPTAINER_ROOTFS/bin/sh"
    cat > "$APPTAINER_ROOTFS/usr/local/bin/grow" <<'END'
#!/bin/sh
[ $# -gt 0 ] || { echo 'grow --years N [--species oak|birch]'; exit; }
while [ $# -gt 0 ]; do case $1 in --years) years=$2 ;; --species) species=$2 ;; esac; shift 2; done
echo "{\"species\": \"${species:-oak}\", \"metres\": $((years / 3))}"
END
    chmod +x "$APPTAINER_ROOTFS/usr/local/bin/grow"
"#;

#[test]
fn the_definition_file_for_authors_keeps_the_rules() {
    let Some(runtime) = real::runtime() else { return skip("no container runtime is installed") };
    if !std::path::Path::new(BUSYBOX).exists() {
        return skip("no /bin/busybox to build an image from (package busybox-static)");
    }
    let snippets = snippet::of("docs/authors.md");
    let [definition] = &snippets[..] else { panic!("{snippets:?}") };
    let (from, rest) = definition.code.split_once("\n\n").expect("a head");
    assert!(definition.language == "singularity" && from.starts_with("Bootstrap: docker\n"), "{definition:?}");
    let image = fs::read(real::build(&runtime, &format!("{BASE}\n{rest}"))).unwrap();
    let site = crate::Site::new(Wire::FastCgi).set("runtime", runtime.display()).file("tree.sif", &image);

    let output = site.command().args(["check", "tree.sif", "--run"]).stdout(Stdio::piped()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "tree.sif: fine\n", "{}", site.log());
    let page = site.ask(&get("/container/tree.sif")).json();
    assert_eq!(page["warnings"], json!([]));
    let html = site.ask(&get("/container/tree.sif").accept(BROWSER)).good();
    assert!(html.contains("How long it grows") && html.contains("<select"), "{html}");
    let run = |query: &str| site.ask(&get(&format!("/container/run/tree.sif?{query}")));
    assert_eq!(run("years=30&species=birch").json(), json!({ "species": "birch", "metres": 10 }));
    let (_, problem) = run("species=pine&years=501").problem(400);
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(2));
    assert_eq!(run("species=oak").problem(400).1["errors"][0]["code"], "required");
}
