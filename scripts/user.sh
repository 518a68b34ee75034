# The ordinary user for all that needs no root. Needs common.sh.
#
# Started by an ordinary user, that is this user, in place. Started by root, it is a user made for the purpose, who cannot
# read a home such as /root: what it needs is copied to its own home.

# Sets `user`, `user_home` and `user_is_other` for a user called $1, who is made if need be.
choose_user() {
    if ! is_root; then
        user=$(id -un) user_home=$HOME user_is_other=
        return
    fi
    user=$1 user_is_other=yes
    if ! id -u "$user" > /dev/null 2>&1; then
        # useradd gives sub-ids by itself, unless its settings say otherwise.
        run useradd --create-home --shell /bin/bash "$user"
    fi
    user_home=$(getent passwd "$user" | cut -d : -f 6)
    if ! grep -q "^$user:" /etc/subuid 2> /dev/null; then
        note "$user has no sub-ids; builds do without"
    fi
}

# Runs a command as that user.
as_user() { (become_user "$@"); }

# Starts a command as that user in the background, with its output in the file $1; sets `process`.
start_as_user() {
    local output=$1
    shift
    become_user "$@" > "$output" 2>&1 &
    process=$!
}

# Becomes the command "$@" as that user, with this environment but for what belongs to root. No shell and no session lie
# in between, so that signals reach the command itself.
become_user() {
    if [[ -z $user_is_other ]]; then
        exec "$@"
    fi
    cd "$user_home"
    unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR BALER_HOME CARGO_HOME RUSTUP_HOME
    export HOME=$user_home USER=$user LOGNAME=$user PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
}

# Copies the files and directories "$@" into the directory $1, which becomes the user's.
copy_for_user() {
    local directory=$1
    shift
    mkdir -p "$directory"
    cp -a --no-preserve=ownership -t "$directory" "$@"
    [[ -z $user_is_other ]] || chown -R "$user:" "$directory"
}
