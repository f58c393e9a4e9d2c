//! The table of a group catalogue's subhalos.

use super::InfoRequest;
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::run::Progress;
use crate::sky::neutral::HiModel;
use crate::sky::snapshot::{SubhaloGasSource, SubhaloList, list_subhalos};

/// Rows that are printed; a file has them all.
const PRINTED: usize = 100;

/// Lists the subhalos of the catalogue that `request` names, and writes them to its `out`.
pub(super) fn list(request: &InfoRequest, progress: &dyn Progress) -> Result<String> {
    // a place that cannot be written is found before any work
    let staged = request.out.as_deref().map(|path| Ok((path, Staged::new(path)?))).transpose()?;
    let gas = request.snapshot.as_ref().map(|snapshot| SubhaloGasSource {
        snapshot: snapshot.clone(),
        format: request.format,
        offsets: request.offsets.clone(),
        model: HiModel::default(),
    });
    let watch = progress.stage("subhalos", 1);
    let list = list_subhalos(&request.path, &request.filter, gas.as_ref(), &watch.quiet())?;
    list.notes.iter().for_each(|note| progress.note(note));
    if let Some((path, staged)) = staged {
        std::fs::write(staged.path(), csv(&list)).map_err(|e| Error::io("write", path, e))?;
        staged.commit()?;
    }
    Ok(table(request, &list))
}

fn table(request: &InfoRequest, list: &SubhaloList) -> String {
    let mut text = format!(
        "{}: group catalogue at redshift {:.4}, {} subhalos, {} with gas and within the ranges\n",
        request.path.display(),
        list.header.redshift,
        list.total,
        list.rows.len()
    );
    text.push_str(
        "  subhalo                      position, ckpc/h   stars, Msun     gas, Msun      HI, Msun   SFR, Msun/yr    \
         cells   r(gas/2)  r(stars/2), kpc\n",
    );
    for row in list.rows.iter().take(PRINTED) {
        let p = row.position_ckpc_h;
        text.push_str(&format!(
            "{:>9} {:>11.2} {:>11.2} {:>11.2} {:>13.4e} {:>13.4e} {:>13} {:>14.4} {:>8} {:>10.2} {:>11.2}\n",
            row.index,
            p[0],
            p[1],
            p[2],
            row.stellar_msun,
            row.gas_msun,
            row.hi_msun.map_or("-".into(), |hi| format!("{hi:.4e}")),
            row.sfr_msun_yr,
            row.gas_cells,
            row.gas_half_mass_kpc,
            row.stellar_half_mass_kpc
        ));
    }
    if list.rows.len() > PRINTED {
        text.push_str(&format!("  and {} more; --out writes them all\n", list.rows.len() - PRINTED));
    }
    text.push_str(
        "  stars: within twice their half-mass radius; HI: all of the subhalo's cells, by the default model\n",
    );
    text
}

fn csv(list: &SubhaloList) -> String {
    let mut text = String::from(
        "subhalo,x_ckpc_h,y_ckpc_h,z_ckpc_h,stellar_msun,gas_msun,hi_msun,sfr_msun_yr,gas_cells,gas_half_mass_kpc,\
         stellar_half_mass_kpc\n",
    );
    for row in &list.rows {
        let p = row.position_ckpc_h;
        text.push_str(&format!(
            "{},{},{},{},{:.6e},{:.6e},{},{:.6e},{},{:.6e},{:.6e}\n",
            row.index,
            p[0],
            p[1],
            p[2],
            row.stellar_msun,
            row.gas_msun,
            row.hi_msun.map_or(String::new(), |hi| format!("{hi:.6e}")),
            row.sfr_msun_yr,
            row.gas_cells,
            row.gas_half_mass_kpc,
            row.stellar_half_mass_kpc
        ));
    }
    text
}
