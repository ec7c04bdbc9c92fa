//! Tables of files and variables: what is in force, and what stops the start.

use super::key::{Effect, KeyDefault};
use super::key_type::KeyType;
use super::*;
use crate::http::Method;
use crate::run::Network;

fn config(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::from(Some((Path::new("/etc/sn/config.toml"), file)), &variables)
}

#[test]
fn paths_of_the_file_count_from_the_file() {
    let set = config("data = 'images'\nstate = '/run/sn'", &[]).unwrap();
    assert_eq!(set.data, Path::new("/etc/sn/images"));
    assert_eq!(set.state, Path::new("/run/sn"));
    assert_eq!(config("", &[]).unwrap().data, Path::new("/etc/sn/data"));
    assert_eq!(config("data='x'", &[("SINGULARITY_NGINX_DATA", "y")]).unwrap().data, Path::new("y"));
    assert_eq!(Config::from(None, &[]).unwrap().data, Path::new("./data"));
}

#[test]
fn an_image_has_settings_of_its_own() {
    let set = config("deadline = 5\n[images.\"a.sif\"]\nnetwork = 'host'\noutput_limit = '2 KiB'", &[]).unwrap();
    let (a, b) = (set.settings("a.sif"), set.settings("b.sif"));
    assert_eq!((a.network, a.output_limit, a.deadline.as_secs()), (Network::Host, 2048, 5));
    assert_eq!((b.network, b.output_limit, b.deadline.as_secs()), (Network::None, 8 << 20, 5));
}

#[test]
fn a_site_has_a_name_of_its_own() {
    let set = config("title = ' Our lab '\nwelcome = 'Hello'\nlink = 'https://example.org'\nlogo = 'logo.svg'", &[]);
    let set = set.unwrap();
    let brand = &set.brand;
    assert_eq!((brand.title.as_deref(), brand.welcome.as_deref()), (Some("Our lab"), Some("Hello")));
    assert_eq!(brand.link.as_deref(), Some("https://example.org/"));
    assert_eq!(brand.logo.as_deref(), Some(Path::new("/etc/sn/logo.svg")));
    assert!(set.effective().contains(&("title", "Our lab".to_owned(), "line 1".to_owned())));
}

#[test]
fn a_visitor_leaves_a_slot_to_others() {
    for (file, expected) in [
        ("slots = 1", Some(1)),
        ("slots = 2", Some(1)),
        ("slots = 8", Some(7)),
        ("slots = 8\nvisitor_slots = 3", Some(3)),
        ("visitor_slots = 0", None),
    ] {
        assert_eq!(config(file, &[]).unwrap().visitor_limit(), expected, "{file}");
    }
    let set = config("proxies = ['10.0.0.0/8', '::1']\nprefix = '/apps/'\nreader_patience = 3", &[]).unwrap();
    let visitors = set.visitors;
    assert_eq!((visitors.proxies.len(), visitors.reader_patience.as_secs()), (2, 3));
    assert_eq!(visitors.prefix.map(|prefix| prefix.to_string()).as_deref(), Some("/apps"));
    config("network = 'host'\nproxies = ['10.0.0.1']", &[]).unwrap();
}

#[test]
fn rules_are_read_in_the_order_of_the_file() {
    let set = config(
        "store = 'store'\nremote_groups = 'REMOTE_GROUPS'\nlogin_url = '/login'\n\n[[rules]]\nwho = 'anyone'\nmay = ['see']\n\
         images = ['a.sif', 'lab/']\n[[rules]]\nwho = ['@lab', 'token:ci']\nmay = ['run', 'download']\nmethods = 'POST'\n",
        &[],
    );
    let access = set.unwrap().access;
    assert_eq!(access.store.as_deref(), Some(Path::new("/etc/sn/store")));
    let groups = RemoteGroups { variable: "REMOTE_GROUPS".to_owned(), separator: ',' };
    assert_eq!((access.remote_groups, access.login_url.as_deref()), (Some(groups), Some("/login")));
    let told: Vec<_> = access.rules.all().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["rule 1 (line 5)", "rule 2 (line 9)"]);
    assert_eq!(RemoteGroups::parse("G space").map(|groups| groups.to_string()), Ok("G space".to_owned()));
    assert!(config("", &[]).unwrap().access.rules.is_empty());
}

