// What generated code calls tensors: an address with sizes and strides, of memory that somebody else keeps.
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

// c = a b, of the matrices in the last two axes.
extern "C" void products(const View& c, const View& a, const View& b);
