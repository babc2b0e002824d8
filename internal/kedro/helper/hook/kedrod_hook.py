"""Tells kedrod what a Kedro run does, one JSON object a line.

Kedro finds this module by its entry point, because kedrod puts its folder on
PYTHONPATH. Python 3.8 or newer; the standard library and Kedro only.

It must never break or change a run. So: nothing at import can raise; each hook
swallows its own exceptions; a hook whose arguments this Kedro does not know is
left out (pluggy would stop the run); every event opens, appends and closes its
file (a kept descriptor could, after user code closed it, be someone's else's
file); no lock is held (a fork would inherit it).

Environment:
  KEDROD_EVENTS         file to append to; without it the module does nothing
  KEDROD_EVENTS_LOG     "1": log records are events too
  KEDROD_FULL_REGISTRY  "1": load every pipeline, also where Kedro (1.5 on) would
                        read only the folder named like the one asked for
  KEDROD_SAVE_VERSIONS  file that holds the newest save version of the project's
                        runs on this machine; no two of them get the same one
"""

import inspect
import json
import logging
import os
import sys
import time
import traceback

TEXT_LIMIT = 8000  # characters of a message
TRACEBACK_LIMIT = 60000  # characters of a traceback
VALUE_LIMIT = 65536  # bytes of one returned value, as JSON
VALUES_LIMIT = 262144  # bytes of all returned values together
VERSION_WAIT = 1.0  # seconds that a run waits for a save version of its own
LOG_LIMIT = 64 << 20  # bytes of the file, from which on log records are left out of it

try:
    from kedro.framework.hooks import hook_impl
except Exception:  # not a Kedro that we know: be silent

    def hook_impl(function):
        return function


class _State:
    """What one process knows. Forked workers inherit it; spawned ones start empty."""

    path = os.environ.get("KEDROD_EVENTS") or None
    torn = False  # the last write stopped half way: the next begins with a line break
    depth = 0  # pipelines running in this process, one inside the other
    datasets = {}  # name -> dataset object, of what is in the catalog
    free = frozenset()  # outputs of the run that no node reads and nothing stores
    returned = 0  # bytes of returned values written so far


def _emit(event, **data):
    """Append one event by one write; what can't be written is lost, quietly."""
    path = _State.path
    if not path:
        return
    record = {"ev": event, "t": time.time(), "pid": os.getpid()}
    record.update(data)
    line = (json.dumps(record, default=str) + "\n").encode("utf-8", "replace")
    if _State.torn:
        line = b"\n" + line
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if event == "log" and os.fstat(descriptor).st_size > LOG_LIMIT:
            return
        written = os.write(descriptor, line)
        _State.torn = written < len(line)
    finally:
        os.close(descriptor)


def _cut(text, limit=TEXT_LIMIT):
    text = text if isinstance(text, str) else str(text)
    return text if len(text) <= limit else text[:limit] + "…"


def _type_name(cls):
    module = getattr(cls, "__module__", "") or ""
    name = getattr(cls, "__qualname__", None) or getattr(cls, "__name__", "?")
    return name if module in ("", "builtins", "__main__") else module + "." + name


def _exception(error):
    try:
        message = _cut(str(error))
    except Exception:
        message = "(its message can't be shown)"
    out = {"type": _type_name(type(error)), "message": message}
    if isinstance(error, ModuleNotFoundError) and error.name:
        out["module"] = error.name
    try:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        out["traceback"] = text if len(text) <= TRACEBACK_LIMIT else "…" + text[-TRACEBACK_LIMIT:]
    except Exception:
        pass
    return out


class _Handler(logging.Handler):
    """Beside the project's own handlers, which stay as they are."""

    kedrod = True

    def emit(self, record):
        try:
            message = record.getMessage()
            if record.name.startswith("kedro.") and _State.depth <= 1:
                _progress(record.name, message)
            if os.environ.get("KEDROD_EVENTS_LOG") == "1":
                text = message
                if record.exc_info and record.exc_info[0] is not None:
                    text += "\n" + logging.Formatter().formatException(record.exc_info)
                _emit("log", level=record.levelname, logger=_cut(record.name, 200), message=_cut(text, 2 * TEXT_LIMIT))
        except Exception:
            pass


