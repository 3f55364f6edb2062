//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the client's name for a request that
//! it may repeat. The draft makes it a string as of RFC 9651, in quotes; without quotes, as most
//! clients send it, it is the same key.

use axum::response::Response;
use greenroom_core::IdempotencyKey;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::problem::Problem;

pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a key looks like, for whoever sent one that does not.
const RULE: &str = "Idempotency-Key is one key of 1 to 255 visible ASCII characters, either as it is (then without \
                    quotes, backslashes, commas and spaces) or as a quoted string";

/// The key of a request, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = match (parse(value.as_bytes()), values.next()) {
        (Some(text), None) => IdempotencyKey::new(&text).ok(),
        _ => None,
    };
    key.map(Some).ok_or_else(|| Problem::invalid_request(RULE))
}

fn parse(value: &[u8]) -> Option<String> {
    if let Some(quoted) = value.strip_prefix(b"\"") {
        return unquoted(quoted);
    }
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',');
    value.iter().all(plain).then(|| String::from_utf8_lossy(value).into_owned())
}

/// What stands before the closing quote, which must be the end.
fn unquoted(quoted: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    loop {
        match bytes.next()? {
            b'"' => return bytes.next().is_none().then_some(text),
            b'\\' => match bytes.next()? {
                escaped @ (b'"' | b'\\') => text.push(char::from(*escaped)),
                _ => return None,
            },
            plain @ b' '..=b'~' => text.push(char::from(*plain)),
            _ => return None,
        }
    }
}

/// Says that another request had this answer first.
pub(crate) fn mark_repeated(response: &mut Response) {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key_of(values: &[&str]) -> Result<Option<String>, String> {
        let headers = values.iter().map(|value| (KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        let parsed = key(&headers.collect());
        parsed
            .map(|key| key.map(|key| key.as_str().to_owned()))
            .map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn a_key_is_the_same_with_quotes_and_without() {
        assert_eq!(key_of(&[]), Ok(None));
        for (value, expected) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e\"", "8e03978e"),
            ("order/17;step=2", "order/17;step=2"),
            ("\"a b, c\"", "a b, c"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (&"x".repeat(255), &"x".repeat(255)),
        ] {
            assert_eq!(key_of(&[value]), Ok(Some(expected.to_owned())), "{value}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_rule() {
        let long = "x".repeat(256);
        for bad in
            ["", "\"\"", "\"a", "a\"", "\"a\"b", "\"a\\", "\"a\\n\"", "a b", "a,b", "é", "\"é\"", &long]
        {
            assert!(key_of(&[bad]).unwrap_err().contains("1 to 255"), "{bad}");
        }
        assert!(key_of(&["a", "a"]).is_err(), "two headers");
    }

    proptest! {
        #[test]
        fn every_key_can_be_sent_as_a_quoted_string(text in "[ -~]{1,255}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(key_of(&[&quoted]), Ok(Some(text)));
        }
    }
}
