#!/usr/bin/env python3
"""Writes tests/data/erfa_uvw.csv: what ERFA says about geometry in ICRS, for tests/geometry.rs.

    python3 scripts/erfa_table.py [--check]

Needs pyerfa (pip install pyerfa); written with pyerfa 2.0.1.5. With --check nothing is written: the
file is compared with what would be, to 1e-9.

uvw = position(antenna1) - position(antenna2) in the ICRS, u east and v north at the phase centre and
w towards it, by c2t06a without aberration. The elevation is the complement of the angle between the
direction and the station's geodetic zenith, the parallactic angle is the position angle of that
zenith seen from the direction (iauPap).
"""

import pathlib
import sys

import erfa
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/data/erfa_uvw.csv"
MJD0 = 2400000.5

# telescope, phase centre RA and Dec (deg)
TELESCOPES = [("ska-mid-aa4", 201.365, -43.019), ("ska-low-aa4", 350.0, -29.5), ("vla-a", 187.70593, 12.39112)]
# MJD (UTC), UT1-UTC (s), polar motion x and y (arcsec): invented, of the usual size
DATES = [
    (51544.75, 0.355, 0.043, 0.378),
    (57203.9990234375, -0.675, 0.13, 0.44),
    (60512.7534722222, 0.0091, 0.21, 0.43),
    (61768.123456789, 0.0, 0.0, 0.0),
]


def stations(name):
    lines = (ROOT / f"telescopes/{name}.txt").read_text().splitlines()
    lines = [line.split("#")[0].strip() for line in lines]
    start = next(i for i, line in enumerate(lines) if line.startswith("stations:"))
    return [[float(word) for word in line.split()[1:4]] for line in lines[start + 1 :] if line]


def rows():
    for name, ra_deg, dec_deg in TELESCOPES:
        ecef = stations(name)
        ra, dec = np.radians(ra_deg), np.radians(dec_deg)
        source = erfa.s2c(ra, dec)
        east = np.array([-np.sin(ra), np.cos(ra), 0.0])
        north = np.cross(source, east)
        n = len(ecef)
        pairs = [(0, 1), (0, n - 1), (n // 3, 2 * n // 3), (n // 2, n - 2)]
        for mjd, ut1_utc, x_arcsec, y_arcsec in DATES:
            xp, yp = np.radians(x_arcsec / 3600), np.radians(y_arcsec / 3600)
            tt = erfa.taitt(*erfa.utctai(MJD0, mjd))
            ut1 = erfa.utcut1(MJD0, mjd, ut1_utc)
            to_terrestrial = erfa.c2t06a(*tt, *ut1, xp, yp)
            for p, q in pairs:
                baseline = to_terrestrial.T @ (np.array(ecef[p]) - np.array(ecef[q]))
                longitude, latitude, _ = erfa.gc2gd(1, np.array(ecef[p]))
                zenith = to_terrestrial.T @ erfa.s2c(longitude, latitude)
                elevation = np.pi / 2 - erfa.sepp(zenith, source)
                parallactic = erfa.pap(source, zenith)
                numbers = [ra_deg, dec_deg, mjd, ut1_utc, x_arcsec, y_arcsec]
                yield [name, *numbers, p, q, baseline @ east, baseline @ north, baseline @ source, elevation, parallactic]


def main():
    header = (
        f"# scripts/erfa_table.py, pyerfa {erfa.__version__}; stations from telescopes/\n"
        "telescope,ra_deg,dec_deg,mjd_utc,ut1_minus_utc_s,xp_arcsec,yp_arcsec,ant1,ant2,"
        "u_m,v_m,w_m,elevation1_rad,parallactic1_rad\n"
    )
    table = list(rows())
    if "--check" in sys.argv[1:]:
        kept = [line.split(",") for line in OUT.read_text().splitlines()[2:]]
        assert len(kept) == len(table), (len(kept), len(table))
        for old, new in zip(kept, table):
            assert old[0] == new[0] and np.allclose([float(x) for x in old[1:]], new[1:], rtol=0, atol=1e-9), (old, new)
        print(f"{OUT}: {len(table)} rows agree")
        return
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w") as out:
        out.write(header)
        for row in table:
            out.write(",".join(x if isinstance(x, str) else repr(float(x)) if isinstance(x, float) else str(x) for x in row))
            out.write("\n")


if __name__ == "__main__":
    main()
