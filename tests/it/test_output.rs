//! What test runners print. Samples in `runner_output/` are real: cargo 1.95.0, pytest 9.2 and xdist, unittest of Python 3.11, Go
//! 1.19, nextest 0.9.143, node 20, jest 30, vitest 4, mocha 12, prove 3.30. Other samples are written after the runners' documentation.

use omk::adapters::gate::runners::Verdict::{self, Failed, Ignored, Passed};
use omk::adapters::gate::test_output::{TestOutput, TestReport};
use omk::domain::evidence::{TestCount, TestReading};

pub(crate) fn read(output: &str) -> TestReport {
    let mut reader = TestOutput::default();
    // In pieces, as a pipe delivers it.
    output.as_bytes().chunks(7).for_each(|piece| reader.push(piece));
    reader.finish()
}

pub(crate) fn count(passed: u64, failed: u64, ignored: u64) -> Option<TestCount> {
    Some(TestCount { passed, failed, ignored })
}

fn names(report: &TestReport) -> Vec<(Verdict, &str)> {
    report.names.iter().map(|test| (test.verdict, test.name.as_str())).collect()
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

     Running tests/none.rs (/t/debug/deps/none-0a1b2c3d4e5f6789)

running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests demo_app

running 1 test
test src/lib.rs - add (line 12) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s
",
    );
    assert_eq!((report.count(), report.ran_none()), (count(4, 1, 1), false));
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
    assert_eq!((report.count(), names(&report)), (count(1, 0, 0), vec![(Passed, "talks")]));
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
     Summary [   0.006s] 3 tests run: 2 passed (1 slow, 1 flaky), 1 failed, 1 skipped
        FAIL [   0.005s] (2/4) demo tests::wrong
",
    );
    assert_eq!(report.count(), count(2, 1, 1));
    let expected = [(Passed, "demo tests::adds"), (Failed, "demo tests::wrong"), (Passed, "demo tests::flaky")];
    assert_eq!(names(&report)[..3], expected);
    assert_eq!(names(&report).len(), 4);
    let stopped = "    Starting 4 tests across 1 binary\n     Summary [   0.004s] 1/4 tests run: 0 passed, 1 failed\n";
    assert_eq!(read(stopped).count(), count(0, 1, 0));
}

macro_rules! real {
    ($name:literal) => {
        (concat!($name), include_str!(concat!("runner_output/", $name, ".txt")))
    };
}

/// Real outputs, each with passed, failed, ignored; and how many passing tests it names.
/// An output by runner and text; tests that passed, failed and were ignored; and how many are named.
type Sample = ((&'static str, &'static str), (u64, u64, u64), usize);

