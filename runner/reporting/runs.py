# SPDX-License-Identifier: GPL-2.0-only
"""Reads the results folder of a run. All in it is data, perhaps of another machine and
of an older or a broken runner: what is odd is named and left out, the rest is reported."""

import collections
import json
import math
import os
import pathlib
import re

BAD = ("FAIL", "CRASH", "TIMEOUT")
STATUSES = BAD + ("KNOWN", "SKIP", "PASS")


def number(value):
    """A figure; None if it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def encodable(text):
    """Text without what UTF-8 cannot have (half of a surrogate pair)."""
    return text.encode("utf-8", "replace").decode("utf-8")


def measures_of(values):
    """The measures of a result that are flat objects."""
    found = []
    for measure in values if isinstance(values, list) else ():
        if isinstance(measure, dict) and all(
                isinstance(value, (str, bool)) or value is None or number(value) is not None
                for value in measure.values()):
            found.append({encodable(key): encodable(value) if isinstance(value, str) else value
                          for key, value in measure.items()})
    return found


class Result:
    """One line of results.jsonl. Raises ValueError if it does not say which test became what; what else
    is odd about it is in the list odd."""

    def __init__(self, line, folder):
        if not isinstance(line, dict):
            raise ValueError("no object")
        self.odd = []
        for key in ("name", "target", "status"):
            if not isinstance(line.get(key), str):
                raise ValueError(f"no {key}")
        if line["status"] not in STATUSES:
            raise ValueError(f"unknown status {line['status'][:40]!r}")
        self.status = line["status"]
        self.name = self.text(line, "name", "")
        self.target = self.text(line, "target", "")
        self.seconds = number(line.get("seconds"))
        if self.seconds is None and line.get("seconds") is not None or (self.seconds or 0) < 0:
            self.odd.append("seconds")
            self.seconds = None
        self.seed = self.text(line, "seed", None)
        self.reason = self.text(line, "reason", "")
        self.replay = self.text(line, "replay", "")
        self.kernel = self.text(line, "kernel", "") or "unknown"
        self.known = self.text(line, "known", "")
        self.was = self.text(line, "was", "")
        self.stale = self.text(line, "stale", "")
        self.fingerprint = self.text(line, "fingerprint", "")
        self.measures = measures_of(line.get("measures", []))
        if self.measures != line.get("measures", []):
            self.odd.append("measures")
        self.expected = line.get("expected", True)
        if not isinstance(self.expected, bool):
            self.odd.append("expected")
            self.expected = False
        self.log = folder / self.text(line, "log", "")
        if not inside(self.log, folder):
            self.odd.append("log")
            self.log = folder / "no-log"
        program, _, self.case = self.name.partition(":")
        self.area, _, self.program = program.partition("/")
        # More than once in one target: --repeat, or the same case twice.
        self.round = 1

    def text(self, line, key, default):
        """A text of the line."""
        value = line.get(key, default)
        if value is None or isinstance(value, str):
            return default if value is None else encodable(value)
        self.odd.append(key)
        return default

    @property
    def bad(self):
        """Does it fail the run?"""
        return self.status in BAD or not self.expected

    @property
    def word(self):
        """The status for a reader."""
        return "SKIP (unexpected)" if not self.expected else self.status

    def log_lines(self, limit):
        """The last lines of the program's log."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return [line.rstrip("\n") for line in collections.deque(log, limit)]
        except OSError:
            return []

    def splat(self, limit=150):
        """What the kernel said: from the log, or from the console behind it."""
        lines = [line[8:] for line in self.log_lines(4000) if line.startswith("# kmsg: ")]
        if not lines and self.status == "CRASH":
            console = self.log.parent / "console.log"
            try:
                text = "" if console.is_symlink() else console.read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            lines = text.replace("\r", "").split("\n")
            begin = re.compile(r"BUG: |Oops|WARNING: |Internal error|Kernel panic|cut here|Unable to handle")
            starts = [number for number, line in enumerate(lines) if begin.search(line)]
            lines = lines[starts[0]:] if starts else []
        return lines[:limit]


