# Shell functions for ./run-demo and ./run-tests.

# What Qt and OpenGL need on a bare Debian or Ubuntu, and a virtual screen.
SYSTEM_PACKAGES='xvfb libegl1 libgl1 libglib2.0-0 libfontconfig1 libdbus-1-3
libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0
libxcb-xkb1 python3-venv'

# Install the missing ones of SYSTEM_PACKAGES, where that is ours to do.
install_system_packages() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 0
    missing=
    for package in $SYSTEM_PACKAGES; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 # a list
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# use_environment FOLDER REQUIREMENT: a virtual environment with this package,
# brought up to date where setup.cfg or pyproject.toml changed.
use_environment() {
    stamp="$2 $(cksum setup.cfg pyproject.toml | tr '\n' ' ')"
    if [ "$(cat "$1/napari-wsol" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    install_system_packages
    if [ ! -x "$1/bin/python" ]; then
        python=${PYTHON:-python3}
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            echo 'Python 3.11 or later is needed; set PYTHON to one.' >&2
            exit 1
        }
        "$python" -m venv "$1"
    fi
    echo "Installing into $1, which takes some minutes once." >&2
    { "$1/bin/pip" install -q uv &&
        "$1/bin/uv" pip install -q --python "$1/bin/python" -e "$2"; } ||
        "$1/bin/pip" install -q -e "$2"
    echo "$stamp" >"$1/napari-wsol"
}
