"""Writes tests/data/catalogues and tests/data/healpix_centres.csv: small catalogues and HEALPix maps by astropy's and healpy's own
writers (pip install astropy==8.0.2 astropy-healpix==2.0.1 healpy==1.20.1). Argument: the folder tests/data."""

import sys
from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.io.votable.tree import CooSys
from astropy.table import MaskedColumn, Table
from astropy_healpix import HEALPix

DATA = Path(sys.argv[1])
OUT = DATA / "catalogues"
OUT.mkdir(exist_ok=True)

UCDS = {
    "RAJ2000": "pos.eq.ra;meta.main",
    "DEJ2000": "pos.eq.dec;meta.main",
    "Fint": "phot.flux.density;em.radio",
    "e_Fint": "stat.error;phot.flux.density;em.radio",
    "alpha": "spect.index",
}


def sources():
    """Four sources about RA 30, Dec -30 deg; the last has no spectral index, the third no size."""
    table = Table()
    table["Name"] = ["J0159-30", "J0200-29", "J0201-31", "J0202-30"]
    table["RAJ2000"] = np.array([29.75, 30.0, 30.25, 30.5])
    table["DEJ2000"] = np.array([-30.0, -29.5, -31.0, -30.5])
    table["Fint"] = np.array([1500.0, 250.0, 80.0, 40.0], dtype=np.float32)
    table["e_Fint"] = np.array([15.0, 2.5, 0.8, 0.4], dtype=np.float32)
    table["alpha"] = MaskedColumn([-0.75, -0.5, 0.25, np.nan], mask=[False, False, False, True])
    table["Maj"] = np.array([90.0, 45.0, 0.0, 30.0])
    table["Min"] = np.array([60.0, 30.0, 0.0, 20.0])
    table["PA"] = np.array([10.0, 170.0, 0.0, 45.0])
    table["Nobs"] = MaskedColumn(np.array([3, 4, -1, 5], dtype=np.int16), mask=[False, False, True, False])
    for name, unit in [("RAJ2000", "deg"), ("DEJ2000", "deg"), ("Fint", "mJy"), ("e_Fint", "mJy"), ("Maj", "arcsec")]:
        table[name].unit = unit
    table["Min"].unit, table["PA"].unit = "arcsec", "deg"
    return table


def votables():
    for form in ["tabledata", "binary", "binary2"]:
        document = from_table(sources())
        resource = document.resources[0]
        resource.coordinate_systems.append(CooSys(ID="J2000", system="ICRS"))
        for field in resource.tables[0].fields:
            field.ucd = UCDS.get(field.name)
            if field.name in ("RAJ2000", "DEJ2000"):
                field.ref = "J2000"
            if field.name == "Nobs":
                field.values.null = -1
        writeto(document, str(OUT / f"sources-{form}.vot"), tabledata_format=form)


def fits_tables():
    table = sources()
    text = [f"{int(ra // 15):02d} {int(ra / 15 % 1 * 60 + 0.5):02d} 00.00" for ra in table["RAJ2000"]]
    spectra = np.array([np.arange(n, dtype=np.float32) for n in (1, 2, 0, 3)], dtype=object)
    columns = [
        fits.Column("Name", "8A", array=table["Name"]),
        fits.Column("RAJ2000", "D", "deg", array=table["RAJ2000"]),
        fits.Column("DEJ2000", "D", "deg", array=table["DEJ2000"]),
        fits.Column("ra_text", "11A", array=np.array(text)),
        fits.Column("Fint", "E", "mJy", array=table["Fint"]),
        fits.Column("alpha", "D", array=np.ma.filled(table["alpha"], np.nan)),
        fits.Column("Fint076", "E", "Jy", array=np.array([3.0, 0.5, np.nan, 0.05])),
        fits.Column("Fint227", "E", "Jy", array=np.array([1.5, 0.25, 0.08, np.nan])),
        # tenths of an arcsec, by TSCAL below
        fits.Column("Maj", "I", "arcsec", array=np.array([900, 450, 0, 300], dtype=np.int16)),
        fits.Column("Nobs", "I", null=-1, array=np.array([3, 4, -1, 5])),
        fits.Column("Flag", "L", array=np.array([True, False, True, False])),
        fits.Column("Spectrum", "PE()", array=spectra),
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="SOURCES")
    hdu.header["TSCAL9"], hdu.header["TZERO9"] = 0.1, 0.0
    hdu.header["RADESYS"], hdu.header["EQUINOX"] = "FK5", 2000.0
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(OUT / "sources.fits", overwrite=True)


def healpix_maps():
    """The value of a pixel is that of its direction: 2 + sin(latitude) K; longitude and latitude galactic where the map is."""
    for name, nside, nest, coord in [("ring", 16, False, "C"), ("nested", 4, True, "G")]:
        _, latitude = healpy.pix2ang(nside, np.arange(12 * nside**2), nest=nest, lonlat=True)
        values = 2 + np.sin(np.radians(latitude))
        values[5] = healpy.UNSEEN
        values[6] = 0
        healpy.write_map(str(OUT / f"healpix-{name}.fits"), values, nest=nest, coord=coord, column_units="K",
                         dtype=np.float32, overwrite=True)
    # healpy writes partial maps with the numbers of their pixels
    values = np.full(12 * 16**2, healpy.UNSEEN)
    values[[100, 200, 3000]] = [1.0, 2.0, 3.0]
    healpy.write_map(str(OUT / "healpix-partial.fits"), values, coord="C", column_units="Jy/pixel", partial=True,
                     dtype=np.float32, overwrite=True)


def healpix_centres():
    rng = np.random.default_rng(1)
    lines = ["# nside, pixel, longitude and latitude of the ring order, of the nested order, deg (tests/python/catalogues.py)"]
    for nside in [1, 2, 3, 8, 64, 1024, 2**20]:
        last = 12 * nside**2 - 1
        pixels = {0, 3, 4, 2 * nside * (nside - 1), last - 4, last} | set(map(int, rng.integers(0, last, 6)))
        for pixel in sorted(p for p in pixels if 0 <= p <= last):
            words = [str(nside), str(pixel)]
            for order in ["ring", "nested"]:
                if order == "nested" and nside & (nside - 1):
                    words += ["nan", "nan"]
                    continue
                # astropy-healpix has powers of 2 only
                if nside & (nside - 1):
                    longitude, latitude = healpy.pix2ang(nside, pixel, lonlat=True)
                else:
                    at = HEALPix(nside=nside, order=order).healpix_to_lonlat(pixel)
                    longitude, latitude = at[0].deg, at[1].deg
                words += [repr(float(longitude)), repr(float(latitude))]
            lines.append(",".join(words))
    (DATA / "healpix_centres.csv").write_text("\n".join(lines) + "\n")


votables()
fits_tables()
healpix_maps()
healpix_centres()
