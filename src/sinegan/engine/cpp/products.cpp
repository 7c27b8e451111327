// Products of small matrices, c = a b, in the place of a BLAS.
//
// A BLAS is made for large matrices: at the sizes of small networks it spends a quarter of its time on
// preparing. Each element of c is summed in the order of k, wherever its matrix stands among how many.
#include <algorithm>
#include <bit>
#include <tuple>
#include <vector>

namespace {

// How many rows and vectors of c are summed at once: what the registers hold, 32 of them or 16.
#if defined(CPU_CAPABILITY_AVX512)
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

// Matrices with any strides.
template <typename T>
struct Matrix {
  T* data;
  int64_t row, column;

  T* at(int64_t i, int64_t j) const {
    return data + i * row + j * column;
  }
};

// A square of one vector by one vector: each round deals the lower half of the rows in between the upper.
template <typename T>
inline void transpose(Matrix<const T> from, T* to, int64_t row) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int LANE = Vec::size();
  Vec dealt[2][LANE];
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) dealt[0][i] = Vec::loadu(from.at(0, i));
  int now = 0;
#pragma GCC unroll 4
  for (int round = 1; round < LANE; round *= 2, now = 1 - now)
#pragma GCC unroll 8
    for (int i = 0; i < LANE / 2; ++i)
      std::tie(dealt[1 - now][2 * i], dealt[1 - now][2 * i + 1]) =
          at::vec::interleave2(dealt[now][i], dealt[now][i + LANE / 2]);
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) dealt[now][i].store(to + i * row);
}

// N vectors of the columns of b, a row of them after the other; what is beyond `columns` is 0.
template <typename T, int N>
void pack(Matrix<const T> b, int64_t k, int64_t columns, T* panel) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int64_t LANE = Vec::size(), WIDTH = N * LANE;
  int64_t p = 0;
  if (b.column == 1) {
    for (; p < k; ++p)
      for (int64_t j = 0; j < WIDTH; j += LANE)
        Vec::loadu(b.at(p, j), std::min(columns - j, LANE)).store(panel + p * WIDTH + j);
  } else if (b.row == 1 && columns == WIDTH) {
    for (; p + LANE <= k; p += LANE)
      for (int64_t j = 0; j < WIDTH; j += LANE)
        transpose<T>({b.at(p, j), b.row, b.column}, panel + p * WIDTH + j, WIDTH);
  }
  for (; p < k; ++p)
    for (int64_t j = 0; j < WIDTH; ++j) panel[p * WIDTH + j] = j < columns ? *b.at(p, j) : T(0);
}

// R rows by N vectors of c. panel: N vectors for each k, `row` elements after those before.
// I counts the vectors: as a pack, because of an array that is not all constants the compiler keeps a copy
// in memory.
template <typename T, int N, int... I>
inline void tile(
    Matrix<const T> a,
    const T* panel,
    int64_t row,
    int64_t k,
    Matrix<T> c,
    int64_t columns,
    std::integer_sequence<int, I...>) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int LANE = Vec::size();
  Vec sums[] = {(void(I), Vec(0))...};
  for (int64_t p = 0; p < k; ++p, panel += row)
    ((sums[I] = at::vec::fmadd(Vec(*a.at(I / N, p)), Vec::loadu(panel + I % N * LANE), sums[I])), ...);
  if (columns == N * LANE) {
    (sums[I].store(c.at(I / N, I % N * LANE)), ...);
    return;
  }
  T whole[sizeof...(I) * LANE];
  (sums[I].store(whole + I * LANE), ...);
  for (int i = 0; i < int(sizeof...(I)) / N; ++i) std::copy_n(whole + i * N * LANE, columns, c.at(i, 0));
}

// As many rows as there are R at a time, and then with smaller R: 6 or 12, 8, 4, 2, 1.
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

// The columns of c that N vectors hold.
template <typename T, int N>
void panel(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, int64_t m, int64_t k, int64_t columns) {
  using Vec = at::vec::Vectorized<T>;
  constexpr int64_t WIDTH = N * Vec::size();
  static thread_local std::vector<Vec> packed;  // of vectors, because these are aligned
  if (b.column == 1 && columns == WIDTH) {
    rows<T, rows_of(N), N>(a, b.data, b.row, m, k, c, columns);
    return;
  }
  packed.resize(std::max<size_t>(packed.size(), k * N));
  T* memory = reinterpret_cast<T*>(packed.data());
  pack<T, N>(b, k, columns, memory);
  rows<T, rows_of(N), N>(a, memory, WIDTH, m, k, c, columns);
}

template <typename T>
void product(Matrix<const T> a, Matrix<const T> b, Matrix<T> c, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t LANE = at::vec::Vectorized<T>::size(), WIDTH = WIDEST * LANE;
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

template <typename T>
Matrix<T> matrix(const View& view, int64_t first) {
  const int64_t* strides = view.strides + view.axes - 2;
  const int64_t skipped = view.axes > 2 ? first * view.strides[0] : 0;
  return {reinterpret_cast<T*>(view.data) + skipped, strides[0], strides[1]};
}

template <typename T>
void products_of(const View& c, const View& a, const View& b) {
  const int64_t count = c.axes > 2 ? c.sizes[0] : 1;
  const int64_t m = c.sizes[c.axes - 2], n = c.sizes[c.axes - 1], k = a.sizes[a.axes - 1];
  for (int64_t l = 0; l < count; ++l)
    product<T>(matrix<const T>(a, l), matrix<const T>(b, l), matrix<T>(c, l), m, n, k);
}

}  // namespace

// The columns of c must be next to each other. Compiled for the precisions that the program has.
extern "C" void products(const View& c, const View& a, const View& b) {
#ifdef HAS_FLOAT32
  if (c.element == sizeof(float)) return products_of<float>(c, a, b);
#endif
#ifdef HAS_FLOAT64
  if (c.element == sizeof(double)) return products_of<double>(c, a, b);
#endif
}
