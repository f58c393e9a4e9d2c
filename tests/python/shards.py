"""What tests/shards.rs appends to the pieces of docs/formats.md: each part is a program of its own."""
#--- h5py
import numpy as np
def made(sample, field, shape):
    pixel = np.arange(np.prod(shape)).reshape(shape)
    return ((np.float32(0.01) * np.float32(pixel - 40) + np.float32(sample)) * np.float32(1 + field)).astype("f4")
assert unit == "mK" and tb.dtype == np.float32 and np.allclose(tb, made(0, 0, (16, 16)), rtol=1e-6)
with h5py.File("shard-00001.h5") as f:
    assert f.attrs["samples"] == 6 and f.attrs["first_sample"] == 6 and f.attrs["shard_version"] == 1
    assert f.attrs["fields"].split("\n") == ["tb", "dirty", "dirty-cube"]
    assert f["dirty-cube"].shape == (6, 3, 16, 16) and f["dirty-cube"].chunks == (1, 3, 16, 16)
    assert f["tb"].compression == "gzip" and f["tb"].shuffle and f["dirty"].attrs["scaling"] == "asinh"
    assert not f["tb"][2].any() and not f["dirty-cube"][2].any() and f["tb"][3].any()
    assert np.allclose(f["tb"][:][[0, 5]], [made(6, 0, (16, 16)), made(11, 0, (16, 16))], rtol=1e-6)
    samples = f["samples"]
    assert samples["ok"].dtype == bool and list(samples["ok"][:]) == [True, True, False, True, True, True]
    assert samples["galaxy"].dtype == np.int64 and list(samples["galaxy"][:]) == [4, 5, 6, 7, 8, 9]
    assert samples["ra_deg"].dtype == np.float64 and samples["ra_deg"].attrs["units"] == "deg"
    assert samples["ra_deg"].attrs["description"] == "the ra_deg" and np.isnan(samples["bpa_deg"][2])
    assert samples["id"].asstr()[1] == 'galaxié 7, "x"' and samples["split"].asstr()[3] == "validation"
    assert f["instruments/mid/psf"].shape == (3, 16, 16) and f["instruments/mid"].attrs["arrays"] == "psf"
    assert f.attrs["specsys"] == "BARYCENT"
#--- scaling
def forward(x, a):
    x = np.float64(x) / a["scaling_scale"]
    kind, l = a["scaling"], a.get("scaling_lambda")
    if kind == "log":
        x = np.log1p(x)
    elif kind == "asinh":
        x = np.arcsinh(x)
    elif kind == "yeo-johnson":
        # Yeo & Johnson 2000, eq. 2.1, value by value
        def one(v):
            if v >= 0:
                return ((v + 1) ** l - 1) / l if l else np.log(v + 1)
            return -((1 - v) ** (2 - l) - 1) / (2 - l) if l != 2 else -np.log(1 - v)
        x = np.array([one(v) for v in x])
    return np.float32((x - a["scaling_offset"]) / a["scaling_gain"])
rest = {"scaling_scale": 0.3, "scaling_offset": -0.2, "scaling_gain": 1.7}
signed, positive = np.linspace(-3, 5, 101), np.linspace(0, 50, 101)
for kind, x, l in [("none", signed, 1), ("asinh", signed, 1), ("log", positive, 1)] + [
        ("yeo-johnson", signed, l) for l in (0.0, 0.4, 1.0, 1.9, 2.0)] + [("yeo-johnson", positive, -0.3)]:
    a = {"scaling": kind, "scaling_lambda": l, **rest}
    back = physical(forward(x, a), a)
    assert back.dtype == np.float32 and np.allclose(back, x, rtol=1e-5, atol=1e-6), (kind, l, abs(back - x).max())
import h5py
with h5py.File("shard-00000.h5") as f:
    x = physical(f["dirty"][1], dict(f["dirty"].attrs))
    assert np.allclose(x, (0.01 * (np.arange(256).reshape(16, 16) - 40) + 1) * 2, rtol=1e-5, atol=1e-6)
#--- pandas
assert len(table) == 6 and table["ok"].dtype == bool and table["galaxy"].dtype.kind == "i"
assert table["id"][2] == 'galaxié 2, "x"' and (table[table["split"] == "train"]["ra_deg"] == [30, 31, 32, 33, 34, 35]).all()
assert table["freq_hz"].mean() == 1.42e9
#--- torch
# 12 samples of "train", one of them failed
data = Pairs("set", "train", ("tb", "dirty", "dirty-cube"))
assert len(data) == 11 and not data.open
loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True, num_workers=2)
for epoch in range(2):
    seen = []
    for tb, dirty, cube in loader:
        assert tb.dtype == torch.float32 and tb.shape[1:] == (16, 16) and cube.shape[1:] == (3, 16, 16)
        # pixel 40 of sample k is k, and 2 k as stored in the dirty image
        k = tb[:, 2, 8]
        assert torch.allclose(dirty[:, 2, 8], (torch.asinh(2 * k / 0.25) - 0.1) / 2, rtol=1e-5)
        seen += k.round().int().tolist()
    assert sorted(seen) == [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14], seen