#[test]
fn the_final_summary_of_real_outputs_is_read() {
    let samples: [Sample; 55] = [
        (real!("cargo_nocapture"), (5, 0, 1), 5),
        (real!("cargo_q"), (5, 0, 1), 0),
        (real!("cargo_red"), (4, 1, 1), 4),
        (real!("pytest_default"), (3, 2, 2), 0),
        (real!("pytest_q"), (3, 2, 2), 0),
        (real!("pytest_v"), (3, 2, 2), 3),
        (real!("pytest_s"), (3, 2, 2), 0),
        (real!("pytest_color"), (3, 2, 2), 3),
        (real!("pytest_none"), (0, 0, 0), 0),
        (real!("pytest_xdist"), (3, 2, 2), 3),
        (real!("pytest_skip"), (0, 0, 1), 0),
        (real!("pytest_xfail"), (0, 0, 1), 0),
        (real!("pytest_rA"), (2, 0, 0), 0),
        (real!("pytest_colerr"), (0, 1, 0), 0),
        (real!("pytest_x"), (1, 1, 0), 0),
        (real!("pytest_empty"), (0, 0, 0), 0),
        (real!("ut"), (2, 1, 2), 0),
        (real!("ut_v"), (2, 1, 2), 2),
        (real!("ut_none"), (0, 0, 0), 0),
        (real!("ut_ok"), (1, 0, 1), 0),
        (real!("ut_skip"), (0, 0, 1), 0),
        (real!("go_red_v"), (3, 2, 1), 3),
        (real!("go_json"), (3, 2, 1), 3),
        (real!("go_ok_v"), (2, 0, 1), 2),
        (real!("go_none"), (0, 0, 0), 0),
        (real!("go_norun"), (0, 0, 0), 0),
        (real!("go_panic"), (0, 1, 0), 0),
        (real!("node_tap"), (2, 1, 2), 2),
        (real!("node_tap_ok"), (3, 0, 2), 3),
        (real!("node_spec_ok"), (3, 0, 2), 0),
        (real!("node_none"), (0, 0, 0), 0),
        (real!("node_direct"), (3, 0, 2), 3),
        (real!("jest"), (4, 2, 4), 0),
        (real!("jest_ok_color"), (6, 0, 4), 0),
        (real!("jest_none"), (0, 0, 10), 0),
        (real!("jest_notests"), (0, 0, 0), 0),
        (real!("vitest"), (2, 1, 3), 0),
        (real!("vitest_color"), (3, 0, 3), 0),
        (real!("vitest_none"), (0, 0, 6), 0),
        (real!("vitest_notests"), (0, 0, 0), 0),
        (real!("mocha"), (2, 1, 2), 0),
        (real!("mocha_ok"), (3, 0, 2), 0),
        (real!("mocha_color"), (3, 0, 2), 0),
        (real!("mocha_none"), (0, 0, 0), 0),
        (real!("pytest_rerun"), (11, 3, 2), 0),
        (real!("pytest_count"), (8, 4, 4), 0),
        (real!("pytest_collect"), (0, 0, 0), 0),
        (real!("pytest_collect_q"), (0, 0, 0), 0),
        (real!("ut_class_skip"), (1, 0, 1), 0),
        (real!("ut_class_skip_v"), (1, 0, 1), 1),
        (real!("nextest_nocapture"), (3, 0, 7), 6),
        (real!("nextest_timeout"), (8, 1, 1), 8),
        (real!("nextest_abort"), (8, 1, 1), 8),
        (real!("nextest_notests"), (0, 0, 10), 0),
        (real!("nextest_stress"), (16, 2, 2), 0),
    ];
    for ((name, output), (passed, failed, ignored), named) in samples {
        let report = read(output);
        assert_eq!(report.count(), count(passed, failed, ignored), "{name}: {report:?}");
        let passing = report.names.iter().filter(|test| test.verdict == Passed).count();
        assert_eq!(passing, named, "{name}: {:?}", report.names);
        let runs_none = passed + failed == 0 && name != "pytest_xfail";
        assert_eq!((report.ran_none(), report.reading()), (runs_none, TestReading::Counted), "{name}");
        // The same, as Windows ends lines, and with the label of a program that runs others.
        assert_eq!(read(&output.replace('\n', "\r\n")).count(), report.count(), "{name} with CRLF");
        let labelled: String = output.lines().map(|line| format!("web-1  | {line}\n")).collect();
        assert_eq!(read(&labelled).count(), report.count(), "{name} under docker compose");
    }
}

#[test]
fn plain_go_test_says_what_failed_and_not_how_many_ran() {
    for (name, output) in [real!("go_ok"), real!("go_cover")] {
        let report = read(output);
        assert_eq!((report.count(), report.reading()), (None, TestReading::Unnumbered), "{name}");
        assert_eq!((report.failed(), report.ran_none()), (0, false), "{name}");
    }
    let red = read(real!("go_red").1);
    assert_eq!(names(&red), [(Failed, "TestFake"), (Failed, "TestTwo"), (Failed, "TestTwo/sub")]);
    assert!(red.failed() > 0);
    assert!(read(real!("go_build").1).failed() > 0);
}

