#!/usr/bin/env python3
"""Coefficients of src/sky/kernel.rs: the column through the cubic spline kernel as (1 - s)^3 P(2 s - 1).

s is the squared impact parameter over the squared support radius; P has degree 8 and is fitted for the smallest
largest error (Lawson's reweighting). Prints the coefficients from the constant one on, normalised so that the
kernel integrates to 1 over the plane, and the largest error over the peak.
"""
import numpy as np
from numpy.polynomial import chebyshev, legendre, polynomial

NODES, WEIGHTS = legendre.leggauss(200)


def spline(q):
    return np.where(q < 0.5, 1 - 6 * q * q * (1 - q), np.where(q < 1, 2 * (1 - q) ** 3, 0))


def column(b):
    def piece(low, high):
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        return half * np.sum(WEIGHTS * spline(np.hypot(middle + half * NODES, b)))

    end, knot = np.sqrt(max(1 - b * b, 0)), np.sqrt(max(0.25 - b * b, 0))
    return 2 * (piece(0, knot) + piece(knot, end)) * 8 / np.pi


s = np.unique(np.concatenate([1 - np.cos(np.linspace(0, np.pi / 2, 1500)), np.linspace(0, 0.9999, 3000)]))
exact = np.array([column(np.sqrt(t)) for t in s])
basis = chebyshev.chebvander(2 * s - 1, 8) * ((1 - s) ** 3)[:, None]
weight, best = np.ones_like(s), (np.inf, None)
for _ in range(400):
    found, *_ = np.linalg.lstsq(basis * np.sqrt(weight)[:, None], exact * np.sqrt(weight), rcond=None)
    error = abs(basis @ found - exact)
    if error.max() < best[0]:
        best = (error.max(), found)
    weight *= error / error.max() + 1e-3
    weight /= weight.sum()
power = chebyshev.cheb2poly(best[1])
nodes = 0.5 + 0.5 * NODES
power /= np.pi * np.sum(0.5 * WEIGHTS * (1 - nodes) ** 3 * polynomial.polyval(2 * nodes - 1, power))
error = abs((1 - s) ** 3 * polynomial.polyval(2 * s - 1, power) - exact).max() / exact[0]
smallest = polynomial.polyval(np.linspace(-1, 1, 20001), power).min()
print(",\n".join(f"{c:.17e}" for c in power))
print(f"error {error:.2e} of the peak, smallest P {smallest:.3f}")