class Run:
    """A folder of results."""

    def __init__(self, folder):
        self.folder = folder
        self.results = []
        self.environment = {}
        self.facts = {}
        self.not_run = []
        self.transitions = []
        # What could not be read, as text.
        self.odd = []

    def add(self, folder):
        """Takes in one results folder of run_all.sh."""
        seen = collections.Counter((result.target, result.name) for result in self.results)
        with open(folder / "results.jsonl", encoding="utf-8", errors="replace") as lines:
            for at, line in enumerate(lines, 1):
                where = f"{folder.name}/results.jsonl:{at}"
                try:
                    result = Result(json.loads(line), folder)
                except (ValueError, RecursionError) as error:
                    self.odd.append(f"{where}: no result: {encodable(str(error))[:200]}")
                    continue
                if result.odd or "\ufffd" in line:
                    self.odd.append(f"{where}: odd: {', '.join(result.odd) or 'bytes that are no UTF-8'}")
                seen[result.target, result.name] += 1
                result.round = seen[result.target, result.name]
                self.results.append(result)
        environment = key_values(folder / "environment")
        if folder != self.folder:
            # One target of several: not what it was called with.
            environment = {key: environment[key] for key in ("date", "suite", "machine") if key in environment}
        for key, value in environment.items():
            self.environment.setdefault(key, value)
        for target in {result.target for result in self.results}:
            name = re.sub(r"[^A-Za-z0-9._=+-]", "_", target)
            facts = self.facts.setdefault(target, {})
            boots = [path for path in (folder / name).glob("boot-*/facts") if path.parent.name[5:].isdecimal()]
            for file in sorted(boots, key=lambda path: int(path.parent.name[5:])):
                facts.update(key_values(file))
            # A guest does not know where its kernel's symbols are on the host, and what
            # the host knows counts.
            facts.pop("vmlinux", None)
            facts.update(key_values(folder / name / "facts"))
        for file, list_of in (("not-run", self.not_run), ("transitions", self.transitions)):
            try:
                text = (folder / file).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            list_of.extend(line.split("\t") for line in text.splitlines() if line)

    @property
    def targets(self):
        """In the order in which they were run."""
        return list(dict.fromkeys(result.target for result in self.results))

    @property
    def date(self):
        """When it began, as ISO 8601."""
        return self.environment.get("date", "")

    def counts(self, target=None):
        """How many results there are of each status."""
        return collections.Counter(result.status for result in self.results
                                   if target in (None, result.target))


def inside(file, folder):
    """Is that a path within the folder, symbolic links followed?"""
    try:
        return file.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def key_values(file):
    """A file of KEY=value lines."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value.strip() for key, sign, value in pairs if sign}


def load(folder):
    """The run in a folder: run_all.sh's, or one of nightly's with several in it."""
    folder = pathlib.Path(folder)
    parts = [folder] if (folder / "results.jsonl").exists() else \
        sorted(path.parent for path in folder.glob("*/results.jsonl"))
    if not parts:
        raise ValueError(f"{folder} has no results.jsonl: no results folder of run_all.sh or runner/nightly")
    run = Run(folder)
    for part in parts:
        run.add(part)
    if run.odd and not run.results:
        raise ValueError(f"{folder} has no result that can be read: {run.odd[0]}")
    return run


def earlier(folder, limit):
    """The last runs before that one, from the folders beside it; oldest first."""
    folder = pathlib.Path(folder).resolve()
    found = []
    for other in sorted(folder.parent.iterdir(), reverse=True):
        if len(found) == limit:
            break
        if other.name >= folder.name or other.is_symlink() or not re.match(r"\d{8}-\d{6}", other.name):
            continue
        try:
            found.append(load(other))
        except (OSError, ValueError):
            continue
    return found[::-1]
