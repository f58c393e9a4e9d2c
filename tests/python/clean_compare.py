"""Compares our multiscale CLEAN with wsclean's on the same visibilities (docs/clean.md), and draws both.

    python3 clean_compare.py FOLDER PICTURE.png

FOLDER holds what `files_for_the_comparison_with_wsclean` of tests/clean.rs writes and wsclean's images `ws-*.fits`.
"""

import sys

import matplotlib
import numpy as np
from astropy.io import fits

matplotlib.use("Agg")
import matplotlib.pyplot as plt

folder, picture = sys.argv[1:]
N, CELL = 384, 2.5
POINTS = [(60, 70, 0.020), (330, 300, 0.012), (310, 60, 0.008), (70, 320, 0.006), (192, 40, 0.010), (350, 190, 0.015)]
DISC_JY = 0.15
own = {n: np.fromfile(f"{folder}/{n}.f64").reshape(N, N) for n in ("sky", "dirty", "psf", "model", "residual")}
header = fits.getheader(f"{folder}/ws-image.fits")
ws = {n: fits.getdata(f"{folder}/ws-{n}.fits").squeeze().astype(float) for n in ("dirty", "psf", "model", "residual", "image")}
print("dirty, psf: largest difference over peak", *(np.abs(own[n] - ws[n]).max() / np.abs(own[n]).max() for n in ("dirty", "psf")))

y, x = np.mgrid[:N, :N]
bmaj, bmin, pa = header["BMAJ"] * 3600 / CELL, header["BMIN"] * 3600 / CELL, np.radians(header["BPA"])
north, east = y - N // 2, -(x - N // 2)
along, across = north * np.cos(pa) + east * np.sin(pa), east * np.cos(pa) - north * np.sin(pa)
beam = np.exp(-4 * np.log(2) * ((along / bmaj) ** 2 + (across / bmin) ** 2))
spectrum = np.fft.fft2(np.fft.ifftshift(beam))
restore = lambda model, residual: np.fft.ifft2(np.fft.fft2(model) * spectrum).real + residual
images = {"sky, through the beam": restore(own["sky"], 0), "skyfringe": restore(own["model"], own["residual"]), "wsclean 3.1": ws["image"]}
residuals = {"skyfringe": own["residual"], "wsclean 3.1": ws["residual"]}
models = {"skyfringe": own["model"], "wsclean 3.1": ws["model"]}
disc = np.hypot(y - 200, x - 190) < 75
for name in residuals:
    points = [100 * (images[name][py, px] / jy - 1) for py, px, jy in POINTS]
    print(f"{name}: residual rms {residuals[name].std():.4e} Jy/beam, largest {np.abs(residuals[name]).max():.4e}, disc "
          f"{100 * (models[name][disc].sum() / DISC_JY - 1):+.2f} %, points " + ", ".join(f"{p:+.2f}" for p in points) + " %")
    error = images[name] - images["sky, through the beam"]
    print(f"  restored minus sky through the beam: rms {error.std():.4e}, rms on the disc {error[disc].std():.4e}")

figure, axes = plt.subplots(2, 3, figsize=(12, 8.2), layout="constrained")
span = (np.array([-N / 2, N / 2, -N / 2, N / 2]) - 0.5) * CELL / 60
span[:2] *= -1
panel = dict(origin="lower", extent=span, interpolation="nearest")
for axis, (name, image) in zip(axes[0], images.items()):
    drawn = axis.imshow(1e3 * image, vmin=-0.1, vmax=1.0, cmap="inferno", **panel)
    axis.set_title(name)
figure.colorbar(drawn, ax=axes[0], label="mJy/beam", shrink=0.9)
bottom = {"dirty image": own["dirty"], "residual, skyfringe": own["residual"], "residual, wsclean 3.1": ws["residual"]}
for axis, (name, image) in zip(axes[1], bottom.items()):
    scale = (-0.1, 1.0, "inferno") if name == "dirty image" else (-0.08, 0.08, "gray")
    drawn = axis.imshow(1e3 * image, vmin=scale[0], vmax=scale[1], cmap=scale[2], **panel)
    axis.set_title(name)
figure.colorbar(drawn, ax=axes[1], label="mJy/beam (residuals)", shrink=0.9)
for axis in axes.flat:
    axis.set_xlabel("east, arcmin")
    axis.set_ylabel("north, arcmin")
figure.savefig(picture, dpi=80)
