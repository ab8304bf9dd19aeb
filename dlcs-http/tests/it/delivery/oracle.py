"""A second reading of the IIIF Image API 2.1 and 3.0, independent of the program.

    oracle.py cases SEED COUNT     one case per line, as JSON
    oracle.py judge                reads lines of {"case": ..., "answer": ...}; prints what is wrong

It follows the text of the specifications with exact fractions. Where they leave the rounding open, every rounding by less than a pixel is
right. What they leave to the server is decided as follows:

* 2.1 enlarges where a size asks for it, except `!w,h`; 3.0 refuses `!w,h` that would have to enlarge.
* An address without a version has the grammar of 3.0 and the size `full`.
* Percentages of a region are rounded to the nearest pixel, halves up; a side that becomes 0 is refused. A side that is computed is at least 1.
* `w,` and `,h` may give the size that a level of the pyramid has: the region halved some times, rounded up.
* Numbers have digits before a point or after it, and fit into 32 bits.
* The box around a turned image has at most twice the largest area.
* Images above 50 megapixels have that as their largest area unless another is set; so have results.
"""

import json
import math
import random
import re
import sys
from fractions import Fraction

LARGEST_AREA = 50_000_000
LONGEST = {"webp": 16_383}
LONGEST_OTHERS = 65_500
TYPES = {
    "jpg": "image/jpeg",
    "tif": "image/tiff",
    "png": "image/png",
    "gif": "image/gif",
    "jp2": "image/jp2",
    "pdf": "application/pdf",
    "webp": "image/webp",
    "avif": "image/avif",
}
QUALITIES = ("default", "color", "gray", "bitonal")


class Refused(Exception):
    """400."""


def whole(text):
    if not re.fullmatch("[0-9]+", text):
        raise Refused("no whole number: " + text[:20])
    if int(text) >= 1 << 32:
        raise Refused("too large")
    return int(text)


def decimal(text):
    if not re.fullmatch(r"[0-9]+|[0-9]*\.[0-9]+", text):
        raise Refused("no decimal number: " + text[:20])
    number = Fraction("0" + text)
    if number >= 1 << 32:
        raise Refused("too large")
    return number


def nearest(number):
    return math.floor(number + Fraction(1, 2))


def find_region(text, width, height):
    """The regions that are right."""
    if text == "full":
        return [(0, 0, width, height)]
    if text == "square":
        side = min(width, height)
        gaps = [(width - side) / 2, (height - side) / 2]
        return [
            (x, y, side, side)
            for x in {math.floor(gaps[0]), math.ceil(gaps[0])}
            for y in {math.floor(gaps[1]), math.ceil(gaps[1])}
        ]
    percent = text.startswith("pct:")
    parts = text[4 if percent else 0 :].split(",")
    if len(parts) != 4:
        raise Refused("not four numbers")
    if percent:
        numbers = [decimal(part) for part in parts]
        sides = (width, height, width, height)
        x, y, w, h = (nearest(n * side / 100) for n, side in zip(numbers, sides))
    else:
        x, y, w, h = map(whole, parts)
    if w == 0 or h == 0 or x >= width or y >= height:
        raise Refused("nothing of the image")
    return [(x, y, min(w, width - x), min(h, height - y))]


def turned(w, h, degrees):
    if degrees % 90 == 0:
        return (w, h) if degrees % 180 == 0 else (h, w)
    angle = math.radians(float(degrees))
    s, c = abs(math.sin(angle)), abs(math.cos(angle))
    return w * c + h * s, w * s + h * c


class Ceiling:
    """What bounds a result."""

    def __init__(self, case, form, degrees):
        width, height, area = (case["limits"][key] for key in ("width", "height", "area"))
        self.open = width is None and height is None and area is None
        image = case["image"][0] * case["image"][1]
        if area is None and image > LARGEST_AREA:
            self.open = False
        self.degrees = degrees
        self.longest = LONGEST.get(form, LONGEST_OTHERS)
        height = width if height is None else height
        self.width = min(self.longest, LONGEST_OTHERS if width is None else width)
        self.height = min(self.longest, LONGEST_OTHERS if height is None else height)
        self.area = LARGEST_AREA if area is None else area

    def allows(self, w, h, slack=1.0):
        if w > self.width or h > self.height or w * h > self.area:
            return False
        if self.degrees % 90 == 0:
            return True
        tw, th = turned(w, h, self.degrees)
        area = min(self.area, self.width * self.height)
        return max(tw, th) <= self.longest * slack and tw * th <= 2 * area * slack

    def verdict(self, sizes):
        """True, False, or None where the roundings decide."""
        said = {self.allows(w, h, slack) for w, h in sizes for slack in (0.98, 1.02)}
        return said.pop() if len(said) == 1 else None


def around(number):
    return {max(1, math.floor(number)), max(1, math.ceil(number))}


def levels(length, region, other):
    """What the other side is at the levels where this side has this length."""
    found = set()
    for e in range(32):
        if -(-region >> e) == length:
            found.add(-(-other >> e))
    return found


