"""Axes of the cubes of `sky hi` by astropy.wcs.

    python3 tests/check_cubes.py axes FILE.fits FILE.h5     every plane's frequency; both files hold the same
    python3 tests/check_cubes.py like ONE.fits OTHER.fits   both headers give the same world coordinates

Exits 77 where astropy or h5py are missing; prints what is wrong and exits 1, or prints "ok".
"""

import sys
import warnings

try:
    import h5py
    import numpy as np
    from astropy import units as u
    from astropy.io import fits
    from astropy.wcs import WCS
except ImportError as missing:
    print(missing)
    sys.exit(77)

warnings.simplefilter("ignore")
problems = []


def expect(what, good):
    if not good:
        problems.append(what)


def frequencies(wcs, planes):
    """Frequency of each plane, Hz, through astropy's spectral coordinates."""
    world = wcs.spectral.pixel_to_world(np.arange(planes))
    rest = wcs.wcs.restfrq * u.Hz
    convention = {"VRAD": "radio", "VOPT": "optical"}.get(wcs.spectral.wcs.ctype[0])
    if convention is None:
        return world.to_value(u.Hz)
    return u.Quantity(world.to_value(u.m / u.s), u.m / u.s).to_value(
        u.Hz, getattr(u, f"doppler_{convention}")(rest))


def axes(name, other):
    with fits.open(name, checksum=True) as files, h5py.File(other) as twin:
        header, data = files[0].header, files[0].data[0]
        wcs = WCS(header)
        freq = frequencies(wcs, data.shape[0])
        expect(f"{name}: frequencies {freq} are not those of {other}",
               np.allclose(freq, twin["freq_hz"][:], rtol=1e-13, atol=0))
        expect("pixels differ", np.array_equal(data, twin["data"][:]))
        expect("unit", twin.attrs["unit"] == header["BUNIT"] and u.Unit(header["BUNIT"], format="fits") is not None)
        expect("kind", header["CTYPE3"] == twin.attrs["spectral_axis"])
        expect("frame", header["SPECSYS"] == twin.attrs["specsys"])
        again = WCS(fits.Header.fromstring(twin.attrs["fits_header"], sep="\n"))
        expect("the header in HDF5 is another one", again.wcs.compare(wcs.wcs))
        expect("HI mass", twin["header"].attrs["MHI"] == header["MHI"])


def like(one, other):
    headers = [fits.getheader(name) for name in (one, other)]
    first, second = (WCS(header) for header in headers)
    n = [headers[0][f"NAXIS{k}"] for k in (1, 2, 3)]
    expect("shapes differ", n == [headers[1][f"NAXIS{k}"] for k in (1, 2, 3)])
    x, y = np.meshgrid(np.linspace(0, n[0] - 1, 5), np.linspace(0, n[1] - 1, 5))
    a, b = (wcs.celestial.all_pix2world(x, y, 0) for wcs in (first, second))
    expect("directions differ", np.allclose(a, b, rtol=0, atol=1e-11))
    expect("celestial frames differ", headers[0].get("RADESYS", "ICRS") == headers[1]["RADESYS"])
    z = np.arange(n[2])
    a, b = (wcs.spectral.all_pix2world(z, 0)[0] for wcs in (first, second))
    expect(f"spectral coordinates differ: {a} {b}", np.allclose(a, b, rtol=1e-13, atol=1e-9))
    kinds = [wcs.spectral.wcs.ctype[0] for wcs in (first, second)]
    expect(f"kinds of axes differ: {kinds}", kinds[0] == kinds[1])
    expect("CRPIX differ", np.allclose(first.wcs.crpix[:3], second.wcs.crpix[:3], rtol=0, atol=1e-9))
    expect("frames differ", headers[0]["SPECSYS"] == headers[1]["SPECSYS"])


{"axes": axes, "like": like}[sys.argv[1]](*sys.argv[2:])
if problems:
    print("\n".join(problems))
    sys.exit(1)
print("ok")
