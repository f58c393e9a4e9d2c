"""Frequencies in the spectral frames of FITS by astropy, for the test of src/time/velocity_frame.rs.

    python3 scripts/velocity_frames.py > tests/data/velocity_frames.csv

A row: frame, direction (deg, ICRS), MJD (UTC), place of the telescope (ITRF, m), frequency there over that in BARYCENT.
"""

import warnings

import astropy
from astropy import units as u
from astropy.coordinates import EarthLocation, Galactic, SkyCoord, SpectralCoord
from astropy.time import Time
from astropy.utils import iers
from astropy.wcs.wcsapi.fitswcs import VELOCITY_FRAMES

warnings.simplefilter("ignore")
iers.conf.auto_download = False
ONE = 1.4e9 * u.Hz
SITES = {"meerkat": (5109360.1, 2006852.6, -3238948.1), "vla": (-1601185.4, -5041977.5, 3554875.9)}

# astropy 8.0.2 states this one at distance 0, where its transformation to ICRS loses the direction: (-368, 0, 0) km/s
at_zero = VELOCITY_FRAMES["CMBDIPOL"]
CMB = Galactic(l=at_zero.l, b=at_zero.b, distance=1 * u.km, pm_l_cosb=0 * u.mas / u.yr, pm_b=0 * u.mas / u.yr,
               radial_velocity=at_zero.radial_velocity)

print(f"# scripts/velocity_frames.py, astropy {astropy.__version__}")
print("# frame, ra_deg, dec_deg, mjd_utc, site_x_m, site_y_m, site_z_m, frequency / frequency in BARYCENT")
for ra, dec in [(30.0, -35.0), (187.7, 12.4), (266.4, -28.9), (10.0, 88.0), (270.0, 66.56)]:
    target = SkyCoord(ra * u.deg, dec * u.deg, distance=100 * u.Mpc, pm_ra_cosdec=0 * u.mas / u.yr,
                      pm_dec=0 * u.mas / u.yr, radial_velocity=0 * u.km / u.s)
    for site, mjd in [("meerkat", 61041.3), ("vla", 60512.75)]:
        place = EarthLocation.from_geocentric(*SITES[site], unit=u.m)
        time = Time(mjd, format="mjd", scale="utc")
        here = SpectralCoord(ONE, observer=place.get_itrs(time), target=target)
        barycentre = here.with_observer_stationary_relative_to("icrs")

        def row(name, frequency):
            x, y, z = SITES[site]
            print(f"{name},{ra},{dec},{mjd},{x},{y},{z},{(frequency / barycentre).to_value(u.one):.15f}")

        row("TOPOCENT", here)
        frames = {
            "GEOCENTR": "gcrs", "BARYCENT": "icrs", "HELIOCEN": "hcrs", "LSRK": "lsrk", "LSRD": "lsrd",
            "GALACTOC": VELOCITY_FRAMES["GALACTOC"], "LOCALGRP": VELOCITY_FRAMES["LOCALGRP"],
            "CMBDIPOL": CMB,
        }
        for name, frame in frames.items():
            row(name, here.with_observer_stationary_relative_to(frame))
