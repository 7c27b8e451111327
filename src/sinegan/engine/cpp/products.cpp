// Products of small matrices, c = a b, instead of a BLAS.
//
// A BLAS is made for large matrices: at the sizes of small networks it spends a quarter of its time on
// preparations. Here, each element of c is summed in the order of k, whatever the number of matrices and the
// position of its own among them.
#include <algorithm>
#include <bit>
#include <tuple>
#include <vector>

namespace {

// The rows and vectors of c that are summed at once: as many as fit into the 32 or 16 registers.
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
  using Vec = at::vec::Vectorized<T>;
  constexpr int LANE = Vec::size();
  Vec buffers[2][LANE];
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) buffers[0][i] = Vec::loadu(from.at(0, i));
  int current = 0;
#pragma GCC unroll 4
  for (int round = 1; round < LANE; round *= 2, current = 1 - current)
#pragma GCC unroll 8
    for (int i = 0; i < LANE / 2; ++i)
      std::tie(buffers[1 - current][2 * i], buffers[1 - current][2 * i + 1]) =
          at::vec::interleave2(buffers[current][i], buffers[current][i + LANE / 2]);
#pragma GCC unroll 16
  for (int i = 0; i < LANE; ++i) buffers[current][i].store(to + i * row);
}

// Copies N vectors of columns of b, row after row, into a panel; elements beyond `columns` are 0.
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

// The columns of c must be contiguous. Compiled for the precisions that the program uses.
extern "C" void products(const View& c, const View& a, const View& b) {
#ifdef HAS_FLOAT32
  if (c.element == sizeof(float)) return products_of<float>(c, a, b);
#endif
#ifdef HAS_FLOAT64
  if (c.element == sizeof(double)) return products_of<double>(c, a, b);
#endif
}
