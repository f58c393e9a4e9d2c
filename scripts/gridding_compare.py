#!/usr/bin/env python3
"""Gridding side by side with ducc0: python3 scripts/gridding_compare.py BINARY WORKLOAD.h5 --npix N --pixel-rad X --epsilon E --precision f32

Alternates `skyfringe bench gridder` with ducc0's wgridder on the same file (uvw[row,3], freq[chan]), each in a process of its
own, and prints one JSON line: medians of CPU seconds of both, their ratios, errors against the exact sums (300
visibilities, 40 pixels), peak memory. Needs numpy, numba, h5py and ducc0 from pip."""
import argparse, json, os, resource, statistics, subprocess, sys, time

import numpy as np

C = 299792458.0


def exact_pixels(uvw, freq, vis, x, y, npix, pix):
    import numba

    @numba.njit(parallel=True, fastmath=False)
    def run(uvw, scale, vis, l, m, n1):
        out = np.zeros(len(l))
        for k in numba.prange(len(l)):
            s = 0.0
            for r in range(len(uvw)):
                for c in range(len(scale)):
                    t = (uvw[r, 0] * l[k] + uvw[r, 1] * m[k] - uvw[r, 2] * n1[k]) * scale[c]
                    t = 2 * np.pi * (t - np.rint(t))
                    s += vis[r, c].real * np.cos(t) - vis[r, c].imag * np.sin(t)
            out[k] = s
        return out

    l, m = (x - npix // 2) * pix, (y - npix // 2) * pix
    r2 = l * l + m * m
    n1 = -r2 / (1 + np.sqrt(1 - r2))
    return run(uvw, freq / C, vis, l, m, n1) / (1 + n1)


def ducc(a):
    """One repetition of ducc0 in this process, both directions."""
    import ducc0
    import h5py

    with h5py.File(a.workload) as h:
        uvw, freq = h["uvw"][...], h["freq"][...]
    real = np.float32 if a.precision == "f32" else np.float64
    rng = np.random.default_rng(3)
    lo, width = int(0.1 * a.npix), int(0.8 * a.npix)
    ij = rng.choice(width * width, 1000, replace=False)
    x, y, f = ij // width + lo, ij % width + lo, rng.lognormal(0, 1, 1000)
    image = np.zeros((a.npix, a.npix), real)
    image[x, y] = f
    kw = dict(uvw=uvw, freq=freq, pixsize_x=a.pixel_rad, pixsize_y=a.pixel_rad, epsilon=a.epsilon, do_wgridding=True, nthreads=a.threads)

    def timed(work):
        r0, t0 = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        out = work()
        r1 = resource.getrusage(resource.RUSAGE_SELF)
        return out, r1.ru_utime + r1.ru_stime - r0.ru_utime - r0.ru_stime, time.perf_counter() - t0, r1.ru_maxrss / 1024

    record = {}
    vis, record["degrid_cpu_s"], record["degrid_wall_s"], record["degrid_peak_mib"] = timed(lambda: ducc0.wgridder.dirty2vis(dirty=image, **kw))
    dirty, record["grid_cpu_s"], record["grid_wall_s"], record["grid_peak_mib"] = timed(
        lambda: ducc0.wgridder.vis2dirty(vis=vis, npix_x=a.npix, npix_y=a.npix, **kw))
    if a.errors:
        rng = np.random.default_rng(11)
        r, c = rng.integers(0, len(uvw), 300), rng.integers(0, len(freq), 300)
        l, m = (x - a.npix // 2) * a.pixel_rad, (y - a.npix // 2) * a.pixel_rad
        r2 = l * l + m * m
        n1 = -r2 / (1 + np.sqrt(1 - r2))
        q = uvw[r] * (freq[c] / C)[:, None]
        phase = q[:, :1] * l + q[:, 1:2] * m - q[:, 2:] * n1
        exact = (f / (1 + n1) * np.exp(-2j * np.pi * (phase - np.rint(phase)))).sum(1)
        norm = np.linalg.norm
        record["degrid_error"] = norm(vis[r, c] - exact) / norm(exact)
        x, y = rng.integers(0, a.npix, 40), rng.integers(0, a.npix, 40)
        exact = exact_pixels(uvw, freq, vis.astype(complex), x, y, a.npix, a.pixel_rad)
        record["grid_error"] = norm(dirty[x, y] - exact) / norm(exact)
    print(json.dumps(record))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("binary")
    p.add_argument("workload")
    p.add_argument("--npix", type=int, required=True)
    p.add_argument("--pixel-rad", type=float, required=True)
    p.add_argument("--epsilon", type=float, required=True)
    p.add_argument("--precision", default="f32")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--images", type=int, default=1, help="for skyfringe; ducc0 has one")
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--errors", action="store_true", help="ducc0's errors too (slow)")
    p.add_argument("--ducc", action="store_true", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.ducc:
        return ducc(a)
    own = [f"--{k}={v}" for k, v in dict(npix=a.npix, epsilon=a.epsilon, precision=a.precision, threads=a.threads).items()]
    own.append(f"--pixel-rad={a.pixel_rad!r}")
    ours, theirs = [], []
    for rep in range(a.reps):
        command = [a.binary, "--quiet", "bench", "gridder", "--workload", a.workload, "--images", str(a.images), *own]
        ours.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        command = [sys.executable, __file__, a.binary, a.workload, *own, "--ducc"] + ["--errors"] * (a.errors and rep == 0)
        theirs.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    out = dict(workload=os.path.basename(a.workload), npix=a.npix, epsilon=a.epsilon, precision=a.precision, threads=a.threads, images=a.images, reps=a.reps, plan=ours[0]["plan"])
    for side in ("degrid", "grid"):
        key = side + "_cpu_s"
        out[key] = [statistics.median(r[key] for r in ours), statistics.median(r[key] for r in theirs)]
        out[side + "_ratio"] = statistics.median(t[key] * a.images / o[key] for o, t in zip(ours, theirs))
        out[side + "_peak_mib"] = [max(r[side + "_peak_mib"] for r in x) for x in (ours, theirs)]
        out[side + "_error"] = [ours[0][side + "_error"], theirs[0].get(side + "_error")]
    out["load"] = os.getloadavg()[0]
    print(json.dumps(out, default=float))


main()
