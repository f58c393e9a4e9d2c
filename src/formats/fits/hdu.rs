//! One header-and-data unit as bytes, with its checksums.
//!
//! Products are written here and not by CFITSIO, because CFITSIO 3.49 ignores the results of `fflush` and `fseek`:
//! on a disk that fills up it reports success for a truncated file (tests/formats/limits.rs finds it).

use super::Card;
use super::record::{RECORD, to_records};
use crate::error::Result;

/// FITS files consist of blocks of this many bytes.
const BLOCK: usize = 2880;
/// Where the 16 characters of the CHECKSUM card start in its record: after `CHECKSUM= '`.
const CHECKSUM_AT: usize = 11;

/// The bytes of a header: `cards`, CHECKSUM and DATASUM of a data unit whose sum is `datasum`, END, and blank records
/// (which the standard keeps for room in a header) or padding up to `length` bytes at least.
pub(super) fn header_bytes(cards: &[Card], datasum: &Sum, length: usize) -> Result<Vec<u8>> {
    let datasum = datasum.value();
    let mut bytes = Vec::new();
    let mut push = |record: &str| bytes.extend(format!("{record:<RECORD$}").into_bytes());
    for card in cards {
        to_records(card)?.iter().for_each(|record| push(record));
    }
    to_records(&Card::text("DATASUM", datasum.to_string(), "data unit checksum"))?.iter().for_each(|r| push(r));
    to_records(&Card::text("CHECKSUM", "0".repeat(16), "HDU checksum"))?.iter().for_each(|r| push(r));
    let checksum_at = bytes.len() - RECORD + CHECKSUM_AT;
    let room = length.max((bytes.len() + RECORD).next_multiple_of(BLOCK));
    // END in the last block: a reader that looks for it block by block sees the blank records as part of the header
    bytes.resize(bytes.len().max(room - BLOCK), b' ');
    bytes.extend(format!("{:<RECORD$}", "END").into_bytes());
    bytes.resize(room, b' ');

    let mut sum = Sum::default();
    bytes.as_chunks::<4>().0.iter().for_each(|word| sum.add(u32::from_be_bytes(*word)));
    sum.add(datasum);
    bytes[checksum_at..checksum_at + 16].copy_from_slice(&encode(!sum.value()));
    Ok(bytes)
}

/// Zeros that fill the last block of a data unit of `length` bytes.
pub(super) fn padding(length: u64) -> Vec<u8> {
    let block = BLOCK as u64;
    vec![0; (length.next_multiple_of(block) - length) as usize]
}

/// 32-bit one's complement sum of words as they come (FITS standard 4.0, section 4.4.2.7).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(u64);

impl Sum {
    pub(super) fn add(&mut self, word: u32) {
        let sum = self.0 + u64::from(word);
        self.0 = (sum & 0xffff_ffff) + (sum >> 32);
    }

    fn value(&self) -> u32 {
        ((self.0 & 0xffff_ffff) + (self.0 >> 32)) as u32
    }
}

impl FromIterator<u32> for Sum {
    fn from_iter<T: IntoIterator<Item = u32>>(words: T) -> Sum {
        let mut sum = Sum::default();
        words.into_iter().for_each(|word| sum.add(word));
        sum
    }
}

/// `value` as 16 letters and digits whose sum, where they stand in the header, is `value` more than that of 16
/// zeros (FITS standard 4.0, appendix J).
fn encode(value: u32) -> [u8; 16] {
    let mut code = [0u8; 16];
    for (column, byte) in value.to_be_bytes().into_iter().enumerate() {
        let mut parts = [byte / 4 + b'0'; 4];
        parts[0] += byte % 4;
        // what is no letter and no digit is moved aside, pairwise, so that the sum stays
        while let Some(pair) = [0, 2].into_iter().find(|p| parts[*p..p + 2].iter().any(|c| !c.is_ascii_alphanumeric()))
        {
            parts[pair] += 1;
            parts[pair + 1] -= 1;
        }
        for (row, part) in parts.into_iter().enumerate() {
            code[4 * row + column] = part;
        }
    }
    // the value field starts one byte before a word boundary
    code.rotate_right(1);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_equals_the_example_of_the_standard() {
        // FITS standard 4.0, appendix J.5: the sum 868229149 is encoded as hcHjjc9ghcEghc9g
        assert_eq!(&encode(!868_229_149), b"hcHjjc9ghcEghc9g");
    }

    #[test]
    fn every_hdu_sums_to_all_ones() {
        for seed in 0..200u32 {
            let words: Vec<u32> = (0..seed).map(|i| i.wrapping_mul(2_654_435_761) ^ seed.rotate_left(i % 31)).collect();
            let datasum = words.iter().copied().collect();
            let room = (seed % 3) as usize * BLOCK;
            let mut bytes = header_bytes(&[Card::int("SEED", seed.into(), "")], &datasum, room).unwrap();
            assert!(bytes.len() >= room && bytes.len().is_multiple_of(BLOCK));
            bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            bytes.extend(padding(4 * u64::from(seed)));
            assert_eq!(bytes.len() % BLOCK, 0);
            let sum: Sum = bytes.as_chunks::<4>().0.iter().map(|w| u32::from_be_bytes(*w)).collect();
            let sum = sum.value();
            assert_eq!(sum, 0xffff_ffff);
        }
    }
}
