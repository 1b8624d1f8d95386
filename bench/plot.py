"""Charts as SVG, written directly: grouped bars and lines over a logarithmic axis. Knows numbers and labels, nothing of benchmarks.

Each function returns the text of an SVG file. White ground, so that they read the same on light and dark pages.
"""
import math
from xml.sax.saxutils import escape

COLOURS = ("#1f6feb", "#d97706", "#2da44e", "#8250df")
FONT = 'font-family="sans-serif" font-size="12" fill="#24292f"'


def ticks(top):
    """About five round steps from 0 to `top`."""
    if top <= 0:
        return [0, 1]
    rough = top / 5
    step = min((m * 10 ** math.floor(math.log10(rough)) * k for m in (1, 2, 5) for k in (1, 10)), key=lambda s: abs(s - rough))
    return [i * step for i in range(math.ceil(top / step - 1e-9) + 1)]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Canvas:
    def __init__(self, title, width, height, left=64, right=20, top=64, bottom=64):
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
                      f"<title>{escape(title)}</title>", f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
        self.left, self.top, self.right, self.bottom = left, top, width - right, height - bottom
        self.text(left, 22, title, size=15)

    def text(self, x, y, words, anchor="start", size=12, rotate=0):
        turn = f' transform="rotate({rotate} {x:.1f} {y:.1f})"' if rotate else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT.replace("12", str(size))}{turn}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour="#d0d7de", width=1):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>')

    def legend(self, names):
        x = self.left
        for name, colour in zip(names, COLOURS):
            self.parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>')
            self.text(x + 17, 45, name)
            x += 34 + 7 * len(name)

    def value_axis(self, top, unit):
        marks = ticks(top)
        for mark in marks:
            y = self.y(mark, marks[-1])
            self.line(self.left, y, self.right, y)
            self.text(self.left - 6, y + 4, number(mark), "end")
        self.text(16, (self.top + self.bottom) / 2, unit, "middle", rotate=-90)
        return marks[-1]

    def y(self, value, top):
        return self.bottom - (self.bottom - self.top) * value / top

    def svg(self):
        return "\n".join([*self.parts, "</svg>\n"])


def bars(title, unit, names, rows, reference=None):
    """One group of bars per row: (label, [value or None per name]); a line at the reference."""
    canvas = Canvas(title, max(480, 100 + len(rows) * (26 * len(names) + 22)), 340, bottom=96)
    canvas.legend(names)
    top = canvas.value_axis(max((v for _, values in rows for v in values if v), default=1), unit)
    group = (canvas.right - canvas.left) / max(1, len(rows))
    wide = min(30, (group - 14) / len(names))
    for i, (label, values) in enumerate(rows):
        middle = canvas.left + group * (i + 0.5)
        for j, value in enumerate(values):
            if not value:
                continue
            x, y = middle + wide * (j - len(names) / 2), canvas.y(value, top)
            canvas.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 2:.1f}" height="{canvas.bottom - y:.1f}" '
                                f'fill="{COLOURS[j]}"><title>{escape(f"{label}, {names[j]}: {number(value)}")}</title></rect>')
            canvas.text(x + wide / 2 - 1, y - 3, number(value), "middle", 9)
        canvas.text(middle, canvas.bottom + 14, label, "end", 11, -30)
    canvas.line(canvas.left, canvas.bottom, canvas.right, canvas.bottom, "#57606a")
    if reference is not None and reference < top:
        canvas.line(canvas.left, canvas.y(reference, top), canvas.right, canvas.y(reference, top), "#cf222e")
    return canvas.svg()


def lines(title, x_unit, unit, series):
    """One line per series, name -> [(x >= 0, value)]; x on a logarithmic axis where 0 stands at the left end."""
    canvas = Canvas(title, 560, 340)
    canvas.legend(list(series))
    points = [point for values in series.values() for point in values]
    top = canvas.value_axis(max((value for _, value in points), default=1), unit)
    xs = sorted({x for x, _ in points})
    low = math.log2(min((x for x in xs if x > 0), default=1)) - 1
    high = max(low + 1, math.log2(max([*xs, 1])))
    place = lambda x: canvas.left + 10 + (canvas.right - canvas.left - 30) * ((max(low, math.log2(x)) if x > 0 else low) - low) / (high - low)
    for x in xs:
        canvas.text(place(x), canvas.bottom + 18, f"{x:,}", "middle")
    canvas.text((canvas.left + canvas.right) / 2, canvas.bottom + 40, x_unit, "middle")
    for colour, (name, values) in zip(COLOURS, series.items()):
        path = " ".join(f"{place(x):.1f},{canvas.y(value, top):.1f}" for x, value in sorted(values))
        canvas.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, value in values:
            canvas.parts.append(f'<circle cx="{place(x):.1f}" cy="{canvas.y(value, top):.1f}" r="3.5" fill="{colour}">'
                                f"<title>{escape(f'{name}, {x:,}: {number(value)}')}</title></circle>")
            canvas.text(place(x), canvas.y(value, top) - 7, number(value), "middle", 10)
    canvas.line(canvas.left, canvas.bottom, canvas.right, canvas.bottom, "#57606a")
    return canvas.svg()
