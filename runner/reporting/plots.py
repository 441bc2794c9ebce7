# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmarks measured, as tables and (by gnuplot) drawings."""

import html
import re
import shutil
import statistics
import subprocess

from .runs import number


def value_of(measure):
    """What was measured; None if there is no figure."""
    return number(measure.get("rate", measure.get("median", measure.get("value"))))


def bound(measure, key, value):
    """The least or the most of what was measured; the value itself if that is no figure."""
    found = number(measure.get(key))
    return value if found is None else found


def name_of(result, measure):
    """What names it: the words, not the figures."""
    return " ".join(str(text) for key, text in measure.items()
                    if isinstance(text, str) and key not in ("unit", "against", "growth_with")) or result.name


def series(run):
    """{(measure, unit): {target: [values]}} of all that was measured in a run, but for curves."""
    found = {}
    for result in run.results:
        for measure in result.measures:
            value = value_of(measure)
            if value is None or "against" in measure:
                continue
            key = (name_of(result, measure), str(measure.get("unit", "")))
            found.setdefault(key, {}).setdefault(result.target, []).append(value)
    return found


def curves(run):
    """{(measure, unit, against): {target: {size: [(value, least, most)]}}} of what was measured at several sizes."""
    found = {}
    for result in run.results:
        for measure in result.measures:
            value, against = value_of(measure), measure.get("against")
            size = number(measure.get(against)) if isinstance(against, str) else None
            if value is None or size is None:
                continue
            key = (name_of(result, measure), str(measure.get("unit", "")), against)
            point = found.setdefault(key, {}).setdefault(result.target, {}).setdefault(size, [])
            point.append((value, bound(measure, "min", value), bound(measure, "max", value)))
    return found


def fast_growth(run):
    """{(measure, against): [(target, power)]} of what costs more than in proportion to the size."""
    found = {}
    for result in run.results:
        for measure in result.measures:
            power = number(measure.get("power"))
            if measure.get("faster_than_linear") is True and power is not None:
                key = (name_of(result, measure), measure.get("growth_with"))
                found.setdefault(key, []).append((result.target, power))
    return found


def drawing(targets):
    """Bars for the targets' medians, with the range of what was measured."""
    rows = []
    for row, (target, values) in enumerate(targets.items()):
        rows.append(f'{row} {statistics.median(values)} {min(values)} {max(values)} "{plain(target)}"')
    height = 60 + 26 * len(rows)
    script = (f"set terminal svg size 640,{height} dynamic font 'sans-serif,12' background '#ffffff'\n"
              "set style fill solid 0.6 noborder\nset yrange [-0.6:*] reverse\nset xrange [0:*]\n"
              "unset key\nset grid xtics\n$data << END\n" + "\n".join(rows) + "\nEND\n"
              "plot $data using (0.5*$2):1:(0.5*$2):(0.36):yticlabels(5) with boxxyerror lc rgb '#4477aa', "
              "$data using 2:1:3:4 with xerrorbars lc rgb '#222222' pt 0\n")
    return gnuplot(script)


def curve_drawing(targets, against, unit):
    """A line for each target: medians, with the range of what was measured."""
    blocks, plots = [], []
    for block, (target, points) in enumerate(targets.items()):
        # What took no time at all is beyond any logarithmic axis.
        rows = [f"{size} {middle(point)} {max(min(p[1] for p in point), middle(point) / 100)}"
                f" {max(p[2] for p in point)}" for size, point in sorted(points.items())]
        blocks.append(f"$data{block} << END\n" + "\n".join(rows) + "\nEND\n")
        plots.append(f"$data{block} using 1:2:3:4 with yerrorlines pt 7 ps 0.5 title '{plain(target)}'")
    values = [point[0] for points in targets.values() for several in points.values() for point in several]
    sizes = [size for points in targets.values() for size in points]
    script = ("set terminal svg size 640,360 dynamic font 'sans-serif,12' background '#ffffff'\n"
              "set key outside bottom center horizontal\nset grid\nset logscale x 2\n"
              + ("set logscale y\n" if min(values) > 0 else "")
              + f"set xrange [{min(sizes) / 1.1}:{max(sizes) * 1.1}]\n"
              + f"set xlabel '{plain(against)}'\nset ylabel '{plain(unit)}'\n"
              + "".join(blocks) + "plot " + ", ".join(plots) + "\n")
    return gnuplot(script)


def middle(point):
    """The median of several runs' medians."""
    return statistics.median(value for value, _, _ in point)


def plain(text):
    """A text as a label: gnuplot runs the commands in back quotes inside double quotes, and has marks of its own.
    What is no letter, digit or listed here becomes a blank."""
    return re.sub(r"[^\w .,:;/%()=+*#-]|_", " ", str(text))[:200]


def gnuplot(script):
    """The drawing; "" if that cannot be made."""
    try:
        done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    # Inside a page an SVG has no head of its own.
    return done.stdout[max(done.stdout.find("<svg"), 0):]


def inside(svg, figure):
    """A drawing as a part of a page: the names in each must differ."""
    return re.sub(r"gnuplot_|gp(?=[A-Z])", lambda match: f"{match.group()}{figure}_", svg)


def bar_figure(figure, name, unit, targets):
    """HTML of what was measured at one size."""
    out = [f"<figure><figcaption>{html.escape(name)} ({html.escape(unit)})</figcaption>",
           inside(drawing(targets), figure),
           "<table><tr><th>target<th>median<th>least<th>most<th>runs</tr>"]
    for target, values in targets.items():
        out.append(f"<tr><td>{html.escape(target)}<td class=n>{statistics.median(values):g}"
                   f"<td class=n>{min(values):g}<td class=n>{max(values):g}<td class=n>{len(values)}</tr>")
    return "\n".join(out + ["</table></figure>"])


def curve_figure(figure, key, targets, fast):
    """HTML of what was measured at several sizes."""
    name, unit, against = key
    sizes = sorted({size for points in targets.values() for size in points})
    out = [f"<figure><figcaption>{html.escape(name)} ({html.escape(unit)}) against {html.escape(against)}</figcaption>",
           inside(curve_drawing(targets, against, unit), figure),
           f"<table><tr><th>{html.escape(against)}" + "".join(f"<th>{size:g}" for size in sizes) + "</tr>"]
    for target, points in targets.items():
        out.append(f"<tr><td>{html.escape(target)}" + "".join(
            f"<td class=n>{middle(points[size]):g}" if size in points else "<td>" for size in sizes) + "</tr>")
    out.append("</table>")
    for target, power in fast:
        out.append(f"<p><b>Grows faster than linearly</b> on {html.escape(target)}: by the power {power:g} of"
                   f" {html.escape(against)}.</p>")
    return "\n".join(out + ["</figure>"])


def section(run):
    """HTML for the page; "" if nothing was measured."""
    bars, lines, fast = series(run), curves(run), fast_growth(run)
    if not bars and not lines:
        return ""
    out = ["<h2 id=measures>Benchmarks</h2>"]
    if not shutil.which("gnuplot"):
        out.append("<p>No drawings: gnuplot is missing (Debian package gnuplot-nox).</p>")
    for figure, ((name, unit), targets) in enumerate(bars.items()):
        out.append(bar_figure(figure, name, unit, targets))
    for figure, (key, targets) in enumerate(lines.items(), len(bars)):
        out.append(curve_figure(figure, key, targets, fast.get((key[0], key[2]), [])))
    return "\n".join(out)