def _progress(logger, message):
    """The runner says in its log what no hook tells: a node is wholly done, where to resume."""
    if message.startswith("Completed node: "):
        _emit("node_done", node=message[len("Completed node: "):])
    elif '--from-nodes "' in message:
        names = message.split('--from-nodes "', 1)[1].split('"', 1)[0]
        _emit("resume", text=_cut(names, 4 * TEXT_LIMIT))
    elif message.startswith("Skipping ") and " nodes with existing outputs: " in message:
        _emit("skipped", text=_cut(message.split(" nodes with existing outputs: ", 1)[1], 4 * TEXT_LIMIT))


def _attach():
    root = logging.getLogger()
    if not any(getattr(handler, "kedrod", False) for handler in root.handlers):
        root.addHandler(_Handler())


def _foreign():
    """True when another process began this file: we are a `kedro run` inside a node."""
    try:
        with open(_State.path, "rb") as events:
            first = events.readline(4096)
        return bool(first) and json.loads(first.decode("utf-8")).get("pid") != os.getpid()
    except (OSError, ValueError, AttributeError):
        return False


def _names(pipeline):
    names = pipeline.datasets() if hasattr(pipeline, "datasets") else pipeline.data_sets()
    return sorted(n for n in names if n != "parameters" and not n.startswith("params:"))


def _dataset(catalog, name):
    """The dataset object behind a name; None for what lives in memory only."""
    try:
        get = getattr(catalog, "_get_dataset", None) or catalog.get  # 0.18 and 0.19; 1.x
        dataset = get(name)
    except Exception:
        return None
    return getattr(dataset, "_dataset", None) or dataset  # what a CachedDataset wraps


def _facts(name, dataset):
    cls = type(dataset)
    out = {"name": name, "type": _type_name(cls)}
    filepath = getattr(dataset, "_filepath", None)
    if filepath is None and isinstance(getattr(dataset, "_path", None), str):
        filepath = dataset._path  # of partitions: their folder
    if filepath is not None:
        out["path"] = _cut(filepath)
        protocol = getattr(dataset, "_protocol", None)
        if isinstance(protocol, str):
            out["protocol"] = protocol
    if getattr(dataset, "_version", None) is not None:
        out["versioned"] = True
        try:
            out["version"] = dataset.resolve_save_version()
            out["path"] = str(dataset._get_versioned_path(out["version"]))
        except Exception:
            pass
    return out


def _size(facts):
    """Bytes of a local file; None for folders and what lies elsewhere."""
    if facts.get("protocol", "file") not in ("file", "local", "") or "path" not in facts:
        return None
    try:
        path = facts["path"]
        return os.path.getsize(path) if os.path.isfile(path) else None
    except OSError:
        return None


def _plain(value, budget):
    """True if value is what JSON can hold without loss; budget is [nodes left]."""
    budget[0] -= 1
    if budget[0] < 0:
        return False
    if value is None or isinstance(value, (bool, int)):
        return True
    if isinstance(value, str):
        budget[0] -= len(value) // 8
        return True
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    if isinstance(value, (list, tuple)):
        return all(_plain(item, budget) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(key, budget) and _plain(item, budget) for key, item in value.items())
    return False


