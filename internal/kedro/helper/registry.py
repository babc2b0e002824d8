"""Lists what a Kedro project holds, as JSON in a file: registry.py OUT.json

Run by kedrod in the project's interpreter, with the project as the working
directory. Python 3.8 or newer; the standard library and Kedro only. What the
project prints goes wherever our own output goes; the answer goes to the file,
put in place whole. The exit code is 0 whenever the file was written.
"""

import json
import os
import sys
import traceback

TEXT_LIMIT = 8000
VALUE_LIMIT = 65536  # bytes of one parameter's default, as JSON; longer ones are left out


def type_name(cls):
    module = getattr(cls, "__module__", "") or ""
    name = getattr(cls, "__qualname__", None) or getattr(cls, "__name__", "?")
    return name if module in ("", "builtins") else module + "." + name


def describe(error):
    """The exception; of a chain, with the one that began it."""
    try:
        message = str(error)[:TEXT_LIMIT]
    except Exception:
        message = ""
    out = {
        "type": type_name(type(error)),
        "message": message,
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__))[-60000:],
    }
    first, seen = error, set()
    while id(first) not in seen:
        seen.add(id(first))
        first = first.__cause__ or (None if first.__suppress_context__ else first.__context__) or first
    module = getattr(first, "name", None) if isinstance(first, ModuleNotFoundError) else None
    if module:
        out["module"] = module
    if first is not error:
        out["first"] = {"type": type_name(type(first)), "message": str(first)[:TEXT_LIMIT]}
    return out


def function_name(func):
    while hasattr(func, "func"):  # functools.partial
        func = func.func
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None) or type(func).__name__
    return "{}.{}".format(getattr(func, "__module__", "") or "", name).lstrip(".")


def is_parameter(name):
    return name == "parameters" or name.startswith("params:")


def describe_pipeline(pipeline):
    after = {node.name: sorted(p.name for p in parents) for node, parents in pipeline.node_dependencies.items()}
    names = pipeline.datasets() if hasattr(pipeline, "datasets") else pipeline.data_sets()
    nodes = []
    for node in pipeline.nodes:
        nodes.append(
            {
                "name": node.name,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "tags": sorted(node.tags),
                "namespace": node.namespace,
                "func": function_name(node.func),
                "after": after.get(node.name, []),
            }
        )
    return {
        "nodes": nodes,
        "inputs": sorted(n for n in pipeline.inputs() if not is_parameter(n)),
        "outputs": sorted(pipeline.outputs()),
        "datasets": sorted(n for n in names if not is_parameter(n)),
        "parameters": sorted(n for n in pipeline.inputs() if is_parameter(n)),
    }


def plain(value):
    """value as JSON holds it; (False, None) where it can't or is too long."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False, None
    return (True, json.loads(text)) if len(text) <= VALUE_LIMIT else (False, None)


def describe_entry(name, entry):
    inner = entry.get("dataset")
    if "Cached" in str(entry.get("type")) and isinstance(inner, dict):
        path, versioned = inner.get("filepath"), entry.get("versioned") or inner.get("versioned")
    else:
        path, versioned = entry.get("filepath") or entry.get("path"), entry.get("versioned")
    return {
        "type": str(entry.get("type")) if entry.get("type") is not None else None,
        "filepath": str(path) if path is not None else None,
        "versioned": bool(versioned),
        "pattern": "{" in name,
    }


def describe_catalog(loader, used):
    """The entries of the catalog, and what its patterns make of other names that pipelines use."""
    entries = {
        name: entry for name, entry in dict(loader["catalog"]).items() if not name.startswith("_") and isinstance(entry, dict)
    }
    out = {name: describe_entry(name, entry) for name, entry in entries.items()}
    return out, describe_patterns(entries, used)


def without_credentials(value):
    if isinstance(value, dict):
        return {k: without_credentials(v) for k, v in value.items() if k != "credentials"}
    return value


def describe_patterns(entries, used):
    """None where this Kedro can't be asked."""
    if not any("{" in name for name in entries):
        return {}
    try:
        from kedro.io import CatalogConfigResolver

        resolver = CatalogConfigResolver(config=without_credentials(entries))
        matches = [getattr(resolver, m, None) for m in ("match_dataset_pattern", "match_user_catch_all_pattern")]
        out = {}
        for name in sorted(used - set(entries)):
            if is_parameter(name) or (all(matches) and not any(match(name) for match in matches)):
                continue
            entry = resolver.resolve_pattern(name)
            if isinstance(entry, dict) and entry.get("type") is not None:
                out[name] = describe_entry("", entry)
        return out
    except Exception:
        return None


