"""Plots as SVG, written by hand: bars with their range, and lines over a logarithmic axis."""
from html import escape
from math import floor, log10

COLOURS = ["#1f5fa8", "#c2571a", "#3c8031", "#7a4b9e"]
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"
GREY = "#666"


class Page:
    def __init__(self, width, height, title, subtitle=""):
        self.width, self.height, self.parts = width, height, []
        self.parts.append(f"<rect width='{width}' height='{height}' fill='white'/>")
        self.text(16, 28, title, size=16, weight="bold")
        if subtitle:
            self.text(16, 48, subtitle, size=12, fill=GREY)

    def text(self, x, y, words, size=12, anchor="start", fill="#222", weight="normal"):
        self.parts.append(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{fill}' "
                          f"text-anchor='{anchor}' font-weight='{weight}' {FONT}>"
                          f"{escape(words)}</text>")

    def line(self, x1, y1, x2, y2, colour="#ddd", width=1):
        self.parts.append(f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' "
                          f"stroke='{colour}' stroke-width='{width}'/>")

    def write(self, path):
        with open(path, "w") as file:
            file.write(f"<svg xmlns='http://www.w3.org/2000/svg' width='{self.width}' "
                       f"height='{self.height}' viewBox='0 0 {self.width} {self.height}'>\n")
            file.write("\n".join(self.parts) + "\n</svg>\n")


def steps(most, wanted=5):
    """Round numbers from 0 to at least `most`."""
    size = 10 ** floor(log10(most / wanted))
    size = next(size * factor for factor in (1, 2, 5, 10)
                if size * factor * wanted >= most)
    count = int(most / size - 1e-9) + 1
    return [size * index for index in range(count + 1)]


def short(number):
    if number >= 1000:
        return f"{number / 1000:g}k"
    return f"{number:g}"


def bars(path, title, subtitle, rows, unit):
    """`rows`: (label, value, least, most, whether it is ours)."""
    left, right, top, pitch = 230, 90, 66, 30
    page = Page(760, top + pitch * len(rows) + 46, title, subtitle)
    ticks = steps(max(row[3] for row in rows))
    width = page.width - left - right
    at = lambda value: left + width * value / ticks[-1]
    foot = top + pitch * len(rows)
    for tick in ticks:
        page.line(at(tick), top - 4, at(tick), foot)
        page.text(at(tick), foot + 17, short(tick), anchor="middle", fill=GREY)
    page.text(left + width, foot + 36, unit, anchor="end", fill=GREY)
    for index, (label, value, least, most, ours) in enumerate(rows):
        y = top + pitch * index
        colour = COLOURS[0] if ours else "#a9b4c0"
        page.parts.append(f"<rect x='{left}' y='{y + 4}' width='{at(value) - left:.1f}' "
                          f"height='{pitch - 10}' fill='{colour}'/>")
        middle = y + pitch / 2 - 1
        page.line(at(least), middle, at(most), middle, "#222", 1.5)
        for end in (least, most):
            page.line(at(end), middle - 4, at(end), middle + 4, "#222", 1.5)
        page.text(left - 8, middle + 4, label, anchor="end", weight="bold" if ours else "normal")
        page.text(at(most) + 8, middle + 4, f"{value:.2f}")
    page.write(path)


def lines(path, title, subtitle, series, across, up):
    """`series`: {label: [(x, y)]}, x on a logarithmic axis with the points' own values as ticks."""
    left, right, top, bottom = 60, 100, 92, 60
    page = Page(760, 360, title, subtitle)
    width, height = page.width - left - right, page.height - top - bottom
    xs = sorted({x for points in series.values() for x, _ in points})
    ticks = steps(max(y for points in series.values() for _, y in points))
    low, high = log10(xs[0]), log10(xs[-1])
    at_x = lambda x: left + width * (log10(x) - low) / ((high - low) or 1)
    at_y = lambda y: top + height * (1 - y / ticks[-1])
    for tick in ticks:
        page.line(left, at_y(tick), left + width, at_y(tick))
        page.text(left - 8, at_y(tick) + 4, short(tick), anchor="end", fill=GREY)
    for x in xs:
        page.line(at_x(x), top, at_x(x), top + height, "#eee")
        page.text(at_x(x), top + height + 18, short(x), anchor="middle", fill=GREY)
    page.text(left + width / 2, page.height - 16, across, anchor="middle", fill=GREY)
    page.text(16, top - 16, up, fill=GREY)
    labels = []
    for (label, points), colour in zip(series.items(), COLOURS):
        path_points = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        page.parts.append(f"<polyline points='{path_points}' fill='none' stroke='{colour}' "
                          "stroke-width='2'/>")
        for x, y in points:
            page.parts.append(f"<circle cx='{at_x(x):.1f}' cy='{at_y(y):.1f}' r='3.5' "
                              f"fill='{colour}'/>")
        labels.append([at_y(points[-1][1]), label, colour])
    labels.sort()
    for before, label in zip(labels, labels[1:]):
        label[0] = max(label[0], before[0] + 16)
    for y, label, colour in labels:
        page.text(left + width + 10, y + 4, label, fill=colour, weight="bold")
    page.write(path)