#[test]
fn prove_counts_what_it_shows_once() {
    assert_eq!(read(real!("prove_ok").1).count(), count(2, 0, 0));
    assert_eq!(read(real!("prove_red").1).count(), count(3, 1, 0));
    assert_eq!(read(real!("prove_v").1).count(), count(3, 1, 0));
}

#[test]
fn runners_that_are_not_at_hand_are_read_after_their_documentation() {
    let samples = [
        (
            "[INFO] Running a.AppTest\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! -- in a.AppTest\n[INFO] \n[INFO] Results:\n[INFO] \n[ERROR] Failures: \n[ERROR]   AppTest.x:12 no\n[INFO] \n[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n",
            (2, 2, 1),
        ),
        (
            "> Task :test\n\n5 tests completed, 1 failed, 2 skipped\n\n> There were failing tests. See the report at: file:///x\n",
            (2, 1, 2),
        ),
        (
            "[info] Total number of tests run: 3\n[info] Tests: succeeded 2, failed 1, canceled 0, ignored 1, pending 0\n",
            (2, 1, 1),
        ),
        (
            "Test project /b\n1/2 Test #1: a ...   Passed    0.00 sec\n\n50% tests passed, 1 tests failed out of 2\n\nTotal Test time (real) =   0.01 sec\n",
            (1, 1, 0),
        ),
        ("Test project /b\nNo tests were found!!!\n", (0, 0, 0)),
        (
            "[==========] Running 3 tests from 1 test suite.\n[==========] 3 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 2 tests.\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.b\n\n 1 FAILED TEST\n",
            (2, 1, 0),
        ),
        ("Finished in 0.002 seconds (files took 0.1 seconds to load)\n4 examples, 1 failure, 1 pending\n", (2, 1, 1)),
        (
            "# Running:\n\n.F\n\nFinished in 0.001s, 2 runs/s, 2 assertions/s.\n\n3 runs, 3 assertions, 1 failures, 0 errors, 1 skips\n",
            (1, 1, 1),
        ),
        ("Finished in 0.03 seconds (0.00s async, 0.03s sync)\n2 doctests, 3 tests, 1 failure, 1 skipped\n", (3, 1, 1)),
        ("PHPUnit 10.5.1 by Sebastian Bergmann and contributors.\n\nOK (3 tests, 5 assertions)\n", (3, 0, 0)),
        ("FAILURES!\nTests: 4, Assertions: 5, Failures: 1, Errors: 1, Skipped: 1.\n", (1, 2, 1)),
        ("No tests executed!\n", (0, 0, 0)),
        ("  Tests:    1 failed, 2 passed (5 assertions)\n  Duration: 0.10s\n", (2, 1, 0)),
        (
            "Failed!  - Failed:     1, Passed:     2, Skipped:     1, Total:     4, Duration: 12 ms - x.dll (net8.0)\n",
            (2, 1, 1),
        ),
        (
            "Test Run Failed.\nTotal tests: 4\n     Passed: 2\n     Failed: 1\n    Skipped: 1\n Total time: 1.2 Seconds\n",
            (2, 1, 1),
        ),
        ("Test summary: total: 4, failed: 1, succeeded: 2, skipped: 1, duration: 1.2s\n", (2, 1, 1)),
        (
            "Test Suite 'AT' failed at 2024-01-01 10:00:00.000.\n\t Executed 2 tests, with 1 failure (0 unexpected) in 0.1 (0.2) seconds\nTest Suite 'All tests' failed at 2024-01-01 10:00:00.000.\n\t Executed 2 tests, with 1 failure (0 unexpected) in 0.1 (0.2) seconds\n",
            (1, 1, 0),
        ),
        ("✘ Test run with 5 tests failed after 0.001 seconds with 1 issue.\n", (4, 1, 0)),
        ("FAILED | 2 passed (1 step) | 1 failed | 1 ignored (12ms)\n", (2, 1, 1)),
        (
            "bun test v1.1.0 (abc)\n\na.test.ts:\n\n 2 pass\n 1 skip\n 1 fail\n 3 expect() calls\nRan 4 tests across 1 file. [12.00ms]\n",
            (2, 1, 1),
        ),
        ("1..4\nok 1 first\nok 2 second # skip no network\nnot ok 3 third\nnot ok 4 # TODO later\n", (1, 1, 2)),
        ("TAP version 13\nok 1 - a\nnot ok 2 - b\n1..2\n# tests 2\n# pass  1\n# fail  1\n", (1, 1, 0)),
    ];
    for (output, (passed, failed, ignored)) in samples {
        assert_eq!(read(output).count(), count(passed, failed, ignored), "{output}");
    }
    let gradle = read("> Task :compileJava\n> Task :test\n\nBUILD SUCCESSFUL in 1s\n");
    assert_eq!((gradle.reading(), gradle.ran_none()), (TestReading::Unnumbered, false));
    assert!(read("> Task :test NO-SOURCE\n\nBUILD SUCCESSFUL in 1s\n").ran_none());
}

