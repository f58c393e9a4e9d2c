//! Headers as independent programs see them: astropy and fitsverify, where they are installed.

use crate::run;
use std::path::Path;
use std::process::Command;

fn configuration(channels: usize, dec_deg: f64) -> String {
    format!(
        "[sky]\ngalaxy = {{ seed = 8, cells = 5000 }}\ndistance = \"15 Mpc\"\nchannels = {channels}\n\
         channel_width = \"300 kHz\"\nspecsys = \"LSRK\"\n[telescope]\nname = \"meerkat\"\n\
         [observation]\nra = \"123.4 deg\"\ndec = \"{dec_deg} deg\"\nlength = \"2 h\"\nsteps = 2\n\
         [noise]\nsefd = \"406 Jy\"\n[image]\nsize = 64\ncell = \"11 arcsec\"\nweight = \"briggs:0\"\n\
         [output]\nkinematic_cube = true\n"
    )
}

/// `python3 tests/check_fits.py`; false where there is no python3 or no astropy.
fn astropy(folder: &Path, channels: usize, dec_deg: f64) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_fits.py");
    let words = ["123.4", &dec_deg.to_string(), "11", &channels.to_string(), "LSRK"].map(String::from);
    let Ok(output) = Command::new("python3").arg(script).arg(folder).args(words).output() else { return false };
    if output.status.code() == Some(77) {
        return false;
    }
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    true
}

/// `fitsverify -q` on every product; false where it is not installed.
fn fitsverify(folder: &Path) -> bool {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "fits") {
            continue;
        }
        let Ok(output) = Command::new("fitsverify").arg("-q").arg(&path).output() else { return false };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("verification OK"), "{said}");
    }
    true
}

#[test]
fn independent_programs_agree_with_the_headers() {
    for (channels, dec_deg) in [(4, -30.0), (1, -30.0), (2, -88.0)] {
        let folder = run(&configuration(channels, dec_deg));
        let name = format!("independent_programs_agree_with_the_headers ({channels} channels, {dec_deg} deg)");
        if !astropy(folder.path(), channels, dec_deg) {
            eprintln!("SKIPPED {name}: no python3 with astropy");
        }
        if !fitsverify(folder.path()) {
            eprintln!("SKIPPED {name}: no fitsverify");
        }
    }
}
