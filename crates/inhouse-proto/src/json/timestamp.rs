//! Points in time: milliseconds since the epoch inside, RFC 3339 in JSON (spec 5.6.1), google.protobuf.Timestamp in protobuf.

use std::fmt;
use std::str::FromStr;

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

const SECONDS: u32 = 1;
const NANOS: u32 = 2;
const DAY_MS: i64 = 86_400_000;
/// 0001-01-01T00:00:00.000Z
const MILLIS_MIN: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z
const MILLIS_MAX: i64 = 253_402_300_799_999;

/// A point in time, exact to the millisecond, in the years 1 to 9999: others are written as the nearest of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub millis: i64,
}

/// A text that is no RFC 3339 time of the years 1 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-01-31T12:00:00.000Z")]
pub struct TimestampError;

impl Timestamp {
    fn clamped(millis: i64) -> Self {
        Self { millis: millis.clamp(MILLIS_MIN, MILLIS_MAX) }
    }

    fn nanos(self) -> i32 {
        // Below a second's worth of nanoseconds, so it fits.
        (self.millis.rem_euclid(1000) * 1_000_000) as i32
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = Self::clamped(self.millis).millis;
        let (year, month, day) = civil_from_days(millis.div_euclid(DAY_MS));
        let in_day = millis.rem_euclid(DAY_MS);
        let (seconds, fraction) = (in_day / 1000, in_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let millis = parse(text.as_bytes()).ok_or(TimestampError)?;
        if (MILLIS_MIN..=MILLIS_MAX).contains(&millis) { Ok(Self { millis }) } else { Err(TimestampError) }
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`; digits after the millisecond are cut off.
fn parse(text: &[u8]) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| date_time[*at] != *byte) || !b"Tt ".contains(&date_time[10]) {
        return None;
    }
    let year = digits(&date_time[..4])?;
    let (month, day) = (digits(&date_time[5..7])?, digits(&date_time[8..10])?);
    let (hour, minute, second) = (digits(&date_time[11..13])?, digits(&date_time[14..16])?, digits(&date_time[17..])?);
    // Second 60 is a leap second and counts as the next one.
    let is_time = (1..=12).contains(&month) && hour < 24 && minute < 60 && second <= 60;
    if !is_time || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s(zone)?;
    Some(seconds * 1000 + fraction_ms)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = rest.split_at(len);
    let millis = (0..3).fold(0, |value, at| value * 10 + fraction.get(at).map_or(0, |byte| i64::from(byte - b'0')));
    (len > 0).then_some((millis, zone))
}

fn offset_s(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch of a day of the Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Timestamp;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an RFC 3339 time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|error| E::custom(format_args!("`{text}` is {error}")))
            }
        }

        deserializer.deserialize_str(TimeVisitor)
    }
}

impl prost::Message for Timestamp {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        let (seconds, nanos) = (self.millis.div_euclid(1000), self.nanos());
        if seconds != 0 {
            encoding::int64::encode(SECONDS, &seconds, buf);
        }
        if nanos != 0 {
            encoding::int32::encode(NANOS, &nanos, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            SECONDS => {
                let mut seconds = 0_i64;
                encoding::int64::merge(wire_type, &mut seconds, buf, ctx)?;
                *self = Self::clamped(seconds.saturating_mul(1000).saturating_add(self.millis.rem_euclid(1000)));
            }
            NANOS => {
                let mut nanos = 0_i32;
                encoding::int32::merge(wire_type, &mut nanos, buf, ctx)?;
                let seconds_ms = self.millis - self.millis.rem_euclid(1000);
                *self = Self::clamped(seconds_ms + i64::from(nanos).div_euclid(1_000_000).clamp(0, 999));
            }
            _ => encoding::skip_field(wire_type, tag, buf, ctx)?,
        }
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        let (seconds, nanos) = (self.millis.div_euclid(1000), self.nanos());
        let seconds_len = if seconds == 0 { 0 } else { encoding::int64::encoded_len(SECONDS, &seconds) };
        seconds_len + if nanos == 0 { 0 } else { encoding::int32::encoded_len(NANOS, &nanos) }
    }

    fn clear(&mut self) {
        self.millis = 0;
    }
}
