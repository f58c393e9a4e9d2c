"""The equations of OSKAR's reference visibilities (data/oskar-cases/README.md) in numpy, against the program's.

Usage: oskar_equations.py SKYFRINGE FOLDER
Observes one case of each kind through OSKAR's settings and prints "NAME LARGEST-DIFFERENCE-OVER-RMS" for each. Written from the
README's text alone; needs numpy and h5py.
"""
import pathlib
import subprocess
import sys

import h5py
import numpy as np

C = 299792458.0
LON, LAT = np.radians(116.7644482), np.radians(-26.82472208)
RA0, DEC0 = np.radians(329.0), np.radians(-30.0)
START = 60512.75
EARTH_RATE = 7.272205217e-5
STEPS = 4
program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
random = np.random.default_rng(20261124)

# an array of twelve stations of fifteen elements
enu = random.normal(size=(12, 3)) * [1500.0, 1500.0, 3.0]
elements = random.normal(size=(15, 2)) * 6.0
telescope = folder / "telescope.tm"
(telescope / "station").mkdir(parents=True)
(telescope / "position.txt").write_text("116.7644482 -26.82472208 0\n")
np.savetxt(telescope / "layout.txt", enu, fmt="%.17g")
np.savetxt(telescope / "station/layout.txt", elements, fmt="%.17g")

east, north, up = enu.T
x = -east * np.sin(LON) - north * np.sin(LAT) * np.cos(LON) + up * np.cos(LAT) * np.cos(LON)
y = east * np.cos(LON) - north * np.sin(LAT) * np.sin(LON) + up * np.cos(LAT) * np.sin(LON)
z = north * np.cos(LAT) + up * np.sin(LAT)


def station_places():
    """Longitude and latitude of each station: the ECEF place of the array on WGS84, plus the offset, and back."""
    a, f = 6378137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    n = a / np.sqrt(1 - e2 * np.sin(LAT) ** 2)
    px, py = n * np.cos(LAT) * np.cos(LON) + x, n * np.cos(LAT) * np.sin(LON) + y
    pz = n * (1 - e2) * np.sin(LAT) + z
    across = np.hypot(px, py)
    lat = np.arctan2(pz, across * (1 - e2))
    for _ in range(10):
        n = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        height = across / np.cos(lat) - n
        lat = np.arctan2(pz, across * (1 - e2 * n / (n + height)))
    return np.arctan2(py, px), lat


station_lon, station_lat = station_places()
p, q = np.triu_indices(len(x), 1)


def gast(mjd):
    d = mjd - 51544.5
    t = d / 36525
    gmst = 24110.54841 + 8640184.812866 * t + 0.093104 * t**2 - 6.2e-6 * t**3 + 86400 * (mjd % 1)
    om, big_l, eps = (np.radians(v) for v in (125.04 - 0.052954 * d, 280.47 + 0.98565 * d, 23.4393 - 4e-7 * d))
    equation = (-0.000319 * np.sin(om) - 0.000024 * np.sin(2 * big_l)) * np.cos(eps)
    return gmst / 86400 * 2 * np.pi + equation / 24 * 2 * np.pi


def horizon(angle, ra, dec):
    """East, north and up of directions at every station, [station, source]."""
    h = angle + station_lon[:, None] - ra
    s, c = np.sin(station_lat)[:, None], np.cos(station_lat)[:, None]
    return (
        -np.cos(dec) * np.sin(h),
        c * np.sin(dec) - s * np.cos(dec) * np.cos(h),
        s * np.sin(dec) + c * np.cos(dec) * np.cos(h),
    )


def station_matrix(angle, ra, dec, freq, dipoles):
    """E of aperture arrays, [feed, component, station, source], normalised at the phase centre."""
    centre = horizon(angle, np.array([RA0]), np.array([DEC0]))

    def at(ra, dec):
        e, n, u = horizon(angle, ra, dec)
        factor = 0
        for place in elements:
            factor = factor + np.exp(2j * np.pi * freq / C * (place[0] * (e - centre[0]) + place[1] * (n - centre[1])))
        if not dipoles:
            return np.array([[factor, 0 * factor], [0 * factor, factor]])
        theta, phi = np.arccos(np.clip(u, -1, 1)), np.arctan2(n, e)
        rows = []
        for turned in (phi, phi + np.pi / 2):
            d = 1 - np.cos(turned) ** 2 * np.sin(theta) ** 2
            f = (np.cos(np.pi / 2 * np.cos(turned) * np.sin(theta)) - np.cos(np.pi / 2)) / d
            rows.append([-np.cos(turned) * np.cos(theta) * f * factor, np.sin(turned) * f * factor])
        return np.array(rows)

    norm = np.sqrt(0.5 * (abs(at(np.array([RA0]), np.array([DEC0]))) ** 2).sum((0, 1)))
    return at(ra, dec) / norm


