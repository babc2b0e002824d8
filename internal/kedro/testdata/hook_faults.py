"""Makes the hook fail before each of its statements, one run each: hook_faults.py HOOK PROJECT OUT.json STEP

One warm interpreter forks a child for each run. OUT holds, for each point: the
function, the line, the pipeline, the exit code and the file the run wrote.
"""

import ast
import copy
import importlib
import json
import os
import shutil
import sys
import tempfile

from kedro.framework.cli.cli import main  # noqa: F401 - warm

FAILING = {"_exception", "_type_name", "on_pipeline_error", "on_node_error", "_cut"}


def points(tree):
    """(function, body index path) of every statement that can be made to fail."""
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for owner in ast.walk(function):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(owner, name, None)
                if not isinstance(block, list):
                    continue
                for index, statement in enumerate(block):
                    documentation = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                    # a `try` itself can't fail, nor can `pass`
                    if isinstance(statement, (ast.Try, ast.Pass, ast.FunctionDef)) or documentation:
                        continue
                    found.append((function.name, statement.lineno))
    return sorted(set(found), key=lambda point: (point[1], point[0]))


def broken(tree, line):
    tree = copy.deepcopy(tree)
    for owner in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(owner, name, None)
            if isinstance(block, list):
                for index, statement in enumerate(block):
                    if statement.lineno == line and not isinstance(statement, (ast.Try, ast.ClassDef)):
                        block.insert(index, ast.parse("raise RuntimeError('injected')").body[0])
                        return ast.unparse(ast.fix_missing_locations(tree))
    raise LookupError(line)


def run(folder, project, pipeline):
    """One run in a child: its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 70
    try:
        os.chdir(project)
        os.environ["KEDROD_EVENTS"] = os.path.join(folder, "events.jsonl")
        os.environ["KEDROD_SAVE_VERSIONS"] = os.path.join(folder, "save-version")
        os.environ["KEDROD_FULL_REGISTRY"] = os.environ["KEDROD_EVENTS_LOG"] = "1"
        sys.path.insert(0, folder)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.argv = ["kedro", "run", "--pipelines", pipeline, "--params", "seconds=0,count=5"]
        try:
            main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1 if leaving.code else 0
        except BaseException:
            code = 1
        with open(os.path.join(folder, "modules.json"), "w", encoding="utf-8") as target:
            json.dump(sorted(sys.modules), target)
    finally:
        os._exit(code)


def warm(folder):
    """Import what the first run imported, so that the next ones need not."""
    with open(os.path.join(folder, "modules.json"), encoding="utf-8") as source:
        names = json.load(source)
    for name in names:
        if name.split(".")[0] not in ("minimal", "kedrod_hook", "sitecustomize"):
            try:
                importlib.import_module(name)
            except Exception:  # a module that only exists inside another
                pass


def measure(source, dist_info, project, function, line, pipeline):
    folder = tempfile.mkdtemp()
    try:
        with open(os.path.join(folder, "kedrod_hook.py"), "w", encoding="utf-8") as target:
            target.write(source)
        shutil.copytree(dist_info, os.path.join(folder, os.path.basename(dist_info)))
        total = os.path.join(project, "data", "total.json")
        if os.path.exists(total):
            os.remove(total)
        code = run(folder, project, pipeline)
        events = os.path.join(folder, "events.jsonl")
        if line == 0:
            warm(folder)
        return {
            "function": function,
            "line": line,
            "pipeline": pipeline,
            "exit": code,
            "wrote": open(total, encoding="utf-8").read() if os.path.exists(total) else None,
            "events": sum(1 for _ in open(events, encoding="utf-8")) if os.path.exists(events) else 0,
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def everything(hook, project, out, step):
    source = open(os.path.join(hook, "kedrod_hook.py"), encoding="utf-8").read()
    tree = ast.parse(source)
    dist_info = os.path.join(hook, next(n for n in os.listdir(hook) if n.endswith(".dist-info")))
    results = [measure(source, dist_info, project, "", 0, pipeline) for pipeline in ("both", "fail")]
    for function, line in points(tree)[::step]:
        pipeline = "fail" if function in FAILING else "both"
        results.append(measure(broken(tree, line), dist_info, project, function, line, pipeline))
    with open(out, "w", encoding="utf-8") as target:
        json.dump(results, target)


everything(*(os.path.abspath(a) for a in sys.argv[1:4]), int(sys.argv[4]))
