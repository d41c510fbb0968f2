#!/usr/bin/env bash
# Makes the package of Debian, and tries it (docs/testing.md, "The package").
#
#   scripts/deb.sh                     makes it, below target/debian
#   scripts/deb.sh --test [--require]  makes it, and installs, uses, upgrades, removes and purges it in a root made by debootstrap;
#                                      --require: fail where that cannot run, instead of skipping
#
# cargo-deb is installed below target/tools where it is not in PATH. The test needs root, debootstrap and lintian (packages of Debian).
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
release=bookworm
programs=(mailferry mailferry-source mailferry-transmission mailferry-target)

skipped() {
    echo "SKIPPED: the package was not made or not tried: $1" >&2
    if [ "${require:-}" = yes ]; then exit 1; else exit 0; fi
}

need_packages() {
    local missing=()
    for pair in "$@"; do command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}"); done
    [ ${#missing[@]} = 0 ] && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skipped "these packages of Debian are missing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } </dev/null ||
        skipped "apt-get could not install ${missing[*]}"
}

cargo_deb() {
    if ! command -v cargo-deb >/dev/null; then
        export PATH=$target/tools/bin:$PATH
        command -v cargo-deb >/dev/null ||
            CARGO_TARGET_DIR=$target/tools/target cargo install cargo-deb --version '^3' --locked --root "$target/tools"
    fi
    cargo deb --package mailferry --no-build "$@"
}

# Manual pages and completions come from the programs themselves.
make_pages() {
    local console=$target/release/mailferry pages=$target/release/deb-pages
    rm -rf "$pages"
    mkdir -p "$pages"/{man,bash,zsh,fish}
    "$console" man "$pages/man" >/dev/null
    gzip -9n "$pages"/man/*.1
    for program in "${programs[@]}"; do
        local agent=()
        [ "$program" = mailferry ] || agent=(--agent "${program#mailferry-}")
        "$console" completions bash "${agent[@]}" >"$pages/bash/$program"
        "$console" completions zsh "${agent[@]}" >"$pages/zsh/_$program"
        "$console" completions fish "${agent[@]}" >"$pages/fish/$program.fish"
    done
}

make_package() {
    # shellcheck disable=SC2046
    cargo build --release $(printf -- '-p %s ' "${programs[@]}")
    make_pages
    mkdir -p "$target/debian"
    cargo_deb --deb-revision 1 --output "$target/debian/mailferry_1.deb"
}

[ "${1:-}" = --test ] && test=yes
[ "${2:-}" = --require ] && require=yes
command -v dpkg-deb >/dev/null || skipped "this is no Debian"
if [ "${test:-}" != yes ]; then
    make_package
    exit
fi
[ "$(id -u)" = 0 ] || skipped "the test needs root"
need_packages debootstrap=debootstrap lintian=lintian dpkg-shlibdeps=dpkg-dev
make_package
cargo_deb --deb-revision 2 --output "$target/debian/mailferry_2.deb" >/dev/null
bash scripts/deb/try.sh "$target/debian" "$release"
