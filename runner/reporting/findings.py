# SPDX-License-Identifier: GPL-2.0-only
"""The file known-failures, and the page that is made of it."""

import datetime
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]


def read(file=TOP / "known-failures"):
    """The entries: paragraphs of "key: value" (the file's head says which)."""
    entries, entry, key = [], None, ""
    for line in file.read_text(encoding="utf-8").splitlines() + [""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            entry = None
        elif line[0] in " \t":
            entry[key] += " " + line.strip()
        else:
            if entry is None:
                entry = {}
                entries.append(entry)
            key, _, value = line.partition(":")
            entry[key] = value.strip()
    return entries


def expired(entry, today=None):
    """Does the entry count no more?"""
    today = today or datetime.date.today().isoformat()
    return bool(entry.get("expires")) and entry["expires"] < today


def cell(text):
    """Text in a Markdown table."""
    return text.replace("|", "\\|")


def code(text):
    """The same, as it is."""
    return f"`{cell(text)}`" if text else ""


def markdown(entries):
    """doc/findings/README.md."""
    lines = ["# Known failures of kernels", "",
             "Made from `known-failures` by `runner/report --findings`; do not edit it here.", "",
             "Such a failure is reported as KNOWN and does not fail a run. One that looks",
             "otherwise does, and an entry whose test passes is reported as stale.", ""]
    groups = {}
    for entry in entries:
        groups.setdefault(entry["reason"], []).append(entry)
    for reason, group in groups.items():
        evidence = list(dict.fromkeys(entry.get("evidence", "") for entry in group))
        lines += [f"## {reason}", ""]
        for text in filter(None, evidence):
            page = text.removeprefix("doc/findings/")
            lines.append(f"Evidence: [{page}]({page})" if page != text else f"Evidence: {text}")
        functions = dict.fromkeys(entry.get("function", "") for entry in group)
        lines.append("Suspected: " + ", ".join(code(name) for name in functions if name))
        lines += ["", "| test | target | kernels | as | fingerprint | expires |", "|---|---|---|---|---|---|"]
        for entry in group:
            lines.append("| " + " | ".join([
                " ".join(map(code, entry["test"].split())), code(entry["target"]), cell(entry["kernel"]), entry.get("status", "any failure"),
                code(entry["fingerprint"]), entry.get("expires", "never")]) + " |")
        lines.append("")
    return "\n".join(lines)
