#!/usr/bin/env python3
"""Writes src/telescope/beam/katbeam_tables.rs from the figures of katbeam 0.1 (SARAO, BSD 3-clause; PyPI).

    python3 -m venv v && v/bin/pip install katbeam==0.1 numpy && v/bin/python scripts/meerkat_beams.py [--check | --reference]

--check compares the file instead; --reference prints the voltages that the tests hold.
"""

import io
import pathlib
import sys

import numpy
from katbeam import JimBeam
from katbeam.jimbeam import KNOWN_MODELS

BANDS = {"L": "MKAT-AA-L-JIM-2020", "UHF": "MKAT-AA-UHF-JIM-2020"}
TARGET = pathlib.Path(__file__).parent.parent / "src/telescope/beam/katbeam_tables.rs"


def tables():
    lines = [
        "//! Figures of katbeam 0.1 (Karoo Array Telescope primary beam models, SARAO 2020, BSD 3-clause licence, PyPI).",
        "//! Made by scripts/meerkat_beams.py.",
        "//!",
        "//! Rows: frequency (MHz), squints Hx, Hy, Vx, Vy, and FWHMs of the power Hx, Hy, Vx, Vy (arcmin).",
    ]
    for band, name in BANDS.items():
        rows = numpy.loadtxt(io.StringIO(KNOWN_MODELS[name]), skiprows=2, delimiter=",")
        lines.append(f"\n/// {name}.\npub(super) const {band}: [[f64; 9]; {len(rows)}] = [")
        # a squint of "-0.00" is 0
        lines += ["    [" + ", ".join(f"{value + 0.0:.1f}" if value == int(value) else f"{value:g}" for value in row) + "]," for row in rows]
        lines.append("];")
    return "\n".join(lines) + "\n"


def reference():
    for band, name in BANDS.items():
        beam = JimBeam(name)
        for x, y, mhz in [(0.0, 0.0, 1000.0), (0.3, -0.2, 900.0), (-0.5, 0.4, 1033.0), (1.1, 0.6, 987.5), (-0.02, 2.0, 1050.0)]:
            print(f"(Band::{band.title()}, [{x}, {y}], {mhz}e6, [{float(beam.HH(x, y, mhz))!r}, {float(beam.VV(x, y, mhz))!r}]),")


if __name__ == "__main__":
    if "--reference" in sys.argv:
        reference()
    elif "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == tables() else f"{TARGET} differs")
    else:
        TARGET.write_text(tables())