def visibilities(stokes, ra, dec, freqs, step_s, full, station=None, smearing=None):
    """[row, channel, product]; stokes(freq) is [4, source]."""
    l = np.cos(dec) * np.sin(ra - RA0)
    m = np.sin(dec) * np.cos(DEC0) - np.cos(dec) * np.sin(DEC0) * np.cos(ra - RA0)
    n1 = np.sin(dec) * np.sin(DEC0) + np.cos(dec) * np.cos(DEC0) * np.cos(ra - RA0) - 1
    steps = []
    for step in range(STEPS):
        angle = gast(START + (step + 0.5) * step_s / 86400)
        h = angle - RA0
        t, u = x * np.cos(h) - y * np.sin(h), x * np.sin(h) + y * np.cos(h)
        uvw = [u, z * np.cos(DEC0) - t * np.sin(DEC0), z * np.sin(DEC0) + t * np.cos(DEC0)]
        rates = [t * EARTH_RATE, u * EARTH_RATE * np.sin(DEC0), -u * EARTH_RATE * np.cos(DEC0)]
        path, rate = (sum((v[p] - v[q])[:, None] * w for v, w in zip(vs, (l, m, n1))) for vs in (uvw, rates))
        channels = []
        for freq in freqs:
            k = np.exp(2j * np.pi * path * freq / C)
            if smearing:
                k = k * np.sinc(smearing[0] * path / C) * np.sinc(rate * freq / C * smearing[1])
            i, sq, su, sv = stokes(freq)
            if not full:
                channels.append((k * i).sum(1)[:, None])
                continue
            ha = angle + station_lon[:, None] - ra
            s, c = np.sin(station_lat)[:, None], np.cos(station_lat)[:, None]
            par = np.arctan2(c * np.sin(ha), s * np.cos(dec) - c * np.sin(dec) * np.cos(ha))
            jones = np.array([[np.cos(par), -np.sin(par)], [np.sin(par), np.cos(par)]]).astype(complex)
            if station:
                e = station_matrix(angle, ra, dec, freq, station == "dipoles")
                jones = np.einsum("abps,bcps->acps", e, jones)
            jones = jones * (horizon(angle, ra, dec)[2] >= 0)
            bright = np.array([[i + sq, su + 1j * sv], [su - 1j * sv, i - sq]])
            product = np.einsum("abks,bcs,dcks,ks->kad", jones[:, :, p], bright, jones[:, :, q].conj(), k)
            channels.append(product.reshape(-1, 4))
        steps.append(np.array(channels).transpose(1, 0, 2))
    return np.concatenate(steps)


def observed(name, lines, **settings):
    """What the program makes of OSKAR's settings."""
    groups = {
        "sky": ["oskar_sky_model/file=sky.txt"],
        "observation": [
            "phase_centre_ra_deg=329.0",
            "phase_centre_dec_deg=-30.0",
            f"start_frequency_hz={settings['freqs'][0]}",
            f"num_channels={len(settings['freqs'])}",
            f"frequency_inc_hz={settings['freqs'][1] - settings['freqs'][0]}",
            f"start_time_utc={START}",
            f"length={STEPS * settings['step_s']}",
            f"num_time_steps={STEPS}",
        ],
        "telescope": [
            "input_directory=telescope.tm",
            f"pol_mode={'Full' if settings['full'] else 'Scalar'}",
            *settings.get("telescope", ["station_type=Isotropic beam"]),
        ],
        "interferometer": settings.get("interferometer", []),
    }
    groups["sky"] = settings.get("sky", groups["sky"])
    (folder / "sky.txt").write_text(lines)
    (folder / "settings.ini").write_text("\n".join(f"[{g}]\n" + "\n".join(k) for g, k in groups.items()))
    words = [program, "observe", "--quiet", "--oskar-settings", str(folder / "settings.ini"), "--out", str(folder / "v.h5")]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    vis = h5py.File(folder / "v.h5")["vis"][()]
    return vis[vis.dtype.names[0]] + 1j * vis[vis.dtype.names[1]] if vis.dtype.names else vis


def compare(name, stokes, columns, values, ra, dec, station=None, smearing=None, **settings):
    rows = "\n".join(", ".join(repr(float(v)) for v in row) for row in zip(*values)) if len(values) else ""
    settings = {"freqs": [140e6, 150e6, 160e6], "step_s": 600.0, "full": False} | settings
    got = observed(name, f"Format = {columns}\n{rows}\n", **settings)
    want = visibilities(stokes, ra, dec, settings["freqs"], settings["step_s"], settings["full"], station, smearing)
    print(name, abs(got - want).max() / np.sqrt((abs(want) ** 2).mean()))


