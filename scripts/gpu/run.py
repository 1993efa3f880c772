#!/usr/bin/env python3
"""What scripts/gpu/run.sh runs on a machine with a GPU: parts, each of which is kept when done, so that a second call
continues. Needs Python's own library alone; PyTorch is what is tested. Prints a line for each part, and at the end
"N passed, N failed".
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time

p = argparse.ArgumentParser()
p.add_argument("--bundle", required=True)
p.add_argument("--out", required=True)
p.add_argument("--limit", type=float, default=570)
known_parts = ["facts", "engine", "doctor", "tests", "memcheck", "bench"]
p.add_argument("--parts", default=" ".join(known_parts))
p.add_argument("--device", default="cuda:0")
a = p.parse_args()
if set(a.parts.split()) - set(known_parts) or not a.parts.split():
    p.error("parts: want some of %s, got %r" % (", ".join(known_parts), a.parts))
start, root = time.time(), os.getcwd()
on_gpu = a.device.startswith("cuda")

with open(a.bundle, "rb") as f:
    identity = hashlib.sha256(f.read()).hexdigest()[:12]
work = os.path.join(root, "build", "gpu-run", identity + ("" if on_gpu else "-cpu"))
bundle, state = os.path.join(work, "bundle"), os.path.join(work, "state")
os.makedirs(state, exist_ok=True)
os.makedirs(a.out, exist_ok=True)
if not os.path.exists(os.path.join(bundle, "bundle.txt")):
    shutil.rmtree(bundle, ignore_errors=True)
    with tarfile.open(a.bundle) as t:
        t.extractall(bundle, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
with open(os.path.join(bundle, "bundle.txt")) as f:
    facts = dict(line.split(None, 1) for line in f if " " in line)
commit, packages = facts["commit"].strip(), facts["packages"].split()
program = os.path.join(bundle, "bin", "contralens")
imported = subprocess.run(
    [sys.executable, "-c", "import torch, os; print(os.path.dirname(torch.__file__))"],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    cwd="/",  # not beside this repository's folder torch
)
torch_dir = imported.stdout.strip()
has_torch = bool(torch_dir)
if not has_torch and not os.environ.get("LIBTORCH"):
    sys.exit(
        "run.sh: want a Python that has PyTorch, as PYTHON=FOLDER/bin/python3, or LIBTORCH=FOLDER; got %s: %s"
        % (sys.executable, (imported.stderr.strip() or "it prints no folder").splitlines()[-1])
    )
if torch_dir.startswith("/usr/lib/python3"):
    torch_dir = ""  # Debian's, which the engine finds by itself
if os.environ.get("LIBTORCH"):
    torch_dir = os.environ["LIBTORCH"] if os.environ["LIBTORCH"] != "debian" else ""
engine = os.path.join(work, "engine", "libcontralens-engine.so")
environment = dict(
    os.environ,
    CONTRALENS_ENGINE=engine,
    XDG_CACHE_HOME=os.path.join(work, "cache"),
    CONTRALENS_PROGRAM=program,
    LD_LIBRARY_PATH=os.pathsep.join(filter(None, [os.path.join(bundle, "lib"), os.environ.get("LD_LIBRARY_PATH")])),
)


def left():
    return a.limit - (time.time() - start)


def run(command, log=None, timeout=None, cwd=None, env=None):
    """Runs a command to its end. Returns its exit code and output, which goes to a file of the results as well."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env=env or environment,
            timeout=timeout or max(10, left()),
        )
        code, text = done.returncode, done.stdout
    except subprocess.TimeoutExpired as e:
        code, text = 124, (e.stdout or b"").decode(errors="replace") + "\ntook longer than %.0f s\n" % e.timeout
    except FileNotFoundError as e:
        code, text = 127, "%s\n" % e
    if log:
        with open(os.path.join(a.out, log), "w") as f:
            f.write(text)
    return code, text


