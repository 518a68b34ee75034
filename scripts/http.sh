# Talking to an application that was just started. Needs common.sh.

# Prints a port that nothing listens on, from 8080 on.
free_port() {
    local port
    for ((port = 8080; port < 8180; port++)); do
        if ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
            printf '%s' "$port"
            return
        fi
    done
    die "no free port between 8080 and 8179"
}

# Fetches $1 as soon as it answers, while the process $2 lives, for at most 30 seconds.
fetch() {
    local deadline=$(($(now) + 30000))
    until curl --silent --fail --noproxy '*' "$1"; do
        kill -0 "$2" 2> /dev/null || return 1
        [[ $(now) -lt $deadline ]] || return 1
        sleep 0.1
    done
}