count = 9
radius, turn = 2.5 * np.sqrt(random.random(count)), 2 * np.pi * random.random(count)
ra_deg, dec_deg = 329 + radius * np.cos(turn), -30 + radius * np.sin(turn)
# one source far off
ra_deg[-1] += 25
ra, dec = np.radians(ra_deg), np.radians(dec_deg)
i = random.random(count) + 0.5
sq, su, sv = (i * (random.random(count) - 0.5) for _ in range(3))
index = random.random(count) - 1
reference = np.full(count, 150e6)


def scaled(freq):
    return np.array([i, sq, su, sv]) * (freq / 150e6) ** index


polarised = ("RaD, DecD, I, Q, U, V, ReferenceFrequency, SpectralIndex", (ra_deg, dec_deg, i, sq, su, sv, reference, index), ra, dec)
array = ["station_type=Aperture array", "aperture_array/element_pattern/functional_type="]
compare("02", scaled, *polarised, full=True)
smeared = {"interferometer": ["channel_bandwidth_hz=500e3", "time_average_sec=60"], "smearing": (500e3, 60.0)}
compare("04", scaled, *polarised, step_s=60.0, **smeared)
isotropic = [array[0], array[1] + "Isotropic (unpolarised)"]
compare("05", scaled, *polarised, full=True, station="isotropic", telescope=isotropic)
compare("06", scaled, *polarised, full=True, station="dipoles", telescope=[array[0], array[1] + "Dipole"])

centres, widths = 1360.2e6 + 4e5 * (random.random(count) - 0.5), 1e5 * (1 + random.random(count))


def lines(freq):
    return np.array([i * np.exp(-((freq - centres) ** 2) / (2 * widths**2))] + 3 * [0 * i])


of_lines = ("RaD, DecD, I, ReferenceFrequency, LineWidth", (ra_deg, dec_deg, i, centres, widths), ra, dec)
compare("08", lines, *of_lines, freqs=[1360e6, 1360.2e6, 1360.4e6])

rm = random.uniform(-25, 40, count)


def turned(freq):
    chi = 0.5 * np.arctan2(su, sq) + rm * ((C / freq) ** 2 - (C / 150e6) ** 2)
    size = np.hypot(sq, su)
    return np.array([i, size * np.cos(2 * chi), size * np.sin(2 * chi), sv])


of_rm = ("RaD, DecD, I, Q, U, V, ReferenceFrequency, RotationMeasure", (ra_deg, dec_deg, i, sq, su, sv, reference, rm), ra, dec)
compare("09", turned, *of_rm, full=True)


def card(key, value):
    text = f"'{value:<8}'" if isinstance(value, str) else ("T" if value is True else repr(value))
    return f"{key:<8}= {text:>20}".ljust(80)


# 24 x 24 pixels of 90 arcsec in mK, negative ones among them: OSKAR leaves those out
pixels, cell_deg = random.normal(size=(24, 24)), 90 / 3600
cards = [("SIMPLE", True), ("BITPIX", -64), ("NAXIS", 3), ("NAXIS1", 24), ("NAXIS2", 24), ("NAXIS3", 1), ("BUNIT", "mK")]
axes = [("RA---SIN", 329.0, 13.0, -cell_deg), ("DEC--SIN", -30.0, 13.0, cell_deg), ("FREQ", 1361e6, 1.0, 1e6)]
for axis, (kind, value, pixel, step) in enumerate(axes, 1):
    cards += [(f"CTYPE{axis}", kind), (f"CRVAL{axis}", value), (f"CRPIX{axis}", pixel), (f"CDELT{axis}", step)]
header = "".join(card(*c) for c in cards) + "END".ljust(80)
data = pixels.astype(">f8").tobytes()
padded = header.ljust(-(-len(header) // 2880) * 2880).encode() + data + bytes(-len(data) % 2880)
(folder / "sky_mK.fits").write_bytes(padded)
cell = np.radians(cell_deg)
rows, columns = np.mgrid[:24, :24]
kept = pixels > 0
l, m = -np.sin(cell) * (columns[kept] + 1 - 13), np.sin(cell) * (rows[kept] + 1 - 13)
n = np.sqrt(1 - l * l - m * m)
ra, dec = RA0 + np.arctan2(l, n * np.cos(DEC0) - m * np.sin(DEC0)), np.arcsin(m * np.cos(DEC0) + n * np.sin(DEC0))
flux = pixels[kept] * 1e-3 * 2 * 1.3806488e-23 * cell**2 * 1e26 / (C / 1361e6) ** 2
of_image = (lambda freq: np.array([flux] + 3 * [0 * flux]), "RaD, DecD, I", (), ra, dec)
image = ["fits_image/file=sky_mK.fits", "fits_image/min_peak_fraction=0"]
compare("10", *of_image, sky=image, freqs=[1360e6, 1361e6, 1362e6])