def kept(name, work_of, seconds):
    """The result of a part, from an earlier call unless it failed, or made now; None if there is no time to begin."""
    path = os.path.join(state, name + ".json")
    if os.path.exists(path):
        with open(path) as f:
            old = json.load(f)
        if not old["failed"]:
            return old
    if left() < seconds:
        return None
    began = time.time()
    result = work_of()
    result["took"] = round(time.time() - began, 1)
    with open(path, "w") as f:
        json.dump(result, f)
    print(
        "%-28s %d passed, %d failed%s, %.0f s%s"
        % (
            name,
            len(result["passed"]),
            len(result["failed"]),
            ", %d skipped" % len(result["skipped"]) if result.get("skipped") else "",
            result["took"],
            "" if not result["failed"] else ": " + ", ".join(result["failed"][:5]),
        ),
        flush=True,
    )
    return result


def one(name, ok, **more):
    return dict({"passed": [name] if ok else [], "failed": [] if ok else [name]}, **more)


def facts_part():
    """What is known of the machine, for reading later."""
    text = ""
    for command in (
        ["uname", "-a"],
        ["g++", "--version"],
        ["nvidia-smi"],
        ["nproc"],
        ["free", "-m"],
        [sys.executable, "--version"],
        ["ls", os.path.join(torch_dir, "lib")],
        ["sh", "-c", "readelf -d %s/lib/libtorch_cuda.so | grep -E 'RPATH|RUNPATH|NEEDED'" % torch_dir],
        [sys.executable, "-m", "pip", "list"],
        ["ldd", "--version"],
    ):
        text += "$ %s\n%s\n" % (" ".join(command), run(command, timeout=60)[1])
    with open(os.path.join(a.out, "facts.txt"), "w") as f:
        f.write(text)
    version = run([sys.executable, "-c", "import torch; print(torch.__version__)"], timeout=120)[1].strip().splitlines()
    card = run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], timeout=60)
    return one(
        "libtorch is there",
        has_torch or bool(torch_dir) or os.environ.get("LIBTORCH") == "debian",
        torch=version[-1] if version and "Error" not in version[-1] else "",
        card=card[1].splitlines()[0] if card[0] == 0 and card[1] else "no GPU",
        folder=torch_dir,
    )


# How the engine of the bundle is noted. It was linked where the bundle was made, and finds libtorch by LD_LIBRARY_PATH.
bundled = "that of the bundle, since compiling failed: see engine.log"


def engine_part():
    """The C++, compiled for the PyTorch that is there; without a compiler, the engine of the bundle."""
    code, text = run(
        [os.path.join(bundle, "bin", "engine"), "-o", os.path.dirname(engine), torch_dir],
        "engine.log",
        timeout=max(300, left()),
    )
    note = "compiled here"
    prebuilt = os.path.join(bundle, "prebuilt")
    if code and os.path.isdir(prebuilt):
        shutil.copytree(prebuilt, os.path.dirname(engine), dirs_exist_ok=True)
        note, code = bundled, 0
    return one("engine", code == 0, note=note, error=text[-500:] if code else "")


def doctor_part():
    code, text = run([program, "doctor", "--json", "--measure"], "doctor.json", timeout=120)
    return one("doctor", code in (0, 1) and "{" in text)


