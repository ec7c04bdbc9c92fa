//! The web servers of the table that tests/hostile does not need: each a configuration as an administrator writes it.

use std::fs;
use std::path::Path;

use crate::front::{APACHE_HIDES, Front, SCRIPT};
use crate::support::Site;
use crate::support::servers::{self, Here};
use crate::support::site::copy_program;

/// nginx with our server block.
pub fn nginx(site: &Site) -> Option<Front> {
    Front::nginx(&[site.socket()], |_, text| text)
}

/// The same with the application below another address.
pub fn nginx_prefixed(site: &Site) -> Option<Front> {
    let front = Front::nginx(&[site.socket()], |name, text| match name {
        "site.conf" => text.replace("singularity-nginx/locations.conf", "singularity-nginx/subpath.conf"),
        _ => text,
    })?;
    Some(front.below("/apps"))
}

/// An Apache with these modules and these lines.
fn apache(modules: &[&str], lines: impl Fn(&Here) -> String) -> Option<servers::Server> {
    if !modules.iter().all(|name| Path::new(&module(name)).exists()) {
        crate::support::skip(&format!("a module of Apache is not installed: {}", modules.join(", ")));
        return None;
    }
    servers::apache(|here| {
        let loaded: String =
            modules.iter().map(|name| format!("LoadModule {name}_module {}\n", module(name))).collect();
        format!(
            "{loaded}DefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog {folder}/error.log\n\
             ServerName localhost\nListen {address}\nStartServers 1\n{}",
            lines(here),
            folder = here.folder.display(),
            address = here.address,
        )
    })
}

fn module(name: &str) -> String {
    format!("/usr/lib/apache2/modules/mod_{name}.so")
}

/// mod_cgi, which is for the prefork MPM.
pub fn apache_cgi(program: &Path) -> Option<Front> {
    let programs = program.parent().unwrap().display();
    let server = apache(&["mpm_prefork", "authz_core", "alias", "cgi", "env"], |_| {
        format!(
            "ScriptAlias /cgi-bin/ {programs}/\n<Directory {programs}>\nRequire all granted\n\
             SetEnv ap_trust_cgilike_cl yes\n</Directory>\n{APACHE_HIDES}"
        )
    })?;
    Some(Front::of(server, SCRIPT))
}

/// The CGI folder of a user, below `public_html`.
pub fn apache_user_folder(program: &Path) -> Option<Front> {
    let server = apache(&["mpm_event", "authz_core", "cgid", "userdir"], |here| {
        let home = here.folder.join("home/amy/public_html/cgi-bin");
        fs::create_dir_all(&home).unwrap();
        for name in ["serve.cgi", ".ht-singularity-nginx.toml"] {
            copy_program(program.with_file_name(name), home.join(name));
        }
        format!(
            "ScriptSock {folder}/cgid\nUserDir {folder}/home/*/public_html\n\
             <Directory {folder}/home/*/public_html/cgi-bin>\nRequire all granted\nOptions +ExecCGI\n\
             SetHandler cgi-script\n</Directory>\n{APACHE_HIDES}",
            folder = here.folder.display()
        )
    })?;
    Some(Front::of(server, "/~amy/cgi-bin/serve.cgi"))
}

/// mod_fcgid, which starts the program itself, with the socket on descriptor 0.
pub fn apache_fcgid(program: &Path) -> Option<Front> {
    let programs = program.parent().unwrap().display();
    let server = apache(&["mpm_event", "authz_core", "alias", "fcgid"], |here| {
        format!(
            "FcgidIPCDir {folder}\nFcgidProcessTableFile {folder}/table\nFcgidIOTimeout 75\n\
             FcgidOutputBufferSize 0\n\
             Alias /cgi-bin/ {programs}/\n<Directory {programs}>\nRequire all granted\nOptions +ExecCGI\n\
             SetHandler fcgid-script\n</Directory>\n{APACHE_HIDES}",
            folder = here.folder.display(),
        )
    })?;
    Some(Front::of(server, SCRIPT))
}

/// lighttpd with the application's socket.
pub fn lighttpd_fastcgi(site: &Site) -> Option<Front> {
    let server = servers::lighttpd(|here| {
        format!(
            "server.modules = (\"mod_fastcgi\")\nserver.document-root = \"{folder}\"\n\
             server.bind = \"127.0.0.1\"\nserver.port = {port}\nserver.errorlog = \"{folder}/error.log\"\n\
             server.upload-dirs = (\"{folder}\")\nserver.stream-response-body = 2\n\
             fastcgi.server = (\"/apps\" => ((\"socket\" => \"{socket}\", \"check-local\" => \"disable\")))\n",
            folder = here.folder.display(),
            port = here.address.port(),
            socket = site.socket().display(),
        )
    })?;
    Some(Front::of(server, "/apps"))
}
