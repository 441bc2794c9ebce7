# SPDX-License-Identifier: GPL-2.0-only
"""JSON for KCIDB, KernelCI's common report database: schema version 5.3."""

import hashlib
import json
import re

MAJOR, MINOR = 5, 3

STATUS = {"PASS": "PASS", "FAIL": "FAIL", "CRASH": "FAIL", "TIMEOUT": "FAIL", "KNOWN": "FAIL", "SKIP": "SKIP"}


def path_of(name):
    """A test's name as KCIDB's dotted path; its components are [A-Za-z0-9_-]."""
    words = re.split(r"[/:]", name)
    return ".".join(["secmmu"] + [re.sub(r"[^A-Za-z0-9_-]", "_", word) or "_" for word in words])


def text_of(value):
    """A string as the schema has it: no NUL."""
    return value.replace("\0", "?")


def architecture(facts, target):
    """The kernel's name of the machine."""
    machine = facts.get("uname", "").rsplit(" ", 1)[-1]
    if machine:
        return machine
    return "aarch64" if target.startswith("arm64") else "x86_64"


def test_of(result, ids, run, facts, origin):
    """One result as a test object."""
    misc = {"name": result.name, "status": result.status}
    for key in ("seed", "replay", "known", "fingerprint"):
        if getattr(result, key):
            misc[key] = text_of(getattr(result, key))
    if result.measures:
        misc["measures"] = result.measures
    test = {
        "build_id": ids["build"],
        "id": ids["test"],
        "origin": origin,
        "path": path_of(result.name),
        "status": STATUS[result.status],
        "environment": {"comment": text_of(result.target),
                        "misc": {key: text_of(value) for key, value in facts.items() if key != "vmlinux"}},
        "misc": misc,
    }
    if run.date:
        test["start_time"] = re.sub("Z$", "+00:00", run.date)
    if result.seconds is not None:
        test["duration"] = result.seconds
    if result.reason:
        test["comment"] = text_of(result.reason)
    if result.bad or result.status == "KNOWN":
        test["log_excerpt"] = text_of("\n".join([result.reason] + result.splat()))[:16384]
    return test


def report(run, origin):
    """The whole run."""
    if not re.fullmatch("[a-z0-9_]+", origin):
        raise ValueError(f"--origin {origin!r}: KCIDB has [a-z0-9_]+ only")
    name = f"{run.folder.resolve().name}"
    checkouts, builds, issues, tests, incidents = {}, {}, {}, [], []
    for number, result in enumerate(run.results, 1):
        facts = run.facts.get(result.target, {})
        kernel = text_of(result.kernel)
        build = f"{origin}:{kernel}"
        checkouts.setdefault(kernel, {"id": build, "origin": origin, "comment": kernel})
        builds.setdefault(kernel, {
            "checkout_id": build, "id": build, "origin": origin, "comment": kernel,
            "architecture": re.sub("[^a-z0-9_]", "_", architecture(facts, result.target)),
            "status": "PASS", "misc": {"config": facts.get("config", "unknown")}})
        ids = {"build": build, "test": text_of(f"{origin}:{name}/{result.target}/{number}")}
        tests.append(test_of(result, ids, run, facts, origin))
        if result.status == "KNOWN":
            key = hashlib.sha256(result.known.encode()).hexdigest()[:16]
            issue = f"{origin}:known/{key}"
            issues.setdefault(key, {"id": issue, "version": 1, "origin": origin, "culprit": {"code": True},
                                    "report_subject": text_of(result.known), "comment": text_of(result.known)})
            incidents.append({"id": f"{ids['test']}/known", "origin": origin, "issue_id": issue,
                              "issue_version": 1, "test_id": ids["test"], "present": True})
    return {"version": {"major": MAJOR, "minor": MINOR}, "checkouts": list(checkouts.values()),
            "builds": list(builds.values()), "tests": tests, "issues": list(issues.values()),
            "incidents": incidents}


def text(run, origin):
    """The same, as it is written."""
    return json.dumps(report(run, origin), indent=1, ensure_ascii=False) + "\n"
