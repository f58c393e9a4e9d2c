"""Writes one rotating disc in the layout of every simulation that skyfringe reads, with h5py alone.

Usage: make_snapshots.py FOLDER [CELLS]. Attributes and names follow the projects' own descriptions: SIMBA and CAMELS
(camels.readthedocs.io), EAGLE (arXiv 1706.09899), SWIFT (its documentation, "Snapshots"), as in tests/simulations.rs.
"""

import pathlib
import sys

import h5py
import numpy as np

A, H = 0.95, 0.6777
KPC, MSUN, YEAR = 3.0856775814913673e21, 1.988409870698051e33, 365.25 * 86400
X, Z, T = 0.75, 0.01, 6000.0
K_B, M_P = 1.380649e-16, 1.67262192369e-24
BOX = 1000.0


def disc(n):
    """Physical kpc, km/s, Msun, Msun/kpc^3: an exponential disc of 4e9 Msun turning at 150 km/s."""
    rng = np.random.default_rng(1)
    r, phi = rng.gamma(2.0, 4.0, n), rng.uniform(0, 2 * np.pi, n)
    x = np.stack([r * np.cos(phi), r * np.sin(phi), rng.normal(0, 0.3, n)], axis=1) + BOX / 2
    v = 150 * np.stack([-np.sin(phi), np.cos(phi), np.zeros(n)], axis=1) + rng.normal(0, 5, (n, 3))
    return x, v, np.full(n, 4e9 / n), 5e6 * np.exp(-r / 8.0) + 1e5


def energy(electrons):
    return 1.5 * K_B * T / (4 / (1 + 3 * X + 4 * X * electrons) * M_P) * 1e-10


def attributes(place, values):
    for name, value in values.items():
        place.attrs[name] = value


def gadget(path, x, v, m, rho):
    f = h5py.File(path, "w")
    attributes(f.create_group("Header"), dict(
        Time=A, Redshift=1 / A - 1, HubbleParam=H, Omega0=0.307, OmegaLambda=0.693, BoxSize=BOX * H / A,
        NumFilesPerSnapshot=1, NumPart_ThisFile=[len(m), 0, 0, 0, 0, 0], NumPart_Total=[len(m), 0, 0, 0, 0, 0]))
    g = f.create_group("PartType0")
    g["Coordinates"], g["Velocities"] = x * H / A, np.float32(v / A**0.5)
    g["Masses"], g["Density"] = np.float32(m * H / 1e10), np.float32(rho * 1e-10 * H * (A / H) ** 3)
    g["InternalEnergy"] = np.full(len(m), energy(0.1), "f4")
    g["StarFormationRate"] = np.zeros(len(m), "f4")
    return f, g


def tng(path, *cells):
    f, g = gadget(path, *cells)
    n = len(cells[2])
    g["ElectronAbundance"], g["NeutralHydrogenAbundance"] = np.full(n, 0.1, "f4"), np.full(n, 0.9, "f4")
    g["GFM_Metals"] = np.tile(np.float32([X, 1 - X - Z, Z]), (n, 1))
    f.close()


def simba(path, *cells):
    f, g = gadget(path, *cells)
    n = len(cells[2])
    g["ElectronAbundance"], g["GrackleHI"], g["GrackleHII"] = (np.full(n, q, "f4") for q in (0.1, 0.9, 0.1))
    g["NeutralHydrogenAbundance"], g["FractionH2"] = np.full(n, 0.9, "f4"), np.full(n, 0.05, "f4")
    g["SmoothingLength"], g["Dust_Masses"] = np.full(n, 1.0, "f4"), np.zeros(n, "f4")
    g["Metallicity"] = np.tile(np.float32([Z, 1 - X - Z] + [Z / 9] * 9), (n, 1))
    f.close()


