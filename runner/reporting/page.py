# SPDX-License-Identifier: GPL-2.0-only
"""The web page: one file, no server, nothing loaded from elsewhere. What filters
it are check boxes and style sheets; a script only adds a search."""

import html
import os
import pathlib

from . import decode, findings, plots

HERE = pathlib.Path(__file__).resolve().parent
ORDER = ("CRASH", "FAIL", "TIMEOUT", "KNOWN", "SKIP", "PASS")
MARK = {"PASS": "ok", "SKIP": "skip", "KNOWN": "known", "FAIL": "FAIL", "CRASH": "CRASH", "TIMEOUT": "TIME"}

esc = html.escape


def link(run, file, text):
    """To a file of the run, relative to its folder."""
    path = os.path.relpath(file, run.folder)
    return f'<a href="{esc(path, quote=True)}">{esc(text)}</a>' if os.path.exists(run.folder / path) else ""


def anchor(result, run):
    """A name on the page for one result."""
    return f"r{run.results.index(result)}"


def head(run):
    """Title and counts."""
    counts = run.counts()
    bad = sum(result.bad for result in run.results)
    verdict = f"{bad} not as expected" if bad else "all as expected"
    if run.not_run:
        verdict += f"; {len(run.not_run)} not run"
    if run.odd:
        verdict += f"; {len(run.odd)} results could not be read"
    words = ", ".join(f"{counts[status]} {MARK[status]}" for status in ORDER if counts[status])
    out = [f'<header class="{"bad" if bad else "good"}"><h1>secmmu: {esc(verdict)}</h1><p>{esc(words)}</p>']
    keys = [key for key in ("date", "suite", "machine", "command", "seed") if run.environment.get(key)]
    out.append("<dl>" + "".join(f"<dt>{key}<dd>{esc(run.environment[key])}" for key in keys) + "</dl></header>")
    return "\n".join(out)


def failure(result, run):
    """One failure: a line that says what is wrong, and behind it the facts."""
    out = [f'<details class="failure {result.status}" id={anchor(result, run)}><summary>'
           f"<b>{esc(result.word)}</b> {esc(result.target)} <code>{esc(result.name)}</code>"
           f"<span class=reason>{esc(result.reason)}</span></summary>"]
    if result.known:
        out.append(f"<p>known: {esc(result.known)}</p>")
    if result.fingerprint:
        out.append(f"<p>fingerprint: <code>{esc(result.fingerprint)}</code></p>")
    if result.replay:
        out.append(f"<p>again: <code class=command>{esc(result.replay)}</code></p>")
    out.append("<p>" + " ".join(filter(None, [
        link(run, result.log, "log"), link(run, result.log.parent / "console.log", "console")])) + "</p>")
    splat = decode.lines_of(result.splat(), run.facts.get(result.target, {}).get("vmlinux"))
    if splat:
        out.append(f"<details><summary>what the kernel said ({len(splat)} lines)</summary>"
                   f"<pre>{esc(chr(10).join(splat))}</pre></details>")
    log = result.log_lines(40)
    if log:
        out.append(f"<details><summary>end of the log</summary><pre>{esc(chr(10).join(log))}</pre></details>")
    out.append("</details>")
    return "\n".join(out)


def failures(run):
    """All that is not as it should be, and what is known."""
    bad = [result for result in run.results if result.bad]
    known = [result for result in run.results if result.status == "KNOWN"]
    out = []
    for title, results in (("Failures", bad), ("Known failures", known)):
        if results:
            out.append(f"<h2>{title} ({len(results)})</h2>")
            out.extend(failure(result, run) for result in results)
    if run.not_run:
        out.append("<h2>Not run</h2><ul>")
        out.extend(f"<li><b>{esc(line[0])}</b> {esc(' '.join(line[1:]))}" for line in run.not_run)
        out.append("</ul>")
    if run.transitions:
        out.append("<h2>Since the baseline</h2><table><tr><th>what<th>target<th>test<th></tr>")
        out.extend("<tr>" + "".join(f"<td>{esc(cell)}" for cell in line) + "</tr>" for line in run.transitions)
        out.append("</table>")
    return "\n".join(out)


def odd(run):
    """What could not be read of the results."""
    if not run.odd:
        return ""
    more = f"<li>and {len(run.odd) - 50} more" if len(run.odd) > 50 else ""
    return (f"<h2>Results that could not be read ({len(run.odd)})</h2><ul>"
            + "".join(f"<li>{esc(text)}" for text in run.odd[:50]) + more + "</ul>")


