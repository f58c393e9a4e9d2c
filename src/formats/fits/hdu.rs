//! One header-and-data unit as bytes, with its checksums.
//!
//! Products are written here and not by CFITSIO, because CFITSIO 3.49 ignores the results of `fflush` and `fseek`:
//! on a disk that fills up it reports success for a truncated file (tests/formats/limits.rs finds it).

use super::Card;
use super::record::{RECORD, to_records};
use crate::error::Result;
use std::io::{self, Write};

/// FITS files consist of blocks of this many bytes.
const BLOCK: usize = 2880;
/// Where the 16 characters of the CHECKSUM card start in its record: after `CHECKSUM= '`.
const CHECKSUM_AT: usize = 11;

/// The bytes of a header: `cards`, CHECKSUM and DATASUM for `data` (big-endian 32-bit words, the padding left out),
/// END, padding.
pub(super) fn header_bytes(cards: &[Card], data: impl Iterator<Item = u32>) -> Result<Vec<u8>> {
    let datasum = ones_complement_sum(data);
    let mut bytes = Vec::new();
    let mut push = |record: &str| bytes.extend(format!("{record:<RECORD$}").into_bytes());
    for card in cards {
        to_records(card)?.iter().for_each(|record| push(record));
    }
    to_records(&Card::text("DATASUM", datasum.to_string(), "data unit checksum"))?.iter().for_each(|r| push(r));
    to_records(&Card::text("CHECKSUM", "0".repeat(16), "HDU checksum"))?.iter().for_each(|r| push(r));
    push("END");
    let checksum_at = bytes.len() - 2 * RECORD + CHECKSUM_AT;
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');

    let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
    let sum = ones_complement_sum(words.chain([datasum]));
    bytes[checksum_at..checksum_at + 16].copy_from_slice(&encode(!sum));
    Ok(bytes)
}

/// Writes `data` as big-endian words, and the padding of the last block.
pub(super) fn write_data(out: &mut impl Write, data: impl Iterator<Item = u32>) -> io::Result<()> {
    let mut length = 0;
    for word in data {
        out.write_all(&word.to_be_bytes())?;
        length += 4;
    }
    out.write_all(&vec![0; usize::next_multiple_of(length, BLOCK) - length])
}

/// 32-bit one's complement sum (FITS standard 4.0, section 4.4.2.7).
fn ones_complement_sum(words: impl Iterator<Item = u32>) -> u32 {
    let fold = |sum: u64| (sum & 0xffff_ffff) + (sum >> 32);
    let sum = words.fold(0u64, |sum, word| fold(sum + u64::from(word)));
    fold(sum) as u32
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
            let mut bytes = header_bytes(&[Card::int("SEED", seed.into(), "")], words.iter().copied()).unwrap();
            write_data(&mut bytes, words.into_iter()).unwrap();
            assert_eq!(bytes.len() % BLOCK, 0);
            let sum = ones_complement_sum(bytes.as_chunks::<4>().0.iter().map(|w| u32::from_be_bytes(*w)));
            assert_eq!(sum, 0xffff_ffff);
        }
    }
}
