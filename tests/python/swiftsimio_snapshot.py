"""Writes tests/data/swiftsimio-12.4.hdf5: four gas particles by swiftsimio's own writer (pip install swiftsimio==12.4.0)."""

import sys

import numpy as np
import unyt
from swiftsimio import Writer, cosmo_array

A = 0.5


def comoving(values, unit, exponent):
    return cosmo_array(np.asarray(values, dtype=float), unit, comoving=True, scale_factor=A, scale_exponent=exponent)


writer = Writer(unit_system="galactic", boxsize=comoving([1, 1, 1], unyt.Mpc, 1), scale_factor=A)
places = [[0.5, 0.5, 0.5], [0.501, 0.5, 0.5], [0.5, 0.502, 0.5], [0.5, 0.5, 0.503]]
writer.gas.coordinates = comoving(places, unyt.Mpc, 1)
writer.gas.velocities = comoving([[10, 0, 0]] * 4, unyt.km / unyt.s, 0)
writer.gas.masses = comoving([2e6, 3e6, 4e6, 1e6], unyt.Msun, 0)
writer.gas.internal_energy = comoving([100 * A**2] * 4, (unyt.km / unyt.s) ** 2, -2)
writer.gas.smoothing_lengths = comoving([2e-3] * 4, unyt.Mpc, 1)
writer.write(sys.argv[1])
