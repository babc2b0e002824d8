"""What the pipelines do, each in a few lines."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time


def numbers(count):
    return list(range(count))


def total(values):
    return {"sum": sum(values), "count": len(values)}


def echo(parameters):
    """Writes the parameters it got to the file that echo_path names, as JSON."""
    with open(parameters["echo_path"], "w", encoding="ascii") as target:
        json.dump(parameters["echo"], target, allow_nan=False, sort_keys=True)
    return parameters["echo"]


def fail(message):
    raise ValueError(message)


def fail_with(message, value):
    raise ValueError(message)


def sleep(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
    return seconds


def stubborn(seconds, path):
    """Sleeps beside two children that ignore INT and TERM, one of them in a session of its own."""
    code = (
        "import signal,sys,time;signal.signal(signal.SIGTERM,signal.SIG_IGN);signal.signal(signal.SIGINT,signal.SIG_IGN);"
        "print('ready',flush=True);time.sleep(float(sys.argv[1]))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(seconds)], stdout=subprocess.PIPE, start_new_session=away)
        for away in (False, True)
    ]
    for child in children:
        child.stdout.readline()
    if path:
        with open(path + ".tmp", "w", encoding="ascii") as target:
            json.dump([os.getpid()] + [child.pid for child in children], target)
        os.replace(path + ".tmp", path)
    time.sleep(seconds)
    return seconds


def quit_process(code):
    print("leaving without an exception", flush=True)
    os._exit(code)


def kill_itself(name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(60)


def segfault():
    ctypes.string_at(0)


def out_of_memory():
    raise MemoryError("no room for the table")


def import_missing():
    import a_module_that_nobody_has  # noqa: F401


def noise(lines, width):
    """Bytes that are no UTF-8, then lines as long and as many as asked for."""
    out = sys.stdout.buffer
    out.write(b"\xff\xfe not text \x80\n")
    for _ in range(lines):
        out.write(b"x" * width + b"\n")
    out.flush()
    return lines


def boxed_error():
    raise RuntimeError("first line\nsecond line ╭─ with a box │ and [bold]markup[/bold]\nthird line")


def chained():
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("it could not be looked up") from error


def identity(value):
    return value


def stream():
    """A generator: its output is saved piece by piece."""
    for i in range(3):
        yield {"part": i}
