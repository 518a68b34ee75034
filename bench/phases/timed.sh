# How long a command takes, for the measurements of this folder. Sourced, not run.

# timed FILE COMMAND...: runs it once, and appends `seconds kilobytes processor-seconds`; its output is dropped. Memory below that
# of python, which starts it, is not told: 14 MiB means that or less.
timed() {
    python3 - "$@" << 'PYTHON'
import os, subprocess, sys, time
began = time.monotonic()
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
took = time.monotonic() - began
if status != 0:
    sys.exit(f"FAILED: exit code {os.waitstatus_to_exitcode(status)} of {' '.join(sys.argv[2:])}")
with open(sys.argv[1], "a") as file:
    print(took, usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=file)
PYTHON
}

# show WHAT FILE: what `timed` has written to it.
show() {
    python3 - "$1" "$2" << 'PYTHON'
import statistics, sys
lines = [list(map(float, line.split())) for line in open(sys.argv[2])]
walls, memory, cpus = zip(*lines)
print(f"    {sys.argv[1]}: {statistics.median(walls) * 1000:.1f} ms (shortest {min(walls) * 1000:.1f}), "
      f"of processors {statistics.median(cpus) * 1000:.1f} ms, {max(memory) / 1024:.0f} MiB, {len(lines)} runs")
PYTHON
}
