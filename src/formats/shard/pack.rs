use super::Compression;
use crate::error::{Error, Result};
use flate2::{Compress, FlushCompress};
use ndarray::ArrayViewD;

/// One sample of one field as the bytes of its chunk: made on any thread, put into the file in order.
///
/// Most bits of a mantissa are noise, on which deflate spends most of its time for nothing. So each of the four sorted
/// planes of bytes whose values are about equally frequent is stored as it is (a stored block of RFC 1951), the others
/// are deflated: any reader of zlib streams (RFC 1950) takes the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedSample {
    pub(super) shape: Vec<usize>,
    pub(super) compression: Compression,
    pub(super) bytes: Vec<u8>,
}

impl PackedSample {
    /// Packs the values of one sample.
    ///
    /// # Errors
    /// Values that are not finite; a level of compression that is none.
    pub fn new(values: ArrayViewD<f32>, compression: Compression) -> Result<PackedSample> {
        let bad = values.iter().filter(|v| !v.is_finite()).count();
        if bad > 0 {
            return Err(Error::input("a sample has values that are not finite")
                .found(format!("{bad} of {}", values.len()))
                .expected("none"));
        }
        let standard = values.as_standard_layout();
        // a standard layout always has its slice
        let flat = standard.as_slice().unwrap_or(&[]);
        let bytes = match compression {
            Compression::None => flat.iter().flat_map(|v| v.to_ne_bytes()).collect(),
            Compression::Deflate(level @ 1..=9) => deflate(flat, level)?,
            Compression::Deflate(level) => {
                return Err(Error::input("no level of compression").found(level).expected("1 (fast) to 9"));
            }
        };
        Ok(PackedSample { shape: values.shape().to_vec(), compression, bytes })
    }
}

/// The zlib stream of the shuffled bytes.
fn deflate(values: &[f32], level: u8) -> Result<Vec<u8>> {
    let mut packed = vec![0x78, 0x01];
    packed.reserve(4 * values.len() + values.len() / 4 + 64);
    let mut check = Adler::default();
    let mut compress = Compress::new(flate2::Compression::new(level.into()), false);
    let mut plane = vec![0u8; values.len()];
    for place in 0..4 {
        for (byte, value) in plane.iter_mut().zip(values) {
            *byte = value.to_ne_bytes()[place];
        }
        check.add(&plane);
        if is_noise(&plane) {
            store(&plane, &mut packed);
        } else {
            // a window of its own: what was stored in between is unknown to it
            compress.reset();
            deflate_plane(&plane, &mut compress, &mut packed)?;
        }
    }
    // an empty last block
    packed.extend([1, 0, 0, 0xff, 0xff]);
    packed.extend(check.value().to_be_bytes());
    Ok(packed)
}

/// Blocks up to a whole byte.
fn deflate_plane(plane: &[u8], compress: &mut Compress, packed: &mut Vec<u8>) -> Result<()> {
    let mut done = 0;
    loop {
        packed.reserve(plane.len() / 2 + 256);
        let before = compress.total_in();
        compress
            .compress_vec(&plane[done..], packed, FlushCompress::Sync)
            .map_err(|e| Error::input("a sample cannot be compressed").found(e))?;
        done += (compress.total_in() - before) as usize;
        // room that is left says that nothing waits
        if done == plane.len() && packed.len() < packed.capacity() {
            return Ok(());
        }
    }
}

