//! Strictness of `decode`, times, and equality with the encoding of google.protobuf.

use prost::Message;

use super::*;

fn google(value: &serde_json::Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(*value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(list) => {
            Kind::ListValue(prost_types::ListValue { values: list.iter().map(google).collect() })
        }
        serde_json::Value::Object(object) => Kind::StructValue(google_struct(object)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn google_struct(object: &serde_json::Map<String, serde_json::Value>) -> prost_types::Struct {
    prost_types::Struct { fields: object.iter().map(|(key, value)| (key.clone(), google(value))).collect() }
}

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0.0",
    "1",
    "-7",
    "9007199254740991",
    "0.5",
    "1e300",
    r#""""#,
    r#""käse""#,
    "[]",
    "{}",
    r#"[[],{},[null,[1,"x"]]]"#,
    r#"{"":1,"a":{"b":[{"c":null}]},"d":[false]}"#,
];

#[test]
fn values_are_encoded_byte_for_byte_as_google_protobuf_does() {
    for json in VALUES {
        let value: Value = decode(json.as_bytes()).unwrap();
        let bytes = value.encode_to_vec();
        assert_eq!(bytes, google(&value.0).encode_to_vec(), "{json}");
        assert_eq!(bytes.len(), value.encoded_len(), "{json}");
        assert_eq!(Value::decode(bytes.as_slice()).unwrap(), value, "{json}");
        let object = Struct([("k".to_owned(), value.0)].into_iter().collect());
        let bytes = object.encode_to_vec();
        assert_eq!(bytes, google_struct(&object.0).encode_to_vec(), "{json}");
        assert_eq!(Struct::decode(bytes.as_slice()).unwrap(), object, "{json}");
    }
}

#[test]
fn protobuf_numbers_that_json_lacks_become_null() {
    for number in [f64::NAN, f64::INFINITY] {
        let kind = Some(prost_types::value::Kind::NumberValue(number));
        let bytes = prost_types::Value { kind }.encode_to_vec();
        assert_eq!(Value::decode(bytes.as_slice()).unwrap().0, serde_json::Value::Null);
    }
}

#[test]
fn damaged_and_deep_protobuf_is_an_error() {
    let mut deep = Value(serde_json::Value::Null);
    for _ in 0..200 {
        deep = Value(serde_json::Value::Array(vec![deep.0]));
    }
    for bytes in [deep.encode_to_vec(), vec![0x2a, 0x05, 0x0a], vec![0x1a, 0x01, 0xff]] {
        assert!(Value::decode(bytes.as_slice()).is_err(), "{:?}", &bytes[..3]);
    }
}

#[test]
fn times_are_read_in_any_zone_and_written_in_utc_with_milliseconds() {
    for (sent, written) in [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31t12:00:00.5z", "2026-01-31T12:00:00.500Z"),
        ("2026-01-31 12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2024-02-29T23:59:59.999-00:30", "2024-03-01T00:29:59.999Z"),
        ("2000-02-29T00:00:00+14:00", "2000-02-28T10:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(sent.parse::<Timestamp>().unwrap().to_string(), written, "{sent}");
    }
}

#[test]
fn texts_that_are_no_times_are_refused() {
    for text in [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T00:60:00Z",
        "2026-01-31T00:00:00.Z",
        "2026-01-31T00:00:00+1:00",
        "2026-01-31T00:00:00+24:00",
        "2026-01-31T00:00:00Zx",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "+026-01-31T00:00:00Z",
        "２０２６-01-31T00:00:00Z",
    ] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
    }
}

#[test]
fn every_day_of_the_calendar_comes_back() {
    for day in (-719_162..2_932_897).step_by(13) {
        let time = Timestamp { millis: day * 86_400_000 + 12_345 };
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    assert_eq!(Timestamp { millis: i64::MAX }.to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Timestamp { millis: i64::MIN }.to_string(), "0001-01-01T00:00:00.000Z");
}

#[test]
fn times_are_encoded_byte_for_byte_as_google_protobuf_does() {
    for millis in [0, 1, 999, 1000, 1_769_860_800_123, -1, -1000, -62_135_596_800_000] {
        let time = Timestamp { millis };
        let (seconds, nanos) = (millis.div_euclid(1000), millis.rem_euclid(1000) as i32 * 1_000_000);
        let bytes = time.encode_to_vec();
        assert_eq!(bytes, prost_types::Timestamp { seconds, nanos }.encode_to_vec(), "{millis}");
        assert_eq!(bytes.len(), time.encoded_len());
        assert_eq!(Timestamp::decode(bytes.as_slice()).unwrap(), time);
    }
    let far = prost_types::Timestamp { seconds: i64::MAX, nanos: i32::MIN }.encode_to_vec();
    assert_eq!(Timestamp::decode(far.as_slice()).unwrap().to_string(), "9999-12-31T23:59:59.000Z");
}

#[test]
fn bytes_that_are_no_json_are_told_apart_from_json_of_the_wrong_shape() {
    let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    for (bytes, sentence) in [
        (b"".to_vec(), "EOF"),
        (b"\xEF\xBB\xBF{}".to_vec(), "byte order mark"),
        (b"{} x".to_vec(), "trailing characters"),
        (b"{}{}".to_vec(), "trailing characters"),
        (b"{'a':1}".to_vec(), "key must be a string"),
        (br#"{"a":"\ud800"}"#.to_vec(), "lone surrogate"),
        (br#"{"a":"\udc00x"}"#.to_vec(), "lone surrogate"),
        (br#"{"a":1e999}"#.to_vec(), "number out of range"),
        (br#"{"a":NaN}"#.to_vec(), "expected value"),
        (b"{\"a\":\"\xff\"}".to_vec(), "invalid unicode"),
        (b"{\"a\":\"\x01\"}".to_vec(), "control character"),
        (b"{\"a".to_vec(), "EOF"),
    ] {
        match decode::<Value>(&bytes) {
            Err(DecodeError::NotJson(text)) => assert!(text.contains(sentence), "{text}"),
            other => panic!("{:?}: {other:?}", String::from_utf8_lossy(&bytes)),
        }
    }
    for (bytes, sentence) in [
        (deep(DEPTH_MAX + 1), "nested deeper than 64 levels"),
        (deep(100_000), "nested deeper than 64 levels"),
        (b"[".repeat(100_000), "nested deeper than 64 levels"),
        (br#"{"a":[{"b":1,"b":1}]}"#.to_vec(), "duplicate key `b`"),
    ] {
        match decode::<Value>(&bytes) {
            Err(DecodeError::WrongShape(text)) => assert!(text.contains(sentence), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(decode::<Value>(&deep(DEPTH_MAX)).is_ok());
    assert!(decode::<Value>(format!("\"{}\\\"[[\"", "[".repeat(100)).as_bytes()).is_ok());
}

#[test]
fn a_refusal_quotes_little_of_what_was_sent() {
    let json = format!("{{\"a\":1,\"a\":1,\"{0}\":1,\"{0}\":1}}", "ä".repeat(100_000));
    let json = json.replace("\"a\":1,\"a\":1,", "");
    let Err(DecodeError::WrongShape(text)) = decode::<Struct>(json.as_bytes()) else { panic!("taken") };
    assert!(text.len() < 400 && text.starts_with("duplicate key `ä"), "{text}");
}
