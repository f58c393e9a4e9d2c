//! One loop for several instruction sets: compiled for each, chosen when the program runs.

/// Vector instructions of this processor, as far as the inner loops are compiled for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Vectors {
    /// Nothing beyond what every processor of its kind has.
    Plain,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, DQ, BW and VL.
    Avx512,
}

/// What this processor has; the standard library looks once.
pub(crate) fn vectors() -> Vectors {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        return if wide { Vectors::Avx512 } else { Vectors::Avx2 };
    }
    Vectors::Plain
}

/// Whether this processor has AVX2 and FMA.
pub(crate) fn has_fma() -> bool {
    vectors() != Vectors::Plain
}

/// Compiles a call of a generic function of `const FMA: bool`, for each set of instructions and calls the best.
macro_rules! with_vectors {
    (fn $name:ident[$($generic:tt)*]($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? = $inner:ident[$($pass:tt)*]) => {
        fn $name<$($generic)*>($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2<$($generic)*>($($arg: $type),*) $(-> $out)? {
                    $inner::<$($pass)* true>($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
                fn avx512<$($generic)*>($($arg: $type),*) $(-> $out)? {
                    $inner::<$($pass)* true>($($arg),*)
                }
                match $crate::math::vectors::vectors() {
                    // SAFETY: the processor has these instructions
                    $crate::math::vectors::Vectors::Avx512 => return unsafe { avx512::<$($pass)*>($($arg),*) },
                    // SAFETY: the processor has these instructions
                    $crate::math::vectors::Vectors::Avx2 => return unsafe { avx2::<$($pass)*>($($arg),*) },
                    $crate::math::vectors::Vectors::Plain => {}
                }
            }
            $inner::<$($pass)* false>($($arg),*)
        }
    };
}
pub(crate) use with_vectors;

/// Compiles a call over the registers of each set of instructions, and returns that of `with` from the function; goes on where
/// there are none.
macro_rules! with_registers {
    (match $with:expr; ($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? { Avx512 => $wide:expr, Avx2 => $middle:expr $(,)? }) => {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
            fn avx512($($arg: $type),*) $(-> $out)? {
                $wide
            }
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) $(-> $out)? {
                $middle
            }
            match $with {
                // SAFETY: the processor has these instructions
                $crate::math::vectors::Vectors::Avx512 => return unsafe { avx512($($arg),*) },
                // SAFETY: the processor has these instructions
                $crate::math::vectors::Vectors::Avx2 => return unsafe { avx2($($arg),*) },
                $crate::math::vectors::Vectors::Plain => {}
            }
        }
    };
}
pub(crate) use with_registers;

/// a b + c: one rounding where `FMA` says that the instruction exists, else two (never a slow library call).
#[inline(always)]
pub(crate) fn mul_add<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
