// Products of small matrices, c = a b, instead of a BLAS.
//
// A BLAS is made for large matrices: at the sizes of small networks it spends a quarter of its time on
// preparations. Here, the order in which an element of c is summed depends on the shapes and the layout of the
// matrices alone, never on the number of matrices or on the place of the element.
#pragma once
#include <algorithm>
#include <bit>
#include <tuple>
#include <vector>

#include "vectors.h"

namespace {

// The rows and vectors of c that are summed at once: as many as fit into the 32 or 16 registers.
#if defined(__AVX512F__)
constexpr int WIDEST = 4;
constexpr int rows_of(int vectors) {
  return vectors == 4 ? 6 : vectors == 2 ? 12 : 16;
}
#else
constexpr int WIDEST = 2;
constexpr int rows_of(int vectors) {
  return vectors == 2 ? 6 : 8;
}
#endif

// From so many rows of c on, columns of b are copied next to each other where the rows of b are more than so many
// bytes apart: they would push each other out of the cache.
constexpr int64_t PACKED_FROM = 16, NEAR = 512;

// A matrix with any strides.
template <typename T>
struct Matrix {
  T* data;
  int64_t row, column;

  T* at(int64_t i, int64_t j) const {
    return data + i * row + j * column;
  }
};

// Transposes a square with the side of one vector: each round interleaves the first half of the rows with the
// second.
template <typename T>
inline void transpose(Matrix<const T> from, T* to, int64_t row) {
  using Vec = ::Vec<T>;
  constexpr int LANE = Vec::SIZE;
  Vec buffers[2][LANE];
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) buffers[0][i] = Vec::load(from.at(0, i));
  int current = 0;
#pragma GCC unroll 4
  for (int round = 1; round < LANE; round *= 2, current = 1 - current)
#pragma GCC unroll 8
    for (int i = 0; i < LANE / 2; ++i)
      std::tie(buffers[1 - current][2 * i], buffers[1 - current][2 * i + 1]) =
          interleave<T>(buffers[current][i], buffers[current][i + LANE / 2]);
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) buffers[current][i].store(to + i * row);
}

// Copies N vectors of columns of b, row after row, into a panel; elements beyond `columns` are 0.
template <typename T, int N>
void pack(Matrix<const T> b, int64_t k, int64_t columns, T* panel) {
  using Vec = ::Vec<T>;
  constexpr int64_t LANE = Vec::SIZE, WIDTH = N * LANE;
  int64_t p = 0;
  if (b.column == 1) {
    for (; p < k; ++p)
      for (int64_t j = 0; j < WIDTH; j += LANE)
        Vec::load(b.at(p, j), std::min(columns - j, LANE)).store(panel + p * WIDTH + j);
  } else if (b.row == 1 && columns == WIDTH) {
    for (; p + LANE <= k; p += LANE)
      for (int64_t j = 0; j < WIDTH; j += LANE)
        transpose<T>({b.at(p, j), b.row, b.column}, panel + p * WIDTH + j, WIDTH);
  }
  for (; p < k; ++p)
    for (int64_t j = 0; j < WIDTH; ++j) panel[p * WIDTH + j] = j < columns ? *b.at(p, j) : T(0);
}

// Computes R rows by N vectors of c. panel: N vectors for each k, `row` elements apart.
// I numbers the R * N vectors. It is a parameter pack, because with loops the compiler would keep the sums in
// memory, not in registers.
template <typename T, int N, int... I>
inline void tile(
    Matrix<const T> a,
    const T* panel,
    int64_t row,
    int64_t k,
    Matrix<T> c,
    int64_t columns,
    std::integer_sequence<int, I...>) {
  using Vec = ::Vec<T>;
  constexpr int LANE = Vec::SIZE;
  Vec sums[] = {(void(I), Vec(0))...};
  for (int64_t p = 0; p < k; ++p, panel += row)
    ((sums[I] = multiply_add<T>(Vec(*a.at(I / N, p)), Vec::load(panel + I % N * LANE), sums[I])), ...);
  if (columns == N * LANE) {
    (sums[I].store(c.at(I / N, I % N * LANE)), ...);
    return;
  }
  T whole[sizeof...(I) * LANE];
  (sums[I].store(whole + I * LANE), ...);
  for (int i = 0; i < int(sizeof...(I)) / N; ++i) std::copy_n(whole + i * N * LANE, columns, c.at(i, 0));
}

// Computes the rows, R at a time, and the rest with a smaller R: 8, 4, 2, 1.
template <typename T, int R, int N>
void rows(Matrix<const T> a, const T* panel, int64_t row, int64_t m, int64_t k, Matrix<T> c, int64_t columns) {
  int64_t i = 0;
  for (; i + R <= m; i += R)
    tile<T, N>(
        {a.at(i, 0), a.row, a.column}, panel, row, k, {c.at(i, 0), c.row, c.column}, columns,
        std::make_integer_sequence<int, R * N>());
  if constexpr (R > 1)
    if (i < m)
      rows<T, std::bit_ceil(unsigned(R)) / 2, N>(
          {a.at(i, 0), a.row, a.column}, panel, row, m - i, k, {c.at(i, 0), c.row, c.column}, columns);
}