def _returned(name, value):
    if name not in _State.free or not _plain(value, [VALUE_LIMIT // 2]):
        return
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    size = len(text.encode("utf-8"))  # raises on lone surrogates: not JSON
    if size > VALUE_LIMIT or _State.returned + size > VALUES_LIMIT:
        return
    _State.returned += size
    _emit("returned", dataset=name, value=json.loads(text))


def _generator(node):
    try:
        return inspect.isgeneratorfunction(node.func)
    except Exception:
        return False


def _lift_restriction():
    from kedro.framework.project import pipelines

    lift = getattr(pipelines, "set_requested", None)
    if lift is not None:
        lift(None)


class Hooks:
    """Kedro calls these; each tells its part and keeps its troubles to itself."""

    def after_context_created(self, context):
        if os.environ.get("KEDROD_FULL_REGISTRY") == "1":
            _lift_restriction()
        if not _State.path:
            return
        if _foreign():
            _State.path = None
            return
        import kedro

        if _State.depth == 0:
            _emit("context", kedro=kedro.__version__, python=sys.version.split()[0], env=getattr(context, "env", None))
        _attach()

    def before_pipeline_run(self, run_params, pipeline, catalog):
        _State.depth += 1
        if _State.depth > 1 or not _State.path:
            return
        names = _names(pipeline)
        objects = {name: _dataset(catalog, name) for name in names}
        _State.datasets = {
            name: dataset
            for name, dataset in objects.items()
            if dataset is not None and type(dataset).__name__ not in ("MemoryDataset", "MemoryDataSet", "SharedMemoryDataset")
        }
        _State.free = frozenset(name for name in pipeline.outputs() if name not in _State.datasets)
        _State.returned = 0
        _emit(
            "run_start",
            save_version=run_params.get("run_id") or run_params.get("session_id"),
            nodes=[
                {"name": node.name, "outputs": list(node.outputs), "generator": _generator(node)} for node in pipeline.nodes
            ],
            datasets=[_facts(name, dataset) for name, dataset in sorted(_State.datasets.items())],
        )

    def after_pipeline_run(self, run_params):
        _State.depth -= 1
        if _State.depth == 0:
            _emit("run_ok")

    def on_pipeline_error(self, error):
        _State.depth -= 1
        if _State.depth == 0:
            _emit("run_error", error=_exception(error))

    def before_dataset_loaded(self, dataset_name, node):
        if _State.depth <= 1:
            _emit("loading", node=node.name, dataset=dataset_name)

    def before_node_run(self, node):
        _attach()  # a spawned worker has no handler yet
        if _State.depth <= 1:
            _emit("node_start", node=node.name)

    def after_node_run(self, node):
        if _State.depth <= 1:
            _emit("node_run", node=node.name)

    def on_node_error(self, error, node):
        if _State.depth <= 1:
            _emit("node_error", node=node.name, error=_exception(error))

    def after_dataset_saved(self, dataset_name, data, node):
        if _State.depth > 1:
            return
        dataset = _State.datasets.get(dataset_name)
        size = _size(_facts(dataset_name, dataset)) if dataset is not None else None
        _emit("saved", node=node.name, dataset=dataset_name, bytes=size)
        _returned(dataset_name, data)


def init():
    """Kedro's command line calls this ("kedro.init") before it makes the session.

    The session takes its id, and with it the save version, from the clock in
    milliseconds, and a run whose save version exists fails: two that start together
    need one each.
    """
    try:
        path = os.environ.get("KEDROD_SAVE_VERSIONS")
        if path:
            from kedro.framework.session import session

            session.generate_timestamp = _distinct(session.generate_timestamp, path)
    except Exception:
        pass


def _distinct(original, path):
    def generate_timestamp():
        try:
            return _later(original, path)
        except Exception:
            return original()

    return generate_timestamp


def _later(original, path):
    """A timestamp after the one in the file; the same as any after VERSION_WAIT, which is after a clock step."""
    import fcntl

    end = time.monotonic() + VERSION_WAIT
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.001)
        last = os.pread(descriptor, 100, 0).decode("ascii", "replace")
        version = original()
        while version <= last and time.monotonic() < end:
            time.sleep(0.0005)
            version = original()
        os.pwrite(descriptor, version.encode("ascii"), 0)
        return version
    finally:
        os.close(descriptor)


def _quiet(function):
    """The same hook, with a signature pluggy can read, that can't raise."""

    def call(*args):
        try:
            function(*args)
        except Exception as error:
            try:
                _emit("hook_error", hook=function.__name__, message=_cut(repr(error), 500))
            except Exception:
                pass

    # pluggy reads the names of a function's own arguments, so make them real.
    names = list(inspect.signature(function).parameters)
    text = "lambda {0}: call({0})".format(", ".join(names))
    wrapper = eval(text, {"call": call})  # noqa: S307 - the names are those of the methods above
    wrapper.__name__ = function.__name__
    return wrapper


def _known(name, function):
    """True if this Kedro has the hook, with every argument ours takes."""
    from kedro.framework.hooks import specs

    for spec in vars(specs).values():
        declared = vars(spec).get(name) if inspect.isclass(spec) else None
        if declared is not None:
            ours = set(inspect.signature(function).parameters)
            return ours <= set(inspect.signature(declared).parameters)
    return False


def _build():
    """An object that carries the hooks this Kedro knows; in doubt, none."""
    members = {}
    try:
        for name, function in vars(Hooks).items():
            if not name.startswith("_") and inspect.isfunction(function) and _known(name, function):
                members[name] = hook_impl(_quiet(function))
    except Exception:
        members = {}
    return type("KedrodHooks", (), members)()


try:
    hooks = _build()
except Exception:  # an exception while a plugin is imported would stop the run
    hooks = object()