#[test]
fn variables_stand_above_the_file() {
    let variables = [
        ("SINGULARITY_NGINX_SLOTS", "3"),
        ("SINGULARITY_NGINX_ALLOW_ORIGINS", "https://a.org, http://b.org:81"),
        ("SINGULARITY_NGINX_ALLOW_ROOT", "true"),
        ("SINGULARITY_NGINX_RUN_METHODS", "POST"),
        ("SINGULARITY_NGINX_CONFIG", "ignored here"),
    ];
    let set = config("slots = 9", &variables).unwrap();
    assert_eq!(set.site_settings().slots, 3);
    assert_eq!(set.allow_origins, ["https://a.org", "http://b.org:81"]);
    assert!(set.allow_root);
    assert_eq!(set.settings("x").run_methods, [Method::Post]);
    let force = set.effective();
    assert!(force.contains(&("slots", "3".to_owned(), "SINGULARITY_NGINX_SLOTS".to_owned())));
    assert!(force.contains(&("deadline", "60".to_owned(), "default".to_owned())));
}

#[test]
fn what_is_wrong_stops_the_start_and_names_the_line() {
    for (file, expected) in [
        ("data = 1", "line 1: `data`: must be a text"),
        ("\n\nslotz = 1", "line 3: `slotz`: there is no such key"),
        ("slots = 0", "must be a number from 1 to 4096"),
        ("slots = -1", "must be a number"),
        ("slots = '2 MiB'", "must be a number"),
        ("output_limit = '2 MB'", "`2 MB`: write bytes or KiB, MiB, GiB, from 1 KiB to 1 GiB"),
        ("network = 'bridge'", "must be one of: none, host"),
        ("run_methods = ['DELETE']", "`DELETE` cannot run anything"),
        ("allow_origins = ['https://a.org/path']", "is no origin"),
        ("allow_origins = ['null']", "is no origin"),
        ("allow_root = 'true'", "must be true or false"),
        ("hosts = 'a'", "must be a list"),
        ("hosts = [1]", "must be a text, a whole number"),
        ("sanitise = 'shred'", "`sanitise`"),
        ("extra_characters = ';'", "`extra_characters`"),
        ("slots = ", "line 1: "),
        ("images = 3", "`images`"),
        ("title = ''", "`title`: write one line of 1 to 80 characters"),
        ("welcome = \"a\\nb\"", "`welcome`: write one line"),
        ("link = 'javascript:alert(1)'", "`javascript:alert(1)` is no web address"),
        ("link = 'example.org'", "is no web address"),
        ("logo = ''", "`logo`: must name a path"),
        ("visitor_slots = -1", "`visitor_slots`: must be a number from 0 to 4096"),
        ("reader_patience = 0", "`reader_patience`: must be a number from 1 to 3600"),
        ("proxies = ['localhost']", "line 1: `proxies`: `localhost` is no address"),
        ("proxies = ['10.0.0.0/40']", "`10.0.0.0/40` is no address"),
        ("prefix = 'apps'", "`apps` is no prefix"),
        ("prefix = '/'", "`/` is no prefix"),
        ("prefix = '//evil'", "`//evil` is no prefix"),
        ("network = 'host'\nproxies = ['127.0.0.1']", "line 2: `proxies`: names the host itself"),
        ("proxies = ['::/0']\n[images.a]\nnetwork = 'host'", "line 1: `proxies`: names the host itself"),
        ("rules = 3", "line 1: `rules`: must be tables"),
        ("rules = []", "line 1: `rules`: is empty: write rules, or leave it out"),
        ("\n[[rules]]\nwho = 'amy'", "line 2: `rules`: a rule says `who` and what they `may`"),
        (
            "[[rules]]\nwho = ['amy']\nmay = ['run']\n[[rules]]\nwhom = 'x'",
            "line 5: `whom`: there is no such key in a rule",
        ),
        ("[[rules]]\nwho = 3", "line 2: `who`: must be a list of texts"),
        ("[[rules]]\nwho = 'anybody,'\nmay = 'run'", "line 1: `rules`: `who` cannot be `anybody,`"),
        ("[[rules]]\nwho = 'anyone'\nmay = 'all'", "`may` has no word `all`: the words are see, run"),
        ("[[rules]]\nwho = 'anyone'\nmay = 'run'\nimages = '^a.*'", "can name no image"),
        ("remote_groups = 'HTTP_GROUPS'", "visitors decide what that variable holds"),
        ("remote_groups = 'REMOTE_USER'", "visitors decide what that variable holds"),
        ("remote_groups = 'groups'", "no name of a variable"),
        ("remote_groups = 'GROUPS .'", "the separator is one of"),
        ("login_url = '//evil'", "`//evil` is no web address"),
        ("login_url = 'javascript:x'", "is no web address"),
        ("store = ''", "`store`: must name a path"),
        ("trust_remote_user = true\nprefix = '/~amy'", "line 1: `trust_remote_user`: cannot be true where `prefix`"),
        ("[images.a]\ntrust_remote_user = true", "line 2: `trust_remote_user`: there is no such key here"),
        ("[images.a]\nproxies = []", "line 2: `proxies`: there is no such key here"),
        ("[images.a]\ntitle = 'x'", "line 2: `title`: there is no such key here"),
        ("[images]\na = 1", "line 2: `a`: must be a table"),
        ("[images.a]\nstate = '/x'", "line 2: `state`: there is no such key here"),
    ] {
        let error = config(file, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
    let error = config("", &[("SINGULARITY_NGINX_SLOTZ", "1")]).unwrap_err().to_string();
    assert!(error.contains("SINGULARITY_NGINX_SLOTZ: `slotz`: there is no such key"), "{error}");
}

/// For every key: an empty text and an empty list, in the file, in an image's table and in a variable. They mean none,
/// or they stop the start; they never mean the default.
#[test]
fn what_is_empty_means_none_or_stops_the_start() {
    // the value in force; everything that is not here is refused
    let none = |key: &str, written: &str| match (key, written) {
        ("allow_origins" | "proxies", "[]" | "") => Some(""),
        ("extra_characters" | "launcher", "''" | "") => Some(""),
        _ => None,
    };
    let base = "allow_origins = ['https://a.org']\nextra_characters = ':'\nlauncher = 'srun'\n";
    for key in site_keys() {
        let others: String =
            base.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        let variable = format!("{PREFIX}{}", key.to_ascii_uppercase());
        let tabled = image_keys().contains(&key);
        for written in ["''", "[]", "['']", "[' ']"] {
            let read = [
                Some((config(&format!("{others}{key} = {written}"), &[]), false)),
                tabled.then(|| (config(&format!("{base}[images.a]\n{key} = {written}"), &[]), true)),
            ];
            for (read, of_image) in read.into_iter().flatten() {
                expect(key, read, of_image, none(key, written), written);
            }
        }
        let list = matches!(key, "allow_origins" | "hosts" | "proxies" | "run_methods");
        for written in ["", ",", " , "].into_iter().filter(|written| list || written.is_empty()) {
            expect(key, config(base, &[(&variable, written)]), false, none(key, ""), written);
        }
    }
}

fn expect(key: &str, read: Result<Config, ConfigError>, of_image: bool, means: Option<&str>, written: &str) {
    match (read, means) {
        (Err(error), None) => assert!(error.to_string().contains(&format!("`{key}`")), "{key}: {error}"),
        (Ok(set), Some(value)) => {
            let lines = if of_image { set.effective_images().next().unwrap().1 } else { set.effective() };
            let line = lines.into_iter().find(|(known, _, _)| *known == key).unwrap();
            assert!(line.1 == value && line.2 != "default", "{key} = {written}: {line:?}");
        }
        (read, means) => panic!("{key} = {written}: {means:?}, {:?}", read.map(|set| set.effective())),
    }
}

#[test]
fn everything_in_force_is_told() {
    let set = config("slots = 2\n[images.\"b.sif\"]\nslots = 1\nnetwork = 'host'\n[images.a]", &[]).unwrap();
    let mut told: Vec<&str> = set.effective().iter().map(|(key, _, _)| *key).collect();
    let mut known = site_keys();
    told.sort_unstable();
    known.sort_unstable();
    assert_eq!(told, known);
    let line = |key, value: &str, from: &str| (key, value.to_owned(), from.to_owned());
    let images: Vec<_> = set.effective_images().collect();
    assert_eq!(images[0], ("a", Vec::new()));
    assert_eq!(images[1], ("b.sif", vec![line("slots", "1", "line 3"), line("network", "host", "line 4")]));
    let every: String = [
        "slots = 1",
        "wait = 1",
        "deadline = 1",
        "output_limit = 1024",
        "network = 'host'",
        "sanitise = 'reject'",
        "extra_characters = ':'",
        "run_methods = ['POST']",
        "download = true",
        "show_definition = true",
        "memory = '1 GiB'",
        "processes = 8",
        "cpus = 1",
        "launcher = 'srun -n1'",
    ]
    .map(|line| format!("{line}\n"))
    .concat();
    let set = config(&format!("[images.a]\n{every}"), &[]).unwrap();
    let mut told: Vec<&str> = set.effective_images().flat_map(|(_, lines)| lines).map(|(key, _, _)| key).collect();
    let mut known = image_keys();
    told.sort_unstable();
    known.sort_unstable();
    assert_eq!(told, known);
}

#[test]
fn state_is_the_same_for_whoever_asks() {
    let account = rustix::process::geteuid().as_raw();
    assert_eq!(config("", &[]).unwrap().state, Path::new(&format!("/tmp/singularity-nginx-{account}")));
}

/// The table of the README is made of the records: one row a key.
#[test]
fn the_readme_has_a_row_for_each_key_and_nothing_else() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let row = |key: &Key| format!("| `{}` | {} | {} |\n", key.name, key.default_shown(), key.doc);
    let table: String = KEYS.iter().map(row).collect();
    let table = format!("| Key | Default | Meaning |\n|---|---|---|\n{table}");
    let from = readme.find("| Key | Default | Meaning |").expect("a table of keys");
    let held = readme[from..].split("\n\n").next().unwrap().to_owned() + "\n";
    assert!(held == table, "the README's table of keys should be:\n{table}");
    let names: Vec<String> = image_keys().iter().map(|name| format!("`{name}`")).collect();
    let sentence = format!("sets these for one image: {}.", names.join(", "));
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&sentence), "the README should say: A table `[images.\"NAME\"]` {sentence}");
}

