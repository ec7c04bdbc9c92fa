//! One request by CGI: environment and stdin in, a document on stdout out
//! (RFC 3875). The command line is ignored: some servers fill it from the
//! query (RFC 3875 §4.4; CVE-2012-1823).

use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::meta::MetaVariables;
use crate::app::Site;

/// Whether the process was started as a CGI program (RFC 3875 §4.1.4).
pub fn called() -> bool {
    std::env::var_os("GATEWAY_INTERFACE").is_some_and(|value| value.as_bytes().starts_with(b"CGI/"))
}

/// Answers the one request of this process.
pub fn serve(site: &Site) {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> =
        std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect();
    let variables = MetaVariables::collect(pairs.iter().map(|(name, value)| (&name[..], &value[..])));
    site.prepare();
    super::serve(site, variables, &mut io::stdin().lock(), &mut io::stdout().lock(), None);
    site.finish(|| {
        // the web server need not wait for it: the answer ends here
        let _ = std::fs::File::options().write(true).open("/dev/null").map(|null| rustix::stdio::dup2_stdout(&null));
    });
}

/// Answers with a page that says the configuration is wrong; the reason goes
/// to the log, because it may hold paths.
pub fn misconfigured(reason: &str) {
    crate::log::event("start", &[("refused", &reason)]);
    let page = crate::app::misconfigured();
    let _ = super::document::write(page, false, &mut io::stdout().lock());
}
