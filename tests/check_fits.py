"""Opens FITS products of a run with astropy and checks what their headers claim.

    python3 tests/check_fits.py FOLDER RA_DEG DEC_DEG CELL_ARCSEC CHANNELS SPECSYS

Exits 77 where astropy is missing; prints what is wrong and exits 1, or prints "ok".
"""

import sys
import warnings
from pathlib import Path

try:
    import numpy as np
    from astropy import units as u
    from astropy.io import fits
    from astropy.wcs import WCS
except ImportError as missing:
    print(missing)
    sys.exit(77)

folder = Path(sys.argv[1])
ra, dec, cell = map(float, sys.argv[2:5])
channels, specsys = int(sys.argv[5]), sys.argv[6]
REST_HZ = 1420405751.768
UNITS = {
    "sky.fits": "Jy/pixel",
    "sky-tb.fits": "mK",
    "sky-kinematic.fits": "K",
    "dirty.fits": "Jy/beam",
    "psf.fits": "Jy/beam",
}
problems = []


def expect(name, what, found, wanted, tolerance=0):
    good = found == wanted if tolerance == 0 else abs(found - wanted) <= tolerance
    if not good:
        problems.append(f"{name}: {what} is {found}, expected {wanted}")


freq = {}
for name, unit in UNITS.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # checksum=True warns where CHECKSUM or DATASUM is wrong
        with fits.open(folder / name, checksum=True, memmap=False) as opened:
            opened.verify("exception")
            hdus = {hdu.name: (hdu.header, hdu.data, hdu.columns if hdu.name == "BEAMS" else None) for hdu in opened}
        header, data, _ = hdus["PRIMARY"]
        wcs = WCS(header)
        for hdu, (cards, _, _) in hdus.items():
            for key in ("CHECKSUM", "DATASUM"):
                if key not in cards:
                    problems.append(f"{name}: no {key} in {hdu}")
    for warning in caught:
        problems.append(f"{name}: {warning.category.__name__}: {warning.message}")
    planes = 1 if name == "sky-tb.fits" else channels
    expect(name, "number of planes", data.shape[1], planes)
    expect(name, "BUNIT", header["BUNIT"], unit)
    u.Unit(header["BUNIT"])
    expect(name, "RESTFRQ", header["RESTFRQ"], REST_HZ)
    expect(name, "SPECSYS", header["SPECSYS"], specsys)
    expect(name, "RADESYS", header["RADESYS"], "ICRS")
    expect(name, "pixels that are not finite", int((~np.isfinite(data)).sum()), 0)

    ny, nx = data.shape[2:]
    sky = wcs.celestial
    at = lambda x, y: sky.pixel_to_world(x, y).icrs
    centre = at(nx // 2, ny // 2)
    expect(name, "RA of pixel N/2", centre.ra.deg, ra, 1e-9)
    expect(name, "Dec of pixel N/2", centre.dec.deg, dec, 1e-9)
    # one pixel to the right is one cell to the west, one up is one cell to the north
    right, up = at(nx // 2 + 1, ny // 2), at(nx // 2, ny // 2 + 1)
    west = centre.spherical_offsets_to(right)[0].to_value(u.arcsec)
    expect(name, "arcsec east from x to x + 1", west, -cell, 1e-5 * cell)
    expect(name, "arcsec north from y to y + 1", (up.dec - centre.dec).to_value(u.arcsec), cell, 1e-5 * cell)
    # a corner by the formula of the orthographic projection
    l, m = np.radians(cell / 3600) * (nx // 2), -np.radians(cell / 3600) * (ny // 2)
    n = np.sqrt(1 - l * l - m * m)
    corner = at(0, 0)
    dec0 = np.radians(dec)
    ra_corner = ra + np.degrees(np.arctan2(l, n * np.cos(dec0) - m * np.sin(dec0)))
    dec_corner = np.degrees(np.arcsin(m * np.cos(dec0) + n * np.sin(dec0)))
    expect(name, "RA of the corner", corner.ra.deg, ra_corner % 360, 1e-9)
    expect(name, "Dec of the corner", corner.dec.deg, dec_corner, 1e-9)

    freq[name] = wcs.spectral.pixel_to_world(np.arange(planes)).to_value(u.Hz)
    expect(name, "STOKES", header["CRVAL4"], 1.0)
    if name in ("dirty.fits", "psf.fits"):
        if planes == 1:
            beams = [[header["BMAJ"] * 3600, header["BMIN"] * 3600, header["BPA"]]]
        else:
            _, table, columns = hdus["BEAMS"]
            expect(name, "unit of BMAJ", columns["BMAJ"].unit, "arcsec")
            expect(name, "rows of beams", len(table), planes)
            expect(name, "channels of beams", list(table["CHAN"]), list(range(planes)))
            beams = [[row["BMAJ"], row["BMIN"], row["BPA"]] for row in table]
        for major, minor, angle in beams:
            if not (major >= minor > 0 and -180 <= angle <= 180):
                problems.append(f"{name}: a beam of {major} x {minor} arcsec at {angle} deg")
    if name == "psf.fits":
        peaks = [np.unravel_index(np.argmax(p), p.shape) for p in data[0]]
        expect(name, "peaks", peaks, [(ny // 2, nx // 2)] * planes)
        for (major, minor, angle), plane in zip(beams, data[0]):
            # second look at the beam: half maximum along its axes by interpolation of the PSF
            y, x = np.mgrid[0:ny, 0:nx]
            east, north = -(x - nx // 2) * cell, (y - ny // 2) * cell
            s, c = np.sin(np.radians(angle)), np.cos(np.radians(angle))
            along, across = east * s + north * c, east * c - north * s
            model = np.exp(-4 * np.log(2) * ((along / major) ** 2 + (across / minor) ** 2))
            lobe = model > 0.5
            expect(name, "PSF over the beam in its main lobe", float(np.abs(plane - model)[lobe].max()), 0, 0.12)

sky_hz = freq["sky.fits"]
for name in ("sky-kinematic.fits", "dirty.fits", "psf.fits"):
    expect(name, "frequencies", float(np.abs(freq[name] - sky_hz).max()), 0, 1e-3)
expect("sky-tb.fits", "frequency", float(freq["sky-tb.fits"][0]), float(sky_hz.mean()), 1e-3)

# the galaxy's line and mass, by formulas of this script
header = fits.getheader(folder / "sky.fits")
line_hz = REST_HZ / (1 + header["REDSHIFT"])
half = header["CDELT3"] / 2
if not sky_hz.min() - half < line_hz < sky_hz.max() + half:
    problems.append(f"sky.fits: the line, {line_hz} Hz, is outside the band")
flux = fits.getdata(folder / "sky.fits").sum(dtype=float) * header["CDELT3"]
expect("sky.fits", "49.7 D^2 sum S dnu / MHICUBE", 49.7 * header["DISTLUM"] ** 2 * flux / header["MHICUBE"], 1, 2e-3)

print("\n".join(problems) or "ok")
sys.exit(1 if problems else 0)
