"""Writes a visibility file (docs/formats.md, Stokes I) as a Measurement Set with XX = YY = I, by python-casacore.

    python3 visibilities_to_ms.py FILE.h5 OUT.ms

Only what wsclean needs is filled in: UVW as it stands in the file, DATA, FLAG, WEIGHT_SPECTRUM and the sub-tables.
"""

import sys

import h5py
import numpy as np
from casacore import tables

source, target = sys.argv[1:]
with h5py.File(source) as f:
    uvw, freq = f["uvw"][:], f["freq_hz"][:]
    vis, weight, flag = f["vis"][..., 0], f["weight"][..., 0], f["flag"][..., 0]
    times, ant1, ant2 = f["time_mjd_utc"][:] * 86400.0, f["antenna1"][:], f["antenna2"][:]
    centre = np.radians([f.attrs["phase_centre_ra_deg"], f.attrs["phase_centre_dec_deg"]])
    width, interval = float(f.attrs["channel_width_hz"]), float(f.attrs["integration_time_s"])
rows, channels = vis.shape

description = tables.required_ms_desc("MAIN")
for column in (
    tables.makearrcoldesc("DATA", 0j, ndim=2, valuetype="complex"),
    tables.makearrcoldesc("WEIGHT_SPECTRUM", 0.0, ndim=2, valuetype="float"),
):
    description.update(tables.maketabdesc([column]))
ms = tables.default_ms(target, description)
ms.addrows(rows)
ms.putcol("UVW", uvw)
ms.putcol("ANTENNA1", ant1.astype(np.int32))
ms.putcol("ANTENNA2", ant2.astype(np.int32))
for name in ("TIME", "TIME_CENTROID"):
    ms.putcol(name, times)
for name in ("INTERVAL", "EXPOSURE"):
    ms.putcol(name, np.full(rows, interval))
for name in (
    "DATA_DESC_ID", "FIELD_ID", "OBSERVATION_ID", "ARRAY_ID", "PROCESSOR_ID", "SCAN_NUMBER", "STATE_ID", "FEED1", "FEED2",
):
    ms.putcol(name, np.zeros(rows, np.int32))
ms.putcol("FLAG_ROW", np.zeros(rows, bool))
ms.putcol("WEIGHT", np.ones((rows, 2), np.float32))
ms.putcol("SIGMA", np.ones((rows, 2), np.float32))
both = lambda a: np.repeat(a[:, :, None], 2, axis=2)
ms.putcol("DATA", both(vis.astype(np.complex64)))
ms.putcol("FLAG", both(flag))
ms.putcol("WEIGHT_SPECTRUM", both(weight.astype(np.float32)))
ms.close()


def fill(name, count, columns):
    table = tables.table(f"{target}/{name}", readonly=False, ack=False)
    table.addrows(count)
    for key, value in columns.items():
        table.putcol(key, value)
    table.close()


stations = int(max(ant1.max(), ant2.max())) + 1
names = [f"A{k}" for k in range(stations)]
one = lambda x: np.full(1, x)
zero = np.zeros(1, np.int32)
fill("ANTENNA", stations, dict(
    NAME=names, STATION=names, TYPE=["GROUND-BASED"] * stations, MOUNT=["ALT-AZ"] * stations,
    # nothing is computed from positions: the UVW column counts
    POSITION=np.tile([5109360.0, 2006852.0, -3238948.0], (stations, 1)), OFFSET=np.zeros((stations, 3)),
    DISH_DIAMETER=np.full(stations, 15.0), FLAG_ROW=np.zeros(stations, bool)))
direction = centre.reshape(1, 1, 2)
fill("FIELD", 1, dict(
    NAME=["F"], CODE=[""], TIME=times[:1], NUM_POLY=zero, DELAY_DIR=direction, PHASE_DIR=direction,
    REFERENCE_DIR=direction, SOURCE_ID=zero, FLAG_ROW=one(False)))
widths = np.full((1, channels), width)
fill("SPECTRAL_WINDOW", 1, dict(
    NUM_CHAN=one(np.int32(channels)), NAME=["S"], REF_FREQUENCY=freq[:1], CHAN_FREQ=freq[None], CHAN_WIDTH=widths,
    EFFECTIVE_BW=widths, RESOLUTION=widths, MEAS_FREQ_REF=one(np.int32(5)), TOTAL_BANDWIDTH=one(widths.sum()),
    NET_SIDEBAND=zero, IF_CONV_CHAIN=zero, FREQ_GROUP=zero, FREQ_GROUP_NAME=[""], FLAG_ROW=one(False)))
fill("POLARIZATION", 1, dict(
    NUM_CORR=one(np.int32(2)), CORR_TYPE=np.array([[9, 12]], np.int32),
    CORR_PRODUCT=np.array([[[0, 0], [1, 1]]], np.int32), FLAG_ROW=one(False)))
fill("DATA_DESCRIPTION", 1, dict(SPECTRAL_WINDOW_ID=zero, POLARIZATION_ID=zero, FLAG_ROW=one(False)))
fill("OBSERVATION", 1, dict(
    TELESCOPE_NAME=["SKA-Mid"], TIME_RANGE=np.array([[times[0], times[-1]]]), OBSERVER=[""], PROJECT=[""],
    SCHEDULE_TYPE=[""], RELEASE_DATE=np.zeros(1), FLAG_ROW=one(False)))
