#!/usr/bin/env python3
"""Makes the rows of src/gridding/shapes.rs: python3 scripts/gridding_kernel.py [--supports 4 16] [--oversamplings 1.2 1.25 ...]

For each support and oversampling, the two parameters of phi(z) = exp(beta support ((1 - z^2)^exponent - 1)) that make the
aliasing error smallest: the rms, over positions between grid points, of |sum_k phi(u-k) exp(2 pi i (k-u) x) / phihat(x) - 1|,
at its worst over the image, |x| <= 1/(2 oversampling) cycles a cell. Nelder-Mead from several starts; a row takes about a
second. Needs numpy. (Every error is computed again from the polynomials that are used, by the tests of src/gridding/kernel.rs.)"""
import argparse

import numpy as np

OVERSAMPLINGS = (1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.75, 2.0, 2.25, 2.5)


def error(support, oversampling, beta, exponent, positions=48, image=64):
    """Worst over `image` places of the rms over Gauss-Legendre positions within a cell."""
    nodes, weights = np.polynomial.legendre.leggauss(positions)
    t, weights = (nodes + 1) / 2, weights / 2
    z = (np.arange(support)[:, None] + t) / (support / 2) - 1
    phi = np.exp(beta * support * (np.clip(1 - z * z, 0, None) ** exponent - 1))
    x = np.linspace(0, 0.5 / oversampling, image)[:, None, None]
    waves = (phi * np.exp(2j * np.pi * z * (support / 2) * x)).sum(1)
    transform = (waves * weights).sum(1).real
    return np.sqrt((abs(waves / transform[:, None] - 1) ** 2 * weights).sum(1)).max()


def nelder_mead(cost, start, steps, most=160):
    """Two parameters; stops once the three corners agree to 1e-5."""
    corners = [start, start + [steps[0], 0], start + [0, steps[1]]]
    values = [cost(c) for c in corners]
    for turn in range(most):
        order = np.argsort(values)
        corners, values = [corners[k] for k in order], [values[k] for k in order]
        if turn > 30 and abs(values[2] - values[0]) < 1e-5:
            break
        middle = (corners[0] + corners[1]) / 2
        mirrored = 2 * middle - corners[2]
        value = cost(mirrored)
        if value < values[0]:
            farther = 3 * middle - 2 * corners[2]
            corners[2], values[2] = min(((farther, cost(farther)), (mirrored, value)), key=lambda c: c[1])
        elif value < values[1]:
            corners[2], values[2] = mirrored, value
        else:
            nearer = middle + 0.5 * ((corners[2] if value >= values[2] else mirrored) - middle)
            near = cost(nearer)
            if near < min(value, values[2]):
                corners[2], values[2] = nearer, near
            else:
                corners = [corners[0], (corners[0] + corners[1]) / 2, (corners[0] + corners[2]) / 2]
                values = [values[0], cost(corners[1]), cost(corners[2])]
    best = int(np.argmin(values))
    return corners[best], values[best]


def best_shape(support, oversampling):
    def cost(p):
        return np.log(error(support, oversampling, *p)) if 0.3 < p[1] < 0.7 and p[0] > 0.3 else 1e9

    guess = np.pi * (1 - 1 / (2 * oversampling))  # where the main lobe ends at the first alias
    found = []
    for beta in (0.9, 0.97, 1.04):
        for exponent in (0.507, 0.53, 0.56):
            found.append(nelder_mead(cost, np.array([guess * beta, exponent]), [0.04 * guess, 0.008]))
    start = min(found, key=lambda f: f[1])[0]
    return nelder_mead(cost, start, [-0.02 * guess, 0.004])[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--supports", type=int, nargs=2, default=(4, 16), metavar=("FIRST", "LAST"))
    p.add_argument("--oversamplings", type=float, nargs="+", default=OVERSAMPLINGS)
    a = p.parse_args()
    for support in range(a.supports[0], a.supports[1] + 1):
        for oversampling in a.oversamplings:
            beta, exponent = best_shape(support, oversampling).round(4)
            worst = error(support, oversampling, beta, exponent, image=200)
            print(f"    row({support}, {oversampling}, {beta}, {exponent}, {worst:.2e}),", flush=True)


main()
