//! What test runners print, from real samples.

use omk::adapters::gate::runners::Verdict::{self, Failed, Ignored, Passed};
use omk::adapters::gate::test_output::{TestOutput, TestReport};
use omk::domain::evidence::TestCount;

fn read(output: &str) -> TestReport {
    let mut reader = TestOutput::default();
    // In pieces, as a pipe delivers it.
    output.as_bytes().chunks(7).for_each(|piece| reader.push(piece));
    reader.finish()
}

fn count(passed: u64, failed: u64, ignored: u64) -> Option<TestCount> {
    Some(TestCount { passed, failed, ignored })
}

fn names(report: &TestReport) -> Vec<(Verdict, &str)> {
    report.names.iter().map(|(verdict, name)| (*verdict, name.as_str())).collect()
}

#[test]
fn cargo_test_is_summed_over_binaries_and_named_by_binary() {
    let report = read(
        "   Compiling demo v0.1.0 (/x)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.31s
     Running unittests src/lib.rs (target/debug/deps/demo_app-0a1b2c3d4e5f6789)

running 4 tests
test tests::adds ... ok
test tests::panics - should panic ... ok
test tests::later ... ignored, needs network
test tests::wrong ... FAILED

failures:

---- tests::wrong stdout ----
assertion `left == right` failed

failures:
    tests::wrong

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/it/main.rs (/t/debug/deps/it-0a1b2c3d4e5f6789)

running 1 test
test tests::adds ... \x1b[32mok\x1b[0m

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests demo_app

running 1 test
test src/lib.rs - add (line 12) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s
",
    );
    assert_eq!(report.count, count(4, 1, 1));
    assert_eq!(
        names(&report),
        [
            (Passed, "demo_app tests::adds"),
            (Passed, "demo_app tests::panics"),
            (Ignored, "demo_app tests::later"),
            (Failed, "demo_app tests::wrong"),
            (Passed, "it tests::adds"),
            (Passed, "doc demo_app src/lib.rs - add"),
        ]
    );
}

#[test]
fn cargo_test_with_output_between_name_and_verdict_is_read() {
    let report = read("test talks ... hello\nmore\nok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored;\n");
    assert_eq!((report.count, names(&report)), (count(1, 0, 0), vec![(Passed, "talks")]));
}

#[test]
fn nextest_is_counted_once_though_it_names_failures_twice() {
    let report = read(
        " Nextest run ID 7a with nextest profile: default
    Starting 4 tests across 1 binary
        PASS [   0.004s] (1/4) demo tests::adds
        FAIL [   0.005s] (2/4) demo tests::wrong
  TRY 1 FAIL [   0.005s] (3/4) demo tests::flaky
  TRY 2 PASS [   0.005s] (3/4) demo tests::flaky
        SKIP [         ] (4/4) demo tests::later
────────────
     Summary [   0.006s] 3 tests run: 2 passed (1 flaky), 1 failed, 1 skipped
        FAIL [   0.005s] (2/4) demo tests::wrong
",
    );
    assert_eq!(report.count, count(2, 1, 1));
    let expected = [(Passed, "demo tests::adds"), (Failed, "demo tests::wrong"), (Passed, "demo tests::flaky")];
    assert_eq!(names(&report)[..3], expected);
    assert_eq!(names(&report).len(), 4);
}

#[test]
fn pytest_is_read_verbose_and_quiet() {
    let verbose = read(
        "tests/test_a.py::test_one PASSED                    [ 33%]
tests/test_a.py::test_two[x] FAILED                 [ 66%]
tests/test_a.py::test_three SKIPPED (no network)    [100%]
FAILED tests/test_a.py::test_two[x] - assert 1 == 2
========= 1 failed, 1 passed, 1 skipped, 2 warnings in 0.12s =========
",
    );
    assert_eq!(verbose.count, count(1, 1, 1));
    assert_eq!(names(&verbose)[1], (Failed, "tests/test_a.py::test_two[x]"));
    assert_eq!(read("...\n3 passed in 61.02s (0:01:01)\n").count, count(3, 0, 0));
    assert_eq!(read("==== 2 errors in 0.1s ====\n").count, count(0, 2, 0));
}

#[test]
fn go_is_read_in_text_and_json() {
    let text = read(
        "=== RUN   TestOne
--- PASS: TestOne (0.00s)
    --- FAIL: TestTwo/sub (0.00s)
--- SKIP: TestThree (0.00s)
ok  \texample.com/x\t0.002s
",
    );
    assert_eq!(text.count, count(1, 1, 1));
    assert_eq!(names(&text)[1], (Failed, "TestTwo/sub"));
    let json = read(
        r#"{"Time":"2025-01-01T00:00:00Z","Action":"run","Package":"x/y","Test":"TestOne"}
{"Time":"2025-01-01T00:00:00Z","Action":"pass","Package":"x/y","Test":"TestOne","Elapsed":0}
{"Time":"2025-01-01T00:00:00Z","Action":"pass","Package":"x/y","Elapsed":0}
"#,
    );
    assert_eq!((json.count, names(&json)), (count(1, 0, 0), vec![(Passed, "x/y.TestOne")]));
}

#[test]
fn node_counts_by_its_summary_in_both_of_its_styles() {
    let tap = read(
        "TAP version 13\n# Subtest: adds\nok 1 - adds\nnot ok 2 - wrong\n1..2\n# tests 3\n# suites 0\n# pass 1
# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n# duration_ms 45.2\n",
    );
    assert_eq!(tap.count, count(1, 1, 1));
    let spec = read("✔ adds (0.6ms)\nℹ tests 2\nℹ suites 0\nℹ pass 2\nℹ fail 0\nℹ skipped 0\nℹ duration_ms 4\n");
    assert_eq!(spec.count, count(2, 0, 0));
}

#[test]
fn tap_is_counted_line_by_line() {
    let report = read("1..4\nok 1 - first\nok 2 second # SKIP no network\nnot ok 3 - third\nnot ok 4 # TODO later\n");
    assert_eq!(report.count, count(1, 1, 2));
    assert_eq!(names(&report)[..3], [(Passed, "first"), (Ignored, "second"), (Failed, "third")]);
}

#[test]
fn jest_vitest_and_mocha_are_read_from_their_summaries() {
    let jest = "Test Suites: 1 failed, 1 passed, 2 total\nTests:       1 failed, 1 skipped, 2 passed, 4 total\n";
    assert_eq!(read(jest).count, count(2, 1, 1));
    let vitest = " Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 2 passed | 1 skipped (4)\n";
    assert_eq!(read(vitest).count, count(2, 1, 1));
    assert_eq!(read("\n  3 passing (10ms)\n  1 pending\n  2 failing\n\n  1) wrong:\n").count, count(3, 2, 1));
}

#[test]
fn unittest_is_read_with_its_verdict() {
    let report = read(
        "test_a (t.T.test_a) ... ok\ntest_b (t.T.test_b) ... skipped 'no network'\ntest_c (t.T.test_c) ... FAIL
----\nRan 3 tests in 0.001s\n\nFAILED (failures=1, skipped=1)\n",
    );
    assert_eq!(report.count, count(1, 1, 1));
    assert_eq!(names(&report)[1], (Ignored, "test_b (t.T.test_b)"));
    assert_eq!(read("..\nRan 2 tests in 0.000s\n\nOK\n").count, count(2, 0, 0));
}

#[test]
fn what_is_no_runner_s_output_counts_nothing() {
    let text = "hello\nOK\nok\nok then\n# heading 3\n3 apples\ntest result: fine\n12 passed\nRan away\nTests: none\n\
                Running late\n{\"Action\":\"pass\"}\n--- a/file\n";
    assert_eq!(read(text), TestReport::default());
}

#[test]
fn several_runners_add_up() {
    let report = read("test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n=== 3 passed in 0.1s ===\n");
    assert_eq!(report.count, count(5, 0, 1));
}

#[test]
fn names_are_kept_within_bounds_and_it_is_said() {
    let line = format!("test {} ... ok\n", "n".repeat(4000));
    let report = read(&line.repeat(2200));
    assert!(report.names_overflowed && report.names.len() < 2200);
    assert_eq!(report.count, count(2200, 0, 0));
}

#[test]
fn numbers_beyond_all_tests_do_not_wrap() {
    let most = "18446744073709551615";
    assert_eq!(read(&format!("=== {most} passed, {most} passed in 1.0s ===\n")).count, count(u64::MAX, 0, 0));
    let unittest = format!("Ran 3 tests in 0.1s\n\nFAILED (failures={most}, errors={most}, skipped=1)\n");
    assert_eq!(read(&unittest).count, count(0, u64::MAX, 1));
}
