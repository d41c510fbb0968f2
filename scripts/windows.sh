#!/usr/bin/env bash
# Builds the suite for Windows on Debian and runs the tests of its crates under Wine (docs/testing.md, "Windows").
#
#   scripts/windows.sh [--require]     --require: fail where this cannot run, instead of skipping
#
# Needs root once, for Debian packages. Everything else is kept below target/windows; a second run only builds what changed.
# Debian's own compiler is used, because its package of std's sources fits it: std for Windows is built from them, once.
set -euo pipefail
cd "$(dirname "$0")/.."

require=${1:-}
triple=x86_64-pc-windows-gnu
packages=(rustc-web cargo-web rust-web-src gcc-mingw-w64-x86-64-win32 wine wine64)
programs=(mailferry-source mailferry-transmission mailferry-target mailferry)
tested=(mailferry-rules mailferry-changeset mailferry-core mailferry-stores mailferry-host)

skipped() {
    echo "SKIPPED: the Windows build did not run: $1" >&2
    if [ "$require" = --require ]; then exit 1; else exit 0; fi
}

install_packages() {
    dpkg --status "${packages[@]}" >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skipped "these Debian packages are missing: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${packages[@]}"; } </dev/null ||
        skipped "apt-get could not install ${packages[*]}"
}

# rustup's cargo may come first in PATH, and its variables with it.
use_debian_rust() {
    unset RUSTUP_TOOLCHAIN RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    export CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
    work=${CARGO_TARGET_DIR:-$PWD/target}/windows
    export CARGO_TARGET_DIR=$work/target CARGO_BUILD_JOBS=${JOBS:-$(nproc)}
    mkdir -p "$work"
    # A new compiler needs a new std.
    sysroot=$work/sysroot-$("$RUSTC" -vV | sed -n 's/^commit-hash: //p; s/^release: //p' | tr '\n' '-')
}

build_std() {
    [ -e "$sysroot/complete" ] && return
    rm -rf "$work"/sysroot-* "$work/seed"
    local libraries=$sysroot/lib/rustlib/$triple/lib
    mkdir -p "$work/seed/src" "$libraries"
    : >"$work/seed/src/lib.rs"
    cat >"$work/seed/Cargo.toml" <<-'EOF'
		[package]
		name = "seed"
		version = "0.0.0"
		edition = "2021"
		[profile.release]
		opt-level = 1
		debug = 0
		[workspace]
	EOF
    (cd "$work/seed" && CARGO_TARGET_DIR=$work/seed/target RUSTC_BOOTSTRAP=1 \
        "$CARGO" build --quiet --release -Zbuild-std=std,panic_unwind,test --target "$triple")
    cp "$work/seed/target/$triple"/release/deps/*.rlib "$libraries/"
    rm -f "$libraries"/libseed*
    ln -s "$("$RUSTC" --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu" "$sysroot/lib/rustlib/"
    rm -rf "$work/seed"
    touch "$sysroot/complete"
}

prepare_wine() {
    export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=d"
    local system=$WINEPREFIX/drive_c/windows/system32
    [ -e "$WINEPREFIX/complete" ] && return
    rm -rf "$WINEPREFIX"
    "$(command -v wineboot-stable || command -v wineboot)" -i </dev/null
    wineserver -w 2>/dev/null || /usr/lib/wine/wineserver -w
    # std takes its random numbers from a library that Wine 8 does not have.
    [ -e "$system/bcryptprimitives.dll" ] || shim_random_numbers "$system/bcryptprimitives.dll"
    touch "$WINEPREFIX/complete"
}

shim_random_numbers() {
    "${triple%%-*}-w64-mingw32-gcc" -O2 -s -shared -x c -o "$1" - -ladvapi32 <<-'EOF'
		#include <windows.h>
		#include <ntsecapi.h>
		__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length) {
		    while (length > 0) {
		        ULONG part = length > 0x10000 ? 0x10000 : (ULONG)length;
		        if (!RtlGenRandom(bytes, part)) return FALSE;
		        bytes += part;
		        length -= part;
		    }
		    return TRUE;
		}
	EOF
}

of_packages() { printf -- '-p %s ' "$@"; }

install_packages
use_debian_rust
build_std
prepare_wine
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS="--sysroot $sysroot"
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="timeout 600 wine"
# shellcheck disable=SC2046
"$CARGO" build --target "$triple" $(of_packages "${programs[@]}")
# shellcheck disable=SC2046
"$CARGO" test --target "$triple" --no-fail-fast --lib --tests $(of_packages "${tested[@]}")
# Services live as long as a process of the same session: the test itself is one.
"$CARGO" test --target "$triple" -p mailferry --test services_of_windows
echo "windows: built and tested with $("$RUSTC" --version) and $(wine --version)"
