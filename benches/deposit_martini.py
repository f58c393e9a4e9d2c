#!/usr/bin/env python3
"""astromartini on the particles that `skyfringe bench deposit --save FILE` writes; standard output is one JSON object.

    skyfringe bench deposit --threads 1 --save particles.h5
    NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 python3 benches/deposit_martini.py particles.h5

Needs astromartini 3.0 with requests and numba (pip). Times are CPU seconds of `insert_source_in_cube` after a first run
on few particles, which compiles. With --cube the cube goes into an HDF5 file: flux_jy [channel, y, x], freq_hz.
"""

import argparse
import contextlib
import json
import resource
import sys
import time

import astropy.units as U
import h5py
import martini
import numpy as np
from martini import DataCube, Martini
from martini.sources import SPHSource
from martini.spectral_models import GaussianSpectrum
from martini.sph_kernels import CubicSplineKernel

C_KM_S = 299792.458


def insert(particles, options):
    """The cube, with the line at rest at the rest frequency, and what it took."""
    distance = options.distance_mpc * U.Mpc
    hubble = 70 * U.km / U.s / U.Mpc
    east, north, away = particles["position_kpc"].T
    v_east, v_north, v_away = particles["velocity_km_s"].T
    source = SPHSource(
        distance=distance,
        vpeculiar=-hubble * distance,
        h=0.7,
        ra=0 * U.deg,
        dec=0 * U.deg,
        mHI_g=particles["mass_msun"] * U.Msun,
        xyz_g=np.stack([away, east, north], axis=1) * U.kpc,
        vxyz_g=np.stack([v_away, v_east, v_north], axis=1) * U.km / U.s,
        hsm_g=particles["smoothing_kpc"] * U.kpc,
        T_g=np.full(len(east), 8e3) * U.K,
    )
    rest = martini.datacube.HIfreq
    datacube = DataCube(
        n_px_x=options.npix,
        n_px_y=options.npix,
        n_channels=options.channels,
        px_size=options.cell_arcsec * U.arcsec,
        channel_width=options.channel_km_s / C_KM_S * rest,
        spectral_centre=rest,
    )
    work = Martini(
        source=source,
        datacube=datacube,
        beam=None,
        noise=None,
        spectral_model=GaussianSpectrum(sigma=options.sigma_km_s * U.km / U.s),
        sph_kernel=CubicSplineKernel(),
        quiet=True,
    )
    start = time.process_time()
    work.insert_source_in_cube(progressbar=False)
    return datacube, time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("particles")
    parser.add_argument("--npix", type=int, default=256)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--cell-arcsec", type=float, default=4.0)
    parser.add_argument("--channel-km-s", type=float, default=4.0)
    parser.add_argument("--sigma-km-s", type=float, default=7.0)
    parser.add_argument("--distance-mpc", type=float, default=3.0)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--cube")
    options = parser.parse_args()
    with h5py.File(options.particles) as file:
        particles = {name: file[name][:].squeeze() for name in file}
    # what it prints is no part of the report
    with contextlib.redirect_stdout(sys.stderr):
        insert({name: values[:100] for name, values in particles.items()}, options)
        runs = [insert(particles, options) for _ in range(options.reps)]
    if options.cube:
        datacube = runs[-1][0]
        per_pixel = options.cell_arcsec**2
        values = per_pixel * datacube._array.to_value(U.Jy / U.arcsec**2)
        values = values.reshape(options.npix, options.npix, options.channels)
        freq = datacube.channel_mids.to_value(U.Hz)
        order = np.argsort(freq)
        with h5py.File(options.cube, "w") as file:
            file["flux_jy"] = values.transpose(2, 1, 0)[order]
            file["freq_hz"] = freq[order]
    report = {
        "program": f"astromartini {martini.__version__}",
        "particles": len(particles["mass_msun"]),
        "npix": options.npix,
        "channels": options.channels,
        "reps": options.reps,
        "cpu_seconds": float(np.median([cpu for _, cpu in runs])),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "load": float(open("/proc/loadavg").read().split()[0]),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
