//! Images of strange kinds, and what the list, a page, `check` and a run say of each.
//!
//! The root file systems come from `tests/images/make --roots`; the SIFs around them are written here, so that they are small,
//! always the same, and need neither a runtime nor keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::support::request::BROWSER;
use super::support::sif::{DEFINITION, JSON_GENERIC, Object, PARTITION, SBOM, with_objects};
use super::support::{Site, Wire, get, skip};

/// File systems of a partition, as `pkg/sif` numbers them.
const SQUASHFS: u8 = 1;
const LUKS: u8 = 5;
const GOCRYPTFS: u8 = 6;
/// Roles of a partition.
const PRIMARY: u8 = 2;
const DATA: u8 = 3;
const OVERLAY: u8 = 4;

const STR: &str = "SINGULARITY_RUNSCRIPT_ARG_STR";

/// Those that the runtime does not inspect, because it finds no container in them or has no key.
pub const WITHOUT_CONTAINER: [&str; 10] = [
    "data-alone.sif",
    "encrypted-damaged.sif",
    "encrypted-gocryptfs.sif",
    "encrypted-luks.sif",
    "encrypted-undescribed.sif",
    "lfs.sif",
    "nothing.sif",
    "overlay-alone.sif",
    "overlay-damaged.sif",
    "sbom-alone.sif",
];

/// The root file systems, in a folder of their own; or why there are none.
pub fn roots(home: &Path) -> Result<PathBuf, String> {
    let make = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/make");
    let folder = home.join("roots");
    let words = [make.to_str().unwrap(), "--roots", folder.to_str().unwrap()];
    let Output { status, stderr, .. } = super::run(Path::new("/bin/bash"), &words, home);
    let why = String::from_utf8_lossy(&stderr);
    if status.success() { Ok(folder) } else { Err(format!("squashfs-tools and busybox-static are needed: {why}")) }
}

/// What `inspect-metadata.json` says.
fn described(attributes: Value) -> Vec<u8> {
    json!({ "data": { "attributes": attributes }, "type": "container" }).to_string().into_bytes()
}

/// A SIF of a description, an OCI configuration and a partition, each where it is not empty.
fn image(description: &[u8], config: &[u8], kind: [u8; 2], partition: &[u8]) -> Vec<u8> {
    let extra = [kind[0], 0, 0, 0, kind[1], 0, 0, 0, b'0', b'2', 0];
    let told: Value = serde_json::from_slice(description).unwrap_or_default();
    let definition = told["data"]["attributes"]["deffile"].as_str().unwrap_or_default().as_bytes();
    let objects = [
        Object { kind: DEFINITION, name: "", extra: b"", data: definition },
        Object { kind: JSON_GENERIC, name: "oci-config.json", extra: b"", data: config },
        Object { kind: JSON_GENERIC, name: "inspect-metadata.json", extra: b"", data: description },
        Object { kind: PARTITION, name: "", extra: &extra, data: partition },
    ];
    with_objects(&objects.into_iter().filter(|object| !object.data.is_empty()).collect::<Vec<_>>())
}

