"""Compares our images with wsclean's or with ducc0's: the largest difference of a plane over its largest value.

    python3 compare_images.py wsclean OURS-PREFIX WSCLEAN-PREFIX [--mfs]
    python3 compare_images.py beams OURS-PREFIX WSCLEAN-PREFIX
    python3 compare_images.py ducc FILE.h5 OURS-PREFIX natural|briggs:R [--mfs]

Prints "dirty X" and "psf Y", the worst plane of each, and "beam PLANE", axes (arcsec) and angle (deg) of our fitted
beam and of wsclean's. `beams` compares these alone, of one plane. For ducc0 the weights are computed here, with numpy, by the
rule of wsclean 3.1 (cells of the image padded by 1.2 to a multiple of 4, floor, v < 0 mirrored).
"""

import sys

import numpy as np
from astropy.io import fits

arguments = [a for a in sys.argv[1:] if a != "--mfs"]
mfs = "--mfs" in sys.argv


def ours(prefix, product):
    with fits.open(f"{prefix}-{product}.fits") as f:
        return f[0].data[0].astype(np.float64), f[0].header


def worst(mine, other):
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(mine, other, strict=True))


def wsclean(prefix, theirs):
    for product in ("dirty", "psf"):
        mine, header = ours(prefix, product)
        names = [theirs] if mfs else [f"{theirs}-{k:04d}" for k in range(len(mine))]
        planes = []
        for name in names:
            with fits.open(f"{name}-{product}.fits") as f:
                planes.append(f[0].data[0, 0].astype(np.float64))
                for key in ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CRVAL2"):
                    assert abs(f[0].header[key] - header[key]) < 1e-9 * abs(header[key]), key
        print(product, worst(mine, planes))
    compare_beams(prefix, names)


def compare_beams(prefix, names):
    for plane, (name, beam) in enumerate(zip(names, beams(prefix), strict=True)):
        with fits.open(f"{name}-psf.fits") as f:
            h = f[0].header
            print("beam", plane, *beam, h["BMAJ"] * 3600, h["BMIN"] * 3600, h["BPA"])


def beams(prefix):
    """Major and minor axis, arcsec, and position angle, deg, of each plane."""
    with fits.open(f"{prefix}-psf.fits") as f:
        if len(f) > 1:
            return [(b["BMAJ"], b["BMIN"], b["BPA"]) for b in f["BEAMS"].data]
        h = f[0].header
        return [(h["BMAJ"] * 3600, h["BMIN"] * 3600, h["BPA"])]


def weights(kind, uvw, freq, natural, n, cell):
    if kind == "natural":
        return natural
    robust = float(kind.split(":")[1])
    padded = int(np.ceil(1.2 * n))
    padded += -padded % 4
    scale = freq[None, :] / 299792458.0
    u, v = uvw[:, :1] * scale, uvw[:, 1:2] * scale
    sign = np.where(v < 0, -1.0, 1.0)
    cells = [np.floor(sign * x * padded * cell).astype(int) for x in (u, v)]
    index = (cells[1] * 2 + 1) * 4 * padded + cells[0]
    _, where = np.unique(index, return_inverse=True)
    sums = np.bincount(where.ravel(), weights=natural.ravel())
    f2 = (5 * 10**-robust) ** 2 / ((sums**2).sum() / sums.sum())
    return natural / (1 + sums[where].reshape(natural.shape) * f2)


def ducc(source, prefix, kind):
    import ducc0
    import h5py

    with h5py.File(source) as f:
        uvw, freq = f["uvw"][:], f["freq_hz"][:]
        vis = f["vis"][..., 0].astype(np.complex128)
        natural = np.where(f["flag"][..., 0], 0.0, f["weight"][..., 0].astype(np.float64))
    dirty, header = ours(prefix, "dirty")
    psf, _ = ours(prefix, "psf")
    n, cell = header["NAXIS1"], np.radians(header["CDELT2"])
    groups = [slice(0, len(freq))] if mfs else [slice(k, k + 1) for k in range(len(freq))]
    images = {"dirty": [], "psf": []}
    for group in groups:
        w = weights(kind, uvw, freq[group], natural[:, group], n, cell)
        for name, data in (("dirty", vis[:, group]), ("psf", np.ones_like(vis[:, group]))):
            image = ducc0.wgridder.vis2dirty(
                uvw=uvw, freq=freq[group], vis=np.ascontiguousarray(data), wgt=np.ascontiguousarray(w),
                npix_x=n, npix_y=n, pixsize_x=cell, pixsize_y=cell, epsilon=1e-9, do_wgridding=True, flip_v=True,
                divide_by_n=False, nthreads=1)
            images[name].append(image.T / w.sum())
    print("dirty", worst(dirty, images["dirty"]))
    print("psf", worst(psf, images["psf"]))


def only_beams(prefix, theirs):
    compare_beams(prefix, [theirs])


{"wsclean": wsclean, "ducc": ducc, "beams": only_beams}[arguments[0]](*arguments[1:])
