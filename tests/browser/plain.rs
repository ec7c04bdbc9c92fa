//! The same without scripts, and below a prefix with the files inside the executable.

use crate::driver::Browser;
use crate::stack::{Stack, demos};
use crate::support::servers::{self, Here};
use crate::support::{HANG, until};

#[test]
fn without_scripts_the_whole_job_works() {
    let Some(stack) = Stack::start() else { return };
    let browser = &stack.browser;
    browser.without_scripts();
    stack.go("/");
    browser.write("#q", "name\n");
    browser.wait_for("#count", "1 image with “name” in the name");
    browser.click("#images a");
    assert!(browser.text("#calls").contains("SITE is the address of this server."));
    browser.write("#arg-name", "Amy");
    browser.write("#arg-weight", "heavy");
    browser.click("#form button");
    browser.wait_for("#field-weight .error", "write a decimal number");
    browser.wait_for("[role=alert]", "Some values cannot be used");
    browser.write("#arg-weight", "\u{e009}a\u{e000}12.5");
    browser.click("#form button");
    browser.wait_for("#printed", "hello Amy!");
    assert!(browser.text("main").contains("apptainer run hello-name.sif --name Amy --weight 12.5"));
    let saved = browser.attribute("a[download]", "href");
    assert!(saved.starts_with("data:application/json;base64,"), "{saved}");
    browser.click("#form button");
    browser.wait_for("#printed", "hello Amy!");
    assert!(browser.url().contains("/container/run/hello-name.sif?name=Amy&age=&weight=12.5"), "{}", browser.url());
}

/// A site of which ours is a part: links begin with a prefix, and nothing is served from the disk.
const PREFIX: &str = "/~amy/cgi-bin/serve.cgi";
const CONF: &str = r"
daemon off; pid nginx.pid; worker_processes 1; events { }
http {
    access_log off;
    client_body_temp_path temp; fastcgi_temp_path temp; proxy_temp_path temp; scgi_temp_path temp; uwsgi_temp_path temp;
    server {
        listen ADDRESS;
        location ~ ^/~amy/cgi-bin/serve\.cgi(/.*)$ {
            fastcgi_pass unix:SOCKET;
            fastcgi_buffering off;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param SCRIPT_NAME /~amy/cgi-bin/serve.cgi;
            fastcgi_param PATH_INFO $1;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
        }
    }
}
";

#[test]
fn below_a_prefix_everything_works() {
    let Some(site) = demos() else { return };
    site.start();
    let socket = site.socket().display().to_string();
    let conf = |here: &Here| CONF.replace("ADDRESS", &here.address.to_string()).replace("SOCKET", &socket);
    let Some(nginx) = servers::nginx(conf) else { return };
    let Some(browser) = Browser::open() else { return };
    browser.go(&format!("http://{}{PREFIX}/container/", nginx.address()));
    assert_eq!(browser.script("return document.querySelector('header img').naturalWidth"), 32, "the icon");
    assert_eq!(browser.script("return getComputedStyle(document.body).marginTop"), "0px", "the stylesheet");
    browser.write("#q", "slow");
    browser.wait_for("#count", "1 image");
    browser.click("#images a");
    browser.write("#arg-steps", "3");
    browser.wait_for("#calls", &format!("{PREFIX}/container/run/slow.sif' \\\n  --data-urlencode 'steps=3'"));
    browser.click("#form button");
    browser.wait_for("#status", "Done");
    assert!(browser.text("#output").contains("step 3 of 3"));
    browser.click("header a");
    until("the way home", HANG, || browser.url().ends_with(&format!("{PREFIX}/container/")));
    drop(browser);
    drop(nginx);
    drop(site);
}
