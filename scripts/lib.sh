# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.
#
# Needs bash and coreutils. Leaves nothing behind, except what a function says.
# NO_SUDO=1 forbids becoming root: what is missing is then only named.

account=singularity-nginx             # runs nginx, the application and the containers when we are root
account_home=/var/lib/singularity-nginx
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin   # Debian keeps these from ordinary users

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

# help : the comment that a script begins with.
help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

may_be_root() {
    (( EUID == 0 )) || { [[ -z ${NO_SUDO:-} ]] && command -v sudo >/dev/null; }
}

as_root() {
    if (( EUID == 0 )); then "$@"; else sudo -- "$@"; fi
}

# need COMMAND=PACKAGE… : installs the packages whose command (or path) is not there, or names them and fails.
need() {
    local pair packages=()
    for pair; do [[ $pair == /* && -e ${pair%%=*} ]] || command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}"); done
    (( ${#packages[@]} )) || return 0
    if ! may_be_root || ! command -v apt-get >/dev/null; then
        die "these packages are missing (Debian's names), please install them: ${packages[*]}"
    fi
    say "installing ${packages[*]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq)
    # A package source of the machine that does not answer is no concern of ours: the install decides.
    as_root "${apt[@]}" update >&2 || say "apt-get update had errors, going on"
    as_root "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null \
        || die "apt-get could not install: ${packages[*]}"
    # Debian starts nginx's own service on every address as soon as it is installed. Nobody asked for that.
    if [[ " ${packages[*]} " == *" nginx"* && -d /run/systemd/system ]]; then
        as_root systemctl disable --now nginx >&2 && say "stopped nginx's own service, which the package had started"
    fi
    hash -r
}

# host_target : the target that cargo builds for by itself.
host_target() { rustc -vV | sed -n 's/^host: //p'; }

# static_target : the musl target of this machine where the toolchain has it, else the machine's own.
static_target() {
    local host musl
    host=$(host_target)
    musl=${host/%-gnu/-musl}
    if [[ -d $(rustc --print target-libdir --target "$musl" 2>/dev/null) ]]; then echo "$musl"; else echo "$host"; fi
}

# need_account : creates the system account, root only.
need_account() {
    getent passwd "$account" >/dev/null || {
        useradd --system --user-group --home-dir "$account_home" --shell /usr/sbin/nologin "$account"
        say "created the system account $account"
    }
    [[ -d $account_home ]] || install -d -m 0750 -o "$account" -g "$account" "$account_home"
}

# become COMMAND… : runs it as the account (root only); the process id stays the same.
become() {
    exec setpriv --reuid "$account" --regid "$account" --init-groups --inh-caps=-all -- "$@"
}

# blocked PATH : prints the first folder on the way to PATH that the account cannot enter; fails when there is none.
blocked() {
    local rest path=
    rest=$(realpath -m -- "$1")
    while [[ $rest == /* ]]; do
        rest=${rest#/}
        path+=/${rest%%/*}
        rest=${rest#"${rest%%/*}"}
        [[ -d $path ]] || return 1
        (become test -x "$path") || { printf '%s\n' "$path"; return 0; }
    done
    return 1
}
