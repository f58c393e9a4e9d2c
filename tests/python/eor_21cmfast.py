"""One coeval box and one light cone of 21cmFAST 4, small, with what 21cmFAST itself says of them.

Usage: eor_21cmfast.py FOLDER. Writes coeval.h5 and lightcone.h5 by 21cmFAST's own `save`, and beside each a text file: the
shape, then the temperatures (mK) in C order; for the light cone first the redshift and distance (Mpc) of every slice.
"""

import sys

import numpy as np
import py21cmfast as p21
from astropy import units as u

folder = sys.argv[1]
inputs = p21.InputParameters.from_template("const-zeta", random_seed=1234).evolve_input_structs(
    HII_DIM=16, DIM=48, BOX_LEN=80.0, N_THREADS=1
)
cache = p21.OutputCache(folder)
coeval = p21.run_coeval(inputs=inputs, out_redshifts=8.0, cache=cache, write=False)[0]
coeval.save(f"{folder}/coeval.h5", clobber=True)
inputs = inputs.with_logspaced_redshifts(zmin=7.5, zmax=9.5, zstep_factor=1.1)
lightconer = p21.RectilinearLightconer.between_redshifts(
    min_redshift=7.8, max_redshift=8.1, quantities=("brightness_temp",), resolution=5.0 * u.Mpc
)
cone = p21.run_lightcone(lightconer=lightconer, inputs=inputs, cache=cache, write=False)
cone.save(f"{folder}/lightcone.h5", clobber=True)


def write(name, values, *columns):
    with open(f"{folder}/{name}.txt", "w") as out:
        print(*values.shape, file=out)
        for column in columns:
            print(*column, file=out)
        print(*np.asarray(values, dtype=np.float64).ravel(), file=out)


write("coeval", coeval.brightness_temp)
distances = cone.lightcone_distances.to_value("Mpc")
# exact where 21cmFAST interpolates
cosmology = cone.inputs.cosmo_params.cosmo
from astropy.cosmology import z_at_value  # noqa: E402

redshifts = [z_at_value(cosmology.comoving_distance, d * u.Mpc).value for d in distances]
write("lightcone", cone.lightcones["brightness_temp"], redshifts, distances)
