//! Go, C, C++ and Zig: what their SDKs and examples have to pass, natively.

use greenroom_project::Language;

use crate::guests::{Guest, is_example};
use crate::python::Wheels;
use crate::steps::{Step, root};

/// The tests of the SDK for C and of its layer for C++ (in its folder).
const SDK_C: &str = "out=../../target/sdk-c && mkdir -p $out && $ZIG cc -std=c11 -g -I include src/*.c test/*.c \
                     tests/sdk_test.c -o $out/c && $out/c";
const SDK_CPP: &str = "out=$PWD/../../target/sdk-c/cpp && mkdir -p $out && (cd $out && $ZIG cc -std=c11 -g -c -I \
                       $SDK/include $SDK/src/*.c $SDK/test/*.c) && $ZIG c++ -std=c++20 -fno-exceptions -g -I \
                       include tests/sdk_test.cpp $out/*.o -o $out/test && $out/test";
/// The test of a program in C: everything it is made of, compiled and run. Zig's compiler brings the checks
/// for undefined behavior.
const C: &str = "mkdir -p target && $ZIG cc -std=c11 -g -I $SDK/include $SDK/src/*.c $SDK/test/*.c src/*.c \
                 test/*.c -o target/test && target/test";
/// A test asks an actor from outside, so that of the same actor in C is the test of the one in C++.
const CPP: &str = "mkdir -p target && cd target && $ZIG cc -std=c11 -g -c -I $SDK/include $SDK/src/*.c \
                   $SDK/test/*.c ../../../c/task/test/task_test.c && $ZIG c++ -std=c++20 -fno-exceptions -g -I \
                   $SDK/include ../src/*.cpp *.o -o test && ./test";
const ZIG: &str = "$ZIG test --cache-dir target/zig-cache -lc -I $SDK/include -cflags -Dmain=task_tests -- \
                   $SDK/src/*.c $SDK/test/*.c ../../c/task/test/task_test.c --dep greenroom \
                   -Mroot=src/tests.zig -Mgreenroom=$SDK/zig/greenroom.zig";
const GO: &str = "$GO vet ./... && $GO test ./...";

/// What SDKs and examples have to pass. The tools must be installed.
pub(crate) fn checks(guests: &[Guest]) -> Vec<Step> {
    let of_examples = guests.iter().filter(|guest| is_example(guest)).filter_map(|guest| {
        let script = match guest.project.language() {
            Language::C => C,
            Language::Cpp => CPP,
            Language::Zig => ZIG,
            Language::Go => GO,
            _ => return None,
        };
        let title = format!("tests of the example {} in {}", guest.project.name(), guest.project.language());
        Some(shell(&title, &guest.project.folder().display().to_string(), script))
    });
    let mut checks = vec![
        shell("tests of the SDK for Go", "sdk/go", GO),
        shell("tests of the SDK for C", "sdk/c", SDK_C),
        shell("tests of the SDK for C++", "sdk/c", SDK_CPP),
    ];
    checks.extend(of_examples);
    checks
}

fn shell(title: &str, folder: &str, script: &str) -> Step {
    let tool = |name: &str| Wheels::program(name).display().to_string();
    Step::new(title, "sh", &["-c", &format!("cd '{folder}' && {script}")])
        .env("ZIG", &tool("python-zig"))
        .env("GO", &tool("go"))
        .env("SDK", &root().join("sdk/c").display().to_string())
}
