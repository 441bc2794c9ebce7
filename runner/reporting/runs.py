# SPDX-License-Identifier: GPL-2.0-only
"""Reads the results folder of a run."""

import collections
import json
import pathlib
import re

BAD = ("FAIL", "CRASH", "TIMEOUT")


class Result:
    """One line of results.jsonl."""

    def __init__(self, line, folder):
        self.name = line["name"]
        self.target = line["target"]
        self.status = line["status"]
        self.seconds = line["seconds"]
        self.seed = line["seed"]
        self.reason = line["reason"]
        self.replay = line["replay"]
        self.kernel = line.get("kernel") or "unknown"
        self.known = line.get("known", "")
        self.was = line.get("was", "")
        self.stale = line.get("stale", "")
        self.fingerprint = line.get("fingerprint", "")
        self.measures = line.get("measures", [])
        self.expected = line.get("expected", True)
        self.log = folder / line["log"]
        program, _, self.case = self.name.partition(":")
        self.area, _, self.program = program.partition("/")
        # More than once in one target: --repeat, or the same case twice.
        self.round = 1

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
            try:
                text = (self.log.parent / "console.log").read_text(encoding="utf-8", errors="replace")
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

    def add(self, folder):
        """Takes in one results folder of run_all.sh."""
        seen = collections.Counter((result.target, result.name) for result in self.results)
        with open(folder / "results.jsonl", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    result = Result(json.loads(line), folder)
                except (ValueError, KeyError) as error:
                    raise ValueError(f"{folder}/results.jsonl:{number}: no result: {error}") from error
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
            boots = sorted((folder / name).glob("boot-*/facts"), key=lambda path: int(path.parent.name[5:]))
            for file in [folder / name / "facts"] + boots:
                facts.update(key_values(file))
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