/// Stored blocks: a byte of type (the bits before it are whole bytes), the length, its complement.
fn store(plane: &[u8], packed: &mut Vec<u8>) {
    for block in plane.chunks(usize::from(u16::MAX)) {
        let length = block.len() as u16;
        packed.push(0);
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
}

/// Whether all bytes are about equally frequent: the chance that two of them agree is below 1.2/256, where no code
/// saves more than about 3 % (Renyi entropy of order 2 over 7.7 of 8 bits). Whole numbers, so that all machines agree.
fn is_noise(plane: &[u8]) -> bool {
    let mut counts = [[0u32; 256]; 4];
    for bytes in plane.chunks(4) {
        for (count, byte) in counts.iter_mut().zip(bytes) {
            count[usize::from(*byte)] += 1;
        }
    }
    let count = |byte: usize| counts.iter().map(|c| u128::from(c[byte])).sum::<u128>();
    let pairs: u128 = (0..256).map(|byte| count(byte) * count(byte)).sum();
    let length = plane.len() as u128;
    length > 1024 && pairs * 256 * 10 < length * length * 12
}

/// Adler-32 (RFC 1950).
struct Adler {
    a: u32,
    b: u32,
}

impl Default for Adler {
    fn default() -> Adler {
        Adler { a: 1, b: 0 }
    }
}

impl Adler {
    fn add(&mut self, bytes: &[u8]) {
        // sums of 2048 bytes stay below 2^32; without a chain from byte to byte they are made many at once
        for block in bytes.chunks(2048) {
            let length = block.len() as u32;
            let sum: u32 = block.iter().map(|v| u32::from(*v)).sum();
            let weighted: u32 = (1..=length).rev().zip(block).map(|(weight, v)| weight * u32::from(*v)).sum();
            self.b = (self.b + length * self.a % 65521 + weighted % 65521) % 65521;
            self.a = (self.a + sum) % 65521;
        }
    }

    fn value(&self) -> u32 {
        self.b << 16 | self.a
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use flate2::read::ZlibDecoder;
    use ndarray::{ArrayD, IxDyn};
    use std::io::Read;

    /// The shuffled bytes, one by one.
    fn shuffled(values: &ArrayD<f32>) -> Vec<u8> {
        (0..4).flat_map(|place| values.iter().map(move |v| v.to_ne_bytes()[place])).collect()
    }

    fn inflated(packed: &PackedSample) -> Vec<u8> {
        let mut bytes = Vec::new();
        // compares the checksum, too
        ZlibDecoder::new(packed.bytes.as_slice()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_packed_is_a_zlib_stream_of_the_shuffled_bytes() {
        let mut random = Stream::new(5, [1, 2, 3]);
        for shape in [vec![1], vec![3, 5], vec![64, 64], vec![2, 200, 200], vec![300, 301]] {
            let noise = ArrayD::from_shape_simple_fn(IxDyn(&shape), || random.normal() as f32);
            let patches = noise.mapv(|v| if v > 0.5 { v } else { 0.0 });
            for values in [noise, patches, ArrayD::zeros(IxDyn(&shape))] {
                for level in [1, 4, 9] {
                    let packed = PackedSample::new(values.view(), Compression::Deflate(level)).unwrap();
                    assert_eq!(inflated(&packed), shuffled(&values), "{shape:?} {level}");
                }
                let plain = PackedSample::new(values.view(), Compression::None).unwrap();
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
                assert_eq!(plain.bytes, bytes);
            }
        }
    }

    #[test]
    fn noise_is_stored_and_zeros_are_small() {
        let mut random = Stream::new(6, [0; 3]);
        let noise = ArrayD::from_shape_simple_fn(IxDyn(&[256, 256]), || random.normal() as f32);
        let size = |values: &ArrayD<f32>| PackedSample::new(values.view(), Compression::default()).unwrap().bytes.len();
        // three of four bytes are noise, and the last one has half of its bits
        assert!((200_000..235_000).contains(&size(&noise)), "{}", size(&noise));
        assert!(size(&ArrayD::zeros(IxDyn(&[256, 256]))) < 2000);
        let counting: Vec<u8> = (0..4096).map(|i| (i % 256) as u8).collect();
        assert!(is_noise(&counting) && !is_noise(&vec![7; 4096]) && !is_noise(&counting[..256]));
    }

    #[test]
    fn layouts_in_memory_do_not_matter_and_bad_values_do() {
        let values = ArrayD::from_shape_fn(IxDyn(&[8, 9]), |i| (i[0] * 9 + i[1]) as f32);
        let turned = values.t().as_standard_layout().into_owned();
        let packed = |values: ArrayViewD<f32>| PackedSample::new(values, Compression::Deflate(1));
        assert_eq!(packed(values.view()).unwrap(), packed(turned.t()).unwrap());
        let mut bad = values;
        bad[[2, 3]] = f32::NAN;
        assert!(packed(bad.view()).unwrap_err().to_string().contains("1 of 72"));
        assert!(PackedSample::new(turned.view(), Compression::Deflate(0)).is_err());
        assert!(PackedSample::new(turned.view(), Compression::Deflate(10)).is_err());
    }

    #[test]
    fn checksums_of_known_texts() {
        // RFC 1950's algorithm on "Wikipedia", and on more than a block of the largest bytes
        let sum = |bytes: &[u8]| {
            let mut sum = Adler::default();
            sum.add(bytes);
            sum.value()
        };
        assert_eq!(sum(b"Wikipedia"), 0x11e6_0398);
        let naive = |bytes: &[u8]| {
            let step = |(a, b): (u32, u32), v: &u8| ((a + u32::from(*v)) % 65521, (b + a + u32::from(*v)) % 65521);
            let (a, b) = bytes.iter().fold((1, 0), step);
            b << 16 | a
        };
        for length in [0, 1, 2047, 2048, 2049, 100_000] {
            assert_eq!(sum(&vec![255; length]), naive(&vec![255; length]));
        }
    }
}