/// A key is written once, like a variable; its documentation is one line without Markdown that a table cannot hold.
#[test]
fn every_record_is_complete() {
    let set = config("", &[]).unwrap();
    for (at, key) in KEYS.iter().enumerate() {
        assert!(KEYS[..at].iter().all(|other| other.name != key.name), "{} stands there twice", key.name);
        assert!(key.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", key.name);
        let texts = [key.doc.to_owned(), key.default_shown(), key.expected()];
        for text in texts {
            assert!(
                !text.is_empty() && !text.contains(['|', '\n', '\\']) && !text.ends_with('.'),
                "{}: {text}",
                key.name
            );
            assert!(!text.contains("  ") && text.matches('`').count() % 2 == 0, "{}: {text}", key.name);
        }
        // who reads "none" or "any" finds nothing in force
        if matches!(key.default, KeyDefault::Words("none" | "any")) {
            assert!(matches!(key.effective(&set).as_str(), "none" | ""), "{}", key.name);
        }
    }
}

/// Both ends of a bound may be written, the numbers beyond them may not, wherever the key may stand.
#[test]
fn bounds_hold_wherever_a_key_may_stand() {
    let mut looked = 0;
    for key in KEYS {
        let bounds = match &key.effect {
            Effect::Site(KeyType::Number(bounds, _) | KeyType::Bytes(bounds, _), _) => bounds,
            Effect::Image(KeyType::Number(bounds, _) | KeyType::Bytes(bounds, _), _) => bounds,
            _ => continue,
        };
        looked += 1;
        let mut numbers = vec![(*bounds.start(), true), (*bounds.end(), true), (*bounds.end() + 1, false)];
        numbers.extend(bounds.start().checked_sub(1).map(|less| (less, false)));
        for (number, fits) in numbers {
            let line = format!("{} = {number}", key.name);
            let variable = format!("{PREFIX}{}", key.name.to_ascii_uppercase());
            let mut read = vec![config(&line, &[]), config("", &[(&variable, &number.to_string())])];
            read.extend(key.of_image().then(|| config(&format!("[images.a]\n{line}"), &[])));
            for read in read {
                match read {
                    Ok(_) => assert!(fits, "{line} is read"),
                    Err(error) => assert!(!fits && error.to_string().contains(&key.expected()), "{line}: {error}"),
                }
            }
        }
    }
    assert!(looked >= 9, "{looked}");
}
