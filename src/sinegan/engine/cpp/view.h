// A tensor in generated code: an address with sizes and strides. It does not own its memory.
#pragma once
#include <cstdint>

struct View {
  char* data = nullptr;
  int64_t element = 0;  // bytes
  int64_t axes = 0;
  const int64_t *sizes = nullptr, *strides = nullptr;

  void* data_ptr() const {
    return data;
  }
  void reset() {}
};

// c = a b, for the matrices in the last two axes.
extern "C" void products(const View& c, const View& a, const View& b);