assert len(Pairs("set", "test")) == 3
#--- export
import csv, io, json, tarfile
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
def made(sample, field, shape):
    return (0.01 * (np.arange(np.prod(shape)).reshape(shape) - 40) + sample) * (1 + field)
def stored(x):
    return (np.arcsinh(x / 0.25) - 0.1) / 2
def close(a, b):
    return a.dtype.itemsize == 4 and np.allclose(a, b, rtol=2e-5, atol=2e-6)
splits = {"train": [0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14], "validation": [9, 10, 11], "test": [15, 16, 17]}
fields = {"tb": (16, 16), "dirty": (16, 16), "dirty-cube": (3, 16, 16)}
for scaled in (False, True):
    end = "-scaled" if scaled else ""
    wanted = lambda s, n, shape: stored(made(s, n, shape)) if scaled and n else made(s, n, shape)
    for split, samples in splits.items():
        rows = list(csv.DictReader(open(f"npy{end}/{split}/samples.csv", encoding="utf8")))
        assert [int(row["sample"]) for row in rows] == samples
        assert rows[0]["id"] == f'galaxié {samples[0]}, "x"' and rows[0]["ok"] == "true"
        assert float(rows[-1]["ra_deg"]) == 30 + samples[-1]
        assert open(f"fits{end}/{split}/samples.csv").read() == open(f"npy{end}/{split}/samples.csv").read()
        told = {}
        for number in range(3 if split == "train" else 1):
            with tarfile.open(f"tar{end}/{split}-{number:05}.tar") as tar:
                for member in tar.getmembers():
                    assert member.isreg() and (member.mtime, member.uid, member.gid) == (0, 0, 0)
                    told[member.name] = tar.extractfile(member).read()
        assert len(told) == 4 * len(samples)
        for n, (name, shape) in enumerate(fields.items()):
            whole = np.load(f"npy{end}/{split}/{name}.npy")
            assert whole.shape == (len(samples), *shape)
            for place, s in enumerate(samples):
                assert close(whole[place], wanted(s, n, shape)), (name, s)
                assert (np.load(io.BytesIO(told[f"{s:08}.{name}.npy"])) == whole[place]).all()
                about = json.loads(told[f"{s:08}.json"])
                assert about["id"] == f'galaxié {s}, "x"' and about["split"] == split and about["ok"] is True
                assert about["fields"][name]["scaled"] == (scaled and n > 0)
                with fits.open(f"fits{end}/{split}/{s:08}-{name}.fits", checksum=True) as f:
                    head, pixels = f[0].header, f[0].data.squeeze().astype("f4")
                assert (pixels == whole[place]).all() and head["SAMPLE"] == s and head["SPLIT"] == split
                assert (head["NAXIS"], head["CTYPE1"], head["CTYPE2"]) == (2 if n == 0 else 4, "RA---SIN", "DEC--SIN")
                sky = WCS(head).celestial.pixel_to_world_values(8, 8)
                assert np.allclose(sky, (30 + s, -35)) and np.isclose(head["CDELT2"], 0.002) and head["CDELT1"] < 0
                if n:
                    assert (head["BMAJ"], head["BMIN"], head["BPA"]) == (0.01, 0.008, 20) and head["SPECSYS"] == "BARYCENT"
                    middle = head["CRVAL3"] + (head["NAXIS3"] / 2 + 0.5 - head["CRPIX3"]) * head["CDELT3"]
                    assert np.isclose(middle, 1.42e9, rtol=1e-12) and head["CDELT3"] == (3e5 if n == 1 else 1e5)
                if scaled and n:
                    assert "BUNIT" not in head and head["SCALING"] == "asinh" and head["SCUNIT"] == "Jy/beam"
                    assert (head["SCSCALE"], head["SCOFFSET"], head["SCGAIN"]) == (0.25, 0.1, 2)
                else:
                    assert head["BUNIT"] == ("Jy/beam" if n else "mK") and "SCALING" not in head
one = np.load("one/test/dirty.npy")
assert one.shape == (3, 16, 16) and close(one[2], stored(made(17, 1, (16, 16))))
