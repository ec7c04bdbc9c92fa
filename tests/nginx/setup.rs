//! A site of ours, and nginx servers that know of it: somebody's own, and the one of `nginx.conf`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::servers::{self, Here, Server};
use crate::support::{Site, Wire};

/// A server that has locations of its own, also for file names that look like ours.
pub const OWN: &str = r"
daemon off;
pid nginx.pid;
error_log error.log warn;
worker_processes 1;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path temp; fastcgi_temp_path temp; proxy_temp_path temp; scgi_temp_path temp; uwsgi_temp_path temp;
    default_type text/x-own;
    gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
    client_max_body_size 1k;
    UPSTREAM
    server {
        listen ADDRESS;
        server_name localhost;
        root ROOT;
        error_page 404 413 /own-error.html;
        add_header X-Own server;
        location / { try_files $uri $uri/ =404; add_header X-Own page; }
        location = /exact { return 200 exact; }
        location ~* \.(png|img|css|svg|sif)$ { add_header X-Own picture; expires 1h; }
        LOCATIONS
    }
}
";

/// Four arguments, an image that nginx would take for a picture, one that prints, some that behave badly.
pub fn site() -> Site {
    let hello = [
        ("SINGULARITY_RUNSCRIPT_ARG_STR", "name"),
        ("SINGULARITY_RUNSCRIPT_ARG_INT", "age"),
        ("SINGULARITY_RUNSCRIPT_ARG_BOOL", "is_dino"),
    ];
    let site = Site::new(Wire::FastCgi).set("deadline", 50).set("slots", 4).image("argv.img", &hello);
    site.image("slow-200.sif", &[]).image("hang.sif", &[]).image("exit-3.sif", &[]).image("stdout-8.sif", &[])
}

/// Puts the files of `nginx/` where nginx looks for them, with this socket, folder and address in their three places.
pub fn install(here: &Here, socket: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("nginx");
    let target = here.folder.join("singularity-nginx");
    fs::create_dir_all(target.join("static")).unwrap();
    for entry in fs::read_dir(source.join("static")).unwrap().flatten() {
        fs::copy(entry.path(), target.join("static").join(entry.file_name())).unwrap();
    }
    let places = [
        ("/run/singularity-nginx/fastcgi.sock", socket.display().to_string()),
        ("/etc/nginx/singularity-nginx/", format!("{}/", target.display())),
        ("127.0.0.1:8080", here.address.to_string()),
    ];
    let mut replaced = [0; 3];
    for entry in fs::read_dir(&source).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let mut text = fs::read_to_string(entry.path()).unwrap();
        if entry.path().extension().is_some_and(|extension| extension == "conf") {
            for ((place, value), count) in places.iter().zip(&mut replaced) {
                *count += text.lines().filter(|line| !line.starts_with('#') && line.contains(place)).count();
                text = text.replace(place, value);
            }
        }
        fs::write(target.join(entry.file_name()), text).unwrap();
    }
    assert_eq!(replaced, [1, 1, 1], "each name that may need a change stands in one place");
    // the port may be somebody else's by IPv6
    fs::remove_file(target.join("listen-ipv6.conf")).unwrap();
}

/// Somebody's server, with these lines of ours at its http and server levels.
pub fn own(root: &Path, socket: &Path, upstream: &str, locations: &str) -> Option<Server> {
    own_with(root, socket, upstream, locations, |_| {})
}

/// The same, with changes to our files.
pub fn own_with(
    root: &Path,
    socket: &Path,
    upstream: &str,
    locations: &str,
    changes: impl Fn(&Here),
) -> Option<Server> {
    servers::nginx(|here| {
        install(here, socket);
        changes(here);
        OWN.replace("UPSTREAM", upstream)
            .replace("LOCATIONS", locations)
            .replace("ADDRESS", &here.address.to_string())
            .replace("ROOT", root.to_str().unwrap())
    })
}

/// What an administrator changes in one of our files.
pub fn change(here: &Here, file: &str, from: &str, to: &str) {
    let file = here.folder.join("singularity-nginx").join(file);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(&file, text.replace(from, to)).unwrap();
}

pub const UPSTREAM: &str = "include singularity-nginx/upstream.conf;";
pub const LOCATIONS: &str = "include singularity-nginx/locations.conf;";
pub const LEGACY: &str = "include singularity-nginx/locations.conf; include singularity-nginx/legacy.conf;";

/// The files of somebody's site.
pub fn root(site: &Site) -> PathBuf {
    let root = site.path("www");
    for name in
        ["index.html", "a.png", "sub/x.css", "sub/index.html", "api/containers", "own-error.html", "container.svg"]
    {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), format!("own {name}\n")).unwrap();
    }
    root
}

/// Somebody's server that hands `/container/` to the site.
pub fn included(site: &Site, locations: &str) -> Option<Server> {
    site.start();
    own(&root(site), &site.socket(), UPSTREAM, locations)
}

/// `nginx.conf` as it stands in the repository.
pub fn complete(site: &Site) -> Option<Server> {
    complete_with(site, |_| {})
}

/// The same, with changes to our files.
pub fn complete_with(site: &Site, changes: impl Fn(&Here)) -> Option<Server> {
    site.start();
    servers::nginx(|here| {
        install(here, &site.socket());
        changes(here);
        fs::read_to_string(here.folder.join("singularity-nginx/nginx.conf")).unwrap()
    })
}
