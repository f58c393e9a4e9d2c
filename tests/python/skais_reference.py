"""Writes tests/data/skais-mapper-0.1.16.hdf5: a small object, and the maps that skais-mapper 0.1.16 makes of it.

    pip install skais-mapper==0.1.16 h5py
    python tests/python/skais_reference.py tests/data/skais-mapper-0.1.16.hdf5

The particles are drawn here, in IllustrisTNG's layout at z = 0.5; the maps come from skais_mapper.generate.map_TNG_sample
itself, on a TNGGalaxy whose files are replaced by the arrays. Group `skais`: data sets DOMAIN_THETA_PHI, [x, y] as
skais-mapper stores them, in its units (Msun/kpc^2, mK, K, Gauss).
"""

import importlib.metadata
import os
import sys
import tempfile
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
import h5py
import numpy as np
from skais_mapper.cosmology import CosmoModel
from skais_mapper.generate import map_TNG_sample
from skais_mapper.simobjects import TNGGalaxy

VERSION = "0.1.16"
SIZE = 32
ROTATIONS = [(0, 0), (40, 65), (120, 35)]
DOMAINS = {"gas": 0, "hi": 0, "hi/21cm": 0, "temp": 0, "bfield": 0, "star": 4, "dm": 1}
RADIUS_FACTOR = {"star": 2, "dm": 3}
# attributes as h5py reads them: numpy's float64, whose products with 32-bit arrays are 64-bit
HEADER = {
    "BoxSize": 35000.0,
    "HubbleParam": 0.6774,
    "MassTable": np.array([0.0, 3e-5, 0.0, 0.0, 0.0, 0.0]),
    "NumFilesPerSnapshot": 1,
    "Omega0": 0.3089,
    "OmegaLambda": 0.6911,
    "Redshift": 0.5,
    "Time": 1.0 / 1.5,
    "UnitLength_in_cm": 3.085678e21,
    "UnitMass_in_g": 1.989e43,
    "UnitVelocity_in_cm_per_s": 1e5,
}
HEADER = {k: np.float64(v) if isinstance(v, float) else v for k, v in HEADER.items()}
CENTRE = np.array([310.0, 420.0, 530.0], dtype=np.float32)
HALF_MASS_RADIUS = np.float32(12.0)


def particles():
    """Fields of PartType0, 1 and 4."""
    draw = np.random.default_rng(3)

    def cloud(n, scale):
        return CENTRE.astype(float) + scale * draw.normal(size=(n, 3)) * [1.0, 0.7, 0.4]

    def single(values):
        return values.astype(np.float32)

    gas, stars, dark = 400, 200, 300
    metals = np.zeros((gas, 10))
    metals[:, 0] = draw.uniform(0.7, 0.76, gas)
    place = cloud(gas, 10.0)
    return {
        0: {
            "Coordinates": place,
            # not where the mesh's point is
            "CenterOfMass": single(place + 0.5),
            "Velocities": single(draw.normal(size=(gas, 3))),
            "Masses": single(draw.uniform(1e-5, 9e-5, gas)),
            "Density": single(10 ** draw.uniform(-6.5, -3.5, gas)),
            "InternalEnergy": single(10 ** draw.uniform(1.5, 4.0, gas)),
            "ElectronAbundance": single(draw.uniform(0.0, 1.1, gas)),
            "NeutralHydrogenAbundance": single(draw.uniform(0.0, 1.0, gas)),
            "StarFormationRate": single(np.where(draw.uniform(size=gas) < 0.1, 0.01, 0.0)),
            "GFM_Metals": single(metals),
            "MagneticField": single(draw.normal(size=(gas, 3))),
        },
        1: {
            "Coordinates": cloud(dark, 14.0),
            "SubfindDMDensity": single(10 ** draw.uniform(-7.0, -4.0, dark)),
        },
        4: {
            "Coordinates": cloud(stars, 6.0),
            "Masses": single(draw.uniform(1e-5, 9e-5, stars)),
            "SubfindDensity": single(10 ** draw.uniform(-6.0, -3.0, stars)),
            # below 0: wind, which skais-mapper counts as stars
            "GFM_StellarFormationTime": single(draw.uniform(-0.1, 0.6, stars)),
        },
    }


def galaxy(kind, fields):
    """skais-mapper's object with these fields in place of files."""
    made = object.__new__(TNGGalaxy)
    made.base_path, made.snapshot, made._halo_index = "", 67, 0
    made.as_float32, made.verbose, made._p_idx = True, False, kind
    made.header = {"snapshot": HEADER, "catalog": {}}
    made.load_header = lambda: made.header
    made.cosmology = CosmoModel(
        omega_l=HEADER["OmegaLambda"], omega_m=HEADER["Omega0"], omega_k=0, z=HEADER["Redshift"], h=HEADER["HubbleParam"]
    )
    made.subhalo = {
        "SubhaloPos": CENTRE,
        "SubhaloHalfmassRadType": np.array([HALF_MASS_RADIUS] * 6, dtype=np.float32),
        "SubhaloLenType": [len(fields["Coordinates"])] * 6,
    }
    # load_snapshot(as_float32=True)
    made.data = {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in fields.items()}
    return made


def main(path):
    found = importlib.metadata.version("skais-mapper")
    if found != VERSION:
        sys.exit(f"skais-mapper {found} where {VERSION} is wanted")
    fields = particles()
    with h5py.File(path, "w", libver=("earliest", "v110")) as f:
        header = f.create_group("Header")
        counts = np.array([len(fields[k]["Coordinates"]) if k in fields else 0 for k in range(6)], dtype=np.int32)
        for name, value in HEADER.items():
            header.attrs[name] = value
        header.attrs["NumPart_ThisFile"] = counts
        header.attrs["NumPart_Total"] = counts.astype(np.uint32)
        for kind, table in fields.items():
            group = f.create_group(f"PartType{kind}")
            for name, values in table.items():
                group.create_dataset(name, data=values)
        out = f.create_group("skais")
        out.attrs["version"] = VERSION
        out.attrs["centre_ckpc_h"] = CENTRE
        out.attrs["half_mass_radius_ckpc_h"] = HALF_MASS_RADIUS
        for domain, kind in DOMAINS.items():
            for theta, phi in ROTATIONS:
                with tempfile.TemporaryDirectory() as folder:
                    map_TNG_sample(
                        galaxy(kind, fields[kind]),
                        0,
                        group=domain,
                        hdf5_file=Path(folder) / "maps.hdf5",
                        hdf5_save=False,
                        npy_save=True,
                        grid_size=SIZE,
                        fh=RADIUS_FACTOR.get(domain, 1),
                        rot=None if (theta, phi) == (0, 0) else (theta, phi),
                        verbose=False,
                    )
                    (saved,) = Path(folder).glob("*.npy")
                    name = f"{domain.replace('/', '-')}_{theta}_{phi}"
                    out.create_dataset(name, data=np.load(saved).astype(np.float32))


if __name__ == "__main__":
    main(sys.argv[1])
