# Counting: steps that pass or fail as a whole, and the tests inside them. Needs common.sh.

passed=0 failed=0
failures=()

# Runs a step named $1: the rest is the command. Its output is shown; it ends with the time it took.
step() {
    local name=$1 start status=0
    shift
    headline "$name"
    start=$(now)
    # In a subshell with -e, which an `if` or `||` around a function would switch off.
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    count "$name" "$status"
    note "$name: $([[ $status -eq 0 ]] && echo ok || echo FAILED) in $(seconds $(($(now) - start)))"
}

# Counts something named $1 that ended with the status $2.
count() {
    if [[ $2 -eq 0 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        failures+=("$1")
    fi
}

# Adds the results of the test programs whose output is in the file $1.
count_tests() {
    local line
    while read -r line; do
        passed=$((passed + $(sed 's/.* \([0-9]*\) passed.*/\1/' <<< "$line")))
        failed=$((failed + $(sed 's/.* \([0-9]*\) failed.*/\1/' <<< "$line")))
    done < <(grep '^test result: ' "$1")
}

# Prints a line `program test: reason` for each test that said SKIP every time it ran, in the outputs "$@".
skipped_tests() {
    awk '
        /^ *Running .*\(.*\)$/ { program = $0; sub(/.*\//, "", program); sub(/-[0-9a-f]*\)$/, "", program) }
        /^test .* \.\.\. / { runs[program " " $2]++ }
        /^---- .* stdout ----$/ { test = program " " $2; said = 0 }
        /^SKIP: / { if (!said++) skips[test]++; sub(/^SKIP: /, ""); reason[test] = $0 }
        END { for (test in skips) if (skips[test] >= runs[test]) print test ": " reason[test] }
    ' "$@" | sort
}
