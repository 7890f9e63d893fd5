#!/bin/sh
# Makes .venv and installs the program into it: `sh scripts/setup.sh run` or `... dev`.
# Every package comes from requirements*.lock with its hash checked, uv itself included.
set -eu
cd "$(dirname "$0")/.."

set_name=${1:-run}
case $set_name in
    run) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
    *) echo "usage: sh scripts/setup.sh run|dev" >&2; exit 2 ;;
esac
python=.venv/bin/python
unset PYTHONDONTWRITEBYTECODE # with it, every start would compile 60 MB of libraries again

say() { printf '%s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_make_venv() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
        path=$(command -v "$candidate" 2>/dev/null) || continue
        if can_make_venv "$path"; then say "$path"; return; fi
    done
    return 1
}

if ! can_make_venv "$python"; then
    if ! found=$(find_python); then
        if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
            say "Installing Python with apt-get: python3 python3-venv"
            as_root apt-get update -qq
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
        fi
        found=$(find_python) || {
            say "Python 3.11 or newer with venv is missing. On Debian or Ubuntu, run this and try again:" >&2
            say "    sudo apt-get install python3 python3-venv" >&2
            exit 1
        }
    fi
    say "Making .venv with $("$found" --version)"
    "$found" -m venv --clear .venv
fi

# Qt's system libraries first: if they cannot be had, nobody waits for a download to hear of it.
"$python" scripts/system_libraries.py

if ! .venv/bin/uv --version >/dev/null 2>&1; then
    awk '/^uv==/ {take = 1; print; next} /^[^ ]/ {take = 0} take' requirements.lock > .venv/uv.lock
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock || true
fi

# uv takes seconds; pip does the same where uv finds no way (a proxy or mirror that only pip knows).
install() {
    .venv/bin/uv pip install --quiet --python "$python" --compile-bytecode "$@" && return
    say "uv could not; trying pip, which takes longer"
    "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

say "Installing from $lock"
install --require-hashes -r "$lock"

# No dependencies and no isolation: everything this needs was just installed by hash.
say "Installing the program itself, with its ICD-10-CM index"
install --no-deps --no-build-isolation -e .
