// Vectors as wide as the registers of the processor, by an extension that GCC and clang share.
#pragma once
#include <cstdint>
#include <utility>

namespace {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif

// InMemory need not be aligned.
template <typename T>
struct Registers;
template <>
struct Registers<float> {
  typedef float Register __attribute__((vector_size(VECTOR_BYTES)));
  typedef float InMemory __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
};
template <>
struct Registers<double> {
  typedef double Register __attribute__((vector_size(VECTOR_BYTES)));
  typedef double InMemory __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
};

template <typename T>
struct Vec {
  using Register = typename Registers<T>::Register;
  using InMemory = typename Registers<T>::InMemory;
  static constexpr int SIZE = VECTOR_BYTES / sizeof(T);

  Register values;

  Vec() = default;
  Vec(Register values) : values(values) {}
  Vec(T value) : values(value - Register{}) {}

  static Vec load(const T* from) {
    return (Register)*reinterpret_cast<const InMemory*>(from);
  }
  // The first elements; the others are 0.
  static Vec load(const T* from, int64_t count) {
    if (count == SIZE) return load(from);
    T padded[SIZE] = {};
    for (int64_t i = 0; i < count; ++i) padded[i] = from[i];
    return load(padded);
  }
  void store(T* to) const {
    *reinterpret_cast<InMemory*>(to) = values;
  }
};

// a b + c
template <typename T>
inline Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> c) {
  return a.values * b.values + c.values;
}

template <typename T, int... I>
inline std::pair<Vec<T>, Vec<T>> interleave(Vec<T> a, Vec<T> b, std::integer_sequence<int, I...>) {
  constexpr int N = Vec<T>::SIZE;
  return {
      __builtin_shufflevector(a.values, b.values, (I / 2 + I % 2 * N)...),
      __builtin_shufflevector(a.values, b.values, (N / 2 + I / 2 + I % 2 * N)...)};
}

// a0 b0 a1 b1 ...: the first halves of two vectors, and the second ones.
template <typename T>
inline std::pair<Vec<T>, Vec<T>> interleave(Vec<T> a, Vec<T> b) {
  return interleave<T>(a, b, std::make_integer_sequence<int, Vec<T>::SIZE>());
}

}  // namespace