def tests_of(package):
    """The tests of a package, in its folder, as go test runs them."""

    def work_of():
        name = package.replace("/", "-")
        binary = os.path.join(bundle, "bin", name + ".test")
        env = dict(environment, OMP_NUM_THREADS="2")
        code, text = run(
            [binary, "-test.v", "-test.timeout", "%ds" % max(20, left())],
            name + ".log",
            cwd=os.path.join(root, package),
            env=env,
        )
        results = {"passed": [], "failed": [], "skipped": []}
        for kind, test in re.findall(r"^ *--- (PASS|FAIL|SKIP): (\S+)", text, re.M):
            results[{"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[kind]].append(package + ":" + test)
        if code and not results["failed"]:
            results["failed"].append("%s: exit code %d" % (package, code))
        return results

    return work_of


def memcheck_part():
    sanitizer = shutil.which("compute-sanitizer") or next(
        (s for s in ("/usr/local/cuda/bin/compute-sanitizer",) if os.path.exists(s)), ""
    )
    if not sanitizer:
        return {"passed": [], "failed": [], "skipped": ["compute-sanitizer is not there"]}
    results = {"passed": [], "failed": [], "skipped": []}
    for tool in ("memcheck", "racecheck"):
        code, text = run(
            [
                sanitizer,
                "--tool",
                tool,
                "--error-exitcode",
                "9",
                os.path.join(bundle, "bin", "nn-layers.test"),
                "-test.v",
                "-test.run",
                "Norm",
            ],
            tool + ".log",
            cwd=os.path.join(root, "nn", "layers"),
            timeout=min(150, max(20, left())),
        )
        results["passed" if code == 0 else "failed"].append(tool)
    return results


# What is measured: options that both have, and how many photos of which size are loaded.
cases = {
    "R50": (["--arch", "resnet50", "--batch_size", "256", "-k", "65536"], (256, 500, 375)),
    "R18": (
        ["--arch", "resnet18", "--stem", "cifar", "--input_res", "32", "--batch_size", "256", "-k", "4096"],
        (2048, 32, 32),
    ),
}
if not on_gpu:
    cases = {
        "R18": (
            ["--arch", "resnet18", "--stem", "cifar", "--input_res", "32", "--batch_size", "8", "-k", "64"],
            (64, 32, 32),
        )
    }
steps = ["--steps", "30", "--warmup", "10"] if on_gpu else ["--steps", "2", "--warmup", "1"]
precision = "bf16" if on_gpu else "fp32"


def photos(case):
    """A folder of photos, each of 64 several times: both programs read the same files."""
    n, width, height = cases[case][1]
    folder = os.path.join(work, "photos", case)
    if not os.path.exists(folder + ".done"):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
        code, text = run([os.path.join(bundle, "bin", "photos"), folder, str(n), str(width), str(height)], timeout=120)
        if code:
            raise RuntimeError(text)
        made = sorted(f for f in os.listdir(folder) if f.endswith(".jpg"))
        for i in range(n - len(made)):
            os.link(os.path.join(folder, made[i % len(made)]), os.path.join(folder, "again%04d.jpg" % i))
        os.remove(os.path.join(folder, "train.txt"))
        open(folder + ".done", "w").close()
    return folder


def programs(case):
    """Name, command of each program of a case."""
    options = cases[case][0] + steps + ["--precision", precision, "--device", a.device]
    peer = [sys.executable, os.path.join(root, "bench", "peer", "on_gpu.py")] + options
    ours = (
        [program, "bench", "step", "--method", "MoCov2", "--ft", "posneg", "--json"]
        + options
        + ["--data_folder", photos(case), "--dataset", "folder"]
    )
    list_of = [
        ("contralens, recorded", ours),
        ("contralens, not recorded", ours + ["--record=false"]),
        ("PyTorch", peer),
        ("PyTorch, compiled", peer + ["--compile"]),
        ("PyTorch, loading", peer + ["--data_folder", photos(case)]),
        ("PyTorch, compiled, loading", peer + ["--compile", "--data_folder", photos(case)]),
    ]
    if not has_torch:
        return list_of[:2]
    return list_of if on_gpu else list_of[:3] + list_of[4:5]


def bench_of(case, name, command):
    def work_of():
        code, text = run(
            command,
            "bench-%s-%s.log" % (case, re.sub(r"[^a-z]+", "-", name.lower())),
            timeout=min(240, max(20, left())),
        )
        if name.endswith("loading") and re.search(r"No module named '(torchvision|PIL)", text):
            return {"passed": [], "failed": [], "skipped": ["%s, %s: no torchvision" % (case, name)]}
        found = re.search(r"^\{.*\}$", text, re.M)
        if code or not found:
            return one("bench %s, %s" % (case, name), False)
        return one("bench %s, %s" % (case, name), True, result=json.loads(found.group()), case=case, program=name)

    return work_of


def table(results, measured):
    """A Markdown table for docs/results.md."""
    about = results.get("facts", {})
    lines = [
        "%s, PyTorch %s, contralens %s. Images per second of a step of MoCo v2 with feature transformation; ours "
        "with its views from JPEG files in the page cache."
        % (about.get("card", ""), about.get("torch", ""), commit[:12]),
        "",
        "| step | program | precision | images/s | ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    for r in measured:
        x = r["result"]
        total = x["seconds"]["total"]
        lines.append(
            "| %s | %s | %s | %.0f | %.1f |"
            % (r["case"], r["program"], x["precision"], x["images_per_second"], 1e3 * total)
        )
    return "\n".join(lines) + "\n"


def earlier(results):
    """Adds what earlier calls did of other parts with this bundle."""
    for file in sorted(os.listdir(state)):
        name = file[: -len(".json")]
        if file.endswith(".json") and name not in results:
            with open(os.path.join(state, file)) as f:
                results[name] = json.load(f)


def set_aside(path):
    """Renames the results of another commit or device, which these would replace."""
    try:
        with open(path) as f:
            old = json.load(f)
    except (OSError, ValueError):
        return
    if (old.get("commit"), old.get("device")) != (commit, a.device):
        name = "results-%s-%s.json" % (str(old.get("commit"))[:12], str(old.get("device")).replace(":", ""))
        os.replace(path, os.path.join(a.out, name))


def main():
    results, waiting = {}, []

    def add(name, work_of, seconds):
        r = kept(name, work_of, seconds)
        if r is None:
            waiting.append(name)
        else:
            results[name] = r
        return r

    parts = a.parts.split()
    add("facts", facts_part, 0)
    add("engine", engine_part, 0)
    if results["engine"]["failed"]:
        print(results["engine"].get("error", ""))
        parts = []
    if results["engine"].get("note") == bundled and torch_dir:  # made by this call or by an earlier one
        print("note: the engine is " + bundled)
        environment["LD_LIBRARY_PATH"] += os.pathsep + os.path.join(torch_dir, "lib")
    if "doctor" in parts:
        add("doctor", doctor_part, 10)
    if "tests" in parts:
        # Several at a time: most of a test's time is the host's.
        with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 4)) as pool:
            list(pool.map(lambda x: add("tests " + x.replace("/", "-"), tests_of(x), 30), packages))
    if "memcheck" in parts and on_gpu:
        add("memcheck", memcheck_part, 60)
    if "bench" in parts:
        for case in cases:
            for name, command in programs(case):
                add("bench %s %s" % (case, name), bench_of(case, name, command), 45)
    earlier(results)
    measured = [r for r in results.values() if "result" in r]
    count = {k: sum(len(r.get(k, [])) for r in results.values()) for k in ("passed", "failed", "skipped")}
    with open(os.path.join(a.out, "table.md"), "w") as f:
        f.write(table(results, measured))
    set_aside(os.path.join(a.out, "results.json"))
    with open(os.path.join(a.out, "results.json"), "w") as f:
        json.dump(
            dict(
                count,
                commit=commit,
                device=a.device,
                seconds=round(time.time() - start, 1),
                parts=results,
                left=waiting,
            ),
            f,
            indent=1,
        )
    for name, r in results.items():
        for failure in r["failed"]:
            print("FAILED %s (%s)" % (failure, name))
    print(
        "%d passed, %d failed, %d skipped by name%s"
        % (
            count["passed"],
            count["failed"],
            count["skipped"],
            "" if not waiting else "; no time for %d parts, call again: %s" % (len(waiting), ", ".join(waiting)),
        )
    )
    return 1 if count["failed"] else 0


sys.exit(main())
