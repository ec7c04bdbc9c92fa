#!/usr/bin/env bash
# base.sh busybox|python FOLDER: the root folder of a very small Linux, that the demos are built from.
#
# busybox: one static program that is /bin/sh and three hundred commands (1 MB).
# python:  the same, and Debian's Python without the parts that no demo needs (20 MB, 9 MB as an image).
#
# Needs Debian's apt and dpkg-deb, no root: packages are downloaded, checked by apt, and unpacked;
# nothing is installed. Fetches into the current folder. Leaves behind FOLDER.
set -euo pipefail
[[ $# == 2 && $1 =~ ^(busybox|python)$ ]] || { echo "usage: base.sh busybox|python FOLDER" >&2; exit 2; }
kind=$1 root=$(realpath -m "$2") apt=(-qq)

# Lists of packages: the machine's, else our own copy (a machine whose lists were cleaned away, and no root).
if ! apt-get -qq --print-uris download busybox-static >/dev/null 2>&1; then
    mkdir -p apt/lists/partial apt/cache/archives/partial
    apt+=(-o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache")
    apt-get "${apt[@]}" update
fi

# unpack PACKAGE… : into the root folder. (Debian's older packages hold /bin, newer ones /usr/bin: in the
# root one is a link to the other, which dpkg-deb -x would replace.)
unpack() {
    local package
    apt-get "${apt[@]}" download "$@"
    for package; do
        dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x --keep-directory-symlink -C "$root"
    done
}

mkdir -p "$root"/{dev,etc,home,proc,root,sys,tmp,usr/{bin,sbin,lib,lib64},var/tmp}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
touch "$root"/etc/{passwd,group,hosts,resolv.conf,localtime}   # the runtime puts its own in their place

unpack busybox-static
for name in $("$root/bin/busybox" --list); do
    [[ -e $root/bin/$name ]] || ln -s busybox "$root/bin/$name"
done

if [[ $kind == python ]]; then
    version=$(apt-cache "${apt[@]}" depends python3-minimal | sed -n 's/.*Depends: python\(3\.[0-9]*\)-minimal/\1/p')
    unpack "python$version-minimal" "libpython$version"-{minimal,stdlib} libc6 zlib1g libexpat1
    ln -s "python$version" "$root/usr/bin/python3"
    cd "$root/usr/lib"
    (cd "python$version" && rm -rf asyncio ctypes curses dbm distutils email ensurepip html http idlelib lib2to3 \
        lib-dynload/* logging multiprocessing pydoc* sqlite3 test tkinter turtle* unittest venv wsgiref xml* config-*)
    rm -rf ./*-linux-gnu/{gconv,audit} ./*-linux-gnu/lib{expatw,memusage,mvec,nsl,nss_,pcprofile,c_malloc_debug,thread_db}*
fi

# Of the documentation only the licences stay.
cd "$root/usr/share"
find . -type f ! -name copyright -delete
find . -type l -delete
find . -type d -empty -delete
