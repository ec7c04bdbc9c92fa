#!/usr/bin/env bash
# generate_demos.sh [NAME…]: builds the demo images, NAME.def → NAME.sif, in this folder.
#
# It builds each image that is missing or older than its files (NAME.* and base.sh). Without NAME it looks at all of
# them. It asks no container registry: the images are made of Debian packages (see base.sh).
# Needs apptainer or singularity (scripts/install-runtime) and Debian's apt, but no special rights. Called as root, it
# builds as the account singularity-nginx. It works in a temporary folder that is removed at the end, and renames each
# finished image into place, mode 0644. Nothing else changes here.
set -euo pipefail
data=$(dirname "$(readlink -f "$0")")
cd "$data"

(( $# )) || { for definition in *.def; do set -- "$@" "${definition%.def}"; done; }
stale=() bases=()
for name; do
    [[ $name == *([!/]) && -f $name.def ]] || { echo "generate_demos.sh: there is no $name.def" >&2; exit 2; }
    [[ -f $name.sif && -z $(find . -maxdepth 1 \( -name "$name.*" -o -name base.sh \) -newer "$name.sif") ]] || stale+=("$name")
done
(( ${#stale[@]} )) || { echo "generate_demos.sh: the demo images are up to date" >&2; exit 0; }
[[ -w . ]] || { echo "generate_demos.sh: $(id -un) may not write into $data" >&2; exit 1; }

# Of the temporary folder the account gets only the one inside: what root itself writes could be a link there.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
work=$temporary/work
mkdir "$work"
cp -- *.def base.sh "$work"
for file in *.{py,awk}; do cp -- "$file" "$work"; done
build() { env -C "$work" "$@"; }
if (( EUID == 0 )); then
    ../scripts/as-user true          # creates the account
    chmod 0711 "$temporary"
    chown -R singularity-nginx: "$work"
    build() { (cd "$work" && "$data/../scripts/as-user" "$@"); }
fi
runtime=$(command -v apptainer || command -v singularity) \
    || { echo "generate_demos.sh: neither apptainer nor singularity is here: scripts/install-runtime installs one" >&2; exit 1; }

for name in "${stale[@]}"; do
    base=$(sed -n 's|^From: base/||p' "$name.def")
    if [[ " ${bases[*]} " != *" $base "* ]]; then
        echo "generate_demos.sh: preparing the base $base" >&2
        build ./base.sh "$base" "base/$base"
        bases+=("$base")
    fi
    echo "generate_demos.sh: building $name.sif" >&2
    build env "HOME=$work" "$runtime" --quiet build "$name.sif" "$name.def" > "$temporary/log" 2>&1 || { cat "$temporary/log" >&2; exit 1; }
    # Beside its place first, then renamed: whoever reads the folder sees the old image or the new one.
    build cat "$name.sif" > ".$name.sif.new"
    chmod 0644 ".$name.sif.new"
    mv -f ".$name.sif.new" "$name.sif"
done
