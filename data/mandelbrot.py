"""mandelbrot: a picture of the Mandelbrot set.

In: --x, --y (centre), --zoom, --iterations, --palette, each optional.
Out: a PNG of 640 x 480 on stdout (https://www.w3.org/TR/png-3/).

Python is no fast calculator, so points are computed where they matter: squares of pixels are split as long as
their corners disagree and the budget lasts; what is between the corners of the others is interpolated.
"""

import argparse
import math
import struct
import sys
import zlib

WIDTH, HEIGHT = 640, 480
BUDGET = 6_000_000  # iterations, about a second
ESCAPE = 1 << 16  # a large radius makes the colours smooth
SQUARE = 16  # pixels, the first squares
ALIKE = 2.5  # corners that differ by less, in 256ths of the palette, are not split
INSIDE = -1.0  # the value of a point that does not escape

# Colours at even distances round a circle; between them they are mixed.
PALETTES = {
    "dusk": ["04061f", "1b2a6b", "3f6fc4", "9fd3f0", "fff6dc", "f7b23b", "b0402a", "3a0b2e"],
    "reef": ["00141a", "00515c", "0fa3a3", "8fe3c8", "fdf6e3", "ff9e7a", "c2456b", "3d1144"],
    "ember": ["060202", "3b0a0a", "8f1d0e", "d9531e", "f9a73e", "fff0b8", "c98a4b", "4a2412"],
    "ink": ["101014", "34343c", "6a6a74", "a9a9b2", "f4f2ea", "b7b5ac", "75736c", "37363a"],
}


def parse():
    parser = argparse.ArgumentParser(prog="mandelbrot", description="A picture of the Mandelbrot set.")
    parser.add_argument("--x", type=float, default=-0.6)
    parser.add_argument("--y", type=float, default=0.0)
    parser.add_argument("--zoom", type=float, default=1.0)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--palette", choices=PALETTES, default="dusk")
    given = parser.parse_args()
    if not (0.5 <= given.zoom <= 1e12 and 10 <= given.iterations <= 2000 and max(abs(given.x), abs(given.y)) <= 2):
        parser.error("x and y lie between -2 and 2, zoom between 0.5 and 1e12, iterations between 10 and 2000")
    return given


def gradient(name):
    """Between the palette's colours: 256 times three bytes."""
    stops = [bytes.fromhex(stop) for stop in PALETTES[name]]
    colours = []
    for step in range(256):
        place = step * len(stops) / 256
        left, mix = int(place), place % 1
        pair = zip(stops[left], stops[(left + 1) % len(stops)])
        colours.append(bytes(round(a + (b - a) * mix) for a, b in pair))
    return colours


class Plane:
    """The values of the points, computed when asked for: a place in the palette, or INSIDE."""

    def __init__(self, given):
        self.limit, self.step = given.iterations, 3 / HEIGHT / given.zoom
        self.left, self.top = given.x - WIDTH / 2 * self.step, given.y + HEIGHT / 2 * self.step
        self.known, self.spent = {}, 0

    def __call__(self, x, y):
        if (x, y) not in self.known:
            n, z = self.escape(complex(self.left + x * self.step, self.top - y * self.step))
            self.known[x, y] = 36 * math.log(n + 3 - math.log2(math.log(abs(z)))) if z else INSIDE
        return self.known[x, y]

    def escape(self, c):
        """After how many steps c escapes, and where to; z = 0 if it does not."""
        # The two largest parts of the set have formulas.
        q = (c.real - 0.25) ** 2 + c.imag**2
        if q * (q + c.real - 0.25) < 0.25 * c.imag**2 or (c.real + 1) ** 2 + c.imag**2 < 0.0625:
            return 0, 0
        z, old, again, n = c, 0, 8, 0
        for n in range(self.limit):
            z = z * z + c
            if z.real * z.real + z.imag * z.imag > ESCAPE:
                break
            if z == old:  # a cycle never escapes
                z = 0
                break
            if n == again:
                old, again = z, 2 * n
        else:
            z = 0
        self.spent += n
        return n, z


def alike(values):
    return max(values) - min(values) < ALIKE and (min(values) > INSIDE or max(values) == INSIDE)


def squares(value):
    """Every square of the picture with the values of its corners, split as finely as the budget allows."""
    size = SQUARE
    todo = [(x, y) for y in range(0, HEIGHT, size) for x in range(0, WIDTH, size)]
    while todo:
        before, later, half = value.spent, [], size // 2
        for x, y in todo:
            corners = [value(x, y), value(x + size, y), value(x, y + size), value(x + size, y + size)]
            if size == 1 or alike([*corners, value(x + half, y + half)]):
                yield x, y, size, corners
            else:
                later.append((x, y, corners))
        # The next round asks for at most four times as many points, seldom three times.
        if value.spent + 3 * (value.spent - before) > BUDGET and size < SQUARE:
            yield from ((x, y, size, corners) for x, y, corners in later)
            return
        size = half
        todo = [(x + dx, y + dy) for x, y, _ in later for dy in (0, half) for dx in (0, half)]


def picture(given):
    colours = gradient(given.palette)
    rows = [bytearray(3 * WIDTH) for _ in range(HEIGHT)]
    for left, top, size, (a, b, c, d) in squares(Plane(given)):
        for dy in range(size):
            start, end = a + (c - a) * dy / size, b + (d - b) * dy / size
            line = (start + (end - start) * dx / size for dx in range(size))
            pixels = b"".join(colours[int(v) & 255] if v >= 0 else b"\0\0\0" for v in line)
            rows[top + dy][3 * left : 3 * (left + size)] = pixels
    return rows


def png(lines):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + line for line in lines), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


sys.stdout.buffer.write(png(picture(parse())))
