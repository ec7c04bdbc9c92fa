//! A site behind a real web server, as administrators set it up: what [`servers`] starts, configured.
//!
//! In: a site's sockets, or its program. Out: a [`Front`] that visitors ask by HTTP. The web server's files lie outside
//! the site's folder, so that it is no process of the site.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::support::servers::{self, Here, Server, Visit, Wrapper, http};
use crate::support::{Answer, HANG};

/// The configuration that administrators get.
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/nginx");

/// What addresses begin with where the application is a CGI program.
pub const SCRIPT: &str = "/cgi-bin/serve.cgi";

/// What an administrator writes, as nginx/README.md has it, so that the configuration beside the program has no address.
pub const APACHE_HIDES: &str = "<Files \".ht*\">\nRequire all denied\n</Files>\n";
pub const LIGHTTPD_HIDES: &str = "$HTTP[\"url\"] =~ \"/\\.ht\" { url.access-deny = (\"\") }\n";

/// A web server with the application below `mount`.
pub struct Front {
    server: Server,
    mount: &'static str,
    /// Ends after the web server.
    _wrapper: Option<Wrapper>,
    _folder: Option<tempfile::TempDir>,
}

/// The ways by which a web server starts the program for each request.
#[derive(Clone, Copy, Debug)]
pub enum Cgi {
    /// nginx → fcgiwrap.
    Fcgiwrap,
    /// Apache's mod_cgid.
    Apache,
    /// lighttpd's mod_cgi.
    Lighttpd,
}

impl Front {
    /// A server that was started elsewhere.
    pub fn of(server: Server, mount: &'static str) -> Front {
        Front { server, mount, _wrapper: None, _folder: None }
    }

    /// The web server's own process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// The same server, asked below another address.
    pub fn below(self, mount: &'static str) -> Front {
        Front { mount, ..self }
    }

