//! A good input, damaged: bits, bytes, tokens, lines and numbers.

use super::targets::{Kind, Target};
use super::{fits, hdf};
use std::path::Path;

/// SplitMix64 (Steele, Lea & Flood 2014): numbers of a seed and a counter.
pub struct Numbers(u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to n - 1; 0 of nothing.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// One of them.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// What lengths and counts are when they are wrong.
pub const INTEGERS: [i64; 20] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    65_535,
    65_536,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    1 << 32,
    999_999_999_999,
    1 << 40,
    1 << 53,
    1 << 61,
    1 << 62,
    i64::MAX,
    i64::MIN,
];

const NUMBERS: [&str; 14] = [
    "NaN",
    "-inf",
    "1e999",
    "-0",
    "18446744073709551616",
    "-9223372036854775808",
    "9223372036854775807",
    "4294967296",
    "1e-320",
    "1e308",
    "-1",
    "0",
    "1e18",
    "0x10",
];

const TOKENS: [&[u8]; 26] = [
    b"''",
    b"\"",
    b"'",
    b"[",
    b"]",
    b"(",
    b"{",
    b"}",
    b"<",
    b"&#0;",
    b"=",
    b",,,,",
    b":",
    b"/",
    b"\\",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"#",
    b"\t",
    b"null",
    b"true",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
];

/// The input of a case of `target`; `folder` is for what the making of it needs.
pub fn input(target: &Target, seeds: &[Vec<u8>], seed: u64, case: u64, folder: &Path) -> Vec<u8> {
    // FNV-1a of the name: targets with the same seeds get cases of their own
    let name =
        target.name.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut numbers = Numbers(name ^ seed.rotate_left(32) ^ case.wrapping_mul(0xD134_2543_DE82_EF95));
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    let generic = match target.kind {
        Kind::Text => {
            for _ in 0..numbers.below(3) {
                damage_text(&mut bytes, &mut numbers);
            }
            1 + numbers.below(8)
        }
        Kind::Bytes => {
            for _ in 0..numbers.below(3) {
                set_integer(&mut bytes, &mut numbers);
            }
            1 + numbers.below(8)
        }
        Kind::Fits => fits::damage(&mut bytes, &mut numbers),
        Kind::Hdf5 => hdf::damage(&mut bytes, &mut numbers, folder),
    };
    for _ in 0..generic {
        damage(&mut bytes, &mut numbers);
    }
    bytes
}

/// One change that knows nothing of the format.
fn damage(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(bytes.len() + 1);
    let length = 1 + numbers.below(40).min(bytes.len());
    let end = (at + length).min(bytes.len());
    match numbers.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
        1 if at < bytes.len() => bytes[at] = numbers.next() as u8,
        2 => drop(bytes.drain(at..end)),
        3 => {
            let piece = bytes[at..end].to_vec();
            let to = numbers.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        4 if numbers.below(4) == 0 => bytes.truncate(at),
        5 => change_number(bytes, at, numbers),
        6 => {
            let to = numbers.below(bytes.len().saturating_sub(length) + 1);
            for k in 0..length.min(bytes.len().saturating_sub(at.max(to))) {
                bytes.swap(at + k, to + k);
            }
        }
        7 => set_integer(bytes, numbers),
        _ => {
            let token = numbers.of(&TOKENS);
            bytes.splice(at..at, token.iter().copied());
        }
    }
}

/// A number in the text becomes another: whole, not a digit of it.
fn change_number(bytes: &mut Vec<u8>, from: usize, numbers: &mut Numbers) {
    let is_part = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
    let Some(start) = bytes.iter().skip(from).position(u8::is_ascii_digit).map(|k| from + k) else { return };
    let length = bytes[start..].iter().take_while(|b| is_part(b)).count();
    let word = numbers.of(&NUMBERS);
    bytes.splice(start..start + length, word.bytes());
}

/// Two, four or eight bytes become an integer that no length should be.
pub fn set_integer(bytes: &mut [u8], numbers: &mut Numbers) {
    let width = numbers.of(&[2, 4, 4, 8, 8]);
    if bytes.len() < width {
        return;
    }
    let at = numbers.below(bytes.len() - width + 1);
    let value = numbers.of(&INTEGERS).to_le_bytes();
    bytes[at..at + width].copy_from_slice(&value[..width]);
}

/// One change of the lines and words of a text.
fn damage_text(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let (line, other) = (numbers.below(lines.len()), numbers.below(lines.len()));
    match numbers.below(9) {
        0 => {
            let copy = lines[line].clone();
            lines.insert(other, copy);
        }
        1 => drop(lines.remove(line)),
        2 => lines.swap(line, other),
        3 => lines.iter_mut().for_each(|l| l.push(b'\r')),
        // longer than any buffer
        4 => lines[line] = lines[line].repeat(1 + 20_000 / lines[line].len().max(1)),
        5 => {
            let nested = [numbers.of(b"[({"); 1].repeat(4_000);
            let at = numbers.below(lines[line].len() + 1);
            lines[line].splice(at..at, nested);
        }
        6 => {
            let digits = [numbers.of(b"019"); 1].repeat(500);
            let at = numbers.below(lines[line].len() + 1);
            lines[line].splice(at..at, digits);
        }
        _ => {
            let mut words: Vec<Vec<u8>> = lines[line].split(|b| *b == b' ').map(<[u8]>::to_vec).collect();
            let (a, b) = (numbers.below(words.len()), numbers.below(words.len()));
            if numbers.below(2) == 0 {
                words.swap(a, b);
            } else {
                words[a] = numbers.of(&NUMBERS).into();
            }
            lines[line] = words.join(&b' ');
        }
    }
    *bytes = lines.join(&b'\n');
}
