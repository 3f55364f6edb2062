//! Every type of values, each given back as it came.

use crate::bindings::echo::{Guest, Parcel, Speed};
use crate::bindings::{self, Typed, other};

impl Guest for Typed {
    fn integers(a8: i8, b8: u8, a16: i16, b16: u16, a32: i32, b32: u32) -> (i8, u8, i16, u16, i32, u32) {
        (a8, b8, a16, b16, a32, b32)
    }

    fn longs(signed: i64, unsigned: u64) -> (i64, u64) {
        (signed, unsigned)
    }

    fn floats(single: f32, double: f64) -> (f32, f64) {
        (single, double)
    }

    fn truth(value: bool) -> bool {
        value
    }

    fn letter(value: char) -> char {
        value
    }

    fn text(value: String) -> String {
        value
    }

    fn bytes(data: Vec<u8>) -> Vec<u8> {
        data
    }

    fn numbers(values: Vec<u32>) -> Vec<u32> {
        values
    }

    fn parcel_back(parcel: Parcel) -> Parcel {
        parcel
    }

    fn option_in_option(value: Option<Option<u32>>) -> Option<Option<u32>> {
        value
    }

    fn results(values: Vec<Result<Option<u8>, Speed>>) -> Vec<Result<Option<u8>, Speed>> {
        values
    }
}

impl other::Guest for Typed {
    fn get() -> String {
        "other".into()
    }
}

impl bindings::Guest for Typed {
    fn ping() {}
}