/// A whole summary of `cargo test`.
fn cargo(verdict: &str, passed: u64, failed: u64) -> String {
    format!(
        "test result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n"
    )
}

#[test]
fn a_summary_that_a_test_prints_is_not_the_runners() {
    let fake = cargo("FAILED", 0, 1);
    let nested = format!("running 1 test\ntest x ... FAILED\n\n{fake}");
    let samples = [
        format!("running 2 tests\n{fake}test a ... ok\n{nested}test b ... ok\n\n{}", cargo("ok", 2, 0)),
        format!("running 1 test\n{fake}test a ... ok\n\n{}", cargo("ok", 1, 0)),
        format!("running 2 tests\n=== 1 failed in 0.10s ===\n  1 passing (2ms)\n  1 failing\n\n{}", cargo("ok", 2, 0)),
        format!("running 2 tests\nweb-1  | {fake}\n{}", cargo("ok", 2, 0)),
        "===== test session starts =====\na.py 1 failed in 0.10s\n1 failed in 0.10s\n== 3 failed in 0.1s ==\n.\n== 2 passed in 0.01s ==\n".to_owned(),
        "===== test session starts =====\ntest a ... FAILED\nnot ok 1 - x\n--- FAIL: TestB (0.00s)\n.\n== 2 passed in 0.01s ==\n".to_owned(),
        "TAP version 13\n# tests 1\n# suites 0\n# pass 0\n# fail 1\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 4\nok 1 - a\nok 2 - b\n1..2\n# tests 2\n# suites 0\n# pass 2\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 55.1\n".to_owned(),
        "=== RUN   TestA\n--- FAIL: TestB (0.00s)\nFAIL\texample.org/m\t0.001s\n--- PASS: TestA (0.00s)\n=== RUN   TestC\n--- PASS: TestC (0.00s)\nPASS\nok  \texample.org/m\t0.007s\n".to_owned(),
    ];
    for output in samples {
        let report = read(&output);
        assert_eq!(report.count(), count(report.count().unwrap().passed, 0, 0), "{output}\n{report:?}");
        assert!(!report.ran_none(), "{output}");
    }
    let said = "1 failed\nTests:       1 failed, 1 total\n  3 failing\nRan 3 tests in 0.1s\nFAILED (failures=1)\nfail 1\n# fail 1\n      Tests  1 failed (1)\n";
    assert_eq!(read(said), TestReport::default());
}

#[test]
fn a_summary_that_a_test_prints_does_not_hide_the_runners() {
    let fake = cargo("ok", 5, 0);
    let output = format!("running 2 tests\n{fake}test a ... ok\ntest b ... FAILED\n\n{}", cargo("FAILED", 1, 1));
    assert_eq!(read(&output).count(), count(1, 1, 0));
    let pytest = "== test session starts ==\n=== 5 passed in 0.1s ===\nF\n=== 1 failed in 0.01s ===\n";
    assert_eq!(read(pytest).count(), count(0, 1, 0));
    let dots = format!("...\nss\n{}\nRan 2 tests in 0.000s\n\nOK (skipped=2)\n", "-".repeat(70));
    assert!(read(&dots).ran_none(), "dots that a module prints are no tests");
    let first = format!("running 1 test\n{}{}", cargo("ok", 1, 0), cargo("FAILED", 0, 1));
    assert_eq!(read(&first).failed(), 1);
}