def eagle(path, x, v, m, rho):
    n = len(m)
    with h5py.File(path, "w") as f:
        attributes(f.create_group("Header"), dict(
            ExpansionFactor=A, Time=A, Redshift=1 / A - 1, HubbleParam=H, Omega0=0.307, OmegaLambda=0.693,
            BoxSize=BOX * H / A * 1e-3, NumFilesPerSnapshot=1, NumPart_Total=[n, 0, 0, 0, 0, 0],
            NumPart_ThisFile=[n, 0, 0, 0, 0, 0]))
        attributes(f.create_group("Units"), dict(UnitLength_in_cm=KPC * 1e3, UnitMass_in_g=1e10 * MSUN))
        f.create_group("RuntimePars")
        g = f.create_group("PartType0")

        def put(name, physical_cgs, cgs, a, h):
            g[name] = physical_cgs / (cgs * A**a * H**h)
            attributes(g[name], {"CGSConversionFactor": cgs, "aexp-scale-exponent": np.float32(a),
                                 "h-scale-exponent": np.float32(h), "VarDescription": name.encode()})

        length, mass = KPC * 1e3, 1e10 * MSUN
        put("Coordinates", x * KPC, length, 1, -1)
        put("Velocity", v * 1e5, 1e5, 0.5, 0)
        put("Mass", m * MSUN, mass, 0, -1)
        put("Density", rho * MSUN / KPC**3, mass / length**3, -3, 2)
        put("Temperature", np.full(n, T), 1.0, 0, 0)
        put("StarFormationRate", np.zeros(n), MSUN / YEAR, 0, 0)
        put("ElementAbundance/Hydrogen", np.full(n, X), 1.0, 0, 0)


def swift(path, x, v, m, rho):
    n = len(m)
    length, mass = KPC * 1e3, 1e10 * MSUN
    with h5py.File(path, "w") as f:
        attributes(f.create_group("Header"), {
            "Code": np.bytes_("SWIFT"), "Redshift": [1 / A - 1], "Scale-factor": [A], "BoxSize": [BOX / A * 1e-3] * 3,
            "NumPart_Total": np.uint32([n, 0, 0, 0, 0, 0, 0]), "NumPart_ThisFile": [n, 0, 0, 0, 0, 0, 0],
            "NumFilesPerSnapshot": np.int32([1]), "RunName": np.bytes_("disc")})
        attributes(f.create_group("Cosmology"), {"h": [H], "Omega_m": [0.307], "Omega_lambda": [0.693]})
        attributes(f.create_group("Units"), {"Unit length in cgs (U_L)": [length], "Unit mass in cgs (U_M)": [mass]})
        g = f.create_group("PartType0")

        def put(name, physical_cgs, cgs, a):
            g[name] = physical_cgs / (cgs * A**a)
            attributes(g[name], {
                "Conversion factor to CGS (not including cosmological corrections)": [cgs],
                "Conversion factor to physical CGS (including cosmological corrections)": [cgs * A**a],
                "a-scale exponent": np.float32([a]), "h-scale exponent": np.float32([0])})

        put("Coordinates", x * KPC, length, 1)
        put("Velocities", v * 1e5, 1e5, 0)
        put("Masses", m * MSUN, mass, 0)
        put("Densities", rho * MSUN / KPC**3, mass / length**3, -3)
        put("Temperatures", np.full(n, T), 1.0, 0)
        put("StarFormationRates", np.full(n, -0.9), MSUN / YEAR, 0)
        for name, columns in (("ElementMassFractions", dict(Hydrogen=X, Helium=1 - X - Z, Carbon=Z)),
                              ("SpeciesFractions", dict(elec=0.1, HI=0.85, HII=0.1, H2=0.025))):
            put(name, np.tile(np.array(list(columns.values())), (n, 1)), 1.0, 0)
            f[f"SubgridScheme/NamedColumns/{name}"] = np.array(list(columns), dtype="S32")


def arrays(path, x, v, m, rho):
    with h5py.File(path, "w") as f:
        attributes(f, dict(redshift=1 / A - 1, h=H, omega_m=0.307, omega_lambda=0.693))
        f["positions"], f["velocities"], f["mass"] = x, v, m
        f["density"] = rho
        f["density"].attrs["units"] = "Msun/kpc^3"
        f["temperature"], f["hi_mass"] = np.full(len(m), T), m * X * 0.85


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    cells = disc(int(sys.argv[2]) if len(sys.argv) > 2 else 20000)
    for write in (tng, simba, eagle, swift, arrays):
        write(folder / f"{write.__name__}.hdf5", *cells)
        print(folder / f"{write.__name__}.hdf5")


if __name__ == "__main__":
    main()
