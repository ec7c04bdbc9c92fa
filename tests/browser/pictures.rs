//! Makes the pictures of `docs/`: six pages light, dark and on a phone. It has no other result.
//!
//!     SINGULARITY_NGINX_PICTURES=/tmp/pictures scripts/test --long browser
//!     for file in /tmp/pictures/*.png; do pngquant --force --output "docs/${file##*/}" 32 "$file"; done
//!
//! The folder must be there, and open to the account that runs the tests.

use std::fs;
use std::path::Path;

use crate::stack::{RUN, Stack, demos};
use crate::support::{Site, Wire};

const FOLDER: &str = "SINGULARITY_NGINX_PICTURES";
const LOOKS: [(&str, u32, bool); 3] = [("light", 1000, false), ("dark", 1000, true), ("phone", 390, false)];
/// Pixels of a page that are shown.
const HIGHEST: u64 = 1100;

#[test]
#[ignore = "makes pictures"]
fn pictures() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let Some(site) = demos() else { return };
    let Some(stack) = Stack::with(site.file("broken.sif", b"no image at all")) else { return };
    for (look, width, dark) in LOOKS {
        let browser = &stack.browser;
        browser.look(width, dark);
        let picture = |name: &str, from| {
            fs::write(folder.join(format!("{name}-{look}.png")), browser.picture(from, HIGHEST)).unwrap()
        };
        let take = |name| picture(name, "html");
        // where the page scrolls to by itself
        let take_result = |name| picture(name, if width < 600 { "#result" } else { "html" });
        stack.go("/");
        take("home");
        stack.go("/container/mandelbrot.sif?x=-0.745&y=0.113&zoom=100&iterations=300");
        take("image");
        browser.click(RUN);
        browser.wait_for("#status", "Done");
        take_result("result");
        stack.go("/container/slow.sif?steps=8");
        browser.click(RUN);
        browser.wait_for("#output", "step 4");
        take_result("running");
        stack.go("/container/run/hello-name.sif?name=Amy&age=ten&weight=nan");
        take("error");
    }
    drop(stack);
    let Some(stack) = Stack::with(Site::new(Wire::FastCgi)) else { return };
    for (look, width, dark) in LOOKS {
        stack.browser.look(width, dark);
        stack.go("/");
        fs::write(folder.join(format!("empty-{look}.png")), stack.browser.picture("html", HIGHEST)).unwrap();
    }
}
