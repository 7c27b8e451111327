"""Compiles functions of tensors, and keeps the programs for the next process. Knows nothing of games.

Other rooms use `CompiledFunction`, `load_all` and `CannotCompileError` of `programs`. Before compiling, they
ask `cpp_compiler.why_no_compiler`; before any computation, they call `kernels.use_uniform_kernels`. A server
that workers are forked from calls `programs.preload`.
"""
