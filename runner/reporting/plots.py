# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmarks measured, as tables and (by gnuplot) drawings."""

import html
import re
import shutil
import statistics
import subprocess


def series(run):
    """{(measure, unit): {target: [values]}} of all that was measured in a run."""
    found = {}
    for result in run.results:
        for measure in result.measures:
            value = measure.get("rate", measure.get("median", measure.get("value")))
            if not isinstance(value, (int, float)):
                continue
            # What names it: the words, not the figures.
            name = " ".join(str(text) for key, text in measure.items()
                            if isinstance(text, str) and key != "unit")
            key = (name or result.name, str(measure.get("unit", "")))
            found.setdefault(key, {}).setdefault(result.target, []).append(float(value))
    return found


def drawing(targets):
    """Bars for the targets' medians, with the range of what was measured."""
    rows = []
    for number, (target, values) in enumerate(targets.items()):
        label = re.sub(r'["\\_{}^@&~\s]', " ", target)
        rows.append(f'{number} {statistics.median(values)} {min(values)} {max(values)} "{label}"')
    height = 60 + 26 * len(rows)
    script = (f"set terminal svg size 640,{height} dynamic font 'sans-serif,12' background '#ffffff'\n"
              "set style fill solid 0.6 noborder\nset yrange [-0.6:*] reverse\nset xrange [0:*]\n"
              "unset key\nset grid xtics\n$data << END\n" + "\n".join(rows) + "\nEND\n"
              "plot $data using (0.5*$2):1:(0.5*$2):(0.36):yticlabels(5) with boxxyerror lc rgb '#4477aa', "
              "$data using 2:1:3:4 with xerrorbars lc rgb '#222222' pt 0\n")
    try:
        done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    # Inside a page an SVG has no head of its own.
    return done.stdout[max(done.stdout.find("<svg"), 0):]


def section(run):
    """HTML for the page; "" if nothing was measured."""
    found = series(run)
    if not found:
        return ""
    out = ["<h2 id=measures>Benchmarks</h2>"]
    if not shutil.which("gnuplot"):
        out.append("<p>No drawings: gnuplot is missing (Debian package gnuplot-nox).</p>")
    for number, ((name, unit), targets) in enumerate(found.items()):
        out.append(f"<figure><figcaption>{html.escape(name)} ({html.escape(unit)})</figcaption>")
        if shutil.which("gnuplot"):
            # Each drawing has names inside, which must differ on one page.
            out.append(re.sub(r"gnuplot_|gp(?=[A-Z])", lambda match, n=number: f"{match.group()}{n}_", drawing(targets)))
        out.append("<table><tr><th>target<th>median<th>least<th>most<th>runs</tr>")
        for target, values in targets.items():
            out.append(f"<tr><td>{html.escape(target)}<td class=n>{statistics.median(values):g}"
                       f"<td class=n>{min(values):g}<td class=n>{max(values):g}<td class=n>{len(values)}</tr>")
        out.append("</table></figure>")
    return "\n".join(out)
