use crate::error::{Error, Result};
use crate::units::DAY_S;

/// Parses `2026-03-01T12:00:00[.5][Z]`, `2026-03-01 12:00:00`, `2026-03-01`, `01-03-2026 12:00:00`
/// (OSKAR's order) or a bare MJD such as `60512.75`; returns MJD (UTC).
///
/// Days are taken as 86400 s: a leap second itself (second 60) is refused.
pub fn parse_utc(text: &str) -> Result<f64> {
    let bad = || {
        Error::input("not a UTC time")
            .found(format!("\"{text}\""))
            .expected("2026-03-01T12:00:00, 2026-03-01 or an MJD such as 60512.75")
    };
    let trimmed = text.trim().trim_end_matches('Z');
    if let Ok(mjd) = trimmed.parse::<f64>() {
        // 1950 to 2150: anything else is a Julian date or a typing error
        return if (33_282.0..106_000.0).contains(&mjd) { Ok(mjd) } else { Err(bad()) };
    }
    let (date, clock) = trimmed.split_once(['T', ' ']).unwrap_or((trimmed, "0:0:0"));
    let numbers = |s: &str, by: char| -> Option<Vec<f64>> { s.split(by).map(|w| w.trim().parse().ok()).collect() };
    let date_parts = numbers(&date.replace('/', "-"), '-').filter(|p| p.len() == 3).ok_or_else(bad)?;
    let [y, m, d] = if date_parts[0] > 31.0 {
        [date_parts[0], date_parts[1], date_parts[2]]
    } else {
        [date_parts[2], date_parts[1], date_parts[0]]
    };
    let c = numbers(clock, ':').filter(|c| (2..=3).contains(&c.len())).ok_or_else(bad)?;
    let seconds = c.get(2).copied().unwrap_or(0.0);
    let in_range = (0.0..24.0).contains(&c[0]) && (0.0..60.0).contains(&c[1]) && (0.0..60.0).contains(&seconds);
    let whole = [y, m, d, c[0], c[1]].iter().all(|v| v.fract() == 0.0);
    if !in_range || !whole {
        return Err(bad());
    }
    let (_, day) = sofars::cal::cal2jd(y as i32, m as i32, d as i32).map_err(|_| bad())?;
    Ok(day + (c[0] * 3600.0 + c[1] * 60.0 + seconds) / DAY_S)
}

/// `2026-03-01T12:00:00.000` of an MJD (UTC), to the millisecond.
pub fn format_utc(mjd_utc: f64) -> String {
    let ms_of_day = ((mjd_utc - mjd_utc.floor()) * DAY_S * 1e3).round() as i64;
    let (day, ms) = (mjd_utc.floor() as i64 + ms_of_day / 86_400_000, ms_of_day % 86_400_000);
    let (y, m, d) = match sofars::cal::jd2cal(2_400_000.5, day as f64) {
        Ok((y, m, d, _)) => (y, m, d),
        Err(_) => return format!("MJD {mjd_utc}"),
    };
    let (h, min, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_one_time_agree() {
        for text in ["2024-07-21T18:00:00Z", "2024-07-21 18:00", "21-07-2024 18:00:00.0", "60512.75"] {
            assert_eq!(parse_utc(text).unwrap(), 60512.75, "{text}");
        }
        assert_eq!(parse_utc("2024-07-21").unwrap(), 60512.0);
        assert_eq!(format_utc(60512.75), "2024-07-21T18:00:00.000");
        assert_eq!(format_utc(60_512.999_999_999_9), "2024-07-22T00:00:00.000");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "yesterday", "2024-13-01", "2024-02-30", "2024-01-01T25:00:00", "2024-01-01T10", "2460512.5", "nan"]
        {
            assert!(parse_utc(text).is_err(), "{text}");
        }
    }
}