def find_size(case, text, region, ceiling):
    """What a size has to be: ("one of", sizes) or ("largest", enlarge, box); refused where nothing is right."""
    _, _, rw, rh = region
    version = case["version"]
    if text == "full" and version != 3:
        return "one of", [(rw, rh)]
    up = version != 2 and text.startswith("^")
    text = text[1:] if up else text
    may = up or version == 2
    if text == "max":
        return "largest", up and not ceiling.open, None
    if text.startswith("pct:"):
        n = decimal(text[4:])
        if n > 100 and not may:
            raise Refused("enlarges")
        w, h = n * rw / 100, n * rh / 100
        if nearest(w) == 0 or nearest(h) == 0:
            raise Refused("no pixels")
        return "one of", [(x, y) for x in around(w) for y in around(h)]
    box = text.startswith("!")
    parts = text[1 if box else 0 :].split(",")
    if len(parts) != 2 or parts == ["", ""]:
        raise Refused("not a size")
    w, h = (None if part == "" else whole(part) for part in parts)
    if box and (w is None or h is None):
        raise Refused("half a box")
    if w == 0 or h == 0:
        raise Refused("no pixels")
    if (w or 0) > rw or (h or 0) > rh:
        scale = min(Fraction(w, rw), Fraction(h, rh)) if box else None
        if box and version == 2:
            w, h = (rw, rh) if w >= rw and h >= rh else (w, h)
        elif not may and (not box or scale > 1):
            raise Refused("enlarges")
    if box:
        return "largest", True, (w, h)
    if h is None:
        return "one of", [(w, y) for y in around(Fraction(w * rh, rw)) | levels(w, rw, rh)]
    if w is None:
        return "one of", [(x, h) for x in around(Fraction(h * rw, rh)) | levels(h, rh, rw)]
    return "one of", [(w, h)]


def complaint_about_size(size, kind, region, ceiling):
    _, _, rw, rh = region
    w, h = size
    if kind[0] == "one of":
        return None if size in kind[1] else f"size {size}, not one of {kind[1][:6]}"
    _, enlarge, box = kind
    bw, bh = box or ((1 << 32, 1 << 32) if enlarge else (rw, rh))
    if w > bw or h > bh or not ceiling.allows(w, h, 1.02):
        return f"size {size} is beyond what is allowed"
    if abs(w - Fraction(h * rw, rh)) >= 1 and abs(h - Fraction(w * rh, rw)) >= 1:
        if not (w == 1 or h == 1):
            return f"size {size} has not the shape of {rw} x {rh}"
    # Two pixels more, or a little more where a turn makes it a matter of floating point, must be too much.
    more = 1 if ceiling.degrees % 90 == 0 else 1.03
    w2, h2 = w * more + 2, h * more + 2
    w2, h2 = (w2, w2 * rh / rw) if rw >= rh else (h2 * rw / rh, h2)
    if w2 <= bw and h2 <= bh and ceiling.allows(max(w2, 1), max(h2, 1), 0.98):
        return f"size {size} could be larger, such as {w2} x {h2}"
    return None


def canonical_number(number):
    billionths = nearest(number * 10**9) % (360 * 10**9)
    text = f"{billionths // 10**9}.{billionths % 10**9:09}"
    return text.rstrip("0").rstrip(".")


def read(case):
    """What is right, as (regions, rotation, mirror, quality, format); refused where nothing is."""
    region, size, rotation, last = case["parts"]
    regions = find_region(region, *case["image"])
    mirror = rotation.startswith("!")
    degrees = decimal(rotation[1:] if mirror else rotation)
    if degrees > 360:
        raise Refused("turned too far")
    quality, dot, form = last.rpartition(".")
    if not dot or quality not in QUALITIES or form not in case["formats"]:
        raise Refused("quality or format")
    ceiling = Ceiling(case, form, degrees)
    kind = find_size(case, size, regions[0], ceiling)
    if kind[0] == "one of":
        allowed = ceiling.verdict(kind[1])
    else:
        allowed = True
    return regions, degrees, mirror, quality, form, ceiling, kind, allowed


def judge(case, answer):
    """A sentence about what is wrong, or None."""
    try:
        regions, degrees, mirror, quality, form, ceiling, kind, allowed = read(case)
    except Refused as reason:
        return None if answer["status"] == 400 else f"{answer['status']}, not 400: {reason}"
    if answer["status"] == 400:
        return None if allowed is not True else f"400, not 200: {answer['body']}"
    if answer["status"] != 200:
        return f"{answer['status']}: {answer['body']}"
    if allowed is False:
        return "200, not 400: above the limits"
    region, size = tuple(answer["region"]), tuple(answer["size"])
    if region not in regions:
        return f"region {region}, not {regions}"
    wrong = complaint_about_size(size, kind, region, ceiling)
    if wrong:
        return wrong
    if answer["type"] != TYPES[form]:
        return f"media type {answer['type']}"
    expected = turned(*size, degrees)
    if any(abs(got - want) > 1 for got, want in zip(answer["output"], expected)):
        return f"turned to {answer['output']}, not {expected}"
    return complaint_about_link(case, answer, (degrees, mirror, quality, form), ceiling)


