pub const TESTS: &str = include_str!("/tests/check.py");
pub struct Arena;