/// All of them, by name.
pub fn images(roots: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let root = |name: &str| std::fs::read(roots.join(format!("{name}.sqfs"))).unwrap();
    let whole = root("whole");
    let of = |attributes: Value| image(&described(attributes), b"", [SQUASHFS, PRIMARY], &whole);
    let script = "#!/bin/sh\nexec hello \"$@\"";
    let hello = json!({ "labels": { STR: "name" }, "runscript": script, "helpfile": "Says hello to --name." });
    let apps = json!({ "hello": { "runscript": "#!/bin/sh\necho hello \"$@\"", "helpfile": "Says hello." } });
    let with = |member: &str, value: Value| {
        let mut attributes = hello.clone();
        attributes[member] = value;
        of(attributes)
    };
    let labels = |labels: Value| with("labels", labels);
    let hidden = |kind| image(&described(hello.clone()), b"", [kind, PRIMARY], b"no key");
    let text = |description: &str| image(description.as_bytes(), b"", [SQUASHFS, PRIMARY], &whole);
    let docker = json!({
        "labels": { "org.opencontainers.image.description": "Counts words.", "org.opencontainers.image.title": "wc" },
        "runscript": "#!/bin/sh\neval \"set -- $@\"\nexec wc \"$@\"",
    });
    BTreeMap::from([
        ("encrypted-gocryptfs.sif", hidden(GOCRYPTFS)),
        ("encrypted-luks.sif", hidden(LUKS)),
        ("encrypted-undescribed.sif", image(b"", b"", [GOCRYPTFS, PRIMARY], b"no key")),
        ("only-apps.sif", of(json!({ "labels": {}, "runscript": "#!/bin/sh", "apps": apps }))),
        // what keeps them from being run is known all the same
        ("encrypted-damaged.sif", image(b"{", b"", [LUKS, PRIMARY], b"no key")),
        ("overlay-damaged.sif", image(b"{", b"", [SQUASHFS, OVERLAY], &whole)),
        (
            "apps-of-nothing.sif",
            of(json!({ "labels": {}, "runscript": "#!/bin/sh", "apps": { "hello": { "helpfile": "Says hello." } } })),
        ),
        (
            "placeholder.sif",
            of(json!({
                "labels": {}, "runscript": "#!/bin/sh\n\necho \"There is no runscript defined for this container\\n\";",
            })),
        ),
        ("no-runscript.sif", image(b"", b"", [SQUASHFS, PRIMARY], &root("no-runscript"))),
        ("overlay-alone.sif", image(b"", b"", [SQUASHFS, OVERLAY], &whole)),
        ("data-alone.sif", image(b"", b"", [SQUASHFS, DATA], &whole)),
        ("sbom-alone.sif", with_objects(&[Object { kind: SBOM, name: "sbom.json", extra: b"", data: b"{}" }])),
        ("nothing.sif", with_objects(&[])),
        ("not-executable.sif", image(&described(hello.clone()), b"", [SQUASHFS, PRIMARY], &root("not-executable"))),
        ("for-root-alone.sqfs", root("for-root-alone")),
        ("closed-folder.sqfs", root("closed-folder")),
        ("description-without-data.sif", text(r#"{"type":"container"}"#)),
        ("description-labels-as-text.sif", text(r#"{"data":{"attributes":{"labels":"{\"NAME\":\"no\"}"}}}"#)),
        ("description-cut.sif", text(r#"{"data":{"attributes":{"labels":{"#)),
        ("lfs.sif", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n".to_vec()),
        ("docker.sif", image(&described(docker), br#"{"WorkingDir":"/app"}"#, [SQUASHFS, PRIMARY], &whole)),
        ("label-of-another-name.sif", labels(json!({ "APPTAINER_RUNSCRIPT_ARG_STR": "name" }))),
        ("label-with-a-letter-more.sif", labels(json!({ "SINGULARITY_RUNSCRIPT_ARGS_STR": "name" }))),
        ("label-continued.sif", labels(json!({ STR: "name, \\", "other": "" }))),
        ("label-twice.sif", with("deffile", json!(format!("%labels\n    {STR} first\n    {STR} name")))),
        ("python.sif", with("runscript", json!("#!/usr/bin/env python3\nimport sys\nprint(sys.argv)"))),
        ("loop.sif", with("runscript", json!("#!/bin/sh\nfor i; do echo \"$i\"; done"))),
        (
            "start-and-test.sif",
            of(json!({
                "labels": {}, "runscript": script, "startscript": "#!/bin/sh\nexec serve", "test": "#!/bin/sh\ntrue",
            })),
        ),
    ])
}

/// What is said of an image.
struct Said {
    name: &'static str,
    /// In the list: why it cannot be read or is not run; "" where it is run.
    list: &'static str,
    /// On its page and by a run, where they look closer than the list.
    page: &'static str,
    /// By `check`.
    check: &'static str,
}

const fn said(name: &'static str, list: &'static str, page: &'static str, check: &'static str) -> Said {
    Said { name, list, page, check }
}

const ENCRYPTED: &str = "it is encrypted, and nobody here has the key";
const NO_CONTAINER: &str = "there is no container in it";
const NO_RUNSCRIPT: &str = "it has no runscript";
const FORBIDDEN: &str = "may not read and execute its runscript";
const FALLBACK: &str = "inspect-metadata.json is damaged or of another shape";

#[rustfmt::skip]
const TABLE: [Said; 28] = [
    said("encrypted-gocryptfs.sif", ENCRYPTED, ENCRYPTED, ENCRYPTED),
    said("encrypted-luks.sif", ENCRYPTED, ENCRYPTED, ENCRYPTED),
    said("encrypted-undescribed.sif", ENCRYPTED, ENCRYPTED, ENCRYPTED),
    said("encrypted-damaged.sif", ENCRYPTED, ENCRYPTED, ENCRYPTED),
    said("overlay-damaged.sif", NO_CONTAINER, NO_CONTAINER, NO_CONTAINER),
    said("apps-of-nothing.sif", NO_RUNSCRIPT, NO_RUNSCRIPT, NO_RUNSCRIPT),
    said("only-apps.sif", "only its apps can be run", "only its apps can be run", "only-apps.sif/hello: fine"),
    said("placeholder.sif", NO_RUNSCRIPT, NO_RUNSCRIPT, NO_RUNSCRIPT),
    said("no-runscript.sif", NO_RUNSCRIPT, NO_RUNSCRIPT, NO_RUNSCRIPT),
    said("overlay-alone.sif", NO_CONTAINER, NO_CONTAINER, NO_CONTAINER),
    said("data-alone.sif", NO_CONTAINER, NO_CONTAINER, NO_CONTAINER),
    said("sbom-alone.sif", NO_CONTAINER, NO_CONTAINER, NO_CONTAINER),
    said("nothing.sif", NO_CONTAINER, NO_CONTAINER, NO_CONTAINER),
    said("not-executable.sif", "", FORBIDDEN, FORBIDDEN),
    said("for-root-alone.sqfs", FORBIDDEN, FORBIDDEN, FORBIDDEN),
    said("closed-folder.sqfs", FORBIDDEN, FORBIDDEN, FORBIDDEN),
    said("description-without-data.sif", "", "", FALLBACK),
    said("description-labels-as-text.sif", "", "", FALLBACK),
    said("description-cut.sif", "", "", FALLBACK),
    said("lfs.sif", "a Git LFS pointer", "a Git LFS pointer", "a Git LFS pointer"),
    said("docker.sif", "", "", "better: the Docker image that it was made from has the working directory /app (WORKDIR)"),
    said("label-of-another-name.sif", "", "", "APPTAINER_RUNSCRIPT_ARG_STR is not a label of this program: write SINGULARITY_RUNSCRIPT_ARG_STR"),
    said("label-with-a-letter-more.sif", "", "", "SINGULARITY_RUNSCRIPT_ARGS_STR is not a label of this program: write SINGULARITY_RUNSCRIPT_ARG_STR"),
    said("label-continued.sif", "", "", "SINGULARITY_RUNSCRIPT_ARG_STR ends with `\\`"),
    said("label-twice.sif", "", "", "SINGULARITY_RUNSCRIPT_ARG_STR is there more than once in its definition file"),
    said("python.sif", "", "", "python.sif: fine"),
    said("loop.sif", "", "", "loop.sif: fine"),
    said("start-and-test.sif", "", "", "it has no %help"),
];

#[test]
fn strange_images_are_told_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let images = match roots(folder.path()) {
        Ok(roots) => images(&roots),
        Err(why) => return skip(&why),
    };
    assert_eq!(images.len(), TABLE.len());
    let site = images.iter().fold(Site::new(Wire::Cgi), |site, (name, bytes)| site.file(name, bytes));
    let list = site.ask(&get("/container/")).json();
    let home = site.ask(&get("/container/").accept(BROWSER)).good();
    let document = site.ask(&get("/container/openapi.json")).json();
    let terminal = |words: &[&str]| {
        let output = site.command().args(words).stderr(std::process::Stdio::piped()).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let listed = terminal(&["list"]);
    for row in &TABLE {
        let Said { name, list: in_list, page, check } = row;
        let entry = list["images"].as_array().unwrap().iter().find(|entry| entry["name"] == *name).unwrap();
        let why = entry.get("refused").or(entry.get("error")).and_then(Value::as_str).unwrap_or_default();
        agree(name, why, in_list);
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(in_list) && line.contains("not run here: ") == entry.get("refused").is_some(), "{line}");
        if !in_list.starts_with("only its apps") {
            assert!(home.contains(in_list), "{name}: {home}");
        }
        let shown = site.ask(&get(&format!("/container/{name}")).accept(BROWSER)).text();
        assert!(shown.contains(page), "{name}: {shown}");
        assert_eq!(
            shown.contains("<form class=\"run\""),
            page.is_empty(),
            "{name}: a form that can only fail: {shown}"
        );
        let answer = site.ask(&get(&format!("/container/{name}"))).json();
        let told = answer.get("refused").or(answer.get("detail")).and_then(Value::as_str).unwrap_or_default();
        agree(name, told, page);
        let described = document["paths"].get(format!("/container/run/{name}")).is_some();
        assert_eq!(described, in_list.is_empty(), "{name} in the folder's description");
        if !page.is_empty() {
            let (_, told) = site.ask(&get(&format!("/container/run/{name}"))).problem(422);
            assert!(lower(&told["detail"]).contains(&page.to_lowercase()), "{name}: {told}");
            let told = terminal(&["run", name]);
            assert!(told.to_lowercase().contains(&page.to_lowercase()), "{name}: {told}");
        }
        let told = terminal(&["check", name]);
        assert!(told.contains(check), "{name}: {told}");
    }
    assert_eq!(site.runs().len(), 0);
}

/// An empty text for an empty one, else one that holds it.
fn agree(name: &str, told: &str, expected: &str) {
    let right =
        if expected.is_empty() { told.is_empty() } else { told.to_lowercase().contains(&expected.to_lowercase()) };
    assert!(right, "{name}: {told}, not {expected}");
}

fn lower(text: &Value) -> String {
    text.as_str().unwrap_or_default().to_lowercase()
}

/// Their apps come first, and are what is called.
#[test]
fn an_image_of_apps_shows_them_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let images = match roots(folder.path()) {
        Ok(roots) => images(&roots),
        Err(why) => return skip(&why),
    };
    let site = Site::new(Wire::Cgi).file("only-apps.sif", &images["only-apps.sif"]);
    let link = "href=\"/container/only-apps.sif/hello\"";
    let home = site.ask(&get("/container/").accept(BROWSER)).good();
    assert!(home.contains(link) && !home.contains("Is not run here"), "{home}");
    let page = site.ask(&get("/container/only-apps.sif").accept(BROWSER)).good();
    let places = [link, "Runscript"].map(|text| page.find(text).unwrap_or(usize::MAX));
    assert!(places[0] < places[1] && !page.contains("This image is not run here"), "{page}");
    let app = site.ask(&get("/container/only-apps.sif/hello").accept(BROWSER)).good();
    assert!(app.contains("<form class=\"run\""), "{app}");
    site.ask(&get("/container/run/only-apps.sif/hello")).good();
    assert_eq!(site.runs().len(), 1);
}

/// What the list and the pages say in a line: help, else a label of the image's origin.
#[test]
fn a_docker_image_is_summed_up_by_its_label() {
    let folder = tempfile::tempdir().unwrap();
    let images = match roots(folder.path()) {
        Ok(roots) => images(&roots),
        Err(why) => return skip(&why),
    };
    let site = Site::new(Wire::Cgi).file("docker.sif", &images["docker.sif"]).file("loop.sif", &images["loop.sif"]);
    let list = site.ask(&get("/container/")).json();
    let summaries: Vec<&Value> = list["images"].as_array().unwrap().iter().map(|image| &image["summary"]).collect();
    assert_eq!(summaries, ["Counts words.", "Says hello to --name."]);
    assert!(site.ask(&get("/container/docker.sif").accept(BROWSER)).good().contains("Counts words."));
    let document = site.ask(&get("/container/openapi.json")).json();
    assert_eq!(document["paths"]["/container/run/docker.sif"]["get"]["summary"], "Counts words.");
}
