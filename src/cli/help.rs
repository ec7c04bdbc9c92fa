//! What there is to read about the program: `--help`, the man page, and completion scripts.
//!
//! In: the tables of commands and options below, and the records of the configuration's keys. Out: text. Never: reads a
//! file, or the configuration in force.

use super::error::CliError;
use crate::config::{KEYS, Key};

/// A command: its name, what follows it, what it does.
const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "fastcgi",
        "[--listen unix:PATH|ADDRESS:PORT]",
        "serves FastCGI; without --listen it uses a socket that was passed to it",
    ),
    ("list", "", "lists the images, and what is not served and why"),
    (
        "inspect",
        "IMAGE[/APP]",
        "shows what an image says of itself; --json prints the same format as the runtime's inspect",
    ),
    ("openapi", "[IMAGE]", "prints the OpenAPI document of the folder, or of one image"),
    (
        "check",
        "[IMAGE[/APP]]... [--run]",
        "says what the author of an image should improve; --run also runs the image once",
    ),
    (
        "run",
        "IMAGE[/APP] [NAME=VALUE]... [--dry-run]",
        "runs an image as a visitor would; --dry-run only prints the command",
    ),
    (
        "token",
        "add NAME [--expires DAYS] | list | remove NAME",
        "makes, lists and removes the tokens of programs; a new one is shown once",
    ),
    (
        "may",
        "WHO IMAGE | --all",
        "says what somebody may do with an image, and which rule says so; WHO is anyone, signed-in, NAME, NAME,@GROUP, @GROUP or token:NAME",
    ),
    (
        "doctor",
        "[--site URL]",
        "checks this host: what works, what it is good for, and how to get what is missing; --site asks a web server whether it lets in names that nobody has checked (needs curl)",
    ),
    (
        "config",
        "[--check]",
        "prints the configuration in force, and the source of each value; --check looks for rules that were hardly meant",
    ),
    ("man", "", "prints this text as a manual page"),
    ("completion", "bash|zsh|fish", "prints a completion script for a shell"),
];

const OPTIONS: &[(&str, &str)] = &[
    (
        "--config FILE",
        "reads the configuration from FILE. Without it: from the file that SINGULARITY_NGINX_CONFIG names, or from .ht-singularity-nginx.toml beside the executable",
    ),
    ("--json", "prints JSON, for programs"),
    ("--help", "prints this text"),
    ("--version", "prints the version"),
];

const PURPOSE: &str = "Puts a folder of Singularity/Apptainer images on the web.";
const WIRES: &str = "Under a web server, the program finds out by itself whether it is called by CGI or FastCGI.";
const SETTINGS: &str = "No configuration is needed. To configure the program, write a TOML file or set variables: `SINGULARITY_NGINX_DATA` sets `data`. In a variable, commas separate the items of a list. A table `[images.NAME]` sets a key for one image.";
const STATUS: &str = "Exit status: 0 for success, 1 if something is wrong, 2 if the command line is wrong.";

/// For `--help`.
pub fn help() -> String {
    let mut text = format!("{PURPOSE}\n\n");
    for (name, rest, what) in COMMANDS {
        let usage = format!("{name} {rest}");
        text.push_str(&format!("  singularity-nginx {}\n      {what}\n", usage.trim_end()));
    }
    text.push('\n');
    for (option, what) in OPTIONS {
        text.push_str(&format!("  {option}\n      {what}\n"));
    }
    format!("{text}\n{WIRES}\n{STATUS}\n")
}

/// A manual page, section 1 (man(7)).
pub fn man() -> String {
    let mut page = format!(
        ".TH SINGULARITY\\-NGINX 1\n.nh\n.SH NAME\nsingularity\\-nginx \\- {}\n",
        safe(PURPOSE.trim_end_matches('.'))
    );
    page.push_str(".SH SYNOPSIS\n.B singularity\\-nginx\n.I COMMAND\n[...]\n.SH COMMANDS\n");
    for (name, rest, what) in COMMANDS {
        page.push_str(&format!(".TP\n.B {} \\fR{}\n{}.\n", safe(name), safe(rest), safe(what)));
    }
    page.push_str(".SH OPTIONS\n");
    for (option, what) in OPTIONS {
        page.push_str(&format!(".TP\n.B {}\n{}.\n", safe(option), safe(what)));
    }
    page.push_str(&format!(".SH CONFIGURATION\n{}\n", code(&safe(SETTINGS))));
    KEYS.iter().for_each(|key| page.push_str(&paragraph(key)));
    page.push_str(&format!(".SH UNDER A WEB SERVER\n{}\n.SH EXIT STATUS\n{}\n", safe(WIRES), safe(STATUS)));
    page
}

/// A key: what it takes, its default, whether an image's table may set it, what it is for.
fn paragraph(key: &Key) -> String {
    let image = if key.of_image() { "; also for one image" } else { "" };
    let takes = format!("{}; default: {}{image}", key.expected(), key.default_shown());
    format!(".TP\n.B {}\n({})\n.br\n{}.\n", safe(key.name), code(&safe(&takes)), code(&safe(key.doc)))
}

/// Text in which nothing is taken for a command of troff.
fn safe(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// The code of Markdown (between backticks) in bold.
fn code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("\\fB{part}\\fR") } else { part.to_owned() }).collect()
}

/// A completion script: commands, options, and the images of `list`.
pub fn completion(shell: &str) -> Result<String, CliError> {
    let commands: Vec<&str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
    let commands = commands.join(" ");
    let options = "--config --json --listen --dry-run --run --check --all --expires --site --help --version";
    let images = "singularity-nginx list 2>/dev/null | sed -n '/^not served/!s/ .*//p'";
    match shell {
        "bash" => Ok(format!(
            "_singularity_nginx() {{\n    local line=${{COMP_LINE:0:COMP_POINT}} words=\"{commands} {options}\"\n    local word=${{line##* }}\n    \
             case ${{COMP_WORDS[1]}} in inspect|openapi|check|run|may) words=\"$({images}) {options}\" ;; \
             completion) words=\"bash zsh fish\" ;; esac\n    \
             mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n    \
             # bash takes `:`, `=` and `@` for ends of words and replaces only what follows the last of them\n    \
             COMPREPLY=(\"${{COMPREPLY[@]#\"${{word%\"${{word##*[:=@]}}\"}}\"}}\")\n}}\n\
             complete -F _singularity_nginx singularity-nginx\n"
        )),
        "zsh" => Ok(format!(
            "#compdef singularity-nginx\n_arguments '1:command:({commands})' '*:image:($({images}) {options})'\n"
        )),
        "fish" => Ok(format!(
            "complete -c singularity-nginx -f -n __fish_use_subcommand -a '{commands}'\n\
             complete -c singularity-nginx -f -n '__fish_seen_subcommand_from inspect openapi check run may' -a \"({images})\"\n"
        )),
        other => Err(CliError::Usage(format!("there is no completion for `{other}`: bash, zsh or fish"))),
    }
}
