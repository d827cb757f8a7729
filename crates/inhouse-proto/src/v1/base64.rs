//! Base64 as protobuf's JSON has it: written in the standard alphabet with padding, read in either alphabet with or without.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const READ_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const READ_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// Why a text is not base64.
#[derive(Debug, thiserror::Error)]
#[error("is not base64: {0}")]
pub(crate) struct Base64Error(base64::DecodeError);

/// Base64 of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a base64 text.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    let engine = if text.contains(['-', '_']) { &READ_URL_SAFE } else { &READ_STANDARD };
    engine.decode(text).map_err(Base64Error)
}