    /// What its addresses begin with.
    pub fn mount(&self) -> &'static str {
        self.mount
    }

    /// nginx with the configuration of this repository; `change(file, text)` may change more of it than the addresses.
    pub fn nginx(sockets: &[PathBuf], change: impl Fn(&str, String) -> String) -> Option<Front> {
        let upstreams: String = sockets.iter().map(|socket| format!("server unix:{};\n", socket.display())).collect();
        let server = servers::nginx(|here| {
            copy_configuration(here, |name, text| {
                let text = match name {
                    "upstream.conf" => replaced(&text, "server unix:/run/singularity-nginx/fastcgi.sock;", &upstreams),
                    "site.conf" => replaced(&text, "127.0.0.1:8080", &here.address.to_string()),
                    _ => text,
                };
                change(name, text)
            });
            fs::read_to_string(here.folder.join("singularity-nginx/nginx.conf")).expect("a file")
        })?;
        Some(Front::of(server, ""))
    }

    /// A web server that starts `program` by CGI.
    pub fn cgi(kind: Cgi, program: &Path) -> Option<Front> {
        let programs = program.parent().expect("a folder").display();
        let started = |server| Front::of(server, SCRIPT);
        match kind {
            Cgi::Fcgiwrap => Front::fcgiwrap(program),
            Cgi::Apache => servers::apache(|here| {
                let modules = ["mpm_event", "authz_core", "alias", "cgid", "env"]
                    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
                    .concat();
                format!(
                    "{modules}DefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog {folder}/error.log\n\
                     ServerName localhost\nListen {address}\nStartServers 1\nScriptSock {folder}/cgid\n\
                     ScriptAlias /cgi-bin/ {programs}/\n<Directory {programs}>\nRequire all granted\n\
                     SetEnv ap_trust_cgilike_cl yes\n</Directory>\n{APACHE_HIDES}",
                    folder = here.folder.display(),
                    address = here.address,
                )
            })
            .map(started),
            Cgi::Lighttpd => servers::lighttpd(|here| {
                format!(
                    "server.modules = (\"mod_access\", \"mod_alias\", \"mod_cgi\")\n{LIGHTTPD_HIDES}\
                     server.document-root = \"{folder}\"\n\
                     server.bind = \"127.0.0.1\"\nserver.port = {port}\nserver.errorlog = \"{folder}/error.log\"\n\
                     server.upload-dirs = (\"{folder}\")\nserver.stream-response-body = 2\n\
                     alias.url = (\"/cgi-bin/\" => \"{programs}/\")\ncgi.assign = (\".cgi\" => \"\")\n",
                    folder = here.folder.display(),
                    port = here.address.port(),
                )
            })
            .map(started),
        }
    }

    /// fcgiwrap gathers output unless NO_BUFFERING is set (fcgiwrap(8)); nginx gathers it unless told not to.
    fn fcgiwrap(program: &Path) -> Option<Front> {
        let folder = tempfile::Builder::new().prefix("sn-fcgiwrap-").tempdir().expect("a temporary folder");
        let socket = folder.path().join("socket");
        let wrapper = servers::fcgiwrap(&socket, 4)?;
        let server = servers::nginx(|here| {
            copy_configuration(here, |name, text| match name {
                "fcgiwrap.conf" => {
                    let text = replaced(&text, "/usr/lib/cgi-bin/serve.cgi", program.to_str().expect("a plain path"));
                    replaced(&text, "/run/fcgiwrap.socket", socket.to_str().expect("a plain path"))
                }
                _ => text,
            });
            format!(
                "daemon off; pid nginx.pid; events {{ }}
                http {{
                    access_log off; client_body_temp_path temp; fastcgi_temp_path temp;
                    proxy_temp_path temp; scgi_temp_path temp; uwsgi_temp_path temp;
                    include singularity-nginx/limits.conf;
                    server {{ listen {address}; include singularity-nginx/fcgiwrap.conf; }}
                }}",
                address = here.address,
            )
        })?;
        Some(Front { server, mount: SCRIPT, _wrapper: Some(wrapper), _folder: Some(folder) })
    }

    /// A GET of an address of the web server, whatever it belongs to.
    pub fn get(&self, address: &str) -> Answer {
        self.server.get(address, &[("Connection", "close")])
    }

    /// Sends a GET.
    pub fn open(&self, address: &str, accept: &str) -> Visit {
        let mut visit = self.server.visit();
        let fields = [("Accept", accept), ("Connection", "close")];
        visit.send(&http("GET", &format!("{}{address}", self.mount), &fields, b""));
        visit
    }

    /// Sends a request with content.
    pub fn send(&self, method: &str, address: &str, media: &str, content: &[u8]) -> Visit {
        let mut visit = self.server.visit();
        let fields = [("Content-Type", media), ("Connection", "close")];
        visit.send(&http(method, &format!("{}{address}", self.mount), &fields, content));
        visit
    }

    /// What a visitor gets who begins to read when it has been given up: everything up to the end of the connection.
    pub fn read_late(&self, address: &str, accept: &str, given_up: impl Fn()) -> Vec<u8> {
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
        rustix::net::connect(&socket, &self.server.address()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(HANG)).unwrap();
        let target = format!("{}{address}", self.mount);
        let question =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).unwrap();
        given_up();
        let mut bytes = Vec::new();
        // a reset says it too
        let _ = stream.read_to_end(&mut bytes);
        bytes
    }

    /// What the web server has logged, and a CGI program on its stderr.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The URL of an address.
    pub fn url(&self, address: &str) -> String {
        format!("http://{}{}{address}", self.server.address(), self.mount)
    }
}

/// Whether an answer by HTTP/1.1 is whole (RFC 9112 §8).
pub fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("a header");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|text| text.parse::<usize>());
    match length {
        Some(length) => body.len() >= length.unwrap(),
        None if head.contains("transfer-encoding: chunked") => body.ends_with("0\r\n\r\n"),
        None => panic!("neither length nor chunks: {head}"),
    }
}

fn copy_configuration(here: &Here, change: impl Fn(&str, String) -> String) {
    let folder = here.folder.join("singularity-nginx");
    fs::create_dir(&folder).expect("a folder");
    for entry in fs::read_dir(CONFIGURATION).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // the port may be somebody else's by IPv6
        if name.ends_with(".conf") && name != "listen-ipv6.conf" {
            let text = fs::read_to_string(entry.path()).expect("a file");
            fs::write(folder.join(&name), change(&name, text)).expect("a file");
        }
    }
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not there to be changed");
    text.replace(from, to)
}