def complaint_about_link(case, answer, rest, ceiling):
    degrees, mirror, quality, form = rest
    (x, y, rw, rh), (w, h) = answer["region"], answer["size"]
    region, size, rotation, last = answer["canonical"].replace("%5E", "^").split("/")
    whole_image = [rw, rh] == case["image"]
    if region != ("full" if whole_image else f"{x},{y},{rw},{rh}"):
        return f"canonical region {region}"
    if rotation != ("!" if mirror else "") + canonical_number(degrees):
        return f"canonical rotation {rotation}"
    if last != f"{quality}.{form}":
        return f"canonical {last}"
    larger = w > rw or h > rh
    if case["version"] == 2:
        right = {"full"} if (w, h) == (rw, rh) else {f"{w},", f"{w},{h}"}
    elif (w, h) == (rw, rh):
        right = {"max"}
    elif larger:
        right = {f"^{w},{h}"} | ({"^max"} if not ceiling.open else set())
    else:
        right = {f"{w},{h}", "max", "^max"}
    return None if size in right else f"canonical size {size}, not {right}"


def number(random, most):
    """A number that is interesting for a side of this length."""
    return str(
        random.choice(
            [0, 1, 2, most - 1, most, most + 1, most // 2, most // 2 + 1, 511, 512, 513, 1024]
            + [random.randint(0, 2 * most) for _ in range(6)]
            + [2**31, 2**32 - 1, 2**32, 10**20]
            if random.random() < 0.15
            else [random.randint(1, most) for _ in range(3)] + [most, max(1, most // 2)]
        )
    )


def real(random, most):
    if random.random() < 0.02:
        return f"{random.randint(0, most)}."
    return random.choice(
        [
            str(random.randint(0, most)),
            f"{random.uniform(0, most):.{random.randint(1, 12)}f}",
            f"{random.uniform(0, most / 10):.3f}",
            f".{random.randint(1, 999)}",
            f"0{random.randint(0, most)}.50",
            f"{most}.{'0' * random.randint(1, 30)}{random.randint(0, 1)}",
            "0.000000000000001" if random.random() < 0.2 else "50",
        ]
    )


def spoil(random, text):
    """Breaks a parameter, or leaves it valid in a way that nobody expects."""
    at = random.randint(0, len(text))
    return random.choice(
        [
            text[:at] + random.choice("-+e ,.:!^xN٣٫\u00a0%#?;=@'\"") + text[at:],
            text[:at] + text[at + 1 :],
            text.upper(),
            text + text,
            "",
            text[::-1],
            text.replace(",", ";"),
            "NaN",
            "1e3",
            "0x10",
            "-1",
        ]
    )


def make(random, count):
    images = [(1000, 600), (601, 1000), (3000, 2001), (1, 1), (1, 3000), (3001, 2), (1025, 1537), (12_000, 9_000)]
    no = {"width": None, "height": None, "area": None}
    limits = [
        no,
        {**no, "width": 800},
        {**no, "area": 200_000},
        {"width": 500, "height": 1200, "area": None},
        {"width": 2000, "height": None, "area": 1_000_000},
        {"width": None, "height": 700, "area": 90_000_000},
    ]
    formats = [["jpg", "png"], list(TYPES)]
    for _ in range(count):
        image = random.choice(images)
        width, height = image
        version = random.choice([2, 3, None])
        region = random.choice(
            ["full", "full", "square"]
            + [",".join(number(random, side) for side in (width, height) * 2)] * 3
            + ["pct:" + ",".join(real(random, most) for most in (90, 90, 110, 110))] * 2
        )
        w, h = number(random, width), number(random, height)
        size = random.choice(
            ["max", "max" if version == 3 else "full", f"{w},", f",{h}", f"{w},{h}", f"!{w},{h}", "pct:" + real(random, 110)]
        )
        if random.random() < (0.05 if version == 2 else 0.5):
            size = "^" + size
        rotation = random.choice(["0", "0", "90", "180", "270", "360", real(random, 361), real(random, 90)])
        if random.random() < 0.3:
            rotation = "!" + rotation
        quality = random.choice(QUALITIES * 8 + ("native", "grey"))
        form = random.choice(["jpg", "png"] * 8 + [*TYPES, "jpeg", "bmp"])
        parts = [region, size, rotation, f"{quality}.{form}"]
        if random.random() < 0.15:
            index = random.randrange(4)
            parts[index] = spoil(random, parts[index])
        # A slash would be another path, and a control character none.
        parts = [part.replace("/", "") for part in parts]
        yield {
            "image": list(image),
            "limits": random.choice(limits),
            "formats": random.choice(formats),
            "version": version,
            "parts": parts,
        }


def main(arguments):
    if arguments[:1] == ["cases"]:
        for case in make(random.Random(int(arguments[1])), int(arguments[2])):
            print(json.dumps(case))
        return
    for line in sys.stdin:
        said = json.loads(line)
        wrong = judge(said["case"], said["answer"])
        if wrong:
            print(f"{wrong} | {json.dumps(said['case'])} | {json.dumps(said['answer'])}")


main(sys.argv[1:])