def stale(run):
    """Entries of known-failures that nothing hit where they should, or that are
    out of date."""
    hit = {result.known for result in run.results if result.status == "KNOWN"}
    lines = []
    for name, target in dict.fromkeys((result.stale, result.target) for result in run.results if result.stale):
        reasons = [entry["reason"] for entry in findings.read() if entry["test"] == name]
        if not hit.intersection(reasons):
            lines.append(f"<code>{esc(name)}</code> passed on {esc(target)}: remove the entry, or narrow it")
    for entry in findings.read():
        if findings.expired(entry):
            lines.append(f"<code>{esc(entry['test'])}</code> on <code>{esc(entry['target'])}</code>"
                         f" expired on {esc(entry['expires'])}: look whether it is mended")
    if not lines:
        return ""
    return "<h2>Stale entries of known-failures</h2><ul>" + "".join(f"<li>{line}" for line in lines) + "</ul>"


def table(run):
    """Tests by targets."""
    cells, programs = {}, {}
    for result in run.results:
        cells.setdefault((result.name, result.target), []).append(result)
        programs.setdefault(f"{result.area}/{result.program}", {})[result.name] = None
    out = ["<h2>Tests by targets</h2><div class=wide><table class=matrix><thead><tr><th>test",
           *(f"<th scope=col><span>{esc(target)}</span>" for target in run.targets), "</tr></thead>"]
    for program, names in programs.items():
        out.append(f'<tbody><tr class=program><th colspan={len(run.targets) + 1} scope=colgroup>{esc(program)}</tr>')
        for name in names:
            row = [cells.get((name, target), []) for target in run.targets]
            present = {result.status for results in row for result in results}
            odd = any(not result.expected for results in row for result in results)
            kinds = " ".join(sorted(f"has-{status}" for status in present) + ["has-FAIL"] * odd)
            out.append(f'<tr class="case {kinds}"><th scope=row>{esc(name.partition(":")[2] or "(whole program)")}')
            out.extend(table_cell(results, run) for results in row)
            out.append("</tr>")
        out.append("</tbody>")
    out.append("</table></div>")
    return "\n".join(out)


def table_cell(results, run):
    """What one test did on one target; the worst of several rounds."""
    if not results:
        return "<td>"
    worst = min(results, key=lambda result: (not result.bad, ORDER.index(result.status)))
    text = MARK[worst.status] + ("" if worst.expected else "!")
    if len(results) > 1:
        text += f" {sum(result.status == worst.status for result in results)}/{len(results)}"
    if worst.bad or worst.status == "KNOWN":
        text = f'<a href="#{anchor(worst, run)}">{text}</a>'
    return f'<td class="{"FAIL" if not worst.expected else worst.status}" title="{esc(worst.reason, quote=True)}">{text}'


def history(run, earlier):
    """The last runs: counts, and each test that was not always well."""
    if not earlier:
        return ""
    runs = earlier + [run]
    out = ["<h2>The last runs</h2><div class=wide><table class=history><tr><th>test",
           *(f"<th><span>{esc(one.date[:16] or one.folder.name)}</span>" for one in runs), "</tr>"]
    rows = {}
    for number, one in enumerate(runs):
        for result in one.results:
            if result.status not in ("PASS", "SKIP"):
                rows.setdefault((result.target, result.name), {})[number] = result.status
    seen = [{(result.target, result.name) for result in one.results} for one in runs]
    out.append("<tr><th>not as expected" + "".join(
        f"<td class=n>{sum(result.bad for result in one.results)}" for one in runs) + "</tr>")
    for (target, name), statuses in sorted(rows.items()):
        out.append(f"<tr><th>{esc(target)} {esc(name)}")
        for number in range(len(runs)):
            status = statuses.get(number, "PASS" if (target, name) in seen[number] else "")
            out.append(f'<td class="{status}">{MARK.get(status, "")}')
        out.append("</tr>")
    out.append("</table></div>")
    return "\n".join(out)


def environment(run):
    """The machines."""
    out = ["<h2>Machines</h2>"]
    for target in run.targets:
        facts = run.facts.get(target, {})
        out.append(f"<details><summary>{esc(target)}: {esc(facts.get('uname', 'nothing is known of it'))}</summary><table>")
        out.extend(f"<tr><th>{esc(key)}<td>{esc(value)}</tr>" for key, value in facts.items())
        out.append("</table></details>")
    return "\n".join(out)


def filters(run):
    """Check boxes that the style sheet looks at; the search is the script's."""
    counts = run.counts()
    boxes = [f'<input type=checkbox id=show-{status} checked><label for=show-{status} class="{status}">'
             f"{MARK[status]} {counts[status]}</label>" for status in ORDER if counts[status]]
    return "\n".join(boxes) + "\n<input type=search id=search placeholder='part of a test&#39;s name' hidden>"


def text(run, earlier):
    """The page."""
    style = (HERE / "page.css").read_text(encoding="utf-8")
    script = (HERE / "page.js").read_text(encoding="utf-8")
    return "\n".join([
        "<!DOCTYPE html>", "<html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>secmmu {esc(run.date)}</title><style>{style}</style></head><body>",
        head(run), failures(run), odd(run), stale(run),
        "<section>", filters(run), table(run), "</section>",
        history(run, earlier), plots.section(run), environment(run),
        f"<script>{script}</script></body></html>", ""])