#[test]
fn one_failed_summary_of_several_counts() {
    let cargo_runs = format!("running 1 test\n\n{}running 2 tests\n\n{}", cargo("FAILED", 0, 1), cargo("ok", 2, 0));
    assert_eq!(read(&cargo_runs).count(), count(2, 1, 0));
    assert_eq!(read("1 failed in 0.10s\n2 passed in 0.10s\n").count(), count(2, 1, 0));
    let tox = "py311: commands[0]> pytest\n== test session starts ==\n== 1 failed in 0.1s ==\npy312: commands[0]> pytest\n== test session starts ==\n== 1 passed in 0.1s ==\n  py311: FAIL code 1\n";
    assert_eq!(read(tox).count(), count(1, 1, 0));
    let beside = "[web] Test Suites: 1 failed, 1 total\n[api] Test Suites: 1 passed, 1 total\n[api] Tests:       1 passed, 1 total\n[web] Tests:       1 failed, 1 total\n[web] Snapshots:   0 total\n[api] Snapshots:   0 total\n";
    assert_eq!(read(beside).count(), count(1, 1, 0));
}

#[test]
fn runners_beside_each_other_in_one_stream_both_count() {
    let output = format!(
        "running 2 tests\n== test session starts ==\ntest a ... ok\n== 1 failed in 0.1s ==\ntest b ... ok\n\n{}",
        cargo("ok", 2, 0)
    );
    assert_eq!(read(&output).count(), count(2, 1, 0));
}

#[test]
fn a_run_that_never_came_to_its_summary_hides_nothing() {
    let output = format!("running 5 tests\ntest a ... ok\nrunning 1 test\n{}", cargo("FAILED", 0, 1));
    assert_eq!(read(&output).count(), count(0, 1, 0));
    let long = format!("{}{}", "x\n".repeat(400_000), cargo("FAILED", 1, 1));
    assert_eq!(read(&long).count(), count(1, 1, 0), "the end of a long output is read");
}

#[test]
fn what_is_no_runners_output_counts_nothing() {
    let text = "hello\nOK\nok\nok then\n# heading 3\n3 apples\ntest result: fine\n12 passed\nRan away\nTests: none\n\
                Running late\n{\"Action\":\"pass\"}\n--- a/file\nFAIL\nPASS\n5 tests, 2 files\nrunning late\n\
                built in 0.12s\n3 files changed in 2.0s\n";
    assert_eq!(read(text), TestReport::default());
    assert_eq!(read(text).reading(), TestReading::Unknown);
}

#[test]
fn several_runners_add_up() {
    let report = read("test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n=== 3 passed in 0.1s ===\n");
    assert_eq!(report.count(), count(5, 0, 1));
}

#[test]
fn names_are_kept_within_bounds_and_it_is_said() {
    let line = format!("test {} ... ok\n", "n".repeat(4000));
    let report = read(&line.repeat(2200));
    assert!(report.names_overflowed && report.names.len() < 2200);
    assert_eq!(report.count(), count(2200, 0, 0));
}

#[test]
fn numbers_beyond_all_tests_do_not_wrap() {
    let most = "18446744073709551615";
    assert_eq!(read(&format!("=== {most} passed, {most} passed in 1.0s ===\n")).count(), count(u64::MAX, 0, 0));
    let rule = "-".repeat(70);
    let unittest = format!("{rule}\nRan 3 tests in 0.1s\n\nFAILED (failures={most}, errors={most}, skipped=1)\n");
    assert_eq!(read(&unittest).count(), count(0, u64::MAX, 1));
}
