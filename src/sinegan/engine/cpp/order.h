// Numbers in ascending order; not-a-numbers are last, as in PyTorch.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

// The end of the numbers that can be compared, which are moved to the front.
template <typename T>
T* comparable(T* begin, T* end) {
  return std::partition(begin, end, [](T value) { return value == value; });
}

// Sorts each line. from, to: (lines, length).
template <typename T>
void sort_lines(const T* from, int64_t lines, int64_t length, T* to) {
  std::copy_n(from, lines * length, to);
  for (int64_t line = 0; line < lines; ++line, to += length) std::sort(to, comparable(to, to + length));
}

// The number of a rank, from 0, of each line. from: (lines, length); to: (lines).
template <typename T>
void select_from_lines(const T* from, int64_t lines, int64_t length, int64_t rank, T* to) {
  static thread_local std::vector<T> line;
  for (; lines > 0; --lines, from += length) {
    line.assign(from, from + length);
    T* const begin = line.data();
    T* const end = comparable(begin, begin + length);
    if (begin + rank < end) std::nth_element(begin, begin + rank, end);
    *to++ = begin[rank];
  }
}

}  // namespace