// Computes as many columns of c as N vectors hold.
template <typename T, int N>
void panel(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, int64_t m, int64_t k, int64_t columns) {
  using Vec = ::Vec<T>;
  constexpr int64_t WIDTH = N * Vec::SIZE;
  static thread_local std::vector<Vec> packed;  // of vectors, because these are aligned
  const bool stay = m < PACKED_FROM || b.row * int64_t(sizeof(T)) <= NEAR;
  if (b.column == 1 && columns == WIDTH && stay) {
    rows<T, rows_of(N), N>(a, b.data, b.row, m, k, c, columns);
    return;
  }
  packed.resize(std::max<size_t>(packed.size(), k * N));
  T* memory = reinterpret_cast<T*>(packed.data());
  pack<T, N>(b, k, columns, memory);
  rows<T, rows_of(N), N>(a, memory, WIDTH, m, k, c, columns);
}

// The products of a vector with several rows of a matrix; all are contiguous along k. step: from one sum to the
// next. I numbers the rows. Each lane of a register sums a part.
template <typename T, int... I>
inline void dot_tile(
    const T* x, const T* rows, int64_t row, int64_t k, T* sums, int64_t step, std::integer_sequence<int, I...>) {
  using Vec = ::Vec<T>;
  constexpr int LANE = Vec::SIZE;
  Vec parts[] = {(void(I), Vec(0))...};
  int64_t p = 0;
  for (; p + LANE <= k; p += LANE) {
    const Vec some = Vec::load(x + p);
    ((parts[I] = multiply_add<T>(some, Vec::load(rows + I * row + p), parts[I])), ...);
  }
  T whole[sizeof...(I)][LANE];
  (parts[I].store(whole[I]), ...);
  for (int i = 0; i < int(sizeof...(I)); ++i) {
    T sum = 0;
    for (int lane = 0; lane < LANE; ++lane) sum += whole[i][lane];
    for (int64_t q = p; q < k; ++q) sum += x[q] * rows[i * row + q];
    sums[i * step] = sum;
  }
}

// The products of a vector with all n rows.
template <typename T>
void dots(const T* x, const T* rows, int64_t row, int64_t n, int64_t k, T* sums, int64_t step) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    dot_tile<T>(x, rows + i * row, row, k, sums + i * step, step, std::make_integer_sequence<int, 8>());
  for (; i < n; ++i)
    dot_tile<T>(x, rows + i * row, row, k, sums + i * step, step, std::make_integer_sequence<int, 1>());
}

// Some columns of the product of a vector with a matrix whose rows are contiguous. step: from one element of the
// vector to the next. I numbers the vectors of columns.
template <typename T, int... I>
inline void row_tile(
    const T* x, int64_t step, const T* b, int64_t row, int64_t k, T* c, std::integer_sequence<int, I...>) {
  using Vec = ::Vec<T>;
  constexpr int LANE = Vec::SIZE;
  Vec sums[] = {(void(I), Vec(0))...};
  for (int64_t p = 0; p < k; ++p) {
    const Vec factor(x[p * step]);
    ((sums[I] = multiply_add<T>(factor, Vec::load(b + p * row + I * LANE), sums[I])), ...);
  }
  (sums[I].store(c + I * LANE), ...);
}

// All n columns.
template <typename T>
void row_product(const T* x, int64_t step, const T* b, int64_t row, int64_t n, int64_t k, T* c) {
  constexpr int LANE = ::Vec<T>::SIZE;
  int64_t j = 0;
  for (; j + 8 * LANE <= n; j += 8 * LANE)
    row_tile<T>(x, step, b + j, row, k, c + j, std::make_integer_sequence<int, 8>());
  for (; j + LANE <= n; j += LANE)
    row_tile<T>(x, step, b + j, row, k, c + j, std::make_integer_sequence<int, 1>());
  for (; j < n; ++j) {
    T sum = 0;
    for (int64_t p = 0; p < k; ++p) sum += x[p * step] * b[p * row + j];
    c[j] = sum;
  }
}

// c = a b: (m, k) times (k, n).
template <typename T>
void product(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t LANE = ::Vec<T>::SIZE, WIDTH = WIDEST * LANE;
  if (n == 1 && a.column == 1 && b.row == 1) return dots<T>(b.data, a.data, a.row, m, k, c.data, c.row);
  if (m == 1 && a.column == 1 && b.row == 1) return dots<T>(a.data, b.data, b.column, n, k, c.data, c.column);
  if (m == 1 && b.column == 1 && c.column == 1)
    return row_product<T>(a.data, a.column, b.data, b.row, n, k, c.data);
  for (int64_t j = 0; j < n; j += WIDTH) {
    const int64_t columns = std::min(n - j, WIDTH);
    const Matrix<const T> some{b.at(0, j), b.row, b.column};
    const Matrix<T> to{c.at(0, j), c.row, c.column};
    if (columns > 2 * LANE)
      panel<T, WIDEST>(a, some, to, m, k, columns);
    else if (columns > LANE)
      panel<T, 2>(a, some, to, m, k, columns);
    else
      panel<T, 1>(a, some, to, m, k, columns);
  }
}

}  // namespace
