# Shared by ./demo and ./test: saying what happens, running things, and measuring how long they take.
# Sourced, not run; `root` is the directory of the repository.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dist=$root/target/dist

# Cargo stands here after rustup, also where the profile of the shell was not read.
PATH=$PATH:$HOME/.cargo/bin

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' dim='' plain=''
fi

headline() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '    %s\n' "$*"; }
show_command() { printf '%s    $ %s%s\n' "$dim" "$*" "$plain"; }
die() {
    printf 'ERROR: %s\n' "$*" >&2
    exit 1
}

is_root() { [[ $(id -u) -eq 0 ]]; }

# Shows a command, then runs it.
run() {
    show_command "$*"
    "$@"
}

# Milliseconds since some moment in the past.
now() { printf '%s' $((${EPOCHREALTIME/[.,]/} / 1000)); }

# 12345 -> 12.3 s
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }
