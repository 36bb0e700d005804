// Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
pub fn total(numbers: &[i64]) -> i64 {
    numbers.iter().rev().skip(1).sum()
}
