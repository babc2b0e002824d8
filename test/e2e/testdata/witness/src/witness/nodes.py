"""Nodes that write down what they do, and wait for a file of the test's."""

import json
import os
import signal
import subprocess
import sys
import time

# What a child of a run does: it ignores what can be ignored, and writes that it lives.
CHILD = """
import os, signal, sys, time
for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(name, signal.SIG_IGN)
path, who = sys.argv[1], sys.argv[2]
while True:
    target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(target, f"beat {who} {os.getpid()} {time.monotonic_ns()}\\n".encode())
    os.close(target)
    time.sleep(0.01)
"""


def note(path, word):
    """Appends one line: what happened, in which attempt of which job, by whom and when (CLOCK_MONOTONIC)."""
    job, attempt = os.environ.get("KEDROD_JOB_ID", "-"), os.environ.get("KEDROD_ATTEMPT", "0")
    target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(target, f"{word} {job} {attempt} {os.getpid()} {time.monotonic_ns()}\n".encode())
    os.close(target)


def wait_for(path):
    end = time.monotonic() + 600
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise TimeoutError(f"nobody opened {path}")
        time.sleep(0.005)


def report():
    return {"lines": 1}


def diary(path, gate, seconds, *before):
    note(path, "start")
    if gate:
        wait_for(gate)
    time.sleep(seconds)
    note(path, "end")
    return seconds


def deaf(path, gate):
    """Ignores INT and TERM, as do its children: one in its group, one in a session of its own, one orphan without a name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    who = f"{os.environ.get('KEDROD_JOB_ID', '-')} {os.environ.get('KEDROD_ATTEMPT', '0')}"
    command = [sys.executable, "-c", CHILD, path, who]
    subprocess.Popen(command)
    subprocess.Popen(command, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        subprocess.Popen(command, start_new_session=True)
        os._exit(0)
    note(path, "start")
    wait_for(gate)
    note(path, "end")


def step(name):
    """A node that says that it has begun (NAME.begun) and goes on once it may (NAME.go)."""

    def run(folder, *before):
        print(f"{name} is printed", flush=True)
        open(os.path.join(folder, name + ".begun"), "w").close()
        wait_for(os.path.join(folder, name + ".go"))
        return name

    run.__name__ = name
    return run


def lines(path, gate):
    """Prints a line, waits, prints more: one with half a character at its end, one long, one without a line break."""
    out = sys.stdout.buffer
    for number in range(200):
        out.write(f"line {number} ä€😀\n".encode())
    out.flush()
    note(path, "start")
    wait_for(gate)
    for number in range(200, 2200):
        out.write(f"line {number} ä€😀\n".encode())
        if number % 100 == 0:
            out.write("half of a ".encode() + "€".encode()[:2])
            out.flush()
            time.sleep(0.002)
            out.write("€".encode()[2:] + b"\n")
    out.write(b"y" * 300_000 + b"\n" + b"\xff\xfe no text\n" + b"no line break")
    out.flush()
    return 1


def environment(path):
    with open(path, "w", encoding="ascii") as target:
        json.dump(dict(os.environ), target)
    return 1


def exhausted():
    """More memory than the process may have."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
    return len(bytearray(4 << 30))
