"""The C++ of a schedule lets compilers make vectors of its loops."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from random_functions import arguments, random_function

from sinegan.engine.loops.code import source
from sinegan.engine.loops.lowering import Lowering
from sinegan.engine.loops.recording import record
from sinegan.engine.loops.schedule import Schedule

INNERMOST = re.compile(r"#pragma omp simd.*\n *for \(int64_t (i\d+).*\n((?:.*;\n)*)")
READ = re.compile(r"= p\d+\[(.*)\];")


@given(st.integers(0, 10**6))
@settings(max_examples=100)
def test_an_innermost_loop_reads_no_element_twice(seed: int) -> None:
    function = random_function(seed, operations=20)
    text = source(Schedule(Lowering(record(lambda *tensors: function(list(tensors)), arguments(seed)))))
    assert text.count("#pragma omp simd") == len(INNERMOST.findall(text))
    for variable, body in INNERMOST.findall(text):
        for index in READ.findall(body):
            assert re.search(rf"\b{variable}\b", index), index
