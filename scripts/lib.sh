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
        die "these packages are missing, please install them (Debian's names): ${packages[*]}"
    fi
    say "installing ${packages[*]}"
    local apt=(env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive apt-get -qq) said
    # A package source of the machine that does not answer is no concern of ours: the install decides.
    said=$(as_root "${apt[@]}" update 2>&1) || said+=$'\n'"apt-get update had errors; continuing"
    [[ -z $said ]] || printf '%s\n' "$said" >&2
    as_root "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null \
        || die "apt-get could not install: ${packages[*]}.$(apt_advice "$said")"
    # Debian starts nginx's own service on every address as soon as it is installed. Nobody asked for that.
    if [[ " ${packages[*]} " == *" nginx"* && -d /run/systemd/system ]]; then
        as_root systemctl disable --now nginx >&2 && say "stopped nginx's own service, which the package had started"
    fi
    hash -r
}

# need_compiler : what building needs, before anything that takes long: cargo, and a linker with a C library to link.
need_compiler() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust 1.89 or newer, by rustup for example (Debian 13 and older have an older one)"
    if ! links; then
        need cc=gcc /usr/include/stdio.h=libc6-dev
        links || die "cc is installed but cannot link a C program, which Rust needs: reinstall gcc and libc6-dev (Debian's names)"
    fi
}
links() {
    local out status=0
    out=$(mktemp)
    cc -x c -o "$out" - <<< 'int main(void) { return 0; }' >/dev/null 2>&1 || status=1
    rm -f "$out"
    return "$status"
}

# apt_advice WORDS : what to do about a mirror whose lists apt does not accept; nothing when that is not the reason.
apt_advice() {
    case $1 in
        *'is expired'*|*'is not valid yet'*|*'invalid since'*|*'invalid for another'*)
            printf ' %s' "The mirror's lists are out of date, or the clock of this machine is wrong (it says $(date -u '+%F %R') UTC)." \
                "Set the clock; else name a current mirror in /etc/apt/sources.list or /etc/apt/sources.list.d, then run apt-get update." ;;
        *NO_PUBKEY*|*EXPKEYSIG*|*KEYEXPIRED*|*"couldn't be verified"*|*'is not signed'*)
            printf ' %s' "apt does not know the key of the mirror, or the key has expired." \
                "Install the newest debian-archive-keyring, or correct signed-by in /etc/apt/sources.list.d, then run apt-get update." ;;
        *'ertificate verification failed'*|*'certificate is NOT trusted'*)
            printf ' %s' "The certificate of the mirror is not accepted: set the clock of this machine ($(date -u '+%F %R') UTC), install ca-certificates." ;;
        *'does not have a Release file'*|*'404  Not Found'*)
            printf ' %s' "The mirror no longer has this release of Debian (or never had it)." \
                "Name a mirror that has it in /etc/apt/sources.list or /etc/apt/sources.list.d: Debian's archive has those that have ended." ;;
    esac
}

# has_ipv6_loopback : whether something can listen on [::1] here.
has_ipv6_loopback() { grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null; }

# http_includes FOLDER : the lines for nginx's http level. A file there that somebody has changed and kept may be older
# than another file, and so not include it.
http_includes() {
    local pair
    for pair in upstream.conf=limits.conf limits.conf=problems.conf; do
        grep -q "singularity-nginx/${pair#*=}" "$1/${pair%=*}" || echo "include singularity-nginx/${pair#*=};"
    done
    echo 'include singularity-nginx/upstream.conf;'
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
