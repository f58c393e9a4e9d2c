//! FITS files with cards that cannot be: 80 bytes each, in the headers.

use super::mutate::{INTEGERS, Numbers};

const RECORD: usize = 80;

/// What stands in cards where it should not.
const VALUES: [&str; 20] = [
    "T",
    "F",
    "''",
    "'a'",
    "'1E'",
    "'1PE(999999999)'",
    "'999999999E'",
    "'-1E'",
    "'1QD(4)'",
    "'RA---TAN'",
    "'DEC--TAN'",
    "'GLON-CAR'",
    "'FREQ'",
    "'STOKES'",
    "1E400",
    "-1E-400",
    "NAN",
    "0.0",
    "1.5D3",
    "'unclosed",
];

const KEYS: [&str; 20] = [
    "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "NAXIS4", "BITPIX", "PCOUNT", "GCOUNT", "THEAP", "TFIELDS", "TFORM1",
    "TTYPE1", "TDIM1", "BSCALE", "BZERO", "BLANK", "CASAMBM", "CTYPE3", "CDELT1", "EXTNAME",
];

/// Damages cards; returns how many changes of any kind are to follow.
pub fn damage(bytes: &mut [u8], numbers: &mut Numbers) -> usize {
    let cards = numbers.below(4);
    for _ in 0..cards {
        let records = headers(bytes);
        if records.is_empty() {
            break;
        }
        let (at, other) = (numbers.of(&records), numbers.of(&records));
        let record = match numbers.below(8) {
            0 => bytes[other..other + RECORD].to_vec(),
            1 => padded(&format!("{:<8}= {}", numbers.of(&KEYS), value(numbers))),
            2 => padded(""),
            3 => padded("END"),
            _ => {
                let key = String::from_utf8_lossy(&bytes[at..at + 8]).into_owned();
                padded(&format!("{key}= {}", value(numbers)))
            }
        };
        bytes[at..at + RECORD].copy_from_slice(&record);
    }
    if cards == 0 { 1 + numbers.below(8) } else { numbers.of(&[0, 0, 0, 1, 2]) }
}

fn value(numbers: &mut Numbers) -> String {
    if numbers.below(2) == 0 {
        format!("{:>20}", numbers.of(&INTEGERS))
    } else {
        format!("{:>20}", numbers.of(&VALUES))
    }
}

fn padded(text: &str) -> Vec<u8> {
    let mut record = text.as_bytes().to_vec();
    record.resize(RECORD, b' ');
    record
}

/// Where the cards of all headers begin.
fn headers(bytes: &[u8]) -> Vec<usize> {
    let mut inside = false;
    let mut found = Vec::new();
    for at in (0..bytes.len().saturating_sub(RECORD - 1)).step_by(RECORD) {
        let record = &bytes[at..at + RECORD];
        inside |= record.starts_with(b"SIMPLE  =") || record.starts_with(b"XTENSION=");
        if inside {
            found.push(at);
        }
        inside &= !record.starts_with(b"END     ");
    }
    found
}