def mark_given(loader, used, plain, made):
    """Marks those whose path a run's parameters change: ${runtime_params:…} reads them."""
    try:
        loader._get_runtime_value = lambda variable, *default: "\0given"
        catalog, patterns = describe_catalog(loader, used)
    except Exception:  # it is not known which
        catalog = patterns = None
    for of, now in ((plain, catalog), (made or {}, patterns)):
        for name, entry in of.items():
            if entry["filepath"] is not None and (now is None or now.get(name, {}).get("filepath") != entry["filepath"]):
                entry["given"] = True


def describe_datasets(result, loader):
    used = set()
    for pipeline in result["pipelines"].values():
        used.update(pipeline["datasets"])
        for node in pipeline["nodes"]:
            used.update(node["outputs"])
    read, asked = getattr(loader, "_get_runtime_value", None), []
    if read is not None:

        def watched(variable, *default):
            asked.append(variable)
            return read(variable, *default)

        loader._get_runtime_value = watched
    catalog, patterns = describe_catalog(loader, used)
    if asked:
        mark_given(loader, used, catalog, patterns)
    if read is not None:
        loader._get_runtime_value = read
    result["datasets"], result["made"] = catalog, patterns


def describe_configuration(result, loader):
    describe_datasets(result, loader)
    defaults = {}
    for name, value in dict(loader["parameters"]).items():
        ok, value = plain(value)
        defaults[str(name)] = {"default": value} if ok else {}
    result["parameters"] = defaults


def collect(result):
    from pathlib import Path

    result["python"] = sys.version.split()[0]
    result["executable"] = sys.executable
    result["path"] = [p for p in sys.path if p and os.path.isdir(p)]
    stage = "kedro"
    try:
        import kedro

        result["kedro"] = kedro.__version__
        stage = "project"
        from kedro.framework.startup import bootstrap_project

        root = Path.cwd()
        metadata = bootstrap_project(root)
        result["package"] = metadata.package_name
        from kedro.framework.project import pipelines

        stage = "registry"
        registry = dict(pipelines)
        result["pipelines"] = {str(name): describe_pipeline(pipeline) for name, pipeline in registry.items()}
        stage = "configuration"
        from kedro.framework.session import KedroSession

        with KedroSession.create(project_path=root, save_on_close=False) as session:
            try:  # without a context, so that the project's own hooks have no effect
                describe_configuration(result, session._get_config_loader())
            except Exception:  # they may be needed, to register a resolver say
                describe_configuration(result, session.load_context().config_loader)
    except (Exception, SystemExit) as error:
        result["stage"] = stage
        result["error"] = describe(error)


def main(out):
    result = {}
    collect(result)
    text = json.dumps(result, default=str)
    temporary = "{}.{}.tmp".format(out, os.getpid())
    with open(temporary, "w", encoding="utf-8") as target:
        target.write(text)
    os.replace(temporary, out)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads the project left behind do not keep us


if __name__ == "__main__":
    os.environ["DO_NOT_TRACK"] = "1"  # else kedro-telemetry writes into pyproject.toml
    if sys.path and not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.getcwd()  # as `python -m kedro` has it, in place of our own folder
    main(sys.argv[1])
